"""Files of an environment that are not as they were installed: what a run had, and a rebuild will not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from repro.model.dataclass import dataclass
from repro.model.environments.distribution_names import sha256_digits
from repro.model.record import Fields


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
class EditedDifference:
    """A file that two environments have differently beyond their packages; `before` and `after` are for people."""

    package: str
    path: str
    before: str
    after: str


def edited_to_plain(edited: EditedFile) -> dict[str, Any]:
    """Return it as plain values; what is absent is left out."""
    plain = {"package": edited.package, "version": edited.version, "path": edited.path}
    return plain if edited.sha256 is None else plain | {"sha256": edited.sha256}


def edited_from_fields(fields: Fields) -> EditedFile:
    """Read one.

    Raises:
        BadRecord: a field is missing, of the wrong type, or no SHA-256.
    """
    found = fields.optional_text("sha256")
    return EditedFile(
        fields.text("package"),
        fields.text("version"),
        fields.text("path"),
        None if found is None else fields.checked("sha256", sha256_digits),
    )


def compare_edited(before: Iterable[EditedFile], after: Iterable[EditedFile]) -> tuple[EditedDifference, ...]:
    """Return which files were not as installed in one of two environments, or in both and otherwise.

    The same edit of another version of a package is no difference of its own: the package is one.
    """
    was, now = _by_file(before), _by_file(after)
    files = sorted(was.keys() | now.keys())
    states = [(file, _state(file, was), _state(file, now)) for file in files]
    return tuple(EditedDifference(*file, old, new) for file, old, new in states if old != new)


def _by_file(edited: Iterable[EditedFile]) -> dict[tuple[str, str], str | None]:
    return {(file.package, file.path): file.sha256 for file in edited}


def _state(file: tuple[str, str], edited: Mapping[tuple[str, str], str | None]) -> str:
    if file not in edited:
        return "as installed"
    found = edited[file]
    return "removed" if found is None else f"edited, sha256 {found}"
