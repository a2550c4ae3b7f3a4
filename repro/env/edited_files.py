"""Finds installed files that are not what their installer wrote down: edited in place, or removed.

Hashing an environment takes seconds, so what was found is remembered for each package under the sizes, times and
inodes of its files: as long as none of these changes, nothing is read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence

from repro.env.installed_files_memo import FilesMemo, RecordedFile, signature
from repro.model.dataclass import dataclass
from repro.model.environments.edited_file import EditedFile
from repro.model.finding import Finding

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Edited:
    """Files that are not as installed, sorted, and a finding of kind `environment-edited` for each package of them."""

    files: tuple[EditedFile, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __add__(self, other: Edited) -> Edited:
        """Return those of both."""
        return Edited(tuple(sorted({*self.files, *other.files})), self.findings + other.findings)


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """A package and the files that its installer wrote down; `key` names it in the memo, `hint` says what to do."""

    key: str
    name: str
    version: str
    files: Sequence[RecordedFile]
    hint: str


def find_edited(
    packages: Iterable[InstalledPackage],
    memo: FilesMemo,
    *,
    follow_symlinks: bool,
    sha256_of_expected: Callable[[str], str],
) -> Edited:
    """Return what of the packages is not as it was installed.

    Args:
        packages: are gone through once.
        memo: of the environment; it is written.
        follow_symlinks: whether what a link leads to is looked at, or the link itself, which is then no file.
        sha256_of_expected: gives 64 hex digits for a hash as the installer writes it.
    """
    files: list[EditedFile] = []
    findings = []
    for package in packages:
        seen = signature(package.files, follow_symlinks=follow_symlinks)
        edited = memo.known(package.key, seen)
        if edited is None:
            found = ((file, _sha256(file.path, follow_symlinks=follow_symlinks)) for file in package.files)
            edited = {file.name: sha for file, sha in found if sha != sha256_of_expected(file.expected)}
            memo.learn(package.key, seen, edited)
        if edited:
            files += [EditedFile(package.name, package.version, path, sha) for path, sha in edited.items()]
            findings.append(_finding(package, list(edited)))
    memo.write()
    return Edited(tuple(sorted(files)), tuple(findings))


def _sha256(path: str, *, follow_symlinks: bool) -> str | None:
    """Return the hash of a file, None where there is none that can be read."""
    try:
        if not follow_symlinks and not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def _finding(package: InstalledPackage, edited: Sequence[str]) -> Finding:
    more = f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else ""
    one = len(edited) == 1
    detail = (
        f"{package.name} {package.version} is not as it was installed: {', '.join(edited[:_SHOWN])}{more} "
        f"{'was' if one else 'were'} edited or removed, and a rebuild will have {'it' if one else 'them'} as installed"
    )
    return Finding("environment-edited", detail, hint=package.hint)
