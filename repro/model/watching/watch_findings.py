"""What there is to say of a watched run: networks, secrets, environments, what was not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.watching.judged_trace import Judged, inside
from repro.model.watching.trace import Trace
from repro.model.watching.watch_record import Means

_SHOWN = 10
_NAME_SERVER = 53
_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}


def watch_findings(
    trace: Trace,
    judged: Judged,
    *,
    root: bytes,
    redirected: Mapping[int, bytes],
    left: int,
    privileged: tuple[bytes, ...],
    forbid_network: bool,
) -> Iterator[Finding]:
    """Yield what a reader of the record should know.

    Args:
        trace, judged: what was seen.
        root: the project's root.
        redirected: files that the command's streams were, by the stream's number.
        left: how many processes were still there when the command had ended.
        privileged: programs that would have gained privileges, had nobody watched.
        forbid_network: whether a connection is a failure.
    """
    yield from _network(trace, forbid_network)
    for path in judged.secrets[:_SHOWN]:
        detail = "was read, and is called like a secret: neither its content nor its digest is recorded"
        yield Finding("secret-read", detail, name_to_text(path), hint="if it is none: name it with -i")
    for prefix in sorted(judged.environments)[:_SHOWN]:
        detail = "packages were read from this environment, which is not the recorded one"
        yield Finding(
            "environment-read", detail, name_to_text(prefix), hint="`environment.python` names the one to record"
        )
    for path in judged.made_outside[:_SHOWN]:
        detail = "was written outside the project: it is no output"
        yield Finding("made-outside", detail, name_to_text(path), hint="write it into the project to have it recorded")
    for number, path in sorted(redirected.items()):
        if inside(path, root) is not None or number == 0:
            detail = f"was the command's {_STREAMS[number]}, opened by the shell: a rebuild does not redirect it"
            hint = "let the command do it: repro run -- sh -c 'COMMAND < in > out'"
            yield Finding("redirected", detail, name_to_text(inside(path, root) or path), hint=hint)
    if left:
        detail = f"{left} of its processes had not ended when the command had: what they do from then on is not seen"
        yield Finding("processes-left", detail)
    if "ptrace" in trace.refused:
        detail = "a process of the run tried to trace another, and could not, because it was watched"
        yield Finding("traced-itself", detail, hint="repro run --watch audit")
    for path in privileged:
        detail = "was executed, and gains no privileges in a run that is watched"
        yield Finding("privileges-refused", detail, name_to_text(path), hint="repro run --watch audit")


def not_watched(means: Means, reason: str | None) -> Iterator[Finding]:
    """Yield what to say where strace was wanted and could not be had."""
    if means is not Means.STRACE and reason is not None:
        seen = "only what Python code opened was seen" if means is Means.AUDIT else "nothing was seen"
        yield Finding("not-watched", f"{seen}: {reason}", hint="with strace, every process is seen")


def _network(trace: Trace, forbidden: bool) -> Iterator[Finding]:
    hosts = shown_hosts(trace)
    kind = "network-forbidden" if forbidden else "network-read"
    for host in hosts[:_SHOWN]:
        detail = f"connected to {host}: what came from there is not recorded"
        yield Finding(kind, detail, hint="download it first, and `repro add` it")
    if len(hosts) > _SHOWN:
        yield Finding(kind, f"connected to {len(hosts) - _SHOWN} more hosts")


def shown_hosts(trace: Trace) -> tuple[str, ...]:
    """Return where a run connected to, as `ADDRESS:PORT`; name servers are not counted."""
    reached = sorted((host, port) for host, port in trace.hosts if port != _NAME_SERVER)
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in reached)
