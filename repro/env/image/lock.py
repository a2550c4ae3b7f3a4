"""Pinning a container image: the one that the lock file names, or the one that a Dockerfile or a reference gives."""

from __future__ import annotations

import os
from typing import Any

from repro.env.image.build import Built, build, context_digest, plan_build
from repro.env.image.context import NoDockerfile
from repro.env.image.engine import Engine
from repro.env.image.identity import find_image, image_id, keep, platform_of
from repro.env.image.packages import packages_in
from repro.env.image.pull import NoSuchImage, RegistryUnreachable, local_image, pull
from repro.env.image.references import registry_references, remember_pulled
from repro.env.kinds import LockRequest
from repro.env.unobtainable import Unobtainable
from repro.errors import CannotProceed, IntegrityError, ReproError
from repro.model.dataclass import replace
from repro.model.environments.environment import BuiltFrom, ImageEnvironment
from repro.model.environments.image_lock import LOCK_FILE, parse_image_lock
from repro.model.finding import Finding

DOCKERFILE = "Dockerfile"


class NoImage(CannotProceed):
    """Neither a lock, nor an image, nor a Dockerfile says which image is meant."""

    id = "no-image"


class OtherImage(Unobtainable, IntegrityError):
    """What a registry has under an image's digest, or what a Dockerfile gives, is not the image that is wanted."""

    id = "wrong-image"


def locked_image(request: LockRequest) -> ImageEnvironment | None:
    """Return what the project's lock file says; None where there is none.

    Raises:
        BadYaml, BadRecord: it cannot be read.
        NoImage: a file that the settings name is not there, or it is a directory.
    """
    path = os.path.join(request.project_root, request.settings.lock or LOCK_FILE)
    try:
        with open(path, "rb") as file:
            return parse_image_lock(file.read(), os.path.relpath(path, request.project_root))
    except IsADirectoryError:
        raise NoImage(f"{request.settings.lock or LOCK_FILE} is a directory", "give it another name") from None
    except FileNotFoundError:
        if request.settings.lock:
            raise NoImage(
                f"the lock {request.settings.lock} is not there", "`repro env lock` writes it, once it is not named"
            ) from None
        return None


def resolve_image(engine: Engine, request: LockRequest) -> ImageEnvironment:
    """Pin what the settings name: build the Dockerfile, or find the image, here or at its registry.

    Raises:
        NoImage, NoDockerfile, BuildFailed, NoSuchImage: there is nothing to pin.
        RegistryUnreachable, EngineRefused, EngineStopped: it cannot be had.
    """
    settings = request.settings
    if settings.image:
        found = local_image(engine, settings.image)
        if found is None:
            if request.offline:
                raise NoSuchImage(f"the engine does not have the image {settings.image}", "without --offline, pull it")
            found = pull(engine, settings.image)
            remember_pulled(found, settings.image, request.memo_dir)
        return _pinned(engine, found, None, request)
    plan = _plan(request)
    made = build(engine, plan, request.memo_dir, offline=request.offline)
    attributes = find_image(engine, made.image)
    if attributes is None:
        raise NoSuchImage("the engine has lost the image that was just built", "try again")
    return _pinned(engine, attributes, _built_from(request, plan.text, made), request)


def with_what_is_here(locked: ImageEnvironment, request: LockRequest) -> ImageEnvironment:
    """Return a locked image as a record can have it: its Dockerfile is stored, and left out where it is not here."""
    if locked.built_from is None:
        return locked
    try:
        text = _plan(request).text if is_built(request) else ""
    except (NoImage, NoDockerfile):
        text = ""
    return locked if _stored(request, text) == locked.built_from.file else replace(locked, built_from=None)


def is_built(request: LockRequest) -> bool:
    """Whether the settings mean a Dockerfile."""
    return not request.settings.image


