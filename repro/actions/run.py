"""Running a command with everything recorded: freeze, execute, seal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from repro.actions.environments.environment import kind_here, lock_request, started_in
from repro.actions.freeze import RunOptions, freeze
from repro.actions.seal import Ending, seal
from repro.actions.start_marks import forget_start, mark_start, watch_folder
from repro.actions.tracked import inside
from repro.code.kept_commits import drop_commit
from repro.errors import CannotProceed, ReproError, UsageError
from repro.execution.pinning import PINNING_SITE, pin_addresses
from repro.execution.process import CommandNotExecutable, CommandNotFound, Outcome
from repro.execution.watching import (
    NoWatch,
    Watching,
    begin_watching,
    choose_for_container,
    choose_watching,
    forget_watching,
    has_started,
)
from repro.model.dataclass import replace
from repro.model.environments.environment import ImageEnvironment
from repro.model.names import name_to_text
from repro.model.runs.determinism import run_environment
from repro.model.runs.manifest import Manifest
from repro.model.runs.parameters import parameter_variables
from repro.model.runs.pins import is_pinned, with_site
from repro.model.watching.watch_record import Means
from repro.project import Project

if TYPE_CHECKING:
    from repro.actions.container import InContainer
    from repro.model.environments.container import ContainerEnd


class NotSealed(CannotProceed):
    """The command has run, and its outputs could not be recorded; the run is still open."""

    id = "not-sealed"


def run(
    project: Project, options: RunOptions, on_frozen: Callable[[Manifest], None], say: Callable[[str], None]
) -> Manifest:
    """Record the ingredients, execute the command, record what it made, and return the sealed manifest.

    Args:
        on_frozen: is told the open manifest before the command starts.
        say: is told, in words, what holds the command up.

    Raises:
        CommandNotFound, CommandNotExecutable: it did not start; no record is left.
        NotSealed: it ran, and its outputs cannot be recorded now.
        NoWatch: the means of watching that was asked for cannot be had.
        CannotProceed: an ingredient cannot be recorded.
    """
    if not options.command:
        raise UsageError("no command was given", "for example: repro run -- python train.py")
    watching = _choose(project, options)
    manifest = freeze(project, options)
    watching = replace(watching, folder=watch_folder(project, manifest.run))
    with project.records().hold(manifest.run):
        on_frozen(manifest)
        if isinstance(manifest.recipe.environment, ImageEnvironment):
            ending = _execute_in_container(project, options, manifest, watching)
        else:
            ending = _execute(project, options, manifest, watching, say)
        try:
            return seal(project, manifest, ending)
        except ReproError as error:
            raise _not_sealed(manifest, ending, error.message) from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the command has ended: {_completes(manifest, ending)}") from None
        except OSError as error:
            named = f"{name_to_text(os.fsencode(error.filename))}: " if error.filename else ""
            raise _not_sealed(manifest, ending, f"{named}{error.strerror or error}") from error


def _choose(project: Project, options: RunOptions) -> Watching:
    """Before anything is recorded: a means that cannot be had is no reason to leave a record behind."""
    wish = _wish(project, options)
    if kind_here(lock_request(project, options.command, python=None)) == "image":
        return choose_for_container(wish, project.environ, os.path.join(project.places.scratch, "watchers"))
    return choose_watching(wish, options.command, project.cwd, project.environ)


def _wish(project: Project, options: RunOptions) -> str:
    return options.watch or project.settings.watch or "auto"


def _choose_inside(
    project: Project, options: RunOptions, manifest: Manifest, watching: Watching, inside_path: str
) -> Watching:
    """Choose anew where the command starts in another environment than repro: its program may be there alone."""
    try:
        chosen = choose_watching(_wish(project, options), options.command, project.cwd, project.environ, inside_path)
    except NoWatch:
        _discard(project, manifest)
        raise
    return replace(chosen, folder=watching.folder)


def _not_sealed(manifest: Manifest, ending: Ending, reason: str) -> NotSealed:
    return NotSealed(
        f"the command has ended with exit code {ending.exit_code}, but what it made cannot be recorded: {reason}",
        f"nothing is lost: put that right; then {_completes(manifest, ending)}",
    )


def _completes(manifest: Manifest, ending: Ending) -> str:
    code = f" --exit-code {ending.exit_code}" if ending.exit_code else ""
    return f"`repro seal {manifest.run}{code}` completes the record"


def _execute(
    project: Project, options: RunOptions, manifest: Manifest, watching: Watching, say: Callable[[str], None]
) -> Ending:
    recipe = manifest.recipe
    observed = manifest.observations.environment
    inherited, command = started_in(observed, project.environ, options.command, project.cwd)
    if inherited is not project.environ:
        watching = _choose_inside(project, options, manifest, watching, inherited["PATH"])
    environ = run_environment(inherited, recipe.variables, project.root)
    environ |= parameter_variables(recipe.parameters)
    environ |= {"REPRO_RUN_ID": manifest.run, "REPRO_ROOT": project.root}
    if is_pinned(recipe.variables):
        environ = with_site(environ, PINNING_SITE)
        pin_addresses()  # of what this process starts; its own stay
    begin_watching(watching, [bytes(inside(project, path)) for path in options.inputs])
    mark_start(project, manifest.run)
    started = datetime.now(UTC)
    try:
        outcome = watching.execute(command, project.cwd, environ, say)
    except (CommandNotFound, CommandNotExecutable):
        _discard(project, manifest)
        raise
    return _ending(outcome, started)


def _execute_in_container(project: Project, options: RunOptions, manifest: Manifest, watching: Watching) -> Ending:
    from repro.actions.container import container_findings

    mark_start(project, manifest.run)
    started = datetime.now(UTC)
    try:
        outcome, end, container = _in_container(project, options, manifest, watching)
    except ReproError as error:
        if getattr(error, "started", False):
            raise _end_unknown(manifest, error) from error
        _discard(project, manifest)
        raise
    return replace(_ending(outcome, started), findings=container_findings(container, end))


def _in_container(
    project: Project, options: RunOptions, manifest: Manifest, watching: Watching
) -> tuple[Outcome, ContainerEnd, InContainer]:
    """Run the command watched; where the engine lets nothing be traced, or there is no such command, without."""
    from repro.actions.container import container_for_run, container_variables

    recipe = manifest.recipe
    assert isinstance(recipe.environment, ImageEnvironment)
    command, shown = watching.contained(options.command)
    container = container_for_run(project, recipe.environment.image, shown, pinned=is_pinned(recipe.variables))
    variables = container_variables(project.environ, recipe, project.root, manifest.run)
    begin_watching(watching, [bytes(inside(project, path)) for path in options.inputs])
    outcome, end = container.run(
        command,
        project.cwd,
        variables,
        umask=int(recipe.umask, 8),
        cpus=sorted(os.sched_getaffinity(0)),
        run=manifest.run,
    )
    if watching.is_contained and outcome.exit_code and not has_started(watching):
        reason = "the container engine does not let programs be traced"
        return _in_container(project, options, manifest, Watching(Means.NONE, None, reason, watching.folder))
    return outcome, end, container


def _end_unknown(manifest: Manifest, error: ReproError) -> NotSealed:
    unknown = NotSealed(
        f"how the command ended is not known: {error.message}",
        f"nothing is lost: its files are where they were; `repro seal {manifest.run} --exit-code N` records them, and "
        f"`repro run` again makes another run. {error.hint or ''}".strip(),
    )
    unknown.id = error.id
    return unknown


def _ending(outcome: Outcome, started: datetime) -> Ending:
    return Ending(
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        started=_iso(started),
        finished=_iso(datetime.now(UTC)),
        duration_s=round(outcome.duration_s, 3),
    )


def _discard(project: Project, manifest: Manifest) -> None:
    """Nothing ran: take the open record away again."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(project.records().path(manifest.run))
    forget_start(project, manifest.run)
    forget_watching(watch_folder(project, manifest.run))
    drop_commit(project.root, manifest.run)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
