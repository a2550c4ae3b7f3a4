"""An image rewritten so that its id depends on its content alone: two builds of the same give the same image.

An engine's own builds hold times and names of containers. Of the layers that a build added, entries are sorted, times
are clamped, owners' names dropped and what is gone written in one way; the configuration keeps what the OCI image
specification knows, in the order in which Go writes it (then the id survives registries and other tools too), with a
fixed time of creation. The base image's layers stay as they are: they are pinned by its id, and shared with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import posixpath
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

from repro.env.image.layer_entries import Below, needs_below, plain_members
from repro.env.image.loadable import ImageArchive, packing_of
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass

# The fields of `config` in the OCI image specification (v1.0, `specs-go/v1/config.go`), in Go's order.
_CONFIG = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal")
_HISTORY = ("created_by", "author", "comment", "empty_layer")
_NO_TIME = "0001-01-01T00:00:00Z"  # Go's, where a line has none: Docker's own store writes it, containerd's does not
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
        """Return a reader of a layer, uncompressed, which is read from the beginning to the end.

        Raises:
            StrangeImage: it is not there.
        """
        file = self.packed_layer(index)
        packing = packing_of(file.read(4))
        file.seek(0)
        if packing == "+zstd":
            import zstandard

            return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        if packing:
            import gzip

            return gzip.open(file)
        return file

    @contextlib.contextmanager
    def tar_of_layer(self, index: int) -> Iterator[tarfile.TarFile]:
        """Give a layer's entries in any order: a packed one is unpacked into a file, for it could only be read on.

        Raises:
            StrangeImage: it is not there.
        """
        source = self.layer(index)
        with contextlib.ExitStack() as stack:
            if isinstance(source, tarfile.ExFileObject):
                file: Any = source
            else:
                file = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(source, file, _BLOCK)
                file.seek(0)
            yield stack.enter_context(tarfile.open(fileobj=file, mode="r:"))

    def packed_layer(self, index: int) -> IO[bytes]:
        """Return a reader of a layer as the engine keeps it.

        Raises:
            StrangeImage: it is not there: engines with containerd's store can lack parts of what they have unpacked.
        """
        return _member(self.archive, self.layers[index])


def read_saved(file: IO[bytes], image: str | None = None) -> SavedImage:
    """Read what `docker save` wrote of one image; the file stays open.

    Args:
        file: the archive.
        image: SHA-256 of the configuration that is meant; None where there is but one. An index may have several.

    Raises:
        StrangeImage: it is something else.
    """
    try:
        archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        listed = json.loads(_member(archive, "manifest.json").read())
        meant = next((one for one in listed if image and image in str(one["Config"])), listed[0])
        config = _member(archive, str(meant["Config"])).read()
        saved = SavedImage(archive, config, tuple(str(name) for name in meant["Layers"] or ()))
        if len(saved.diff_ids) != len(saved.layers):
            raise StrangeImage("the engine exported another number of layers than the image's configuration has")
    except (tarfile.TarError, ValueError, KeyError, IndexError, TypeError) as error:
        raise StrangeImage(f"the engine's export of the image cannot be read: {error}") from error
    return saved


@dataclass(frozen=True, slots=True)
class Base:
    """What an image was built on, which stays as it is: layers, the lowest first, and how many lines of history."""

    layers: Sequence[str] = ()
    history: int = 0


def normalise(
    saved: SavedImage, into: IO[bytes], base: Base, epoch: int, *, whole: bool, by_manifest: bool = False
) -> tuple[str, str]:
    """Write the image anew as an archive to load, and return its id and what the engine will call it, 64 hex digits.

    Args:
        saved: the image as it was built.
        into: an empty file.
        base: the image that it was built on.
        epoch: the latest time that stays, in seconds since 1970.
        whole: write the base image's layers too; an engine that has them may not need them.
        by_manifest: of the engine that is to load it.

    Raises:
        StrangeImage: a layer cannot be read.
    """
    kept = 0
    while kept < min(len(base.layers), len(saved.diff_ids)) and base.layers[kept] == saved.diff_ids[kept]:
        kept += 1
    archive = ImageArchive(into, by_manifest=by_manifest)
    digests: list[str] = []
    around = _Around(saved)
    for index in range(len(saved.layers)):
        if index < kept:
            digests.append(base.layers[index].removeprefix("sha256:"))
            _add_kept(archive, saved, index, digests[-1], whole=whole, as_packed=by_manifest)
            continue
        with tempfile.TemporaryFile() as layer:
            _rewrite_layer(saved, index, layer, epoch, around)
            digests.append(_digest(layer))
            archive.add_layer(digests[-1], layer)
    config = _go_json(_config(saved.config, digests, base.history if kept else 0, epoch))
    return hashlib.sha256(config).hexdigest(), archive.finish(config)


def _add_kept(
    archive: ImageArchive, saved: SavedImage, index: int, digest: str, *, whole: bool, as_packed: bool
) -> None:
    """Add one of the base image's layers; packed as it is, the engine has it already and keeps it once."""
    if not whole:
        archive.leave_out_layer(digest)
        return
    packing = ""
    if as_packed:
        source: Any = saved.packed_layer(index)
        packing = packing_of(source.read(4))
        source.seek(0)
    else:
        source = saved.layer(index)
    with tempfile.TemporaryFile() as layer:
        shutil.copyfileobj(source, layer, _BLOCK)
        archive.add_layer(_digest(layer), layer, packing)


class _Around:
    """What the layers below one say of it: `times` of the files written anew; what is there is read when asked for."""

    def __init__(self, saved: SavedImage) -> None:
        self.times: dict[str, int] = {}
        self._saved = saved
        self._below = Below()
        self._read = 0

    def below(self, index: int) -> Below:
        for one in range(self._read, index):
            with self._saved.tar_of_layer(one) as layer:
                self._below.add(layer)
        self._read = max(self._read, index)
        return self._below


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise StrangeImage(
            f"the engine does not have all of the image: its export lacks {name}",
            "Docker fetches no layer that it has unpacked from another image, also where that has it packed otherwise:"
            " remove both (`docker rmi`), and pull this one again",
        )
    return file


def _rewrite_layer(saved: SavedImage, index: int, target: IO[bytes], epoch: int, around: _Around) -> None:
    with (
        saved.tar_of_layer(index) as layer,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as made,
    ):
        found = layer.getmembers()
        below = around.below(index) if needs_below(found) else Below()
        members = sorted(plain_members(found, below, epoch), key=lambda member: (member.islnk(), member.name))
        around.times.update({member.name: int(member.mtime) for member in members})
        for member in members:
            content = layer.extractfile(member) if member.isreg() and member.size else None
            if content is not None and member.name.endswith(".pyc") and member.size >= _PYC_HEAD:
                time_of_source = around.times.get(_source_of(member.name))
                content = io.BytesIO(_clamped_pyc(content.read(), time_of_source, epoch))
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
        known = index < base_history and line.get("created") != _NO_TIME
        when = line.get("created", created) if known else created
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
