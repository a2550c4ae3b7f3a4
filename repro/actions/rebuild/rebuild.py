"""Rebuilding a run: plan, code, data, environment, command, comparison, verdict."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from repro import __version__
from repro.actions.compare_outputs import compare_outputs
from repro.actions.environments.environment import realise_environment
from repro.actions.partial_data import bring_rest, forget_unread
from repro.actions.rebuild.command import execute_recipe, make_working_directory
from repro.actions.rebuild.container import check_container, set_up_container
from repro.actions.rebuild.misses import missed
from repro.actions.rebuild.plan import RebuildPlan, plan_rebuild
from repro.actions.rebuild.restore import restore
from repro.actions.rebuild.room import Room, make_room
from repro.actions.rebuild.sandbox import Setting, check_kind, set_up
from repro.actions.run_source import RunSource, open_run
from repro.env.realised import ContainerEnvironment, Realised
from repro.env.unobtainable import Unobtainable
from repro.errors import IntegrityError
from repro.execution.machine import describe_machine
from repro.model.dataclass import dataclass
from repro.model.environments.environment import Environment, in_a_line
from repro.model.finding import Finding
from repro.model.progress import SILENT, Progress
from repro.model.runs.compare import ComparedOutput, is_reproduced, worst
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.recipe import recipe_id
from repro.model.runs.variation import Aspect, varied
from repro.model.verdict import Verdict
from repro.model.watching.sandbox_kind import SandboxKind
from repro.project import Workspace


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
    return Rebuilt(record, True, _keep(source, record, options, plan, room))


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


def _keep(
    source: RunSource, record: RebuildRecord, options: RebuildOptions, plan: RebuildPlan, room: Room
) -> str | None:
    """Keep of a rebuild what is wanted, clear the rest away, and return where its files are, if they are kept."""
    if not options.discard:
        _keep_record(source, record, options)
        if options.into or options.keep or not is_reproduced(record.verdict):
            forget_unread(source.manifest, plan.partial, room.root)
            room.trim()
            return room.root
    room.clear()
    return None


def _keep_record(source: RunSource, record: RebuildRecord, options: RebuildOptions) -> None:
    path = source.records.add_rebuild(record)
    if options.push and source.remote is not None:
        from repro.actions.sync import push_rebuild

        push_rebuild(source.records, source.remote, source.manifest.run, os.path.basename(path))


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
    restore(source, plan, room, say, progress)
    progress.pause()  # package managers and the command have the terminal now
    realised = _realise(workspace, source, plan, options, room, say)
    recipe = varied(manifest.recipe, options.vary)
    make_working_directory(recipe.directory, room.root)
    setting = _set_up(workspace, source, plan, options, kind, realised, room)
    if plan.partial.wanted and not setting.withholds:
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
    verdict, found = _judge(manifest, outputs, outcome.exit_code)
    findings += found
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


def _judge(
    manifest: Manifest, outputs: Sequence[ComparedOutput], exit_code: int
) -> tuple[Verdict, tuple[Finding, ...]]:
    """Return what the outputs and the exit code come to, and what is to be said of it."""
    was = manifest.observations.exit_code or 0
    if exit_code != was:
        detail = f"the command ended with {exit_code}, in the run with {was}"
        return Verdict.FAILED, (Finding("exit-code", detail),)
    verdict = worst(output.verdict for output in outputs)
    if outputs:
        return verdict, ()
    return verdict, (Finding("nothing-to-compare", "the run has no outputs", hint="name them with -o"),)


def _set_up(
    workspace: Workspace,
    source: RunSource,
    plan: RebuildPlan,
    options: RebuildOptions,
    kind: SandboxKind,
    realised: Realised | None,
    room: Room,
) -> Setting:
    """Return where the command runs: an image brings its container, everything else takes a sandbox of this machine."""
    manifest, environ = source.manifest, workspace.environ
    if isinstance(realised, ContainerEnvironment):
        return set_up_container(manifest, environ, realised, room, elsewhere=options.discard)
    return set_up(kind, manifest, environ, realised, room, withhold=bool(plan.partial.wanted))


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
