"""What the command of a rebuild is shown, of the record and of this machine, and at which paths."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from repro.actions.rebuild.outside import outside_files
from repro.actions.rebuild.room import Room
from repro.env.realised import PrefixEnvironment
from repro.env.which_python import which
from repro.execution.interpreter_folders import interpreter_folders, is_of_system
from repro.execution.pinning import PINNING_SITE
from repro.model.data.content import Kind
from repro.model.dataclass import dataclass
from repro.model.environments.environment import CondaEnvironment, has_project_installs
from repro.model.names import is_within
from repro.model.runs.manifest import Manifest
from repro.model.runs.outside import absolute_path
from repro.model.runs.pins import is_pinned
from repro.model.watching.sandbox import Account, Mount, View, account_of, in_order, is_inside, is_usable, place_of
from repro.model.watching.sandbox_rules import SYSTEM

MAX_PROTECTED = 1000
"""How many inputs are made read-only: bubblewrap takes 9,000 arguments."""

LOG_FOLDER = b"/run/repro"
_MACHINE_FOLDERS = ("LD_LIBRARY_PATH", "CUDA_HOME")


@dataclass(frozen=True, slots=True)
class Needs:
    """Folders of this machine that a rebuild's command cannot do without.

    `interpreter` are those of the base interpreter, `program` is that of a program which no record has; `variables` are
    named by variables that a rebuild takes over from the machine.
    """

    interpreter: tuple[bytes, ...] = ()
    program: bytes | None = None
    variables: tuple[bytes, ...] = ()

    @property
    def all(self) -> tuple[bytes, ...]:
        """All of them."""
        return (*self.interpreter, *((self.program,) if self.program else ()), *self.variables)


def needs_of(manifest: Manifest, environ: Mapping[str, str], realised: PrefixEnvironment | None, root: str) -> Needs:
    """Look up what the command needs beside the system and the environment."""
    path = environ.get("PATH", "")
    searched = f"{realised.bin_dir}:{path}" if realised else path
    cwd = os.path.join(root, os.fsdecode(manifest.recipe.directory))
    program = which(manifest.recipe.command[0], cwd, searched)
    own = [root, *([realised.prefix] if realised else [])]
    interpreter = interpreter_folders(realised.prefix) if realised else []
    folder = None
    if program is not None and not any(_is_below(program, place) for place in (*own, *interpreter)):
        folder = _installation_of(program, environ)
    named = [part for name in _MACHINE_FOLDERS for part in environ.get(name, "").split(":")]
    named += [PINNING_SITE] if is_pinned(manifest.recipe.variables) else []
    variables = [part for part in named if os.path.isabs(part) and os.path.isdir(part) and not is_of_system(part)]
    return Needs(
        tuple(os.fsencode(path) for path in interpreter),
        os.fsencode(folder) if folder else None,
        tuple(os.fsencode(os.path.normpath(path)) for path in variables),
    )


def recorded_view(
    manifest: Manifest, room: Room, realised: PrefixEnvironment | None, needs: Needs, account: Account
) -> View:
    """Return the view in which everything stands where the run had it, as far as that can be."""
    own_root, place = os.fsencode(room.root), manifest.observations.place
    root = place_of(place.root if place else None, own_root, needs.all)
    home = _home(place.home if place else None, root, needs, account)
    mounts = [Mount(os.fsencode(room.temporary), b"/tmp", True), Mount(os.fsencode(room.temporary), b"/var/tmp", True)]
    if not is_inside(home, root):
        mounts.append(Mount(os.fsencode(room.home), home, True))
    mounts += [Mount(path, path) for path in needs.all]
    mounts.append(Mount(os.fsencode(os.path.dirname(room.log)), LOG_FOLDER, True))
    prefix = None
    if realised is not None:
        own = os.fsencode(realised.prefix)
        prefix = _prefix(manifest, own, own_root, root, home, needs)
        mounts.append(Mount(own, prefix))
        if prefix != own and isinstance(manifest.recipe.environment, CondaEnvironment):
            mounts.append(Mount(own, own))  # its scripts and libraries name the path that it was made for
        if has_project_installs(manifest.recipe.environment):
            mounts.append(Mount(own_root, own_root, True))  # editable installs name the folder that they were made from
    mounts.append(Mount(own_root, root, True))
    mounts += [Mount(own_root + b"/" + path, root + b"/" + path) for path in protected_inputs(manifest)[:MAX_PROTECTED]]
    mounts += [Mount(source, absolute_path(path, home)) for path, source in outside_files(manifest, room)]
    return View(root, home, prefix, in_order(mounts))


def shown_folders(view: View, kept: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the folders that a command sees as they are: what it does not find there is no gap in the record."""
    prefix = (view.prefix,) if view.prefix else ()
    return (
        *prefix,
        *kept,
        *map(os.fsencode, SYSTEM),
        b"/etc",
        b"/proc",
        b"/sys",
        b"/dev",
        b"/run",
    )


