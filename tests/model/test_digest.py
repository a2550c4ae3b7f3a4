import pytest

from repro.model.digest import BadDigest, digest_of, hex_of, parse_digest

# From BLAKE3's own test vectors: the empty input, and the input of one byte 0.
EMPTY = "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
ZERO = "b3:2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"


@pytest.mark.parametrize(("data", "digest"), [(b"", EMPTY), (b"\0", ZERO)])
def test_a_digest_is_blake3_as_anybody_computes_it(data: bytes, digest: str) -> None:
    assert digest_of(data) == digest
    assert parse_digest(digest) == digest
    assert hex_of(digest_of(data)) == digest[3:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b3:",
        EMPTY[3:],
        EMPTY[:-1],
        EMPTY + "0",
        EMPTY.upper(),
        "sha256:" + EMPTY[3:],
        EMPTY + "\n",
        None,
        5,
        b"b3:",
    ],
)
def test_what_is_not_a_digest_is_refused(text: object) -> None:
    with pytest.raises(BadDigest) as caught:
        parse_digest(text)
    assert caught.value.exit_code == 4
