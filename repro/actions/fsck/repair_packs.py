"""Damaged packs and indexes repaired: what is good is written again, what is wrong is kept aside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from repro.actions.fsck.name_again import name_again
from repro.actions.fsck.packs import PacksWalk
from repro.errors import IntegrityError
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_from, digest_of, hex_of
from repro.model.finding import Finding
from repro.model.packs.pack import HEAD_BYTES, SMALL_LIMIT, RecordKind
from repro.model.packs.pack_index_format import PackFile, Place
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.store_check import SoundObjects, Trouble
from repro.store.cache.cache import Cache
from repro.store.cache.set_aside import copy_aside, set_aside
from repro.store.checking.check_pack import CheckedPack
from repro.store.checking.pack_files import PackFiles
from repro.store.files.flushing import flush_file
from repro.store.packs.rewrite import NeededRecord, rewrite
from repro.store.packs.series import remove_written
from repro.store.remote.garbage import condemn
from repro.store.remote.indexes import MAX_INDEX, write_index_list
from repro.store.remote.names import index_name, pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote

_KEPT = 1024 * 1024 * 1024
"""Bytes of a remote's damaged pack up to which a copy is kept here."""


def set_indexes_aside(cache: Cache, walk: PacksWalk) -> list[Finding]:
    """Move damaged indexes to the quarantine; return what is to be said of them.

    Raises:
        OSError: the disk refuses.
    """
    repaired = []
    for name, problem in walk.indexes.bad.items():
        kept = set_aside(cache.root, f"{cache.root}/indexes/{name}", name)
        detail = f"{problem}; made again from the packs, and set aside as {kept}"
        repaired.append(Finding("corrupt-index", detail, f"indexes/{name}"))
    return repaired


@dataclass(slots=True)
class PacksMendedHere:
    """What a repair of the packs here did. Afterwards, `walk` says what is still wrong."""

    cache: Cache
    files: PackFiles
    walk: PacksWalk
    sound: SoundObjects
    repaired: list[Finding] = field(default_factory=list)

    def mend(self) -> None:
        """Name what no index names, and write again what is good of damaged packs.

        Raises:
            OSError: the disk is full, or refuses.
        """
        name_again(self.files, self.walk.unnamed.values(), self.sound, self.cache.name_records, large=False)
        self.repaired += self.walk.unindexed
        self.walk.unindexed = []
        for checked in self.walk.damaged.values():
            self._replace(checked)
        self.walk.damaged = {}
        if not any(finding.kind == "unreadable-pack" for finding in self.walk.findings):
            self.cache.trust_packs()

    def _replace(self, checked: CheckedPack) -> None:
        name = pack_name(checked.pack.digest)
        self.cache.prepare()
        copied = 0
        if any(True for _ in checked.records()):
            copied = self._copy(checked)
        kept = self.cache.set_pack_aside(checked.pack.digest)
        done = f"; {copied} sound records were written to another pack, and this one was set aside as {kept}"
        self.repaired += [Finding(one.kind, one.detail + done, name) for one in self.walk.take_findings(name)]
        for trouble in self.walk.spoiled.values():
            if trouble.name == name:
                trouble.what += f" ({copied} others were written to another pack, and this one was set aside as {kept})"

    def _copy(self, checked: CheckedPack) -> int:
        with self.files.open(checked.pack) as read:
            needed = (
                (digest, place, read(place.offset, HEAD_BYTES + place.stored))
                for digest, place in self._worth_copying(checked)
            )
            written, _ = rewrite(os.path.join(self.cache.root, "tmp"), needed)
        try:
            for pack in written:
                flush_file(pack.path)
            if written:
                self.cache.publish(written)
        finally:
            remove_written(written)
        return sum(len(pack.spots) for pack in written)

    def _worth_copying(self, checked: CheckedPack) -> Iterator[tuple[Digest, Place]]:
        for record, named in self.walk.check.confirm(checked):
            # What no index names may be a tree that came without what is below it.
            if record.kind is RecordKind.CHUNKS or record.size > SMALL_LIMIT or (record.is_tree and not named):
                continue
            if self.sound.size_of(record.digest) is not None and not named:
                continue
            self.sound.add(record.digest, record.size)
            digest = digest_from(record.digest)
            yield digest, Place(checked.pack, record.offset, record.size, record.stored, record.kind)


