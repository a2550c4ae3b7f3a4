"""Changing the remotes in a settings file's text, with the user's comments and layout left alone."""

from __future__ import annotations

import json
import re

from repro.errors import UsageError
from repro.model.dataclass import replace
from repro.model.pattern import pattern
from repro.model.settings.remote_encryption import REQUIRED, Encrypted
from repro.model.settings.settings import BadSettings, Settings, parse_settings

_NAME = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class BadRemoteName(UsageError):
    """A remote's name is taken, unknown, or not a name."""

    id = "bad-remote-name"


def check_remote_name(name: str) -> str:
    """Return `name` if a remote may be called that.

    Raises:
        BadRemoteName: it may not.
    """
    if not _NAME.fullmatch(name):
        raise BadRemoteName(f"{name!r} is not a name for a remote", "letters, digits, '.', '_' and '-'")
    return name


def add_remote(text: str, name: str, url: str, what: str, encrypted: Encrypted | None = None) -> str:
    """Return the settings `text` with one more remote.

    Raises:
        BadRemoteName: the name is taken, or is none.
        BadSettings: `text` is not valid, or is laid out such that it cannot be changed safely.
    """
    check_remote_name(name)
    before = parse_settings(text.encode(), what)
    if name in before.remotes:
        raise BadRemoteName(f"a remote {name!r} exists: {before.remotes[name]}", f"`repro remote remove {name}` first")
    if name in before.encryption:  # what is left of an earlier remote of that name
        text = remove_remote(text, name, what)
    return _with_entry(text, name, url, encrypted, what)


def set_encryption(text: str, name: str, encrypted: Encrypted, what: str) -> str:
    """Return the settings `text` in which the remote `name`, which may stand in another file, is encrypted so.

    Raises:
        BadRemoteName: the name is none.
        BadSettings: `text` is not valid, or is laid out such that it cannot be changed safely.
    """
    check_remote_name(name)
    before = parse_settings(text.encode(), what)
    if name in before.remotes or name in before.encryption:
        text = remove_remote(text, name, what)
    return _with_entry(text, name, before.remotes.get(name), encrypted, what)


def _with_entry(text: str, name: str, url: str | None, encrypted: Encrypted | None, what: str) -> str:
    before = parse_settings(text.encode(), what)
    lines = _lines(text)
    at = _remotes_line(lines)
    indent = " " * (2 if at is None else _indent_of_first(lines, at))
    block = ["remotes:", *(indent + line for line in (f"{name}:", *_entry(url, encrypted)))]
    if at is None:
        changed = [*lines, *([""] if lines and lines[-1].strip() else []), *block]
    else:
        header = re.sub(r":\s*\{\s*\}", ":", lines[at])
        changed = [*lines[:at], header, *block[1:], *lines[at + 1 :]]
    wanted = replace(
        before,
        remotes={**before.remotes, **({name: url} if url is not None else {})},
        encryption={**before.encryption, **({name: encrypted} if encrypted is not None else {})},
    )
    return _checked("\n".join(changed) + "\n", wanted, what)


def _entry(url: str | None, encrypted: Encrypted | None) -> list[str]:
    """Return the lines below a remote's name."""
    lines = [] if url is None else [f"  url: {json.dumps(url, ensure_ascii=False)}"]
    if encrypted is not None and encrypted.key is None:
        lines.append(f"  encryption: {REQUIRED}")
    elif encrypted is not None and encrypted.key is not None:
        lines += ["  encryption:", f"    {encrypted.key.kind}: {json.dumps(encrypted.key.value, ensure_ascii=False)}"]
    return lines


def remove_remote(text: str, name: str, what: str) -> str:
    """Return the settings `text` without the remote `name`.

    Raises:
        BadRemoteName: there is no such remote.
        BadSettings: `text` is not valid, or is laid out such that it cannot be changed safely.
    """
    before = parse_settings(text.encode(), what)
    if name not in before.remotes and name not in before.encryption:
        known = ", ".join(before.remotes) or "none"
        raise BadRemoteName(f"no remote is called {name!r} in {what}", f"known: {known}")
    lines = _lines(text)
    at = _remotes_line(lines)
    start = None if at is None else _line_of(name, lines, at)
    if start is None:
        raise BadSettings(f"{what} is laid out such that it cannot be changed safely", "edit it by hand")
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and lines[end].strip() and len(lines[end]) - len(lines[end].lstrip()) > indent:
        end += 1
    kept = lines[:start] + lines[end:]
    left = {key: url for key, url in before.remotes.items() if key != name}
    encryption = {key: encrypted for key, encrypted in before.encryption.items() if key != name}
    if not left and not encryption:
        kept = [line for line in kept if not re.match(r"remotes\s*:\s*(#.*)?$", line)]
    return _checked("\n".join(kept) + "\n", replace(before, remotes=left, encryption=encryption), what)


def _lines(text: str) -> list[str]:
    """Return the lines; YAML knows fewer line ends than `str.splitlines`, which would break a text in two."""
    return text.removesuffix("\n").split("\n") if text else []


def _line_of(name: str, lines: list[str], at: int) -> int | None:
    entry = re.compile(rf"\s+[\"']?{re.escape(name)}[\"']?\s*:")
    return next((index for index in range(at + 1, len(lines)) if entry.match(lines[index])), None)


def _remotes_line(lines: list[str]) -> int | None:
    for index, line in enumerate(lines):
        if re.match(r"remotes\s*:\s*(\{\s*\})?\s*(#.*)?$", line):
            return index
    return None


def _indent_of_first(lines: list[str], at: int) -> int:
    for line in lines[at + 1 :]:
        if line.strip() and not line.lstrip().startswith("#"):
            return len(line) - len(line.lstrip()) or 2
    return 2


def _checked(text: str, wanted: Settings, what: str) -> str:
    """Return `text` if it says what is wanted: an edit of text that misread the layout must not be written."""
    try:
        good = parse_settings(text.encode(), what) == wanted
    except BadSettings:
        good = False
    if not good:
        raise BadSettings(f"{what} is laid out such that it cannot be changed safely", "edit its `remotes:` by hand")
    return text
