"""Channels and who may read them: a client of py-rattler that knows the credentials, and URLs that do not."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from repro.env.pip.install_failures import EnvironmentDiskFull
from repro.errors import CannotProceed, RemoteError, ReproError
from repro.model.dataclass import dataclass
from repro.model.environments.conda_url import (
    channel_url,
    hide_secrets,
    variables_in,
    with_variables,
    without_literal_secrets,
    without_secrets,
)

if TYPE_CHECKING:
    from rattler.networking import Client

DISK_FULL = ("os error 28", "No space left", "os error 122", "Disk quota")
"""What py-rattler says of a full disk."""
DEFAULT_CHANNELS = ("conda-forge",)
_RETRIES = 3


class NoRattler(CannotProceed):
    """py-rattler is not installed."""

    id = "no-rattler"


class NoChannelSecret(CannotProceed):
    """A channel's URL names a variable that is not set."""

    id = "no-channel-secret"


class ChannelUnreachable(RemoteError):
    """A channel cannot be reached, or refuses."""

    id = "channel-unreachable"


class NoSuchChannel(CannotProceed):
    """There is no channel at a URL, or nothing of it is kept here."""

    id = "no-such-channel"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel.

    Attributes:
        url: without anything secret: what may be written.
        written: as a lock's metadata has it: with the names of variables where they stand for secrets.
        variables: their names.
        secret: the URL with everything in it; the same as `url` for a public channel.
    """

    url: str
    written: str
    variables: tuple[str, ...]
    secret: str


def open_channel(text: str, environ: Mapping[str, str]) -> Channel:
    """Return the channel that `text` names: a name, a URL, a path; with `$VARIABLE` for what is secret.

    Raises:
        NoChannelSecret: such a variable is not set.
    """
    url = channel_url(text)
    names = variables_in(url)
    for name in names:
        if name not in environ:
            raise NoChannelSecret(
                f"the channel {without_literal_secrets(url)} takes ${name} from the environment, which has none",
                f"export {name}=…",
            )
    secret = with_variables(url, {name: environ[name] for name in names})
    clean = without_secrets(secret)
    return Channel(clean, without_literal_secrets(url) if names else clean, names, secret)


def need_rattler() -> None:
    """Check that py-rattler is here.

    Raises:
        NoRattler: it is not.
    """
    try:
        import rattler  # noqa: F401  # is it here?
    except ImportError:
        raise NoRattler(
            "conda environments are solved and made by py-rattler, which is not installed",
            "pip install 'repro-run[conda]'",
        ) from None


def client_for(channels: Sequence[Channel], environ: Mapping[str, str], timeout_s: int | None = None) -> Client:
    """Return a client that reaches `channels` under their plain URLs.

    A token is put in by a mirror, a password by py-rattler's own means, so that neither gets into a record, a cache's
    name or a message. Beside these, py-rattler takes credentials from where it always does: `RATTLER_AUTH_FILE`, and,
    unless a channel's URL has a password, its own file, the keyring and netrc. `CONDA_REMOTE_MAX_RETRIES` says how
    often is tried again.

    `timeout_s` is how many seconds each answer may take as a whole; None for ever.

    Raises:
        NoRattler: py-rattler is not here.
    """
    need_rattler()
    from rattler.config import Config
    from rattler.networking import Client

    mirrors = {c.url: [_without_user(c.secret)] for c in channels if _without_user(c.secret) != c.url}
    passwords = {host: account for c in channels for host, account in _account(c.secret)}
    said = environ.get("CONDA_REMOTE_MAX_RETRIES", "")
    retries = int(said) if said.isdecimal() else _RETRIES
    # JSON's texts and lists are TOML's as well.
    lines = ["[mirrors]", *(f"{json.dumps(url)} = {json.dumps(to)}" for url, to in mirrors.items())]
    # Not by AddHeadersMiddleware: a thread of py-rattler that asks Python for a header while Python ends takes it down.
    with contextlib.ExitStack() as until_made:
        if passwords:
            import tempfile

            folder = until_made.enter_context(tempfile.TemporaryDirectory())
            path = os.path.join(folder, "accounts.json")  # read when the client is made; the folder is this user's only
            with open(path, "w", encoding="utf-8") as file:
                json.dump(_known_accounts(environ) | passwords, file)
            lines.insert(0, f"authentication-override-file = {json.dumps(path)}")
        return Client.from_config(
            Config.from_toml("\n".join(lines)), max_retries=retries, user_agent="repro", timeout=timeout_s
        )


def failure_of(error: Exception, doing: str) -> ReproError:
    """Return the error for what py-rattler said of a channel, in our words and without secrets."""
    said = hide_secrets(str(error)).strip()
    lines = [line.removeprefix("Caused by: ") for line in said.splitlines() if line]
    short = "; ".join(dict.fromkeys(lines))
    message = f"cannot {doing}: {short[:600]}"
    if any(sign in said for sign in DISK_FULL):
        return EnvironmentDiskFull(message, "make room on that disk and try again; nothing was left behind")
    if "(401" in said or "(403" in said:
        hint = "give credentials: RATTLER_AUTH_FILE, or $VARIABLE in the channel's URL in environment.yml"
        return ChannelUnreachable(message, hint)
    if "could not find subdir" in said or "(404" in said:
        return NoSuchChannel(message, "correct the channel's name")
    if "no usable repodata cache" in said:
        return NoSuchChannel(message, "try again without --offline, where the network is")
    return ChannelUnreachable(message, "try again where the channel can be reached")


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _account(secret: str) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """Yield the host and the account of a URL with a password, as py-rattler's file has them."""
    parts = urlsplit(secret)
    if parts.username is not None and parts.hostname is not None:
        account = {"username": unquote(parts.username), "password": unquote(parts.password or "")}
        yield parts.hostname, {"BasicHTTP": account}


def _known_accounts(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the user's own file has; one that cannot be read is as if it were not there, as for py-rattler."""
    try:
        with open(environ["RATTLER_AUTH_FILE"], encoding="utf-8") as file:
            known = json.load(file)
    except (KeyError, OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
