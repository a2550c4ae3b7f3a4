"""Credentials for files of an index, from where pip and uv look: the URL, variables, netrc, the keyring's command.

They go into a request and nowhere else: no lock, record, message or log has them.
"""

from __future__ import annotations

import netrc
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from repro.env.pip.pip_config import with_pip_config
from repro.model.pattern import pattern

_URL_VARIABLES = (
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
)
_NAMED = pattern(r"([A-Za-z0-9_.-]+)=(.+)")
_KEYRING_TIMEOUT_S = 20


def credentials_for(url: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return user and password for a URL; None where nobody knows any.

    In this order: the URL itself; an index of the same host in uv's and pip's variables (and of a named index of uv,
    `UV_INDEX_NAME_USERNAME` and `…_PASSWORD`); netrc; the command `keyring`, where `UV_KEYRING_PROVIDER` or
    `PIP_KEYRING_PROVIDER` says `subprocess`.
    """
    own = _in_url(url)
    if own is not None:
        return own
    environ = with_pip_config(environ)
    place = _place(url)
    user = ""
    for name, index in _indexes(environ):
        if _place(index) != place:
            continue
        given = _in_url(index) or _of_named(name, environ)
        if given is not None and given[1]:
            return given
        user = given[0] if given else user
    return _of_netrc(url, environ) or _of_keyring(url, user, environ)


def bare_url(url: str) -> str:
    """Return a URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _in_url(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if not parts.username and not parts.password:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def _indexes(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name (empty where it has none) and URL of every index that the variables name."""
    for variable in _URL_VARIABLES:
        for word in environ.get(variable, "").replace(",", " ").split():
            named = _NAMED.fullmatch(word) if variable in ("UV_DEFAULT_INDEX", "UV_INDEX") else None
            yield (named.group(1), named.group(2)) if named else ("", word)


def _of_named(name: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    stem = f"UV_INDEX_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"
    user, password = environ.get(f"{stem}_USERNAME"), environ.get(f"{stem}_PASSWORD")
    return (user or "", password or "") if name and (user or password) else None


def _of_netrc(url: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    home = environ.get("HOME", "")
    for path in (environ.get("NETRC"), os.path.join(home, ".netrc"), os.path.join(home, "_netrc")):
        if not path or not os.path.isfile(path):
            continue
        try:
            found = netrc.netrc(path).authenticators(urlsplit(url).hostname or "")
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
            return None
        return (found[0], found[2] or "") if found else None
    return None


def _of_keyring(url: str, user: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    if "subprocess" not in (environ.get("UV_KEYRING_PROVIDER"), environ.get("PIP_KEYRING_PROVIDER")) or not user:
        return None
    scheme, host = _place(url)
    for service in (f"{scheme}://{host}", host):
        try:
            done = subprocess.run(
                ["keyring", "get", service, user],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_KEYRING_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        password = done.stdout.decode("utf-8", "replace").rstrip("\n")
        if done.returncode == 0 and password:
            return user, password
    return None
