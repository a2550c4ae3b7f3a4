"""What conda packages depend on: other packages, and the machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def needs_of(depends: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return what packages ask of the machine, sorted: of their dependencies those on virtual packages."""
    return tuple(sorted({spec for of_one in depends for spec in of_one if spec.startswith("__")}))


def dependencies_of(depends: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return dependencies by name, sorted: virtual packages left out, several specs of one name joined by commas."""
    joined: dict[str, list[str]] = {}
    for spec in depends:
        name, _, version = spec.partition(" ")
        if not name.startswith("__"):
            joined.setdefault(name, []).append(version.strip())
    return tuple((name, ",".join(filter(None, versions))) for name, versions in sorted(joined.items()))
