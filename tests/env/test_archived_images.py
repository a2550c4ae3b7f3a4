"""What an archive has for an image is compared before the engine gets any of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from repro.env.image.archive import WrongImage, load_image
from repro.model.data.content import ObjectRef
from repro.model.environments.archive import ArchivedFile
from repro.store.cache.cache import Cache

LAYER = b"a layer" * 99
CONFIG = json.dumps({"rootfs": {"diff_ids": ["sha256:" + hashlib.sha256(LAYER).hexdigest()]}}).encode()
IMAGE = hashlib.sha256(CONFIG).hexdigest()


class _NothingIsAsked(SimpleNamespace):
    """In place of an engine: any question to it is an AttributeError."""

    by_manifest = False


def _file(cache: Cache, data: bytes, sha256: str) -> ArchivedFile:
    return ArchivedFile(f"blobs/sha256/{sha256}", sha256, cache.add_bytes(data))


@pytest.mark.parametrize(
    ("config", "layer", "says"),
    [
        (None, LAYER, "does not have its configuration"),
        (CONFIG + b" ", LAYER, "has the id sha256:"),
        (CONFIG, None, "lacks the layer"),
        (CONFIG, LAYER + b"!", "holds other bytes"),
    ],
)
def test_an_archive_that_is_not_the_images_is_refused(
    tmp_path: Path, config: bytes | None, layer: bytes | None, says: str
) -> None:
    cache = Cache(str(tmp_path))
    files = [] if config is None else [_file(cache, config, IMAGE)]
    if layer is not None:
        files.append(_file(cache, layer, hashlib.sha256(LAYER).hexdigest()))
    brought: list[ObjectRef] = []
    with pytest.raises(WrongImage, match=says):
        load_image(cast(Any, _NothingIsAsked()), IMAGE, files, brought.extend, cache)
