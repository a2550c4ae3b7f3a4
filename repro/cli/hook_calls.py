"""What each git hook does, said in repro's own commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from repro.cli.main import environ
from repro.cli.whereabouts import here, project_or_workspace
from repro.errors import UsageError
from repro.model.git import pushed_refs as refs
from repro.model.git.hook_state import HOOKS
from repro.project import Project
from repro.report import hooks as report
from repro.report.progress import ProgressLine


def call_hook(hook: str, arguments: Sequence[str]) -> int:
    """Do what `hook` does and return its exit code; the arguments and standard input are those that git gives it.

    Raises:
        UsageError: there is no such hook, or what git should say is not there.
    """
    if hook == "pre-commit":
        return _refuse("commit", _check("--staged"))
    if hook == "pre-push":
        pushed = _pushed(environ())
        return _refuse("push", _check_pushed(pushed, arguments[0] if arguments else None))
    if hook == "pre-receive":
        return _refuse("push", _check_pushed(refs.parse_pre_receive(sys.stdin)))
    if hook == "update":
        ref, old, new = _three(arguments)
        return _refuse(f"push of {ref}", _check_pushed(refs.parse_pre_receive([f"{old} {new} {ref}"])))
    if hook in ("post-checkout", "post-merge", "post-rewrite"):
        _bring(hook, arguments)
        return 0
    raise UsageError(f"repro has no hook {hook!r}", f"its hooks are {', '.join((*HOOKS, 'pre-receive', 'update'))}")


def _three(arguments: Sequence[str]) -> tuple[str, str, str]:
    if len(arguments) != 3:
        raise UsageError("git gives an update hook a ref and two ids", "`repro hooks run` is called by git")
    return arguments[0], arguments[1], arguments[2]


def _check(*arguments: str) -> int:
    """Call `repro check` in this process: its findings are shown as that command shows them, and nothing else."""
    from repro.cli.invoke import invoke

    with report.without_summary():
        return invoke(["check", *arguments])


def _refuse(what: str, code: int) -> int:
    if code:
        report.show_refused(what)
    return code


def _check_pushed(pushed: Iterable[refs.PushedRef], remote: str | None = None) -> int:
    """Check what each ref brings to the other side; the worst exit code counts."""
    from repro.actions.pushed_range import pushed_range

    workspace = project_or_workspace()
    root = workspace.root if isinstance(workspace, Project) else os.getcwd()
    worst = 0
    for one in pushed:
        found = pushed_range(workspace, root, one, remote)
        if found is not None:
            branch = ["--branch", one.branch] if one.branch else []
            worst = max(worst, _check("--range", f"{found.base or refs.NOTHING}..{found.tip}", *branch))
    return worst


def _pushed(variables: Mapping[str, str]) -> Iterator[refs.PushedRef]:
    """Yield what is pushed: from standard input; the pre-commit framework reads that itself and sets variables."""
    if "PRE_COMMIT_TO_REF" in variables or "PRE_COMMIT_LOCAL_BRANCH" in variables:
        new = variables.get("PRE_COMMIT_TO_REF") or variables["PRE_COMMIT_LOCAL_BRANCH"]
        yield refs.PushedRef(variables.get("PRE_COMMIT_REMOTE_BRANCH", ""), variables.get("PRE_COMMIT_FROM_REF"), new)
    elif not sys.stdin.isatty():
        yield from refs.parse_pre_push(sys.stdin)


def _bring(hook: str, arguments: Sequence[str]) -> None:
    from repro.actions.bring_data import bring_changed

    project = here()
    with ProgressLine("checkout") as progress:
        brought = bring_changed(project, _commits_before(hook, arguments, project.root), progress)
    report.show_brought(brought.done, brought.left, brought.absent)


def _commits_before(hook: str, arguments: Sequence[str], root: str) -> list[str]:
    """Return the commits whose data the work tree may still have."""
    from repro.code.committed_pointers import first_parent
    from repro.code.hooks_folder import ask_git

    variables = environ()
    if hook == "post-checkout":
        before, kind = (
            variables.get("PRE_COMMIT_FROM_REF", refs.NOTHING),
            variables.get("PRE_COMMIT_CHECKOUT_TYPE", "1"),
        )
        if len(arguments) == 3:
            before, kind = arguments[0], arguments[2]
        return [before] if kind == "1" else []  # 0: files were checked out, from whatever commit
    if hook == "post-merge":
        return [ask_git(root, variables, "rev-parse", "--verify", "ORIG_HEAD")]
    rewritten = refs.parse_post_rewrite(sys.stdin)
    if not rewritten:
        return []
    onto = first_parent(root, rewritten[0][1])
    return [rewritten[-1][0], *([onto] if onto else [])]
