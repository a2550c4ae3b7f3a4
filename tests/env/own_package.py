"""The project's own package, and what builds it without the network."""

from __future__ import annotations

BACKEND = """\
import zipfile

NAME = "own-0.1-py3-none-any.whl"
INFO = "own-0.1.dist-info"


def build_editable(folder, config_settings=None, metadata_directory=None):
    import os

    with zipfile.ZipFile(f"{folder}/{NAME}", "w") as wheel:
        wheel.writestr("own.pth", os.getcwd())
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 0.1\\n")
        tags = "Root-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\n" + tags)
        wheel.writestr(f"{INFO}/RECORD", "")
    return NAME


build_wheel = build_editable
"""
"""A build backend without dependencies: no index has to be asked for setuptools."""


def pyproject(*requires: str) -> str:
    """Return the `pyproject.toml` of the package `own`, which an index's `own-backend` builds."""
    return (
        f"[build-system]\nrequires = {['own-backend', *requires]!r}\nbuild-backend = 'own_backend'\n"
        "[project]\nname = 'own'\nversion = '0.1'\n"
    )
