"""The recipe: all that determines a result, and its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from repro.model.canonical import canonical_digest
from repro.model.data.content import Item
from repro.model.data.content_record import item_from_fields, item_to_plain
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.environments.environment import Environment
from repro.model.environments.environment_record import environment_from_fields, environment_to_plain
from repro.model.names import RelPath, check_path, name_to_text, parse_path, text_to_name
from repro.model.pattern import pattern
from repro.model.record import Fields
from repro.model.runs.outside import OutsideItem, outside_from_fields, outside_to_plain

ROOT = b"."
_GIT_ID = pattern(r"[0-9a-f]{40}")
_UMASK = pattern(r"0[0-7]{3}")
_VARIABLE = pattern(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Recipe:
    """The three ingredients pinned, plus command, working directory, parameters and recorded variables.

    Attributes:
        command: the program and its arguments; empty for a snapshot of which the command is not known.
        directory: where it runs, relative to the project's root; `b"."` is the root.
        code: id of the git tree without `.repro/` and without the run's own outputs (40 hex digits).
        data: inputs inside the project, sorted by path.
        outside: inputs outside it, found by watching, sorted by path.
        folders: directories inside the project that had to be there, and that nothing else brings, sorted.
        environment: None where none was recorded.
        parameters: plain values by name; parameter files stand under their path.
        variables: environment variables that repro sets or that were asked to be recorded.
        umask: four octal digits.
        cpus: how many processors the command could use: libraries split their sums by it.
    """

    command: tuple[str, ...]
    directory: bytes
    code: str
    data: tuple[Item, ...]
    environment: Environment | None
    outside: tuple[OutsideItem, ...] = ()
    folders: tuple[RelPath, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    umask: str = "0022"
    cpus: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)


def recipe_to_plain(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain values, without its id."""
    outside = [outside_to_plain(item) for item in sorted(recipe.outside, key=lambda i: i.path)]
    return {
        "command": list(recipe.command),
        "directory": name_to_text(recipe.directory),
        "code": recipe.code,
        "data": [item_to_plain(item) for item in sorted(recipe.data, key=lambda i: i.path)],
        "environment": environment_to_plain(recipe.environment) if recipe.environment else None,
        "parameters": dict(recipe.parameters),
        "variables": dict(sorted(recipe.variables.items())),
        "umask": recipe.umask,
        "cpus": recipe.cpus,
        **({"outside": outside} if outside else {}),
        **({"folders": [name_to_text(path) for path in sorted(recipe.folders)]} if recipe.folders else {}),
        **recipe.extra,
    }


def recipe_id(recipe: Recipe) -> Digest:
    """Return the digest of the recipe's canonical JSON."""
    return canonical_digest(recipe_to_plain(recipe))


def recipe_from_fields(fields: Fields) -> Recipe:
    """Read a recipe and check its id.

    Raises:
        BadRecord: a field is missing or impossible, or the id is not this recipe's.
    """
    claimed = fields.text("id")
    # Over what stands in the file, so that a field of a later version is part of the identity.
    actual = canonical_digest({key: value for key, value in fields.raw().items() if key != "id"})
    if actual != claimed:
        raise fields.bad(f"the id is {claimed}, but the recipe's digest is {actual}: it was edited")
    environment = fields.optional_fields("environment")
    recipe = Recipe(
        command=fields.checked_texts("command", _argument),
        directory=fields.checked("directory", _directory),
        code=fields.checked("code", git_id),
        data=_distinct(fields, fields.records("data", item_from_fields)),
        outside=_outside(fields),
        folders=fields.checked_texts("folders", parse_path),
        environment=environment_from_fields(environment) if environment else None,
        parameters=_parameters(fields),
        variables=_variables(fields),
        umask=fields.checked("umask", _umask),
        cpus=_cpus(fields),
        extra=fields.rest(),
    )
    if recipe_id(recipe) != claimed:  # else the record would get another id when it is written again
        raise fields.bad("it holds a field in a place, or a list in an order, that this repro does not write")
    return recipe


def git_id(text: str) -> str:
    """Return `text` if it is a git object id of 40 hex digits, else raise ValueError."""
    if not _GIT_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not a git object id")
    return text


def distinct_paths(items: Sequence[Item | OutsideItem]) -> str | None:
    """Return what is wrong with the items' paths: one stands twice, or inside another; None if nothing is."""
    paths: list[bytes] = sorted(item.path for item in items)
    known = set(paths)
    if len(known) != len(paths):
        return "a path stands twice"
    for path in paths:
        parts = path.split(b"/")
        for end in range(2 if path.startswith(b"/") else 1, len(parts)):
            parent = b"/".join(parts[:end])
            if parent in known:
                return f"{name_to_text(path)!r} lies inside {name_to_text(parent)!r}"
    return None


def _distinct(fields: Fields, items: tuple[Item, ...]) -> tuple[Item, ...]:
    problem = distinct_paths(items)
    if problem:
        raise fields.bad(f"data: {problem}")
    return items


def _outside(fields: Fields) -> tuple[OutsideItem, ...]:
    items = fields.records("outside", outside_from_fields)
    problem = distinct_paths(items)
    if problem:
        raise fields.bad(f"outside: {problem}")
    return items


def _variables(fields: Fields) -> dict[str, str]:
    found = fields.text_map("variables")
    for name, value in found.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise fields.bad(f"variables: {name}={value!r} cannot be set")
    return found


def check_directory(raw: bytes) -> bytes:
    """Return `raw` if a command's working directory may be called so: a path inside the project, or its root.

    Raises:
        UnsafePath: it is neither.
    """
    return raw if raw == ROOT else check_path(raw)


def _directory(text: str) -> bytes:
    return check_directory(text_to_name(text))


def _umask(text: str) -> str:
    if not _UMASK.fullmatch(text):
        raise ValueError(f"{text!r} is not four octal digits, the first of them 0")
    return text


def _argument(text: str) -> str:
    if "\0" in text:
        raise ValueError("no program can be started with a NUL byte in its arguments")
    return text


def _parameters(fields: Fields) -> dict[str, Any]:
    found = fields.plain_map("parameters")
    for name, value in found.items():
        if isinstance(value, str) and "\0" in value:  # it becomes a variable, see repro.model.runs.parameters
            raise fields.bad(f"parameters: {name} holds a NUL byte")
    return found


def _cpus(fields: Fields) -> int:
    found = fields.integer("cpus")
    if found < 1:
        raise fields.bad("cpus is 0")
    return found
