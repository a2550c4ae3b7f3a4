"""Runs `uv`, and tells its failures apart."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum

from repro.env.pip.pip_config import with_pip_config
from repro.env.which_python import which
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

# What would make uv act on another environment, add bytecode or seed packages, or look away from a hash.
_NOT_INHERITED = frozenset(
    (
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "PYTHONHOME",
        "PYTHONPATH",
        "UV_BREAK_SYSTEM_PACKAGES",
        "UV_COMPILE_BYTECODE",
        "UV_CONSTRAINT",
        "UV_CUSTOM_COMPILE_COMMAND",
        "UV_EXCLUDE",
        "UV_ISOLATED",
        "UV_NO_VERIFY_HASHES",
        "UV_OFFLINE",
        "UV_OUTPUT_FORMAT",
        "UV_OVERRIDE",
        "UV_PROJECT",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_REQUIRE_HASHES",
        "UV_RESOLUTION",
        "UV_SYSTEM_PYTHON",
        "UV_VENV_CLEAR",
        "UV_VENV_SEED",
        "UV_WORKING_DIR",
        "UV_WORKING_DIRECTORY",
        "VIRTUAL_ENV",
    )
)
_INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX_STRATEGY",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
)
_ANSI = pattern(r"\x1b\[[0-9;]*m")
_CREDENTIALS = pattern(r"(?<=://)[^/@\s]+@")


class NoUv(CannotProceed):
    """The `uv` executable is not there."""

    id = "no-uv"


class UvFailure(StrEnum):
    """Why `uv` failed."""

    HASH = "hash"
    ABSENT = "absent"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    OFFLINE = "offline"
    DISK_FULL = "disk-full"
    OTHER = "other"


_REFUSAL = pattern(r"\(?40[13] |401 Unauthorized|403 Forbidden|407 Proxy|could not read Username|Authentication failed")
# The first that matches decides. Wordings of uv 0.8 to 0.13, and of git 2.39, which uv passes on; a wording that is not
# here gives OTHER, with uv's text.
_SIGNS: tuple[tuple[UvFailure, re.Pattern[str]], ...] = (
    (UvFailure.DISK_FULL, pattern(r"No space left on device|os error 28|Disk quota exceeded|os error 122")),
    (UvFailure.HASH, pattern(r"Hash mismatch|hash mismatch|[Hh]ashes? (?:do|does) not match")),
    (UvFailure.OFFLINE, pattern(r"[Nn]etwork (?:was|connectivity is) disabled|not found in the cache")),
    (UvFailure.REFUSED, _REFUSAL),
    (
        UvFailure.ABSENT,
        pattern(r"404 Not Found|410 Gone|client error \((?:404|410)\b|no version of|not found in the package registry"),
    ),
    (
        UvFailure.ABSENT,
        pattern(r"not our ref|does not appear to be a git repository|fatal: repository '[^']*' not found"),
    ),
    (UvFailure.UNREACHABLE, pattern(r"Couldn't connect to server|Could not resolve host")),
    (
        UvFailure.UNREACHABLE,
        pattern(r"error sending request|dns error|tcp connect|[Cc]onnection (?:refused|reset)|timed? ?out"),
    ),
    (
        UvFailure.UNREACHABLE,
        pattern(r"\b50\d |\b429 Too Many"),
    ),
    (UvFailure.ABSENT, pattern(r"No solution found|has no (?:usable )?wheels|not found in")),
)


@dataclass(frozen=True, slots=True)
class UvResult:
    """What one call of `uv` answered; `stderr` without colours and credentials."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def failure(self) -> UvFailure:
        """Why it failed; only meaningful where `returncode` is not 0."""
        return next((kind for kind, sign in _SIGNS if sign.search(self.stderr)), UvFailure.OTHER)

    @property
    def of_git(self) -> bool:
        """Whether it was git that failed, which uv starts for what is installed from a commit."""
        return "Git operation failed" in self.stderr

    @property
    def reason(self) -> str:
        """uv's error in one line: what it tried, the first cause and the last, without warnings, hints and progress.

        Where an index refused, uv's error is that a package is not there; only its hint says why.
        """
        lines = self.stderr.splitlines()
        if self.failure is UvFailure.REFUSED:
            hints = [line.removeprefix("hint:").strip() for line in lines if line.startswith("hint:")]
            refusals = [hint for hint in hints if _REFUSAL.search(hint)]
            if refusals:
                return "; ".join(refusals)
        starts = [i for i, line in enumerate(lines) if line.startswith("error:")]
        told = lines[starts[-1] :] if starts else lines[-3:]
        until = next((i for i, line in enumerate(told) if line.startswith("hint:")), len(told))
        causes: list[list[str]] = []
        for line in filter(None, (line.strip() for line in told[:until])):
            if line.startswith(("error:", "cause:")) or not causes:
                causes.append([])
            causes[-1].append(re.sub(r"^(?:error|cause):\s*", "", line))
        kept = causes if len(causes) <= 3 else [*causes[:2], causes[-1]]
        return "; ".join(_in_short(cause) for cause in kept) or f"exit code {self.returncode}"


