"""Inputs that nobody declared: what a watched run read beside code and data is stored, if it still is what it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from enum import StrEnum

from repro.actions.partial_tree import store_partial_tree
from repro.data.capture import capture
from repro.data.memo import new_memo, opened_memo
from repro.errors import ReproError
from repro.execution.birth_time import born_ns
from repro.execution.links_on_path import links_on_path
from repro.model.data.content import Content, Item
from repro.model.data.tree_objects import KnowingSink
from repro.model.dataclass import dataclass, field
from repro.model.finding import Finding
from repro.model.names import UnsafePath, check_path, is_within, name_to_text
from repro.model.runs.outside import OutsideItem, outside_path
from repro.model.secret_names import looks_secret
from repro.model.watching.judged_trace import OWN_FOLDERS, Judged, Known, gather, inside, owner
from repro.model.watching.noise import is_noise
from repro.model.watching.trace import Trace
from repro.model.watching.watch_rules import Role, role_of
from repro.model.watching.watch_settings import CAPTURE_OUTSIDE
from repro.project import Project
from repro.store.files.digest_only import DigestOnly

_REMEMBER = 1024 * 1024  # bytes: of a file from this size on it is remembered what it was when it was last read
_LISTING = 10_000  # names: a directory that holds more is not stored for having been listed
# Directories that are no data set by themselves: too much else is in them.
_SHARED = frozenset(
    {
        *(b"/bin", b"/data", b"/etc", b"/home", b"/media", b"/mnt", b"/opt", b"/root", b"/scratch", b"/srv"),
        *(b"/tmp", b"/usr", b"/var", b"/var/tmp", b"/work"),
    }
)
_NAME_IT = "`repro add` it, or name it with -i, if the command goes by what is in it"
_NAMED = "it is recorded as data; `repro add` or `inputs:` would say so beforehand"


class _State(StrEnum):
    SAME = "same"
    OWN = "own"
    CHANGED = "changed"
    GONE = "gone"
    DIRECTORY = "directory"
    OTHER = "other"


@dataclass(slots=True)
class FoundInputs:
    """What was found and stored. `unstored` are recorded paths of `outside` of which only the digest is kept;
    `tainted` is what had changed or gone before it could be stored."""

    items: list[Item] = field(default_factory=list)
    outside: list[OutsideItem] = field(default_factory=list)
    unstored: list[bytes] = field(default_factory=list)
    tainted: list[bytes] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the search for inputs goes by: the trace, judged, and since when. `is_sure`: it shows all that was opened,
    so that what changed and was not written by the run was changed by somebody else."""

    trace: Trace
    judged: Judged
    known: Known
    code: frozenset[bytes]
    since: int
    is_sure: bool


def capture_found(project: Project, watch: Watch) -> FoundInputs:
    """Store what a run read inside the project and outside, and say what could not be stored."""
    found = FoundInputs()
    links = _links(watch)
    inner = [path for path in (inside(link, watch.known.root) for link in links) if path is not None]
    outer = [link for link in links if inside(link, watch.known.root) is None]
    with project.cache().batch() as sink:
        _capture_inside(project, watch, [*watch.judged.inputs, *_listed(watch, found), *inner], sink, found)
        _capture_outside(project, watch, [*watch.judged.outside, *outer], sink, found)
    return found


def _capture_inside(
    project: Project, watch: Watch, paths: Iterable[bytes], sink: KnowingSink, found: FoundInputs
) -> None:
    root = watch.known.root
    standing = [path for path in sorted(set(paths)) if _stands(root + b"/" + path, path, watch, found)]
    taken = _folders_of([*watch.code, *watch.known.items])
    for folder, files in gather(standing, lambda folder: folder in taken).items():
        contents = _contents(project, project.root, files, sink, found)
        if contents:
            content = _whole(folder, contents, sink)
            found.items.append(Item(check_path(folder), content))
            found.findings.append(Finding("input-found", _said(folder, contents), name_to_text(folder), hint=_NAMED))


def _capture_outside(
    project: Project, watch: Watch, paths: Iterable[bytes], sink: KnowingSink, found: FoundInputs
) -> None:
    limit = project.settings.capture_outside
    limit = CAPTURE_OUTSIDE if limit is None else limit
    standing = [path for path in sorted(set(paths)) if _stands(path, path, watch, found)]
    large = {path for path in standing if os.lstat(path).st_size > limit}
    home = watch.known.around.home
    taken = _folders_of(large) | _SHARED | {home or b"/root", os.path.dirname(home or b"/root")}
    for folder, files in gather(standing, lambda folder: folder in taken).items():
        only_digest = folder in large
        contents = _contents(project, "/", [path[1:] for path in files], DigestOnly() if only_digest else sink, found)
        if not contents:
            continue
        recorded = outside_path(folder, home)
        content = _whole(folder[1:], contents, sink)
        found.outside.append(OutsideItem(recorded, content))
        shown = name_to_text(recorded)
        if only_digest:
            found.unstored.append(recorded)
            hint = "raise `capture_outside` in repro.yaml, or put it into the project and `repro add` it"
            detail = f"was read, and has {content.size} bytes: only its digest is recorded"
            found.findings.append(Finding("input-not-stored", detail, shown, hint=hint))
        else:
            found.findings.append(Finding("input-found", _said(folder[1:], contents), shown, hint=_NAMED))


