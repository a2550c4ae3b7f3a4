"""Directories as objects, for a check: from the store, or from a remote if one may be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from repro.actions.check.remotes import Remotes, RemoteUnknown
from repro.errors import IntegrityError, ReproError
from repro.model.data.content import Content, Kind
from repro.model.data.tree import MAX_DEPTH, Entry, decode_tree
from repro.model.data.tree_objects import MAX_TREE_BYTES
from repro.model.digest import Digest
from repro.project import Workspace

if TYPE_CHECKING:
    from repro.store.cache.cache import Cache


class TreeUnknown(ReproError):
    """A tree is nowhere to be had, so what the directory holds is not known. Never leaves a check."""


class Trees:
    """Reads trees, each once."""

    def __init__(self, workspace: Workspace, remotes: Remotes) -> None:
        self._workspace = workspace
        self._remotes = remotes
        self._cache: Cache | None = None
        self._read: dict[Digest, dict[bytes, Content]] = {}

    def entries(self, digest: Digest, *, ask_remote: bool = True) -> dict[bytes, Content]:
        """Return what a directory holds.

        Raises:
            TreeUnknown: neither the store nor the default remote has it, or the remote cannot be asked.
        """
        found = self._read.get(digest)
        if found is None:
            found = {entry.name: entry.content for entry in self._open(digest, ask_remote)}
            self._read[digest] = found
        return found

    def find(self, root: Digest, path: bytes, *, ask_remote: bool = True) -> Content | None:
        """Return what stands at a path in a directory, or None.

        Raises:
            TreeUnknown: see `entries`.
        """
        content = None
        digest: Digest | None = root
        for name in path.split(b"/"):
            if digest is None:
                return None
            content = self.entries(digest, ask_remote=ask_remote).get(name)
            digest = content.digest if content and content.kind is Kind.DIRECTORY else None
            if content is None:
                return None
        return content

    def files(self, path: bytes, content: Content, depth: int = 0) -> Iterator[tuple[bytes, Content]]:
        """Yield all files and links below a directory that stands at `path`.

        Raises:
            TreeUnknown: see `entries`.
        """
        if content.kind is not Kind.DIRECTORY or content.digest is None:
            yield path, content
            return
        if depth > MAX_DEPTH:
            raise TreeUnknown("directories are nested too deeply")
        for name, inner in self.entries(content.digest).items():
            yield from self.files(path + b"/" + name, inner, depth + 1)

    def _open(self, digest: Digest, ask_remote: bool) -> tuple[Entry, ...]:
        if self._cache is None:
            self._cache = self._workspace.cache()
        try:
            if self._cache.has(digest):
                return self._cache.read_tree(digest)
            if not ask_remote:
                raise TreeUnknown(f"the directory {digest} is not in the store")
            return decode_tree(self._remotes.default().read_object(digest, MAX_TREE_BYTES))
        except RemoteUnknown as error:
            raise TreeUnknown(f"the directory {digest} is not in the store, and {error.message}", error.hint) from None
        except IntegrityError as error:
            raise TreeUnknown(error.message, error.hint) from None
