"""The container of a rebuild: for an environment of kind image it is the environment and the sandbox in one."""

from __future__ import annotations

import os
from collections.abc import Mapping

from repro.actions.container import FROM_SHELL, InContainer, pinning_sites, usable
from repro.actions.rebuild.room import Room
from repro.actions.rebuild.sandbox import Setting
from repro.actions.rebuild.view import protected_inputs, recorded_account
from repro.env.realised import ContainerEnvironment
from repro.execution.process import Execution, Outcome
from repro.execution.sandbox import NoSandbox
from repro.model.dataclass import dataclass
from repro.model.environments.container import BindMount, ContainerUser
from repro.model.environments.environment import ImageEnvironment
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.runs.pins import is_pinned
from repro.model.watching.sandbox import Guarantee, View, is_usable, place_of
from repro.model.watching.sandbox_kind import SandboxKind


@dataclass(frozen=True, slots=True)
class ContainerSandbox:
    """A `Sandbox` that is a container."""

    container: InContainer
    run: str
    kind: SandboxKind = SandboxKind.CONTAINER

    def listens(self) -> bool:
        """A listener of this machine does not run in an image."""
        return False

    def execute(self, execution: Execution) -> Outcome:
        """Run the command in a container of its own."""
        path = execution.environ.get("PYTHONPATH", "").split(":")
        kept = ":".join(one for one in path if one and one not in self.container.python_path)  # the image has one too
        environ = {name: value for name, value in execution.environ.items() if name != "PYTHONPATH"}
        environ |= {"PYTHONPATH": kept} if kept else {}
        outcome, _ = self.container.run(
            execution.command,
            execution.cwd,
            environ,
            umask=execution.umask,
            cpus=execution.cpus,
            stdout=execution.stdout,
            run=self.run,
        )
        return outcome


def check_container(kind: SandboxKind, manifest: Manifest, *, asked: bool) -> None:
    """Refuse a sandbox that does not go with the run's environment, before anything is brought.

    Raises:
        NoSandbox: a container was asked for and there is no image, or the other way round.
    """
    is_image = isinstance(manifest.recipe.environment, ImageEnvironment)
    if is_image and asked and kind not in (SandboxKind.AUTO, SandboxKind.CONTAINER):
        raise NoSandbox(f"the environment of {manifest.run} is an image: it runs in a container, not in {kind}")
    if not is_image and kind is SandboxKind.CONTAINER:
        raise NoSandbox(
            f"the environment of {manifest.run} is no image, so there is no container to run it in",
            "`--sandbox auto` takes what can be had",
        )


def set_up_container(
    manifest: Manifest, environ: Mapping[str, str], realised: ContainerEnvironment, room: Room, *, elsewhere: bool
) -> Setting:
    """Return the setting of a rebuild in a container: no network, the project at its recorded path, inputs read-only.

    Args:
        manifest: of the run.
        environ: the caller's variables.
        realised: the image and its engine.
        room: where the rebuild happens.
        elsewhere: let the project stand at another path than in the run.

    Raises:
        UnusablePath: a path cannot be told to an engine.
    """
    account, place = recorded_account(manifest), manifest.observations.place
    own_root = os.fsencode(room.root)
    root = own_root if elsewhere else place_of(place.root if place else None, own_root, ())
    home = place.home if place is not None and is_usable(place.home) else b"/home/" + account.user.encode()
    os.makedirs(room.root, exist_ok=True)
    mounts = [BindMount(usable(room.root), usable(os.fsdecode(root)), writable=True)]
    for path in protected_inputs(manifest):
        mounts.append(
            BindMount(usable(os.path.join(room.root, os.fsdecode(path))), usable(os.fsdecode(root + b"/" + path)))
        )
    # The files belong to whoever rebuilds: a container has no numbers of its own for its users, as bubblewrap has.
    user = ContainerUser(account.user, os.getuid(), os.getgid(), usable(os.fsdecode(home)))
    sites = pinning_sites(is_pinned(manifest.recipe.variables))
    gpus = manifest.observations.environment.get("gpus")
    container = InContainer(
        engine=realised.engine,
        image=realised.image,
        user=user,
        host=account.host,
        mounts=(*mounts, *(BindMount(site, site) for site in sites)),
        python_path=sites,
        environ=environ,
        gpus=gpus if isinstance(gpus, str) else None,
    )
    shell = {name: environ[name] for name in FROM_SHELL if name in environ}
    guarantee = Guarantee(SandboxKind.CONTAINER, tuple(_missed(manifest, root, account.uid)))
    view = View(root, home, None, ())
    return Setting(ContainerSandbox(container, manifest.run), view, None, shell, guarantee)


def _missed(manifest: Manifest, root: bytes, uid: int) -> list[str]:
    place = manifest.observations.place
    missed = ["the kernel is this machine's", "addresses in memory are another at each start"]
    if place is not None and place.root != root:
        missed.append(f"the project stands at {name_to_text(root)}, in the run at {name_to_text(place.root)}")
    if os.getuid() != uid:
        missed.append(f"the user's number is {os.getuid()}, in the run {uid}")
    if manifest.observations.environment.get("network", "none") != "none":
        missed.append("the run had the network, the rebuild has none")
    return missed
