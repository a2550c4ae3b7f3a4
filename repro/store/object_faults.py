"""What can be wrong with an object of the cache."""

from __future__ import annotations

from repro.errors import CannotProceed, IntegrityError


class MissingObject(CannotProceed):
    """An object that is needed is not in the cache."""

    id = "missing-object"


class CorruptObject(IntegrityError):
    """An object's bytes are not what its digest says; the file was set aside under `quarantine/`."""

    id = "corrupt-object"


class SizeLie(CorruptObject):
    """An object is intact, and its length is not what a record says it is."""

    id = "size-lie"