@dataclass(slots=True)
class PacksMendedFar:
    """The same of a remote, where a damaged pack is condemned: gc deletes it a grace period later."""

    cache: Cache
    remote: Remote
    files: PackFiles
    walk: PacksWalk
    sound: SoundObjects
    repaired: list[Finding] = field(default_factory=list)
    _written: set[Digest] = field(default_factory=set)

    def mend_indexes(self) -> None:
        """Name what no index names; then remove damaged indexes, of which copies are kept here.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
            OSError: the disk is full, or refuses.
        """
        self.remote.prepare()
        bad = self.walk.indexes.bad
        copies = {name: self._copy_here(index_name(Digest(f"b3:{name}")), name, MAX_INDEX) for name in bad}
        if bad:
            name_again(self.files, self.walk.unnamed.values(), self.sound, self._publish, large=True)
        self.remote.flush()
        for name, problem in self.walk.indexes.bad.items():
            kept = copies[name]
            if f"b3:{name}" not in self._written:  # else it has its own bytes again
                self.remote.delete(f"indexes/{name}")
            detail = f"{problem}; made again from the packs; {kept}"
            self.repaired.append(Finding("corrupt-index", detail, f"indexes/{name}"))
        self.walk.findings = [one for one in self.walk.findings if one.kind != "corrupt-index"]
        write_index_list(self.remote)

    def mend_packs(self, troubles: Mapping[Digest, Trouble], objects: Callable[[], RemoteObjects]) -> None:
        """Write again what is good of damaged packs, and condemn those of which nothing is lost then.

        Args:
            troubles: what could not be brought back.
            objects: looks what is there now.

        Raises: as `mend_indexes`.
        """
        lost = {trouble.name for trouble in troubles.values()}
        before = objects()
        whole = [one for one in self.walk.damaged.values() if pack_name(one.pack.digest) not in lost]
        copies = [(checked, self._copy(checked, before)) for checked in whole]
        after = objects()
        going = []
        for checked, copied in copies:
            name = pack_name(checked.pack.digest)
            if not all(self._is_elsewhere(digest, after) for digest in self._expected(checked)):
                continue
            kept = self._copy_here(name, hex_of(checked.pack.digest), _KEPT)
            done = f"; {copied} sound records were written to another pack, and this one is condemned: gc deletes it"
            found = self.walk.take_findings(name)
            self.repaired += [Finding(one.kind, f"{one.detail}{done}; {kept}", name) for one in found]
            going.append(checked.pack)
        if going:
            self.remote.flush()
            condemn(self.remote, going)
            write_index_list(self.remote)

    def _expected(self, checked: CheckedPack) -> Iterator[Digest]:
        """Yield what indexes name in a pack, but for what was cut off."""
        for digest, place in self.walk.check.named_in(checked.pack):
            if place.offset + HEAD_BYTES + place.stored <= checked.pack.length:
                yield digest

    def _is_elsewhere(self, digest: Digest, objects: RemoteObjects) -> bool:
        damaged = {pack.digest for pack in self.walk.damaged}
        return any(place.pack.digest not in damaged for place in objects.places(digest))

    def _copy_here(self, name: str, label: str, limit: int) -> str:
        self.cache.prepare()
        try:
            kept = copy_aside(self.cache.root, label, lambda target: self.remote.get_to(name, target, limit))
        except IntegrityError as error:  # too long, or it does not decrypt
            return f"no copy was kept: {error.message}"
        return f"a copy is kept here as {kept}"

    def _copy(self, checked: CheckedPack, objects: RemoteObjects) -> int:
        self.cache.prepare()
        folder = self.remote.workshop() or os.path.join(self.cache.root, "tmp")
        written, _ = rewrite(folder, self._only_there(checked, objects))
        try:
            for pack in written:
                self.remote.put_file(pack_name(pack.file.digest), pack.path, move=True)
            self.remote.flush()
            for pack in written:
                self._publish(pack.file, dict(pack.places(0)))
        finally:
            remove_written(written)
        return sum(len(pack.spots) for pack in written)

    def _only_there(self, checked: CheckedPack, objects: RemoteObjects) -> Iterator[NeededRecord]:
        with self.files.open(checked.pack) as read:
            for record, named in self.walk.check.confirm(checked):
                digest = digest_from(record.digest)
                if named and not self._is_elsewhere(digest, objects):
                    place = Place(checked.pack, record.offset, record.size, record.stored, record.kind)
                    yield digest, place, read(record.offset, HEAD_BYTES + record.stored)

    def _publish(self, pack: PackFile, entries: Mapping[bytes, bytes]) -> None:
        data = encode_index([pack], entries.items())
        self.remote.put_bytes(index_name(digest_of(data)), data)
        self._written.add(digest_of(data))
