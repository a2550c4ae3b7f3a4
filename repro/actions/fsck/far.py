"""What only a remote has: large objects as lists of chunks, the list of its indexes, what is condemned there."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from repro.errors import IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.data.tree import Entry, decode_tree
from repro.model.data.tree_objects import MAX_TREE_BYTES
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, raw_of
from repro.model.finding import Finding
from repro.model.packs.condemned import BadCondemned, parse_condemned
from repro.model.packs.store_check import SoundObjects, Trouble
from repro.model.progress import Progress
from repro.store.parallel import Stop, run_in_order
from repro.store.remote.names import INDEX_LIST
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.storages.errors import MissingOnRemote, NotOnRemote, RemoteListsNothing, RemoteRefused

_LONGEST = 256 * 1024 * 1024


@dataclass(slots=True)
class ObjectsFar:
    """The objects of a remote, as its indexes name them: an `ObjectPlace`.

    `lost` are those that indexes name only where they cannot be read.
    """

    objects: RemoteObjects
    shown: str
    lost: Collection[Digest] = ()

    def size(self, digest: Digest) -> int | None:
        """Return an object's length in bytes, None where it is not there."""
        return None if digest in self.lost else self.objects.size(digest)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """Return the entries of a tree.

        Raises:
            IntegrityError: the object is none.
        """
        return decode_tree(self.objects.read(digest, MAX_TREE_BYTES))


def check_lists(
    objects: RemoteObjects,
    lists: Sequence[tuple[Digest, int]],
    sound: SoundObjects,
    jobs: int,
    progress: Progress,
    *,
    quick: bool,
) -> Iterator[tuple[Digest, Trouble]]:
    """Look whether the chunks of large objects are there, and (not `quick`) make up the objects; yield what is wrong.

    Args:
        objects: of the remote.
        lists: digest and length of each large object.
        sound: all that is; takes the large objects that are.
        jobs: objects that are read at a time.
        progress: told what is read.
        quick: do not read the chunks.

    Raises:
        RemoteError: the remote cannot be reached.
    """
    progress.begin("fsck", 0 if quick else sum(size for _, size in lists))
    len(sound)  # sorts it: from here on, threads only look
    look = _ListCheck(objects, sound, progress, quick).look
    done: list[tuple[Digest, int]] = []
    with contextlib.closing(run_in_order(look, lists, jobs)) as results:
        for one, trouble in zip(lists, results, strict=True):
            if trouble is None:
                done.append(one)
            else:
                yield one[0], trouble
    for digest, size in done:
        sound.add(raw_of(digest), size)


@dataclass(frozen=True, slots=True)
class _ListCheck:
    objects: RemoteObjects
    sound: SoundObjects
    progress: Progress
    quick: bool

    def look(self, one: tuple[Digest, int], stop: Stop) -> Trouble | None:
        """Say what is wrong with a large object."""

        def told(count: int) -> None:
            stop.check()
            self.progress(count)

        digest, size = one
        try:
            trouble = self._chunks(digest, stop)
            if trouble is None and not self.quick:
                self.objects.verify(ObjectRef(digest, size), told)
        except MissingOnRemote as error:
            return Trouble("missing-object", f"{digest}: {error.message}", digest)
        except IntegrityError as error:
            return Trouble("corrupt-object", f"{digest} is damaged: {error.message}", digest)
        except RemoteRefused as error:
            return Trouble("unreadable-object", f"{digest} cannot be read: {error.message}", digest)
        return trouble

    def _chunks(self, digest: Digest, stop: Stop) -> Trouble | None:
        for part in self.objects.chunks(digest):
            for chunk, length in part:
                stop.check()
                if self.sound.size(chunk) == length:
                    continue
                if self.objects.has(chunk):
                    what = f"{digest}: its chunk {chunk} is damaged, or of another length"
                    return Trouble("corrupt-object", what, digest, chunk=chunk)
                return Trouble("missing-object", f"{digest}: its chunk {chunk} is not there", digest)
        return None


def condemned_in(remote: Remote) -> tuple[frozenset[str], list[Finding]]:
    """Return the names of the files that are to be deleted, and what of that cannot be understood.

    Raises:
        RemoteError: the remote cannot be reached, or refuses.
    """
    names: frozenset[str] = frozenset()
    findings = []
    try:
        entries = remote.entries("condemned")
    except RemoteListsNothing:
        return names, []
    for entry in entries:
        try:
            names |= parse_condemned(remote.read(entry.name, _LONGEST), entry.name)
        except NotOnRemote:
            continue
        except BadCondemned as error:
            findings.append(
                Finding("bad-condemned", error.message, entry.name, hint="delete it, if gc did not write it")
            )
        except IntegrityError as error:
            findings.append(Finding("bad-condemned", error.message, entry.name))
    return names, findings


def index_list_findings(remote: Remote) -> list[Finding]:
    """Say whether `index-list` names the indexes that are there; nothing where the remote lists nothing.

    Raises:
        RemoteError: the remote cannot be reached, or refuses.
    """
    try:
        there = set(remote.list("indexes"))
    except RemoteListsNothing:
        return []
    try:
        named = set(remote.read(INDEX_LIST, _LONGEST).decode("ascii", "replace").splitlines())
    except NotOnRemote:
        named = set()
    except IntegrityError as error:
        return [Finding("wrong-index-list", error.message, INDEX_LIST)]
    if named == there:
        return []
    detail = f"it names {len(named - there)} indexes that are not there, and lacks {len(there - named)} that are"
    return [Finding("wrong-index-list", detail, INDEX_LIST)]
