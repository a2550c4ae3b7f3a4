"""A command in a container of the recorded image: what it sees of this machine, and how it is started."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from repro.env.image.command import container_command, container_name
from repro.errors import CannotProceed
from repro.execution.machine import describe_machine
from repro.execution.pinning import PINNING_SITE
from repro.execution.process import CommandNotExecutable, CommandNotFound, Execution, Outcome, Start, execute
from repro.model.data.links import Way
from repro.model.dataclass import dataclass
from repro.model.environments.container import BindMount, ContainerEnd, ContainerSpec, ContainerUser
from repro.model.finding import Finding
from repro.model.runs.determinism import rebuild_environment
from repro.model.runs.parameters import parameter_variables
from repro.model.runs.recipe import Recipe
from repro.project import Project

FROM_SHELL = ("TERM", "COLORTERM", "NO_COLOR", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
"""Variables of the machine that a command in a container gets; all others are the image's, or recorded."""


class UnusablePath(CannotProceed):
    """The project's path cannot be told to a container engine."""

    id = "unusable-path"


@dataclass(frozen=True, slots=True)
class InContainer:
    """How a container is set up, whatever runs in it: a `ContainerSpec` without the command.

    `environ` are the caller's variables, for the process that stands for the container.
    """

    engine: str
    image: str
    user: ContainerUser
    host: str
    mounts: tuple[BindMount, ...]
    environ: Mapping[str, str]
    network: str = "none"
    gpus: str | None = None
    python_path: tuple[str, ...] = ()

    def run(
        self,
        command: Sequence[str],
        directory: str,
        variables: Mapping[str, str],
        *,
        umask: int,
        cpus: Sequence[int] | None = None,
        stdout: int | None = None,
        run: str = "",
    ) -> tuple[Outcome, ContainerEnd]:
        """Run a command in a new container to its end; the container is gone then.

        Raises:
            CommandNotFound, CommandNotExecutable: it did not start.
            ContainerFailed: the engine refused, or went away; how the command ended is then not known.
        """
        few = cpus is not None and len(cpus) < (os.cpu_count() or 1)
        spec = ContainerSpec(
            engine=self.engine,
            image=self.image,
            name=container_name(),
            command=tuple(command),
            directory=directory,
            environ={**variables, "USER": self.user.name, "LOGNAME": self.user.name},
            user=self.user,
            host=self.host,
            python_path=self.python_path,
            mounts=self.mounts,
            umask=umask,
            cpus=tuple(cpus) if cpus is not None and few else None,
            network=self.network,
            gpus=self.gpus,
            labels={"repro.id": run} if run else {},
        )
        with container_command(spec) as process:
            execution = Execution(process.line, "/", self.environ, stdout=stdout)
            outcome = execute(execution, Start(pass_fds=process.pass_fds))
            end = process.end()
        if end.missing == "not-found":
            raise CommandNotFound(f"the image has no command {command[0]!r}", "is it on the image's PATH?")
        if end.missing == "not-executable":
            raise CommandNotExecutable(f"{command[0]!r} cannot be executed in the image", "is it for its platform?")
        return outcome, end


def container_for_run(project: Project, image: str, shown: Sequence[str], *, pinned: bool) -> InContainer:
    """Return the container in which a run of this project executes.

    Args:
        project: which one.
        image: the image's id, 64 hex digits.
        shown: further folders that the container has at their paths, read-only.
        pinned: whether the run is pinned.

    Raises:
        NoEngine: there is none.
        UnusablePath: the project's path cannot be told to one.
    """
    from repro.env.image.engine import connect

    settings, machine = project.settings, describe_machine()
    mounts = [BindMount(usable(project.root), usable(project.root), writable=True)]
    objects = os.path.join(project.places.store, "objects")
    if Way.SYMLINK in settings.link and os.path.isdir(objects):  # tracked data are links into the store
        mounts.append(BindMount(usable(objects), usable(objects)))
    user = ContainerUser(
        machine.user,
        os.getuid(),
        os.getgid(),
        usable(os.path.normpath(project.environ.get("HOME") or "/")),
        tuple(group for group in os.getgroups() if group != os.getgid()),
    )
    return InContainer(
        engine=connect(project.environ).address,
        image=image,
        user=user,
        host=machine.host,
        mounts=(*mounts, *(BindMount(usable(path), usable(path)) for path in (*shown, *pinning_sites(pinned)))),
        environ=project.environ,
        network="none" if settings.network == "forbid" else settings.environment.network or "none",
        gpus=settings.environment.gpus,
        python_path=pinning_sites(pinned),
    )


def container_variables(environ: Mapping[str, str], recipe: Recipe, root: str, run: str) -> dict[str, str]:
    """Return the variables that a command in a container gets beside the image's.

    Args:
        environ: the caller's.
        recipe: has the recorded ones, and the parameters.
        root: the project's root as the command sees it.
        run: the run's id.
    """
    shell = {name: environ[name] for name in FROM_SHELL if name in environ}
    found = rebuild_environment(shell, recipe.variables, root, None)
    found |= parameter_variables(recipe.parameters)
    return found | {"REPRO_RUN_ID": run, "REPRO_ROOT": root}


def pinning_sites(pinned: bool) -> tuple[str, ...]:
    """Return what a pinned run's Python processes read of repro itself."""
    return (PINNING_SITE,) if pinned else ()


def container_findings(container: InContainer, end: ContainerEnd) -> tuple[Finding, ...]:
    """Return what there is to say of a run that has ended: what it left in the container, and whence it could read."""
    findings = [
        Finding("made-outside", "was written in the container, outside the project: it is gone", path)
        for path in [path for path in end.changed if not _is_bytecode(path)][:10]
    ]
    if container.network != "none":
        detail = f"the container had the network ({container.network}): what came from there is not recorded"
        findings.append(
            Finding("network-open", detail, hint="a rebuild has no network: download first, `repro add` it")
        )
    return tuple(findings)


def _is_bytecode(path: str) -> bool:
    """Whether Python put it beside its modules, as it does at each first import of an image that has none."""
    folder, name = os.path.split(path)
    return os.path.basename(folder) == "__pycache__" or name == "__pycache__"


def usable(path: str) -> str:
    """Return a path that an engine can be told of.

    Raises:
        UnusablePath: it is no text.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path)
        raise UnusablePath(f"{shown!r} is no UTF-8 text: no engine takes it", "move the project") from None
    return path
