"""The pieces of a run: every object that must be there for a rebuild, by what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.dataclass import dataclass
from repro.model.environments.environment import named_objects
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest


class Part(StrEnum):
    """What a piece is for."""

    CODE = "code"
    DATA = "data"
    ENVIRONMENT = "environment"
    ARCHIVE = "archive"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Piece:
    """One object, or a directory's tree with everything below it. `path` is for messages, in text form."""

    part: Part
    path: str
    root: Content | ObjectRef


def pieces_of(manifest: Manifest) -> Iterator[Piece]:
    """Yield the pieces of a run. A symlink is in the manifest itself and is no piece."""
    yield Piece(Part.CODE, "code", manifest.code.pack)
    for submodule in manifest.code.submodules:
        yield Piece(Part.CODE, name_to_text(submodule.path), submodule.pack)
    for item in manifest.recipe.data:
        if item.content.kind is not Kind.SYMLINK:
            yield Piece(Part.DATA, name_to_text(item.path), item.content)
    for outside in manifest.recipe.outside:
        if outside.content.kind is not Kind.SYMLINK and outside.path not in manifest.unstored:
            yield Piece(Part.DATA, name_to_text(outside.path), outside.content)
    for part in manifest.reads:
        yield Piece(Part.DATA, f"list of what was read of {name_to_text(part.path)}", part.names)
    if manifest.recipe.environment:
        for called, named in named_objects(manifest.recipe.environment):
            yield Piece(Part.ENVIRONMENT, called, named)
    for output in manifest.outputs:
        if output.content.kind is not Kind.SYMLINK:
            yield Piece(Part.OUTPUT, name_to_text(output.path), output.content)
