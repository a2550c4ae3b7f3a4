"""What files are called in a remote; specified in `docs/reference/remote.md`, section "Layout"."""

from __future__ import annotations

from repro.errors import IntegrityError
from repro.model.digest import Digest
from repro.model.pattern import pattern

MARKER = "repro-remote"

INDEX_LIST = "index-list"

_COMPONENT = r"[A-Za-z0-9_+@~-][A-Za-z0-9._+@~-]{0,254}"
_BY_CONTENT = r"(?:packs|indexes|pointers)(?:/[0-9a-f]{64})?"  # a file, or the folder that it is in
_BY_NAME = rf"(?:objects|runs|rebuilds|archives|condemned)(?:/{_COMPONENT})*"
_NAME = pattern(rf"{MARKER}|{INDEX_LIST}|{_BY_CONTENT}|{_BY_NAME}")
_CONTENT = pattern(r"(?:packs|indexes|pointers)/[0-9a-f]{64}")


class BadRemoteFileName(IntegrityError):
    """A name that may not stand in a remote: it could lead out of it, or to a file that is not its own."""

    id = "bad-remote-file-name"


def is_remote_name(name: str) -> bool:
    """Whether a file of a remote, or a folder above it, may be called so."""
    return bool(_NAME.fullmatch(name)) and len(name) <= 1024


def check_remote_name(name: str) -> str:
    """Return `name`.

    Raises:
        BadRemoteFileName: no file of a remote may be called so.
    """
    if not is_remote_name(name):
        raise BadRemoteFileName(f"{name[:200]!r} cannot be the name of a file in a remote")
    return name


def pack_name(digest: Digest) -> str:
    """Return what the pack is called."""
    return f"packs/{digest[3:]}"


def index_name(digest: Digest) -> str:
    """Return what the index is called."""
    return f"indexes/{digest[3:]}"


def pointer_name(digest: Digest) -> str:
    """Return what the pointer file with these bytes is called."""
    return f"pointers/{digest[3:]}"


def digest_in_name(name: str) -> Digest | None:
    """Return the digest that the name of a pack, an index or a pointer promises; None of any other name."""
    return Digest("b3:" + name.rpartition("/")[2]) if _CONTENT.fullmatch(name) else None


def is_content_name(name: str) -> bool:
    """Whether the file is named by its content: who writes it again writes the same."""
    return bool(_CONTENT.fullmatch(name)) or is_object_name(name)


def object_name(digest: Digest) -> str:
    """Return what the object is called."""
    return f"objects/{digest[3:5]}/{digest[5:]}"


def is_object_name(name: str) -> bool:
    """Whether the file is an object, named by its content."""
    return name.startswith("objects/")
