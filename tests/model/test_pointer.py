import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.model.data import pointer as pointer_module
from repro.model.data.content import Content, Kind
from repro.model.data.pointer import HEAD, Pointer, parse_pointer, pointer_name, render_pointer
from repro.model.digest import digest_of
from repro.model.record import NewerFormat
from tests.data.random_trees import NAMES, TARGETS
from tests.model.test_tree import CONTENTS

D = digest_of(b"hello")
WORDS = st.sampled_from(
    [b"yes", b"null", b"on", b"1e3", b"0x1f", b"12:30", b"-", b"~", b"#a", b"a: b", b"data.csv", b"y"]
)


@given(st.one_of(NAMES, WORDS), CONTENTS, st.one_of(st.none(), st.integers(0, 10**9)))
def test_a_pointer_reads_back(name: bytes, content: Content, files: int | None) -> None:
    pointer = Pointer(name, content, files if content.kind is Kind.DIRECTORY else None)
    data = render_pointer(pointer)
    assert parse_pointer(data, pointer_name(name), "x") == pointer


@given(st.one_of(NAMES, WORDS), CONTENTS, st.one_of(st.none(), st.integers(0, 10**9)))
def test_the_short_way_of_reading_agrees_with_yaml(name: bytes, content: Content, files: int | None) -> None:
    data = render_pointer(Pointer(name, content, files))
    short = pointer_module._parse_canonical(data)
    assert short in (None, pointer_module._parse_yaml(data, "x"))


def test_the_short_way_is_taken_for_ordinary_names() -> None:
    assert pointer_module._parse_canonical(render_pointer(Pointer(b"digits.csv", Content(Kind.FILE, 5, digest=D))))


@given(NAMES, TARGETS)
def test_a_pointers_name_is_legal_and_tells_names_apart(name: bytes, other: bytes) -> None:
    assert len(pointer_name(name)) <= 255
    assert pointer_name(name).endswith(b".repro")


@pytest.mark.parametrize("length", range(236, 256))
def test_long_names_that_differ_at_their_end_have_different_pointers(length: int) -> None:
    name = "é".encode() * 130
    one, two = name[: length - 1] + b"1", name[: length - 1] + b"2"
    assert pointer_name(one) != pointer_name(two)


def test_a_long_name_is_not_cut_inside_a_character() -> None:
    for character in ("é", "€", "😀"):
        for lead in range(4):
            name = b"a" * lead + character.encode() * 63
            name = name[: 255 - (255 - lead) % len(character.encode())]
            if len(name) > 249:
                pointer_name(name).decode("utf-8")


def _text(path: str = "a", **changes: object) -> bytes:
    fields: dict[str, object] = {"repro": 1, "path": path, "kind": "file", "size": 5, "digest": D} | changes
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value is not None).encode()


BROKEN = {
    "climbing path": (_text("'..'"), "outside"),
    "slash": (_text("a/b"), "slash"),
    "absolute": (_text("/etc/passwd"), "slash"),
    "git": (_text(".git"), "git"),
    "empty path": (_text("''"), "empty"),
    "second spelling": (_text(r"\x41"), "canonical"),
    "path is a number": (_text("5"), "path is 5"),
    "path is a list": (_text("[a]"), "path"),
    "no path": (_text(path=None), "path is missing"),  # type: ignore[arg-type]
    "unknown kind": (_text(kind="device"), "kind"),
    "size is text": (_text(size="many"), "size"),
    "size is a float": (_text(size=5.0), "size"),
    "size is true": (_text(size="true"), "size"),
    "size is negative": (_text(size=-1), "size"),
    "size is enormous": (_text(size=2**63), "size"),
    "digest of another kind": (_text(digest="sha256:00"), "digest"),
    "no digest": (_text(digest=None), "digest is missing"),
    "link with a digest only": (_text(kind="symlink"), "target"),
    "link size lies": (_text(kind="symlink", target="ab"), "size"),
    "version is text": (_text(repro="one"), "repro"),
    "version zero": (_text(repro=0), "repro"),
    "duplicate key": (_text() + b"size: 6\n", "size"),
    "alias": (b"repro: &a 1\nsize: *a\n", "alias"),
    "bomb": (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "alias"),
    "tag": (_text("!!python/object:os.system a"), "tag"),
    "list": (b"- 1\n", "mapping"),
    "empty": (b"", "mapping"),
    "binary": (b"\x00\xff\xfe", "a.repro"),
    "conflict markers": (b"<<<<<<< HEAD\n" + _text() + b"=======\n" + _text() + b">>>>>>> x\n", "a.repro"),
    "huge": (HEAD.encode() + b"#" * 1024 * 1024, "larger than"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pointer_is_refused_with_its_name_and_the_reason(name: str) -> None:
    data, says = BROKEN[name]
    with pytest.raises(ReproError, match=says) as caught:
        parse_pointer(data, b"a.repro", "sub/a.repro")
    assert caught.value.exit_code == 4
    assert "sub/a.repro" in caught.value.message


def test_a_pointer_under_a_name_that_is_not_its_own_is_refused() -> None:
    with pytest.raises(ReproError, match=r"must be called 'a\.repro'") as caught:
        parse_pointer(_text(), b"b.repro", "b.repro")
    assert caught.value.exit_code == 4


def test_a_newer_pointer_is_refused_by_name() -> None:
    with pytest.raises(NewerFormat, match="format version 2"):
        parse_pointer(_text(repro=2), b"a.repro", "a.repro")


def test_what_a_later_version_added_is_kept() -> None:
    data = _text(owner="somebody", tags="[a, 1]")
    pointer = parse_pointer(data, b"a.repro", "a.repro")
    again = render_pointer(pointer)
    assert b"owner: somebody" in again
    assert parse_pointer(again, b"a.repro", "a.repro") == pointer
