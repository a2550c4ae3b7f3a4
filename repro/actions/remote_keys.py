"""Keys of encrypted remotes: a new one is made, or one that exists is looked at, before the settings name it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from repro.actions.tracked import tracked_data
from repro.errors import UsageError
from repro.model.dataclass import dataclass
from repro.model.remote_key import RemoteKey
from repro.model.settings.remote_encryption import KeyKind, KeySource
from repro.project import LOCAL_SETTINGS_FILE, Project, find_root
from repro.store.encryption.key_sources import in_keyring, key_path, new_key, put_in_keyring, read_key, write_key_file
from repro.store.encryption.keys import derive_keys


class KeyInTheProject(UsageError):
    """A key file would be recorded with the project: git would commit it, or it lies in tracked data."""

    id = "key-in-the-project"


@dataclass(frozen=True, slots=True)
class KeptKey:
    """Where a key is, for the settings and (`shown`) for a person; `made` if it is new."""

    source: KeySource
    shown: str
    made: bool


def key_source(project: Project, given: Mapping[KeyKind, str | None]) -> KeySource | None:
    """Return where the user said that a key is; None where it was not said.

    Raises:
        UsageError: it was said twice.
    """
    named = [(kind, value) for kind, value in given.items() if value]
    if len(named) > 1:
        raise UsageError("a key is in one place: a file, a command or the keyring")
    if not named:
        return None
    kind, value = named[0]
    if kind is KeyKind.FILE:
        value = key_path(value, project.cwd)
    return KeySource(kind, value, LOCAL_SETTINGS_FILE)


def key_for_new_remote(project: Project, name: str, source: KeySource | None) -> KeptKey:
    """Return where the key of a new remote is, which is made where there is none.

    Args:
        project: the one that gets the remote.
        name: what the remote is to be called.
        source: where the key is, or is to be kept; None for a file beside the user's settings.

    Raises:
        NoKey, BadKey: there is another thing than a key, or it cannot be kept there.
        KeyInTheProject: it would be recorded.
        NoCryptography: nothing could be encrypted.
    """
    if source is None:
        return _new_file(project, name)
    if source.kind is KeyKind.FILE and not os.path.lexists(source.value):
        _refuse_recorded(project, source.value)
        write_key_file(source.value, _usable(new_key()))
        return KeptKey(source, source.value, made=True)
    if source.kind is KeyKind.KEYRING and in_keyring(source.value) is None:
        put_in_keyring(source.value, _usable(new_key()))
        return KeptKey(source, f"the keyring, entry {source.value!r}", made=True)
    return known_key(project, source)


def known_key(project: Project, source: KeySource) -> KeptKey:
    """Return where a key is that exists; it is looked at.

    Raises:
        NoKey, BadKey: there is none.
        KeyInTheProject: it would be recorded.
        NoCryptography: nothing could be encrypted.
    """
    if source.kind is KeyKind.FILE:
        _refuse_recorded(project, source.value)
    _usable(read_key(source, project.root, project.environ))
    return KeptKey(source, source.value, made=False)


def _new_file(project: Project, name: str) -> KeptKey:
    key = new_key()
    # A name of its own: two projects may call their remotes the same.
    file = f"{name}-{derive_keys(key).check[:8]}.key"
    path = os.path.join(os.path.dirname(project.places.config), "keys", file)
    _refuse_recorded(project, path)
    write_key_file(path, key)
    return KeptKey(KeySource(KeyKind.FILE, path, LOCAL_SETTINGS_FILE), path, made=True)


def _usable(key: RemoteKey) -> RemoteKey:
    derive_keys(key)
    return key


def _refuse_recorded(project: Project, path: str) -> None:
    """Refuse a file that a commit, a run or a push would take along: with the key beside it, nothing is secret."""
    from repro.code.what_git_takes import would_be_committed

    real = os.path.realpath(path)
    root = find_root(os.path.dirname(real))
    if root is not None and would_be_committed(root, os.fsencode(os.path.relpath(real, root))):
        raise KeyInTheProject(
            f"the key file {path} would be committed with {root}", "name one outside, or let git ignore it"
        )
    inside = os.fsencode(os.path.relpath(real, project.root))
    if any((inside + b"/").startswith(bytes(tracked.path) + b"/") for tracked in tracked_data(project)):
        raise KeyInTheProject(f"the key file {path} lies in tracked data, which is pushed", "name one outside")
