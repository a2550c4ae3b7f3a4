"""Content back into the work tree, entry by entry: what is right is not touched, what is new appears whole.

Everything happens relative to open directories and follows no link, so that no record can write outside the
project. Killed half way, each file is the old or the new one, each directory that is new is there whole or not at all,
and the same call finishes the work.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Container, Iterator

from repro.data.fresh_directory import Filling, held_directory
from repro.data.hints import Hints
from repro.data.hollow import make_hollow
from repro.data.memo import Memo, MemoWriter
from repro.data.memo_records import NO_DIGEST, encode_part
from repro.data.open_safely import link_target, mode_of, names_in, naming, open_directory, parent_of
from repro.data.removal import remove_entry
from repro.data.rows import FOLDER, RACY_NS, now_ns, pack_rows
from repro.data.staging import staging_folder, sweep
from repro.data.standing import TEMP, file_holds, read_directory, ref_of
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.links import Linker, is_linkable
from repro.model.data.tree import Entry
from repro.model.data.tree_objects import TreeSource
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.names import RelPath, check_path
from repro.model.progress import SILENT, Progress


def place(
    content: Content,
    root: str,
    path: RelPath,
    source: TreeSource,
    prune: bool = False,
    progress: Progress = SILENT,
    staging: str | None = None,
    linker: Linker | None = None,
    remember: MemoWriter | None = None,
    memo: Memo | None = None,
    only: Container[Digest] | None = None,
) -> None:
    """Bring the work tree's `path` to `content`. What would be lost is the caller's question to `would_lose`.

    Args:
        content: what is wanted.
        root: the project's root.
        path: relative to it.
        source: where the objects are.
        prune: remove names from directories that are not wanted there.
        progress: told of every file that was dealt with.
        staging: a folder of the project for files in the making (see `repro.data.staging`); None is beside
            their place.
        linker: makes large files links to their objects; None where somebody may write into them: they are copies.
        remember: takes what is to be remembered of `path`, if that is a directory and did not stand there before:
            then it is finished afterwards.
        memo: what is remembered of `path`: what has not changed since is not read. It is read itself.
        only: the files whose content is placed; the others become hollow (see `repro.data.hollow`), and need not be in
            `source`. None is all.

    Raises:
        UnsafePath: `path` is not one.
        UnsafeLink, NotADirectory: a directory on the way to `path` is a link or a file.
        MissingObject, CorruptObject: from `source`; the file in question is not written.
        BadTree, WrongSize: a tree is malformed, too deep, or lies about sizes.
        OSError: with the path: the disk is full, or permission is denied.
    """
    check_path(path)
    wanted = Entry(path.rsplit(b"/", 1)[-1], content)
    with staging_folder(staging) as workshop, parent_of(root, path, create=True) as parent:
        placing = _Placing(source, prune, progress, workshop, linker, only)
        if workshop is None:
            sweep(parent)
        if content.kind is Kind.DIRECTORY and mode_of(wanted.name, parent, path) is None:
            placing.fresh(wanted, parent, path, 0, remember)
        elif content.kind is Kind.DIRECTORY:
            placing.directory(wanted, parent, path, 0, Hints(memo).enter(wanted.name))
        else:
            placing.leaf(wanted, parent, path)


def make_directory(root: str, path: RelPath) -> None:
    """Make a directory of the work tree, and those above it, where they do not stand.

    Raises:
        UnsafePath, UnsafeLink, NotADirectory: `path` is not safe to go.
        OSError: with the path.
    """
    check_path(path)
    with parent_of(root, RelPath(path + b"/."), create=True):
        return


@dataclass(slots=True)
class _Placing:
    source: TreeSource
    prune: bool
    progress: Progress
    workshop: int | None
    linker: Linker | None
    only: Container[Digest] | None = None
    told: int = 0
    """Bytes of the file in the making that progress knows of."""

    def leaf(self, wanted: Entry, parent: int, shown: bytes) -> None:
        try:
            self._leaf(wanted, parent, shown)
        except OSError as error:
            if error.errno != errno.EXDEV or self.workshop is None:
                raise
            self.workshop = None  # the data is on another file system, or mounted: write beside it
            self._leaf(wanted, parent, shown)
        self.progress.advance(wanted.content.size - self.told, 1)
        self.told = 0

    def _leaf(self, wanted: Entry, parent: int, shown: bytes) -> None:
        if wanted.content.target is not None:
            self._link(wanted.name, wanted.content.target, parent, shown)
        else:
            self._file(wanted, parent, shown)

    def directory(self, wanted: Entry, parent: int, shown: bytes, depth: int, hints: Hints) -> None:
        entries = read_directory(wanted.content, self.source, shown, depth)  # before anything is touched
        mode = mode_of(wanted.name, parent, shown)
        if mode is not None and not stat.S_ISDIR(mode):
            remove_entry(wanted.name, parent, shown)
            mode = None
        if mode is None:
            self.fresh(wanted, parent, shown, depth)
            return
        descriptor = open_directory(wanted.name, parent, shown)
        try:
            self._sweep(descriptor, {entry.name for entry in entries}, shown)
            for entry in entries:
                if entry.content.kind is Kind.DIRECTORY:
                    continue
                if _is_known(entry, descriptor, hints):
                    self.progress.advance(entry.content.size, 1)
                else:
                    self.leaf(entry, descriptor, shown + b"/" + entry.name)
            for entry in entries:
                # One Python frame per level: trees may be 512 levels deep, the stack is not much more.
                if entry.content.kind is Kind.DIRECTORY:
                    inner = shown + b"/" + entry.name
                    self.directory(entry, descriptor, inner, depth + 1, hints.enter(entry.name))
            hints.leave()
        finally:
            os.close(descriptor)

    def fresh(self, wanted: Entry, parent: int, shown: bytes, depth: int, remember: MemoWriter | None = None) -> None:
        """Make a directory where nothing stands."""
        try:
            self._fresh(wanted, parent, shown, depth, remember)
        except OSError as error:
            if error.errno != errno.EXDEV or self.workshop is None:
                raise
            self.workshop = None  # as in `leaf`
            if remember is not None:
                remember.start()
            self._fresh(wanted, parent, shown, depth, remember)

    def _fresh(self, wanted: Entry, parent: int, shown: bytes, depth: int, remember: MemoWriter | None) -> None:
        workshop = parent if self.workshop is None else self.workshop
        if os.fstat(workshop).st_dev != os.fstat(parent).st_dev:
            workshop = parent
        filling = Filling(self.source, self.progress, self.linker, remember, self.only)
        if remember is not None:
            remember.add(encode_part(wanted.name, pack_rows([FOLDER]), NO_DIGEST, is_last=True))
        with held_directory(workshop, shown) as temp:
            descriptor = open_directory(temp, workshop, shown)
            try:
                filling.fill(wanted.content, descriptor, shown, depth)
            finally:
                os.close(descriptor)
            published_ns = now_ns()
            with naming(shown, "moving it into place"):
                os.rename(temp, wanted.name, src_dir_fd=workshop, dst_dir_fd=parent)
        if remember is not None:
            remember.finish(wanted.content, filling.files, published_ns - RACY_NS)

    def _sweep(self, descriptor: int, wanted: set[bytes], shown: bytes) -> None:
        for name in names_in(descriptor, shown):
            if name not in wanted and (self.prune or TEMP.fullmatch(name)):
                remove_entry(name, descriptor, shown + b"/" + name)

    def _link(self, name: bytes, target: bytes, parent: int, shown: bytes) -> None:
        if link_target(name, parent) == target:
            return
        with naming(shown, "making the link"), self._replacing(name, parent, shown) as (temp, workshop):
            os.symlink(target, temp, dir_fd=workshop)

    def _file(self, wanted: Entry, parent: int, shown: bytes) -> None:
        executable = wanted.content.kind is Kind.EXECUTABLE
        ref = ref_of(wanted.content)
        if _is_there(wanted, ref, parent, self.source):
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with naming(shown, "writing it"), self._replacing(wanted.name, parent, shown) as (temp, workshop):
            if self.only is not None and ref.digest not in self.only:
                make_hollow(temp, workshop, ref.size, executable, shown)
                return
            if self.linker and is_linkable(wanted.content) and self.linker.link(ref, temp, workshop):
                return
            # The kernel takes the umask off the mode.
            descriptor = os.open(temp, flags, 0o777 if executable else 0o666, dir_fd=workshop)
            try:
                self.source.copy_to(ref, descriptor, self._tell)
                _set_executable(descriptor, executable)
            finally:
                os.close(descriptor)

    def _tell(self, size: int) -> None:
        """Tell of a large file while it is written."""
        self.told += size
        self.progress.advance(size)

    @contextlib.contextmanager
    def _replacing(self, name: bytes, parent: int, shown: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield a temporary name and the directory for it; what is made there takes the place of `name`, or goes."""
        temp = f".repro-tmp-{os.urandom(8).hex()}".encode()
        workshop = parent if self.workshop is None else self.workshop
        try:
            yield temp, workshop
            mode = mode_of(name, parent, shown)
            if mode is not None and stat.S_ISDIR(mode):
                remove_entry(name, parent, shown)
            os.rename(temp, name, src_dir_fd=workshop, dst_dir_fd=parent)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temp, dir_fd=workshop)
            raise


def _is_known(wanted: Entry, folder: int, hints: Hints) -> bool:
    try:
        return hints.hold(wanted.name, wanted.content, folder)
    except FileNotFoundError:
        return False


def _is_there(wanted: Entry, ref: ObjectRef, parent: int, source: TreeSource) -> bool:
    """Whether the file stands there already, bit for bit and with its executable bit."""
    try:
        found = os.stat(wanted.name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    executable = wanted.content.kind is Kind.EXECUTABLE
    if stat.S_ISLNK(found.st_mode) and not executable:
        return source.is_linked_by(link_target(wanted.name, parent) or b"", ref)
    if not stat.S_ISREG(found.st_mode) or bool(found.st_mode & 0o100) != executable or found.st_size != ref.size:
        return False
    return file_holds(wanted, parent, source)


def _set_executable(descriptor: int, executable: bool) -> None:
    """A umask that takes the owner's own bit must not change what is recorded."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if executable and not mode & 0o100:
        os.fchmod(descriptor, mode | 0o100)
