"""`repro fsck --remote`: the packs, indexes and records of a remote, and what they need."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping

from repro.actions.fsck.answer import Checked, answer_of, check_needs, trouble_findings
from repro.actions.fsck.far import ObjectsFar, check_lists, condemned_in, index_list_findings
from repro.actions.fsck.packs import PacksWalk, walk_packs
from repro.actions.fsck.records import records_far
from repro.actions.fsck.repair import MendFar
from repro.actions.fsck.repair_packs import PacksMendedFar
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.packs.store_check import SoundObjects, Trouble, note_uses_of_chunks
from repro.model.progress import Progress
from repro.project import Workspace
from repro.store.checking.pack_files import PacksFar
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote


@dataclass(frozen=True, slots=True)
class Far:
    """A remote that is checked, and how."""

    workspace: Workspace
    remote: Remote
    jobs: int
    quick: bool
    progress: Progress

    def walk(
        self, sound: SoundObjects, condemned: Collection[str], known_bad: Mapping[str, str] | None = None
    ) -> PacksWalk:
        """Read its packs and indexes; arguments and errors as `walk_packs`."""
        files = PacksFar(self.remote, self.workspace.cache().root)
        return walk_packs(
            files,
            sound,
            self.jobs,
            self.progress,
            quick=self.quick,
            known_bad=known_bad,
            condemned=condemned,
        )

    def objects(self, packs: PacksWalk, condemned: frozenset[str]) -> RemoteObjects:
        """Return what can be found there now, by the indexes that are good."""
        found = RemoteObjects(self.remote, self.workspace.cache().root, self.jobs, packs.indexes.bad)
        found.condemned = condemned
        return found


def check_far(far: Far, repair: bool) -> Checked:
    """Check a remote, and repair it from the store here if that is asked for.

    Raises:
        RemoteError: it cannot be reached, is none, or does not let us write.
        OSError: the disk here is full, or refuses.
    """
    cache = far.workspace.cache()
    records = records_far(far.remote)
    condemned, findings = condemned_in(far.remote)
    sound = SoundObjects()
    packs = far.walk(sound, condemned)
    if repair and packs.indexes.bad:
        sound = SoundObjects()
        packs = far.walk(sound, condemned, packs.indexes.bad)
    mended = PacksMendedFar(cache, far.remote, PacksFar(far.remote, cache.root), packs, sound)
    lists = index_list_findings(far.remote)
    troubles: dict[Digest, Trouble] = {}
    if repair:
        mended.mend_indexes()
        packs.indexes.bad.clear()  # each is gone, or is what its name says again
    objects = far.objects(packs, condemned)
    troubles |= packs.spoiled
    stored = sound.total  # before the large objects: their chunks are in it
    large = dict(check_lists(objects, packs.lists, sound, far.jobs, far.progress, quick=far.quick))
    troubles |= large
    seen = len(sound), stored
    lost = _lost(packs, sound)
    mender = MendFar(cache, far.remote, lost | troubles.keys()) if repair else None
    with contextlib.ExitStack() as stack:
        if mender is not None:
            stack.push(mender.close)
        checked = check_needs(ObjectsFar(objects, far.remote.shown, lost), sound, troubles, records, mender)
        if mender is not None:
            mender.finish()
    note_uses_of_chunks(packs.spoiled, large.values())
    repaired = [*mended.repaired, *checked.needs.repaired]
    if repair:
        mended.repaired.clear()
        repaired += _healed(far.objects(packs, condemned), packs, troubles)
        mended.mend_packs(troubles, lambda: far.objects(packs, condemned))
        repaired += [*mended.repaired, *lists]
    else:
        findings += lists
    hint = None if repair else "`--repair` sends it from the store here, if that has it"
    findings += [*checked.findings, *checked.needs.findings, *packs.findings, *trouble_findings(troubles, hint)]
    information = [*checked.unfinished, *packs.information, *packs.unindexed]
    return answer_of(far.remote.shown, seen, checked, findings, information, repaired)


def _lost(packs: PacksWalk, sound: SoundObjects) -> frozenset[Digest]:
    """Return what indexes name in damaged packs, and no sound record is of."""
    named = (digest for pack in packs.damaged for digest, _ in packs.check.named_in(pack))
    return frozenset(digest for digest in named if sound.size(digest) is None)


def _healed(objects: RemoteObjects, packs: PacksWalk, troubles: dict[Digest, Trouble]) -> list[Finding]:
    """Take out of the troubles what is in another pack by now: the chunks of large objects that were sent again."""
    damaged = {pack.digest for pack in packs.damaged}
    healed = []
    for digest in packs.spoiled.keys() & troubles.keys():
        if any(place.pack.digest not in damaged for place in objects.places(digest)):
            trouble = troubles.pop(digest)
            trouble.hint = None  # of what cannot be had here
            healed.append(trouble.finding())
    return healed
