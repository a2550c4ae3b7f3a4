"""What a run read and wrote, told apart: code, data, the run's own work, inputs that nobody declared, the machine's."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable

from repro.model.dataclass import dataclass, field
from repro.model.names import is_within
from repro.model.secret_names import looks_secret
from repro.model.watching.noise import is_noise
from repro.model.watching.trace import Trace
from repro.model.watching.watch_rules import Role, Surroundings, environment_prefix, is_of_python, role_of

TEMPORARY = (b"/tmp", b"/var/tmp")  # what is written there is nobody's output
OWN_FOLDERS = (b".git", b".repro")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the project: its root, what surrounds it, its code, and the paths of its declared inputs.

    `exclude` are patterns of files that are neither outputs nor inputs that are found.
    """

    root: bytes
    around: Surroundings
    in_code: Callable[[bytes], bool]
    items: frozenset[bytes]
    exclude: tuple[str, ...] = ()


@dataclass(slots=True)
class Judged:
    """A trace, judged. Paths inside the project are relative to it, others absolute.

    Attributes:
        code: files of the code that were read.
        used: what was read of each declared input: paths relative to it, `b""` for the input itself; a directory that
            was listed ends with `/`.
        inputs: read inside the project, and neither code nor data nor the run's own work.
        outside: the same outside.
        secrets: read, and called like secrets.
        environments: prefixes of environments that are not the recorded one.
        written: put in place by the run inside the project.
        made_outside: the same outside, temporary files and caches left out.
        listed: directories that were listed and hold neither system nor environment.
        links: paths by which something was reached through a symbolic link.
        read: how many files were read, by what they are.
    """

    code: set[bytes] = field(default_factory=set)
    used: dict[bytes, set[bytes]] = field(default_factory=dict)
    inputs: list[bytes] = field(default_factory=list)
    outside: list[bytes] = field(default_factory=list)
    secrets: list[bytes] = field(default_factory=list)
    environments: set[bytes] = field(default_factory=set)
    written: list[bytes] = field(default_factory=list)
    made_outside: list[bytes] = field(default_factory=list)
    listed: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)


def judge(trace: Trace, known: Known) -> Judged:
    """Tell apart what a trace has."""
    judged = Judged()
    for path in sorted(trace.reads | trace.updates):
        inner = inside(path, known.root)
        if inner is not None:
            _judge_inside(inner, path, known, judged)
        else:
            _judge_outside(path, known, judged)
    judged.read["made"] = len(trace.made)
    for path in sorted(trace.aliases):
        _judge_alias(path, known, judged)
    for path in sorted(trace.listed | trace.entered):
        _judge_listed(path, path in trace.listed, known, judged)
    for path in sorted(trace.writes):
        _judge_written(path, known, judged)
    return judged


def inside(path: bytes, root: bytes) -> bytes | None:
    """Return a path relative to the project's root, None where it is the root or not inside."""
    return path[len(root) + 1 :] if path.startswith(root + b"/") else None


def owner(path: bytes, folders: frozenset[bytes]) -> bytes | None:
    """Return which of `folders` is `path`, or is above it."""
    while path:
        if path in folders:
            return path
        path = posixpath.dirname(path)
    return None


def _judge_inside(inner: bytes, path: bytes, known: Known, judged: Judged) -> None:
    item = owner(inner, known.items)
    if item is not None:
        judged.used.setdefault(item, set()).add(inner[len(item) + 1 :])
        judged.read["data"] += 1
    elif known.in_code(inner):
        judged.code.add(inner)
        judged.read["code"] += 1
    elif _is_own(inner):
        judged.read[Role.OWN] += 1
    elif any(is_within(path, prefix) for prefix in known.around.environments):
        judged.read[Role.ENVIRONMENT] += 1
    elif is_of_python(inner):
        judged.environments.add(environment_prefix(path))
        judged.read[Role.OTHER_ENVIRONMENT] += 1
    elif is_noise(inner, known.exclude):
        judged.read[Role.CACHE] += 1
    elif looks_secret(inner):
        judged.secrets.append(inner)
        judged.read[Role.SECRET] += 1
    else:
        judged.inputs.append(inner)
        judged.read[Role.INPUT] += 1


def _judge_outside(path: bytes, known: Known, judged: Judged) -> None:
    role = role_of(path, known.around)
    judged.read[role] += 1
    if role is Role.INPUT:
        judged.outside.append(path)
    elif role is Role.SECRET:
        judged.secrets.append(path)
    elif role is Role.OTHER_ENVIRONMENT:
        judged.environments.add(environment_prefix(path))


def _judge_alias(path: bytes, known: Known, judged: Judged) -> None:
    """A link inside the project may lead to data that lies elsewhere: in the store, on another disk."""
    inner = inside(path, known.root)
    if inner is None:
        if role_of(path, known.around) is Role.INPUT:
            judged.links.append(path)
        return
    item = owner(inner, known.items)
    if item is not None:
        judged.used.setdefault(item, set()).add(inner[len(item) + 1 :])
    elif not (_is_own(inner) or is_noise(inner) or is_of_python(inner)):
        judged.links.append(path)


def _judge_listed(path: bytes, is_listing: bool, known: Known, judged: Judged) -> None:
    inner = inside(path, known.root)
    if path == known.root:
        return  # Python lists the directory of every script that it starts
    if inner is not None:
        item = owner(inner, known.items)
        if item is not None:
            names = judged.used.setdefault(item, set())
            if is_listing:
                names.add((inner[len(item) + 1 :] or b".") + b"/")
        if is_listing and not (_is_own(inner) or is_noise(inner) or is_of_python(inner)):
            judged.listed.append(inner)
    elif is_listing and role_of(path + b"/.", known.around) is Role.INPUT and not _is_above(path, known.root):
        judged.listed.append(path)


def _judge_written(path: bytes, known: Known, judged: Judged) -> None:
    inner = inside(path, known.root)
    if inner is not None:
        if not _is_own(inner):
            judged.written.append(inner)
    elif role_of(path, known.around) is Role.INPUT and not _is_temporary(path, known.around.home):
        judged.made_outside.append(path)


def _is_temporary(path: bytes, home: bytes | None) -> bool:
    return any(is_within(path, folder) for folder in TEMPORARY) and not (home and is_within(path, home))


def _is_own(inner: bytes) -> bool:
    return any(is_within(inner, folder) for folder in OWN_FOLDERS)


def _is_above(path: bytes, root: bytes) -> bool:
    return is_within(root, path) or path == b"/"


def gather(paths: Iterable[bytes], barred: Callable[[bytes], bool], least: int = 20) -> dict[bytes, list[bytes]]:
    """Return which paths are recorded as one directory: directory -> paths below it; a path alone stands for itself.

    Args:
        paths: of files; `/` between components.
        barred: whether a directory may not stand for the files below it: it holds something else.
        least: how many files make a directory worth while.
    """
    files = sorted(set(paths))
    counts: Counter[bytes] = Counter()
    for path in files:
        for folder in _folders_above(path):
            counts[folder] += 1
    found: dict[bytes, list[bytes]] = {}
    for path in files:
        fit = (folder for folder in _folders_above(path) if counts[folder] >= least and not barred(folder))
        found.setdefault(next(fit, path), []).append(path)
    return found


def _folders_above(path: bytes) -> list[bytes]:
    """Return the directories above a path, the outermost first."""
    parts = path.split(b"/")
    above = (b"/".join(parts[:end]) for end in range(1, len(parts)))
    return [folder for folder in above if folder]
