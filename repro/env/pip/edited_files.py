"""Finds installed files that are not what their distribution's `RECORD` says: edited in place, or removed.

Hashing an environment takes seconds, so what was found is remembered for each distribution under the sizes, times and
inodes of its files: as long as none of these changes, nothing is read.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from repro.env.pip.probe import InstalledDistribution
from repro.model.finding import Finding

_SHOWN = 3
_PASSED_OVER = (".pyc", ".dist-info/direct_url.json")  # where it came from is looked at by what reads it
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A line of a `RECORD`: the file's name there, its path, and the hash, `sha256=…` in base64url."""

    name: str
    path: str
    digest: str


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
        signature = _signature(files)
        edited = memo.known(distribution.info, signature)
        if edited is None:
            edited = [file.name for file in files if not _is_as_recorded(file)]
            memo.learn(distribution.info, signature, edited)
        if edited:
            findings.append(_finding(distribution, edited))
    memo.write()
    return tuple(findings)


def signature_of(distribution: InstalledDistribution) -> str:
    """Return what changes when an installed file of a distribution does: of names, hashes, sizes, times and inodes."""
    return _signature(list(_recorded(distribution)))


def _recorded(distribution: InstalledDistribution) -> Iterator[_Recorded]:
    """Yield the files that a `RECORD` has a hash of; what installers and interpreters add has none, or is no matter."""
    try:
        with open(os.path.join(distribution.info, "RECORD"), encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if len(row) >= 2 and row[1].startswith("sha256=") and not row[0].endswith(_PASSED_OVER):
                    yield _Recorded(row[0], os.path.join(distribution.location, row[0]), row[1])
    except (OSError, UnicodeDecodeError, csv.Error):
        return


def _signature(files: Sequence[_Recorded]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            seen = os.stat(file.path)
            told = f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ino}"
        except OSError:
            told = "-"
        digest.update(f"{file.name}\0{file.digest}\0{told}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _is_as_recorded(file: _Recorded) -> bool:
    try:
        with open(file.path, "rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return False
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.digest.rstrip("=")


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


class FilesMemo:
    """What was found of one environment: by `dist-info` folder, a signature and the names of edited files."""

    def __init__(self, memo_dir: str, prefix: str) -> None:
        name = hashlib.sha256(os.fsencode(prefix)).hexdigest()[:32]
        self._path = os.path.join(memo_dir, "installed-files", f"{name}.json")
        self._before: dict[str, tuple[str, list[str]]] = {}
        self._now: dict[str, tuple[str, list[str]]] = {}
        # What cannot be read is not known: it is looked at again.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            with open(self._path, encoding="utf-8") as file:
                plain = json.load(file)
            if plain["format"] == _FORMAT:
                self._before = {str(k): (str(v[0]), [str(name) for name in v[1]]) for k, v in plain["seen"].items()}

    def known(self, info: str, signature: str) -> list[str] | None:
        """Return the names of edited files, None where the files are not those that were looked at."""
        found = self._before.get(info)
        if found is None or found[0] != signature:
            return None
        self._now[info] = found
        return found[1]

    def learn(self, info: str, signature: str, edited: list[str]) -> None:
        """Remember what was found."""
        self._now[info] = (signature, edited)

    def write(self) -> None:
        """Put it on disk, if something is new. A memo that cannot be written costs time, not correctness."""
        if self._now == self._before:
            return
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(self._path), prefix="tmp-")
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT, "seen": self._now}, file)
            os.replace(temporary, self._path)
