"""What the fields of an environment's record may say: each of them becomes part of a command line or of a path.

Sources: PEP 503 (normalised names), PEP 440 (versions of Python), git's object ids, RFC 3986 (URLs), the OCI
distribution specification (references to images).
"""

from __future__ import annotations

import re

from repro.model.pattern import pattern

_NAME = pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PYTHON_VERSION = pattern(r"[0-9]+\.[0-9]+\.[0-9]+[0-9a-z+.]*")
_WORD = pattern(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = pattern(r"[0-9a-f]{64}")
_FOLDER = pattern(r"[A-Za-z0-9._+-]+(?:/[A-Za-z0-9._+-]+)*")
# No `$`: uv puts variables of the environment into URLs. No host that begins with `-`: ssh takes it for an option.
_GIT_URL = pattern(r"(?:https|http|ssh|git|file)://(?!-|[^/]*@-)[A-Za-z0-9._~:/?@!&'()*+,;=%\[\]-]+")

_PLATFORM = pattern(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")
# NAME@sha256:…, NAME with the registry's host and port; no user, no password.
_REFERENCE = pattern(r"[a-z0-9][A-Za-z0-9._:-]*(?:/[a-z0-9][a-z0-9._-]*)*@sha256:[0-9a-f]{64}")


def distribution_name(text: str) -> str:
    """Return `text` if it is a normalised name (PEP 503), else raise ValueError."""
    return _matched(_NAME, text, "the normalised name of a distribution")


def python_version(text: str) -> str:
    """Return `text` if it is a whole version of Python, `3.11.7`, else raise ValueError."""
    return _matched(_PYTHON_VERSION, text, "a version of Python")


def platform_word(text: str) -> str:
    """Return `text` if it can be the name of an implementation, an ABI or a platform, else raise ValueError."""
    return _matched(_WORD, text, "a name for an implementation, an ABI or a platform")


def version_text(text: str) -> str:
    """Return `text` if it is one printable line without a blank at its beginning or end, else raise ValueError.

    Not every version that is installed somewhere is one by PEP 440; nothing is installed by these.
    """
    if not text.isprintable() or text != text.strip() or text.startswith("-"):
        raise ValueError(f"{text!r} is not a version")
    return text


def git_url(text: str) -> str:
    """Return `text` if git can be asked for it and nothing else can come of it, else raise ValueError."""
    return _matched(_GIT_URL, text, "a git URL (https, http, ssh, git or file)")


def git_commit(text: str) -> str:
    """Return `text` if it is a whole git object id, SHA-1 or SHA-256, else raise ValueError."""
    return _matched(_COMMIT, text, "a git object id")


def sha256_digits(text: str) -> str:
    """Return `text` if it is 64 lower-case hex digits, else raise ValueError."""
    return _matched(_SHA256, text, "a SHA-256")


def image_platform(text: str) -> str:
    """Return `text` if it is a platform of images, `linux/amd64`, else raise ValueError."""
    return _matched(_PLATFORM, text, "a platform of images")


def image_reference(text: str) -> str:
    """Return `text` if it is where a registry has an image, `NAME@sha256:…`, else raise ValueError."""
    return _matched(_REFERENCE, text, "a reference to an image by its digest")


def folder_in_repository(text: str) -> str:
    """Return `text` if it is a folder inside a repository, else raise ValueError."""
    if ".." in text.split("/"):
        raise ValueError(f"{text!r} leaves the repository")
    return _matched(_FOLDER, text, "a folder inside a repository")


def check_git_install(name: str, url: str, commit: str, subdirectory: str | None) -> None:
    """Raise ValueError unless these can be recorded, and later be handed to an installer, as they are."""
    distribution_name(name)
    git_url(url)
    git_commit(commit)
    if subdirectory is not None:
        folder_in_repository(subdirectory)


def _matched(pattern: re.Pattern[str], text: str, called: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} is not {called}")
    return text
