"""Archives that an engine loads images from, and the loading.

Engines with their own store get Docker's archive: a list of the configuration and of uncompressed layers. Those with
containerd's get an OCI layout: the manifest in it is ours, so what the engine calls the image is known beforehand, and
proves that the image is what it should be. Layers may then stay as they are packed, as the engine has them already.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from typing import IO, Any

from repro.env.image.engine import Engine, EngineRefused, engine_errors
from repro.env.image.pull import local_image
from repro.model.environments.oci import LayerBlob, index_text, manifest_text

_BLOCK = 1 << 20
_UNPACKING = "Error unpacking image"  # Docker 28 says so, and goes on
_PACKINGS = ((b"\x1f\x8b", "+gzip"), (b"\x28\xb5\x2f\xfd", "+zstd"))


class ImageArchive:
    """An archive that is being written."""

    def __init__(self, into: IO[bytes], *, by_manifest: bool) -> None:
        """`into` is an empty file; `by_manifest` is the engine's."""
        self._into = into
        self._archive = tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._by_manifest = by_manifest
        self._layers: list[LayerBlob] = []

    def add_layer(self, digest: str, file: IO[bytes], packing: str = "") -> None:
        """Add the next layer, a whole open file: `digest` is its SHA-256, `packing` as of `LayerBlob`."""
        layer = LayerBlob(digest, file.seek(0, os.SEEK_END), packing)
        file.seek(0)
        if layer not in self._layers:
            info = tarfile.TarInfo(self._layer_name(digest))
            info.size = layer.size
            self._archive.addfile(info, file)
        self._layers.append(layer)

    def leave_out_layer(self, digest: str) -> None:
        """Name the next layer, which the engine has."""
        self._layers.append(LayerBlob(digest, 0))

    def finish(self, config: bytes) -> str:
        """Complete it with the image's configuration, and return what the engine will call the image, 64 hex digits."""
        image = hashlib.sha256(config).hexdigest()
        if self._by_manifest:
            manifest = manifest_text(image, len(config), self._layers)
            own = hashlib.sha256(manifest).hexdigest()
            self._add(f"blobs/sha256/{image}", config)
            self._add(f"blobs/sha256/{own}", manifest)
            self._add("index.json", index_text(own, len(manifest)))
            self._add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        else:
            own = image
            layers = [self._layer_name(layer.digest) for layer in self._layers]
            self._add(f"{image}.json", config)
            listed = [{"Config": f"{image}.json", "RepoTags": None, "Layers": layers}]
            self._add("manifest.json", json.dumps(listed).encode())
        self._archive.close()
        self._into.seek(0)
        return own

    def _layer_name(self, digest: str) -> str:
        return f"blobs/sha256/{digest}" if self._by_manifest else f"{digest}.tar"

    def _add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._archive.addfile(info, io.BytesIO(data))


def packing_of(head: bytes) -> str:
    """Return how a layer is packed, as of `LayerBlob`, by its first four bytes."""
    return next((packing for magic, packing in _PACKINGS if head.startswith(magic)), "")


def load(engine: Engine, archive: IO[bytes], own: str, doing: str) -> None:
    """Load an image, all of it: else nothing is left of it in the engine.

    Args:
        engine: gets it.
        archive: complete.
        own: what `ImageArchive.finish` returned.
        doing: what for, as of `engine_errors`.

    Raises:
        EngineRefused, EngineStopped: the engine does not take it, or made another image of it.
    """
    import docker.errors

    api: Any = engine.client.api
    try:
        with engine_errors(doing):
            for said in api.load_image(archive):
                words = str(said.get("error") or said.get("stream") or "")
                if "error" in said or words.startswith(_UNPACKING):
                    raise docker.errors.ImageLoadError(words)
    except EngineRefused:
        _drop(engine, own)
        raise
    if local_image(engine, f"sha256:{own}") is None:
        raise EngineRefused(f"the container engine refused to {doing}: it made another image of the archive")


def _drop(engine: Engine, own: str) -> None:
    """Take away what containerd's store keeps of an image that it could not unpack."""
    import docker.errors

    api: Any = engine.client.api
    if engine.by_manifest:
        with engine_errors("remove what is left of an image"), contextlib.suppress(docker.errors.NotFound):
            api.remove_image(f"sha256:{own}", force=True)
