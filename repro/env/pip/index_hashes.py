"""The hashes of a version's files on the index: from a memo, else from the index itself through `uv pip compile`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence

from repro.env.memo_file import write_memo
from repro.env.pip.probe import InstalledDistribution
from repro.env.pip.project_lock import read_requirements
from repro.env.pip.uv_process import UvFailure, UvResult, index_arguments, index_settings, run_uv
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

_SHA256_LINE = pattern(r"[0-9a-f]{64}")
_HASH_OPTION = pattern(r"--hash=sha256:([0-9a-f]{64})")
_ABSENT = "absent"
_NOT_THERE = "the index does not have this version"
_ABSENT_HOLDS_S = 24 * 3600
_MAX_ROUNDS = 60

PATIENCE = {"UV_HTTP_RETRIES": "1", "UV_HTTP_CONNECT_TIMEOUT": "5"}
"""A capture goes on without the index, so it does not wait for it as long as an installation does."""


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """What the index said: hashes by name for what it has, a reason by name for what it has not.

    `absent` are those of the missing that it was asked for and does not have, `silent` those for which it did not
    answer; `refused` is whether it did not let itself be asked.
    """

    hashes: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, str]
    absent: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    refused: bool = False


def hashes_of_versions(
    distributions: Sequence[InstalledDistribution],
    *,
    python: str,
    project_root: str,
    environ: Mapping[str, str],
    memo_dir: str,
    offline: bool,
    refresh: bool,
) -> IndexAnswer:
    """Return the SHA-256 hashes of all files that the index has for the installed versions.

    What was once found is remembered for good, what the index does not have for a day; a failure to reach the index
    is not remembered.

    Args:
        distributions: those that an index serves.
        python: the interpreter they are installed in.
        project_root: uv's configuration is read from here upwards.
        environ: the user's variables; uv's and pip's index settings count.
        memo_dir: where answers are remembered.
        offline: ask the memo and uv's cache only.
        refresh: ask again for what the index did not have.
    """
    memo = _Memo(memo_dir, environ)
    known = {distribution.name: memo.read(distribution) for distribution in distributions}
    hashes = {name: found for name, found in known.items() if found}
    missing = {name: _NOT_THERE for name, found in known.items() if found == () and not refresh}
    asked = [d for d in distributions if d.name not in hashes and d.name not in missing]
    # The project's configuration says where its index is. It may also hold overrides and constraints, which uv
    # applies to every resolution: what they hide is asked for once more from where they do not count.
    silent: frozenset[str] = frozenset()
    refused = False
    for cwd in (project_root, os.sep):
        asked_now = asked
        answer = _ask(asked, python, cwd, environ, offline) if asked else IndexAnswer({}, {})
        hashes.update(answer.hashes)
        missing.update(answer.missing)
        silent = (silent | answer.silent) - answer.hashes.keys()
        refused = refused or answer.refused
        asked = [distribution for distribution in asked if distribution.name in answer.absent]
        for distribution in asked_now:
            if distribution.name in hashes:
                missing.pop(distribution.name, None)
                memo.write(distribution, hashes[distribution.name])
    for distribution in asked:
        memo.write(distribution, ())
    return IndexAnswer(hashes, missing, silent=silent, refused=refused)


def hashes_of_url(
    distribution: InstalledDistribution,
    url: str,
    *,
    python: str,
    project_root: str,
    environ: Mapping[str, str],
    memo_dir: str,
    offline: bool,
) -> tuple[tuple[str, ...], UvFailure | None]:
    """Return the SHA-256 of the archive at a URL as it is served now, or none, and why it cannot be fetched."""
    memo = _Memo(memo_dir, environ)
    known = memo.read(distribution, url)
    if known:
        return known, None
    result = _compile(f"{distribution.name} @ {url}", python, project_root, environ, offline)
    hashes = tuple(_HASH_OPTION.findall(result.stdout)) if result.returncode == 0 else ()
    if hashes:
        memo.write(distribution, hashes, url)
    return hashes, None if result.returncode == 0 else result.failure


def _ask(
    distributions: Sequence[InstalledDistribution],
    python: str,
    cwd: str,
    environ: Mapping[str, str],
    offline: bool,
) -> IndexAnswer:
    """Ask for all at once. uv fails as a whole and names one culprit: ask again without it."""
    left = {d.name: d.version for d in distributions}
    missing: dict[str, str] = {}
    absent: set[str] = set()
    silent: set[str] = set()
    unreachable: str | None = None
    for _ in range(_MAX_ROUNDS):
        lines = [f"{name}=={version}" for name, version in left.items()]
        result = _compile("\n".join(lines), python, cwd, environ, offline or unreachable is not None)
        if result.returncode == 0:
            hashes = {p.name: p.hashes for p in read_requirements(result.stdout) if left.get(p.name) == p.version}
            found = {name: some for name, some in hashes.items() if some}
            nameless = left.keys() - found.keys()
            missing.update(dict.fromkeys(nameless, "the place it was found in gives no hashes"))
            return IndexAnswer(found, missing, frozenset(absent | nameless), frozenset(silent))
        failure = result.failure
        culprits = [name for name in left if _is_named(name, result.stderr)]
        if failure is UvFailure.UNREACHABLE and unreachable is None and not offline:
            # uv's own cache may know what it installed; the rest of the questions go there.
            unreachable = result.reason
            continue
        if failure not in (UvFailure.ABSENT, UvFailure.OFFLINE) or not culprits:
            break
        missing.update(dict.fromkeys(culprits, _reason(result, unreachable)))
        if failure is UvFailure.ABSENT and not offline and unreachable is None:
            absent.update(culprits)
        if unreachable is not None:
            silent.update(culprits)
        left = {name: version for name, version in left.items() if name not in culprits}
        if not left:
            return IndexAnswer({}, missing, frozenset(absent), frozenset(silent))
    missing.update(dict.fromkeys(left, unreachable or result.reason))
    if unreachable is not None or failure in (UvFailure.REFUSED, UvFailure.UNREACHABLE):
        silent.update(left)
    return IndexAnswer({}, missing, frozenset(absent), frozenset(silent), refused=failure is UvFailure.REFUSED)


def _reason(result: UvResult, unreachable: str | None) -> str:
    if unreachable is not None:
        return f"the index cannot be reached ({unreachable})"
    if result.failure is UvFailure.OFFLINE:
        return "its hashes are not on this machine, and the network was not asked"
    if re.search(r"no version of|not found in the package registry", result.stderr):
        return _NOT_THERE
    return result.reason


def _compile(requirements: str, python: str, project_root: str, environ: Mapping[str, str], offline: bool) -> UvResult:
    flags = "--no-deps --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links"
    return run_uv(
        ["pip", "compile", "-", "--quiet", *flags.split(), "--python", python, *index_arguments(environ, offline)],
        {**PATIENCE, **environ},
        project_root,
        stdin=requirements + "\n",
    )


def _is_named(name: str, stderr: str) -> bool:
    """Whether uv's message names the package as what it could not find."""
    escaped = re.escape(name)
    return re.search(rf"(?<![\w-]){escaped}(?:\[[^\]]*\])?(?:==| was not found| has no )", stderr) is not None


