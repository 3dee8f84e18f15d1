"""A dense layer for one or a few examples: a walk over the weights as they lie in memory.

Each weight is used once for each example, so the time is that of reading them. The walk needs no packed copy,
which would have to be read as well, and no BLAS, whose threads would compete with those of the convolutions.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.arguments import Array, check_dense
from cnnkit.kernels.parallel.region import parallel, plain

PARTS = 8  # of the terms; fixed, so that the sums do not depend on the number of threads
MOST_ROWS = 5


def dense_few_rows(x: Array, w: Array, b: Array | None = None) -> Array:
    """Return the dense layer ``y[k] = b[k] + sum over c of x[c] * w[c, k]``, best for up to `MOST_ROWS` rows.

    `x` is (N, in), `w` (in, out), `b` (out,) or None, float32 or float64; the result is (N, out). Raises
    ShapeError or DTypeError.
    """
    rows, weights, biases, _ = check_dense(x, w, b)
    partial = np.zeros((PARTS, len(rows), weights.shape[1]), rows.dtype)
    _walk(plain(rows), plain(weights), partial, work=len(rows) * weights.size)
    y: Array = partial.sum(axis=0)
    if biases is not None:
        y += biases
    return y


@parallel
def _walk(x: Any, w: Any, partial: Any) -> None:
    parts, rows, columns = partial.shape
    for part in prange(parts):
        first, last = len(w) * part // parts, len(w) * (part + 1) // parts
        whole = last - (last - first) % 4
        for row in range(rows):
            z = partial[part, row]
            for c in range(first, whole, 4):
                x0, x1, x2, x3 = x[row, c], x[row, c + 1], x[row, c + 2], x[row, c + 3]
                w0, w1, w2, w3 = w[c], w[c + 1], w[c + 2], w[c + 3]
                for k in range(columns):
                    z[k] = z[k] + x0 * w0[k] + x1 * w1[k] + x2 * w2[k] + x3 * w3[k]
            for c in range(whole, last):
                for k in range(columns):
                    z[k] += x[row, c] * w[c, k]
