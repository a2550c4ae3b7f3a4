"""Manifests and indexes of images, as the OCI image specification has them: what they name, and one written anew.

Source: OCI image specification 1.0, `manifest.md`, `image-index.md`; Docker's older manifests have the same fields.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from repro.model.dataclass import dataclass

_TYPE = "application/vnd.oci.image."
_ATTESTATION = "vnd.docker.reference.type"  # an annotation of what an index has beside images


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """A layer as it is kept: SHA-256 of its bytes (64 hex digits), how many, and how they are packed.

    `packing` is empty, `+gzip` or `+zstd`.
    """

    digest: str
    size: int
    packing: str = ""


def manifest_text(config: str, config_size: int, layers: Sequence[LayerBlob]) -> bytes:
    """Return the manifest of an image; its SHA-256 is what engines with containerd's store call the image.

    Args:
        config: SHA-256 of the configuration, 64 hex digits.
        config_size: of the configuration, in bytes.
        layers: the lowest first.
    """
    return _text(
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}manifest.v1+json",
            "config": _descriptor("config.v1+json", config, config_size),
            "layers": [_descriptor(f"layer.v1.tar{layer.packing}", layer.digest, layer.size) for layer in layers],
        }
    )


def index_text(manifest: str, size: int) -> bytes:
    """Return the `index.json` of an OCI layout with one image.

    Args:
        manifest: SHA-256 of its manifest, 64 hex digits.
        size: of the manifest, in bytes.
    """
    return _text(
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}index.v1+json",
            "manifests": [_descriptor("manifest.v1+json", manifest, size)],
        }
    )


def next_digest(text: bytes, platform: str) -> tuple[str, bool]:
    """Return what a manifest or an index leads to: 64 hex digits, and whether they name the configuration.

    Args:
        text: of the manifest or the index.
        platform: which of an index's images is meant, `linux/amd64`, `linux/arm/v7`.

    Raises:
        ValueError: it is neither, or has no image for the platform.
    """
    try:
        found = json.loads(text)
        if "manifests" not in found:
            return _hex(found["config"]["digest"]), True
        fitting = [entry for entry in found["manifests"] if _is_image(entry)]
        if len(fitting) > 1:
            exact = [entry for entry in fitting if _platform(entry) == platform]
            fitting = exact or [
                entry for entry in fitting if _platform(entry).split("/")[:2] == platform.split("/")[:2]
            ]
        return _hex(fitting[0]["digest"]), False
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"no manifest of an image for {platform}") from error


def _is_image(entry: dict[str, Any]) -> bool:
    return _ATTESTATION not in (entry.get("annotations") or {})


def _platform(entry: dict[str, Any]) -> str:
    said = entry.get("platform") or {}
    parts = (said.get("os"), said.get("architecture"), said.get("variant"))
    return "/".join(str(part) for part in parts if part)


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": _TYPE + kind, "digest": f"sha256:{digest}", "size": size}


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
