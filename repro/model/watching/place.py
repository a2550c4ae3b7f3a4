"""Where a run stood: what a sandbox needs to stand there again. Observed, and checked by whoever uses it."""

from __future__ import annotations

from typing import Any

from repro.model.dataclass import dataclass
from repro.model.names import name_to_text, text_to_name
from repro.model.record import Fields


@dataclass(frozen=True, slots=True)
class Place:
    """The project's root and the user's home, both absolute, and the numbers of user and group."""

    root: bytes
    home: bytes
    uid: int
    gid: int


def place_to_plain(place: Place) -> dict[str, Any]:
    """Return the place as plain values."""
    return {
        "root": name_to_text(place.root),
        "home": name_to_text(place.home),
        "uid": place.uid,
        "gid": place.gid,
    }


def place_from_fields(fields: Fields) -> Place:
    """Read a place. Its paths may be any: whoever uses them checks them.

    Raises:
        BadRecord: a field is missing or of the wrong type.
    """
    return Place(
        root=fields.checked("root", text_to_name),
        home=fields.checked("home", text_to_name),
        uid=fields.integer("uid"),
        gid=fields.integer("gid"),
    )
