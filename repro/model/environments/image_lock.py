"""The lock of a container image as a file of the project: an environment's record, to be committed."""

from __future__ import annotations

from repro.model.environments.environment import ImageEnvironment
from repro.model.environments.environment_record import environment_from_fields, environment_to_plain
from repro.model.record import Fields
from repro.model.yaml.strict import dump_yaml, load_yaml

LOCK_FILE = "image.lock"
FORMAT = 1
_HEADER = "# A container image pinned by repro: commit this file. `repro env lock` writes it anew.\n"


def render_image_lock(environment: ImageEnvironment) -> bytes:
    """Return the lock file's bytes; the same image gives the same bytes."""
    return (_HEADER + dump_yaml({"repro": FORMAT, **environment_to_plain(environment)})).encode()


def parse_image_lock(data: bytes, what: str) -> ImageEnvironment:
    """Read a lock file.

    Raises:
        BadYaml, BadRecord: it is not one.
        NewerFormat: written by a newer repro.
    """
    fields = Fields(load_yaml(data, what), what)
    fields.version(FORMAT)
    found = environment_from_fields(fields)
    if not isinstance(found, ImageEnvironment):
        raise fields.bad(f"it locks an environment of kind {found.kind}, not an image")
    return found
