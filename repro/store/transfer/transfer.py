"""Objects from the cache to a remote and back, in one call each; see `push` and `fetch`."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.progress import SILENT, Progress
from repro.store.cache.cache import Cache
from repro.store.cache.reached import Root
from repro.store.remote.objects import JOBS
from repro.store.remote.objects import RemoteObjects as RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.transfer.fetch import Fetch as Fetch
from repro.store.transfer.push import Push as Push
from repro.store.transfer.transferred import Transferred as Transferred


def push_objects(
    cache: Cache, remote: Remote, roots: Sequence[Root], jobs: int = JOBS, progress: Progress = SILENT
) -> Transferred:
    """Put what the roots need on the remote, as far as it is not there, to stay; arguments and errors as `Push`."""
    with Push(cache, remote, jobs, progress) as push:
        sent = push.send(roots)
        push.flush()
    return sent


def fetch_objects(
    cache: Cache,
    remote: Remote,
    roots: Sequence[Root],
    jobs: int = JOBS,
    progress: Progress = SILENT,
    *,
    files: bool = True,
) -> Transferred:
    """Bring what the roots need into the cache, as far as it is not there; arguments and errors as `Fetch.bring`."""
    return Fetch(cache, RemoteObjects(remote, cache.root, jobs), jobs, progress).bring(roots, files=files)
