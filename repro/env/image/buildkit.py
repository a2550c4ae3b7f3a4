"""A build by BuildKit, the builder inside Docker's engine since 18.09, without Docker's own program.

The docker SDK knows the classic builder only; the engine's interface is the same but for `version=2`. What needs a
session with whoever builds (secrets, SSH) is not given. Source: Docker Engine API, `POST /build`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from repro.env.image.engine import Engine

_TAKES_FILES = 28
"""The first version of Docker that builds by BuildKit from a request's own files in containerd's store."""


def build_by_buildkit(
    engine: Engine, tar: IO[bytes], dockerfile: str, arguments: Mapping[str, str], target: str | None, *, fresh: bool
) -> Iterator[dict[str, Any]]:
    """Yield the engine's lines: `moby.buildkit.trace` is what was done, `moby.image.id` the image.

    Args:
        engine: one of Docker's.
        tar: the context.
        dockerfile: path in it.
        arguments: build arguments.
        target: the stage; None for the last.
        fresh: do not use what the engine remembers of earlier builds.

    Raises:
        what the docker SDK and requests raise.
    """
    api: Any = engine.client.api
    parameters = {"version": "2", "dockerfile": dockerfile, "buildargs": json.dumps(dict(arguments))}
    parameters |= {"target": target} if target else {}
    parameters |= {"nocache": "1"} if fresh else {}
    if not any(network["Name"] == "bridge" for network in api.networks(names=["bridge"])):
        parameters["networkmode"] = "none"  # as the classic builder does by itself: BuildKit fails
    if not _takes_urls_only(engine):
        yield from _lines(api, parameters, tar)
        return
    from repro.env.image.served_context import served

    with served(tar) as remote:
        yield from _lines(api, parameters | {"remote": remote}, None)


def _takes_urls_only(engine: Engine) -> bool:
    """Whether an engine of this machine does not hand the files that come with a request to BuildKit."""
    return engine.by_manifest and _version(engine) < _TAKES_FILES and engine.address.startswith("unix:")


def _version(engine: Engine) -> int:
    major = engine.name.partition(" ")[2].partition(".")[0]
    return int(major) if major.isdecimal() else _TAKES_FILES


def _lines(api: Any, parameters: Mapping[str, str], tar: IO[bytes] | None) -> Iterator[dict[str, Any]]:
    url = f"{api.base_url}/v{api.api_version}/build"
    headers = {"Content-Type": "application/x-tar"} if tar is not None else {}
    answer = api.post(url, params=parameters, data=tar, headers=headers, stream=True)
    if not answer.ok:
        import docker.errors

        raise docker.errors.APIError(answer.text, response=answer, explanation=_words(answer.text))
    for line in answer.iter_lines():
        if line:
            found: dict[str, Any] = json.loads(line)
            yield found


def _words(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text
