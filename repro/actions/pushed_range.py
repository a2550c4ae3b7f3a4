"""What of a pushed ref is to be checked."""

from __future__ import annotations

from repro.code.push_base import PushedCommits, committed_file, pushed_commits
from repro.model.git.pushed_refs import PushedRef
from repro.project import SETTINGS_FILE, Workspace


def pushed_range(workspace: Workspace, root: str, pushed: PushedRef, remote: str | None) -> PushedCommits | None:
    """Return the commit to check and the one from which on it is new; None where nothing is to be checked.

    A new branch that has rules of its own is checked as a whole: what was good enough elsewhere need not be here.

    Args:
        workspace: where the hook was called.
        root: the top of the work tree from which is pushed, or the bare repository that receives.
        pushed: the ref.
        remote: the name of the remote that is pushed to.

    Raises:
        BadSettings: the settings that are pushed have no meaning.
    """
    if pushed.new is None:
        return None
    found = pushed_commits(root, workspace.environ, pushed.old, pushed.new, remote)
    if found is None:
        return None
    if pushed.old is None and pushed.branch:
        data = committed_file(root, workspace.environ, found.tip, SETTINGS_FILE.encode())
        if workspace.settings_with(data).policy.has_rules_of(pushed.branch):
            return PushedCommits(found.tip, None)
    return None if found.base == found.tip else found
