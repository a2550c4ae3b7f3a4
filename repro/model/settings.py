"""Settings: what `repro.yaml`, `.repro/local.yaml` and the user's `config.yaml` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from repro.model.links import Way
from repro.model.names import RelPath, parse_path
from repro.model.policy import NOTHING, Policy, Requirements, Rule, strictest
from repro.model.policy_settings import read_patterns, read_requirements, read_rules
from repro.model.remote_encryption import REQUIRED, Encrypted, KeyKind, KeySource
from repro.model.sandbox import SandboxKind
from repro.model.settings_reader import BadSettings as BadSettings
from repro.model.settings_reader import SettingsReader, dotted
from repro.model.strict_yaml import BadYaml, KeyPath, load_yaml_marked, nearest
from repro.model.watch_settings import NETWORK, WISHES, parse_size

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """Which environment, and what becomes of it. None is "find it", or the default.

    Attributes:
        kind: `pip`, `conda` or `image`.
        python, lock, file: paths of the interpreter, the project's own lock, and what the environment is made from.
        image: a reference to a container image.
        archive: which runs' environments are archived: `always`, `named` or `never`.
        context: the folder that a Dockerfile takes files from; its own if not given.
        network, gpus: what a container is given of this machine: `none`, `host` or `bridge`; `all` or how many.
        channels, platforms: conda's channels and the platforms that are locked.
    """

    kind: str | None = None
    python: str | None = None
    lock: str | None = None
    file: str | None = None
    image: str | None = None
    archive: str | None = None
    channels: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    context: str | None = None
    network: str | None = None
    gpus: str | None = None

    def archives(self, name: str | None) -> bool:
        """Whether the environment of a run of this name is archived as soon as the run is recorded."""
        return self.archive == "always" or (self.archive == "named" and name is not None)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; their keys are documented in `docs/reference/settings.md`."""

    inputs: tuple[RelPath, ...] = ()
    outputs: tuple[RelPath, ...] = ()
    exclude: tuple[str, ...] = ()
    parameters: tuple[RelPath, ...] = ()
    metrics: tuple[RelPath, ...] = ()
    variables: tuple[str, ...] = ()
    environment: EnvironmentSettings = EnvironmentSettings()
    remotes: Mapping[str, str] = field(default_factory=dict)
    encryption: Mapping[str, Encrypted] = field(default_factory=dict)
    """By a remote's name; the settings have it within `remotes`."""
    remote: str | None = None
    store: str | None = None
    link: tuple[Way, ...] = ()
    watch: str | None = None
    capture_outside: int | None = None
    network: str | None = None
    sandbox: SandboxKind | None = None
    results: tuple[tuple[str, ...], ...] = ()
    """The patterns of each file apart: those of one cannot take back what another says."""
    require: Requirements = NOTHING
    rules: tuple[Rule, ...] = ()

    @property
    def policy(self) -> Policy:
        """What is said of results."""
        return Policy(self.results, self.require, self.rules)


KEYS = (
    "inputs",
    "outputs",
    "exclude",
    "parameters",
    "metrics",
    "variables",
    "environment",
    "remotes",
    "remote",
    "store",
    "link",
    "watch",
    "capture_outside",
    "network",
    "sandbox",
    "results",
    "require",
    "rules",
)
ENVIRONMENT_KEYS = (
    "kind",
    "python",
    "lock",
    "file",
    "image",
    "archive",
    "channels",
    "platforms",
    "context",
    "network",
    "gpus",
)
CONTAINER_NETWORKS = ("none", "host", "bridge")
ENVIRONMENT_KINDS = ("pip", "conda", "image")
ARCHIVE = ("always", "named", "never")
REMOTE_KEYS = ("url", "encryption")
ENCRYPTION_KEYS = tuple(str(kind) for kind in KeyKind)


def parse_settings(data: bytes, what: str, committed: bool = False) -> Settings:
    """Read one settings file.

    Args:
        data: the file's bytes.
        what: its name, for messages.
        committed: it comes with a clone, from anybody: it may not say which command gives a key, or which file.

    Raises:
        BadSettings: a word that has no meaning (with the nearest that has), a value of the wrong type.
    """
    try:
        value, marks = load_yaml_marked(data, what)
    except BadYaml as error:
        raise BadSettings(error.message) from None
    reader = SettingsReader(what, marks)
    top = reader.mapping(value, (), KEYS)
    return Settings(
        inputs=reader.texts(top, ("inputs",), _path),
        outputs=reader.texts(top, ("outputs",), _path),
        exclude=reader.texts(top, ("exclude",), str),
        parameters=reader.texts(top, ("parameters",), _path),
        metrics=reader.texts(top, ("metrics",), _path),
        variables=reader.texts(top, ("variables",), _variable),
        environment=_environment(reader, top.get("environment")),
        remotes=_remotes(reader, top.get("remotes")),
        encryption=_encryption(reader, top.get("remotes") or {}, committed),
        remote=reader.text(top, ("remote",)),
        store=reader.text(top, ("store",)),
        link=_ways(reader, top.get("link")),
        watch=reader.word(top, ("watch",), WISHES),
        capture_outside=_size(reader, top.get("capture_outside")),
        network=reader.word(top, ("network",), NETWORK),
        sandbox=_sandbox(reader, top),
        results=_group(read_patterns(reader, top, ("results",))),
        require=read_requirements(reader, top.get("require"), ("require",)),
        rules=read_rules(reader, top.get("rules")),
    )


