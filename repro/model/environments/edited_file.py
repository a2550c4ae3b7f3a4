"""Files of an environment that are not as they were installed: what a run had, and a rebuild will not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from repro.model.canonical import canonical_digest
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, parse_digest
from repro.model.environments.distribution_names import sha256_digits
from repro.model.record import Fields

NAMED = 200
"""How many a manifest names: it is to be read in a review, and some 40 kB of these are more than anybody reads."""


@dataclass(frozen=True, slots=True, order=True)
class EditedFile:
    """An installed file that was edited or removed.

    Attributes:
        package, version: of what installed it.
        path: as the installer wrote it down.
        sha256: of what was found there, 64 hex digits; None where no file was.
    """

    package: str
    version: str
    path: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class EditedTotal:
    """How many files were edited or removed in all, and the digest of which and how: not of packages' versions."""

    files: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class EditedFiles:
    """What is known of an environment's edited files.

    Attributes:
        named: the first of them by package, path and version; all of them where `stated` is None.
        stated: what all of them are, where there are more than are named.
    """

    named: tuple[EditedFile, ...] = ()
    stated: EditedTotal | None = None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.named or self.stated)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.stated.files if self.stated else len(self.named)

    @property
    def total(self) -> EditedTotal:
        """What all of them are."""
        return self.stated or _total(self.named)


NONE_EDITED = EditedFiles()


@dataclass(frozen=True, slots=True)
class EditedDifference:
    """A file that two environments have differently beyond their packages; `before` and `after` are for people."""

    package: str
    path: str
    before: str
    after: str


def edited_files(found: Iterable[EditedFile]) -> EditedFiles:
    """Return what is recorded of these files: all, or of many the first, and what all are."""
    files = tuple(sorted(found, key=lambda file: (file.package, file.path, file.version)))
    return EditedFiles(files) if len(files) <= NAMED else EditedFiles(files[:NAMED], _total(files))


def edited_to_plain(edited: EditedFiles) -> dict[str, Any]:
    """Return `edited` and `edited_total` as they stand among a manifest's facts; what is absent is left out."""
    plain: dict[str, Any] = {"edited": [_file_to_plain(file) for file in edited.named]} if edited.named else {}
    if edited.stated:
        plain["edited_total"] = {"files": edited.stated.files, "digest": edited.stated.digest}
    return plain


def edited_from_fields(facts: Fields) -> EditedFiles:
    """Read them from a manifest's facts.

    Raises:
        BadRecord: a field is missing, of the wrong type, no SHA-256 or digest, or there are not more than are named.
    """
    named = facts.records("edited", _file_from_fields)
    total = facts.optional_fields("edited_total")
    if total is None:
        return EditedFiles(named)
    stated = EditedTotal(total.integer("files"), total.checked("digest", parse_digest))
    if stated.files <= len(named):
        raise total.bad(f"there are {stated.files} in all, and {len(named)} are named")
    return EditedFiles(named, stated)


def compare_edited(before: EditedFiles, after: EditedFiles) -> tuple[EditedDifference, ...]:
    """Return which files were not as installed in one of two environments, or in both and otherwise.

    The same edit of another version of a package is no difference of its own: the package is one. Where one of the two
    has more than are named, what comes behind its last named one is not told; see `compare_totals`.
    """
    was, now = _by_file(before), _by_file(after)
    last = [max(known, default=("", "")) for edited, known in ((before, was), (after, now)) if edited.stated]
    files = [file for file in sorted(was.keys() | now.keys()) if not last or file <= min(last)]
    states = [(file, _state(file, was), _state(file, now)) for file in files]
    return tuple(EditedDifference(*file, old, new) for file, old, new in states if old != new)


def compare_totals(before: EditedFiles, after: EditedFiles) -> tuple[EditedTotal, EditedTotal] | None:
    """Return what all are before and after, where they are not the same, and more than are named in one of the two."""
    if (before.stated is None and after.stated is None) or before.total == after.total:
        return None
    return before.total, after.total


def total_in_words(total: EditedTotal) -> str:
    """Return how many there are, and their digest, for people."""
    return f"{total.files} edited or removed, {total.digest}" if total.files else "as installed"


def _total(files: tuple[EditedFile, ...]) -> EditedTotal:
    return EditedTotal(len(files), canonical_digest([[file.package, file.path, file.sha256] for file in files]))


def _file_to_plain(edited: EditedFile) -> dict[str, Any]:
    plain = {"package": edited.package, "version": edited.version, "path": edited.path}
    return plain if edited.sha256 is None else plain | {"sha256": edited.sha256}


def _file_from_fields(fields: Fields) -> EditedFile:
    found = fields.optional_text("sha256")
    return EditedFile(
        fields.text("package"),
        fields.text("version"),
        fields.text("path"),
        None if found is None else fields.checked("sha256", sha256_digits),
    )


def _by_file(edited: EditedFiles) -> dict[tuple[str, str], str | None]:
    return {(file.package, file.path): file.sha256 for file in edited.named}


def _state(file: tuple[str, str], edited: Mapping[tuple[str, str], str | None]) -> str:
    if file not in edited:
        return "as installed"
    found = edited[file]
    return "removed" if found is None else f"edited, sha256 {found}"
