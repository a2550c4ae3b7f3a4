import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from repro.data.capture import capture
from repro.data.checkout import place
from repro.data.fresh_directory import held_directory
from repro.data.memo import new_memo, opened_memo
from repro.data.open_safely import NotADirectory, UnsafeLink
from repro.data.removal import remove
from repro.data.staging import staging_folder
from repro.data.standing import would_lose
from repro.data.unchanged import is_unchanged
from repro.model.data.content import Content, Kind
from repro.model.data.links import Way
from repro.model.digest import digest_of
from repro.model.names import RelPath, UnsafePath
from repro.store.cache.cache import Cache, CorruptObject, MissingObject
from repro.store.cache.object_links import linker_for
from repro.store.files.digest_only import DigestOnly
from tests.counting_progress import CountingProgress

DATA = RelPath(b"data")
OLD_TEMP = ".repro-tmp-0123456789abcdef"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def _file(cache: Cache, data: bytes, kind: Kind = Kind.FILE) -> Content:
    ref = cache.add_bytes(data)
    return Content(kind, ref.size, digest=ref.digest)


def test_what_is_right_is_not_touched(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "same").write_bytes(b"same")
    (tmp_path / "data" / "other").write_bytes(b"old")
    old = capture(str(tmp_path), DATA, cache).content
    before = (tmp_path / "data" / "same").stat()
    (tmp_path / "data" / "other").write_bytes(b"new")
    place(old, str(tmp_path), DATA, cache)
    after = (tmp_path / "data" / "same").stat()
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)
    assert (tmp_path / "data" / "other").read_bytes() == b"old"


@pytest.mark.parametrize("stands", [False, True])
def test_progress_is_told_of_every_byte_and_file_and_of_a_large_one_while_it_is_written(
    tmp_path: Path, cache: Cache, stands: bool
) -> None:
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "data" / "large").write_bytes(b"x" * 40_000_000)
    (tmp_path / "data" / "in" / "small").write_bytes(b"12345")
    os.symlink("in", tmp_path / "data" / "link")
    content = capture(str(tmp_path), DATA, cache).content
    remove(str(tmp_path), DATA)
    if stands:
        (tmp_path / "data").mkdir()
    counting = CountingProgress()
    place(content, str(tmp_path), DATA, cache, progress=counting)
    assert sum(counting.told) == 40_000_007
    assert counting.files == 3
    assert max(counting.told) < 10_000_000
    again = CountingProgress()
    place(content, str(tmp_path), DATA, cache, progress=again)
    assert (sum(again.told), again.files) == (40_000_007, 3)


