"""What engines export of an image: read as far as it is all there, and written anew in one way."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile

import pytest

from repro.env.image.normalise import Base, StrangeImage, normalise, read_saved

LAYER = b"\0" * 1024
DIFF_ID = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"


def exported(base_line: dict[str, str], *, with_layer: bool = True) -> io.BytesIO:
    """An export of an image of one layer; `base_line` is the first of its history."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [DIFF_ID]},
        "history": [base_line],
    }
    members = {
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode(),
        **({"layer.tar": LAYER} if with_layer else {}),
    }
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    file.seek(0)
    return file


def written(file: io.BytesIO) -> str:
    """The id of the image that is made of an export, all of it the base image's."""
    with tempfile.TemporaryFile() as made:
        return normalise(read_saved(file), made, Base((DIFF_ID,), 1), 315532800, whole=True)[0]


def test_a_line_of_history_without_a_time_is_one_with_gos_zero_time() -> None:
    absent = written(exported({"created_by": "x"}))
    assert written(exported({"created_by": "x", "created": "0001-01-01T00:00:00Z"})) == absent
    assert written(exported({"created_by": "x", "created": "2020-01-01T00:00:00Z"})) != absent


def test_an_export_without_a_layer_is_refused_with_what_helps() -> None:
    with pytest.raises(StrangeImage, match=r"lacks layer\.tar") as refused:
        written(exported({"created_by": "x"}, with_layer=False))
    assert "docker rmi" in str(refused.value.hint)
