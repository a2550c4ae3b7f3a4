"""How tracked data is shown."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.data.data_state import Added, CheckedOut, DataState, ProjectStatus, Synced
from repro.model.names import name_to_text
from repro.report.terminal import amount, put, put_json, say


def show_added(added: Sequence[Added], *, as_json: bool) -> None:
    """Show what is tracked now."""
    from repro.model.data.content_record import content_to_plain

    if as_json:
        put_json(
            {
                "data": [
                    {"path": name_to_text(one.path), **content_to_plain(one.content)}
                    | {"pointer": name_to_text(one.pointer_path), "changed": one.changed}
                    for one in added
                ]
            }
        )
        return
    for one in added:
        how = "added" if one.changed else "unchanged"
        say(f"{how} {name_to_text(one.path)} ({amount(one.content.size)}); commit {name_to_text(one.pointer_path)}")


def show_status(status: ProjectStatus, *, as_json: bool) -> int:
    """Show how tracked data stands, and the open runs; return the exit code."""
    differs = any(one.state is not DataState.SAME for one in status.data)
    if as_json:
        put_json(
            {
                "data": [
                    {
                        "path": name_to_text(one.path),
                        "state": str(one.state),
                        "pointer": name_to_text(one.pointer_path),
                        "problem": one.problem,
                    }
                    for one in status.data
                ],
                "runs": [
                    {"run": one.run, "name": one.name, "state": "open", "created": one.created} for one in status.runs
                ],
            }
        )
        return int(differs)
    for one in status.data:
        if one.state is not DataState.SAME:
            put(f"{one.state:8} {name_to_text(one.path)}")
    for run in status.runs:
        put(f"open     {run.run}" + (f" ({run.name})" if run.name else ""))
    _say_next(status, differs)
    return int(differs)


def _say_next(status: ProjectStatus, differs: bool) -> None:
    for one in status.data:
        if one.problem:
            say(f"it cannot be recorded as it stands: {one.problem}")
    states = {one.state for one in status.data}
    if DataState.CHANGED in states:
        say("`repro add PATH` records a change, `repro checkout PATH` takes it back")
    if DataState.MISSING in states:
        say("`repro checkout` brings what is missing")
    if DataState.LOST in states:
        say("`repro pull` brings what is not even in the store")
    if status.runs:
        say("`repro seal RUN` completes an open run")
    if not differs:
        count = len(status.data)
        say(f"{count} tracked path{'s' * (count != 1)}, all as their pointers say" if count else "no data is tracked")


def show_checked_out(done: Sequence[CheckedOut], *, as_json: bool) -> None:
    """Show what was brought."""
    if as_json:
        put_json({"data": checked_out_to_plain(done)})
        return
    for one in done:
        if one.changed:
            say(f"checked out {name_to_text(one.path)}")
    if not any(one.changed for one in done):
        say("nothing to do")


def checked_out_to_plain(done: Sequence[CheckedOut]) -> list[dict[str, object]]:
    """Return what was brought as plain values."""
    return [{"path": name_to_text(one.path), "changed": one.changed} for one in done]


def show_synced(verb: str, synced: Synced, done: Sequence[CheckedOut] | None = None, *, as_json: bool) -> None:
    """Show what went to a remote or came from it; `done` is what a pull, which brings no runs, has checked out."""
    if as_json:
        plain: dict[str, object] = {"remote": synced.remote, "objects": synced.objects, "bytes": synced.bytes}
        more = {"runs": list(synced.runs)} if done is None else {"data": checked_out_to_plain(done)}
        put_json(plain | more)
        return
    runs, objects = len(synced.runs), synced.objects
    if not runs and not objects:
        # What came from nowhere was looked for here alone: then the remote's name would say that it was asked.
        say(f"{verb}: everything is {f'there already ({synced.remote})' if verb == 'pushed' else 'here already'}")
    else:
        counted = f"{runs} run{'s' * (runs != 1)}, " if done is None else ""
        text = f"{verb} {counted}{objects} object{'s' * (objects != 1)}, {amount(synced.bytes)}"
        say(f"{text} ({synced.remote})")
    if done is not None:
        show_checked_out(done, as_json=False)
