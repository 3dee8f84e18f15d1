"""How kernels are compiled here, and the one lock that every parallel region runs under."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numba import njit

from cnnkit.kernels.arguments import Array

# "contract" alone lets a*b + c become one fused instruction. The rest of fastmath assumes that there is no
# NaN and no infinity, or reorders sums, which would make results depend on how they are computed.
OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "cache": True}

# Numba's default threading layer, workqueue, aborts the whole process when a second Python thread enters a
# parallel region while the first is inside; a widget's callback thread beside the main thread is enough.
# One region at a time is safe on every layer, and costs nothing: a region already uses all the cores.
REGION_LOCK = threading.Lock()


def serial(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function`, a part of a kernel that runs inside one thread."""
    compiled: Callable[..., Any] = njit(**OPTIONS)(function)
    return compiled


def parallel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile `function`, whose outermost loop is a ``prange``, and let one caller in at a time.

    Compiled lazily, once per type of number, and cached on disk. Numba notices a change only in the file
    that holds the cached function, so whatever it calls belongs in the same file.
    """
    dispatcher = njit(parallel=True, **OPTIONS)(function)

    @wraps(function)
    def one_at_a_time(*arguments: Any) -> None:
        with REGION_LOCK:
            dispatcher(*arguments)

    return one_at_a_time


def plain(array: Array) -> Array:
    """Return `array` contiguous, aligned and writeable, copying only if it is not.

    Numba compiles anew for every layout and for read-only arrays; one kind means one compilation.
    """
    return np.require(array, requirements=("C", "A", "W"))
