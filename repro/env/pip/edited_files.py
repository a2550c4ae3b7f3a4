"""Finds installed files that are not what their distribution's `RECORD` says: edited in place, or removed.

Hashing an environment takes seconds, so what was found is remembered for each distribution under the sizes, times and
inodes of its files: as long as none of these changes, nothing is read.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from collections.abc import Iterator, Sequence

from repro.env.installed_files_memo import FilesMemo, RecordedFile, signature
from repro.env.pip.probe import InstalledDistribution
from repro.model.finding import Finding

_SHOWN = 3
_PASSED_OVER = (".pyc", ".dist-info/direct_url.json")  # where it came from is looked at by what reads it


def edited_findings(distributions: Sequence[InstalledDistribution], prefix: str, memo_dir: str) -> tuple[Finding, ...]:
    """Return a finding of kind `environment-edited` for each distribution of which a file is not as installed.

    Args:
        distributions: as probed; those without a `RECORD` (a system's own) are passed over.
        prefix: of the environment; what lies outside (a system's packages) is passed over.
        memo_dir: where what was found is remembered; made when needed.
    """
    memo = FilesMemo(memo_dir, prefix)
    findings = []
    for distribution in distributions:
        if not distribution.info.startswith(prefix + os.sep) or not distribution.in_site:
            continue
        files = list(_recorded(distribution))
        seen = signature(files, follow_symlinks=True)
        edited = memo.known(distribution.info, seen)
        if edited is None:
            edited = [file.name for file in files if not _is_as_recorded(file)]
            memo.learn(distribution.info, seen, edited)
        if edited:
            findings.append(_finding(distribution, edited))
    memo.write()
    return tuple(findings)


def signature_of(distribution: InstalledDistribution) -> str:
    """Return what changes when an installed file of a distribution does: of names, hashes, sizes, times and inodes."""
    return signature(list(_recorded(distribution)), follow_symlinks=True)


def _recorded(distribution: InstalledDistribution) -> Iterator[RecordedFile]:
    """Yield the files that a `RECORD` has a hash of; what installers and interpreters add has none, or is no matter."""
    try:
        with open(os.path.join(distribution.info, "RECORD"), encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if len(row) >= 2 and row[1].startswith("sha256=") and not row[0].endswith(_PASSED_OVER):
                    yield RecordedFile(row[0], os.path.join(distribution.location, row[0]), row[1])
    except (OSError, UnicodeDecodeError, csv.Error):
        return


def _is_as_recorded(file: RecordedFile) -> bool:
    try:
        with open(file.path, "rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return False
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.expected.rstrip("=")


def _finding(distribution: InstalledDistribution, edited: Sequence[str]) -> Finding:
    more = f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else ""
    one = len(edited) == 1
    detail = (
        f"{distribution.name} {distribution.version} is not as it was installed: {', '.join(edited[:_SHOWN])}{more} "
        f"{'was' if one else 'were'} edited or removed, and a rebuild will have {'it' if one else 'them'} as installed"
    )
    hint = (
        f"`uv pip install --reinstall {distribution.name}=={distribution.version}` takes the edit back; to keep it, "
        "install the package from a folder of the project"
    )
    return Finding("environment-edited", detail, hint=hint)
