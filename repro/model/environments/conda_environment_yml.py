"""Reads `environment.yml`: channels, what is wanted per platform, and pip's part. A pure function of its bytes."""

from __future__ import annotations

from typing import Any

from repro.errors import UsageError
from repro.model.dataclass import dataclass
from repro.model.environments.conda_selector import WORDS, BadSelector, holds
from repro.model.finding import Finding
from repro.model.pattern import pattern
from repro.model.yaml.positions import KeyPath, Position
from repro.model.yaml.strict import BadYaml, load_yaml_marked, nearest

KEYS = ("name", "channels", "dependencies", "platforms", "prefix", "variables", "category")
_IGNORED = {
    "variables": "variables are not part of a lock: name those that count under `variables:` in repro.yaml",
    "category": "all packages are locked as one category",
}
_COMMENT = pattern(r"\s#\s*\[([^\]]*)\]")
_SEL = pattern(r"sel\(([^)]*)\)")
PLATFORMS = frozenset(
    f"{system}-{machine}"
    for system, machines in {
        "linux": "32 64 aarch64 armv6l armv7l loongarch64 ppc64 ppc64le riscv32 riscv64 s390x",
        "osx": "64 arm64",
        "win": "32 64 arm64",
    }.items()
    for machine in machines.split()
)
"""Those that packages of conda are made for and a lock can be of. Source: `rattler_conda_types::Platform`."""
PLATFORM_EXAMPLES = "for example linux-64, osx-arm64, win-64"


