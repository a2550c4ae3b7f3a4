"""Which image is which: repro knows images by their configurations' digests, and engines do not all.

An engine with containerd's store calls an image by the digest of its manifest, or of an index of manifests, and finds
nothing by the configuration's. There repro names an image `repro-image:<configuration>.<manifest>`: so the engine
itself keeps what belongs together, and a name that was moved to another image is seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from typing import Any

from repro.env.image.engine import Engine, EngineRefused, engine_errors
from repro.env.image.pull import local_image
from repro.env.memo_file import write_memo
from repro.model.environments.oci import next_digest
from repro.model.pattern import pattern

TAG = "repro-image"
"""The name under which images lie in the engine that nothing else names, so that it does not clean them up."""

_OURS = pattern(rf"{TAG}:([0-9a-f]{{64}})\.([0-9a-f]{{32}})")
_BLOCK = 1 << 20
_MOST = 4 << 20  # bytes: a manifest is no larger (OCI distribution specification)


def find_image(engine: Engine, image: str, references: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return what the engine says of the image with a configuration; its `Id` is the engine's own name for it.

    Args:
        engine: is asked.
        image: SHA-256 of the configuration, 64 hex digits.
        references: names by digest under which it may be there as well, where it is found by nothing else.

    Raises:
        EngineRefused, EngineStopped: it cannot be asked.
    """
    if not engine.by_manifest:
        return local_image(engine, f"sha256:{image}")
    with engine_errors("look for the image"):
        api: Any = engine.client.api
        for found in api.images(filters={"reference": f"{TAG}:{image}.*"}):
            if _named_by_us(found) == image:
                return local_image(engine, str(found["Id"]))
    for reference in references:
        pulled = local_image(engine, reference)
        if pulled is not None and image_id(engine, pulled) == image:
            keep(engine, image, str(pulled["Id"]))
            return pulled
    return None


def image_id(engine: Engine, attributes: dict[str, Any], memo_dir: str | None = None) -> str:
    """Return the SHA-256 of an image's configuration, 64 hex digits.

    Args:
        engine: has the image.
        attributes: what it says of it.
        memo_dir: where is remembered what had to be read from an image; made when needed.

    Raises:
        EngineRefused, EngineStopped: it cannot be asked, or does not have all of the image.
    """
    own = str(attributes["Id"]).removeprefix("sha256:")
    if not engine.by_manifest:
        return own
    platform = platform_of(attributes)
    memo = os.path.join(memo_dir, f"configuration-of-{own}-{platform.replace('/', '-')}") if memo_dir else None
    known = _named_by_us(attributes) or (_read(memo) if memo else None)
    if known is None:
        known = _read_configuration(engine, own, platform)
        if memo:
            write_memo(memo, known)
    return known


def keep(engine: Engine, image: str, own: str) -> None:
    """Give an image a name, where it needs one: not to be taken by the engine's next clean-up, and to be found again.

    Args:
        engine: has the image.
        image: SHA-256 of its configuration, 64 hex digits.
        own: the engine's name for it.

    Raises:
        EngineRefused, EngineStopped: the engine does not do it.
    """
    tag = f"{image}.{own.removeprefix('sha256:')[:32]}" if engine.by_manifest else image[:32]
    with engine_errors("name the image"):
        engine.client.api.tag(own, TAG, tag)


def platform_of(attributes: dict[str, Any]) -> str:
    """Return an image's platform, `linux/amd64`, `linux/arm/v7`."""
    variant = attributes.get("Variant")
    return f"{attributes['Os']}/{attributes['Architecture']}" + (f"/{variant}" if variant else "")


def _named_by_us(attributes: dict[str, Any]) -> str | None:
    own = str(attributes["Id"]).removeprefix("sha256:")
    for name in attributes.get("RepoTags") or ():
        found = _OURS.fullmatch(str(name))
        if found and own.startswith(found[2]):
            return found[1]
    return None


def _read(memo: str) -> str | None:
    with contextlib.suppress(FileNotFoundError), open(memo, encoding="ascii") as file:
        return file.read().strip() or None
    return None


def _read_configuration(engine: Engine, own: str, platform: str) -> str:
    """Follow an image's id to its configuration's, in what the engine exports, and no further than needed."""
    texts: dict[str, bytes] = {}
    wanted, is_config = own, False
    for digest, text in _small_blobs(engine, own):
        texts[digest] = text
        while wanted in texts and not is_config:
            wanted, is_config = _followed(texts[wanted], wanted, platform)
        if is_config:
            return wanted
    raise EngineRefused(
        f"the container engine does not have all of the image {own[:12]}", "pull or load it again: parts were removed"
    )


def _small_blobs(engine: Engine, own: str) -> Iterator[tuple[str, bytes]]:
    """Yield what the engine exports of an image as far as it may be a manifest: digest and text."""
    with engine_errors("look into the image"):
        blocks: Iterator[bytes] = engine.client.api.get_image(f"sha256:{own}")
        stream = io.BufferedReader(_Stream(blocks), _BLOCK)
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as archive:
                for member in archive:
                    digest = member.name.rpartition("/")[2]
                    file = archive.extractfile(member) if member.size <= _MOST else None
                    if file is not None and member.name == f"blobs/sha256/{digest}":
                        yield digest, file.read()
        except tarfile.TarError as error:
            raise EngineRefused(f"the container engine's export of {own[:12]} cannot be read: {error}") from error


def _followed(text: bytes, digest: str, platform: str) -> tuple[str, bool]:
    if hashlib.sha256(text).hexdigest() != digest:
        raise EngineRefused(f"the container engine has other bytes under the digest sha256:{digest}")
    try:
        return next_digest(text, platform)
    except ValueError as error:
        raise EngineRefused(f"the container engine's image {digest[:12]} cannot be read: {error}") from error


class _Stream(io.RawIOBase):
    """An answer that comes in blocks, as a file to read from."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
