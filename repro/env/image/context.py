"""What a build of an image is given: the Dockerfile and the files that it takes, as one tar.

Of the context's folder only what `COPY` and `ADD` name is sent, minus `.dockerignore`, git's folder, repro's, and the
lock, which is made of the image: then the tar's digest says from what the image was built, and data beside the
Dockerfile costs nothing.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from typing import IO, Any

from blake3 import blake3

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, parse_digest
from repro.model.environments.dockerfile import Dockerfile
from repro.model.environments.image_lock import LOCK_FILE
from repro.model.runs.determinism import EPOCH

_OWN = (".git", ".repro", LOCK_FILE)
_IGNORE = ".dockerignore"


class NoDockerfile(CannotProceed):
    """The Dockerfile is not there, or cannot be read."""

    id = "no-dockerfile"


@dataclass(frozen=True, slots=True)
class ContextPlace:
    """Where a build's files are: `root` is the context's folder, `dockerfile` the file's path relative to it."""

    root: str
    dockerfile: str


def read_text(path: str, shown: str) -> str:
    """Return the Dockerfile's text.

    Raises:
        NoDockerfile: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise NoDockerfile(
            f"the Dockerfile {shown} cannot be read: {reason}", "`environment.file` in repro.yaml names it"
        ) from error


def write_context(place: ContextPlace, dockerfile: Dockerfile, into: IO[bytes]) -> Digest:
    """Write the context as a tar, and return its digest.

    The same files give the same bytes: sorted, without times and owners.
    """
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(_names(place, dockerfile)):
            _add(archive, os.path.join(place.root, name), name)
    into.seek(0)
    hashed = blake3()
    while block := into.read(1 << 20):
        hashed.update(block)
    into.seek(0)
    return parse_digest(f"b3:{hashed.hexdigest()}")


def _names(place: ContextPlace, dockerfile: Dockerfile) -> Iterator[str]:
    from docker.utils import build

    matcher: Any = build.PatternMatcher
    patterns = [*_ignored(place.root), *_OWN, f"!{place.dockerfile}"]
    wanted = None if dockerfile.sources is None else matcher(list(dockerfile.sources))
    yield place.dockerfile
    for name in matcher(patterns).walk(place.root):
        if name not in (place.dockerfile, _IGNORE) and (wanted is None or wanted.matches(name)):
            yield name


def _ignored(root: str) -> list[str]:
    try:
        with open(os.path.join(root, _IGNORE), encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.strip() for line in file]
    except FileNotFoundError:
        return []
    return [line for line in lines if line and not line.startswith("#")]


def _add(archive: tarfile.TarFile, path: str, name: str) -> None:
    info: tarfile.TarInfo | None = archive.gettarinfo(path, arcname=name)
    if info is None:  # a socket, which no image can hold
        return
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = EPOCH  # not 1970: zip archives, which builds may make of these, begin in 1980
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    if info.isreg():
        with open(path, "rb") as file:
            archive.addfile(info, file)
    else:
        archive.addfile(info)
