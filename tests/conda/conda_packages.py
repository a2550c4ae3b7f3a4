"""Writes conda packages and a channel's index, by hand and the same bytes each time: no conda tool is needed."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

PLACEHOLDER = "/opt/conda_build_placehold" + "_placehold" * 20
"""What stands in a package for the path that it is installed at; shorter than 255 bytes, as in real ones."""

Contents = Mapping[str, "bytes | str | Path | Link"]
"""By path: bytes, a text, a file to take (its mode counts), or a symbolic link."""


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class Package:
    """What a package is besides its files."""

    name: str
    version: str
    subdir: str
    build: str = "0"
    depends: Sequence[str] = ()
    noarch: str | None = None
    entry_points: Sequence[str] = ()
    bz2: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}-{self.build}{'.tar.bz2' if self.bz2 else '.conda'}"

    def index(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": 0,
            "depends": list(self.depends),
            "constrains": [],
            "subdir": self.subdir,
            "timestamp": 1700000000000,
            "license": "PSF-2.0",
            **self.more,
        }
        if self.noarch:
            plain |= {"noarch": self.noarch}
        return plain


def add_package(channel: Path, package: Package, contents: Contents) -> Path:
    """Write one package into a channel's folder, without the index."""
    files: list[tuple[str, bytes, int, str | None]] = []
    paths: list[dict[str, Any]] = []
    for name, what in sorted(contents.items()):
        if isinstance(what, Link):
            files.append((name, b"", 0o777, what.target))
            paths.append({"_path": name, "path_type": "softlink", "sha256": hashlib.sha256().hexdigest()})
            paths[-1]["size_in_bytes"] = 0
            continue
        data = what.read_bytes() if isinstance(what, Path) else what.encode() if isinstance(what, str) else what
        executable = name.startswith("bin/") or (isinstance(what, Path) and os.access(what, os.X_OK))
        files.append((name, data, 0o755 if executable else 0o644, None))
        entry = {"_path": name, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest()}
        paths.append(entry | {"size_in_bytes": len(data)})
        if PLACEHOLDER.encode() in data:
            paths[-1] |= {"file_mode": "binary" if b"\0" in data else "text", "prefix_placeholder": PLACEHOLDER}
    info = _info(package, paths)
    out = channel / package.subdir / package.file_name
    out.parent.mkdir(parents=True, exist_ok=True)
    if package.bz2:
        out.write_bytes(bz2.compress(_tar(info + files), 1))
        return out
    stem = package.file_name.removesuffix(".conda")
    compressor = zstandard.ZstdCompressor(level=1)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("metadata.json", b'{"conda_pkg_format_version": 2}'),
            (f"pkg-{stem}.tar.zst", compressor.compress(_tar(files))),
            (f"info-{stem}.tar.zst", compressor.compress(_tar(info))),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return out


def index_channel(channel: Path, packages: Sequence[Package], without_hash: Sequence[str] = ()) -> None:
    """Write `repodata.json` of every subdirectory, for those of `packages` whose files are there.

    Args:
        channel: the folder.
        packages: what the index says of them is what the packages say of themselves.
        without_hash: names of packages that are listed without any hash.
    """
    for subdir in {package.subdir for package in packages} | {"noarch"}:
        listed: dict[str, dict[str, Any]] = {"packages": {}, "packages.conda": {}}
        for package in packages:
            path = channel / package.subdir / package.file_name
            if package.subdir != subdir or not path.exists():
                continue
            record = package.index()
            data = path.read_bytes()
            if package.name not in without_hash:
                record |= {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest()}
            record["size"] = len(data)
            listed["packages" if package.bz2 else "packages.conda"][package.file_name] = record
        (channel / subdir).mkdir(parents=True, exist_ok=True)
        repodata = {"info": {"subdir": subdir}, "repodata_version": 1, **listed}
        (channel / subdir / "repodata.json").write_text(json.dumps(repodata))


def _info(package: Package, paths: Sequence[Mapping[str, Any]]) -> list[tuple[str, bytes, int, str | None]]:
    plain: dict[str, Any] = {
        "info/index.json": package.index(),
        "info/paths.json": {"paths": list(paths), "paths_version": 1},
        "info/about.json": {"summary": package.name},
    }
    if package.noarch == "python":
        noarch = {"type": "python", "entry_points": list(package.entry_points)}
        plain["info/link.json"] = {"package_metadata_version": 1, "noarch": noarch}
    files = [(name, json.dumps(value, sort_keys=True).encode(), 0o644, None) for name, value in plain.items()]
    names = "".join(f"{path['_path']}\n" for path in paths)
    return [*files, ("info/files", names.encode(), 0o644, None)]


def _tar(entries: Sequence[tuple[str, bytes, int, str | None]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data, mode, target in sorted(entries):
            info = tarfile.TarInfo(name)
            info.mode = mode
            if target is not None:
                info.type, info.linkname = tarfile.SYMTYPE, target
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
