"""The results among git's files: files that the rules mean, and the data that pointers name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from repro.actions.check.contents import Contents, ContentUnknown
from repro.actions.check.trees import Trees
from repro.code import git_objects as git
from repro.code.checked_repository import CheckedRepository
from repro.code.files_in_git import GitFile
from repro.code.repository import MissingCommit
from repro.errors import IntegrityError
from repro.model.checks.mending import Mending, Result
from repro.model.checks.result_check import bad_pointer, could_not_tell
from repro.model.data.content import Content, Kind
from repro.model.data.pointer import SUFFIX, Pointer, parse_pointer
from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.names import check_path, is_within
from repro.model.pattern import pattern
from repro.model.record import NewerFormat
from repro.model.settings.policy import Policy

_NOT_RESULTS = pattern(rb"(?:^|/)\.git(?:ignore|attributes|keep)\Z")
"""What stands beside results and is git's own: `repro add` writes a `.gitignore` there."""


@dataclass(frozen=True, slots=True)
class Found:
    """A result and what it is; or, in place of that, why this is not known.

    `in_blob` is what git keeps, where it checks out another; `file` is the file, where it is no pointer; `converted`
    names attributes whose effect is not known.
    """

    result: Result
    content: Content | None
    problem: Finding | None = None
    in_blob: Content | None = None
    file: GitFile | None = None
    converted: tuple[str, ...] = ()


def results_of(
    repo: CheckedRepository,
    files: Iterable[GitFile],
    contents: Contents,
    policy: Policy,
    wanted: tuple[bytes, ...],
    mending: Mending,
) -> Iterator[Found]:
    """Yield the results among `files`, those at or below one of the paths `wanted` if there are any."""
    for file in files:
        if file.mode == git.MODE_GITLINK or file.path.startswith(b".repro/") or _NOT_RESULTS.search(file.path):
            continue
        is_pointer = file.path.endswith(SUFFIX) and file.mode != git.MODE_SYMLINK
        found = _tracked(repo, file, policy, mending) if is_pointer else _plain(contents, file, policy)
        if found is not None and is_wanted(found.result, wanted):
            yield found


def files_within(found: Found, policy: Policy, trees: Trees) -> list[Found]:
    """Return the results in a directory that a pointer names.

    Raises:
        TreeUnknown: its tree is nowhere.
    """
    assert found.content is not None
    data = found.result.path
    is_whole = policy.is_result(data, is_directory=True)
    return [
        Found(Result(path, found.result.file, data), content)
        for path, content in trees.files(data, found.content)
        if is_whole or policy.is_result(path)
    ]


def _plain(contents: Contents, file: GitFile, policy: Policy) -> Found | None:
    if not policy.is_result(file.path):
        return None
    result = Result(file.path, file.path)
    try:
        found = contents.of(file)
    except (MissingCommit, ContentUnknown) as error:
        return Found(result, None, could_not_tell(result, error.message, error.hint or "`git fetch` brings it"))
    return Found(result, found.checked_out, None, found.in_blob, file, found.unknown)


def _tracked(repo: CheckedRepository, file: GitFile, policy: Policy, mending: Mending) -> Found | None:
    folder, _, name = file.path.rpartition(b"/")
    guess = Result(file.path[: -len(SUFFIX)], file.path, file.path[: -len(SUFFIX)])
    try:
        pointer = _pointer(repo, file, name)
        path = check_path(folder + b"/" + pointer.name if folder else pointer.name)
    except NewerFormat as error:
        return _unread(guess, policy, Finding("newer-format", error.message, guess.shown, hint=error.hint))
    except IntegrityError as error:
        return _unread(guess, policy, bad_pointer(guess, error.message, mending))
    except MissingCommit as error:
        return _unread(guess, policy, could_not_tell(guess, error.message, "`git fetch` brings it"))
    result, content = Result(path, file.path, path), pointer.content
    is_directory = content.kind is Kind.DIRECTORY
    if policy.is_result(path, is_directory=is_directory) or (is_directory and policy.may_hold_results(path)):
        return Found(result, content)
    return None


def _pointer(repo: CheckedRepository, file: GitFile, name: bytes) -> Pointer:
    return parse_pointer(repo.read(file.oid), name, Result(file.path, file.path).shown)


def _unread(guess: Result, policy: Policy, problem: Finding) -> Found | None:
    """A pointer that cannot be read is a result if what it seems to name, as a file or a directory, is one."""
    path = guess.path
    is_meant = policy.is_result(path) or policy.is_result(path, is_directory=True) or policy.may_hold_results(path)
    return Found(guess, None, problem) if is_meant else None


def is_wanted(result: Result, wanted: tuple[bytes, ...]) -> bool:
    """Whether a result is at or below one of the paths, or tracked data that one of them is in; no paths are all."""
    return not wanted or any(
        is_within(result.path, path)
        or is_within(result.file, path)
        or (result.tracked and is_within(path, result.path))
        for path in wanted
    )
