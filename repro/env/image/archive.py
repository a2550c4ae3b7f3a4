"""An image as files: its configuration and each of its layers, out of an engine and back into one.

A layer's file is the uncompressed tar, whose SHA-256 the configuration names: so images share layers, compression is
the store's, and what goes back into an engine has the same id. The files are called as in an OCI layout.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import IO

from repro.env.image.build import export
from repro.env.image.engine import Engine, EngineRefused
from repro.env.image.identity import find_image, keep
from repro.env.image.loadable import ImageArchive, load
from repro.env.image.normalise import read_saved
from repro.errors import IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.data.objects import ObjectSink, ObjectSource
from repro.model.environments.archive import ArchivedFile

_BLOCK = 1 << 20
_NAME = "blobs/sha256/{}"


class WrongImage(IntegrityError):
    """What came for an image is another one, or has been changed."""

    id = "wrong-image"


def store_image(
    engine: Engine, image: str, sink: ObjectSink, known: Mapping[str, ObjectRef] = MappingProxyType({})
) -> tuple[ArchivedFile, ...]:
    """Store an image that is in the engine, layer by layer, with flat memory.

    Args:
        engine: has the image.
        image: its id, 64 hex digits.
        sink: takes the files.
        known: objects of layers that are stored already, by their SHA-256.

    Raises:
        WrongImage: the engine exports other bytes than the id names.
        EngineRefused, EngineStopped: it cannot be had.
    """
    attributes = find_image(engine, image)
    if attributes is None:
        raise EngineRefused(f"the container engine no longer has the image {image[:12]}", "try again")
    with tempfile.TemporaryFile() as file:
        export(engine, str(attributes["Id"]).removeprefix("sha256:"), file)
        saved = read_saved(file, image)
        _check_config(saved.config_bytes, image)
        files = [ArchivedFile(_NAME.format(image), image, sink.add_bytes(saved.config_bytes))]
        for index, diff_id in enumerate(saved.diff_ids):
            digest = diff_id.removeprefix("sha256:")
            if any(digest == stored.sha256 for stored in files):
                continue
            stored_as = known.get(digest)
            if stored_as is None:
                with saved.layer(index) as layer:
                    stored_as = _store_layer(layer, digest, sink)
            files.append(ArchivedFile(_NAME.format(digest), digest, stored_as))
    return tuple(files)


def load_image(
    engine: Engine, image: str, files: Sequence[ArchivedFile], bring: Callable[[Sequence[ObjectRef]], object],
    objects: ObjectSource,
) -> None:  # fmt: skip
    """Put an image into the engine from its files.

    Args:
        engine: gets it.
        image: its id, 64 hex digits.
        files: all that `store_image` stored.
        bring: gets objects to where `objects` has them.
        objects: verified as they are read.

    Raises:
        WrongImage: the files are another image's, or were changed; nothing is left in the engine.
        EngineRefused, EngineStopped: the engine does not take it.
    """
    by_digest = {file.sha256: file.object for file in files}
    if image not in by_digest:
        raise WrongImage(f"the archive of the image {image[:12]} does not have its configuration")
    bring([by_digest[image]])
    config = objects.read(by_digest[image])
    _check_config(config, image)
    layers = [str(layer).removeprefix("sha256:") for layer in json.loads(config)["rootfs"]["diff_ids"]]
    lacking = [layer for layer in layers if layer not in by_digest]
    if lacking:
        raise WrongImage(f"the archive of the image {image[:12]} lacks the layer {lacking[0][:12]}")
    bring([by_digest[layer] for layer in dict.fromkeys(layers)])
    with tempfile.TemporaryFile() as made:
        archive = ImageArchive(made, by_manifest=engine.by_manifest)
        for layer in layers:
            with _verified(objects, by_digest[layer], layer) as file:
                archive.add_layer(layer, file)
        own = archive.finish(config)
        load(engine, made, own, "load the archived image")
    keep(engine, image, f"sha256:{own}")


def _check_config(config: bytes, image: str) -> None:
    found = hashlib.sha256(config).hexdigest()
    if found != image:
        raise WrongImage(
            f"what came for the image sha256:{image} has the id sha256:{found}",
            "where it came from has another image under this name",
        )


def _store_layer(layer: IO[bytes], digest: str, sink: ObjectSink) -> ObjectRef:
    """Store a layer by way of a file of its own: a store takes descriptors, and must not get what is not verified."""
    with tempfile.TemporaryFile() as file:
        hashed = hashlib.sha256()
        while block := layer.read(_BLOCK):
            hashed.update(block)
            file.write(block)
        if hashed.hexdigest() != digest:
            raise WrongImage(f"the engine exported other bytes for the layer {digest[:12]}: {hashed.hexdigest()[:12]}")
        file.flush()
        file.seek(0)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return sink.add_descriptor(file.fileno())


@contextlib.contextmanager
def _verified(objects: ObjectSource, ref: ObjectRef, digest: str) -> Iterator[IO[bytes]]:
    """Give a layer's bytes, once they are known to be the object's and the layer's."""
    with tempfile.TemporaryFile() as file:
        objects.copy_to(ref, file.fileno())
        file.seek(0)
        hashed = hashlib.sha256()
        while block := file.read(_BLOCK):
            hashed.update(block)
        if hashed.hexdigest() != digest:
            raise WrongImage(f"the archive's layer {digest[:12]} holds other bytes: {hashed.hexdigest()[:12]}")
        file.seek(0)
        yield file
