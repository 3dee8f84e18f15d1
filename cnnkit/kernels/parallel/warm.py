"""Compiling ahead, so that no learner waits in the middle of a thought."""

import time

import numpy as np

from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.convolution import conv2d
from cnnkit.kernels.parallel.dense import PreparedDense, dense
from cnnkit.kernels.parallel.few_rows import dense_few_rows
from cnnkit.kernels.parallel.gradient import conv2d_backward, conv2d_transpose
from cnnkit.kernels.parallel.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward


def warm_up(*, verbose: bool = True) -> float:
    """Compile every kernel for float32 and float64, or load it from the cache; return the seconds it took.

    With `verbose`, say so before and after: the first time on a machine takes up to a minute.
    """
    if verbose:
        print("Preparing the parallel kernels; the first time on a machine they are compiled ...", flush=True)
    started = time.perf_counter()
    for dtype in (np.float32, np.float64):
        _call_every_kernel(np.zeros((1, 4, 4, 1), dtype))
    seconds = time.perf_counter() - started
    if verbose:
        print(f"... ready after {seconds:.1f} s.")
    return seconds


def _call_every_kernel(x: Array) -> None:
    one_filter, filters = np.zeros((2, 2, 1, 1), x.dtype), np.zeros((2, 2, 1, 32), x.dtype)
    conv2d(x, one_filter)
    conv2d(x, np.zeros((3, 3, 1, 1), x.dtype), padding="same", algorithm="winograd")
    y = conv2d(x, filters)
    conv2d_backward(y, x, filters)
    channels, kernels = np.zeros((1, 4, 4, 2), x.dtype), np.zeros((2, 2, 1, 2), x.dtype)
    conv2d_backward(conv2d(channels, kernels, groups=2), channels, kernels, groups=2)
    conv2d_transpose(y, filters)
    pooled = max_pool2d(x)
    max_pool2d_backward(pooled, x)
    avg_pool2d_backward(avg_pool2d(x), x.shape)
    dense_few_rows(x.reshape(4, 4), x.reshape(4, 4))
    rows, weights = np.zeros((8, 2), x.dtype), np.zeros((2, 3), x.dtype)
    PreparedDense(weights).run(rows[0])
    dense(rows, weights)
