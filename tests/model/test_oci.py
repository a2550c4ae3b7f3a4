"""Manifests and indexes of images: where they lead."""

from __future__ import annotations

import json

import pytest

from repro.model.environments.oci import LayerBlob, manifest_text, next_digest

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def index(*entries: tuple[str, str, dict[str, str]]) -> bytes:
    """An index of digests, with the platform and the annotations of each."""
    names = ("os", "architecture", "variant")
    manifests = [
        {
            "digest": f"sha256:{digest}",
            "platform": dict(zip(names, platform.split("/"), strict=False)),
            "annotations": annotations,
        }
        for digest, platform, annotations in entries
    ]
    return json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()


def test_a_manifest_leads_to_the_configuration() -> None:
    text = manifest_text(A, 7, [LayerBlob(B, 10), LayerBlob(C, 20, "+gzip")])
    assert next_digest(text, "linux/amd64") == (A, True)
    layers = json.loads(text)["layers"]
    assert [layer["mediaType"].rpartition(".")[2] for layer in layers] == ["tar", "tar+gzip"]


def test_an_index_leads_to_the_image_of_the_platform_and_never_to_what_is_said_about_one() -> None:
    about = {"vnd.docker.reference.type": "attestation-manifest"}
    text = index(
        (D, "unknown/unknown", about), (A, "linux/arm64/v8", {}), (B, "linux/amd64", {}), (C, "linux/arm/v7", {})
    )
    assert next_digest(text, "linux/amd64") == (B, False)
    assert next_digest(text, "linux/arm64") == (A, False), "who does not name a variant takes the one there is"
    assert next_digest(text, "linux/arm/v7") == (C, False)
    assert next_digest(index((D, "unknown/unknown", about), (A, "linux/arm64", {})), "linux/amd64") == (A, False)


def test_a_variant_that_is_named_is_taken_before_another() -> None:
    text = index((A, "linux/arm/v6", {}), (B, "linux/arm/v7", {}))
    assert next_digest(text, "linux/arm/v7") == (B, False)


@pytest.mark.parametrize("text", [b"{", b"[]", b"{}", b'{"manifests": []}', b'{"config": {"digest": 3}}'])
def test_what_is_no_manifest_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"manifest|JSON|property"):
        next_digest(text, "linux/amd64")


def test_an_index_without_the_platform_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="linux/s390x"):
        next_digest(index((A, "linux/arm64", {}), (B, "linux/amd64", {})), "linux/s390x")