class _Memo:
    """One small file per package, version, wheel tags and index settings: hashes, one a line, or `absent`."""

    def __init__(self, memo_dir: str, environ: Mapping[str, str]) -> None:
        settings = hashlib.sha256(json.dumps(index_settings(environ)).encode()).hexdigest()
        self._folder = os.path.join(memo_dir, "index-hashes", settings[:16])

    def read(self, distribution: InstalledDistribution, url: str | None = None) -> tuple[str, ...] | None:
        """Return the hashes; empty where the index does not have it, None where nothing is remembered."""
        try:
            with open(self._path(distribution, url), encoding="ascii") as file:
                lines = file.read().split("\n")
                age_s = time.time() - os.fstat(file.fileno()).st_mtime
        except (OSError, UnicodeDecodeError):
            return None
        if lines == [_ABSENT, ""]:
            return () if 0 <= age_s < _ABSENT_HOLDS_S else None
        if len(lines) < 2 or lines[-1] or not all(_SHA256_LINE.fullmatch(line) for line in lines[:-1]):
            return None
        return tuple(lines[:-1])

    def write(self, distribution: InstalledDistribution, hashes: tuple[str, ...], url: str | None = None) -> None:
        """Remember."""
        write_memo(self._path(distribution, url), "".join(f"{line}\n" for line in hashes or (_ABSENT,)))

    def _path(self, distribution: InstalledDistribution, url: str | None) -> str:
        # The wheel's tags are part of the question: a file for another Python may be uploaded later.
        question = json.dumps([distribution.name, distribution.version, distribution.tags, url])
        return os.path.join(self._folder, hashlib.sha256(question.encode()).hexdigest()[:32])
