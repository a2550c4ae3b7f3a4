"""Whether a git checkout is exactly a commit that its remote has: then the commit stands for its files."""

from __future__ import annotations

from repro.code.repository import NotARepository, UnsupportedRepository, open_repository

_REMOTE = b"origin"


def published_commit(root: str) -> tuple[str, str] | None:
    """Return the remote's URL and HEAD's commit, if the checkout is clean and a remote branch contains HEAD.

    What the remote has is told by the remote-tracking branches, as of the last fetch or push; it is not asked.

    Args:
        root: the top of the work tree.

    Returns:
        None where there is no repository, no remote called origin, an uncommitted or untracked file, or a commit
        that was not pushed.
    """
    try:
        with open_repository(root) as repo:
            from dulwich.graph import can_fast_forward
            from dulwich.porcelain import status

            try:
                url = repo.get_config().get((b"remote", _REMOTE), b"url")
                head = repo.head()
            except KeyError:
                return None
            found = status(repo)
            if any(found.staged.values()) or found.unstaged or found.untracked:
                return None
            prefix = b"refs/remotes/" + _REMOTE + b"/"
            published = {sha for ref, sha in repo.get_refs().items() if ref.startswith(prefix)}
            if not any(can_fast_forward(repo, head, sha) for sha in published):
                return None
            return url.decode("utf-8", "replace"), head.decode()
    except (NotARepository, UnsupportedRepository):
        return None
