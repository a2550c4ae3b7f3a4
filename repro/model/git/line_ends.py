"""Line endings as git converts them. Pure.

Source: git's `convert.c` (`gather_stats`, `convert_is_binary`, `will_convert_lf_to_crlf`).
"""

from __future__ import annotations

from repro.model.pattern import pattern

_LONE_CR = pattern(rb"\r(?!\n)")
_LONE_LF = pattern(rb"(?<!\r)\n")
_STRANGE = bytes(code for code in range(32) if code not in b"\b\t\n\r\x1b\f") + b"\x7f"
_PLAIN = bytes(range(32, 127)) + bytes(range(128, 256)) + b"\b\t\x1b\f"


def checked_out_with_crlf(data: bytes, *, guess: bool) -> bytes:
    """Return what git puts into the work tree for a blob whose lines are to end with CR LF.

    Args:
        data: the blob.
        guess: whether git is to find out whether it is text (`text=auto`); then what has any CR stays as it is.
    """
    if guess and (b"\r" in data or _is_binary(data)):
        return data
    return _LONE_LF.sub(b"\r\n", data)


def with_other_line_ends(data: bytes) -> list[bytes]:
    """Return the same text with all its lines ended by CR LF, and by LF, as far as that is another."""
    if _is_binary(data.replace(b"\r\n", b"\n")):
        return []
    plain = data.replace(b"\r\n", b"\n")
    return [text for text in (_LONE_LF.sub(b"\r\n", plain), plain) if text != data]


def _is_binary(data: bytes) -> bool:
    if b"\0" in data or _LONE_CR.search(data):
        return True
    text = data.removesuffix(b"\x1a")  # DOS marks the end of a file so
    strange = len(text) - len(text.translate(None, _STRANGE))
    plain = len(text) - len(text.translate(None, _PLAIN))
    return plain >> 7 < strange
