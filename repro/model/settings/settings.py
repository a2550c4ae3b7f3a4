"""Settings: what `repro.yaml`, `.repro/local.yaml` and the user's `config.yaml` may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from repro.model.data.links import Way
from repro.model.dataclass import dataclass, field, replace
from repro.model.environments.environment_settings import EnvironmentSettings, merge_environment, read_environment
from repro.model.names import RelPath, parse_path
from repro.model.settings.policy import NOTHING, Policy, Requirements, Rule, strictest
from repro.model.settings.policy_settings import read_patterns, read_requirements, read_rules
from repro.model.settings.remote_encryption import Encrypted
from repro.model.settings.remote_settings import read_encryption, read_remotes
from repro.model.watching.sandbox_kind import SandboxKind
from repro.model.watching.watch_settings import NETWORK, WISHES, parse_size
from repro.model.yaml.settings_reader import BadSettings as BadSettings
from repro.model.yaml.settings_reader import SettingsReader
from repro.model.yaml.strict import BadYaml, load_yaml_marked, nearest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; their keys are documented in `docs/reference/settings.md`."""

    inputs: tuple[RelPath, ...] = ()
    outputs: tuple[RelPath, ...] = ()
    exclude: tuple[str, ...] = ()
    parameters: tuple[RelPath, ...] = ()
    metrics: tuple[RelPath, ...] = ()
    variables: tuple[str, ...] = ()
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    remotes: Mapping[str, str] = field(default_factory=dict)
    encryption: Mapping[str, Encrypted] = field(default_factory=dict)
    """By a remote's name; the settings have it within `remotes`."""
    remote: str | None = None
    store: str | None = None
    link: tuple[Way, ...] = ()
    sync: str | None = None
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


SYNC = ("later", "now")

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
    "sync",
    "watch",
    "capture_outside",
    "network",
    "sandbox",
    "results",
    "require",
    "rules",
)


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
        environment=read_environment(reader, top.get("environment")),
        remotes=read_remotes(reader, top.get("remotes")),
        encryption=read_encryption(reader, top.get("remotes") or {}, committed),
        remote=reader.text(top, ("remote",)),
        store=reader.text(top, ("store",)),
        link=_ways(reader, top.get("link")),
        sync=reader.word(top, ("sync",), SYNC),
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
        environment=merge_environment(nearer.environment, farther.environment),
        remotes={**farther.remotes, **nearer.remotes},
        encryption={**nearer.encryption, **farther.encryption, **_with_key(nearer.encryption)},
        remote=nearer.remote or farther.remote,
        store=nearer.store or farther.store,
        link=nearer.link or farther.link,
        sync=nearer.sync or farther.sync,
        watch=nearer.watch or farther.watch,
        capture_outside=farther.capture_outside if nearer.capture_outside is None else nearer.capture_outside,
        network=nearer.network or farther.network,
        sandbox=nearer.sandbox or farther.sandbox,
        results=_joined(farther.results, nearer.results),
        require=strictest((farther.require, nearer.require)),
        rules=_joined(farther.rules, nearer.rules),
    )


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
