"""Building an image from a Dockerfile, and making it one that a second build gives again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from repro.env.image.context import ContextPlace, read_text, write_context
from repro.env.image.engine import Engine, EngineRefused, engine_errors, refused
from repro.env.image.identity import find_image, image_id, keep
from repro.env.image.loadable import load
from repro.env.image.normalise import Base, normalise, read_saved
from repro.env.image.pull import NoSuchImage, RegistryUnreachable, local_image, pull
from repro.env.memo_file import write_memo
from repro.env.unobtainable import EnvironmentOffline
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.environments.buildkit_trace import log_lines
from repro.model.environments.dockerfile import Dockerfile, read_dockerfile
from repro.model.runs.determinism import EPOCH

_SHOWN_LINES = 12


class BuildFailed(CannotProceed):
    """A Dockerfile does not build."""

    id = "build-failed"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """A build that is about to be made: its place, the Dockerfile's text and what it says, arguments and target."""

    place: ContextPlace
    text: str
    dockerfile: Dockerfile
    arguments: Mapping[str, str]
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """An image that was built. `context` is the digest of what was sent, `bases` are names with ids."""

    image: str
    context: Digest
    bases: tuple[tuple[str, str], ...]


def plan_build(
    project_root: str, dockerfile: str, context: str | None, arguments: Mapping[str, str], target: str | None = None
) -> BuildPlan:
    """Read a Dockerfile. Its path counts from the project's root; the context is its folder unless one is named.

    Raises:
        NoDockerfile: it cannot be read.
    """
    path = os.path.normpath(os.path.join(project_root, dockerfile))
    root = os.path.normpath(os.path.join(project_root, context)) if context else os.path.dirname(path)
    text = read_text(path, dockerfile)
    place = ContextPlace(root, os.path.relpath(path, root))
    return BuildPlan(place, text, read_dockerfile(text, arguments, target), arguments, target)


def context_digest(plan: BuildPlan) -> Digest:
    """Return the digest of what a build would be given."""
    with tempfile.TemporaryFile() as tar:
        return write_context(plan.place, plan.dockerfile, tar)


def build(engine: Engine, plan: BuildPlan, memo_dir: str, *, fresh: bool = False, offline: bool = False) -> Built:
    """Build an image, normalise it, and leave it in the engine.

    Args:
        engine: builds it.
        plan: what is built.
        memo_dir: where is remembered what a build was normalised to; made when needed.
        fresh: do not use what the engine remembers of earlier builds.
        offline: ask no registry for what it is built from.

    Raises:
        BuildFailed: with the engine's words.
        NoSuchImage, RegistryUnreachable, EnvironmentOffline: what it is built from cannot be had.
        EngineRefused, EngineStopped: the engine does not do it.
    """
    by_buildkit = _takes_buildkit(engine, plan)
    bases = {name: _base(engine, name, offline) for name in plan.dockerfile.bases}
    if by_buildkit and plan.dockerfile.frontend:
        bases[plan.dockerfile.frontend] = _frontend(engine, plan, plan.dockerfile.frontend, offline)
    with tempfile.TemporaryFile() as tar:
        context = write_context(plan.place, plan.dockerfile, tar)
        raw = _run_build(engine, plan, tar, fresh, by_buildkit)
    image = _remembered(engine, memo_dir, raw) or _normalised(engine, raw, list(bases.values()))
    write_memo(_memo(memo_dir, raw), image)
    ids = {name: f"sha256:{image_id(engine, attributes, memo_dir)}" for name, attributes in bases.items()}
    return Built(image, context, tuple(sorted(ids.items())))


def _base(engine: Engine, name: str, offline: bool) -> dict[str, Any]:
    found = local_image(engine, name)
    if found is None and offline:
        raise EnvironmentOffline(f"the engine does not have the image {name}", "without --offline, it is pulled")
    return found if found is not None else pull(engine, name)


def _frontend(engine: Engine, plan: BuildPlan, name: str, offline: bool) -> dict[str, Any]:
    """Return the image that a `# syntax=` line names, which reads the Dockerfile in BuildKit's place."""
    try:
        return _base(engine, name, offline)
    except (NoSuchImage, RegistryUnreachable, EnvironmentOffline) as error:
        raise type(error)(
            f"{plan.place.dockerfile} begins with `# syntax={name}`: that image reads it in a build. {error.message}",
            "bring it (`docker load`), or leave the line out: BuildKit then reads the Dockerfile itself",
        ) from error


def _takes_buildkit(engine: Engine, plan: BuildPlan) -> bool:
    """Whether a build is one for BuildKit. Podman's one builder knows what Docker's classic one does not.

    Raises:
        BuildFailed: it takes a secret, which repro has none to give.
    """
    if plan.dockerfile.secrets:
        raise BuildFailed(
            f"{plan.place.dockerfile} has `{plan.dockerfile.secrets}`, and repro gives a build no secret: nobody could"
            " build it again from the record",
            "build it with the engine's own program, and name the result: `environment.image` in repro.yaml",
        )
    return plan.dockerfile.buildkit is not None and engine.name.startswith("Docker")


