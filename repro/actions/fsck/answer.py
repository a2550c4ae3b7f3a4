"""What a check comes to: what records need is held against what is there, and all is put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from repro.actions.fsck.needs import Mender, NeedsCheck
from repro.actions.fsck.records import RecordRead
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.packs.store_check import MENDABLE_KINDS, SoundObjects, Trouble
from repro.store.cache.object_files import ObjectPlace


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `findings` are what is wrong now, `repaired` what was; `information` is no fault.

    `place` is the store or the remote; `objects` and `bytes` are those that are what their names say.
    """

    place: str
    objects: int
    bytes: int
    runs: int
    findings: tuple[Finding, ...]
    information: tuple[Finding, ...]
    repaired: tuple[Finding, ...]


def trouble_findings(troubles: Mapping[Digest, Trouble], hint: str | None) -> Iterator[Finding]:
    """Yield what is to be said of troubles, with a hint where other bytes would heal them."""
    for trouble in troubles.values():
        if trouble.hint is None and trouble.kind in MENDABLE_KINDS:
            trouble.hint = hint
        yield trouble.finding()


@dataclass(slots=True)
class NeedsChecked:
    """What a look at all records has shown; `commits` are those that repro made, by run."""

    needs: NeedsCheck
    findings: list[Finding] = field(default_factory=list)
    unfinished: list[Finding] = field(default_factory=list)
    commits: dict[str, str] = field(default_factory=dict)
    runs: int = 0


def check_needs(
    place: ObjectPlace,
    sound: SoundObjects,
    troubles: dict[Digest, Trouble],
    records: Iterable[RecordRead],
    mender: Mender | None,
) -> NeedsChecked:
    """Hold what records need against what is there, and mend what is not, where there is a mender.

    Raises:
        OSError, RemoteError: the place refuses.
    """
    checked = NeedsChecked(NeedsCheck(place, sound, troubles, mender))
    for record in records:
        checked.findings += [record.finding] if record.finding else []
        checked.unfinished += [record.unfinished] if record.unfinished else []
        checked.runs += record.run is not None
        if record.run is not None and record.commit is not None:
            checked.commits[record.run] = record.commit
        for need in record.needs:
            checked.needs.check(need)
    checked.needs.mend_the_rest()
    return checked


def answer_of(
    place: str,
    seen: tuple[int, int],
    checked: NeedsChecked,
    findings: list[Finding],
    information: list[Finding],
    repaired: list[Finding],
) -> Checked:
    """Put the answer together; `seen` counts the sound objects and their bytes."""
    return Checked(
        place,
        *seen,
        checked.runs,
        tuple(findings),
        tuple(information),
        tuple(repaired),
    )
