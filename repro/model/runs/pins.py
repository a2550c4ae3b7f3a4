"""The strict settings of `run --pin`: variables. What they do is documented one by one, with sources, in
`docs/explanation/what-makes-bytes-differ.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from repro.model.runs.determinism import PIN, THREADS
from repro.model.runs.processor import Level, at_most, level_of

STRICT = "strict"

_ALWAYS = {
    PIN: STRICT,
    "OMP_DYNAMIC": "FALSE",
    "MKL_DYNAMIC": "FALSE",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "NVIDIA_TF32_OVERRIDE": "0",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


def pinned(environ: Mapping[str, str], features: Iterable[str], cpus: int) -> dict[str, str]:
    """Return `environ` with the strict settings; what it sets already stays.

    Libraries are held to x86-64-v3 (AVX2) where the processor has it, so that a run can be rebuilt on any processor
    of the last ten years, and gives the same recipe there. NumPy is told by the start of Python, which
    knows its version (`repro.execution.pinning_site`).

    Args:
        environ: the caller's variables.
        features: of the processor, as `repro.model.runs.processor.features_of` gives them.
        cpus: how many threads libraries are to use.
    """
    level = min(level_of(features), Level.V3)
    chosen = {**_ALWAYS, **dict.fromkeys(THREADS, str(cpus)), **at_most(level, None)}
    return {**chosen, **environ}


def is_pinned(variables: Mapping[str, str]) -> bool:
    """Whether a recipe's variables are those of a pinned run."""
    return variables.get(PIN) == STRICT


def with_site(environ: Mapping[str, str], site: str) -> dict[str, str]:
    """Return `environ` with a folder before all others where Python looks for modules."""
    rest = environ.get("PYTHONPATH", "")
    return {**environ, "PYTHONPATH": f"{site}:{rest}" if rest else site}
