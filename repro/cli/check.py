"""`repro check`."""

from __future__ import annotations

import os

import click

from repro.cli.options import json_option, paths_argument
from repro.errors import UsageError
from repro.report.check import FORMATS, show_checked


@click.command()
@paths_argument
@click.option("--staged", is_flag=True, help="Only what is staged: what differs from HEAD.")
@click.option("--range", "between", metavar="A..B", help="Only what B has otherwise than where it parted from A.")
@click.option("--rev", "revision", metavar="REV", help="Every result of a commit.")
@click.option("--all", "everything", is_flag=True, help="Every result of the index and of all local branches.")
@click.option("--branch", metavar="NAME", help="The branch whose rules hold.")
@click.option("--offline", is_flag=True, help="Ask no remote.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How it is shown."
)
@json_option
def check(
    paths: tuple[str, ...],
    staged: bool,
    between: str | None,
    revision: str | None,
    everything: bool,
    branch: str | None,
    offline: bool,
    form: str,
    as_json: bool,
) -> int:
    """Say which results nobody can account for. Exit code 1 if there are any.

    Results and rules are those of repro.yaml. Without an option every result of git's index is checked.

    \b
    Example:
      repro check
      repro check --range origin/main..HEAD --format github
    """
    from repro.actions.check.check import Question
    from repro.actions.check.check import check as look
    from repro.actions.check.targets import What
    from repro.project import Project, find_bare, find_project, find_root, open_workspace

    cwd, environ = os.getcwd(), dict(os.environ)
    given = [
        (What.STAGED, "") if staged else None,
        (What.RANGE, between) if between is not None else None,
        (What.REVISION, revision) if revision is not None else None,
        (What.EVERYTHING, "") if everything else None,
    ]
    chosen = [one for one in given if one is not None]
    if as_json and form not in ("text", "json"):
        raise UsageError(f"--json and --format {form} exclude one another", "give one of them")
    if len(chosen) > 1:
        raise UsageError("--staged, --range, --rev and --all exclude one another", "give one of them")
    what, text = chosen[0] if chosen else (What.INDEX, "")
    bare = None if find_root(cwd) else find_bare(cwd)
    workspace = open_workspace(cwd, environ) if bare else find_project(cwd, environ)
    root = workspace.root if isinstance(workspace, Project) else bare or cwd
    found = look(workspace, root, Question(what, text, branch, paths, offline))
    return show_checked(
        found.results,
        found.findings,
        has_rules=found.has_rules,
        left_out=found.left_out,
        form="json" if as_json else form,
    )
