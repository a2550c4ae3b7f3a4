"""What a file in git is, for a check: the bytes that git checks out for it, by the same tree's `.gitattributes`."""

from __future__ import annotations

from repro.code import git_objects as git
from repro.code.checked_repository import CheckedRepository
from repro.code.files_in_git import FilesInGit, GitFile
from repro.code.lfs_objects import parse_lfs_pointer
from repro.code.tree_attributes import TreeAttributes
from repro.errors import ReproError
from repro.model.checks.mending import text_word
from repro.model.data.content import Content, Kind
from repro.model.dataclass import dataclass
from repro.model.digest import digest_of
from repro.model.git.line_ends import checked_out_with_crlf, with_other_line_ends


class ContentUnknown(ReproError):
    """What git checks out for a file is not known: it is kept elsewhere. Never leaves a check."""


@dataclass(frozen=True, slots=True)
class FileContents:
    """What a file in git is.

    Attributes:
        checked_out: what a fresh clone has in its work tree.
        in_blob: what git itself keeps, where that is another.
        unknown: attributes whose effect is not known; then `checked_out` is the blob.
    """

    checked_out: Content
    in_blob: Content | None = None
    unknown: tuple[str, ...] = ()


class Contents:
    """The contents of the files of one tree."""

    def __init__(self, repo: CheckedRepository, files: FilesInGit) -> None:
        self._repo = repo
        self._attributes = TreeAttributes(files, repo.read)

    def of(self, file: GitFile) -> FileContents:
        """Return what a file or symlink is.

        Raises:
            ContentUnknown: Git LFS has it, and not on this machine.
            MissingCommit: the repository does not have the blob.
        """
        data = self._repo.read(file.oid)
        if file.mode == git.MODE_SYMLINK:
            return FileContents(Content(Kind.SYMLINK, len(data), target=data))
        kind = Kind.EXECUTABLE if file.mode & 0o111 else Kind.FILE
        pointer = parse_lfs_pointer(data)
        if pointer is not None:
            return FileContents(self._of_lfs(file, data, kind))
        conversion = self._attributes.of(file.path)
        blob = Content(kind, len(data), digest_of(data))
        if not conversion.crlf:
            return FileContents(blob, unknown=conversion.unknown)
        converted = checked_out_with_crlf(data, guess=conversion.guess)
        if converted == data:
            return FileContents(blob, unknown=conversion.unknown)
        return FileContents(Content(kind, len(converted), digest_of(converted)), blob, conversion.unknown)

    def with_other_line_ends(self, file: GitFile) -> list[Content]:
        """Return what the file would be with other line endings."""
        if file.mode == git.MODE_SYMLINK:
            return []
        kind = Kind.EXECUTABLE if file.mode & 0o111 else Kind.FILE
        texts = with_other_line_ends(self._repo.read(file.oid))
        return [Content(kind, len(text), digest_of(text)) for text in texts]

    def _of_lfs(self, file: GitFile, data: bytes, kind: Kind) -> Content:
        from repro.store.files.hashing import hash_file

        pointer = parse_lfs_pointer(data)
        assert pointer is not None
        path = self._repo.file_of_lfs(pointer, file.path)
        found = hash_file(path) if path else None
        if found is None or found.size != pointer.size:
            raise ContentUnknown(
                "could not tell what it is: Git LFS has it, and not on this machine",
                f"`git lfs fetch --include={text_word(file.path.decode('utf-8', 'surrogateescape'))}` brings it",
            )
        return Content(kind, found.size, found.digest)
