"""The manifest: the file that says all of one run. Its layout is in `docs/reference/format.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.model.data.content import Content, Item, ObjectRef
from repro.model.data.content_record import (
    item_from_fields,
    item_to_plain,
    ref_from_fields,
    ref_to_plain,
)
from repro.model.dataclass import dataclass, field
from repro.model.environments.edited_file import NONE_EDITED, EditedFiles, edited_from_fields, edited_to_plain
from repro.model.names import RelPath, name_to_text, parse_path, text_to_name
from repro.model.record import Fields
from repro.model.run_id import RunId, parse_run_id
from repro.model.runs.outside import parse_outside
from repro.model.runs.recipe import Recipe, distinct_paths, git_id, recipe_from_fields, recipe_id, recipe_to_plain
from repro.model.runs.run_state import State
from repro.model.watching.observations import Observations, observations_from_fields, observations_to_plain
from repro.model.watching.watch_record import ReadPart, read_part_from_fields, read_part_to_plain
from repro.model.yaml.strict import dump_yaml, load_yaml

FORMAT = 1
_HEADER = "# A run as repro recorded it. Facts are hashed and compared; observations are only shown.\n"


@dataclass(frozen=True, slots=True)
class SubmoduleCode:
    """The code of one git submodule: its path, the commit, and the object that holds its pack."""

    path: RelPath
    commit: str
    pack: ObjectRef


@dataclass(frozen=True, slots=True)
class Code:
    """Where the recipe's code is: the commit, and the object that holds it as a shallow git pack.

    `head` and `branch` say what was checked out; `dirty` is whether the work tree differed from `head`.
    """

    commit: str
    pack: ObjectRef
    head: str | None = None
    branch: str | None = None
    dirty: bool = False
    submodules: tuple[SubmoduleCode, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """Something that a run made; `declared` tells a named output from one that was found."""

    path: RelPath
    content: Content
    declared: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """One run.

    `tainted` lists the paths that changed under it, so that nobody can vouch for what it read. `unstored` are paths of
    `recipe.outside` of which the digest alone is kept; `reads` says which part of a directory of
    `recipe.data` was read. `folders` had to be there to be written into: the rest is in `recipe.folders`.
    `edited` are files of the environment that were not as installed.
    """

    run: RunId
    recipe: Recipe
    code: Code
    state: State
    observations: Observations
    name: str | None = None
    message: str | None = None
    tainted: tuple[bytes, ...] = ()
    outputs: tuple[Output, ...] = ()
    missing_outputs: tuple[RelPath, ...] = ()
    unstored: tuple[bytes, ...] = ()
    folders: tuple[RelPath, ...] = ()
    reads: tuple[ReadPart, ...] = ()
    edited: EditedFiles = NONE_EDITED
    metrics: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    extra_facts: Mapping[str, Any] = field(default_factory=dict)


def render_manifest(manifest: Manifest) -> bytes:
    """Return the manifest file's bytes: the same value gives the same bytes."""
    facts: dict[str, Any] = {
        "recipe": {"id": recipe_id(manifest.recipe), **recipe_to_plain(manifest.recipe)},
        "code": _code_to_plain(manifest.code),
        "outputs": [_output_to_plain(output) for output in sorted(manifest.outputs, key=lambda o: o.path)],
    }
    if manifest.unstored:
        facts["unstored"] = [name_to_text(path) for path in sorted(manifest.unstored)]
    if manifest.folders:
        facts["folders"] = [name_to_text(path) for path in sorted(manifest.folders)]
    if manifest.reads:
        facts["reads"] = [read_part_to_plain(part) for part in sorted(manifest.reads, key=lambda p: p.path)]
    if manifest.missing_outputs:
        facts["missing_outputs"] = [name_to_text(path) for path in sorted(manifest.missing_outputs)]
    facts |= edited_to_plain(manifest.edited)
    facts["metrics"] = dict(manifest.metrics)
    plain: dict[str, Any] = {"repro": FORMAT, "run": str(manifest.run)}
    plain |= {"name": manifest.name} if manifest.name is not None else {}
    plain |= {"message": manifest.message} if manifest.message is not None else {}
    plain |= {"state": str(manifest.state)}
    plain |= {"tainted": [name_to_text(path) for path in sorted(manifest.tainted)]} if manifest.tainted else {}
    plain |= {"facts": facts | dict(manifest.extra_facts)}
    plain |= {"observations": observations_to_plain(manifest.observations), **manifest.extra}
    return (_HEADER + dump_yaml(plain)).encode()


def parse_manifest(data: bytes, what: str) -> Manifest:
    """Read a manifest, from here or from elsewhere.

    Args:
        data: the file's bytes.
        what: the file's name, for messages.

    Raises:
        BadYaml, BadRecord: malformed, unsafe, or edited after it was written.
        NewerFormat: written by a newer repro.
    """
    fields = Fields(load_yaml(data, what), what)
    fields.version(FORMAT)
    facts = fields.fields("facts")
    outputs = facts.records("outputs", _output_from_fields)
    problem = distinct_paths(tuple(Item(output.path, output.content) for output in outputs))
    if problem:
        raise facts.bad(f"outputs: {problem}")
    return Manifest(
        run=fields.checked("run", parse_run_id),
        name=fields.optional_text("name"),
        message=fields.optional_text("message"),
        state=fields.checked("state", State),
        tainted=fields.checked_texts("tainted", text_to_name),
        recipe=recipe_from_fields(facts.fields("recipe")),
        code=_code_from_fields(facts.fields("code")),
        outputs=outputs,
        missing_outputs=facts.checked_texts("missing_outputs", parse_path),
        unstored=facts.checked_texts("unstored", parse_outside),
        folders=facts.checked_texts("folders", parse_path),
        reads=facts.records("reads", read_part_from_fields),
        edited=edited_from_fields(facts),
        metrics=facts.plain_map("metrics"),
        observations=observations_from_fields(fields.fields("observations")),
        extra=fields.rest(),
        extra_facts=facts.rest(),
    )


def _code_to_plain(code: Code) -> dict[str, Any]:
    plain: dict[str, Any] = {"commit": code.commit, "head": code.head, "branch": code.branch, "dirty": code.dirty}
    plain["pack"] = ref_to_plain(code.pack)
    if code.submodules:
        plain["submodules"] = [
            {"path": name_to_text(sub.path), "commit": sub.commit, "pack": ref_to_plain(sub.pack)}
            for sub in sorted(code.submodules, key=lambda s: s.path)
        ]
    return plain


def _code_from_fields(fields: Fields) -> Code:
    submodules = fields.records("submodules", _submodule_from_fields)
    if len({submodule.path for submodule in submodules}) != len(submodules):
        raise fields.bad("submodules: a path stands twice")
    return Code(
        commit=fields.checked("commit", git_id),
        pack=ref_from_fields(fields.fields("pack")),
        head=fields.checked("head", git_id) if fields.optional_text("head") else None,
        branch=fields.optional_text("branch"),
        dirty=fields.boolean("dirty"),
        submodules=submodules,
    )


def _submodule_from_fields(fields: Fields) -> SubmoduleCode:
    return SubmoduleCode(
        fields.checked("path", parse_path), fields.checked("commit", git_id), ref_from_fields(fields.fields("pack"))
    )


def _output_to_plain(output: Output) -> dict[str, Any]:
    plain = item_to_plain(Item(output.path, output.content))
    return plain if output.declared else plain | {"found": True}


def _output_from_fields(fields: Fields) -> Output:
    item = item_from_fields(fields)
    return Output(item.path, item.content, not fields.boolean("found"))
