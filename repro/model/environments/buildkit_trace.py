"""What the commands of a build by BuildKit printed, out of the engine's trace of it. Pure.

A trace is a protocol buffer, `StatusResponse` of BuildKit's `api/services/control/control.proto`: of it only field 3,
`logs`, is read, and of each log field 4, `msg`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

_LOGS = 3
_MESSAGE = 4
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def log_lines(trace: str) -> list[str]:
    """Return the lines that a trace holds; none where it is not one: the engine's error says what matters.

    Args:
        trace: in base64, as the engine's JSON has it.
    """
    try:
        data = base64.b64decode(trace, validate=True)
        messages = [text for log in _fields(data, _LOGS) for text in _fields(log, _MESSAGE)]
    except (binascii.Error, IndexError, ValueError):
        return []
    return b"".join(messages).decode("utf-8", "replace").splitlines()


def _fields(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield the byte fields of a number in a protocol buffer."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(data, at)
        elif kind == _BYTES:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("a field is longer than what it is in")
            if key >> 3 == wanted:
                yield data[at : at + length]
            at += length
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a protocol buffer has no fields of type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
