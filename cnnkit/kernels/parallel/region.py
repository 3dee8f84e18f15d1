"""How kernels are compiled here, and the one lock that every parallel region runs under."""

import math
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import get_num_threads, njit, set_num_threads
from numba.extending import register_jitable

from cnnkit.kernels.arguments import Array

# OpenMP's workers otherwise spin for a while after every region, on the cores that NumPy's BLAS needs next.
# The library reads this when Numba loads it, at the first parallel call; a learner's own setting wins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# "contract" alone lets a*b + c become one fused instruction. The rest of fastmath assumes that there is no
# NaN and no infinity, or reorders sums, which would make results depend on how they are computed.
OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy"}

# Numba looks for changes only in the file of the cached function; these are compiled into kernels of others.
SHARED_FILES = tuple(Path(__file__).with_name(name) for name in ("simd.py", "microkernel.py", "windows.py"))

# Numba's default threading layer, workqueue, aborts the whole process when a second Python thread enters a
# parallel region while the first is inside; a widget's callback thread beside the main thread is enough.
# One region at a time is safe on every layer, and costs nothing: a region already uses all the cores.
REGION_LOCK = threading.Lock()

# Waking a second thread and waiting for it takes some 30 microseconds on an idle machine, and up to 30
# milliseconds on a busy one. A million multiply-adds take one thread less than 100 microseconds.
SMALL_WORK = 1_000_000


class ParallelKernel:
    """A compiled function whose outermost loop is a ``prange``, run by one caller at a time.

    Compiled when first called, once per type of number, and cached on disk. A cached kernel is compiled anew
    when its own file has changed or one of `SHARED_FILES`; what it calls must stand in one of these.

    Attributes:
        dispatcher: Numba's own object, which knows what has been compiled and where it is kept.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.__doc__ = function.__doc__
        self.dispatcher = _compiled(function, parallel=True)

    def __call__(self, *arguments: Any, work: float = math.inf) -> None:
        """Run the kernel, on one thread if `work`, in multiply-adds or cells, is less than `SMALL_WORK`.

        Arguments are not checked: that is the business of the public functions.
        """
        with REGION_LOCK:
            threads = get_num_threads()
            set_num_threads(1 if work < SMALL_WORK else threads)
            try:
                self.dispatcher(*arguments)
            finally:
                set_num_threads(threads)


def parallel(function: Callable[..., None]) -> ParallelKernel:
    """Decorate the loops of a kernel; see `ParallelKernel`."""
    return ParallelKernel(function)


def serial(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function`, a part of a kernel that runs inside one thread."""
    compiled: Callable[..., Any] = _compiled(function)
    return compiled


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` into each of its callers: for what is called so often that the call itself counts.

    A call with arrays costs some 40 ns, because each array's reference count is raised and lowered.
    """
    compiled: Callable[..., Any] = register_jitable(**OPTIONS, forceinline=True)(function)
    return compiled


def plain(array: Array) -> Array:
    """Return `array` contiguous, aligned and writeable, copying only if it is not.

    Numba compiles anew for every layout and for read-only arrays; one kind means one compilation.
    """
    return np.require(array, requirements=("C", "A", "W"))


def _watch_shared_files(dispatcher: Any) -> None:
    """Add the shared files to the stamp by which Numba knows whether what it has cached is up to date."""
    stats = [path.stat() for path in SHARED_FILES]
    file = dispatcher._cache._cache_file
    file._source_stamp = (file._source_stamp, *((stat.st_mtime, stat.st_size) for stat in stats))


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher = njit(**OPTIONS, **options)(function)
    try:
        dispatcher.enable_caching()
        _watch_shared_files(dispatcher)
    except RuntimeError:  # neither beside the source nor in the user's cache folder may files be written
        # Warned at the same line for every kernel, so that Python shows it once.
        warnings.warn(
            "there is no folder to keep compiled kernels in, so that every start compiles them anew; "
            "set NUMBA_CACHE_DIR to a folder that you may write to",
            RuntimeWarning,
            stacklevel=1,
        )
    return dispatcher
