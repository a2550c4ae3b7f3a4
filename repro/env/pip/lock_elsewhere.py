"""A lock of the installed versions for another platform than this machine's, or for all of them.

What is installed here is pinned; what only another platform needs (a `colorama` on Windows) is resolved anew, and what
only this one needs is left out, by the markers of the packages' own dependencies.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping

from repro.env.pip.install_failures import failure_of
from repro.env.pip.uv_process import index_arguments, run_uv
from repro.errors import UsageError

UNIVERSAL = "universal"


def lock_elsewhere(
    pins: Mapping[str, str],
    prefix: str,
    python: str,
    platform: str,
    project_root: str,
    environ: Mapping[str, str],
    *,
    offline: bool = False,
) -> str:
    """Return hashed requirements of a platform.

    Args:
        pins: names and versions of what an index serves, as it is installed here.
        prefix: of the environment that it is installed in.
        python: its interpreter.
        platform: as uv calls it (`windows`, `aarch64-apple-darwin`, `x86_64-manylinux_2_28`), or `universal`.
        project_root: uv's configuration is read from here upwards.
        environ: the user's variables.
        offline: ask uv's cache only.

    Raises:
        PackageGone, IndexUnreachable, EnvironmentNotMade: there is no such lock; the message is uv's.
        UsageError: there is no such platform.
        NoUv: there is no uv.
    """
    import tempfile

    if not pins:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        constraints = os.path.join(folder, "installed.txt")
        with open(constraints, "w", encoding="utf-8") as file:
            file.writelines(f"{name}=={version}\n" for name, version in sorted(pins.items()))
        command = ["pip", "compile", "-", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--constraint", constraints, "--python", python]
        command += ["--universal"] if platform == UNIVERSAL else ["--python-platform", platform]
        roots = "".join(f"{name}\n" for name in sorted(_roots(pins, prefix)))
        result = run_uv([*command, *index_arguments(environ, offline)], environ, project_root, stdin=roots)
    if result.returncode and "'--python-platform" in result.stderr and "invalid value" in result.stderr:
        raise UsageError(f"{platform!r} is no platform that uv knows", "for example windows, macos, linux")
    if result.returncode:
        raise failure_of(result, f"lock the installed packages for {platform}")
    return f"# repro env lock, for {platform}\n{result.stdout}"


def _roots(pins: Mapping[str, str], prefix: str) -> set[str]:
    """Return the packages from which the dependencies of the others lead: nobody installed these for their own sake."""
    needs = {name: needed & pins.keys() for name, needed in _needs(prefix).items() if name in pins}
    roots = set(pins) - set().union(*(needed - {name} for name, needed in needs.items()))
    seen: set[str] = set()
    pending = sorted(roots)
    while True:
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += needs.get(name, ())
        left = sorted(pins.keys() - seen)
        if not left:
            return roots
        roots.add(left[0])  # a ring, or what only an extra asks for
        pending = [left[0]]


def _needs(prefix: str) -> dict[str, set[str]]:
    """Return the names of the dependencies of each installed distribution; those of extras are left out."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, set[str]] = {}
    for path in glob.glob(os.path.join(glob.escape(prefix), "lib", "*", "site-packages", "*.dist-info", "METADATA")):
        name, needed = "", set()
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, colon, value = line.partition(":")
                if not line.strip():
                    break
                if colon and key == "Name":
                    name = canonicalize_name(value.strip())
                elif colon and key == "Requires-Dist":
                    try:
                        requirement = Requirement(value.strip())
                    except InvalidRequirement:
                        continue
                    if "extra" not in str(requirement.marker or ""):
                        needed.add(str(canonicalize_name(requirement.name)))
        found[name] = needed
    return found
