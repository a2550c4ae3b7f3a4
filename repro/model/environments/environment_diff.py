"""How two environments differ: what they stand on, the packages, and where a package of one version came from."""

from __future__ import annotations

from collections.abc import Mapping

from repro.model.dataclass import dataclass
from repro.model.environments.edited_file import (
    NONE_EDITED,
    EditedDifference,
    EditedFiles,
    EditedTotal,
    compare_edited,
    compare_totals,
)
from repro.model.environments.environment import (
    CondaEnvironment,
    Environment,
    ImageEnvironment,
    Interpreter,
    PipEnvironment,
)


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
        base: what the packages stand on, where it differs: `kind`, `python version` and the like, `platform`, `image`,
            `base image NAME`, `virtual NAME`. `-` stands for "none".
        added, removed: name and version of packages that only one of the two has.
        changed: packages of both, in other versions.
        sources: packages of both in the same version that came from elsewhere: another commit, another wheel file,
            an index before and a folder after. The texts are for people.
        edited: files that were not as installed in one, or in both and otherwise, as far as both name them.
        edited_total: what all of them are, before and after, where they differ and one of the two does not name all.
        lock: whether the locks differ although no package does: an index has more files now, or other ones.
    """

    base: tuple[Changed, ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[Changed, ...] = ()
    sources: tuple[Changed, ...] = ()
    edited: tuple[EditedDifference, ...] = ()
    edited_total: tuple[EditedTotal, EditedTotal] | None = None
    lock: bool = False

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        edited = self.edited or self.edited_total
        return bool(self.base or self.added or self.removed or self.changed or self.sources or edited or self.lock)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is compared of an environment, or of a lock file: that says nothing of what its packages stand on.

    Attributes:
        base: what the packages stand on, by name; None where it is not known, and then not compared.
        packages: versions by name.
        sources: where packages came from that no index serves, in words; None where that is not known.
        edited: files that were not as installed; None where that is not known.
        lock: the digest of the lock, None where it has none.
    """

    base: Mapping[str, str] | None
    packages: Mapping[str, str]
    sources: Mapping[str, str] | None
    edited: EditedFiles | None = None
    lock: str | None = None


def compare(before: Environment, after: Environment) -> EnvironmentDifference:
    """Return what changed from one environment to another; an empty difference is false."""
    return compare_contents(contents_of(before), contents_of(after))


def contents_of(environment: Environment, edited: EditedFiles = NONE_EDITED) -> Contents:
    """Return what is compared of an environment in which these files were edited."""
    base, sources = _standing_on(environment), _sources(environment)
    return Contents(base, _packages(environment), sources, edited, lock_digest(environment))


def compare_contents(before: Contents, after: Contents) -> EnvironmentDifference:
    """Return what changed from one to another, as far as both say it."""
    old, new = before.packages, after.packages
    both = sorted(old.keys() & new.keys())
    sources: list[Changed] = []
    if before.sources is not None and after.sources is not None:
        was, now = before.sources, after.sources
        moved = [name for name in both if old[name] == new[name] and was.get(name) != now.get(name)]
        sources = [Changed(name, was.get(name, "index"), now.get(name, "index")) for name in moved]
    known = None not in (before.base, after.base)
    edited = None if before.edited is None or after.edited is None else (before.edited, after.edited)
    return EnvironmentDifference(
        base=_base(before.base or {}, after.base or {}) if known else (),
        added=tuple((name, new[name]) for name in sorted(new.keys() - old.keys())),
        removed=tuple((name, old[name]) for name in sorted(old.keys() - new.keys())),
        changed=tuple(Changed(name, old[name], new[name]) for name in both if old[name] != new[name]),
        sources=tuple(sources),
        edited=compare_edited(*edited) if edited else (),
        edited_total=compare_totals(*edited) if edited else None,
        lock=known and before.lock != after.lock and old == new and before.sources == after.sources,
    )


def _packages(environment: Environment) -> dict[str, str]:
    """Return name and version; of one that conda and pip both have, conda's is called `conda:NAME`."""
    packages = dict(environment.packages)
    if not isinstance(environment, CondaEnvironment):
        return packages
    beside = dict(environment.pip)
    conda = {f"conda:{name}" if name in beside else name: version for name, version in packages.items()}
    return conda | beside


def lock_digest(environment: Environment) -> str | None:
    """Return the digest of the lock that an environment has as an object."""
    if isinstance(environment, ImageEnvironment) or environment.lock is None:
        return None
    return environment.lock.digest


def _base(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Changed, ...]:
    names = sorted(old.keys() | new.keys(), key=lambda name: (name != "kind", name))
    pairs = [(name, old.get(name, "-"), new.get(name, "-")) for name in names]
    return tuple(Changed(name, was, now) for name, was, now in pairs if was != now)


def _standing_on(environment: Environment) -> dict[str, str]:
    match environment:
        case PipEnvironment():
            return {"kind": environment.kind} | _python(environment.python)
        case CondaEnvironment():
            found = {"kind": environment.kind, "platform": environment.platform}
            found |= {f"virtual {name}": version for name, version in environment.virtual}
            return found | (_python(environment.python) if environment.python else {})
        case ImageEnvironment():
            found = {"kind": environment.kind, "platform": environment.platform}
            found["image"] = f"sha256:{environment.image}"
            built = environment.built_from
            if built is not None:
                found["Dockerfile"] = built.file.digest
                found |= {"build context": built.context} if built.context else {}
                found |= {f"base image {name}": known for name, known in built.bases}
                found |= {f"build argument {name}": value for name, value in built.arguments}
                found |= {"build target": built.target} if built.target else {}
            return found


def _python(python: Interpreter) -> dict[str, str]:
    return {
        "python implementation": python.implementation,
        "python version": python.version,
        "python abi": python.abi,
        "python platform": python.platform,
    }


def _sources(environment: Environment) -> dict[str, str]:
    """Return where the packages came from that no index serves, in words."""
    sources = dict.fromkeys(environment.unlocked, "not pinned")
    if isinstance(environment, ImageEnvironment):
        return sources
    sources |= {p.name: f"{'editable ' if p.editable else ''}{p.path}" for p in environment.project}
    sources |= {w.name: f"{w.file} {w.sha256[:12]}" for w in environment.wheels}
    for install in environment.vcs:
        folder = f"#{install.subdirectory}" if install.subdirectory else ""
        sources[install.name] = f"{install.vcs}+{install.url}@{install.commit}{folder}"
    return sources
