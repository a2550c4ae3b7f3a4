"""What the name of a wheel says (PyPA's binary distribution format)."""

from __future__ import annotations


def is_wheel_of(file_name: str, name: str, version: str) -> bool:
    """Whether `file_name` is the name of a wheel of that distribution and version."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion, Version

    try:
        parsed_name, parsed_version, _, _ = parse_wheel_filename(file_name)
        return parsed_name == name and parsed_version == Version(version)
    except (InvalidWheelFilename, InvalidVersion):
        return False
