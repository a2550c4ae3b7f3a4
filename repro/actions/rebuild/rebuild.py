"""Rebuilding a run: plan, code, data, environment, command, comparison, verdict."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from repro import __version__
from repro.actions.compare_outputs import compare_outputs
from repro.actions.environments.environment import realise_environment
from repro.actions.partial_data import bring_rest, forget_unread
from repro.actions.rebuild.command import execute_recipe, make_working_directory
from repro.actions.rebuild.container import check_container, set_up_container
from repro.actions.rebuild.misses import missed
from repro.actions.rebuild.outside import place_outside
from repro.actions.rebuild.plan import RebuildPlan, plan_rebuild
from repro.actions.rebuild.room import Room, make_room
from repro.actions.rebuild.sandbox import check_kind, set_up
from repro.actions.run_source import RunSource, open_run
from repro.code.filtered_tree import tree_without
from repro.code.restore import SubmodulePack, restore_commit
from repro.data.checkout import make_directory, place
from repro.data.removal import remove
from repro.env.kinds import ContainerEnvironment, Realised
from repro.env.unobtainable import Unobtainable
from repro.errors import IntegrityError
from repro.execution.machine import describe_machine
from repro.model.compare import Verdict, is_reproduced, worst
from repro.model.content import ObjectRef
from repro.model.digest import hex_of
from repro.model.environments.environment import Environment, in_a_line
from repro.model.finding import Finding
from repro.model.manifest import Manifest
from repro.model.names import name_to_text
from repro.model.progress import SILENT, Progress
from repro.model.rebuild_record import RebuildRecord
from repro.model.recipe import recipe_id
from repro.model.variation import Aspect, varied
from repro.model.watching.sandbox import SandboxKind
from repro.project import Workspace
from repro.store.cache import Cache


@dataclass(frozen=True, slots=True)
class RebuildOptions:
    """What the user says of a rebuild; no `sandbox` is what the settings say. `whole`: fetch tracked directories whole.

    Of one to `discard`, an experiment, neither files nor record are kept.
    """

    source: str | None = None
    into: str | None = None
    keep: bool = False
    python: str | None = None
    offline: bool = False
    push: bool = False
    sandbox: SandboxKind | None = None
    whole: bool = False
    vary: tuple[Aspect, ...] = ()
    discard: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The record, whether the rebuild was started at all, and where its files are, if they were kept.

    `corrupt`: it was not started because what came for a piece was something else.
    """

    record: RebuildRecord
    started: bool
    directory: str | None = None
    corrupt: bool = False


def rebuild(
    workspace: Workspace,
    text: str,
    options: RebuildOptions,
    say: Callable[[str], None],
    progress: Progress = SILENT,
) -> Rebuilt:
    """Make the result of a run again and compare it.

    Args:
        text: which run.
        options: how.
        say: told each step.
        progress: told what is fetched and placed; paused while the command has the terminal.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        RemoteError: the remote cannot be reached.
        IntegrityError: a piece is not what it must be.
        NoSandbox: the sandbox that was asked for cannot be had.
        CannotProceed: the environment or the directory cannot be made.
    """
    kind = _sandbox_kind(workspace, options)
    check_kind(kind, workspace.environ)
    source = open_run(workspace, text, options.source)
    check_container(kind, source.manifest, asked=options.sandbox is not None)
    say(f"rebuilding {source.manifest.run}: {' '.join(source.manifest.recipe.command)}")
    whole = options.whole or _shows_all(kind, source.manifest)
    plan = plan_rebuild(source, workspace.environ, options.python, progress, whole=whole)
    for warning in plan.warnings:
        if warning.kind == "processor-lacks":
            say(warning.detail)  # before hours are spent on it, and among the findings in the end
    if plan.blocking:
        return Rebuilt(_unbuildable(source.manifest, (*plan.blocking, *plan.warnings)), started=False)
    room = make_room(workspace, source.manifest.run, options.into)
    try:
        record = _rebuild_in(workspace, source, plan, options, kind, room, say, progress)
    except Unobtainable as error:
        room.clear()
        finding = Finding(error.id, error.message, hint=error.hint)
        record = _unbuildable(source.manifest, (finding, *plan.warnings))
        return Rebuilt(record, started=False, corrupt=isinstance(error, IntegrityError))
    except BaseException:
        room.clear()
        raise
    if options.discard:
        room.clear()
        return Rebuilt(record, True)
    _keep_record(source, record, options)
    if options.into or options.keep or not is_reproduced(record.verdict):
        forget_unread(source.manifest, plan.partial, room.root)
        room.trim()
        return Rebuilt(record, True, room.root)
    room.clear()
    return Rebuilt(record, True)


def _sandbox_kind(workspace: Workspace, options: RebuildOptions) -> SandboxKind:
    """Return the kind that is wanted; an experiment at the author's desk goes without one."""
    if options.discard:
        return SandboxKind.NONE
    return options.sandbox or workspace.settings.sandbox or SandboxKind.AUTO


def _shows_all(kind: SandboxKind, manifest: Manifest) -> bool:
    """Whether the command could read also what is kept from others: without a sandbox, and as root of a container."""
    environment = manifest.recipe.environment
    return kind is SandboxKind.NONE or (environment is not None and environment.kind == "image")


def _running(kind: SandboxKind) -> str:
    return "running the command" + ("" if kind is SandboxKind.NONE else f" in the sandbox {kind}")


def _keep_record(source: RunSource, record: RebuildRecord, options: RebuildOptions) -> None:
    path = source.records.add_rebuild(record)
    if options.push and source.remote is not None:
        from repro.actions.sync import push_rebuild

        push_rebuild(source.records, source.remote, source.manifest.run, os.path.basename(path))