def _contents(
    project: Project, root: str, paths: Sequence[bytes], sink: KnowingSink, found: FoundInputs
) -> dict[bytes, Content]:
    contents = {}
    for path in paths:
        try:
            contents[path] = _content(project, root, path, sink)
        except (ReproError, OSError) as error:
            reason = error.message if isinstance(error, ReproError) else str(error.strerror)
            shown = name_to_text(path if root != "/" else b"/" + path)
            found.findings.append(Finding("input-unreadable", f"was read, and cannot be recorded: {reason}", shown))
    return contents


def _content(project: Project, root: str, path: bytes, sink: KnowingSink) -> Content:
    relative = check_path(path)
    full = os.path.join(os.fsencode(root), path)
    if os.lstat(full).st_size < _REMEMBER:
        return capture(root, relative, sink, store=project.store_root).content
    memos = project.memos if root != "/" else os.path.join(project.memos, "outside")
    with opened_memo(memos, relative) as memo, new_memo(memos, relative) as writer:
        return capture(root, relative, sink, memo, store=project.store_root, remember=writer).content


def _whole(folder: bytes, contents: dict[bytes, Content], sink: KnowingSink) -> Content:
    if list(contents) == [folder]:
        return contents[folder]
    return store_partial_tree({path[len(folder) + 1 :]: content for path, content in contents.items()}, sink)


def _said(folder: bytes, contents: dict[bytes, Content]) -> str:
    if list(contents) == [folder]:
        return "was read, and is neither code nor tracked data"
    return f"{len(contents)} files in it were read, and are neither code nor tracked data"


def _stands(full: bytes, shown: bytes, watch: Watch, found: FoundInputs) -> bool:
    """Whether a file is what the run read; else say what became of it, where that matters."""
    state = _state(full, watch)
    if state is _State.SAME:
        return _is_recordable(shown)
    if watch.is_sure and state in (_State.CHANGED, _State.GONE):
        found.tainted.append(shown)
        word = "has changed" if state is _State.CHANGED else "is gone"
        found.findings.append(
            Finding(
                "input-unreadable",
                f"was read, is neither code nor tracked data, and {word} since: what it was is not known",
                name_to_text(shown),
                hint="name it with -i or in `inputs:`, so that it is stored before the command starts",
            )
        )
    return False


def _is_recordable(shown: bytes) -> bool:
    try:
        check_path(shown.lstrip(b"/"))
    except UnsafePath:
        return False
    return True


def _state(full: bytes, watch: Watch) -> _State:
    trace = watch.trace
    try:
        status = os.lstat(full)
    except OSError:
        return _State.OWN if full in trace.created else _State.GONE
    if stat.S_ISDIR(status.st_mode):
        return _State.DIRECTORY
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return _State.OTHER
    changed = status.st_mtime_ns if full in trace.linked and full not in trace.writes else status.st_ctime_ns
    if changed < watch.since:
        # Opened to be written to, and left as it was: what it was matters only if it could be read as well.
        return _State.SAME if full in trace.reads or full not in trace.updates else _State.OWN
    if full in trace.created:
        born = born_ns(full)
        if born is None or born >= watch.since:
            return _State.OWN
    return _State.CHANGED


def _listed(watch: Watch, told: FoundInputs) -> list[bytes]:
    """Return what lies in directories that were listed and hold nothing that is recorded: their names were read."""
    taken = _folders_of([*watch.code, *watch.known.items])
    found: list[bytes] = []
    for folder in watch.judged.listed:
        if folder.startswith(b"/") or folder == b"." or folder in taken or owner(folder, watch.known.items):
            continue
        full = os.path.join(watch.known.root, folder)
        try:
            names = os.listdir(full)
        except OSError:
            continue  # taken away again: the run's own
        if len(names) > _LISTING:
            detail = f"was listed, and holds {len(names)} names: they are not recorded"
            told.findings.append(Finding("input-not-stored", detail, name_to_text(folder), hint=_NAME_IT))
            continue
        paths = (folder + b"/" + name for name in names)
        found += [path for path in paths if _may_be_input(path, watch)]
    return found


def _may_be_input(path: bytes, watch: Watch) -> bool:
    full = watch.known.root + b"/" + path
    mine = full in watch.trace.writes or full in watch.trace.made
    if mine or is_noise(path, watch.known.exclude) or looks_secret(path):
        return False
    return _state(full, watch) is _State.SAME


def _links(watch: Watch) -> list[bytes]:
    """Return the symbolic links that the run went through, and that are not recorded, its own, or the machine's."""
    found = {link for path in watch.judged.links for link in links_on_path(path)}
    return sorted(link for link in found if link not in watch.trace.made and _is_unrecorded(link, watch))


def _is_unrecorded(link: bytes, watch: Watch) -> bool:
    inner = inside(link, watch.known.root)
    if inner is None:
        return not is_within(watch.known.root, link) and role_of(link, watch.known.around) is Role.INPUT
    own = any(is_within(inner, folder) for folder in OWN_FOLDERS)
    return not (own or watch.known.in_code(inner) or owner(inner, watch.known.items) or is_noise(inner))


def _folders_of(paths: Iterable[bytes]) -> set[bytes]:
    """Return the paths and all directories above them."""
    found: set[bytes] = set()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = os.path.dirname(path) if path != b"/" else b""
    return found
