"""What a distribution's package manager has installed in an image, read without starting anything."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
from collections.abc import Iterable
from typing import Any

from repro.env.image.engine import Engine, engine_errors
from repro.env.image.reaper import owner_labels, remove
from repro.env.memo_file import write_memo

_DPKG, _APK = "/var/lib/dpkg/status", "/lib/apk/db/installed"


def packages_in(engine: Engine, image: str, own: str, memo_dir: str) -> tuple[tuple[str, str], ...]:
    """Return name and version of every package that dpkg or apk knows to be installed, sorted by name.

    Args:
        engine: has the image.
        image: SHA-256 of its configuration, 64 hex digits.
        own: what the engine calls it.
        memo_dir: where the answer is remembered, which never changes; made when needed.

    Raises:
        EngineRefused, EngineStopped: it cannot be asked.
    """
    memo = os.path.join(memo_dir, f"packages-{image}.json")
    with contextlib.suppress(FileNotFoundError, ValueError), open(memo, encoding="utf-8") as file:
        return tuple((str(name), str(version)) for name, version in json.load(file))
    found = _read(engine, own)
    write_memo(memo, json.dumps(found))
    return found


def parse_dpkg(text: str) -> tuple[tuple[str, str], ...]:
    """Return the installed packages of dpkg's status file (deb-status(5)), sorted by name."""
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed") and {"Package", "Version"} <= fields.keys():
            found[fields["Package"]] = fields["Version"]
    return tuple(sorted(found.items()))


def parse_apk(text: str) -> tuple[tuple[str, str], ...]:
    """Return the packages of apk's database of what is installed, sorted by name."""
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        if {"P", "V"} <= fields.keys():
            found[fields["P"]] = fields["V"]
    return tuple(sorted(found.items()))


def _read(engine: Engine, own: str) -> tuple[tuple[str, str], ...]:
    api: Any = engine.client.api
    with engine_errors("look into the image"):
        container = api.create_container(own, ["-"], labels=owner_labels("look"), network_disabled=True)
        try:
            for path, parse in ((_DPKG, parse_dpkg), (_APK, parse_apk)):
                text = _file(api, str(container["Id"]), path)
                if text is not None:
                    return parse(text)
        finally:
            remove(api, str(container["Id"]))
    return ()


def _file(api: Any, container: str, path: str) -> str | None:
    import docker.errors

    try:
        blocks: Iterable[bytes] = api.get_archive(container, path)[0]
    except docker.errors.NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        return file.read().decode("utf-8", "replace") if file else None
