"""What a processor can, as far as it decides the numbers of a program, and how libraries are asked for less.

Numerical libraries hold several versions of their code and take the best for the processor; different versions round
differently. A rebuild on a processor that can more asks each library for what the run's had.

Sources: x86-64 psABI, section "Micro-Architecture Levels"; OpenBLAS `driver/others/dynamic.c` (OPENBLAS_CORETYPE);
NumPy, "CPU/SIMD optimizations", "Runtime dispatch" (NPY_DISABLE_CPU_FEATURES); PyTorch
`aten/src/ATen/native/DispatchStub.cpp` (ATEN_CPU_CAPABILITY); oneDNN, "CPU Dispatcher Control"
(ONEDNN_MAX_CPU_ISA); oneMKL Developer Guide, "Specifying Code Branches" (MKL_CBWR); glibc manual, "Hardware
Capability Tunables" (GLIBC_TUNABLES).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

_V2 = {"sse3", "ssse3", "sse4_1", "sse4_2", "popcnt", "cx16"}
_V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
_V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_BEYOND = {
    "avx512ifma",
    "avx512vbmi",
    "avx512_vbmi2",
    "avx512_vnni",
    "avx512_bitalg",
    "avx512_vpopcntdq",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
}
_ARM = {"asimd", "asimdhp", "asimddp", "asimdfhm", "sve", "sve2", "bf16", "i8mm", "sme"}
_RELEVANT = _V2 | _V3 | _V4 | _BEYOND | _ARM


class Level(IntEnum):
    """The levels of x86-64 instruction sets that libraries have code for; NONE is another architecture, or less."""

    NONE = 0
    V2 = 2
    V3 = 3
    V4 = 4


# For each level: what asks a library for no more than it, on a processor that has more.
_ASK: dict[Level, dict[str, str]] = {
    Level.V2: {
        "OPENBLAS_CORETYPE": "Nehalem",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "SSE4_2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-AVX512F,-AVX512BW,-AVX512VL",
    },
    Level.V3: {
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "AVX2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512BW,-AVX512VL",
    },
}

# NumPy wants to be told what it must not use, and warns of names that its build does not know. NumPy 2.4 replaced
# the names of the first group by those of the second; the last one came with 1.25.
_NUMPY_OFF: dict[Level, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Level.V2: (
        (
            *("AVX", "F16C", "FMA3", "AVX2", "AVX512F", "AVX512CD", "AVX512_SKX", "AVX512_CLX", "AVX512_CNL"),
            *("AVX512_ICL", "AVX512_SPR"),
        ),
        ("X86_V3", "X86_V4", "AVX512_ICL", "AVX512_SPR"),
    ),
    Level.V3: (
        ("AVX512F", "AVX512CD", "AVX512_SKX", "AVX512_CLX", "AVX512_CNL", "AVX512_ICL", "AVX512_SPR"),
        ("X86_V4", "AVX512_ICL", "AVX512_SPR"),
    ),
}
_NUMPY_RENAMED = (2, 4)
_NUMPY_WITH_SPR = (1, 25)


def features_of(flags: str) -> tuple[str, ...]:
    """Return, sorted, those of the kernel's `flags` (x86) or `Features` (ARM) by which libraries choose code."""
    found = set(flags.split())
    if "pni" in found:
        found.add("sse3")  # Linux calls it by the processor's code name
    return tuple(sorted(found & _RELEVANT))


def level_of(features: Iterable[str]) -> Level:
    """Return the highest level of which nothing is missing."""
    found = set(features)
    if found >= _V2 | _V3 | _V4:
        return Level.V4
    if found >= _V2 | _V3:
        return Level.V3
    return Level.V2 if found >= _V2 else Level.NONE


def lacking(recorded: Iterable[str], here: Iterable[str]) -> tuple[str, ...]:
    """Return what the recorded processor could and the one here cannot, sorted."""
    return tuple(sorted(set(recorded) - set(here)))


def ask_for(recorded: Iterable[str], here: Iterable[str], numpy: str | None) -> dict[str, str]:
    """Return the variables that ask libraries for the recorded level, where the processor here is above it.

    Within one level nothing is asked: no library has names for the rest.

    Args:
        recorded, here: features, as `features_of` gives them.
        numpy: the recorded version of NumPy; None where it is not installed.
    """
    level = level_of(recorded)
    if level is Level.NONE or level >= level_of(here):
        return {}
    return at_most(level, numpy)


def at_most(level: Level, numpy: str | None) -> dict[str, str]:
    """Return the variables that ask libraries for a level, on a processor that is above it."""
    asked = dict(_ASK.get(level, {}))
    if asked and numpy is not None:
        asked["NPY_DISABLE_CPU_FEATURES"] = " ".join(_numpy_off(level, numpy))
    return asked


def _numpy_off(level: Level, numpy: str) -> tuple[str, ...]:
    parts = numpy.split(".")[:2]
    version = tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
    names = _NUMPY_OFF[level][version >= _NUMPY_RENAMED]
    return names if version >= _NUMPY_WITH_SPR else names[:-1]
