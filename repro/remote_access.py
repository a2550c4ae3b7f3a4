"""Opens remotes, and finds the keys of those that are encrypted. Part of wiring a project together."""

from __future__ import annotations

import os
from collections.abc import Mapping

from repro.errors import UsageError
from repro.model.remote_key import RemoteKey
from repro.model.settings.remote_encryption import Encrypted, KeyKind, KeySource, encryption_at, is_configured
from repro.model.settings.settings import Settings
from repro.store.open_remote import Encryption, open_remote, shown_url
from repro.store.remote.marker import EncryptedRemote
from repro.store.remote.remote import Remote

KEY_FILE_VARIABLE = "REPRO_KEY_FILE"
"""A key file, for an encrypted remote of which the settings do not say where its key is, and for other URLs."""


class UnsafeKeySource(UsageError):
    """A settings file that is not the user's own says where a key is: it could name any command."""

    id = "unsafe-key-source"


def open_place(url: str, cwd: str, base: str, settings: Settings, environ: Mapping[str, str], scratch: str) -> Remote:
    """Return the remote at a URL, encrypted if the settings say so; nothing is asked of it yet, nor for its key.

    Args:
        url: a URL or a directory.
        cwd: what relative directories count from.
        base: the project's root, or the current directory where there is none.
        settings: those that hold here.
        environ: the user's variables.
        scratch: a folder for encrypted files that are to be sent.

    Raises:
        UnsupportedRemote, RemoteUnreachable: see `open_remote`.
    """
    place = _place_of(url, cwd)
    encrypted = _encrypted(
        place, {name: _place_of(at, cwd) for name, at in settings.remotes.items()}, settings, environ
    )
    if encrypted is None:
        return open_remote(place, environ)
    return open_remote(place, environ, Encryption(lambda: _key(place, encrypted, base, environ), scratch))


def check_source(source: KeySource, base: str) -> None:
    """Refuse what could be somebody else's command.

    Raises:
        UnsafeKeySource: git brought the settings file that says where the key is, or it names a command and is
            another user's, who could then have anybody call it that works in the project.
    """
    if source.kind is KeyKind.KEYRING or source.said_in == KEY_FILE_VARIABLE or os.path.isabs(source.said_in):
        return
    from repro.code.what_git_takes import came_with_clone

    if came_with_clone(base, os.fsencode(source.said_in)):
        raise UnsafeKeySource(
            f"{source.said_in} came with the clone, and says where a key is ({source.kind}): that could be any command",
            f"look at it, then `git rm --cached {source.said_in}` and commit",
        )
    owner = os.stat(os.path.join(base, source.said_in)).st_uid
    if source.kind is KeyKind.COMMAND and owner not in (0, os.geteuid()):
        raise UnsafeKeySource(
            f"{source.said_in} belongs to another user, and names a command that gives a key",
            "say it in your own settings: config.yaml in $XDG_CONFIG_HOME/repro",
        )


def _place_of(url: str, cwd: str) -> str:
    return url if "://" in url else os.path.abspath(os.path.join(cwd, os.path.expanduser(url)))


def _encrypted(
    place: str, remotes: Mapping[str, str], settings: Settings, environ: Mapping[str, str]
) -> Encrypted | None:
    found = encryption_at(place, remotes, settings.encryption)
    variable = environ.get(KEY_FILE_VARIABLE)
    if variable and (found is None or found.key is None):
        if found is None and is_configured(place, remotes):
            return None  # the settings know it as plain
        return Encrypted(KeySource(KeyKind.FILE, variable, KEY_FILE_VARIABLE))
    return found


def _key(place: str, encrypted: Encrypted, base: str, environ: Mapping[str, str]) -> RemoteKey:
    from repro.store.encryption.key_sources import read_key

    if encrypted.key is None:
        raise EncryptedRemote(
            f"{shown_url(place)} is encrypted, and nothing here says where its key is",
            f"`repro remote key NAME --key-file PATH`, or {KEY_FILE_VARIABLE}=PATH",
        )
    check_source(encrypted.key, base)
    return read_key(encrypted.key, base, environ)
