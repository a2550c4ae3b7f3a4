"""Which registries have an image, and under which digest.

Docker's own store knows a digest of an image only from a pull or a push. Containerd's gives one to every name, also to
that of an image which was only built or loaded: there the registry is asked, and a yes is remembered.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from repro.env.image.engine import Engine, EngineRefused, engine_errors
from repro.env.image.identity import TAG
from repro.env.memo_file import write_memo


def registry_references(engine: Engine, attributes: dict[str, Any], memo_dir: str, *, offline: bool) -> tuple[str, ...]:
    """Return the names by digest under which a registry has an image, or had it, sorted.

    Args:
        engine: has the image.
        attributes: what it says of it.
        memo_dir: where is remembered what registries had; made when needed.
        offline: ask no registry.

    Raises:
        EngineStopped: the engine went away.
    """
    names = sorted(name for name in map(str, attributes.get("RepoDigests") or ()) if _is_of_registry(name))
    if engine.by_manifest:
        names = [name for name in names if _is_remembered(name, memo_dir) or _has(engine, name, memo_dir, offline)]
    return tuple(names)


def remember_pulled(attributes: dict[str, Any], name: str, memo_dir: str) -> None:
    """Remember that a registry had an image: it was pulled from there by `name`."""
    repository = _repository(name)
    for reference in map(str, attributes.get("RepoDigests") or ()):
        if _repository(reference) == repository:
            _remember(reference, memo_dir)


def _has(engine: Engine, reference: str, memo_dir: str, offline: bool) -> bool:
    if offline:
        return False
    try:
        with engine_errors(f"ask the registry for {reference}"):
            api: Any = engine.client.api
            api.inspect_distribution(reference)
    except EngineRefused:  # the registry's no, or nobody can say: it is not recorded as having it
        return False
    _remember(reference, memo_dir)
    return True


def _is_of_registry(reference: str) -> bool:
    """Whether a registry may have it: Podman gives a digest to what was only loaded, too."""
    repository = reference.partition("@")[0]
    return not repository.startswith(("<none>", "localhost/")) and repository.rpartition("/")[2] != TAG


def _repository(name: str) -> str:
    """Return a name without tag and digest, and without what names Docker's own registry."""
    repository = name.partition("@")[0]
    head, colon, tag = repository.rpartition(":")
    plain = head if colon and "/" not in tag else repository
    return plain.removeprefix("docker.io/").removeprefix("library/")


def _memo(reference: str, memo_dir: str) -> str:
    return os.path.join(memo_dir, f"registry-had-{hashlib.sha256(reference.encode()).hexdigest()}")


def _is_remembered(reference: str, memo_dir: str) -> bool:
    return os.path.exists(_memo(reference, memo_dir))


def _remember(reference: str, memo_dir: str) -> None:
    write_memo(_memo(reference, memo_dir), reference)
