"""What the settings say of remotes, under `remotes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.model.settings.remote_encryption import REQUIRED, Encrypted, KeyKind, KeySource
from repro.model.yaml.positions import KeyPath
from repro.model.yaml.settings_reader import SettingsReader, dotted

REMOTE_KEYS = ("url", "encryption")
ENCRYPTION_KEYS = tuple(str(kind) for kind in KeyKind)


def read_remotes(reader: SettingsReader, value: Any) -> dict[str, str]:
    """Return the URLs of remotes by name.

    Raises:
        BadSettings: a remote without a URL, a value of the wrong type.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise reader.bad(("remotes",), "remotes must be names with values")
    found = {}
    for name, inner in value.items():
        at = ("remotes", name)
        remote = reader.mapping(inner, at, REMOTE_KEYS)
        url = reader.text(remote, (*at, "url"))
        if url is not None:
            found[name] = url
        elif remote.get("encryption") is None:  # else another settings file has the url
            raise reader.bad(at, f"the remote {name!r} has no url")
    return found


def read_encryption(reader: SettingsReader, remotes: Mapping[str, Any], committed: bool) -> dict[str, Encrypted]:
    """Return which remotes are encrypted, and where the key is; `committed` is as in `parse_settings`.

    Raises:
        BadSettings: it does not say where a key is, or a file that comes with a clone does.
    """
    found = {}
    for name, inner in remotes.items():
        at = ("remotes", name, "encryption")
        value = (inner or {}).get("encryption")
        if value == REQUIRED:
            found[name] = Encrypted(None)
        elif value is not None:
            found[name] = Encrypted(_key_source(reader, value, at, committed))
    return found


def _key_source(reader: SettingsReader, value: Any, at: KeyPath, committed: bool) -> KeySource:
    known = f"known are: {REQUIRED}, or one of {', '.join(ENCRYPTION_KEYS)} with a value"
    if not isinstance(value, dict):
        raise reader.bad(at, f"{value!r} does not say where a key is", known)
    source = reader.mapping(value, at, ENCRYPTION_KEYS)
    given = [(kind, text) for kind in KeyKind if (text := reader.text(source, (*at, kind))) is not None]
    if len(given) != 1:
        raise reader.bad(at, f"{dotted(at)} must have one place of the key, not {len(given)}", known)
    kind, text = given[0]
    if committed and kind is not KeyKind.KEYRING:
        hint = f"say it in .repro/local.yaml: `repro remote key {at[1]} …`; here may stand: {at[-1]}: {REQUIRED}"
        raise reader.bad((*at, kind), f"{kind} may not stand in a file that comes with a clone", hint)
    return KeySource(kind, text, reader.what)
