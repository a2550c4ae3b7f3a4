"""URLs of conda channels and packages without what is secret in them.

Three things in such a URL may be a secret: `user:password@`, the path's `/t/TOKEN/` (anaconda.org's form of a token),
and a query. A URL that is written anywhere has none of them.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from repro.model.pattern import pattern

DEFAULT_HOST = "https://conda.anaconda.org"
"""Where a channel is that goes by a mere name; conda's own default."""

_TOKEN = pattern(r"/t/[^/]+(?=/|$)")
_IN_TEXT = pattern(r"(?<=://)[^/@\s'\"]+@|/t/[^/\s'\"]+(?=/)")
_VARIABLE = pattern(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_URL = pattern(r"(?:https|http|file)://[!-~]+")  # printable ASCII, no blanks


def without_secrets(url: str) -> str:
    """Return a URL without user, password, token, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _TOKEN.sub("", parts.path), "", ""))


def hide_secrets(text: str) -> str:
    """Return a message of somebody else's without the credentials of the URLs in it."""
    return _IN_TEXT.sub(lambda found: "" if found.group().endswith("@") else "/t/…", text)


def is_plain_url(url: str) -> bool:
    """Whether a URL can be asked for: http, https or file, printable, and without anything secret."""
    if not _URL.fullmatch(url):
        return False
    try:
        return without_secrets(url) == url
    except ValueError:
        return False


def channel_url(text: str) -> str:
    """Return a channel, given by name or by URL, as a URL without a slash at its end; what is secret in it stays.

    `conda-forge/label/dev` is a channel of the default host; `defaults` is the host's `main`.
    """
    if "://" in text:
        return text.rstrip("/")
    if text.startswith("/"):
        return "file://" + text.rstrip("/")
    return f"{DEFAULT_HOST}/{'main' if text == 'defaults' else text.strip('/')}"


def variables_in(text: str) -> tuple[str, ...]:
    """Return the names of the environment variables that a channel's URL takes its secret from: `$NAME`, `${NAME}`."""
    return tuple(dict.fromkeys(braced or plain for braced, plain in _VARIABLE.findall(text)))


def with_variables(text: str, values: dict[str, str]) -> str:
    """Return `text` with the values of the variables in it; one that has no value stays."""
    return _VARIABLE.sub(lambda found: values.get(found.group(1) or found.group(2), found.group()), text)


def without_literal_secrets(url: str) -> str:
    """Return a URL in which whatever is secret is a variable's name, or else gone.

    `https://$USER:$PASSWORD@host/t/${TOKEN}/chan` stays as it is.
    """
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    kept = user and all(_VARIABLE.fullmatch(word) for word in user.split(":"))
    path = _TOKEN.sub(lambda found: found.group() if _VARIABLE.fullmatch(found.group()[3:]) else "", parts.path)
    return urlunsplit((parts.scheme, f"{user}@{host}" if kept else host, path, "", ""))
