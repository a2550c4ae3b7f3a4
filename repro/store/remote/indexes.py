"""The indexes of a remote: each is fetched once, verified, and kept on this machine; many small ones are made one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Sequence

from repro.model.dataclass import dataclass
from repro.model.digest import Digest, digest_of, hex_of
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex
from repro.model.pattern import pattern
from repro.store.files.hashing import hash_descriptor
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import temp_file, write_all
from repro.store.packs.index_files import IndexFiles
from repro.store.packs.merge_indexes import merge_indexes
from repro.store.parallel import Stop, run_all
from repro.store.remote.names import INDEX_LIST, index_name
from repro.store.remote.remote import Remote
from repro.store.storages.errors import CorruptRemoteObject, NotOnRemote, RemoteListsNothing

MAX_INDEX = 2**33
"""The longest index in bytes that is fetched: some 140 million entries."""

_MAX_LIST = 64 * 1024 * 1024
_MANY = 16
"""How many a lookup is to ask at most."""
_NAME = pattern(r"[0-9a-f]{64}")
_ATTEMPTS = 4


def kept_folder(root: str, remote: Remote) -> str:
    """Return where the cache at `root` keeps what it knows of a remote."""
    return f"{root}/remotes/{hex_of(digest_of(remote.shown.encode('utf-8', 'surrogateescape')))}"


def listed_indexes(remote: Remote) -> list[str]:
    """Return the names (64 hex digits) of the indexes that a remote has, sorted; as `index-list` says, where it lists
    nothing.

    Raises:
        RemoteError: it cannot be reached, or refuses.
    """
    try:
        found = [entry.name.removeprefix("indexes/") for entry in remote.entries("indexes")]
    except RemoteListsNothing:
        try:
            text = remote.read(INDEX_LIST, _MAX_LIST).decode("ascii", "replace")
        except NotOnRemote:
            return []
        found = [line.removeprefix("indexes/") for line in text.splitlines()]
    return sorted({name for name in found if _NAME.fullmatch(name)})


def write_index_list(remote: Remote) -> None:
    """Bring `index-list` up to date with what the remote lists.

    Two who write it at the same time look again afterwards, so that the last one writes what is there.

    Raises:
        RemoteError: the remote cannot be reached, or refuses.
    """
    written = None
    for _ in range(_ATTEMPTS):
        data = "".join(f"indexes/{name}\n" for name in listed_indexes(remote)).encode()
        if data == written:
            return
        remote.put_bytes(INDEX_LIST, data, replace=True)
        written = data


def mend_index_list(remote: Remote) -> None:
    """Bring `index-list` up to date, if it is not: who wrote an index was killed. Errors as `write_index_list`."""
    names = [f"indexes/{name}" for name in listed_indexes(remote)]
    try:
        said = remote.read(INDEX_LIST, _MAX_LIST).decode("ascii", "replace").splitlines()
    except NotOnRemote:
        said = []
    if said != names:
        write_index_list(remote)


@dataclass(frozen=True, slots=True)
class _Merged:
    """Several indexes made one: its digest, and the names of those that are in it."""

    digest: str = ""
    names: frozenset[str] = frozenset()


class RemoteIndexes:
    """The indexes of one remote as they were when it was last listed."""

    def __init__(self, remote: Remote, folder: str, jobs: int, overlooked: Collection[str] = ()) -> None:
        """Take the remote, and the folder on this machine (`kept_folder`), which need not exist.

        Indexes of the names `overlooked` are taken for not there.
        """
        self._remote = remote
        self._folder = folder
        self._jobs = jobs
        self._overlooked = frozenset(overlooked)
        self._files = IndexFiles()

    def load(self) -> tuple[PackIndex, ...]:
        """Return all indexes, fetched as far as they are not kept here.

        Raises:
            CorruptRemoteObject: one is not what its name says.
            RemoteError: the remote cannot be reached, or refuses.
        """
        opened: tuple[PackIndex, ...] = ()
        for _ in range(_ATTEMPTS):
            names = set(listed_indexes(self._remote)) - self._overlooked
            merged = self._merged(names)
            self._forget(names - merged.names)
            plain = sorted(names - merged.names)
            opened = self._opened(plain, merged)
            if len(opened) < len(plain) + bool(merged.digest):
                continue  # a gc has put what one of them says into another since they were listed
            if len(opened) > _MANY:
                opened = (self._merge(opened, names),)
            break
        return opened

    def keep(self, digest: Digest, data: bytes) -> PackIndex:
        """Keep an index that was published just now, and return it."""
        with temp_file(f"{self._folder}/tmp") as (descriptor, path):
            write_all(descriptor, data)
            kept = self._open(path)
            self._name(descriptor, path, hex_of(digest))
        return kept or PackIndex(data)

    def _opened(self, plain: Sequence[str], merged: _Merged) -> tuple[PackIndex, ...]:
        """Open the merged index, and all others, which are fetched first; one that has gone by now is left out."""
        opened = [self._open(f"{self._folder}/merged/{merged.digest}")] if merged.digest else []
        here = {name: self._open(f"{self._folder}/indexes/{name}") for name in plain}
        missing = [name for name, index in here.items() if index is None]
        run_all(self._fetch, missing, self._jobs)
        here |= {name: self._open(f"{self._folder}/indexes/{name}") for name in missing}
        return tuple(index for index in [*opened, *here.values()] if index is not None)

    def _fetch(self, name: str, stop: Stop) -> None:
        wanted = Digest("b3:" + name)
        with temp_file(f"{self._folder}/tmp") as (descriptor, path):
            try:
                self._remote.get_to(index_name(wanted), descriptor, MAX_INDEX, lambda count: stop.check())
            except NotOnRemote:
                return  # merged into another since it was listed
            os.lseek(descriptor, 0, os.SEEK_SET)
            if hash_descriptor(descriptor).digest != wanted or self._open(path) is None:
                raise CorruptRemoteObject(
                    f"{index_name(wanted)} in {self._remote.shown} is not what its name says",
                    "nothing was deleted there; `repro fsck --repair -r REMOTE` makes indexes again from the packs",
                )
            self._name(descriptor, path, name)

    def _name(self, descriptor: int, path: str, name: str) -> None:
        os.fchmod(descriptor, 0o444)  # other users of the store read it too
        make_folder(f"{self._folder}/indexes")
        os.rename(path, f"{self._folder}/indexes/{name}")

    def _merged(self, names: set[str]) -> _Merged:
        """Return the merged index that is kept here, if all that is in it is still on the remote."""
        try:
            with open(f"{self._folder}/merged-names", encoding="ascii") as file:
                digest, *covered = file.read().split()
        except (FileNotFoundError, ValueError):
            return _Merged()
        sound = _NAME.fullmatch(digest) and names.issuperset(covered)
        if not sound or self._open(f"{self._folder}/merged/{digest}") is None:
            return _Merged()
        return _Merged(digest, frozenset(covered))

    def _merge(self, opened: Sequence[PackIndex], names: set[str]) -> PackIndex:
        with temp_file(f"{self._folder}/tmp") as (descriptor, path):
            digest = hex_of(merge_indexes(opened, descriptor, f"{self._folder}/tmp"))
            os.fchmod(descriptor, 0o444)
            make_folder(f"{self._folder}/merged")
            target = f"{self._folder}/merged/{digest}"
            os.rename(path, target)
        merged = self._open(target)
        if merged is None:
            raise BadIndex(f"{target} was changed by somebody else")
        with temp_file(f"{self._folder}/tmp") as (descriptor, path):
            write_all(descriptor, "\n".join([digest, *sorted(names)]).encode())
            os.fchmod(descriptor, 0o444)
            os.rename(path, f"{self._folder}/merged-names")
        _keep_only(f"{self._folder}/merged", {digest})
        _keep_only(f"{self._folder}/indexes", set())
        return merged

    def _open(self, path: str) -> PackIndex | None:
        """Return an index of this machine; None where there is none, or one that a power cut left half."""
        try:
            with open(path, "rb") as file:
                return self._files.open(file.fileno())
        except (FileNotFoundError, BadIndex):
            return None

    def _forget(self, wanted: set[str]) -> None:
        _keep_only(f"{self._folder}/indexes", wanted)


def _keep_only(folder: str, wanted: set[str]) -> None:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if name not in wanted:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{folder}/{name}")
