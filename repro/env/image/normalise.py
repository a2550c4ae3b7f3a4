"""An image rewritten so that its id depends on its content alone: two builds of the same give the same image.

An engine's own builds hold times and names of containers. Of the layers that a build added, entries are sorted, times
are clamped and owners' names dropped; the configuration keeps what the OCI image specification knows, in the order in
which Go writes it (then the id survives registries and other tools too), with a fixed time of creation. The base
image's layers stay as they are: they are pinned by its id, and shared with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import tarfile
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from repro.errors import CannotProceed

# The fields of `config` in the OCI image specification (v1.0, `specs-go/v1/config.go`), in Go's order.
_CONFIG = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal")
_HISTORY = ("created_by", "author", "comment", "empty_layer")
_XATTR = "SCHILY.xattr."
_PYC_HEAD = 16  # bytes: magic, flags, mtime, size of the source; PEP 552
_BLOCK = 1 << 20


class StrangeImage(CannotProceed):
    """The engine's export of an image is not what Docker's archives are."""

    id = "strange-image"


@dataclass(frozen=True, slots=True)
class SavedImage:
    """An image as an engine exports it: an archive's file, its configuration, and the members that hold its layers.

    `config_bytes` are the configuration's own bytes, whose SHA-256 is the image's id; `diff_ids` name the layers.
    """

    archive: tarfile.TarFile
    config_bytes: bytes
    layers: tuple[str, ...]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration as plain values."""
        found: dict[str, Any] = json.loads(self.config_bytes)
        return found

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """SHA-256 of each uncompressed layer, as `sha256:…`, the lowest first."""
        return tuple(self.config["rootfs"]["diff_ids"] or ())

    def layer(self, index: int) -> Any:
        """Return a reader of a layer, uncompressed.

        Raises:
            StrangeImage: it is not there.
        """
        import gzip

        file = self.archive.extractfile(self.layers[index])
        if file is None:
            raise StrangeImage(f"the engine exported no file for the layer {self.layers[index]}")
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        return gzip.open(file) if packed else file


def read_saved(file: IO[bytes]) -> SavedImage:
    """Read what `docker save` wrote of one image; the file stays open.

    Raises:
        StrangeImage: it is something else.
    """
    try:
        archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        listed = json.loads(_member(archive, "manifest.json"))
        config = _member(archive, str(listed[0]["Config"]))
        saved = SavedImage(archive, config, tuple(str(name) for name in listed[0]["Layers"] or ()))
        if len(saved.diff_ids) != len(saved.layers):
            raise StrangeImage("the engine exported another number of layers than the image's configuration has")
    except (tarfile.TarError, ValueError, KeyError, IndexError, TypeError) as error:
        raise StrangeImage(f"the engine's export of the image cannot be read: {error}") from error
    return saved


def normalise(
    saved: SavedImage, into: IO[bytes], base: Sequence[str], base_history: int, epoch: int, *, whole: bool
) -> str:
    """Write the image anew as an archive for `docker load`, and return its id, 64 hex digits.

    Args:
        saved: the image as it was built.
        into: an empty file.
        base: the layers of the image that it was built on, the lowest first: what it begins with stays as it is.
        base_history: how many lines of its history are the base image's.
        epoch: the latest time that stays, in seconds since 1970.
        whole: write the base image's layers too; an engine that has them may not need them.

    Raises:
        StrangeImage: a layer cannot be read.
    """
    kept = 0
    while kept < min(len(base), len(saved.diff_ids)) and base[kept] == saved.diff_ids[kept]:
        kept += 1
    digests: list[str] = []
    times: dict[str, int] = {}
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for index in range(len(saved.layers)):
            if index < kept and not whole:
                digests.append(base[index].removeprefix("sha256:"))
                continue
            with tempfile.TemporaryFile() as layer:
                if index < kept:
                    _copy(saved.layer(index), layer)
                else:
                    _rewrite_layer(saved.layer(index), layer, epoch, times)
                digest = _digest(layer)
                if digest not in digests:
                    add_file(archive, f"{digest}.tar", layer)
                digests.append(digest)
        config = _go_json(_config(saved.config, digests, base_history if kept else 0, epoch))
        image = hashlib.sha256(config).hexdigest()
        add_bytes(archive, f"{image}.json", config)
        add_bytes(archive, "manifest.json", archive_manifest(image, digests))
    return image


