"""`repro fsck`: every object's bytes, every record, and everything that records need, here or on a remote."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from repro.actions.fsck.answer import Checked, answer_of, check_needs, trouble_findings
from repro.actions.fsck.packs import PacksWalk, walk_packs
from repro.actions.fsck.records import records_here
from repro.actions.fsck.remote import Far, check_far
from repro.actions.fsck.repair import MendHere
from repro.actions.fsck.repair_packs import PacksMendedHere, set_indexes_aside
from repro.actions.fsck.unsynced import unsynced_objects
from repro.actions.sync import remote_of
from repro.errors import RemoteError
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, raw_of
from repro.model.finding import Finding
from repro.model.packs.store_check import LookedAt, SoundObjects, Trouble, digest_in_name, trouble_with
from repro.model.progress import SILENT, Progress
from repro.project import Project, Workspace
from repro.store.cache.cache import Cache
from repro.store.cache.object_files import FilesHere, look_at_all
from repro.store.cache.set_aside import set_aside
from repro.store.checking.pack_files import PacksHere
from repro.store.remote.remote import Remote

_PACKS_HERE = 2
"""Packs that are read at a time: Python computes in one thread, but for what a larger block takes."""


def fsck(
    workspace: Workspace,
    source: str | None,
    jobs: int,
    *,
    repair: bool = False,
    quick: bool = False,
    progress: Progress = SILENT,
) -> Checked:
    """Check the store and the project's records, or (`source`) a remote. Without `repair` nothing is changed.

    Args:
        workspace: the project, or what there is without one.
        source: a remote's name, URL or directory.
        jobs: files that are read at a time.
        repair: bring back what can be had, and set aside what is wrong.
        quick: compare lengths and the checks of records, not BLAKE3; not with `repair`.
        progress: told the bytes that were read.

    Raises:
        RemoteError: the remote cannot be reached, is none, or does not let us write.
        OSError: the disk is full, or refuses a repair.
    """
    if source is not None:
        return check_far(Far(workspace, remote_of(workspace, source), jobs, quick, progress), repair)
    return _check_here(workspace, jobs, repair, quick, progress)


def _check_here(workspace: Workspace, jobs: int, repair: bool, quick: bool, progress: Progress) -> Checked:
    cache = workspace.cache()
    if repair:
        cache.settle()
    records = records_here(workspace)  # before the objects: what is recorded later needs what the walk may miss
    files = PacksHere(cache.root)
    packs, sound, repaired = _packs_walked(cache, files, jobs, repair, quick, progress)
    walk = _walked(FilesHere(cache), sound, jobs, progress, quick)
    walk.stray_findings += files.strays()
    seen = len(sound), sound.total
    if repair:
        mended = PacksMendedHere(cache, files, packs, sound)
        mended.mend()
        repaired += mended.repaired
    for digest, trouble in packs.spoiled.items():
        if sound.size(digest) is None:
            walk.troubles[digest] = trouble
        else:
            found = Finding(trouble.kind, f"{trouble.what}; it is also here as a sound file", trouble.name)
            (repaired if repair else packs.findings).append(found)
    information = [*_leftovers(cache.root), *packs.information]
    unsynced = unsynced_objects(cache.root, sound)
    mender: MendHere | None = None
    project = workspace if isinstance(workspace, Project) else None
    if repair:
        remotes, closed = _open_remotes(workspace)
        information += closed
        mender = MendHere(cache, project, remotes, walk.strays)
    checked = check_needs(FilesHere(cache), sound, walk.troubles, records, mender)
    findings = [*checked.findings, *checked.needs.findings]
    repaired += checked.needs.repaired
    if repair:
        repaired += [_stray_set_aside(cache.root, finding) for finding in walk.stray_findings]
        cache.flush()
    else:
        findings += walk.stray_findings
    if project is not None:
        lost, kept = _refs(project, checked.commits, repair)
        findings += lost
        repaired += kept
    findings += [*packs.findings, *unsynced.lost]
    information += unsynced.pending
    findings += trouble_findings(walk.troubles, None if repair else "`repro fsck --repair` takes it from who has it")
    # A pack without an index is what a killed command left, unless something is missing, or nobody knows.
    (findings if findings or project is None else information).extend(packs.unindexed)
    return answer_of(cache.root, seen, checked, findings, [*information, *checked.unfinished], repaired)


def _packs_walked(
    cache: Cache, files: PacksHere, jobs: int, repair: bool, quick: bool, progress: Progress
) -> tuple[PacksWalk, SoundObjects, list[Finding]]:
    """Return what was found in packs, which objects are whole there, and what was set aside."""
    jobs = min(jobs, _PACKS_HERE)
    sound = SoundObjects()
    packs = walk_packs(files, sound, jobs, progress, quick=quick)
    aside: list[Finding] = []
    if repair and packs.indexes.bad:
        aside = set_indexes_aside(cache, packs)
        sound = SoundObjects()
        packs = walk_packs(files, sound, jobs, progress, quick=quick, known_bad={})
    cache.overlook_indexes([*packs.indexes.bad, *packs.indexes.unreadable])
    return packs, sound, aside


@dataclass(slots=True)
class _Walked:
    sound: SoundObjects
    troubles: dict[Digest, Trouble] = field(default_factory=dict)
    strays: dict[Digest, str] = field(default_factory=dict)
    stray_findings: list[Finding] = field(default_factory=list)

    def note_stray(self, looked: LookedAt, shown: str) -> None:
        """Note a file that no object is called like; its bytes may be those of an object all the same."""
        detail = "no object is called so" + (f"; its bytes are {looked.found.digest}" if looked.found else "")
        self.stray_findings.append(Finding("stray-file", detail, looked.name))
        if looked.found is not None:
            self.strays[looked.found.digest] = os.path.join(shown, looked.name)


def _walked(files: FilesHere, sound: SoundObjects, jobs: int, progress: Progress, quick: bool) -> _Walked:
    walk = _Walked(sound)
    progress.begin("fsck")
    with contextlib.closing(look_at_all(files, jobs, progress, quick=quick)) as found:
        for looked in found:
            digest = digest_in_name(looked.name)
            if digest is None:
                walk.note_stray(looked, files.shown)
                continue
            trouble = trouble_with(looked)
            if trouble is not None:
                walk.troubles[digest] = trouble
            elif looked.found is not None:
                walk.sound.add(raw_of(digest), looked.found.size)
    return walk


def _refs(project: Project, commits: dict[str, str], repair: bool) -> tuple[list[Finding], list[Finding]]:
    """Return the refs that are lost, and those that were set again."""
    if not commits:
        return [], []
    from repro.code.kept_commits import keep_commit, lost_refs

    lost: list[Finding] = []
    kept: list[Finding] = []
    for run in lost_refs(project.root, commits):
        detail = f"the ref does not name {commits[run]}, which git's gc may then remove"
        hint = None if repair else "`repro fsck --repair` sets it again"
        finding = Finding("missing-ref", detail, f"refs/repro/{run}", run, hint)
        if repair:
            keep_commit(project.root, run, commits[run])
        (kept if repair else lost).append(finding)
    return lost, kept


def _leftovers(root: str) -> Iterator[Finding]:
    hints = {
        "tmp": ("unfinished", "of work under way, or that was ended; what is a day old goes with the next add"),
        "quarantine": ("quarantine", "set aside because they were not what their names say; delete them at will"),
    }
    for folder, (kind, why) in hints.items():
        path = os.path.join(root, folder)
        try:
            sizes = [entry.stat(follow_symlinks=False).st_size for entry in os.scandir(path)]
        except FileNotFoundError:
            continue
        if sizes:
            yield Finding(kind, f"{len(sizes)} files of {sum(sizes)} bytes, {why}", path)


def _stray_set_aside(root: str, finding: Finding) -> Finding:
    path = finding.path or ""
    kept = set_aside(root, os.path.join(root, path), os.path.basename(path)[:100])
    return Finding(finding.kind, f"{finding.detail}; set aside as {kept}", path)


def _open_remotes(workspace: Workspace) -> tuple[list[Remote], list[Finding]]:
    remotes, closed = [], []
    for name, url in workspace.settings.remotes.items():
        try:
            remotes.append(workspace.open_remote(url))
        except RemoteError as error:
            closed.append(Finding("remote-not-asked", error.message, name, hint=error.hint))
    return remotes, closed
