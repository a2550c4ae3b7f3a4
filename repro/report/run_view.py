"""One run as a person reads it: what was run, on what, with what outcome."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from repro.model.data.content import Content
from repro.model.environments.environment import Environment, in_a_line
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.recipe import ROOT, recipe_id
from repro.model.values import flatten
from repro.report.terminal import amount


def run_lines(manifest: Manifest, rebuilds: Sequence[RebuildRecord]) -> Iterator[str]:
    """Yield the lines that show a run; the manifest file has the rest."""
    yield f"run         {manifest.run}" + (f" ({manifest.name})" if manifest.name else "")
    if manifest.message:
        yield f"message     {manifest.message}"
    yield from _outcome(manifest)
    yield f"recipe      {recipe_id(manifest.recipe)}"
    command = shlex.join(manifest.recipe.command) or "(not known)"
    directory = manifest.recipe.directory
    yield f"command     {command}" + (f"  (in {name_to_text(directory)})" if directory != ROOT else "")
    yield from _code(manifest)
    yield f"environment {_environment(manifest.recipe.environment)}"
    yield from _inputs(manifest)
    for name, value in flatten(manifest.recipe.parameters):
        yield f"parameter   {name} = {value}"
    for name, text in manifest.recipe.variables.items():
        yield f"variable    {name}={text}"
    for output in manifest.outputs:
        how = "" if output.declared else "  (found)"
        yield f"output      {name_to_text(output.path)}  {_content(output.content)}{how}"
    for path in manifest.missing_outputs:
        yield f"output      {name_to_text(path)}  not made"
    for file, values in manifest.metrics.items():
        for name, value in flatten(values) if isinstance(values, dict) else ():
            yield f"metric      {name} = {value}  ({file})"
    for finding in manifest.observations.findings:
        yield f"finding     {finding.kind}: {f'{finding.path}: ' if finding.path else ''}{finding.detail}"
    for record in rebuilds:
        where = f"{record.machine.user}@{record.machine.host}"
        yield f"rebuild     {record.verdict}  {record.started}  {where}  {record.duration_s} s"


def _inputs(manifest: Manifest) -> Iterator[str]:
    for item in manifest.recipe.data:
        yield f"input       {name_to_text(item.path)}  {_content(item.content)}"
    for outside in manifest.recipe.outside:
        kept = "  (not stored)" if outside.path in manifest.unstored else ""
        yield f"input       {name_to_text(outside.path)}  {_content(outside.content)}{kept}"
    for folder in sorted((*manifest.recipe.folders, *manifest.folders)):
        yield f"input       {name_to_text(folder)}/  (had to be there)"


def _outcome(manifest: Manifest) -> Iterator[str]:
    seen = manifest.observations
    state = str(manifest.state) + (", tainted" if manifest.tainted else "")
    if seen.signal or seen.exit_code:
        state += f" ({seen.signal or f'exit code {seen.exit_code}'})"
    yield f"state       {state}"
    when = seen.started or seen.created
    took = f", took {seen.duration_s} s" if seen.duration_s is not None else ""
    machine = seen.machine
    yield f"when        {when}{took}"
    yield f"where       {machine.user}@{machine.host}, {machine.system}, {machine.cpus} processors"


def _code(manifest: Manifest) -> Iterator[str]:
    code = manifest.code
    text = code.commit
    if code.dirty and code.head:
        text += f", on {code.head[:12]} with uncommitted changes"
    yield f"code        {text}" + (f" ({code.branch})" if code.branch else "")
    for submodule in code.submodules:
        yield f"submodule   {name_to_text(submodule.path)}  {submodule.commit}"


def _environment(environment: Environment | None) -> str:
    if environment is None:
        return "not recorded"
    return in_a_line(environment) + (
        f", not pinned: {', '.join(environment.unlocked[:5])}" if environment.unlocked else ""
    )


def _content(content: Content) -> str:
    if content.target is not None:
        return f"-> {name_to_text(content.target)}"
    return f"{amount(content.size)}  {content.digest}"
