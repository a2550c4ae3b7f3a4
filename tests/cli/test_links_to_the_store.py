"""The setting `link`, as a user meets it: what is linked, what never is, and what an edit in place leads to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from repro.model.data.links import LINK_FROM
from tests.command_line import Person

BIG = b"".join(b"%d\n" % number for number in range(LINK_FROM // 4))

COPY = """\
import pathlib
pathlib.Path("out").mkdir(exist_ok=True)
pathlib.Path("out/copy").write_bytes(pathlib.Path("data/big").read_bytes())
"""


@pytest.fixture
def linking(ann: Person) -> Person:
    """Ann in a project whose `data/` and `made/` are tracked; `made` is written by runs. Links are hard ones."""
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("repro.yaml", "link: [reflink, hardlink]\noutputs: [made]\n")
    ann.write("copy.py", COPY)
    ann.write("data/big", BIG)
    ann.write("data/small", "small")
    ann.write("made/sub/file", BIG[::-1])
    ann.repro("add", "data", "made")
    if not is_linked(ann.cwd / "data/big"):
        pytest.skip("this file system makes reflinks, so nothing else is needed")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    return ann


def is_linked(path: Path) -> bool:
    return path.is_symlink() or path.stat().st_nlink > 1


def edit_in_place(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"EDITED")


def symlinks_instead(person: Person) -> None:
    """Have the data linked otherwise, as the reference says."""
    settings = (person.cwd / "repro.yaml").read_text()
    person.write("repro.yaml", settings.replace("[reflink, hardlink]", "symlink"))
    (person.cwd / "data" / "big").unlink()
    person.repro("checkout", "data")
    assert (person.cwd / "data" / "big").is_symlink()


def test_what_is_added_is_linked_and_what_runs_write_is_not(linking: Person) -> None:
    data, made = linking.cwd / "data", linking.cwd / "made"
    assert (is_linked(data / "big"), is_linked(data / "small")) == (True, False)
    assert not is_linked(made / "sub/file")
    symlinks_instead(linking)
    (made / "sub/file").unlink()
    linking.repro("checkout")
    linking.repro("status")
    assert not is_linked(made / "sub/file")
    assert linking.repro_json("add", "data")["data"][0]["changed"] is False


def test_a_link_whose_object_is_gone_is_missing_and_is_brought_back(linking: Person, tmp_path: Path) -> None:
    linking.repro("remote", "add", "far", str(tmp_path / "far"))
    linking.repro("push")
    symlinks_instead(linking)
    big = linking.cwd / "data" / "big"
    Path(os.readlink(big)).unlink()
    assert linking.repro("status", expect=1).stdout == "missing  data\n"
    assert "error" in linking.repro_json("add", "data", expect=3)
    linking.repro("pull")
    assert big.read_bytes() == BIG
    linking.repro("status")


def test_runs_read_linked_data_and_rebuilds_and_runs_inputs_are_copies(linking: Person, tmp_path: Path) -> None:
    symlinks_instead(linking)
    linking.repro("run", "--", "python", "copy.py")
    there = tmp_path / "there"
    linking.repro("rebuild", "@last", "--into", str(there), expect=None)
    assert (there / "data" / "big").read_bytes() == (there / "out" / "copy").read_bytes() == BIG
    assert not is_linked(there / "data" / "big")
    assert (there / "data" / "big").stat().st_mode & 0o200
    (linking.cwd / "data" / "big").unlink()
    linking.repro("checkout", "--run", "@last")
    assert not is_linked(linking.cwd / "data" / "big")
    linking.repro("status")


def test_an_edit_in_place_is_told_refused_and_healed_from_a_remote(linking: Person, tmp_path: Path) -> None:
    linking.repro("remote", "add", "far", str(tmp_path / "far"))
    linking.repro("push")
    big = linking.cwd / "data" / "big"
    edit_in_place(big)
    assert "changed" in linking.repro("status", expect=1).stdout
    assert "would-lose" in linking.repro("checkout", "--json", expect=3).stdout
    assert big.read_bytes().startswith(b"EDITED")
    assert "corrupt-object" in linking.repro("checkout", "--force", "--json", expect=4).stdout
    linking.repro("pull", "--force")
    assert big.read_bytes() == BIG
    assert is_linked(big)
    linking.repro("status")


def test_an_edit_through_a_link_reaches_no_other_project(linking: Person, tmp_path: Path) -> None:
    other = linking.at(tmp_path / "ann" / "other")
    linking.git("clone", "--quiet", ".", str(other.cwd))
    edit_in_place(linking.cwd / "data" / "big")
    refused = other.repro("checkout", "--json", expect=4)
    assert "corrupt-object" in refused.stdout
    assert not (other.cwd / "data" / "big").exists()
    # Whoever has the bytes intact puts them back by adding them.
    other.write("data/big", BIG)
    other.write("data/small", "small")
    other.repro("add", "data")
    other.repro("checkout")
    assert other.repro_json("status")["data"][0]["state"] == "same"


def test_the_store_is_mended_from_a_linked_work_tree(linking: Person) -> None:
    symlinks_instead(linking)
    objects = linking.home / ".local" / "share" / "repro" / "objects"
    digest = yaml.safe_load((linking.cwd / "data.repro").read_bytes())["digest"]
    (objects / digest[3:5] / digest[5:]).unlink()
    linking.repro("fsck", expect=1)
    linking.repro("fsck", "--repair", expect=None)
    linking.repro("fsck")
