"""Where the key of an encrypted remote is got from, and kept: a file, what a command prints, the keyring."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType

from repro.errors import CannotProceed
from repro.model.remote_key import SIZE, RemoteKey, key_text, parse_key
from repro.model.settings.remote_encryption import KeyKind, KeySource

SERVICE = "repro"
"""What the keyring knows us by."""

_LIMIT = 4096  # bytes that are looked at; a key has 60


class NoKey(CannotProceed):
    """The key cannot be got from where it is said to be, or not be kept there."""

    id = "no-key"


def read_key(source: KeySource, base: str, environ: Mapping[str, str]) -> RemoteKey:
    """Return the key.

    Args:
        source: where it is.
        base: the directory that a relative file counts from, and in which a command is called.
        environ: the command's variables.

    Raises:
        NoKey: there is none, or it cannot be got.
        BadKey: what is there is no key.
    """
    if source.kind is KeyKind.FILE:
        return _from_file(key_path(source.value, base))
    if source.kind is KeyKind.COMMAND:
        return _from_command(source.value, base, environ)
    return _from_keyring(source.value)


def key_path(value: str, base: str) -> str:
    """Return the absolute path that a setting means."""
    return os.path.abspath(os.path.join(base, os.path.expanduser(value)))


def new_key() -> RemoteKey:
    """Return 32 bytes of the system's randomness."""
    return RemoteKey(os.urandom(SIZE))


def write_key_file(path: str, key: RemoteKey) -> None:
    """Write a new file that its owner alone may read, to disk.

    Raises:
        NoKey: it cannot be written, or there is one.
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(key_text(key) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise NoKey(f"the key file {path} cannot be written: {error.strerror}") from error


def put_in_keyring(entry: str, key: RemoteKey) -> None:
    """Keep a key in the keyring.

    Raises:
        NoKey: there is no keyring, or it refuses.
    """
    keyring = _keyring(entry)
    try:
        keyring.set_password(SERVICE, entry, key_text(key))
    except keyring.errors.KeyringError as error:
        raise NoKey(f"the keyring does not take a key: {error}", "see `keyring diagnose`") from error


def in_keyring(entry: str) -> RemoteKey | None:
    """Return the key in the keyring's entry; None where it has no such entry.

    Raises:
        NoKey: there is no keyring, or it refuses.
        BadKey: the entry is no key.
    """
    keyring = _keyring(entry)
    try:
        text = keyring.get_password(SERVICE, entry)
    except keyring.errors.KeyringError as error:
        raise NoKey(f"the keyring does not give the key {entry!r}: {error}", "see `keyring diagnose`") from error
    return None if text is None else parse_key(text, f"the entry {entry!r} of the keyring")


def _from_file(path: str) -> RemoteKey:
    try:
        with open(path, "rb") as file:
            data = file.read(_LIMIT)
    except OSError as error:
        raise NoKey(
            f"the key file {path} cannot be read: {error.strerror}", "get the key from whoever made the remote"
        ) from error
    return parse_key(data.decode("utf-8", "replace"), f"the file {path}")


def _from_command(command: str, base: str, environ: Mapping[str, str]) -> RemoteKey:
    """Call the shell with the command; its questions and complaints go to the terminal."""
    import subprocess

    try:
        done = subprocess.run(
            command, shell=True, cwd=base, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
        )
    except OSError as error:
        raise NoKey(f"the key command cannot be called: {error.strerror}") from error
    if done.returncode:
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise NoKey(f"the key command ended with {ended}: {command}", "call it yourself: it must print the key")
    return parse_key(done.stdout[:_LIMIT].decode("utf-8", "replace"), f"what the command printed ({command})")


def _from_keyring(entry: str) -> RemoteKey:
    found = in_keyring(entry)
    if found is None:
        raise NoKey(f"the keyring has no key {entry!r}", f"`keyring set {SERVICE} {entry}` asks for it")
    return found


def _keyring(entry: str) -> ModuleType:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise NoKey(
            f"the key {entry!r} is in the keyring, and the package keyring is not installed",
            "pip install 'repro-run[keyring]'",
        ) from None
    return keyring
