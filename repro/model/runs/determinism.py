"""Variables that decide numbers and bytes: what `run` sets and records, and what `rebuild` gives back.

Sources: Python's documentation (PYTHONHASHSEED), reproducible-builds.org (SOURCE_DATE_EPOCH), POSIX (LANG,
LC_*, TZ), the OpenMP, OpenBLAS and oneMKL manuals (*_NUM_THREADS, OPENBLAS_CORETYPE, MKL_CBWR), NumPy's
"CPU/SIMD optimizations" (NPY_DISABLE_CPU_FEATURES), PyTorch's (ATEN_CPU_CAPABILITY, CUBLAS_WORKSPACE_CONFIG); for
those of `run --pin`, `docs/explanation/what-makes-bytes-differ.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from repro.errors import CannotProceed

PIN = "REPRO_PIN"
"""Set to `strict` by `run --pin`: the command's Python processes make their libraries deterministic."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

# Recorded as they are, set or not: `run` does not choose them, since a choice could slow the command down.
OBSERVED = (
    *THREADS,
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "MKL_CBWR",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "GLIBC_TUNABLES",
    "MKL_DYNAMIC",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_DYNAMIC",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    PIN,
    "PYTHONPATH",
    "PYTHONUTF8",
    "PYTHONOPTIMIZE",
    "MPLBACKEND",
    "TZ",
)

# For SOURCE_DATE_EPOCH, where it is not set: 1980-01-01, the earliest moment that a zip archive can hold. HEAD's
# commit time, the usual choice, would make another recipe, and other bytes, of every commit.
EPOCH = 315532800

# What a rebuild takes over from the machine that it runs on; everything else comes from the recipe.
MACHINE = (
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "PATH",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LD_LIBRARY_PATH",
    "XDG_RUNTIME_DIR",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
)

PARAMETER_PREFIX = "REPRO_PARAM_"


class UnrecordableVariable(CannotProceed):
    """A variable's value is not text, so that no record can hold it."""

    id = "unrecordable-variable"


def recorded_variables(environ: Mapping[str, str], named: Iterable[str], root: str, zone: str | None) -> dict[str, str]:
    """Return the variables that go into the recipe, and that the command is started with.

    What is not set is not among them: a rebuild inherits none of these names, so it is not set there either.

    Args:
        environ: the environment that repro was called in.
        named: further variables that `repro.yaml` asks for.
        root: the project's root, an absolute path; it becomes `{root}` in the values.
        zone: name of the system's time zone, for TZ where it is not set; None where it is not known.

    Raises:
        UnrecordableVariable: a value is not UTF-8.
    """
    found = {name: environ[name] for name in (*OBSERVED, *named) if name in environ}
    found["PYTHONHASHSEED"] = environ.get("PYTHONHASHSEED", "0")
    found["SOURCE_DATE_EPOCH"] = environ.get("SOURCE_DATE_EPOCH", str(EPOCH))
    if zone is not None:
        found["TZ"] = environ.get("TZ", zone)
    recorded = {name: _without_root(value, root) for name, value in sorted(found.items())}
    for name, value in recorded.items():
        if not value.isascii() and value != value.encode("utf-8", "replace").decode():
            raise UnrecordableVariable(f"the variable {name} is not UTF-8 text and cannot be recorded", f"unset {name}")
    return recorded


def with_root(value: str, root: str) -> str:
    """Return a recorded value as it is to be set where the project stands at `root`."""
    return "{".join(part.replace("{root}", root) for part in value.split("{{"))


def run_environment(environ: Mapping[str, str], recorded: Mapping[str, str], root: str) -> dict[str, str]:
    """Return the environment of a run: the caller's, with what the recipe records."""
    return _with_recorded(dict(environ), recorded, root)


def rebuild_environment(
    environ: Mapping[str, str], recorded: Mapping[str, str], root: str, threads: int | None
) -> dict[str, str]:
    """Return the environment of a rebuild: little of the machine's, and all that the recipe records.

    Args:
        environ: the rebuilder's environment.
        recorded: the recipe's variables.
        root: where the project stands now.
        threads: the number of threads to ask for by variables, where as many processors cannot be given.
    """
    base = {name: environ[name] for name in MACHINE if name in environ}
    if threads is not None:
        base |= {name: str(threads) for name in THREADS}
    return _with_recorded(base, recorded, root)


def _with_recorded(base: dict[str, str], recorded: Mapping[str, str], root: str) -> dict[str, str]:
    return base | {name: with_root(value, root) for name, value in recorded.items()}


def _without_root(value: str, root: str) -> str:
    parts = value.replace("{", "{{").split(":")
    shown = root.replace("{", "{{")
    return ":".join(
        "{root}" + part[len(shown) :] if part == shown or part.startswith(shown + "/") else part for part in parts
    )