class WrongCode(IntegrityError):
    """A manifest's commit is not the code that its recipe names."""

    id = "wrong-code"


def _rebuild_in(
    workspace: Workspace,
    source: RunSource,
    plan: RebuildPlan,
    options: RebuildOptions,
    kind: SandboxKind,
    room: Room,
    say: Callable[[str], None],
    progress: Progress,
) -> RebuildRecord:
    manifest = source.manifest
    started = datetime.now(UTC)
    clock = time.monotonic()
    _restore(source, plan, room, say, progress)
    progress.pause()  # package managers and the command have the terminal now
    realised = _realise(workspace, source, plan, options, room, say)
    recipe = varied(manifest.recipe, options.vary)
    make_working_directory(recipe.directory, room.root)
    withhold = bool(plan.partial.wanted)
    if isinstance(realised, ContainerEnvironment):
        setting = set_up_container(manifest, workspace.environ, realised, room, elsewhere=options.discard)
    else:
        setting = set_up(kind, manifest, workspace.environ, realised, room, withhold=withhold)
    if withhold and not setting.withholds:
        bring_rest(source, plan.partial, room.root, room.staging, progress)
    findings = [*plan.warnings, *(() if options.discard else setting.findings)]
    say(_running(setting.guarantee.kind))
    outcome = execute_recipe(manifest, recipe, setting, plan.asked, findings)
    for folder in setting.made:
        with contextlib.suppress(OSError):  # the command has put something there: it is its own
            os.rmdir(folder)
    if outcome.interrupted:
        raise KeyboardInterrupt  # a command that was told to end says nothing about the run
    say("comparing")
    outputs = compare_outputs(manifest, room.root, source.cache, source.bring_trees)
    verdict = worst(output.verdict for output in outputs)
    if outcome.exit_code != (manifest.observations.exit_code or 0):
        verdict = Verdict.FAILED
        was = manifest.observations.exit_code or 0
        findings.append(Finding("exit-code", f"the command ended with {outcome.exit_code}, in the run with {was}"))
    elif not outputs:
        findings.append(Finding("nothing-to-compare", "the run has no outputs", hint="name them with -o"))
    if not is_reproduced(verdict):
        findings += missed(setting, manifest, room, verdict is Verdict.FAILED)
    return RebuildRecord(
        run=manifest.run,
        recipe=recipe_id(manifest.recipe),
        verdict=verdict,
        outputs=outputs,
        environment=_describe(manifest.recipe.environment),
        sandbox=setting.guarantee,
        machine=describe_machine(),
        repro=__version__,
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=round(time.monotonic() - clock, 3),
        exit_code=outcome.exit_code,
        findings=tuple(findings),
    )


def _restore(source: RunSource, plan: RebuildPlan, room: Room, say: Callable[[str], None], progress: Progress) -> None:
    """Put code and data where the command finds them, without what it is to make: unless it had read that before."""
    manifest, cache, root = source.manifest, source.cache, room.root
    say(f"code: commit {manifest.code.commit}")
    submodules = [
        SubmodulePack(sub.path, sub.commit, _as_file(cache, sub.pack, room)) for sub in manifest.code.submodules
    ]
    restore_commit(manifest.code.commit, _as_file(cache, manifest.code.pack, room), root, submodules)
    _check_code(manifest, root)
    for output in manifest.outputs:
        remove(root, output.path)
    progress.begin("data", sum(item.content.size for item in manifest.recipe.data))
    for item in manifest.recipe.data:
        only = plan.partial.wanted.get(item.path)
        say(f"data: {name_to_text(item.path)}" + ("" if only is None else ", as far as the run read it"))
        place(item.content, root, item.path, cache, True, progress, room.staging, only=only)
    for folder in (*manifest.recipe.folders, *manifest.folders):
        make_directory(root, folder)
    place_outside(manifest, room, cache)


def _as_file(cache: Cache, pack: ObjectRef, room: Room) -> str:
    """Return the path of a code pack as a file of its own: a small object is none in the store."""
    path = os.path.join(room.packs, hex_of(pack.digest))
    os.makedirs(room.packs, exist_ok=True)
    with open(path, "wb") as file:
        cache.copy_to(pack, file.fileno())
    return path


def _check_code(manifest: Manifest, root: str) -> None:
    """The recipe's code is a tree, the commit is only recorded beside it: they must agree.

    Raises:
        WrongCode: they do not.
    """
    paths = [bytes(path) for path in (*(output.path for output in manifest.outputs), *manifest.missing_outputs)]
    found = tree_without(root, manifest.code.commit, paths)
    if found != manifest.recipe.code:
        raise WrongCode(
            f"the commit {manifest.code.commit} of {manifest.run} holds the code {found}, "
            f"and the recipe names {manifest.recipe.code}",
            "the manifest was edited: take it from where it was made",
        )


def _realise(
    workspace: Workspace,
    source: RunSource,
    plan: RebuildPlan,
    options: RebuildOptions,
    room: Room,
    say: Callable[[str], None],
) -> Realised | None:
    environment = source.manifest.recipe.environment
    if environment is None:
        return None
    say(f"environment: {in_a_line(environment)}")
    return realise_environment(
        workspace, source, environment, plan.means, room.root, room.folder, offline=options.offline
    )


def _unbuildable(manifest: Manifest, findings: Sequence[Finding]) -> RebuildRecord:
    return RebuildRecord(
        run=manifest.run,
        recipe=recipe_id(manifest.recipe),
        verdict=Verdict.UNBUILDABLE,
        outputs=(),
        environment=_describe(manifest.recipe.environment),
        machine=describe_machine(),
        repro=__version__,
        started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=0.0,
        findings=tuple(findings),
    )


def _describe(environment: Environment | None) -> str:
    return "not recorded" if environment is None else in_a_line(environment)