def own_view(room: Room, realised: PrefixEnvironment | None, home: str) -> View:
    """Return the view in which everything stands where it is."""
    prefix = os.fsencode(realised.prefix) if realised else None
    return View(os.fsencode(room.root), os.fsencode(home), prefix, ())


def protected_inputs(manifest: Manifest) -> list[bytes]:
    """Return the inputs that are no outputs as well: what a command only reads."""
    outputs = [output.path for output in manifest.outputs]
    outputs += manifest.missing_outputs
    return [
        bytes(item.path)
        for item in manifest.recipe.data
        if item.content.kind is not Kind.SYMLINK
        and not any(is_within(item.path, output) or is_within(output, item.path) for output in outputs)
    ]


def recorded_account(manifest: Manifest) -> Account:
    """Return whom the command took itself for in the run, as far as that can be said to a system."""
    machine, place = manifest.observations.machine, manifest.observations.place
    uid, gid = (place.uid, place.gid) if place else (os.getuid(), os.getgid())
    return account_of(machine.host, machine.user, uid, gid)


def visible_path(path: str, shown: Sequence[bytes]) -> list[str]:
    """Return the entries of a PATH that are of the system, or inside what is shown."""
    folders = [entry for entry in path.split(":") if os.path.isabs(entry)]
    inside = [os.fsdecode(folder) for folder in shown]
    kept = [entry for entry in folders if is_of_system(entry) or any(_is_below(entry, folder) for folder in inside)]
    return kept or os.defpath.split(":")


def made_folders(view: View, room: Room) -> list[str]:
    """Return the folders that stand in the checkout for the sandbox's sake alone, the innermost first."""
    prefix = view.prefix
    if prefix is None or not is_inside(prefix, view.root):
        return []
    parts = prefix[len(view.root) + 1 :].split(b"/")
    inner = [b"/".join(parts[:end]) for end in range(len(parts), 0, -1)]
    found = [os.path.join(room.root, os.fsdecode(path)) for path in inner]
    return [path for path in found if not os.path.lexists(path)]


def _home(recorded: bytes | None, root: bytes, needs: Needs, account: Account) -> bytes:
    if recorded is not None and is_usable(recorded) and not any(is_inside(recorded, path) for path in needs.all):
        return recorded
    return b"/home/" + account.user.encode()


def _prefix(manifest: Manifest, own: bytes, own_root: bytes, root: bytes, home: bytes, needs: Needs) -> bytes:
    """Return where the environment stands; never in place of something else."""
    said = manifest.observations.environment.get("prefix")
    recorded = os.fsencode(said) if isinstance(said, str) else None
    taken = (*needs.all, b"/tmp", b"/var", home, root)
    placed = place_of(recorded, own, needs.all)
    if placed == own or any(is_inside(path, placed) for path in taken):
        return own
    if is_inside(placed, root):
        return placed if _is_free(own_root, placed[len(root) + 1 :]) else own
    return placed


def _is_free(root: bytes, relative: bytes) -> bool:
    """Whether a folder can be made at a path below `root`, through no link, where nothing is."""
    path = root
    for part in relative.split(b"/"):
        path = os.path.join(path, part)
        if not os.path.lexists(path):
            return True
        if os.path.islink(path) or not os.path.isdir(path):
            return False
    return False


def _installation_of(program: str, environ: Mapping[str, str]) -> str | None:
    """Return the folder that a program outside the system is installed in: the one above its `bin`, unless that holds
    more than an installation does."""
    real = os.path.realpath(program)
    if is_of_system(real):
        return None
    folder = os.path.dirname(real)
    above = os.path.dirname(folder)
    home = os.path.realpath(environ.get("HOME") or os.path.expanduser("~"))
    if os.path.basename(folder) == "bin" and above != "/" and not _is_below(home, above):
        return above
    return folder


def _is_below(path: str, folder: str) -> bool:
    return is_inside(os.fsencode(path), os.fsencode(folder))
