"""The command of a rebuild, under the circumstances that the recipe pins."""

from __future__ import annotations

import os

from repro.env.kinds import Realised
from repro.errors import IntegrityError
from repro.execution.machine import processors_for
from repro.execution.process import CommandNotExecutable, CommandNotFound, Outcome, execute
from repro.model.determinism import rebuild_environment
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.parameters import parameter_variables
from repro.model.recipe import ROOT, Recipe
from repro.model.run_id import RunId
from repro.project import Workspace

_STDERR = 2


class DirectoryOutside(IntegrityError):
    """The recorded working directory of a command lies behind a link that leaves the project."""

    id = "unsafe-path"


def execute_recipe(
    workspace: Workspace, run: RunId, recipe: Recipe, realised: Realised | None, root: str, findings: list[Finding]
) -> Outcome:
    """Run a recipe's command with its variables, umask and processors, and return how it ended.

    Args:
        run: the run that is rebuilt; the command sees it as `REPRO_RUN_ID`.
        realised: the environment; None is whatever is installed here.
        root: where the project stands now.
        findings: gets what could not be given to the command as it was.

    Raises:
        DirectoryOutside: the working directory leads out of `root`.
    """
    cpus = processors_for(recipe.cpus)
    if cpus is None:
        detail = f"the run could use {recipe.cpus} processors, here are {len(os.sched_getaffinity(0))}"
        findings.append(Finding("fewer-processors", f"{detail}: as many threads are asked for by variables"))
    base = workspace.environ if realised is None else realised.child_environ(workspace.environ)
    environ = rebuild_environment(base, recipe.variables, root, None if cpus else recipe.cpus)
    environ |= dict(realised.variables) if realised else {}
    environ |= parameter_variables(recipe.parameters)
    environ |= {"REPRO_RUN_ID": run, "REPRO_ROOT": root}
    cwd = _working_directory(recipe.directory, root)
    umask = int(recipe.umask, 8)
    try:
        # The command's stdout is talk here: a rebuild's own stdout is its verdict.
        return execute(recipe.command, cwd, environ, umask=umask, cpus=cpus, stdout=_STDERR)
    except (CommandNotFound, CommandNotExecutable) as error:
        findings.append(Finding(error.id, error.message, hint=error.hint))
        return Outcome(127 if isinstance(error, CommandNotFound) else 126, None, 0.0)


def _working_directory(directory: bytes, root: str) -> str:
    """Return where the command runs; git keeps no empty directories, so it is made where it is not there.

    Raises:
        DirectoryOutside: a link in the code leads out of it. A recorded directory is free of links.
    """
    if directory == ROOT:
        return root
    cwd = os.path.join(root, os.fsdecode(directory))
    if not os.path.realpath(cwd).startswith(os.path.realpath(root) + os.sep):
        raise DirectoryOutside(f"the working directory {name_to_text(directory)!r} leads out of the rebuild's folder")
    os.makedirs(cwd, exist_ok=True)
    return cwd
