"""A small text file that is replaced as a whole: a reader sees the old one or the new one."""

from __future__ import annotations

import contextlib
import os


def replace_text(path: str, text: str) -> None:
    """Put a file with this text, as UTF-8, at `path`, whose folder exists.

    Raises:
        OSError: with the path; what stood there stands there still.
    """
    temp = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temp, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temp, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temp)
