"""Content, items and object references as they stand in manifests, pointers and rebuild records."""

from __future__ import annotations

from typing import Any

from repro.model.data.content import Content, Item, Kind, ObjectRef
from repro.model.data.tree import MAX_TARGET
from repro.model.digest import parse_digest
from repro.model.names import name_to_text, parse_path, text_to_name
from repro.model.record import Fields


def content_to_plain(content: Content) -> dict[str, Any]:
    """Return `kind`, `size` and `digest` or `target`."""
    plain: dict[str, Any] = {"kind": str(content.kind), "size": content.size}
    if content.target is not None:
        plain["target"] = name_to_text(content.target)
    else:
        plain["digest"] = content.digest
    return plain


def content_from_fields(fields: Fields) -> Content:
    """Read content.

    Raises:
        BadRecord: a field is missing or impossible.
    """
    kind = fields.checked("kind", Kind)
    size = fields.integer("size")
    if kind is not Kind.SYMLINK:
        return Content(kind, size, digest=fields.checked("digest", parse_digest))
    target = fields.checked("target", text_to_name)
    if not target or b"\0" in target or len(target) > MAX_TARGET or len(target) != size:
        raise fields.bad("the symlink's target and size do not agree, or no file system takes it")
    return Content(kind, size, target=target)


def item_to_plain(item: Item) -> dict[str, Any]:
    """Return `path` and the content's fields."""
    return {"path": name_to_text(item.path), **content_to_plain(item.content)}


def item_from_fields(fields: Fields) -> Item:
    """Read an item; its path is inside the project.

    Raises:
        BadRecord: a field is missing or impossible, or the path unsafe.
    """
    return Item(fields.checked("path", parse_path), content_from_fields(fields))


def ref_to_plain(ref: ObjectRef) -> dict[str, Any]:
    """Return `size` and `digest`."""
    return {"size": ref.size, "digest": ref.digest}


def ref_from_fields(fields: Fields) -> ObjectRef:
    """Read an object reference.

    Raises:
        BadRecord: a field is missing or impossible.
    """
    return ObjectRef(fields.checked("digest", parse_digest), fields.integer("size"))
