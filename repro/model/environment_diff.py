"""How two environments differ: the interpreter, the packages, and where a package of the same version came from."""

from __future__ import annotations

from dataclasses import dataclass

from repro.model.environment import Environment


@dataclass(frozen=True, slots=True)
class Changed:
    """A value by its name, before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """What is not the same in a second environment; all parts sorted by name.

    Attributes:
        python: `implementation`, `version`, `abi`, `platform` where they differ, and `kind`.
        added, removed: name and version of packages that only one of the two has.
        changed: packages of both, in other versions.
        sources: packages of both in the same version that came from elsewhere: another commit, another wheel file,
            an index before and a folder after. The texts are for people.
        lock: whether the locks differ although no package does: an index has more files now, or other ones.
    """

    python: tuple[Changed, ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[Changed, ...] = ()
    sources: tuple[Changed, ...] = ()
    lock: bool = False

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.python or self.added or self.removed or self.changed or self.sources or self.lock)


def compare(before: Environment, after: Environment) -> EnvironmentDifference:
    """Return what changed from one environment to another; an empty difference is false."""
    old, new = dict(before.packages), dict(after.packages)
    old_sources, new_sources = _sources(before), _sources(after)
    packages_differ = old != new
    return EnvironmentDifference(
        python=_python(before, after),
        added=tuple((name, new[name]) for name in sorted(new.keys() - old.keys())),
        removed=tuple((name, old[name]) for name in sorted(old.keys() - new.keys())),
        changed=tuple(
            Changed(name, old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name]
        ),
        sources=tuple(
            Changed(name, old_sources.get(name, "index"), new_sources.get(name, "index"))
            for name in sorted(old.keys() & new.keys())
            if old[name] == new[name] and old_sources.get(name) != new_sources.get(name)
        ),
        lock=before.lock != after.lock and not packages_differ and old_sources == new_sources,
    )


def _python(before: Environment, after: Environment) -> tuple[Changed, ...]:
    pairs = [
        ("kind", before.kind, after.kind),
        ("implementation", before.python.implementation, after.python.implementation),
        ("version", before.python.version, after.python.version),
        ("abi", before.python.abi, after.python.abi),
        ("platform", before.python.platform, after.python.platform),
    ]
    return tuple(Changed(name, old, new) for name, old, new in pairs if old != new)


def _sources(environment: Environment) -> dict[str, str]:
    """Return where the packages came from that no index serves, in words."""
    sources = dict.fromkeys(environment.unlocked, "not pinned")
    sources |= {p.name: f"{'editable ' if p.editable else ''}{p.path}" for p in environment.project}
    sources |= {w.name: f"{w.file} {w.sha256[:12]}" for w in environment.wheels}
    for install in environment.vcs:
        folder = f"#{install.subdirectory}" if install.subdirectory else ""
        sources[install.name] = f"{install.vcs}+{install.url}@{install.commit}{folder}"
    return sources
