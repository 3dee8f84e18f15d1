"""Measure the compiled kernels, in a process of its own: a broken threading layer ends the one it runs in.

`python -m cnnkit.doctor.kernel_probe` prints one JSON object.
"""

import importlib
import json
import sys
import time
from typing import Any

import numba
import numpy as np
from numba.np.ufunc.parallel import threading_layer

from cnnkit.kernels import parallel, vectorized
from cnnkit.kernels.parallel.region import ParallelKernel

THREADING_LAYERS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}


def available_layers() -> list[str]:
    """Return the threading layers that Numba can load here."""
    return [layer for layer, module in THREADING_LAYERS.items() if _loads(f"numba.np.ufunc.{module}")]


def _loads(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def measure() -> dict[str, Any]:
    """Return how a 3x3 convolution, 32 to 32 channels, on a 64x64 image does here: time and agreement."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 64, 64, 32), dtype=np.float32)
    w = rng.standard_normal((3, 3, 32, 32), dtype=np.float32)
    started = time.perf_counter()
    y = parallel.conv2d(x, w, padding="same")
    first = time.perf_counter() - started
    best = min(_seconds(x, w) for _ in range(10))
    agrees = bool(np.allclose(y, vectorized.conv2d(x, w, padding="same"), rtol=1e-4, atol=1e-3))
    return {"first_seconds": first, "seconds": best, "multiply_adds": 64 * 64 * w.size, "agrees": agrees}


def _seconds(x: np.ndarray[Any, Any], w: np.ndarray[Any, Any]) -> float:
    started = time.perf_counter()
    parallel.conv2d(x, w, padding="same")
    return time.perf_counter() - started


def cache_folders() -> list[str]:
    """Return where the kernels that have run keep their compiled code."""
    modules = [module for name, module in sys.modules.items() if name.startswith("cnnkit.kernels.parallel")]
    values = [value for module in modules for value in vars(module).values()]
    dispatchers = [value.dispatcher for value in values if isinstance(value, ParallelKernel)]
    paths = [dispatcher.stats.cache_path for dispatcher in dispatchers if dispatcher.signatures]
    return sorted({str(path) for path in paths if path})


def main() -> None:
    """Print the facts as JSON."""
    facts = measure() | {
        "layers": available_layers(),
        "layer": threading_layer(),
        "threads": numba.get_num_threads(),
        "cache": cache_folders(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
