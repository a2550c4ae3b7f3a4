"""A small file that remembers an answer: what cannot be written costs time, not correctness."""

from __future__ import annotations

import contextlib
import os


def write_memo(path: str, text: str) -> None:
    """Remember a text, as UTF-8, whole or not at all; its folder is made. A failure is passed over."""
    with contextlib.suppress(OSError):
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        temporary = os.path.join(folder, f"tmp-{os.urandom(8).hex()}")
        try:
            with open(temporary, "x", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
