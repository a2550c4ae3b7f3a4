"""What a watched run left, judged by what was seen of it: outputs, taint, true inputs, inputs that nobody declared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from repro.actions.aftermath import Aftermath, input_changed, stands_untouched
from repro.actions.found_inputs import FoundInputs, Watch, capture_found
from repro.actions.standing_folders import standing_folders
from repro.code.changes import changed_paths
from repro.code.commit_contents import paths_in_commit
from repro.code.object_reader import blob_at, mode_at
from repro.code.snapshot import snapshot_work_tree
from repro.execution.programs import is_privileged
from repro.execution.touched import touched_files
from repro.execution.watching import OWN_SITES, Watched
from repro.model.data.content import Content, Item, Kind
from repro.model.environments.environment import ImageEnvironment
from repro.model.names import RelPath, is_within
from repro.model.runs.manifest import Manifest
from repro.model.watching.judged_trace import Judged, Known, inside, judge, owner
from repro.model.watching.noise import is_noise
from repro.model.watching.trace import Trace
from repro.model.watching.watch_findings import not_watched, shown_hosts, watch_findings
from repro.model.watching.watch_record import BLIND, Means, ReadPart, encode_names
from repro.model.watching.watch_record import Watch as WatchRecord
from repro.model.watching.watch_rules import Surroundings
from repro.project import Project

_MOST_NAMES = 100_000  # of a larger part of a directory nobody fetches file by file
_GIT_EXECUTABLE, _GIT_SYMLINK = 0o100755, 0o120000


def with_found_inputs(
    project: Project, manifest: Manifest, watched: Watched, before: Aftermath, since: int
) -> Aftermath:
    """Return an aftermath that was told from the files alone, with the inputs that a partial watch adds."""
    code = paths_in_commit(project.root, manifest.code.commit)
    known = _known(project, manifest, code)
    judged = judge(watched.trace, known)
    taken = {os.path.join(known.root, path) for path in before.found}
    judged.inputs = [path for path in judged.inputs if known.root + b"/" + path not in taken]
    watch = Watch(watched.trace, judged, known, code, since, is_sure=False)
    return _joined(project, watched, watch, before, capture_found(project, watch))


def watched_aftermath(
    project: Project, manifest: Manifest, watched: Watched, declared: Sequence[RelPath], since: int
) -> Aftermath:
    """Return what a run left of which every opened file was seen."""
    code = paths_in_commit(project.root, manifest.code.commit)
    known = _known(project, manifest, code)
    trace = watched.trace
    judged = judge(trace, known)
    watch = Watch(trace, judged, known, code, since, is_sure=True)
    found = capture_found(project, watch)
    written = set(_written_files(project, judged.written, since))
    data, tainted = _inputs(project, manifest, watched, judged, declared, written, since)
    data += _overwritten_code(project, manifest, judged, trace, known, written)
    tainted += _tainted_code(project, manifest, judged, trace, known)
    outputs = [
        RelPath(path)
        for path in sorted(written)
        if not is_noise(path, project.settings.exclude) and not any(is_within(path, other) for other in declared)
    ]
    parts = tuple(_parts(project, data, judged, trace, known))
    before = Aftermath(tuple(outputs), tuple(sorted(set(tainted))), tuple(data), reads=parts)
    return _joined(project, watched, watch, before, found)


def _known(project: Project, manifest: Manifest, code: frozenset[bytes]) -> Known:
    modules = [bytes(module.path) for module in manifest.code.submodules]
    observed = manifest.observations.environment
    prefixes = [str(observed[name]) for name in ("prefix", "base_prefix") if observed.get(name)]
    base = observed.get("base_executable")
    if base:
        prefixes += [os.path.dirname(os.path.dirname(path)) for path in (str(base), os.path.realpath(str(base)))]
    home = project.environ.get("HOME")
    places = project.places
    own = (
        places.store,
        places.scratch,
        places.config,
        os.path.realpath(places.store),
        *(os.path.realpath(site) for site in OWN_SITES),
        os.path.realpath(places.scratch),
    )
    return Known(
        os.fsencode(project.root),
        Surroundings(
            os.path.realpath(os.fsencode(home)) if home else None,
            tuple(os.fsencode(path) for path in dict.fromkeys(prefixes) if path not in ("/", "/usr", "/usr/local")),
            tuple(os.fsencode(path) for path in own),
            isinstance(manifest.recipe.environment, ImageEnvironment),
        ),
        lambda path: path in code or any(is_within(path, module) for module in modules),
        frozenset(bytes(item.path) for item in manifest.recipe.data),
        project.settings.exclude,
    )


def _written_files(project: Project, written: Sequence[bytes], since: int) -> Iterator[bytes]:
    """Yield the files that the run put in place and that are still there: of a directory that was moved, its files."""
    root = os.fsencode(project.root)
    for path in written:
        full = os.path.join(root, path)
        if os.path.isdir(full) and not os.path.islink(full):
            yield from (path + b"/" + inner for inner in touched_files(os.fsdecode(full), 0, (), ()))
        elif os.path.lexists(full) and os.lstat(full).st_ctime_ns >= since:
            yield path


def _inputs(
    project: Project,
    manifest: Manifest,
    watched: Watched,
    judged: Judged,
    declared: Sequence[RelPath],
    written: set[bytes],
    since: int,
) -> tuple[list[Item], list[bytes]]:
    """Return the declared inputs that the run read, and those that somebody else changed."""
    named = {*watched.named, *(bytes(path) for path in project.settings.inputs)}
    data: list[Item] = []
    tainted: list[bytes] = []
    for item in manifest.recipe.data:
        is_named = any(is_within(path, item.path) or is_within(item.path, path) for path in named)
        if item.path not in judged.used and not is_named:
            continue
        data.append(item)
        if any(is_within(item.path, output) for output in declared) or stands_untouched(project, item):
            continue
        if input_changed(project, item) and not _changed_it_itself(project, item, watched.trace, written, since):
            tainted.append(item.path)
    return data, tainted


def _changed_it_itself(project: Project, item: Item, trace: Trace, written: set[bytes], since: int) -> bool:
    """Whether all that has changed in an input since the run began is what the run wrote or removed there."""
    root = os.fsencode(project.root)
    full = os.path.join(root, item.path)
    if os.path.isdir(full) and not os.path.islink(full):
        touched = {item.path + b"/" + path for path in touched_files(os.fsdecode(full), since, (), ())}
    else:
        touched = {bytes(item.path)} if os.path.lexists(full) else set()
    removed = {inner for path in trace.removed if (inner := inside(path, root)) and is_within(inner, item.path)}
    return touched <= written and bool(touched or removed)


def _overwritten_code(
    project: Project, manifest: Manifest, judged: Judged, trace: Trace, known: Known, written: set[bytes]
) -> Iterator[Item]:
    """Yield the files of the code that the run read and then wrote: as they were, they are inputs."""
    for path in sorted(written & judged.code):
        if not known.in_code(path) or owner(path, known.items):
            continue
        content = _code_content(project, manifest.code.commit, path)
        if content is not None:
            yield Item(RelPath(path), content)


def _code_content(project: Project, commit: str, path: bytes) -> Content | None:
    data, mode = blob_at(project.root, commit, path), mode_at(project.root, commit, path)
    if data is None:
        return None
    if mode == _GIT_SYMLINK:
        return Content(Kind.SYMLINK, len(data), target=data)
    ref = project.cache().add_bytes(data)
    return Content(Kind.EXECUTABLE if mode == _GIT_EXECUTABLE else Kind.FILE, ref.size, digest=ref.digest)


def _tainted_code(project: Project, manifest: Manifest, judged: Judged, trace: Trace, known: Known) -> Iterator[bytes]:
    """Yield the files of the code that the run read and that somebody else changed. What it did not read may change."""
    start, end = manifest.code.commit, snapshot_work_tree(project.root).commit
    for change in changed_paths(project.root, start, end) if start != end else ():
        full = known.root + b"/" + change.path
        is_own = full in trace.writes or full in trace.removed or full in trace.made
        if change.path in judged.code and not is_own:
            yield change.path


def _parts(project: Project, data: Sequence[Item], judged: Judged, trace: Trace, known: Known) -> Iterator[ReadPart]:
    """Yield what was read of each directory. What was written in it is named too: it must be there to be written to."""
    cache = project.cache()
    written = _written_in(known.items, trace, known)
    for item in data:
        names = judged.used.get(item.path, set()) - {b""}
        is_moved = known.root + b"/" + item.path in trace.removed
        if item.content.kind is Kind.DIRECTORY and 0 < len(names) <= _MOST_NAMES and not is_moved:
            files = sum(not name.endswith(b"/") for name in names)
            names |= written.get(item.path, set())
            yield ReadPart(item.path, files, cache.add_bytes(encode_names(names)))


def _written_in(folders: frozenset[bytes], trace: Trace, known: Known) -> dict[bytes, set[bytes]]:
    found: dict[bytes, set[bytes]] = {}
    for path in trace.made:
        inner = inside(path, known.root)
        folder = owner(inner, folders) if inner is not None else None
        if inner is not None and folder is not None and inner != folder:
            found.setdefault(folder, set()).add(inner[len(folder) + 1 :])
    return found


def _joined(project: Project, watched: Watched, watch: Watch, before: Aftermath, found: FoundInputs) -> Aftermath:
    trace, judged, known = watch.trace, watch.judged, watch.known
    is_traced = watched.means is Means.STRACE
    data = (*before.data, *found.items)
    refused = tuple(path for path in trace.executed if is_traced and os.geteuid() != 0 and is_privileged(path))
    findings = watch_findings(
        trace,
        judged,
        root=known.root,
        redirected=watched.redirected or {},
        left=watched.left,
        privileged=refused,
        forbid_network=project.settings.network == "forbid",
    )
    programs = (inside(path, known.root) or path for path in trace.executed)
    return Aftermath(
        found=before.found,
        tainted=tuple(sorted({*before.tainted, *found.tainted})),
        data=data,
        outside=tuple(found.outside),
        folders=standing_folders(watch, [item.path for item in data]),
        unstored=tuple(found.unstored),
        reads=before.reads,
        findings=(*before.findings, *found.findings, *findings, *not_watched(watched.means, watched.reason)),
        means=str(watched.means),
        is_forbidden=project.settings.network == "forbid" and bool(shown_hosts(trace)),
        watch=WatchRecord(
            watched.tool,
            watched.reason,
            BLIND[watched.means],
            {str(name): count for name, count in judged.read.items() if count},
            tuple(programs),
            shown_hosts(trace),
            trace.own_ports if is_traced else None,
            tuple(sorted(judged.listed)),
        ),
    )
