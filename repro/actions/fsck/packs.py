"""The packs and indexes of a place, all read: which objects are in them, and what is wrong."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from repro.errors import IntegrityError, RemoteError
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_from
from repro.model.finding import Finding
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index_format import BadIndex, PackFile
from repro.model.packs.store_check import SoundObjects, Trouble
from repro.model.progress import Progress
from repro.store.checking.check_indexes import IndexCheck, Unconfirmed
from repro.store.checking.check_pack import CheckedPack, check_pack
from repro.store.checking.pack_files import Indexes, PackFiles, is_damage, why
from repro.store.packs.one_index import one_index
from repro.store.parallel import Stop, run_in_order
from repro.store.remote.names import pack_name
from repro.store.storages.errors import NotOnRemote, RemoteUnreachable

_PACKS_AT_A_TIME = 4
"""At most: each takes some 12 MB of memory."""


@dataclass(slots=True)
class PacksWalk:
    """What was found.

    `damaged` are packs with anything wrong, `spoiled` the objects whose record in one is damaged, `unnamed` packs with
    records that no index names (where that was asked, or none names the pack), `lists` the large objects
    that are lists of chunks.
    """

    indexes: Indexes
    damaged: dict[PackFile, CheckedPack] = field(default_factory=dict)
    spoiled: dict[Digest, Trouble] = field(default_factory=dict)
    unnamed: dict[PackFile, CheckedPack] = field(default_factory=dict)
    lists: list[tuple[Digest, int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unindexed: list[Finding] = field(default_factory=list)
    information: list[Finding] = field(default_factory=list)
    check: IndexCheck = field(default_factory=lambda: IndexCheck({}))

    def take_findings(self, path: str) -> list[Finding]:
        """Take out what was found of one file, and return it: it is repaired."""
        taken = [one for one in self.findings if one.path == path]
        self.findings = [one for one in self.findings if one.path != path]
        return taken


def walk_packs(
    files: PackFiles,
    sound: SoundObjects,
    jobs: int,
    progress: Progress,
    *,
    quick: bool,
    known_bad: Mapping[str, str] | None = None,
    condemned: Collection[str] = (),
) -> PacksWalk:
    """Read all indexes and packs of a place.

    Args:
        files: the place.
        sound: takes the objects whose records are what they say, and that an index names.
        jobs: packs that are read at a time.
        progress: told what is read.
        quick: compare lengths and XXH3 only.
        known_bad: what is wrong with indexes, by their names, as an earlier walk found: these count for nothing, and
            all records are noted that no other index names.
        condemned: names of packs that are to be deleted: these are not read.

    Raises:
        RemoteError: the remote cannot be reached.
    """
    listed = files.packs()  # before the indexes, which are written after them: what comes now is not yet in one
    indexes = _read_indexes(files, sound, progress, known_bad or {})
    walk = PacksWalk(indexes, check=IndexCheck(indexes.good))
    for kind, faults in (("corrupt-index", indexes.bad), ("unreadable-index", indexes.unreadable)):
        walk.findings += [Finding(kind, problem, f"indexes/{name}") for name, problem in faults.items()]
    if listed is None:
        listed = sorted({pack for one in indexes.good.values() for pack in one.packs}, key=lambda pack: pack.digest)
    packs = [pack for pack in listed if pack_name(pack.digest) not in condemned]
    progress.begin("fsck", sum(pack.length for pack in packs))
    there: dict[Digest, bool] = {}
    look = functools.partial(_look, files, walk.check, progress, quick)
    with contextlib.closing(run_in_order(look, packs, min(jobs, _PACKS_AT_A_TIME))) as results:
        for pack, result in results:
            if isinstance(result, Finding):
                walk.findings.append(result)
                there[pack.digest] = False
            elif result is not None:
                there[pack.digest] = True
                _note(walk, result, sound, known_bad is not None)
    _hold_indexes(walk, there, sound, {digest for digest in walk.check.lengths if pack_name(digest) in condemned})
    return walk


def _read_indexes(files: PackFiles, sound: SoundObjects, progress: Progress, known_bad: Mapping[str, str]) -> Indexes:
    """Read all indexes of a place, and let `sound` know what they name; those that are known to be bad are none."""
    indexes = files.indexes(progress)
    for name, problem in known_bad.items():
        if indexes.good.pop(name, None) is not None:
            indexes.bad[name] = problem
    if indexes.good:
        # Where an entry says what cannot be, or there is no room anywhere, what is sound takes more memory.
        with contextlib.suppress(BadIndex, OSError):
            sound.know(one_index(list(indexes.good.values()), files.tmp))
    return indexes


def _look(
    files: PackFiles, check: IndexCheck, progress: Progress, quick: bool, pack: PackFile, stop: Stop
) -> tuple[PackFile, CheckedPack | Finding | None]:
    """Read a pack; None where it has gone in the meantime."""

    def told(count: int) -> None:
        stop.check()
        progress(count)

    name = pack_name(pack.digest)
    try:
        with files.open(pack) as read:
            return pack, check_pack(pack, read, told, check.after(pack), quick=quick)
    except (FileNotFoundError, NotOnRemote):
        return pack, None
    except OSError as error:
        if is_damage(error):
            return pack, CheckedPack(pack, problem=why(error))
        return pack, Finding("unreadable-pack", why(error), name)
    except IntegrityError as error:  # of an encrypted remote: what is there does not decrypt
        return pack, CheckedPack(pack, problem=error.message)
    except RemoteUnreachable:
        raise
    except RemoteError as error:
        return pack, Finding("unreadable-pack", error.message, name)


def _note(walk: PacksWalk, checked: CheckedPack, sound: SoundObjects, keep_unnamed: bool) -> None:
    """Note what is in a pack, as far as that can be said without the others."""
    name = pack_name(checked.pack.digest)
    length = walk.check.lengths.get(checked.pack.digest)
    if length not in (None, checked.pack.length) and checked.problem is None:
        checked.problem = f"the file has {checked.pack.length} bytes, and an index says {length}"
    records = unnamed = 0
    for record, named in walk.check.confirm(checked):
        records += 1
        unnamed += not named
        if named and length == checked.pack.length:
            if record.kind is RecordKind.CHUNKS:
                walk.lists.append((digest_from(record.digest), record.size))
            else:
                sound.add(record.digest, record.size)
    if not checked.is_sound:
        walk.damaged[checked.pack] = checked
    elif length is None:
        walk.unnamed[checked.pack] = checked
        detail = f"no index names the pack, which has {records} records: nobody finds what is in it"
        if not (walk.indexes.bad or walk.indexes.unreadable):  # one of these may name it
            hint = "`repro fsck --repair` makes an index of it"
            walk.unindexed.append(Finding("unindexed-pack", detail, name, hint=hint))
    elif unnamed and keep_unnamed:
        walk.unnamed[checked.pack] = checked


def _hold_indexes(
    walk: PacksWalk, there: dict[Digest, bool], sound: SoundObjects, condemned: Collection[Digest]
) -> None:
    """Say of each entry that no record confirmed whose fault that is, and of each damaged pack what it has lost."""
    damaged = {pack.digest: checked for pack, checked in walk.damaged.items()}
    wrong: Counter[str] = Counter()
    missing: Counter[Digest] = Counter()
    told: set[tuple[Digest, int]] = set()
    for one in walk.check.unconfirmed():
        digest = one.place.pack.digest if one.place else None
        if digest is None:
            wrong[one.index] += 1
        elif digest in condemned:
            continue
        elif digest not in there:
            missing[digest] += 1
        elif digest in damaged:
            told |= _spoiled(walk, damaged[digest], one, sound)
        elif there[digest]:
            wrong[one.index] += 1
    for name, count in wrong.items():
        detail = f"{count} of its entries name places where no such record is"
        walk.indexes.bad[name] = detail
        walk.findings.append(Finding("corrupt-index", detail, f"indexes/{name}"))
    for digest, count in missing.items():
        detail = f"the pack is not there; what indexes say of {count} objects in it counts for nothing"
        walk.information.append(Finding("missing-pack", detail, pack_name(digest)))
    for checked in walk.damaged.values():
        walk.findings += _unexplained(checked, told)


def _spoiled(walk: PacksWalk, checked: CheckedPack, one: Unconfirmed, sound: SoundObjects) -> set[tuple[Digest, int]]:
    """Note an object whose record is damaged; return the damage that this explains."""
    if one.place is None or (checked.problem is not None and one.place.offset not in checked.damaged):
        return set()
    offset = one.place.offset
    name = pack_name(checked.pack.digest)
    problem = checked.damaged.get(offset, "no such record is there")
    other = "; another record of it is sound" if sound.size(one.digest) is not None else ""
    what = f"{one.digest}: its record in {name} at {offset} is damaged: {problem}{other}"
    if other:
        walk.findings.append(Finding("corrupt-object", what, name))
    else:
        walk.spoiled.setdefault(one.digest, Trouble("corrupt-object", what, name))
    return {(checked.pack.digest, offset)}


def _unexplained(checked: CheckedPack, told: Collection[tuple[Digest, int]]) -> Iterator[Finding]:
    name = pack_name(checked.pack.digest)
    if checked.problem is not None:
        yield Finding("corrupt-pack", checked.problem, name)
    rest = {offset: what for offset, what in checked.damaged.items() if (checked.pack.digest, offset) not in told}
    if rest and checked.problem is None:
        offset, what = next(iter(rest.items()))
        more = f", and {len(rest) - 1} more" if len(rest) > 1 else ""
        yield Finding("corrupt-pack", f"the record at {offset} is damaged: {what}{more}; no index names it", name)
