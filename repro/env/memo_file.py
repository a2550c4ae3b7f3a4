"""A small file that remembers an answer: what cannot be written costs time, not correctness."""

from __future__ import annotations

import contextlib
import os


def write_memo(path: str, text: str) -> None:
    """Remember a text, as UTF-8, whole or not at all; its folder is made. A failure is passed over."""
    import tempfile

    with contextlib.suppress(OSError):
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix="tmp-")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