def drift(locked: ImageEnvironment, request: LockRequest) -> tuple[Finding, ...]:
    """Say where the lock is no longer what the Dockerfile, its files or the settings would give."""
    lock = request.settings.lock or LOCK_FILE
    hint = "`repro env lock`, if what is there now is meant"
    if request.settings.image:
        name = request.settings.image.partition("@")[0].rpartition(":")
        repository = name[0] if name[1] and "/" not in name[2] else request.settings.image.partition("@")[0]
        known = {reference.partition("@")[0] for reference in locked.references}
        if locked.built_from is not None or (known and repository not in known):
            detail = f"repro.yaml names {request.settings.image}, {lock} has another image"
            return (Finding("environment-drift", detail, path=lock, hint=hint),)
        return ()
    built = locked.built_from
    file = request.settings.file or DOCKERFILE
    if built is None or not os.path.lexists(os.path.join(request.project_root, file)):
        return ()  # an image that was taken as it is, and no Dockerfile beside it
    try:
        plan = _plan(request)
    except NoDockerfile as error:
        return (Finding("environment-drift", error.message, path=file, hint=error.hint),)
    if _stored(request, plan.text) != built.file:
        return (Finding("environment-drift", f"{file} is not what {lock} was built from", path=file, hint=hint),)
    if (built.arguments, built.target) != (request.settings.build_args, request.settings.target):
        detail = f"repro.yaml has other build arguments, or another target, than {lock} was built with"
        return (Finding("environment-drift", detail, path=lock, hint=hint),)
    if built.context is not None and context_digest(plan) != built.context:
        detail = f"the files that {file} takes are not those that {lock} was built from"
        return (Finding("environment-drift", detail, path=file, hint=hint),)
    return ()


def bring_locked(engine: Engine, locked: ImageEnvironment, request: LockRequest) -> None:
    """See to it that the engine has the locked image: from a registry by its digest, or by building it again.

    Raises:
        NoSuchImage: it cannot be had; RegistryUnreachable: whether a registry has it is not known.
        OtherImage: what came is another one.
    """
    if find_image(engine, locked.image, locked.references) is not None:
        return
    errors = [] if request.offline else pull_exactly(engine, locked)
    if errors is None:
        return
    reasons = [error.message for error in errors]
    if locked.built_from is not None and is_built(request) and not drift(locked, request):
        try:
            made = build(engine, _plan(request), request.memo_dir, offline=request.offline)
        except ReproError as error:
            lacks = f"the engine does not have the locked image sha256:{locked.image[:12]}, and cannot build it again"
            raise type(error)(f"{lacks}: {error.message}", error.hint) from error
        if made.image == locked.image:
            return
        reasons.append("a build of the same Dockerfile gave another image")
    words = "; ".join(reasons) or "no registry is known to have it"
    message = f"the engine does not have the locked image sha256:{locked.image[:12]}: {words}"
    hint = "`repro env create RUN` brings it from an archive; `repro env lock` locks what can be had now"
    if any(isinstance(error, RegistryUnreachable) for error in errors):
        raise RegistryUnreachable(message, f"try again where the registry can be reached; {hint}")
    raise NoSuchImage(message, hint)


def pull_exactly(engine: Engine, environment: ImageEnvironment) -> list[ReproError] | None:
    """Fetch an image by one of its digests; None where it came, else the reasons why it did not.

    Raises:
        OtherImage: under a digest that was recorded for it, a registry has another image.
    """
    reasons: list[ReproError] = []
    for reference in environment.references:
        try:
            found = pull(engine, reference)
        except (NoSuchImage, RegistryUnreachable) as error:
            reasons.append(error)
            continue
        came = image_id(engine, found)
        if came != environment.image:
            raise OtherImage(
                f"{reference} is the image sha256:{came[:12]}, and the run had sha256:{environment.image[:12]}",
                "the record was edited, or was made with another engine; the archive of the run has its image",
            )
        if engine.by_manifest or not found.get("RepoTags"):
            keep(engine, came, str(found["Id"]))
        return None
    return reasons


def _plan(request: LockRequest) -> Any:
    file = request.settings.file or DOCKERFILE
    if request.settings.file is None and not os.path.lexists(os.path.join(request.project_root, file)):
        raise NoImage(
            "the environment is of kind image, and nothing says which",
            "`environment.image` in repro.yaml names an image, `environment.file` a Dockerfile",
        )
    settings = request.settings
    return plan_build(request.project_root, file, settings.context, dict(settings.build_args), settings.target)


def _pinned(
    engine: Engine, attributes: dict[str, Any], built: BuiltFrom | None, request: LockRequest
) -> ImageEnvironment:
    own = str(attributes["Id"])
    image = image_id(engine, attributes, request.memo_dir)
    if engine.by_manifest:
        keep(engine, image, own)
    references = registry_references(engine, attributes, request.memo_dir, offline=request.offline)
    packages = packages_in(engine, image, own, request.memo_dir)
    return ImageEnvironment(image, platform_of(attributes), references, built, packages)


def _built_from(request: LockRequest, text: str, made: Built) -> BuiltFrom:
    settings = request.settings
    return BuiltFrom(_stored(request, text), made.bases, settings.build_args, made.context, settings.target)


def _stored(request: LockRequest, text: str) -> Any:
    return request.sink.add_bytes(text.encode())
