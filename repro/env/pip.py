"""The kind `pip`: what pip or uv installed into one interpreter, locked by hashed requirements, realised by uv.

This module is `repro.env.kinds.EnvironmentKind` for `pip`; the work is in `repro.env.capture`,
`repro.env.interpreters` and `repro.env.realise`.
"""

from __future__ import annotations

from collections.abc import Mapping

from repro.env.interpreters import plan as plan
from repro.env.kinds import Captured, DescribeCheckout
from repro.env.realise import realise as realise
from repro.model.objects import ObjectSink


def capture(
    python: str,
    *,
    project_root: str,
    cwd: str,
    environ: Mapping[str, str],
    sink: ObjectSink,
    memo_dir: str,
    project_lock: str | None = None,
    describe_checkout: DescribeCheckout | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> Captured:
    """Ask `python` what is installed, and pin it; see `repro.env.capture.capture`.

    Raises:
        BrokenInterpreter: `python` does not run.
        NoUv: hashes are needed and there is no uv.
    """
    from repro.env.capture import capture as capture_probed
    from repro.env.probe import probe

    return capture_probed(
        probe(python, environ, cwd),
        project_root=project_root,
        sink=sink,
        memo_dir=memo_dir,
        environ=environ,
        project_lock=project_lock,
        describe_checkout=describe_checkout,
        offline=offline,
        refresh=refresh,
    )
