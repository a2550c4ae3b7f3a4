"""Which results nobody can account for: git's files, the manifests in git, and the rules of `repro.yaml`."""

from __future__ import annotations

from collections.abc import Iterator

from repro.actions.check.contents import Contents
from repro.actions.check.facts import Facts
from repro.actions.check.remotes import Remotes
from repro.actions.check.results import Found, files_within, is_wanted, results_of
from repro.actions.check.runs import Folders, MadeBy, Origin, Runs, is_manifest, manifests_in, read_manifest
from repro.actions.check.targets import Target, What, targets_of
from repro.actions.check.trees import Trees, TreeUnknown
from repro.code import git_objects as git
from repro.code.checked_repository import CheckedRepository, open_checked_repository
from repro.code.files_in_git import ChangedFile
from repro.errors import UsageError
from repro.model.checks.result_check import (
    Uncommitted,
    could_not_tell,
    filtered,
    judge,
    line_ends_changed,
    unaccounted,
)
from repro.model.data.content import Kind
from repro.model.data.pointer import SUFFIX
from repro.model.dataclass import dataclass, replace
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.runs.run_outputs import RunOutputs, outputs_of
from repro.model.runs.run_state import State
from repro.project import SETTINGS_FILE, Project, Workspace
from repro.store.records.run_outputs_file import load_run_outputs, save_run_outputs


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be checked; `text` is the range or the revision, `paths` are the user's, none is all."""

    what: What
    text: str = ""
    branch: str | None = None
    paths: tuple[str, ...] = ()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what was found.

    `results` are the files that git has, in text form; `has_rules` is whether the settings name any results;
    `left_out` says that rules for branches were left out, as no branch is known.
    """

    results: tuple[str, ...]
    findings: tuple[Finding, ...]
    has_rules: bool
    left_out: bool


def check(workspace: Workspace, root: str, question: Question) -> Checked:
    """Check results against the rules.

    Args:
        workspace: the project, or what there is beside a bare repository.
        root: the project's root, or the bare repository.
        question: what is to be checked.

    Raises:
        BadSettings: the `repro.yaml` of what is checked has no meaning.
        NoSuchRevision: a commit that is named is not here.
        UsageError: something else of the question has no meaning, or a path that was named is nothing that git has.
        UnsupportedRepository: git's index cannot be read.
    """
    wanted = _wanted(workspace, question.paths)
    results: dict[str, None] = {}
    findings: dict[Finding, None] = {}
    has_rules = left_out = False
    unknown = set(wanted)
    with open_checked_repository(root, workspace.environ) as repo:
        for target in targets_of(repo, question.what, question.text, question.branch):
            one = _Check(workspace, repo, target, question.offline)
            unknown -= {path for path in unknown if one.has(path)}
            if one.policy.results:
                has_rules = True
                left_out |= target.branch is None and one.policy.asks_for_branch
                for finding in one.findings(wanted):
                    findings[_placed(finding, target.shown)] = None
                results |= dict.fromkeys(one.results)
    if unknown:
        raise UsageError(
            f"git has nothing at {name_to_text(min(unknown))}", "`git add` it first: a check looks at what git has"
        )
    # The index and the branch that it is of say much the same.
    kept = [finding for finding in findings if not (_is_repeated(finding, findings))]
    return Checked(tuple(results), tuple(sorted(kept, key=_order)), has_rules, left_out)


def _wanted(workspace: Workspace, paths: tuple[str, ...]) -> tuple[bytes, ...]:
    if not paths:
        return ()
    if not isinstance(workspace, Project):
        raise UsageError("a bare repository has no directory that paths could count from", "call it without paths")
    found = tuple(workspace.relative(path) for path in paths)
    return () if b"." in found else found


def _placed(finding: Finding, shown: str) -> Finding:
    return replace(finding, detail=f"{finding.detail} ({shown})") if shown else finding


def _is_repeated(finding: Finding, findings: dict[Finding, None]) -> bool:
    plain, bracket, _ = finding.detail.rpartition(" (on the branch ")
    return bool(bracket) and any(
        other.detail == plain and (other.kind, other.path, other.run) == (finding.kind, finding.path, finding.run)
        for other in findings
    )


def _order(finding: Finding) -> tuple[str, str, str]:
    return finding.path or "", finding.kind, finding.run or ""


class _Check:
    """The check of one target."""

    def __init__(self, workspace: Workspace, repo: CheckedRepository, target: Target, offline: bool) -> None:
        self._workspace = workspace
        self._repo = repo
        self._target = target
        settings_file = target.files.file(SETTINGS_FILE.encode())
        is_file = settings_file is not None and settings_file.mode in (git.MODE_FILE, git.MODE_EXECUTABLE)
        committed = repo.read(settings_file.oid) if settings_file is not None and is_file else None
        settings = workspace.settings_with(committed)
        self.policy = settings.policy
        self.results: list[str] = []
        self._remotes = Remotes(workspace, settings, offline=offline)
        self._trees = Trees(workspace, self._remotes)
        self._before = repo.files_of_tree(target.base) if target.base else target.files
        self._contents = Contents(repo, target.files)
        self._folders = Folders(target.files, self._contents)
        history = repo.history(target.tips, target.staged)
        self._facts = Facts(workspace, repo, target.files, history, self._remotes)
        self._committed: Runs | None = None
        self._uncommitted: Runs | None = None

    def has(self, path: bytes) -> bool:
        """Whether git has, or had, a file or a folder at a path, or a pointer that names it or something above."""
        pointers = [path[:cut] + SUFFIX for cut in range(1, len(path) + 1) if path[cut : cut + 1] in (b"/", b"")]
        for files in (self._target.files, self._before):
            if any(files.file(one) for one in (path, *pointers)) or next(files.below(path), None):
                return True
        return False

    def findings(self, wanted: tuple[bytes, ...]) -> Iterator[Finding]:
        """Yield what is wrong."""
        target = self._target
        changes = list(target.files.changes(target.base))
        yield from self._of_manifests(changes)
        files = target.files.below(b"")
        if target.only_changes and not self._takes_away(changes):
            files = iter([change.after for change in changes if change.after])
        for found in results_of(self._repo, files, self._contents, self.policy, wanted, target.mending):
            self.results.append(found.result.shown)
            yield from self._of_result(found, wanted)
        if self._committed is not None and self._committed.has_learnt and isinstance(self._workspace, Project):
            save_run_outputs(self._workspace.folder, self._outputs)

    def _takes_away(self, changes: list[ChangedFile]) -> bool:
        """Whether manifests with outputs are gone, or are others now: then any result may be concerned."""
        before = [change.before for change in changes if change.before and is_manifest(change.path)]
        return any(outputs_of(self._repo.read(file.oid)) for file in before if file.mode != git.MODE_GITLINK)

    def _of_manifests(self, changes: list[ChangedFile]) -> Iterator[Finding]:
        """Yield what is wrong with manifests that are new or changed."""
        for change in changes:
            if change.after is None or not is_manifest(change.path) or change.after.mode == git.MODE_GITLINK:
                continue
            mending = self._target.mending
            data = self._repo.read(change.after.oid)
            found = read_manifest(data, change.path, mending)
            before = None
            if change.before is not None and change.before.mode != git.MODE_GITLINK:
                before = read_manifest(self._repo.read(change.before.oid), change.path, mending)
            was_sealed = isinstance(before, Manifest) and before.state is not State.OPEN
            source = self._target.source
            hint = f"`{mending.restore(change.path, source)}`" if was_sealed and source else None
            if isinstance(found, Finding):
                yield replace(found, hint=hint or found.hint)
            elif was_sealed:
                detail = f"the manifest was changed after the run {found.run} had been sealed"
                yield Finding("bad-manifest", detail, name_to_text(change.path), found.run, hint)

    def _of_result(self, found: Found, wanted: tuple[bytes, ...]) -> Iterator[Finding]:
        result, content = found.result, found.content
        if found.problem is not None or content is None:
            if found.problem is not None:
                yield found.problem
            return
        origin = self._runs().that_made(result.path, content, self._folders)
        if not origin.runs and found.in_blob is not None:
            kept = self._runs().that_made(result.path, found.in_blob, self._folders)
            origin = kept if kept.runs else origin
        if not origin.runs and content.kind is Kind.DIRECTORY:
            try:
                inner = files_within(found, self.policy, self._trees)
            except TreeUnknown as error:
                yield could_not_tell(
                    result, f"could not tell what is in it: {error.message}", "`repro fetch` brings it"
                )
                return
            for one in inner:
                if is_wanted(one.result, wanted):
                    yield from self._of_result(one, wanted)
            return
        yield from self._of_origin(found, origin)

    def _of_origin(self, found: Found, origin: Origin) -> Iterator[Finding]:
        result, mending, runs = found.result, self._target.mending, self._runs()
        require = self.policy.requirements(result.path, self._target.branch)
        if origin.runs:
            facts = [self._facts.of(made, runs.read(made.oid), require) for made in origin.runs]
            yield from judge(result, require, facts, mending)
        elif origin.bad:
            yield from origin.bad
        elif origin.unknown is not None:
            reason = f"could not tell whether a run made it: {origin.unknown.message}"
            yield could_not_tell(result, reason, origin.unknown.hint or "`repro fetch RUN` brings it")
        elif found.converted:
            yield filtered(result, found.converted, mending)
        elif (made := self._with_other_line_ends(found)) is not None:
            yield line_ends_changed(result, made.manifest, mending)
        else:
            yield unaccounted(result, self._in_work_tree(found), runs.that_made_another(result.path), mending)

    def _with_other_line_ends(self, found: Found) -> MadeBy | None:
        """Return a run that made the result, but for its line endings."""
        for content in self._contents.with_other_line_ends(found.file) if found.file else ():
            origin = self._runs().that_made(found.result.path, content, self._folders)
            if origin.runs:
                return max(origin.runs, key=lambda one: one.manifest.run)
        return None

    def _runs(self) -> Runs:
        if self._committed is None:
            folder = self._workspace.folder if isinstance(self._workspace, Project) else None
            self._outputs = load_run_outputs(folder)
            files = manifests_in(self._target.files)
            self._committed = Runs(files, self._repo.read, self._outputs, self._trees, self._target.mending)
        return self._committed

    def _in_work_tree(self, found: Found) -> Uncommitted | None:
        """Return a run that made the result, and whose manifest is not in git."""
        if not isinstance(self._workspace, Project) or found.content is None:
            return None
        if self._uncommitted is None:
            self._uncommitted = self._other_manifests(self._workspace)
        origin = self._uncommitted.that_made(found.result.path, found.content, self._folders)
        if not origin.runs:
            return None
        made = max(origin.runs, key=lambda one: one.manifest.run)
        return Uncommitted(made.manifest.run, made.file)

    def _other_manifests(self, project: Project) -> Runs:
        """Return the manifests of the work tree that git has not, or not as they are."""
        records = project.records()
        known = manifests_in(self._target.files)
        files, data = {}, {}
        for run in records.run_ids():
            found = records.read_bytes(run)
            oid = git.object_id(b"blob", found)
            if oid not in known:
                files[oid], data[oid] = records.shown(run).encode(), found
        return Runs(files, data.__getitem__, RunOutputs(), self._trees, self._target.mending)
