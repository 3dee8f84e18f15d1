"""A matrix product of bytes: int8 times int8, summed in int32, as quantised networks need it."""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.errors import DTypeError, ShapeError
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.region import parallel, plain

BLOCK = 64  # columns whose sums stay in registers together
ROWS = 4  # rows that share each loaded weight
LONGEST = (2**31 - 1) // (128 * 128)  # products of two bytes that an int32 sum can take in any case


def pack_int8(b: Array) -> Array:
    """Return `b` (K, F) int8 as (blocks, K, 64), filled up with zeros; raises DTypeError or ShapeError."""
    if b.dtype != np.int8 or b.ndim != 2:
        raise DTypeError(f"b is {b.dtype} of shape {b.shape}; expected (K, F) of int8")
    if len(b) > LONGEST:
        raise ShapeError(f"b has {len(b)} rows; expected at most {LONGEST}, or the sums could overflow int32")
    blocks = -(-b.shape[1] // BLOCK)
    filled = np.zeros((len(b), blocks * BLOCK), np.int8)
    filled[:, : b.shape[1]] = b
    return plain(filled.reshape(len(b), blocks, BLOCK).swapaxes(0, 1))


def matmul_int8(a: Array, packed: Array, columns: int) -> Array:
    """Return ``a @ b`` exactly: `a` (R, K) int8, `packed` from `pack_int8`, `columns` of b; (R, F) int32.

    Raises DTypeError or ShapeError.
    """
    if a.dtype != np.int8 or a.ndim != 2:
        raise DTypeError(f"a is {a.dtype} of shape {a.shape}; expected (R, K) of int8")
    if a.shape[1] != packed.shape[1]:
        raise ShapeError(
            f"a has shape {a.shape}; expected (R, {packed.shape[1]}), as many columns as b has rows"
        )
    y = np.empty((len(a), len(packed) * BLOCK), np.int32)
    _multiply(plain(a), packed, y)
    return y[:, :columns]


@parallel
def _multiply(a: Any, packed: Any, y: Any) -> None:
    rows, depth = a.shape
    blocks = len(packed)
    for index in prange((rows + ROWS - 1) // ROWS * blocks):
        block, own = np.int64(index) % blocks, np.int64(index) // blocks * ROWS
        # A group that would overhang the end begins earlier, or repeats a row, and writes only what it owns.
        first = max(0, min(own, rows - ROWS))
        a0, a1 = a[first], a[min(first + 1, rows - 1)]
        a2, a3 = a[min(first + 2, rows - 1)], a[min(first + 3, rows - 1)]
        acc = np.zeros((ROWS, BLOCK), np.int32)
        for k in range(depth):
            x0, x1, x2, x3 = np.int32(a0[k]), np.int32(a1[k]), np.int32(a2[k]), np.int32(a3[k])
            w = packed[block, k]
            for f in range(BLOCK):
                weight = np.int32(w[f])
                acc[0, f] += x0 * weight
                acc[1, f] += x1 * weight
                acc[2, f] += x2 * weight
                acc[3, f] += x3 * weight
        for row in range(own, min(own + ROWS, rows)):
            for f in range(BLOCK):
                y[row, block * BLOCK + f] = acc[row - first, f]
