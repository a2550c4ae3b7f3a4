"""Freezing the three ingredients of a run before it starts: the open manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from repro import __version__
from repro.actions.code_packs import pack_code
from repro.actions.environments.environment import capture_environment
from repro.actions.inputs import capture_inputs
from repro.actions.start_marks import mark_start
from repro.actions.tracked import inside
from repro.code.filtered_tree import tree_without
from repro.code.kept_commits import keep_commit
from repro.code.snapshot import CodeSnapshot, snapshot_work_tree
from repro.errors import CannotProceed, UsageError
from repro.execution.machine import current_umask, describe_machine, describe_place, time_zone
from repro.model.data.content import Item
from repro.model.dataclass import dataclass, field
from repro.model.environments.edited_file import NONE_EDITED, EditedFiles
from repro.model.environments.environment import Environment, ImageEnvironment
from repro.model.finding import Finding
from repro.model.names import RelPath, UnsafePath, check_path, is_within, name_to_text
from repro.model.run_id import check_run_name, make_run_id
from repro.model.runs.determinism import recorded_variables
from repro.model.runs.manifest import Code, Manifest
from repro.model.runs.recipe import Recipe, check_directory, recipe_id
from repro.model.runs.run_state import State
from repro.model.values import BadValues, parse_assignments, read_values
from repro.model.watching.observations import Observations
from repro.project import Project
from repro.store.records.runs import RunIdTaken


class UnsafeWorkingDirectory(CannotProceed):
    """The current directory is none that a record may name: inside `.repro/`, for example."""

    id = "unsafe-working-directory"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user says of a run, as it was typed."""

    command: tuple[str, ...] = ()
    name: str | None = None
    message: str | None = None
    parameters: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    offline: bool = False
    watch: str | None = None


@dataclass(frozen=True, slots=True)
class _Ingredients:
    code: CodeSnapshot
    data: tuple[Item, ...]
    environment: Environment | None
    observed: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    recorded_command: tuple[str, ...] = ()
    edited: EditedFiles = NONE_EDITED


def freeze(project: Project, options: RunOptions) -> Manifest:
    """Record code, data and environment as they are now, and return the open manifest, which is on disk.

    Its `missing_outputs` are the declared outputs: they are still to be made.

    Raises:
        InputMissing, CannotProceed: an ingredient cannot be recorded.
        UsageError: a parameter, a path or a settings file has no meaning.
    """
    _check_texts(options)
    parameters = _parameters(project, options.parameters)
    outputs = declared_outputs(project, options.outputs)
    cache = project.cache()
    cache.settle()
    ingredients = _capture(project, options, outputs)
    recipe = _recipe(project, ingredients, parameters, outputs)
    code = pack_code(project, ingredients.code, cache)
    cache.flush()
    manifest = _create(project, options, ingredients, recipe, code, outputs)
    keep_commit(project.root, manifest.run, ingredients.code.commit)
    mark_start(project, manifest.run)
    return manifest


def declared_outputs(project: Project, named: Sequence[str]) -> tuple[RelPath, ...]:
    """Return the declared outputs: those of the settings, and `named` as the user gave them."""
    paths = (*project.settings.outputs, *(inside(project, path) for path in named))
    return tuple(dict.fromkeys(paths))


def _check_texts(options: RunOptions) -> None:
    for text in (*options.command, options.name or "", options.message or "", *options.parameters):
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = name_to_text(text.encode("utf-8", "surrogateescape"))
            raise UsageError(f"'{shown}' is not UTF-8 text and cannot be recorded") from None
    if options.name is not None:
        check_run_name(options.name)


def _parameters(project: Project, assignments: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in project.settings.parameters:
        shown = name_to_text(path)
        try:
            with open(os.path.join(os.fsencode(project.root), path), "rb") as file:
                found[shown] = read_values(file.read(), shown)
        except (FileNotFoundError, IsADirectoryError):
            raise BadValues(f"the parameter file {shown} is not there", "repro.yaml names it (parameters)") from None
    return found | parse_assignments(assignments)


def _capture(project: Project, options: RunOptions, outputs: tuple[RelPath, ...]) -> _Ingredients:
    code = snapshot_work_tree(project.root)
    large = [check_path(path) for path in code.large if not any(is_within(path, output) for output in outputs)]
    named = (*project.settings.inputs, *(inside(project, path) for path in options.inputs), *large)
    inputs = capture_inputs(project, named, outputs, project.cache())
    environment = capture_environment(project, options.command, offline=options.offline)
    return _Ingredients(
        code,
        inputs.items,
        environment.environment,
        environment.observed,
        (*code.findings, *map(_large_file, large), *inputs.findings, *environment.findings),
        environment.command,
        environment.edited,
    )


def _large_file(path: bytes) -> Finding:
    shown = name_to_text(path)
    detail = "is large and untracked: it is recorded as data, not as code"
    return Finding("large-file", detail, shown, hint=f"`repro add {shown}` tracks it, `.gitignore` leaves it out")


def _recipe(
    project: Project, ingredients: _Ingredients, parameters: Mapping[str, object], outputs: Sequence[RelPath]
) -> Recipe:
    machine = describe_machine()
    code = ingredients.code
    variables = recorded_variables(
        _variables_for(project, ingredients.environment),
        project.settings.variables,
        project.root,
        time_zone(project.environ),
    )
    return Recipe(
        command=ingredients.recorded_command,
        directory=_working_directory(project),
        code=tree_without(project.root, code.commit, [bytes(path) for path in outputs]),
        data=ingredients.data,
        environment=ingredients.environment,
        parameters=parameters,
        variables=variables,
        umask=f"{current_umask():04o}",
        cpus=machine.cpus,
    )


def _variables_for(project: Project, environment: Environment | None) -> Mapping[str, str]:
    """Return the caller's variables; of an image, without the folders of this machine that Python would look into."""
    if isinstance(environment, ImageEnvironment) and "PYTHONPATH" not in project.settings.variables:
        return {name: value for name, value in project.environ.items() if name != "PYTHONPATH"}
    return project.environ


def _working_directory(project: Project) -> bytes:
    """Return where the command runs; what could not be read back is refused before it runs."""
    try:
        return check_directory(project.relative(project.cwd))
    except UnsafePath as error:
        raise UnsafeWorkingDirectory(f"no run can be recorded here: {error.message}", "go to another folder") from None


def _create(
    project: Project,
    options: RunOptions,
    ingredients: _Ingredients,
    recipe: Recipe,
    code: Code,
    outputs: tuple[RelPath, ...],
) -> Manifest:
    records = project.records()
    now = datetime.now(UTC)
    while True:
        manifest = Manifest(
            run=make_run_id(now, recipe_id(recipe), records.run_ids()),
            recipe=recipe,
            code=code,
            state=State.OPEN,
            observations=Observations(
                repro=__version__,
                created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                machine=describe_machine(),
                environment=ingredients.observed,
                findings=ingredients.findings,
                place=describe_place(project.root, project.environ),
            ),
            name=options.name,
            message=options.message,
            missing_outputs=outputs,
            edited=ingredients.edited,
        )
        try:
            records.create(manifest)
            return manifest
        except RunIdTaken:
            continue  # another run began in this second: the next look finds its id taken
