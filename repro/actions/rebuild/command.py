"""The command of a rebuild, under the circumstances that the recipe pins."""

from __future__ import annotations

import os
from collections.abc import Mapping

from repro.actions.rebuild.misses import listening
from repro.actions.rebuild.sandbox import Setting
from repro.errors import IntegrityError
from repro.execution.machine import processors_for
from repro.execution.pinning import PINNING_SITE
from repro.execution.process import CommandNotExecutable, CommandNotFound, Execution, Outcome
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.determinism import rebuild_environment
from repro.model.runs.manifest import Manifest
from repro.model.runs.parameters import parameter_variables
from repro.model.runs.pins import is_pinned, with_site
from repro.model.runs.recipe import ROOT, Recipe

_STDERR = 2


class DirectoryOutside(IntegrityError):
    """The recorded working directory of a command lies behind a link that leaves the project."""

    id = "unsafe-path"


def execute_recipe(
    manifest: Manifest, recipe: Recipe, setting: Setting, asked: Mapping[str, str], findings: list[Finding]
) -> Outcome:
    """Run a recipe's command with its variables, umask and processors, and return how it ended.

    Args:
        manifest: of the run that is rebuilt; the command sees its id as `REPRO_RUN_ID`.
        recipe: what is executed: the run's, or a variation of it.
        setting: where it runs.
        asked: variables that ask libraries for what the run had; the recipe's own count more.
        findings: gets what could not be given to the command as it was.
    """
    cpus = processors_for(recipe.cpus)
    if cpus is None:
        detail = f"the run could use {recipe.cpus} processors, here are {len(os.sched_getaffinity(0))}"
        findings.append(Finding("fewer-processors", f"{detail}: as many threads are asked for by variables"))
    realised, root = setting.realised, os.fsdecode(setting.view.root)
    base = setting.environ if realised is None else realised.child_environ(setting.environ)
    environ = {**asked, **rebuild_environment(base, recipe.variables, root, None if cpus else recipe.cpus)}
    environ |= dict(realised.variables) if realised else {}
    environ |= parameter_variables(recipe.parameters)
    environ |= {"REPRO_RUN_ID": manifest.run, "REPRO_ROOT": root}
    environ = with_site(environ, PINNING_SITE) if is_pinned(recipe.variables) else environ
    cwd = root if recipe.directory == ROOT else os.path.join(root, os.fsdecode(recipe.directory))
    umask = int(recipe.umask, 8)
    try:
        # The command's stdout is talk here: a rebuild's own stdout is its verdict.
        starter = realised.starter if realised else ()
        command = listening(setting, manifest, [*starter, *recipe.command])
        return setting.sandbox.execute(Execution(command, cwd, environ, umask, cpus, _STDERR))
    except (CommandNotFound, CommandNotExecutable) as error:
        findings.append(Finding(error.id, error.message, hint=error.hint))
        return Outcome(127 if isinstance(error, CommandNotFound) else 126, None, 0.0)


def make_working_directory(directory: bytes, root: str) -> None:
    """Make the directory that the command runs in, where it is not there: git keeps no empty ones.

    Raises:
        DirectoryOutside: a link in the code leads out of it. A recorded directory is free of links.
    """
    if directory == ROOT:
        return
    cwd = os.path.join(root, os.fsdecode(directory))
    if not os.path.realpath(cwd).startswith(os.path.realpath(root) + os.sep):
        raise DirectoryOutside(f"the working directory {name_to_text(directory)!r} leads out of the rebuild's folder")
    os.makedirs(cwd, exist_ok=True)
