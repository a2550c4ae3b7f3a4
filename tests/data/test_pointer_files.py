import os
from pathlib import Path

import pytest

from repro.data.open_safely import UnsafeLink
from repro.data.pointer import NotTracked, pointer_path_of, read_pointer, read_pointer_of, write_pointer
from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind
from repro.model.data.pointer import Pointer
from repro.model.digest import digest_of
from repro.model.names import RelPath

CONTENT = Content(Kind.FILE, 5, digest=digest_of(b"hello"))


def test_a_pointer_stands_beside_its_data_and_reads_back(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = RelPath(b"sub/\xff\n")
    where = write_pointer(str(tmp_path), path, Pointer(b"\xff\n", CONTENT))
    assert where == b"sub/\xff\n.repro"
    tracked = read_pointer(str(tmp_path), where)
    assert (tracked.path, tracked.pointer.content) == (path, CONTENT)
    assert read_pointer_of(str(tmp_path), path) == tracked


def test_a_pointer_that_would_not_change_is_not_touched(tmp_path: Path) -> None:
    write_pointer(str(tmp_path), RelPath(b"a"), Pointer(b"a", CONTENT))
    before = (tmp_path / "a.repro").stat()
    write_pointer(str(tmp_path), RelPath(b"a"), Pointer(b"a", CONTENT))
    assert (tmp_path / "a.repro").stat().st_ino == before.st_ino
    write_pointer(str(tmp_path), RelPath(b"a"), Pointer(b"a", Content(Kind.SYMLINK, 1, target=b"x")))
    assert (tmp_path / "a.repro").stat().st_ino != before.st_ino
    assert os.listdir(tmp_path) == ["a.repro"]


def test_no_pointer_is_said_by_name(tmp_path: Path) -> None:
    for path in (b"a", b"no/folder/a"):
        with pytest.raises(NotTracked, match="no pointer"):
            read_pointer_of(str(tmp_path), RelPath(path))


def test_a_pointer_that_is_a_link_or_a_folder_is_refused(tmp_path: Path) -> None:
    write_pointer(str(tmp_path), RelPath(b"a"), Pointer(b"a", CONTENT))
    os.symlink("a.repro", tmp_path / "b.repro")
    (tmp_path / "c.repro").mkdir()
    os.mkfifo(tmp_path / "d.repro")
    for name in ("b", "c", "d"):
        with pytest.raises(IntegrityError, match=f"{name}.repro is no regular file"):
            read_pointer_of(str(tmp_path), RelPath(name.encode()))


def test_a_pointer_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "p").mkdir()
    os.symlink("../outside", tmp_path / "p" / "link")
    with pytest.raises(UnsafeLink):
        write_pointer(str(tmp_path / "p"), RelPath(b"link/a"), Pointer(b"a", CONTENT))
    assert os.listdir(tmp_path / "outside") == []


def test_the_pointer_of_a_long_name_fits(tmp_path: Path) -> None:
    name = b"n" * 255
    where = write_pointer(str(tmp_path), RelPath(name), Pointer(name, CONTENT))
    assert where == pointer_path_of(RelPath(name))
    assert read_pointer(str(tmp_path), where).path == name