def test_new_files_obey_the_umask_and_keep_the_executable_bit(tmp_path: Path, cache: Cache) -> None:
    script = (
        "import os, sys\nos.umask(int(sys.argv[2], 8))\n"
        "from repro.store.cache.cache import Cache\nfrom repro.data.checkout import place\n"
        "from repro.model.data.content import Content, Kind\n"
        "cache = Cache(sys.argv[1] + '/cache')\nref = cache.add_bytes(b'x')\n"
        "for kind in (Kind.FILE, Kind.EXECUTABLE):\n"
        "    place(Content(kind, 1, digest=ref.digest), sys.argv[1], sys.argv[3].encode() + kind.encode(), cache)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path), "027", "made/"], check=True)
    assert (tmp_path / "made" / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "made" / "executable").stat().st_mode & 0o777 == 0o750


def test_nothing_is_written_through_a_symlink_to_a_directory(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", tmp_path / "project" / "a")
    with pytest.raises(UnsafeLink, match="a is a symbolic link"):
        place(_file(cache, b"x"), str(tmp_path / "project"), RelPath(b"a/b"), cache)
    assert os.listdir(tmp_path / "outside") == []


def test_a_link_in_the_place_of_the_data_is_replaced_and_its_target_left_alone(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_bytes(b"precious")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(b"x")
    content = capture(str(tmp_path), RelPath(b"source"), cache).content
    os.symlink("outside", tmp_path / "data")
    assert would_lose(content, str(tmp_path), DATA, cache) == [DATA]
    place(content, str(tmp_path), DATA, cache, prune=True)
    assert not (tmp_path / "data").is_symlink()
    assert os.listdir(tmp_path / "outside") == ["precious"]


def test_a_file_where_a_directory_is_needed_on_the_way_is_named(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(NotADirectory, match="a is not a directory"):
        place(_file(cache, b"x"), str(tmp_path), RelPath(b"a/b"), cache)


@pytest.mark.parametrize("path", [b"../x", b"/tmp/x", b"a/../../x", b".repro/x", b".git/hooks/x"])
def test_no_path_leads_out(tmp_path: Path, cache: Cache, path: bytes) -> None:
    (tmp_path / "p").mkdir()
    with pytest.raises(UnsafePath):
        place(_file(cache, b"x"), str(tmp_path / "p"), RelPath(path), cache)
    with pytest.raises(UnsafePath):
        remove(str(tmp_path / "p"), RelPath(path))
    assert os.listdir(tmp_path / "p") == []


def test_a_damaged_object_is_not_written(tmp_path: Path, cache: Cache) -> None:
    content = _file(cache, b"hello")
    assert content.digest
    os.chmod(cache.path_of(content.digest), 0o644)
    Path(cache.path_of(content.digest)).write_bytes(b"hellO")
    (tmp_path / "data").write_bytes(b"what was there")
    with pytest.raises(CorruptObject, match=content.digest):
        place(content, str(tmp_path), DATA, cache)
    assert (tmp_path / "data").read_bytes() == b"what was there"
    assert sorted(os.listdir(tmp_path)) == ["cache", "data"]
    with pytest.raises(MissingObject):  # it was set aside, so that a fetch brings it again
        place(content, str(tmp_path), DATA, cache)


def test_what_only_the_work_tree_has_is_said_to_be_lost(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"recorded")
    content = capture(str(tmp_path), DATA, cache).content
    (tmp_path / "data" / "file").write_bytes(b"edited since")
    (tmp_path / "data" / "extra").write_bytes(b"new")
    (tmp_path / "data" / "copy").write_bytes(b"recorded")
    os.mkfifo(tmp_path / "data" / "fifo")
    assert would_lose(content, str(tmp_path), DATA, cache) == [b"data/file"]
    lost = would_lose(content, str(tmp_path), DATA, cache, prune=True)
    assert lost == [b"data/extra", b"data/fifo", b"data/file"]
    assert would_lose(content, str(tmp_path), RelPath(b"new/place"), cache) == []


def test_without_prune_what_is_not_wanted_stays(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").mkdir()
    content = capture(str(tmp_path), DATA, cache).content
    (tmp_path / "data" / "extra").write_bytes(b"new")
    place(content, str(tmp_path), DATA, cache)
    assert os.listdir(tmp_path / "data") == ["extra"]
    place(content, str(tmp_path), DATA, cache, prune=True)
    assert os.listdir(tmp_path / "data") == []


_PLACE_AND_DIE = """
import os, signal, sys
from repro.store.cache.cache import Cache
from repro.data.checkout import place
from repro.model.data.content import Content, Kind

made = 0


def die(event, arguments):
    global made
    if event == "open" and arguments[2] & os.O_CREAT:
        made += 1
        if made == 20:
            os.kill(os.getpid(), signal.SIGKILL)


content, cache = Content(Kind.DIRECTORY, int(sys.argv[2]), digest=sys.argv[3]), Cache(sys.argv[1] + "/cache")
sys.addaudithook(die)
place(content, sys.argv[1], b"back", cache, staging=sys.argv[4] or None)
"""


def _killed_half_way(tmp_path: Path, content: Content, staging: str = "") -> None:
    """A checkout of `back`, killed at the twentieth file that it makes."""
    command = [sys.executable, "-c", _PLACE_AND_DIE, str(tmp_path), str(content.size), str(content.digest), staging]
    assert subprocess.run(command).returncode == -signal.SIGKILL


@pytest.mark.parametrize("staging", ["", "staging"])
def test_of_a_checkout_that_was_killed_a_new_directory_is_not_there_and_what_is_left_goes(
    tmp_path: Path, cache: Cache, staging: str
) -> None:
    (tmp_path / "data").mkdir()
    for number in range(60):
        (tmp_path / "data" / str(number)).write_bytes(b"%d" % number * 20_000)
    content = capture(str(tmp_path), DATA, cache).content
    where = tmp_path / staging
    where.mkdir(exist_ok=True)
    _killed_half_way(tmp_path, content, staging and str(where))
    assert not (tmp_path / "back").exists()
    assert len(list(where.glob(".repro-tmp-*"))) == 1
    place(content, str(tmp_path), RelPath(b"back"), cache, staging=str(where) if staging else None)
    assert list(where.glob(".repro-tmp-*")) == []
    assert capture(str(tmp_path), RelPath(b"back"), DigestOnly()).content == content


def test_a_checkout_that_was_killed_leaves_whole_files_and_can_be_repeated(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").mkdir()
    for number in range(60):
        (tmp_path / "data" / str(number)).write_bytes(b"%d" % number * 20_000)
    content = capture(str(tmp_path), DATA, cache).content
    (tmp_path / "back").mkdir()  # so that its files are replaced one by one
    _killed_half_way(tmp_path, content)
    left = {name for name in os.listdir(tmp_path / "back") if not name.startswith(".repro-tmp-")}
    assert all((tmp_path / "back" / name).read_bytes() == name.encode() * 20_000 for name in left)
    (tmp_path / "back" / (".repro-tmp-" + "0" * 16)).write_bytes(b"half")  # in case the kill left none
    assert would_lose(content, str(tmp_path), RelPath(b"back"), cache, prune=True) == []
    place(content, str(tmp_path), RelPath(b"back"), cache)
    assert capture(str(tmp_path), RelPath(b"back"), DigestOnly()).content == content


def test_a_directory_that_another_checkout_is_making_is_left_alone(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    with staging_folder(str(staging)) as workshop:
        assert workshop is not None
        with held_directory(workshop, b"data") as name, staging_folder(str(staging)):
            assert os.listdir(staging) == [name.decode()]
        assert os.listdir(staging) == []
        (staging / OLD_TEMP / "inner").mkdir(parents=True)
        with staging_folder(str(staging)):
            assert os.listdir(staging) == []


def test_a_new_directory_that_cannot_be_completed_is_not_there(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (tmp_path / "data" / name).write_bytes(name.encode() * 100_000)
    content = capture(str(tmp_path), DATA, cache).content
    damaged = Path(cache.path_of(digest_of(b"sub/c" * 100_000)))
    damaged.chmod(0o644)
    damaged.write_bytes(b"x")
    before = sorted(os.listdir(tmp_path))
    for _ in range(2):
        with pytest.raises((CorruptObject, MissingObject)):
            place(content, str(tmp_path), RelPath(b"back"), cache)
        assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("umask", ["027", "177"])
def test_a_new_directory_obeys_the_umask_and_its_files_keep_the_executable_bit(
    open_path: Path, cache: Cache, umask: str
) -> None:
    script = (
        "import os, sys\nos.umask(int(sys.argv[2], 8))\n"
        "from repro.data.fresh_directory import Filling\nfrom repro.store.cache.cache import Cache\n"
        "from repro.model.data.content import Content, Kind\nfrom repro.model.progress import SILENT\n"
        "made = os.open(sys.argv[1] + '/made', os.O_RDONLY)\n"
        "content = Content(Kind.DIRECTORY, int(sys.argv[4]), digest=sys.argv[5])\n"
        "Filling(Cache(sys.argv[3]), SILENT, None, None).fill(content, made, b'made', 0)\n"
    )
    (open_path / "made").mkdir()
    (open_path / "data").mkdir()
    for name in ("plain", "run"):
        (open_path / "data" / name).write_bytes(b"x")
    (open_path / "data" / "run").chmod(0o755)
    content = capture(str(open_path), DATA, cache).content
    arguments = [str(open_path), umask, cache.root, str(content.size), str(content.digest)]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    plain, run = ((open_path / "made" / name).stat().st_mode & 0o777 for name in ("plain", "run"))
    assert (plain, run) == {"027": (0o640, 0o750), "177": (0o600, 0o700)}[umask]


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_new_directory_is_remembered_as_it_was_made(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, is_linked: bool
) -> None:
    (tmp_path / "data" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "empty").mkdir()
    for name in ("a", "\n", "sub/deep/c", "sub-"):
        (tmp_path / "data" / name).write_bytes(name.encode() * 70_000)
    os.symlink("a", tmp_path / "data" / "link")
    captured = capture(str(tmp_path), DATA, cache)
    linker = linker_for(cache, [Way.SYMLINK]) if is_linked else None
    later, back = time.time_ns() + 10_000_000_000, RelPath(b"back")
    with monkeypatch.context() as patch, new_memo(str(tmp_path), back) as writer:
        patch.setattr("repro.data.checkout.now_ns", lambda: later)
        place(captured.content, str(tmp_path), back, cache, linker=linker, remember=writer)
        assert writer.is_whole
    with opened_memo(str(tmp_path), back) as memo:
        assert memo
        assert (memo.whole, memo.files) == (captured.content, captured.files)
        assert is_unchanged(str(tmp_path), back, memo, lambda: cache.root)
    (tmp_path / "back" / "sub" / "new").write_bytes(b"")
    with opened_memo(str(tmp_path), back) as memo:
        assert memo
        assert not is_unchanged(str(tmp_path), back, memo, lambda: cache.root)


def test_of_a_directory_that_stood_there_nothing_is_remembered(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").mkdir()
    content = capture(str(tmp_path), DATA, cache).content
    with new_memo(str(tmp_path), DATA) as writer:
        place(content, str(tmp_path), DATA, cache, remember=writer)
        assert not writer.is_whole


def test_removal_follows_no_link_and_opens_closed_directories(open_path: Path) -> None:
    (open_path / "outside").mkdir()
    (open_path / "outside" / "file").write_bytes(b"")
    (open_path / "data" / "closed" / "inner").mkdir(parents=True)
    os.symlink("../../outside", open_path / "data" / "closed" / "link")
    (open_path / "data" / "closed").chmod(0)
    script = (
        "import os, sys\nfrom repro.data.removal import remove\n"
        "if os.getuid() == 0:\n    os.chown(sys.argv[1], 65534, 65534)\n"
        "    for d, ds, fs in os.walk(sys.argv[1]):\n"
        "        for n in ds + fs: os.lchown(os.path.join(d, n), 65534, 65534)\n"
        "    os.setuid(65534)\n"
        "remove(sys.argv[1], b'data')\nremove(sys.argv[1], b'data')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(open_path)], check=True)
    assert sorted(os.listdir(open_path)) == ["outside"]
    assert os.listdir(open_path / "outside") == ["file"]


def test_an_error_of_the_disk_names_the_whole_path(open_path: Path) -> None:
    script = (
        "import os, sys\nfrom repro.store.cache.cache import Cache\nfrom repro.data.checkout import place\n"
        "from repro.model.data.content import Content, Kind\ncache = Cache(sys.argv[1] + '/cache')\n"
        "if os.getuid() == 0:\n    os.setuid(65534)\n"
        "try:\n    place(Content(Kind.FILE, 5, digest=sys.argv[2]), sys.argv[1], b'closed/file', cache)\n"
        "except PermissionError as error:\n    print(error.filename, error.strerror)\n"
    )
    content = _file(Cache(str(open_path / "cache")), b"hello")
    (open_path / "closed").mkdir(mode=0o555)
    command = [sys.executable, "-c", script, str(open_path), str(content.digest)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "closed/file writing it: Permission denied\n"


def test_files_are_made_in_the_staging_folder_and_leave_nothing_there(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "file").write_bytes(b"x" * 100)
    os.symlink("file", tmp_path / "data" / "sub" / "link")
    content = capture(str(tmp_path), DATA, cache).content
    staging = tmp_path / "local" / "tmp"
    staging.mkdir(parents=True)
    for name in (OLD_TEMP, "somebody's"):
        (staging / name).write_bytes(b"")
        os.utime(staging / name, (time.time() - 90_000,) * 2)
    place(content, str(tmp_path), RelPath(b"back"), cache, staging=str(staging))
    assert capture(str(tmp_path), RelPath(b"back"), DigestOnly()).content == content
    assert os.listdir(staging) == ["somebody's"]


def test_a_staging_folder_that_a_link_leads_to_is_neither_written_nor_swept(tmp_path: Path, cache: Cache) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OLD_TEMP).write_bytes(b"")
    os.utime(elsewhere / OLD_TEMP, (time.time() - 90_000,) * 2)
    before = elsewhere.stat().st_mtime_ns
    (tmp_path / "local").symlink_to(elsewhere)
    for staging in ("local", "local/tmp"):
        place(_file(cache, b"hello"), str(tmp_path), DATA, cache, staging=str(tmp_path / staging))
        (tmp_path / "data").unlink()
    assert (os.listdir(elsewhere), elsewhere.stat().st_mtime_ns) == ([OLD_TEMP], before)


def test_staging_on_another_file_system_is_done_without(tmp_path: Path, cache: Cache) -> None:
    there = Path("/dev/shm")
    if not there.is_dir() or there.stat().st_dev == tmp_path.stat().st_dev or not os.access(there, os.W_OK):
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=there) as staging:
        place(_file(cache, b"hello"), str(tmp_path), DATA, cache, staging=staging)
        (tmp_path / "folder").mkdir()
        content = capture(str(tmp_path), RelPath(b"folder"), cache).content
        place(content, str(tmp_path), RelPath(b"back"), cache, staging=staging)
        assert os.listdir(staging) == []
    assert (tmp_path / "data").read_bytes() == b"hello"
    assert (tmp_path / "back").is_dir()


def test_of_a_directory_in_the_way_the_file_that_cannot_be_removed_is_named(open_path: Path) -> None:
    script = (
        "import os, sys\nfrom repro.store.cache.cache import Cache\nfrom repro.data.checkout import place\n"
        "from repro.model.data.content import Content, Kind\ncache = Cache(sys.argv[1] + '/cache')\n"
        "content = Content(Kind.FILE, 5, digest=cache.add_bytes(b'hello').digest)\n"
        "os.chown(sys.argv[1], 65534, 65534)\nos.setuid(65534)\n"
        "try:\n    place(content, sys.argv[1], b'data', cache)\n"
        "except PermissionError as error:\n    print(error.filename)\n"
    )
    if os.getuid() != 0:
        pytest.skip("needs a directory of somebody else")
    (open_path / "data" / "inner").mkdir(parents=True)
    (open_path / "data" / "inner" / "file").write_bytes(b"")
    done = subprocess.run([sys.executable, "-c", script, str(open_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "data/inner/file\n"
    assert sorted(os.listdir(open_path)) == ["cache", "data"]