def _run_build(engine: Engine, plan: BuildPlan, tar: IO[bytes], fresh: bool, by_buildkit: bool) -> str:
    said: list[str] = []
    image = ""
    with engine_errors("build the image"):
        for line in _lines_of_build(engine, plan, tar, fresh, by_buildkit):  # to the end: it is done only then
            if "error" in line:
                raise _failed(engine, plan, said, str(line["error"]))
            if line.get("id") == "moby.buildkit.trace":
                said += log_lines(str(line.get("aux", "")))
                continue
            said += str(line.get("stream", "")).splitlines()
            image = str(line.get("aux", {}).get("ID", "")) or image
    if not image:
        raise _failed(engine, plan, said, "the engine did not say which image it built")
    return image.removeprefix("sha256:")


def _lines_of_build(
    engine: Engine, plan: BuildPlan, tar: IO[bytes], fresh: bool, by_buildkit: bool
) -> Iterator[dict[str, Any]]:
    if by_buildkit:
        from repro.env.image.buildkit import build_by_buildkit

        return build_by_buildkit(engine, tar, plan.place.dockerfile, plan.arguments, plan.target, fresh=fresh)
    lines: Iterator[dict[str, Any]] = engine.client.api.build(
        fileobj=tar,
        custom_context=True,
        dockerfile=plan.place.dockerfile,
        buildargs=dict(plan.arguments),
        target=plan.target or "",
        nocache=fresh,
        rm=True,
        forcerm=True,
        decode=True,
    )
    return lines


def _failed(engine: Engine, plan: BuildPlan, said: list[str], error: str) -> CannotProceed:
    if "no space left on device" in error:
        return refused(f"build {plan.place.dockerfile}", error)
    if "failed to read downloaded context" in error:
        return BuildFailed(
            f"{plan.place.dockerfile} needs BuildKit, and Docker before 28 on another machine takes no files for it"
            f" where images are in containerd's store: {error.strip()}",
            "update Docker; or build with its own program and name the result: `environment.image` in repro.yaml",
        )
    shown = "\n  ".join([line for line in said if line.strip()][-_SHOWN_LINES:])
    program = "podman" if engine.name.startswith("Podman") else "docker"
    hint = f"`{program} build -f {plan.place.dockerfile} .` shows all of it"
    if program == "podman" and plan.dockerfile.buildkit:
        hint += f"; `{plan.dockerfile.buildkit}` is of BuildKit, and {engine.name} may not have it"
    return BuildFailed(
        f"{plan.place.dockerfile} does not build: {error.strip()}" + (f"\n  {shown}" if shown else ""), hint
    )


def _normalised(engine: Engine, raw: str, bases: list[dict[str, Any]]) -> str:
    """Normalise an image that is in the engine, put the result there too, and return its id."""
    with tempfile.TemporaryFile() as saved:
        export(engine, raw, saved)
        read = read_saved(saved)
        attributes = _base_of(read.diff_ids, bases)
        base = Base(attributes["RootFS"]["Layers"], _history_length(engine, attributes)) if attributes else Base()
        # Docker's own store finds the base image's layers where they are, and most of an image's bytes are theirs.
        # Containerd's has to be given them, though it keeps them once: else parts of the image are not in it.
        for whole in (False, True) if engine.name.startswith("Docker") and not engine.by_manifest else (True,):
            with tempfile.TemporaryFile() as made:
                image, own = normalise(read, made, base, EPOCH, whole=whole, by_manifest=engine.by_manifest)
                try:
                    load(engine, made, own, "load the normalised image")
                    keep(engine, image, f"sha256:{own}")
                except EngineRefused:
                    if whole:
                        raise
                    continue
            break
    return image


def export(engine: Engine, own: str, into: IO[bytes]) -> None:
    """Write an image of the engine into a file, as `docker save` does; `own` is what the engine calls it.

    Raises:
        EngineRefused, EngineStopped: it cannot be had.
    """
    with engine_errors("export the image"):
        for block in engine.client.api.get_image(f"sha256:{own}"):
            into.write(block)
    into.seek(0)


def _base_of(diff_ids: tuple[str, ...], bases: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return which of the bases the image begins with, the one with the most layers."""
    fitting = [base for base in bases if tuple(layers := base["RootFS"].get("Layers") or ()) == diff_ids[: len(layers)]]
    return max(fitting, key=lambda base: len(base["RootFS"].get("Layers") or ()), default=None)


def _history_length(engine: Engine, base: dict[str, Any]) -> int:
    with engine_errors("read the base image's history"):
        api: Any = engine.client.api
        return len(api.history(base["Id"]))


def _remembered(engine: Engine, memo_dir: str, raw: str) -> str | None:
    try:
        with open(_memo(memo_dir, raw), encoding="ascii") as file:
            image = file.read().strip()
    except FileNotFoundError:
        return None
    return image if find_image(engine, image) is not None else None


def _memo(memo_dir: str, raw: str) -> str:
    return os.path.join(memo_dir, f"normalised-{raw}")
