"""What Python's distributions have written down of their files: `RECORD`, by which edited ones are found."""

from __future__ import annotations

import base64
import binascii
import csv
import os
from collections.abc import Iterator, Sequence

from repro.env.edited_files import Edited, InstalledPackage, find_edited
from repro.env.installed_files_memo import FilesMemo, RecordedFile, signature
from repro.env.pip.probe import InstalledDistribution

_HEX_DIGITS = 64  # base64url of a SHA-256 has 43 characters
_PASSED_OVER = (".pyc", ".dist-info/direct_url.json")  # where it came from is looked at by what reads it


def edited_distributions(distributions: Sequence[InstalledDistribution], prefix: str, memo_dir: str) -> Edited:
    """Return what of the distributions is not as installed, by the hashes in each one's `RECORD`.

    Args:
        distributions: as probed; those without a `RECORD` (a system's own) are passed over.
        prefix: of the environment; what lies outside (a system's packages) is passed over.
        memo_dir: where what was found is remembered; made when needed.
    """
    own = (one for one in distributions if one.info.startswith(prefix + os.sep) and one.in_site)
    packages = (InstalledPackage(one.info, one.name, one.version, list(_recorded(one)), _hint(one)) for one in own)
    memo = FilesMemo(memo_dir, prefix)
    return find_edited(packages, memo, follow_symlinks=True, sha256_of_expected=_sha256_of_record)


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


def _sha256_of_record(written: str) -> str:
    """Return the digits of `sha256=` and unpadded base64url; of what is none, nothing, which no file has.

    Debian's packages that were made by flit have the hexadecimal digits there.
    """
    text = written.removeprefix("sha256=").rstrip("=")
    if len(text) == _HEX_DIGITS:
        return text.lower()
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()
    except (binascii.Error, ValueError):
        return ""


def _hint(one: InstalledDistribution) -> str:
    if not one.installer:  # pip, uv and their like say that it was they; Debian and others change what they ship
        return "it is the system's package: in a virtual environment it is as the index has it"
    return (
        f"`uv pip install --reinstall {one.name}=={one.version}` takes the edit back; to keep it, "
        "install the package from a folder of the project"
    )
