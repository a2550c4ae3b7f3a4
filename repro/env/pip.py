"""The kind `pip`: what pip or uv installed into one interpreter, locked by hashed requirements, realised by uv.

This module is `repro.env.kinds.EnvironmentKind` for `pip`; the work is in `repro.env.capture`,
`repro.env.interpreters` and `repro.env.realise`, each imported by who asks: a run realises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from repro.env.kinds import Captured, DescribeCheckout, EnvironmentPlan, Realised
from repro.model.environment import Environment
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


def plan(environment: Environment, *, environ: Mapping[str, str], python: str | None = None) -> EnvironmentPlan:
    """Say whether `environment` can be realised here; see `repro.env.interpreters.plan`."""
    from repro.env.interpreters import plan as plan_interpreter

    return plan_interpreter(environment, environ=environ, python=python)


def realise(
    environment: Environment,
    *,
    lock: bytes | None,
    wheels: Mapping[str, str],
    interpreter: str,
    envs_dir: str,
    environ: Mapping[str, str],
    checkout_root: str | None = None,
    project_env_dir: str | None = None,
    offline: bool = False,
) -> Realised:
    """Make the environment, or find it made; see `repro.env.realise.realise`.

    Raises:
        CannotProceed, IntegrityError, RemoteError: it cannot be made.
    """
    from repro.env.realise import realise as realise_locked

    return realise_locked(
        environment,
        lock=lock,
        wheels=wheels,
        interpreter=interpreter,
        envs_dir=envs_dir,
        environ=environ,
        checkout_root=checkout_root,
        project_env_dir=project_env_dir,
        offline=offline,
    )
