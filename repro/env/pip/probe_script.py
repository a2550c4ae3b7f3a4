"""Says what the interpreter that runs this file is, and what is installed in it, as JSON on the last line of stdout.

This file is not imported: its text is passed to another interpreter with `-c`. So it is Python 3.6 and the standard
library alone, and it reads metadata files by hand: `importlib.metadata` costs as much as all the rest together.
"""

import sys

# The working directory is not a place where things are installed, and must not shadow the imports below.
sys.path[:] = [entry for entry in sys.path if entry]

import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import sysconfig  # noqa: E402
from typing import Any  # noqa: E402

MARK = "@repro-probe@"


def text_of(path: str) -> "str | None":
    """Return a file's text, None where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def header_of(path: str) -> "dict[str, str] | None":
    """Return name and version from a metadata file's header, None where it cannot be read."""
    fields: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.strip():
                    break
                key, colon, value = line.partition(":")
                if colon and key in ("Name", "Version"):
                    fields.setdefault(key, value.strip())
    except OSError:
        return None
    return fields


def distribution(location: str, entry: str) -> "dict[str, object] | None":
    """Return one distribution, None where its metadata is broken."""
    info = os.path.join(location, entry)
    if entry.endswith(".dist-info"):
        fields = header_of(os.path.join(info, "METADATA"))
    elif os.path.isdir(info):
        fields = header_of(os.path.join(info, "PKG-INFO"))
    else:
        fields = header_of(info)
    if not fields or "Name" not in fields or "Version" not in fields:
        return None
    wheel = text_of(os.path.join(info, "WHEEL")) or ""
    return {
        "name": fields["Name"],
        "version": fields["Version"],
        "location": location,
        "info": info,
        "direct_url": text_of(os.path.join(info, "direct_url.json")),
        "tags": [line[4:].strip() for line in wheel.splitlines() if line.startswith("Tag:")],
        "installer": (text_of(os.path.join(info, "INSTALLER")) or "").strip(),
    }


def installed() -> "list[dict[str, object]]":
    """Return every distribution on `sys.path`, in its order, doubles included."""
    found = []
    for location in dict.fromkeys(os.path.abspath(entry) for entry in sys.path):
        try:
            entries = sorted(os.listdir(location))
        except OSError:
            continue
        for entry in entries:
            # pip renames what it is about to replace to ~name, and may be killed before it is removed
            if entry.endswith((".dist-info", ".egg-info")) and not entry.startswith("~"):
                one = distribution(location, entry)
                if one:
                    found.append(one)
    return found


def libc() -> str:
    """Return `glibc 2.36`, or nothing."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def full_version(info: Any) -> str:
    """Return a version as PEP 508 wants `implementation_version`."""
    version = f"{info.major}.{info.minor}.{info.micro}"
    return version if info.releaselevel == "final" else version + info.releaselevel[0] + str(info.serial)


answer = {
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "build": " ".join(sys.version.split()),
    "abi": sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag or "",
    "platform": sysconfig.get_platform(),
    "libc": libc(),
    "prefix": sys.prefix,
    "executable": sys.executable,
    "base_executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full_version(sys.implementation.version),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "sys_platform": sys.platform,
    },
    "distributions": installed(),
}
sys.stdout.write("\n" + MARK + json.dumps(answer) + "\n")
