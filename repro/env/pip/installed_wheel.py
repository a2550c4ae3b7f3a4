"""A wheel made from what is installed: of a commit, or of a source distribution, that nobody needs to build again.

The format is PyPA's binary distribution format 1.0; what an installer adds to it (`INSTALLER`, `REQUESTED`, scripts of
entry points, bytecode) is left out. `direct_url.json` stays: it says where the distribution came from, and an
installer that takes the wheel from a folder of wheels leaves it as it is. The same files give the same bytes.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterator

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

_MADE_BY_INSTALLERS = frozenset(("INSTALLER", "REQUESTED", "RECORD", "RECORD.jws", "uv_cache.json", "uv_build.json"))
_BLOCK = 1 << 20
_TIME = (1980, 1, 1, 0, 0, 0)
_TAG = pattern(r"^Tag: *(\S+) *$", re.MULTILINE)
_TAG_PARTS = pattern(r"[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+")
# An interpreter's path, or, where that is too long or relative, a line of shell that is also a Python string.
_SHEBANG = pattern(rb"\A#![^\n]*(?:python|pypy)[^\n]*\n|\A#!/bin/sh\n'''exec' [^\n]*\n' '''\n")
_BUILD = pattern(r"^Build: *([0-9][A-Za-z0-9_.]*) *$", re.MULTILINE)


class NotAWheel(Exception):
    """What is installed does not say how it would be a wheel."""


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file of a distribution: its name in the wheel, and where it is."""

    name: str
    path: str


def wheel_name(info: str) -> str:
    """Return the file name of the wheel of a distribution, as its `dist-info` folder tells.

    Raises:
        NotAWheel: there is no `WHEEL` file, or no tag in it.
    """
    try:
        with open(os.path.join(info, "WHEEL"), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise NotAWheel("it has no WHEEL file") from error
    tags = [tag.split("-") for tag in _TAG.findall(text) if _TAG_PARTS.fullmatch(tag)]
    if not tags:
        raise NotAWheel("its WHEEL file has no tag")
    compressed = "-".join(".".join(dict.fromkeys(tag[part] for tag in tags)) for part in range(3))
    build = _BUILD.search(text)
    stem = os.path.basename(info).removesuffix(".dist-info")
    return f"{stem}{'-' + build.group(1) if build else ''}-{compressed}.whl"


def write_wheel(info: str, prefix: str, path: str) -> None:
    """Write the wheel of an installed distribution.

    Args:
        info: its `dist-info` folder.
        prefix: of the environment that it is installed in.
        path: where to; it is complete, or an exception leaves it behind.

    Raises:
        NotAWheel: there is no `RECORD`, or a file that it names is missing or lies outside the environment.
    """
    data_folder = os.path.basename(info).removesuffix(".dist-info") + ".data"
    files = sorted(_files(info, prefix), key=lambda file: (".dist-info/" in file.name, file.name))
    rows = io.StringIO()
    record = csv.writer(rows, lineterminator="\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in files:
            try:
                digest, size = _add_file(archive, file, is_script=f"{data_folder}/scripts/" in file.name)
            except OSError as error:
                raise NotAWheel(f"{file.path} cannot be read") from error
            record.writerow((file.name, f"sha256={digest}", size))
        name = f"{os.path.basename(info)}/RECORD"
        record.writerow((name, "", ""))
        archive.writestr(_member(name, executable=False), rows.getvalue().encode())


def _with_neutral_shebang(script: bytes) -> bytes:
    """Return a script as a wheel has it: installers write the interpreter's path in place of `#!python`."""
    return _SHEBANG.sub(b"#!python\n", script, count=1)


def _add_file(archive: zipfile.ZipFile, file: InstalledFile, *, is_script: bool) -> tuple[str, int]:
    """Add a file, block by block, and return its hash as a `RECORD` has it, and its length."""
    digest, size = hashlib.sha256(), 0
    member = _member(file.name, executable=os.access(file.path, os.X_OK))
    with open(file.path, "rb") as opened, archive.open(member, "w", force_zip64=True) as into:
        while block := opened.read(_BLOCK):
            if is_script and not size:
                block = _with_neutral_shebang(block)
            digest.update(block)
            size += len(block)
            into.write(block)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode(), size


def _member(name: str, *, executable: bool) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _TIME)
    member.external_attr = (0o100755 if executable else 0o100644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _files(info: str, prefix: str) -> Iterator[InstalledFile]:
    """Yield what the installed `RECORD` names, under the names that a wheel has for them."""
    site = os.path.dirname(info)
    scripts = _entry_points(info)
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8", newline="") as file:
            names = [row[0] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NotAWheel("it has no RECORD that can be read") from error
    data = os.path.basename(info).removesuffix(".dist-info") + ".data"
    for name in names:
        path = os.path.normpath(os.path.join(site, name))
        relative = os.path.relpath(path, site)
        parts = relative.split(os.sep)
        if "__pycache__" in parts or (parts[0] == os.path.basename(info) and parts[-1] in _MADE_BY_INSTALLERS):
            continue
        if parts[0] != "..":
            yield InstalledFile("/".join(parts), path)
            continue
        inside = os.path.relpath(path, prefix).split(os.sep)
        if inside[0] == "..":
            raise NotAWheel(f"it has a file outside the environment, {path}")
        if inside[0] == "bin":
            if inside[-1] not in scripts:
                yield InstalledFile(f"{data}/scripts/{'/'.join(inside[1:])}", path)
        else:
            yield InstalledFile(f"{data}/data/{'/'.join(inside)}", path)


def _entry_points(info: str) -> set[str]:
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of scripts have case
    try:
        parser.read(os.path.join(info, "entry_points.txt"), encoding="utf-8")
    except configparser.Error:
        return set()
    groups = ("console_scripts", "gui_scripts")
    return {name for group in groups if parser.has_section(group) for name in parser.options(group)}
