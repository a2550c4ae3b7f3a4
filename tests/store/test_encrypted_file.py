"""One encrypted file: what is done to it is noticed, and what it costs is known."""

from __future__ import annotations

import io
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from hypothesis import example, given
from hypothesis import strategies as st

from repro.store.encryption.file import (
    HEADER,
    SEALED,
    SEGMENT,
    FileCipher,
    TamperedFile,
    encrypted_blocks,
    opened_size,
    sealed_size,
)
from repro.store.encryption.keys import hkdf
from repro.store.encryption.reader import DecryptingReader

CONTENTS = bytes(range(32))
SALT = bytes(range(100, 132))
EDGES = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 16 * SEGMENT, 16 * SEGMENT + 1, 33 * SEGMENT + 7]


def encrypt(data: bytes, name: str = "packs/ab/c", salt: bytes = SALT) -> bytes:
    return b"".join(encrypted_blocks(io.BytesIO(data).read, FileCipher(CONTENTS, name, salt)))


def decrypt(sealed: bytes, name: str = "packs/ab/c", offset: int = 0, step: int = 1 << 20) -> bytes:
    def cipher_of(header: bytes) -> FileCipher:
        if len(header) < HEADER or not header.startswith(b"repro-encrypted1"):
            raise TamperedFile("header")
        return FileCipher(CONTENTS, name, header[16:])

    reader = DecryptingReader(io.BytesIO(sealed), cipher_of, lambda: cipher_of(sealed[:HEADER]), name, "here")
    reader.seek(offset)
    return b"".join(iter(lambda: reader.read(step), b""))


def test_the_primitives_are_those_of_the_standards() -> None:
    # RFC 5869, A.3: SHA-256, neither salt nor info.
    assert hkdf(b"\x0b" * 22, None, b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
    # NIST's GCM specification, test case 14: AES-256, zero key and nonce, one block of zeros.
    assert AESGCM(bytes(32)).encrypt(bytes(12), bytes(16), None).hex() == (
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    )
    # RFC 5297, A.1.
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    associated = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    assert AESSIV(key).encrypt(bytes.fromhex("112233445566778899aabbccddee"), [associated]).hex() == (
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"
    )


def test_a_file_is_what_the_specification_says() -> None:
    """Computed by nothing of repro's."""
    data = b"x" * SEGMENT + b"tail"
    key = hkdf(CONTENTS, SALT, b"repro-encrypted-file 1\0runs/a.yaml", 32)
    first = AESGCM(key).encrypt(bytes(12), data[:SEGMENT], None)
    last = AESGCM(key).encrypt(bytes(10) + b"\1\1", data[SEGMENT:], None)
    assert encrypt(data, "runs/a.yaml") == b"repro-encrypted1" + SALT + first + last


@pytest.mark.parametrize("size", EDGES)
def test_what_was_encrypted_comes_back_and_has_the_length_that_was_computed(size: int) -> None:
    data = os.urandom(size)
    sealed = encrypt(data)
    assert len(sealed) == sealed_size(size)
    assert opened_size(len(sealed)) == size
    assert decrypt(sealed) == data
    assert decrypt(sealed, step=10_007) == data


@given(st.integers(0, 2**50))
@example(0)
@example(SEGMENT)
def test_the_length_of_a_file_follows_from_that_of_its_encrypted_one(size: int) -> None:
    assert opened_size(sealed_size(size)) == size


def test_a_length_that_no_encrypted_file_has_is_known() -> None:
    possible = {sealed_size(size): size for size in range(3 * SEGMENT)}
    for length in (*range(1000), *range(SEALED - 9, SEALED + 199), *range(2 * SEALED - 9, 2 * SEALED + 199)):
        assert opened_size(length) == possible.get(length)


@pytest.mark.parametrize("size", [0, 1, 40])
def test_every_flipped_bit_of_a_small_file_is_noticed(size: int) -> None:
    sealed = encrypt(os.urandom(size))
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TamperedFile):
            decrypt(bytes(changed))


@pytest.mark.parametrize("size", [0, 1, 40])
def test_every_truncation_and_every_appended_byte_of_a_small_file_is_noticed(size: int) -> None:
    sealed = encrypt(os.urandom(size))
    for length in range(len(sealed)):
        with pytest.raises(TamperedFile):
            decrypt(sealed[:length])
    for more in (b"\0", sealed, bytes(SEALED)):
        with pytest.raises(TamperedFile):
            decrypt(sealed + more)


BIG = os.urandom(18 * SEGMENT + 5)
BIG_SEALED = encrypt(BIG)


def _segments() -> list[bytes]:
    return [BIG_SEALED[at : at + SEALED] for at in range(HEADER, len(BIG_SEALED), SEALED)]


@given(st.lists(st.integers(0, 18), max_size=22))
@example(list(range(18)))  # cut after a whole segment
@example([*range(17), 18])
@example([*range(19), 18])
@example([1, 0, *range(2, 19)])
def test_segments_count_only_all_and_in_their_order(order: list[int]) -> None:
    segments = _segments()
    sealed = BIG_SEALED[:HEADER] + b"".join(segments[index] for index in order)
    if order == list(range(19)):
        assert decrypt(sealed) == BIG
    else:
        with pytest.raises(TamperedFile):
            decrypt(sealed)


@given(st.data())
def test_any_other_byte_anywhere_in_a_large_file_is_noticed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(BIG_SEALED) - 1))
    changed = bytearray(BIG_SEALED)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TamperedFile):
        decrypt(bytes(changed))


def test_a_file_under_another_name_is_refused() -> None:
    sealed = encrypt(b"hello", "runs/a.yaml")
    assert decrypt(sealed, "runs/a.yaml") == b"hello"
    with pytest.raises(TamperedFile, match=r"runs/b\.yaml"):
        decrypt(sealed, "runs/b.yaml")


def test_a_segment_of_another_file_with_the_same_name_is_refused() -> None:
    other = encrypt(BIG, salt=bytes(32))
    for at in (HEADER, HEADER + SEALED, HEADER + 18 * SEALED):
        mixed = BIG_SEALED[:at] + other[at : at + SEALED] + BIG_SEALED[at + SEALED :]
        with pytest.raises(TamperedFile):
            decrypt(mixed)


@given(st.one_of(st.integers(0, len(BIG)), st.sampled_from([SEGMENT * n + d for n in (0, 1, 16, 17) for d in (0, 1)])))
@example(len(BIG))
def test_reading_from_an_offset_gives_the_rest(offset: int) -> None:
    assert decrypt(BIG_SEALED, offset=offset) == BIG[offset:]


@pytest.mark.parametrize("size", [SEGMENT, 3 * SEGMENT])
def test_reading_on_at_the_end_still_notices_that_the_file_was_cut(size: int) -> None:
    sealed = encrypt(bytes(size + SEGMENT))
    cut = sealed[: HEADER + size // SEGMENT * SEALED]
    with pytest.raises(TamperedFile):
        decrypt(cut, offset=size)
    assert decrypt(encrypt(bytes(size)), offset=size) == b""


def test_two_encryptions_of_one_file_share_nothing() -> None:
    one, two = encrypt(bytes(1000), salt=os.urandom(32)), encrypt(bytes(1000), salt=os.urandom(32))
    assert one[HEADER:] != two[HEADER:]
    assert bytes(16) not in one
