"""Objects from the cache to a remote and back: trees are followed, nothing goes twice, nothing is trusted.

A push puts children before the tree that names them, so a tree that is on the remote is there with all that
is below it. A fetch verifies digest and length before an object can be seen in the cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from repro.model.content import Content, Kind, ObjectRef
from repro.model.digest import Digest
from repro.model.tree import MAX_DEPTH, BadTree, Entry, total_size
from repro.model.tree_objects import MAX_TREE_BYTES, WrongSize
from repro.store.cache import Cache, CorruptObject, MissingObject, SizeLie
from repro.store.parallel import Stop, run_all
from repro.store.remote import Remote
from repro.store.remote_errors import CorruptRemoteObject, MissingOnRemote, NotOnRemote, TooLong
from repro.store.remote_names import object_name

Root = Content | ObjectRef
Progress = Callable[[int], None]

JOBS = 8


@dataclass(frozen=True, slots=True)
class Transferred:
    """What actually travelled."""

    objects: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Reached:
    """What is reachable from the roots, as far as it has been looked at. Each object counts once."""

    blobs: dict[Digest, int] = field(default_factory=dict)
    trees: dict[Digest, int] = field(default_factory=dict)

    def take(self, roots: Iterable[Root]) -> list[Digest]:
        """Note files and trees; return the trees that are new.

        Raises:
            WrongSize, SizeLie: one object stands with two sizes.
        """
        new = []
        for root in roots:
            if isinstance(root, ObjectRef) or root.kind in (Kind.FILE, Kind.EXECUTABLE):
                if root.digest is not None and self.blobs.setdefault(root.digest, root.size) != root.size:
                    raise SizeLie(f"the object {root.digest} is declared with {root.size} bytes and with others")
            elif root.digest is not None:
                if root.digest not in self.trees:
                    new.append(root.digest)
                if self.trees.setdefault(root.digest, root.size) != root.size:
                    raise WrongSize(f"the directory {root.digest} is declared with two sizes")
        return new

    def open_tree(self, digest: Digest, entries: tuple[Entry, ...]) -> list[Digest]:
        """Note what is in a tree and compare its declared size; return the trees that are new."""
        found = total_size(entries)
        if found != self.trees[digest]:
            raise WrongSize(
                f"the directory {digest} is declared with {self.trees[digest]} bytes, and its entries add up to {found}"
            )
        return self.take(entry.content for entry in entries)


def missing_here(cache: Cache, roots: Sequence[Root]) -> tuple[Digest, ...]:
    """Return the objects that are needed and not in the cache; what a missing tree names is not known.

    Raises:
        CorruptObject, BadTree, WrongSize: a tree in the cache is not what it must be.
    """
    reached = _Reached()
    missing = []
    level = reached.take(roots)
    for _ in range(MAX_DEPTH + 1):
        following = []
        for digest in level:
            if cache.has(digest):
                following += reached.open_tree(digest, cache.read_tree(digest))
            else:
                missing.append(digest)
        level = following
    _check_depth(level)
    return tuple(missing + [digest for digest in reached.blobs if not cache.has(digest)])


def push_objects(
    cache: Cache, remote: Remote, roots: Sequence[Root], jobs: int = JOBS, progress: Progress | None = None
) -> Transferred:
    """Put what the roots need on the remote, as far as it is not there.

    Args:
        cache: where the objects are.
        remote: where they go.
        roots: contents and objects.
        jobs: transfers at a time.
        progress: told the bytes of each object sent; called by one thread at a time.

    Raises:
        MissingObject: objects are neither here nor there; nothing was sent.
        CorruptObject: an object here is damaged; it was not sent.
        RemoteError: the remote cannot be reached, or refuses. What was sent stays and counts next time.
    """
    remote.prepare()
    reached = _Reached()
    lacking, missing = _trees_to_push(cache, remote, roots, reached, jobs)
    blobs = [ObjectRef(digest, size) for digest, size in reached.blobs.items()]
    there = run_all(lambda ref, stop: remote.size(object_name(ref.digest)) == ref.size, blobs, jobs)
    todo = [ref for ref, found in zip(blobs, there, strict=True) if not found]
    missing += [ref.digest for ref in todo if not cache.has(ref.digest)]
    if missing:
        raise MissingObject(
            f"{len(missing)} objects are neither here nor on {remote.shown}: {', '.join(missing[:3])}",
            "get them from where they are: repro fetch",
        )
    told = _one_at_a_time(progress)
    sent = [_push_all(cache, remote, todo, jobs, told)]
    for batch in _children_first(lacking):
        sent.append(_push_all(cache, remote, [cache.ref_of(digest) for digest in batch], jobs, told))
    return _sum(sent)


def fetch_objects(
    cache: Cache,
    remote: Remote,
    roots: Sequence[Root],
    jobs: int = JOBS,
    progress: Progress | None = None,
    *,
    files: bool = True,
) -> Transferred:
    """Bring what the roots need into the cache, as far as it is not there; call `cache.flush()` before relying on it.

    Arguments as `push_objects`; `progress` is told the bytes of each block. With `files=False` only trees come.

    Raises:
        MissingOnRemote: objects are neither here nor there; all others were brought.
        CorruptRemoteObject: the remote has other bytes under an object's name.
        BadTree, WrongSize, SizeLie, UnsafePath: a tree is malformed, too deep, or lies about sizes.
        RemoteError: the remote cannot be reached, or refuses. What was brought stays.
    """
    fetching = _Fetching(cache, remote, jobs, _one_at_a_time(progress))
    reached = _Reached()
    level = reached.take(roots)
    for _ in range(MAX_DEPTH + 1):
        fetching.bring([(digest, None) for digest in level if not fetching.has_sound_tree(digest)])
        following = []
        for digest in level:
            if digest not in fetching.missing:
                following += reached.open_tree(digest, cache.read_tree(digest))
        level = following
    _check_depth(level)
    if files:
        fetching.bring([(digest, size) for digest, size in reached.blobs.items() if cache.size(digest) != size])
    if fetching.missing:
        raise MissingOnRemote(remote.shown, tuple(fetching.missing))
    return _sum(fetching.brought)


def _trees_to_push(
    cache: Cache, remote: Remote, roots: Sequence[Root], reached: _Reached, jobs: int
) -> tuple[dict[Digest, set[Digest]], list[Digest]]:
    """Return the trees that the remote lacks, each with the trees in it, and those that are not here either."""
    lacking: dict[Digest, set[Digest]] = {}
    missing: list[Digest] = []
    level = reached.take(roots)
    for _ in range(MAX_DEPTH + 1):
        there = run_all(lambda digest, stop: remote.size(object_name(digest)), level, jobs)
        following = []
        for digest, size in zip(level, there, strict=True):
            if size is not None and cache.size(digest) in (size, None):
                continue
            if not cache.has(digest):
                missing.append(digest)
                continue
            entries = cache.read_tree(digest)
            following += reached.open_tree(digest, entries)
            contents = (entry.content for entry in entries)
            lacking[digest] = {c.digest for c in contents if c.kind is Kind.DIRECTORY and c.digest}
        level = following
    _check_depth(level)
    return lacking, missing


def _children_first(trees: dict[Digest, set[Digest]]) -> Iterator[list[Digest]]:
    """Yield the trees in batches, each after everything that is in it. By depth would not do: a tree can stand at
    several depths."""
    from graphlib import TopologicalSorter

    sorter = TopologicalSorter(trees)
    sorter.prepare()
    while sorter.is_active():
        ready = sorter.get_ready()
        yield [digest for digest in ready if digest in trees]
        sorter.done(*ready)


def _push_all(cache: Cache, remote: Remote, refs: list[ObjectRef], jobs: int, told: Progress) -> Transferred:
    def push(ref: ObjectRef, stop: Stop) -> Transferred:
        stop.check()
        cache.verify(ref)  # what is damaged here must not become the remote's
        if not remote.put_file(object_name(ref.digest), cache.path_of(ref.digest)):
            return Transferred()
        told(ref.size)
        return Transferred(1, ref.size)

    sent = _sum(run_all(push, refs, jobs))
    if sent.objects:
        remote.flush()
    return sent


@dataclass(slots=True)
class _Fetching:
    cache: Cache
    remote: Remote
    jobs: int
    told: Progress
    missing: dict[Digest, None] = field(default_factory=dict)
    brought: list[Transferred] = field(default_factory=list)

    def has_sound_tree(self, digest: Digest) -> bool:
        """Whether the tree is here and intact; a damaged one is set aside and fetched again."""
        if not self.cache.has(digest):
            return False
        try:
            self.cache.read_tree(digest)
        except CorruptObject:
            return False
        return True

    def bring(self, wanted: list[tuple[Digest, int | None]]) -> None:
        results = run_all(self._one, wanted, self.jobs)
        for (digest, _), result in zip(wanted, results, strict=True):
            if result is None:
                self.missing[digest] = None
            else:
                self.brought.append(result)

    def _one(self, wanted: tuple[Digest, int | None], stop: Stop) -> Transferred | None:
        digest, size = wanted
        name = object_name(digest)

        def told(count: int) -> None:
            stop.check()
            self.told(count)

        def fill(descriptor: int) -> None:
            self.remote.get_to(name, descriptor, MAX_TREE_BYTES if size is None else size, told)

        stop.check()
        try:
            ref = self.cache.receive(digest, size, fill)
        except NotOnRemote:
            return None
        except SizeLie as error:
            raise SizeLie(f"{self.remote.shown}: {error.message}") from error
        except (CorruptObject, TooLong) as error:
            raise CorruptRemoteObject(
                f"{name} in {self.remote.shown} is not what its name says: {error.message}",
                "nothing was deleted there; push it again from where it is intact",
            ) from error
        return Transferred(1, ref.size)


def _check_depth(level: list[Digest]) -> None:
    if level:
        raise BadTree(f"the directory {level[0]} is nested deeper than {MAX_DEPTH} levels")


def _one_at_a_time(progress: Progress | None) -> Progress:
    if progress is None:
        return lambda count: None
    lock = threading.Lock()

    def told(count: int) -> None:
        with lock:
            progress(count)

    return told


def _sum(parts: Iterable[Transferred]) -> Transferred:
    found = list(parts)
    return Transferred(sum(part.objects for part in found), sum(part.bytes for part in found))
