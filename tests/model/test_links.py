import pytest

from repro.model.data.content import Content, Kind
from repro.model.data.links import LINK_FROM, is_linkable, object_named_by
from repro.model.digest import Digest
from repro.model.packs.pack import SMALL_LIMIT

HEX = "0123456789abcdef" * 4
DIGEST = Digest(f"b3:{HEX}")


@pytest.mark.parametrize("store", ["", "/s", "/home/ann/.local/share/repro", "/objects/ab", "/\udcff"])
def test_a_target_in_a_store_names_its_object(store: str) -> None:
    target = f"{store}/objects/{HEX[:2]}/{HEX[2:]}".encode("utf-8", "surrogateescape")
    assert object_named_by(target) == DIGEST


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/",
        "file",
        f"objects/{HEX[:2]}/{HEX[2:]}",  # relative: no link that we make
        f"../objects/{HEX[:2]}/{HEX[2:]}",
        f"/s/objects/{HEX[:2]}/{HEX[2:]}/",
        f"/s/objects/{HEX[:2]}/{HEX[2:-1]}",
        f"/s/objects/{HEX[:2]}/{HEX[2:]}0",
        f"/s/objects/{HEX[:2]}/{HEX[2:].upper()}",
        f"/s/objects/{HEX[:3]}/{HEX[3:]}",
        f"/s/quarantine/{HEX[:2]}/{HEX[2:]}",
        f"/s/objects/{HEX[:2]}/../{HEX[2:]}",
        f"/s/objects/{HEX[:2]}/{HEX[2:]}\n",
    ],
)
def test_any_other_target_names_none(target: str) -> None:
    assert object_named_by(target.encode()) is None


def test_only_large_files_that_are_not_executable_are_linked() -> None:
    assert is_linkable(Content(Kind.FILE, LINK_FROM, DIGEST))
    assert not is_linkable(Content(Kind.FILE, LINK_FROM - 1, DIGEST))
    assert not is_linkable(Content(Kind.EXECUTABLE, LINK_FROM, DIGEST))
    assert not is_linkable(Content(Kind.DIRECTORY, LINK_FROM, DIGEST))
    assert not is_linkable(Content(Kind.SYMLINK, LINK_FROM, target=b"x"))


def test_what_may_be_linked_is_never_in_a_pack() -> None:
    assert LINK_FROM == SMALL_LIMIT + 1
