"""How git hooks are shown."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence

from repro.model.data.data_state import CheckedOut
from repro.model.git.hook_state import HookReport, HookState
from repro.model.names import RelPath, name_to_text
from repro.report.terminal import put, put_json, say, table


def show_hooks(report: HookReport, *, as_json: bool) -> int:
    """Show how each hook stands; return 1 unless all are installed."""
    if as_json:
        put_json(
            {
                "folder": report.folder,
                "merge_driver": report.merges,
                "kept": list(report.kept),
                "hooks": [
                    {"hook": hook.name, "state": str(hook.state), "chains": hook.chains, "hint": hook.hint}
                    for hook in report.hooks
                ],
            }
        )
    else:
        rows = [
            (hook.name, str(hook.state), f"calls {hook.chains} first" if hook.chains else "") for hook in report.hooks
        ]
        for line in table([*rows, ("merge of pointers", "installed" if report.merges else "missing", "")]):
            put(line)
        hints = [f"{hook.name}: {hook.hint}" for hook in report.hooks if hook.state is HookState.MANAGED]
        hints += sorted({hook.hint for hook in report.hooks if hook.hint and hook.state is not HookState.MANAGED})
        for hint in hints:
            say(hint)
        _say_kept(report)
    return 0 if report.is_complete else 1


def show_uninstalled(report: HookReport, *, as_json: bool) -> None:
    """Show that the hooks are gone."""
    if as_json:
        show_hooks(report, as_json=True)
    else:
        _say_kept(report)
        say(f"no hook of repro is in {report.folder} any more")


def _say_kept(report: HookReport) -> None:
    for name in report.kept:
        say(f"a hook of repro was changed here; as it was changed, it is kept as {name}, which git does not call")


def show_brought(done: Sequence[CheckedOut], left: Sequence[RelPath], absent: Sequence[RelPath]) -> None:
    """Show what a hook did with data whose pointers git changed; nothing where nothing was to do."""
    for one in done:
        say(f"checked out {name_to_text(one.path)}")
    for path in left:
        shown = name_to_text(path)
        say(f"{shown} was changed here, and is left as it is although its pointer changed")
        say(f"`repro add {shown}` keeps the change, `repro checkout --force {shown}` gives it up")
    if absent:
        shown = ", ".join(name_to_text(path) for path in absent[:5]) + (", …" if len(absent) > 5 else "")
        say(f"not in the store: {shown}; `repro pull` brings it")


@contextlib.contextmanager
def without_summary() -> Iterator[None]:
    """Keep the summary on stdout from being seen: a hook that finds nothing says nothing. Findings are on stderr."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def show_refused(what: str) -> None:
    """Show what a hook has refused, as the last line, below the findings."""
    say(f"{what} refused: do what the hints say, then try again")