def _in_short(cause: list[str]) -> str:
    """Return the ends of a cause that is long: the output of a build, two paths in one sentence."""
    whole = " ".join(cause)
    return whole if len(whole) <= 250 else f"{whole[:100]} … {whole[-140:]}"


def find_uv(environ: Mapping[str, str]) -> str:
    """Return the path of the `uv` executable: the one that repro was installed with, else the one on PATH.

    Raises:
        NoUv: neither is there.
    """
    beside = os.path.join(sys.prefix, "bin", "uv")
    if sys.prefix != sys.base_prefix and os.path.isfile(beside):
        return beside  # where uv's own package looks first, in a virtual environment
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = which("uv", os.sep, environ.get("PATH", os.defpath))
    if found is None:
        raise NoUv("uv is not installed beside repro and not on PATH", "pip install uv")
    return found


def run_uv(arguments: Sequence[str], environ: Mapping[str, str], cwd: str, stdin: str = "") -> UvResult:
    """Run `uv` in `cwd` and wait.

    Args:
        arguments: without `uv` itself.
        environ: the user's variables; see `uv_environ` for what becomes of them.
        cwd: uv reads its project configuration (`uv.toml`, `[tool.uv]`) from here upwards.
        stdin: passed to its standard input.

    Raises:
        NoUv: there is no `uv`.
    """
    import subprocess

    done = subprocess.run(
        [find_uv(environ), *arguments],
        cwd=cwd,
        env=uv_environ(environ, offline="--offline" in arguments),
        input=stdin.encode(),
        capture_output=True,
        check=False,
    )
    stderr = _CREDENTIALS.sub("", _ANSI.sub("", done.stderr.decode("utf-8", "replace")))
    return UvResult(done.returncode, done.stdout.decode("utf-8", "replace"), stderr)


def uv_environ(environ: Mapping[str, str], *, offline: bool = False) -> dict[str, str]:
    """Return the variables that `uv` gets: the user's, with pip's index settings (variables, files) in uv's words.

    uv's own variables win over pip's. pip considers all indexes alike, so where an index is taken over from pip,
    uv is told to do the same; hashes guard the choice. Packages are copied where they cannot be linked without uv's
    warning about it. Of who uses no network, it reads no certificates: that takes a tenth of the time that it takes
    to install a hundred packages.
    """
    passed = {name: value for name, value in with_pip_config(environ).items() if name not in _NOT_INHERITED}
    if "UV_DEFAULT_INDEX" not in passed and "UV_INDEX_URL" not in passed and passed.get("PIP_INDEX_URL"):
        passed["UV_DEFAULT_INDEX"] = passed["PIP_INDEX_URL"]
    if "UV_INDEX" not in passed and "UV_EXTRA_INDEX_URL" not in passed and passed.get("PIP_EXTRA_INDEX_URL"):
        passed["UV_EXTRA_INDEX_URL"] = passed["PIP_EXTRA_INDEX_URL"]
        passed.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if "UV_FIND_LINKS" not in passed and passed.get("PIP_FIND_LINKS"):
        passed["UV_FIND_LINKS"] = ",".join(passed["PIP_FIND_LINKS"].split())
    if passed.get("PIP_KEYRING_PROVIDER") in ("subprocess", "disabled"):
        passed.setdefault("UV_KEYRING_PROVIDER", passed["PIP_KEYRING_PROVIDER"])
    if passed.get("PIP_CERT"):
        passed.setdefault("SSL_CERT_FILE", passed["PIP_CERT"])
    if offline:
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            passed.pop(name, None)
    passed["UV_PYTHON_DOWNLOADS"] = "manual"  # only when it is called for that
    passed["UV_NO_PROGRESS"] = "1"
    passed["NO_COLOR"] = "1"
    return passed


def index_arguments(environ: Mapping[str, str], offline: bool) -> list[str]:
    """Return the flags for what uv reads from no variable."""
    no_index = with_pip_config(environ).get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on")
    return ["--offline"] * offline + ["--no-index"] * no_index


def index_settings(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that decide which index is asked; they may hold credentials: hash them, never show them."""
    known = with_pip_config(environ)
    return tuple((name, known[name]) for name in _INDEX_VARIABLES if known.get(name))
