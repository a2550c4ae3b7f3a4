"""The kind `image`: a container image, pinned by the digest of its configuration, run by Docker or Podman.

This module is `repro.env.kinds.EnvironmentKind` for `image`; the work is in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from repro.env.image.engine import NoDockerSdk, NoEngine, connect, engine_at
from repro.env.image.identity import find_image
from repro.env.kinds import Archived, ArchiveRequest, Captured, EnvironmentPlan, LockRequest, RealiseRequest
from repro.env.realised import ContainerEnvironment
from repro.errors import RemoteError, ReproError
from repro.model.environments.environment import Environment, ImageEnvironment
from repro.model.finding import Finding


def lock(request: LockRequest) -> Captured:
    """Pin the image that the project's lock file, its Dockerfile or its settings name, and have it in the engine.

    Raises:
        NoDockerSdk, NoEngine: there is no engine to ask.
        NoImage, BuildFailed, NoSuchImage: there is no image.
        RegistryUnreachable, EngineRefused, EngineStopped: it cannot be had.
    """
    from repro.env.image.lock import bring_locked, drift, locked_image, resolve_image, with_what_is_here

    locked = None if request.refresh else locked_image(request)  # what is wrong in it is said first
    engine = connect(request.environ)
    if locked is None:
        found = resolve_image(engine, request)
        _refuse_platform(found, engine.platform)
        findings = _only_here(found)
    else:
        _refuse_platform(locked, engine.platform)
        bring_locked(engine, locked, request)
        found, findings = with_what_is_here(locked, request), drift(locked, request)
    observed: dict[str, object] = {"engine": engine.name}
    settings = request.settings
    observed |= {"network": settings.network} if settings.network else {}
    observed |= {"gpus": settings.gpus} if settings.gpus else {}
    return Captured(found, tuple(request.command), observed, findings)


def check(environment: Environment, request: LockRequest) -> tuple[Finding, ...]:
    """Say in what the image that would run here is not `environment`. An image has no files that could be edited."""
    from repro.env.image.lock import drift, locked_image

    wanted = _image(environment)
    locked = locked_image(request)
    if locked is None:
        here = lock(request).environment
        if isinstance(here, ImageEnvironment) and here.image == wanted.image:
            return ()
        return (_differs(wanted, here),)
    return (*((_differs(wanted, locked),) if locked.image != wanted.image else ()), *drift(locked, request))


def plan(
    environment: Environment, *, environ: Mapping[str, str], python: str | None = None, archived: bool = False
) -> EnvironmentPlan:
    """Say whether the image can be had here, and run here; `python` has no meaning for an image."""
    wanted = _image(environment)
    try:
        engine = connect(environ)
    except (NoDockerSdk, NoEngine) as error:
        return EnvironmentPlan("", (Finding(error.id, error.message, hint=error.hint),))
    blocking = []
    if not runs_on(wanted.platform, engine.platform):
        blocking.append(_wrong_platform(wanted, engine.platform))
    elif not wanted.references and not archived and find_image(engine, wanted.image) is None:
        detail = f"the image sha256:{wanted.image[:12]} is not in the engine, in no known registry and in no archive"
        blocking.append(Finding("image-missing", detail, hint="`repro env archive` and `repro push` where it is"))
    return EnvironmentPlan("" if blocking else engine.address, tuple(blocking))


def realise(environment: Environment, request: RealiseRequest) -> ContainerEnvironment:
    """Have the image in the engine: it is there, or it comes from the archive, or from a registry by its digest.

    Raises:
        WrongImage, OtherImage: what came is another image.
        NoSuchImage: no registry has it any more; RegistryUnreachable: whether one has it is not known.
        EnvironmentOffline: it is not here, and the network is not to be used.
        EngineRefused, EngineStopped: the engine does not take it.
    """
    from repro.env.image.archive import load_image
    from repro.env.image.lock import pull_exactly

    wanted = _image(environment)
    made = ContainerEnvironment(request.means, wanted.image)
    with engine_at(request.means, request.environ) as engine:
        if find_image(engine, wanted.image, wanted.references) is not None:
            return made
        if request.archive:
            load_image(engine, wanted.image, request.archive, request.bring, request.objects)
            return made
        errors = [] if request.offline else pull_exactly(engine, wanted)
        if errors is None:
            return made
    raise _not_had(wanted, errors, offline=request.offline)


def _not_had(wanted: ImageEnvironment, errors: Sequence[ReproError], *, offline: bool) -> ReproError:
    """Return why an image cannot be had: `errors` are what came of each registry that was asked."""
    from repro.env.image.pull import NoSuchImage, RegistryUnreachable
    from repro.env.unobtainable import EnvironmentOffline

    message = f"the image sha256:{wanted.image[:12]} is not in the engine"
    archive = (
        "take a remote with the run's archive (--from): `repro env archive` makes one where an engine has the image"
    )
    if offline:
        return EnvironmentOffline(f"{message}, and the network is not to be used", f"without --offline, or {archive}")
    message = f"{message}: {'; '.join(error.message for error in errors)}"
    if any(isinstance(error, RegistryUnreachable) for error in errors):
        return RegistryUnreachable(message, f"try again where the registry can be reached, or {archive}")
    return NoSuchImage(message, archive)


def archive(environment: Environment, request: ArchiveRequest) -> Archived:
    """Store the image's configuration and layers, which the engine has, or gets from a registry.

    Raises:
        NoDockerSdk, NoEngine, EngineRefused, EngineStopped: there is no engine that has it.
        RegistryUnreachable: whether a registry has it is not known.
    """
    from repro.env.image.archive import store_image
    from repro.env.image.lock import pull_exactly

    wanted = _image(environment)
    engine = connect(request.environ)
    if find_image(engine, wanted.image, wanted.references) is None:
        errors = [] if request.offline else pull_exactly(engine, wanted)
        if errors is not None:
            error = _not_had(wanted, errors, offline=request.offline)
            if isinstance(error, RemoteError):
                raise error
            return Archived((), (Finding("environment-unarchived", error.message),))
    return Archived(store_image(engine, wanted.image, request.sink, request.known))


def runs_on(image: str, engine: str) -> bool:
    """Whether an image runs on an engine: the same system and processor; variants are not told apart."""
    return image.split("/")[:2] == engine.split("/")[:2]


def _refuse_platform(locked: ImageEnvironment, engine: str) -> None:
    from repro.env.image.lock import NoImage

    if not runs_on(locked.platform, engine):
        finding = _wrong_platform(locked, engine)
        raise NoImage(finding.detail, finding.hint)


def _wrong_platform(wanted: ImageEnvironment, engine: str) -> Finding:
    detail = f"the image sha256:{wanted.image[:12]} is for {wanted.platform}, the container engine here is {engine}"
    return Finding("image-platform", detail, hint="use a machine of that kind; emulation would give other numbers")


def _only_here(found: ImageEnvironment) -> tuple[Finding, ...]:
    if found.references:
        return ()
    detail = f"no registry is known to have the image sha256:{found.image[:12]}: only this engine has it"
    return (Finding("image-only-here", detail, hint="`repro env archive` keeps it with the run, or push it and lock"),)


def _differs(wanted: ImageEnvironment, here: Environment) -> Finding:
    other = here.image[:12] if isinstance(here, ImageEnvironment) else "none"
    detail = f"the image here is sha256:{other}, and sha256:{wanted.image[:12]} is wanted"
    return Finding("environment-drift", detail, hint="`repro env lock`, if what is here now is meant")


def _image(environment: Environment) -> ImageEnvironment:
    if not isinstance(environment, ImageEnvironment):
        raise TypeError(f"an environment of kind {environment.kind} is no image")
    return environment
