"""A store and a remote whose small objects are in packs, and what can befall them. Each disease is a function."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.actions.fsck.answer import Checked
from repro.actions.fsck.fsck import fsck
from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, digest_of, hex_of
from repro.model.finding import Finding
from repro.model.packs.pack import HEAD_BYTES
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile, Place
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.model.packs.store_check import exit_code
from repro.project import Workspace
from repro.store.cache.cache import Cache
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.transfer.transfer import push_objects

SMALL = [b"%d " % number * 40 for number in range(150)]
VICTIM = SMALL[77]
LARGE = bytes(range(256)) * 12_000
"""Of several chunks on a remote."""


@dataclass(frozen=True)
class Packed:
    """A store here, the remote `far` with the same objects, and where a check is called."""

    folder: Path

    @property
    def here(self) -> Path:
        return self.folder / "store"

    @property
    def far(self) -> Path:
        return self.folder / "far"

    @property
    def cache(self) -> Cache:
        return Cache(str(self.here))

    @property
    def remote(self) -> Remote:
        return Remote(DirectoryStorage(str(self.far)), str(self.far))

    def fsck(self, place: Path | None = None, *, repair: bool = False, quick: bool = False) -> Checked:
        """Check the store, or a remote."""
        settings = self.folder / "repro.yaml"
        environ = {"HOME": str(self.folder / "home"), "REPRO_STORE": str(self.here)}
        workspace = Workspace(
            environ, str(self.folder), (str(settings), str(self.folder / "user.yaml")), str(self.folder)
        )
        return fsck(workspace, None if place in (None, self.here) else str(place), 4, repair=repair, quick=quick)

    def lose_remote(self) -> None:
        (self.folder / "repro.yaml").unlink()

    def has_all(self) -> bool:
        """Whether every object can be read from the store."""
        cache = self.cache
        return all(cache.read(ObjectRef(digest_of(data), len(data))) == data for data in (*SMALL, LARGE))


def make(folder: Path) -> Packed:
    """A store and a remote that are sound."""
    packed = Packed(folder)
    cache = packed.cache
    with cache.batch() as sink:
        refs = [sink.add_bytes(data) for data in SMALL]
    refs.append(cache.add_bytes(LARGE))
    cache.flush()
    push_objects(cache, packed.remote, refs)
    (folder / "repro.yaml").write_text(f"remotes:\n  far:\n    url: {packed.far}\n")
    (packed.far / "runs").mkdir(exist_ok=True)
    return packed


def kinds(findings: Sequence[Finding]) -> list[str]:
    return sorted(finding.kind for finding in findings)


def code(checked: Checked) -> int:
    return exit_code(checked.findings)


def index_of(place: Path) -> Path:
    (path,) = (place / "indexes").iterdir()
    return path


def place_of(place: Path, data: bytes) -> tuple[Path, Place]:
    """Where a record is: the pack, and the place in it."""
    for path in (place / "indexes").iterdir():
        found = PackIndex(path.read_bytes()).find(digest_of(data))
        if found is not None:
            return place / "packs" / hex_of(found.pack.digest), found
    raise AssertionError("no index names it")


def change(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    change(path, bytes(data))


# diseases of a pack


def a_flipped_byte_in_a_payload(place: Path) -> None:
    pack, found = place_of(place, VICTIM)
    flip(pack, found.offset + HEAD_BYTES)


def a_flipped_byte_in_the_digest_of_a_head(place: Path) -> None:
    pack, found = place_of(place, VICTIM)
    flip(pack, found.offset + 30)


def a_flipped_byte_in_the_length_in_a_head(place: Path) -> None:
    pack, found = place_of(place, VICTIM)
    flip(pack, found.offset + 16)


def a_flipped_byte_in_the_padding_of_a_head(place: Path) -> None:
    pack, found = place_of(place, VICTIM)
    flip(pack, found.offset + 3)


def a_flipped_byte_in_the_magic(place: Path) -> None:
    flip(place_of(place, VICTIM)[0], 0)


def a_flipped_byte_in_the_salt(place: Path) -> None:
    flip(place_of(place, VICTIM)[0], 13)


def a_pack_under_a_wrong_name(place: Path) -> None:
    """Another pack of the same length, all of whose records are sound."""
    a_flipped_byte_in_the_salt(place)


def trailing_bytes(place: Path) -> None:
    pack, _ = place_of(place, VICTIM)
    change(pack, pack.read_bytes() + b"more")


def a_truncated_pack(place: Path) -> None:
    pack, found = place_of(place, VICTIM)
    change(pack, pack.read_bytes()[: found.offset + HEAD_BYTES + 5])


def an_empty_pack(place: Path) -> None:
    change(place_of(place, VICTIM)[0], b"")


def a_folder_in_place_of_a_pack(place: Path) -> None:
    pack, _ = place_of(place, VICTIM)
    pack.unlink()
    pack.mkdir()


def a_link_in_place_of_a_pack(place: Path) -> None:
    pack, _ = place_of(place, VICTIM)
    aside = place.parent / "aside"
    pack.rename(aside)
    pack.symlink_to(aside)


def a_missing_pack(place: Path) -> None:
    place_of(place, VICTIM)[0].unlink()


# diseases of an index


def a_flipped_byte_in_an_index(place: Path) -> None:
    flip(index_of(place), -5)


def an_empty_index(place: Path) -> None:
    change(index_of(place), b"")


def a_missing_index(place: Path) -> None:
    index_of(place).unlink()


def a_folder_in_place_of_an_index(place: Path) -> None:
    path = index_of(place)
    path.unlink()
    path.mkdir()


def _replaced(place: Path, data: bytes) -> None:
    index_of(place).unlink()
    (place / "indexes" / hex_of(digest_of(data))).write_bytes(data)


def an_index_of_another_version(place: Path) -> None:
    _replaced(place, index_of(place).read_bytes().replace(b"repro-index 1", b"repro-index 2", 1))


def an_index_that_is_not_sorted(place: Path) -> None:
    data = index_of(place).read_bytes()
    digests = sorted(digest for digest, _ in PackIndex(data).raw_entries())
    one, two = digests[:2]
    start = data.index(one + two)
    _replaced(place, data[:start] + two + one + data[start + 64 :])


def _entries(place: Path) -> tuple[list[PackFile], dict[Digest, Place]]:
    index = PackIndex(index_of(place).read_bytes())
    return list(index.packs), dict(index.objects(range(index.count)))


def _encoded(packs: list[PackFile], entries: dict[Digest, Place]) -> bytes:
    return encode_index(
        packs,
        [
            (bytes.fromhex(d[3:]), place_bytes(packs.index(p.pack), p.offset, p.size, p.stored, p.kind))
            for d, p in entries.items()
        ],
    )


def an_index_with_two_places_exchanged(place: Path) -> None:
    packs, entries = _entries(place)
    one, two = digest_of(SMALL[1]), digest_of(SMALL[2])
    entries[one], entries[two] = entries[two], entries[one]
    _replaced(place, _encoded(packs, entries))


def an_index_that_names_an_object_that_is_not_there(place: Path) -> None:
    packs, entries = _entries(place)
    entries[Digest("b3:" + "ab" * 32)] = entries[digest_of(SMALL[1])]
    _replaced(place, _encoded(packs, entries))


def an_index_that_also_names_a_pack_that_is_not_there(place: Path) -> None:
    packs, entries = _entries(place)
    packs.append(PackFile(Digest("b3:" + "cd" * 32), 1000))
    at = entries[digest_of(SMALL[1])]
    entries[Digest("b3:" + "ab" * 32)] = Place(packs[-1], 16, at.size, at.stored, at.kind)
    _replaced(place, _encoded(packs, entries))


# others


def strange_files(place: Path) -> None:
    (place / "packs" / "notes.txt").write_text("mine")
    (place / "indexes" / "short").write_text("mine")


def lost_folder(place: Path) -> None:
    shutil.rmtree(place / "packs")


def may_not_be_read(path: Path) -> None:
    os.chmod(path, 0)
