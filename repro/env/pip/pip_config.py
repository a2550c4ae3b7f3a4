"""What pip's configuration files say of indexes, as the variables by which pip takes the same.

uv does not read these files. The places and their order are pip's (pip's documentation, "Configuration").
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from functools import cache

_VARIABLES = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "find-links": "PIP_FIND_LINKS",
    "no-index": "PIP_NO_INDEX",
    "cert": "PIP_CERT",
    "keyring-provider": "PIP_KEYRING_PROVIDER",
}
_SECTIONS = ("global", "install")


def with_pip_config(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, and those that pip's files would set; a variable that is set wins over a file.

    A file that cannot be read says nothing.
    """
    said: dict[str, str] = {}
    for path in _files(environ):
        with contextlib.suppress(OSError):
            found = os.stat(path)
            if stat.S_ISREG(found.st_mode):
                said |= _said_by(path, (found.st_size, found.st_mtime_ns, found.st_ino))
    return {**said, **environ}


@cache
def _said_by(path: str, state: tuple[int, ...]) -> dict[str, str]:
    """Return the variables that a file sets; `state` tells one that was changed since it was read."""
    import configparser

    said: dict[str, str] = {}
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return said
    for section in _SECTIONS:
        if parser.has_section(section):
            known = {key.replace("_", "-"): value for key, value in parser.items(section)}
            said |= {name: " ".join(known[key].split()) for key, name in _VARIABLES.items() if known.get(key)}
    return said


def _files(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield pip's configuration files, the nearest last."""
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
        yield os.path.join(folder, "pip", "pip.conf")
    yield "/etc/pip.conf"
    home = environ.get("HOME")
    if home:
        yield os.path.join(home, ".pip", "pip.conf")
        yield os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", "pip.conf")
    if environ.get("VIRTUAL_ENV"):
        yield os.path.join(environ["VIRTUAL_ENV"], "pip.conf")
    if own:
        yield own