def merge_settings(nearer: Settings, farther: Settings) -> Settings:
    """Return the settings in which `nearer` wins: lists are joined, remotes by name, single values by being set.

    `link` is an order of preference, so it counts as one value.
    """
    return replace(
        nearer,
        inputs=_joined(farther.inputs, nearer.inputs),
        outputs=_joined(farther.outputs, nearer.outputs),
        exclude=_joined(farther.exclude, nearer.exclude),
        parameters=_joined(farther.parameters, nearer.parameters),
        metrics=_joined(farther.metrics, nearer.metrics),
        variables=_joined(farther.variables, nearer.variables),
        environment=_merged_environment(nearer.environment, farther.environment),
        remotes={**farther.remotes, **nearer.remotes},
        encryption={**nearer.encryption, **farther.encryption, **_with_key(nearer.encryption)},
        remote=nearer.remote or farther.remote,
        store=nearer.store or farther.store,
        link=nearer.link or farther.link,
        watch=nearer.watch or farther.watch,
        capture_outside=farther.capture_outside if nearer.capture_outside is None else nearer.capture_outside,
        network=nearer.network or farther.network,
        sandbox=nearer.sandbox or farther.sandbox,
        results=_joined(farther.results, nearer.results),
        require=strictest((farther.require, nearer.require)),
        rules=_joined(farther.rules, nearer.rules),
    )


def _environment(reader: SettingsReader, value: Any) -> EnvironmentSettings:
    at = "environment"
    inner = reader.mapping(value, (at,), ENVIRONMENT_KEYS)
    return EnvironmentSettings(
        kind=reader.word(inner, (at, "kind"), ENVIRONMENT_KINDS),
        python=reader.text(inner, (at, "python")),
        lock=reader.text(inner, (at, "lock")),
        file=reader.text(inner, (at, "file")),
        image=reader.text(inner, (at, "image")),
        archive=reader.word(inner, (at, "archive"), ARCHIVE),
        channels=reader.texts(inner, (at, "channels"), str),
        platforms=reader.texts(inner, (at, "platforms"), str),
        context=reader.text(inner, (at, "context")),
        network=reader.word(inner, (at, "network"), CONTAINER_NETWORKS),
        gpus=_gpus(reader, inner),
    )


def _gpus(reader: SettingsReader, inner: dict[str, Any]) -> str | None:
    value = inner.get("gpus")
    if value is None or value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return None if value is None else str(value)
    raise reader.bad(("environment", "gpus"), f"environment.gpus is all, or how many, not {value!r}")


def _merged_environment(near: EnvironmentSettings, far: EnvironmentSettings) -> EnvironmentSettings:
    """Channels are an order of preference and platforms a choice: each counts as one value."""
    return EnvironmentSettings(*(getattr(near, f.name) or getattr(far, f.name) for f in fields(EnvironmentSettings)))


def _group(patterns: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return (patterns,) if patterns else ()


def _joined(first: tuple[T, ...], second: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _with_key(encryption: Mapping[str, Encrypted]) -> dict[str, Encrypted]:
    return {name: encrypted for name, encrypted in encryption.items() if encrypted.key is not None}


def _path(text: str) -> RelPath:
    plain = text[2:] if text.startswith("./") else text
    return parse_path(plain.rstrip("/"))


def _variable(text: str) -> str:
    if not text.isidentifier() or not text.isascii():
        raise BadSettings(f"{text!r} is not the name of an environment variable")
    return text


def _sandbox(reader: SettingsReader, top: dict[str, Any]) -> SandboxKind | None:
    word = reader.word(top, ("sandbox",), tuple(SandboxKind))
    return SandboxKind(word) if word else None


def _ways(reader: SettingsReader, value: Any) -> tuple[Way, ...]:
    if value is None:
        return ()
    words = [value] if isinstance(value, str) else value
    known = tuple(str(way) for way in Way)
    if not isinstance(words, list) or not words:
        raise reader.bad(("link",), f"link must be a list of: {', '.join(known)}", "for example: link: [reflink, copy]")
    for index, word in enumerate(words):
        if word not in known:
            best = nearest(word, known) if isinstance(word, str) else None
            at = ("link",) if isinstance(value, str) else ("link", index)
            hint = f"did you mean {best!r}?" if best else f"known are: {', '.join(known)}"
            raise reader.bad(at, f"{word!r} is no way to link", hint)
    return tuple(dict.fromkeys(Way(word) for word in words))


def _size(reader: SettingsReader, value: Any) -> int | None:
    at = ("capture_outside",)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or (isinstance(value, int) and value < 0):
        raise reader.bad(at, f"capture_outside must be a size, not {value!r}", "for example: capture_outside: 500 MiB")
    try:
        return value if isinstance(value, int) else parse_size(value)
    except ValueError as error:
        raise reader.bad(at, f"capture_outside: {error}", "for example: capture_outside: 500 MiB") from None


def _remotes(reader: SettingsReader, value: Any) -> dict[str, str]:
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


def _encryption(reader: SettingsReader, remotes: Mapping[str, Any], committed: bool) -> dict[str, Encrypted]:
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