class BadEnvironmentYml(UsageError):
    """An `environment.yml` says something that has no meaning. The message has file, line and column."""

    id = "bad-environment-yml"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of what is wanted: conda's match spec or pip's requirement, and the platforms that it holds for.

    `selector` is the text inside `# [...]` or `sel(...)`, None where the line always holds. `file` is the requirements
    file that it stands in, None where that is the environment.yml.
    """

    spec: str
    selector: str | None
    position: Position
    file: str | None = None

    def place(self, source: str) -> str:
        """Return where it stands, for messages; `source` is the environment.yml."""
        line, column = self.position
        return f"{self.file}, line {line}" if self.file else f"{source}, line {line}, column {column}"


@dataclass(frozen=True, slots=True)
class CondaWish:
    """What an `environment.yml` asks for.

    Attributes:
        channels: as they stand there; they may hold secrets, or the names of variables with secrets.
        conda, pip: in the file's order.
        platforms: that the file names (`linux-64`); may be empty.
        findings: keys that mean nothing here.
        constraints: what pip may install only so, if it installs it; they come from requirements files alone.
        files: the requirements files that are named under `pip:`, relative to the project's root.
    """

    channels: tuple[str, ...]
    conda: tuple[Wanted, ...]
    pip: tuple[Wanted, ...] = ()
    platforms: tuple[str, ...] = ()
    name: str | None = None
    findings: tuple[Finding, ...] = ()
    constraints: tuple[Wanted, ...] = ()
    files: tuple[str, ...] = ()

    def conda_for(self, subdir: str) -> tuple[str, ...]:
        """Return the match specs that hold on a platform."""
        return tuple(w.spec for w in self.conda if w.selector is None or holds(w.selector, subdir))

    def pip_for(self, subdir: str) -> tuple[str, ...]:
        """Return the pip requirements that hold on a platform."""
        return tuple(w.spec for w in self.pip if w.selector is None or holds(w.selector, subdir))

    def constraints_for(self, subdir: str) -> tuple[str, ...]:
        """Return the constraints that hold on a platform."""
        return tuple(w.spec for w in self.constraints if w.selector is None or holds(w.selector, subdir))


def parse_environment_yml(data: bytes, what: str) -> CondaWish:
    """Read the file.

    Args:
        data: its bytes.
        what: its name, for messages.

    Raises:
        BadEnvironmentYml: not YAML, or not what conda takes.
    """
    try:
        value, marks = load_yaml_marked(data, what)
    except BadYaml as error:
        raise BadEnvironmentYml(error.message, "correct the line that is named") from None
    return _Reader(what, marks, data.decode("utf-8").splitlines()).read(value)


@dataclass(frozen=True, slots=True)
class _Reader:
    what: str
    marks: dict[KeyPath, Position]
    lines: list[str]

    def read(self, value: Any) -> CondaWish:
        if not isinstance(value, dict):
            raise self.bad((), "an environment.yml has names with values, `dependencies:` among them")
        findings = tuple(self.finding(key) for key in value if key not in KEYS or key in _IGNORED)
        conda: list[Wanted] = []
        pip: list[Wanted] = []
        for number, item in enumerate(self.items(value, "dependencies")):
            self.dependency(item, ("dependencies", number), conda, pip)
        if not conda:
            raise self.bad(("dependencies",), "no package is named under `dependencies:`")
        return CondaWish(
            channels=tuple(self.channel(c, number) for number, c in enumerate(self.items(value, "channels"))),
            conda=tuple(conda),
            pip=tuple(pip),
            platforms=tuple(self.platform(p, number) for number, p in enumerate(self.items(value, "platforms"))),
            name=value["name"] if isinstance(value.get("name"), str) else None,
            findings=findings,
        )

    def items(self, value: dict[str, Any], key: str) -> list[Any]:
        found = value.get(key)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.bad((key,), f"`{key}:` must be a list")
        return found

    def dependency(self, item: Any, at: KeyPath, conda: list[Wanted], pip: list[Wanted]) -> None:
        """Add one item of `dependencies`: a spec, `sel(linux): spec`, or pip's list."""
        if isinstance(item, str):
            conda.append(self.wanted(item, at))
            return
        if not isinstance(item, dict) or len(item) != 1:
            raise self.bad(at, f"{item!r} is neither a package nor `pip:` with a list")
        [(key, value)] = item.items()
        sel = _SEL.fullmatch(key)
        if sel and isinstance(value, str):
            conda.append(Wanted(value.strip(), self.selector(sel.group(1), (*at, key)), self.position((*at, key))))
        elif key == "pip" and isinstance(value, list):
            for number, requirement in enumerate(value):
                if not isinstance(requirement, str):
                    raise self.bad((*at, key, number), f"{requirement!r} is no requirement of pip")
                pip.append(self.wanted(requirement, (*at, key, number)))
        else:
            raise self.bad((*at, key), f"`{key}:` is neither `pip:` with a list nor `sel(PLATFORM):` with a package")

    def wanted(self, text: str, at: KeyPath) -> Wanted:
        position = self.position(at)
        line = self.lines[position[0] - 1]
        comment = _COMMENT.search(line, position[1] - 1)
        return Wanted(text.strip(), self.selector(comment.group(1), at) if comment else None, position)

    def selector(self, text: str, at: KeyPath) -> str:
        try:
            holds(text, "linux-64")
        except BadSelector as error:
            raise self.bad(at, str(error), f"known are: {', '.join(sorted(WORDS))}") from None
        return text

    def channel(self, value: Any, number: int) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.bad(("channels", number), f"{value!r} is no channel")
        return value.strip()

    def platform(self, value: Any, number: int) -> str:
        if not isinstance(value, str) or value not in PLATFORMS:
            raise self.bad(("platforms", number), f"{value!r} is no platform", PLATFORM_EXAMPLES)
        return value

    def finding(self, key: str) -> Finding:
        line, column = self.position((key,))
        best = nearest(key, KEYS)
        hint = _IGNORED.get(key) or (f"did you mean {best!r}?" if best else f"known are: {', '.join(KEYS)}")
        detail = f"line {line}, column {column}: {key!r} has no effect on the lock"
        return Finding("environment-yml-ignored", detail, path=self.what, hint=hint)

    def position(self, at: KeyPath) -> Position:
        return self.marks.get(at, (1, 1))

    def bad(self, at: KeyPath, problem: str, hint: str | None = None) -> BadEnvironmentYml:
        line, column = self.position(at)
        return BadEnvironmentYml(f"{self.what}, line {line}, column {column}: {problem}", hint)
