"""Objects that earlier commands did not wait for until they were on the disk: which are, and which are lost."""

from __future__ import annotations

from repro.model.dataclass import dataclass, field
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.packs.store_check import SoundObjects
from repro.store.cache.unsynced import FOLDER, boot_id, records_of


@dataclass(slots=True)
class UnsyncedObjects:
    """What is lost, and what is there and may not be on the disk yet."""

    lost: list[Finding] = field(default_factory=list)
    pending: list[Finding] = field(default_factory=list)


def unsynced_objects(root: str, sound: SoundObjects) -> UnsyncedObjects:
    """Compare the records of the store at `root` with the objects that were found whole."""
    boot, count, found = boot_id(), 0, UnsyncedObjects()
    for at in records_of(root):
        record = at.record
        if record is None or record.ref is None:
            continue
        if record.boot == boot or sound.size(record.ref.digest) == record.ref.size:
            count += 1
            continue
        detail = (
            f"{record.ref.digest} came from {name_to_text(record.file)}, "
            "and did not reach the disk before the machine went down"
        )
        hint = "`repro add` or `repro checkout` takes it from there if it is unchanged; `repro fetch` brings it as well"
        found.lost.append(Finding("missing-object", detail, at.path.removeprefix(f"{root}/"), hint=hint))
    if count:
        some = "1 large object" if count == 1 else f"{count} large objects"
        detail = f"{some} may not be on the disk yet: the next command that relies on the store sees to it"
        found.pending.append(Finding("unsynced", detail, FOLDER))
    return found
