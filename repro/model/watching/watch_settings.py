"""What settings and options may say of watching: the means, a size, whether the network may be used."""

from __future__ import annotations

from repro.model.pattern import pattern

WISHES = ("auto", "strace", "audit", "off")
NETWORK = ("allow", "forbid")
CAPTURE_OUTSIDE = 100 * 1024 * 1024
"""In bytes: the default of `capture_outside`. Above it a file is a data set or a model's weights rather than a
configuration, and storing it again for every project is a decision of the user's."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = pattern(r"(\d{1,18})\s*([A-Za-z]{0,3})")


def parse_size(text: str) -> int:
    """Return the bytes that `500 MiB`, `2GB` or `4096` means.

    Raises:
        ValueError: it means none.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"{text!r} is no size")
    return int(match[1]) * _UNITS[match[2].upper()]