def archive_manifest(image: str, digests: Iterable[str]) -> bytes:
    """Return the `manifest.json` of an archive whose members are called `<image>.json` and `<digest>.tar`."""
    layers = [f"{digest}.tar" for digest in digests]
    return json.dumps([{"Config": f"{image}.json", "RepoTags": None, "Layers": layers}]).encode()


def add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a member to an archive for an engine."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def add_file(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    """Add a whole open file to an archive for an engine."""
    info = tarfile.TarInfo(name)
    info.size = file.seek(0, os.SEEK_END)
    file.seek(0)
    archive.addfile(info, file)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _rewrite_layer(source: IO[bytes], target: IO[bytes], epoch: int, times: dict[str, int]) -> None:
    """Write a layer anew. `times` has the files' times of the layers written anew below it, and gets this one's."""
    with (
        tarfile.open(fileobj=source, mode="r:") as layer,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as made,
    ):
        members = sorted(layer.getmembers(), key=lambda member: (member.islnk(), member.name))
        times |= {member.name: int(member.mtime) for member in members}
        for member in members:
            content = layer.extractfile(member) if member.isreg() else None
            if content is not None and member.name.endswith(".pyc") and member.size >= _PYC_HEAD:
                content = io.BytesIO(_clamped_pyc(content.read(), times.get(_source_of(member.name)), epoch))
            member.mtime = min(int(member.mtime), epoch)
            member.uname = member.gname = ""
            member.pax_headers = {key: value for key, value in member.pax_headers.items() if key.startswith(_XATTR)}
            made.addfile(member, content)


def _source_of(pyc: str) -> str:
    """Return the name of the source that compiled code belongs to (PEP 3147)."""
    folder, name = posixpath.split(pyc)
    if posixpath.basename(folder) == "__pycache__":
        return posixpath.join(posixpath.dirname(folder), name.partition(".")[0] + ".py")
    return pyc[:-1]


def _clamped_pyc(data: bytes, source_time: int | None, epoch: int) -> bytes:
    """Return compiled code as it has to be once its source's time is clamped: else Python compiles at each import."""
    by_time = int.from_bytes(data[4:8], "little") == 0
    if not by_time or source_time is None or int.from_bytes(data[8:12], "little") != source_time & 0xFFFFFFFF:
        return data
    return data[:8] + (min(source_time, epoch) & 0xFFFFFFFF).to_bytes(4, "little") + data[12:]


def _config(built: dict[str, Any], digests: Sequence[str], base_history: int, epoch: int) -> dict[str, Any]:
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    history = []
    for index, line in enumerate(built.get("history") or ()):
        when = line.get("created", created) if index < base_history else created
        history.append({"created": when, **{key: line[key] for key in _HISTORY if line.get(key)}})
    set_up = built.get("config") or {}
    plain: dict[str, Any] = {"created": created, "architecture": built["architecture"]}
    plain |= {"variant": built["variant"]} if built.get("variant") else {}
    plain |= {"os": built["os"]}
    plain |= {"config": {key: set_up[key] for key in _CONFIG if set_up.get(key)}}
    plain |= {"rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}}
    return plain | {"history": history}


def _go_json(value: object) -> bytes:
    """Return JSON as Go's `encoding/json` writes it: these characters are escaped for HTML's sake."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "&<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    hashed = hashlib.sha256()
    while block := file.read(_BLOCK):
        hashed.update(block)
    return hashed.hexdigest()


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while block := source.read(_BLOCK):
        target.write(block)
