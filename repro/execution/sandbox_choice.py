"""Which sandbox is tried first, and what is said where a better one cannot be had."""

from __future__ import annotations

from repro.execution.sandbox import NoSandbox
from repro.model.finding import Finding
from repro.model.watching.sandbox_kind import SandboxKind

ORDER = (SandboxKind.BWRAP, SandboxKind.LANDLOCK, SandboxKind.NONE)
NO_BWRAP = "there is no bwrap on PATH"
NO_LANDLOCK = "this kernel has no Landlock, or refuses it"
_HINT = "`--sandbox auto` takes what can be had"


def weaker(kind: SandboxKind, reasons: list[str], who: str = "the command") -> list[Finding]:
    """Return the finding that says why who runs in a kind, and in none of the better ones; none where there is none."""
    if not reasons:
        return []
    what = "runs without a sandbox" if kind is SandboxKind.NONE else f"runs in the weaker sandbox {kind}"
    hint = "install bubblewrap, or `pip install repro-run[sandbox]`" if NO_BWRAP in reasons[0] else None
    return [Finding("weaker-sandbox", f"{who} {what} ({'; '.join(reasons)})", hint=hint)]


def refusal(kind: SandboxKind, reason: str) -> NoSandbox:
    """Return the error that says why a sandbox that was asked for cannot be had."""
    return NoSandbox(f"the sandbox {kind} cannot be had here: {reason}", _HINT)
