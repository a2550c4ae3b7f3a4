"""Runs at the start of every Python process of a pinned command, and makes its libraries deterministic.

It stands alone: the command's Python has no repro, and may be any from 3.6 on. Nothing is imported that the program
does not import itself: a library is set up in the moment in which it has been loaded. What is set, and why, is
documented in `docs/explanation/what-makes-bytes-differ.md`. Another `sitecustomize`, which this one hides, is executed
after it.
"""

import os
import sys
from types import ModuleType
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_OLD = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"
_SINCE_1_25 = _OLD + " AVX512_SPR"
_SINCE_2_4 = "X86_V4 AVX512_ICL AVX512_SPR"


def _before_numpy() -> None:
    """Hold NumPy to AVX2: it must be told the names of what not to use, and they depend on its version."""
    if "NPY_DISABLE_CPU_FEATURES" in os.environ or "NPY_ENABLE_CPU_FEATURES" in os.environ:
        return
    if os.environ.get("ATEN_CPU_CAPABILITY") != "avx2":
        return  # the variables of the run are for another level
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:
        os.environ["NPY_DISABLE_CPU_FEATURES"] = _OLD  # before Python 3.8, which no NumPy after 1.21 runs on
        return
    try:
        parts = version("numpy").split(".")[:2]
    except PackageNotFoundError:
        return
    numbers = tuple(map(int, parts)) if all(part.isdigit() for part in parts) else ()
    names = _SINCE_2_4 if numbers >= (2, 4) else _SINCE_1_25 if numbers >= (1, 25) else _OLD
    os.environ["NPY_DISABLE_CPU_FEATURES"] = names


def _after_torch(torch: Any) -> None:
    """See PyTorch's note "Reproducibility"."""
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _after_tensorflow(tensorflow: Any) -> None:
    """See TensorFlow's `tf.config.experimental.enable_op_determinism`: it wants a seed, as a program that is to be
    reproducible sets one itself."""
    tensorflow.config.experimental.enable_op_determinism()


def _after_matplotlib(matplotlib: Any) -> None:
    """See Matplotlib's `svg.hashsalt`: without one, the names in an SVG are random."""
    if matplotlib.rcParams["svg.hashsalt"] is None:
        matplotlib.rcParams["svg.hashsalt"] = "repro"


_BEFORE = {"numpy": _before_numpy}
_AFTER = {"torch": _after_torch, "tensorflow": _after_tensorflow, "matplotlib": _after_matplotlib}


class _Pins:
    """A finder of modules that finds none of its own: it wraps what the others find."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> Any:
        """Call what is to be done before a module is loaded, and see to what is to be done after it."""
        if name in _BEFORE:
            _BEFORE.pop(name)()
        if name not in _AFTER:
            return None
        after = _AFTER.pop(name)
        from importlib.util import find_spec

        spec = find_spec(name)
        loader = getattr(spec, "loader", None)
        if loader is None or not hasattr(loader, "exec_module"):
            return spec
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            after(module)

        loader.exec_module = exec_module
        return spec


def _chain() -> None:
    """Execute the `sitecustomize` that this one hides, as if it had been found."""
    from importlib.machinery import PathFinder

    others = [path for path in sys.path if os.path.abspath(path or os.curdir) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


sys.meta_path.insert(0, _Pins)
_chain()
