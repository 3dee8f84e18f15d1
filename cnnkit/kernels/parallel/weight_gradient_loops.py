"""The compiled loops of dw and db: which input went with which error, summed over all positions.

``dw[tap, k]`` is the sum over positions of ``x[position + tap] * dy[position, k]``, a matrix product whose
long side is summed away. Six neighbouring taps times one vector of filters stay in registers while a row of
the image is walked; each vector of errors is loaded once and used six times. The sums of rows are added up
in a buffer, so that a float32 sum never runs over more numbers than a row has, or than there are rows.

An iteration of the ``prange`` owns some taps and one vector of filters for all positions: nothing has to be
added up between threads, and the bits of a result do not depend on their number.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.region import parallel, serial
from cnnkit.kernels.parallel.simd import VECTOR_BYTES, filled, load, multiply_add, spread, store

TAPS = 6  # neighbouring taps that share every loaded vector of errors


@serial
def multiply_rows(
    x: Any, cell: int, x_step: Any, dy: Any, error: int, dy_step: Any, size: Any, z: Any, at: int
) -> None:
    """Add to six vectors from ``z[at]`` on what six taps and a vector of filters have in a few rows.

    `size` is (rows, positions in a row). Position (i, j) reads six taps of `x` from
    ``cell + i * x_step[0] + j * x_step[1]`` on, and its errors likewise in `dy`.
    """
    lanes = VECTOR_BYTES // x.itemsize
    s0 = s1 = s2 = s3 = s4 = s5 = filled(x.dtype.type(0))
    for row in range(size[0]):
        p, e = cell + row * x_step[0], error + row * dy_step[0]
        for _ in range(size[1]):
            errors = load(dy, e)
            s0 = multiply_add(spread(x, p), errors, s0)
            s1 = multiply_add(spread(x, p + 1), errors, s1)
            s2 = multiply_add(spread(x, p + 2), errors, s2)
            s3 = multiply_add(spread(x, p + 3), errors, s3)
            s4 = multiply_add(spread(x, p + 4), errors, s4)
            s5 = multiply_add(spread(x, p + 5), errors, s5)
            p += x_step[1]
            e += dy_step[1]
    store(z, at, load(z, at) + s0)
    store(z, at + lanes, load(z, at + lanes) + s1)
    store(z, at + 2 * lanes, load(z, at + 2 * lanes) + s2)
    store(z, at + 3 * lanes, load(z, at + 3 * lanes) + s3)
    store(z, at + 4 * lanes, load(z, at + 4 * lanes) + s4)
    store(z, at + 5 * lanes, load(z, at + 5 * lanes) + s5)


@serial
def rows_inside(first: int, last: int, offset: int, stride: int, height: int) -> Any:
    """Return the range (first, stop) of the output rows from `first` to `last` that read rows inside."""
    begin = max(first, (stride - 1 - offset) // stride)
    return begin, max(begin, min(last, (height - offset + stride - 1) // stride))


@parallel
def correlate(
    x: Any, dy: Any, dw: Any, sizes: Any, stride: Any, groups: int, runs: Any, chunk: int, band: int
) -> None:
    """Write dw (taps, F), flat, from `x` (N, H, W, C) and `dy` (N, H_out, W_out, F), both flat.

    `sizes` is (N, H, W, C, H_out, W_out, F). A row of `runs` describes six taps of a group's window: row and
    number in the row of the first when the window stands at the first position, the range of output columns
    that read them, their index in dw, and the range of the six that is to be stored: others were stored
    before, or lie behind the end. `chunk` rows of `runs` belong to one iteration, which walks down the image
    in steps of `band` rows of results.
    """
    images, height, width, channels, rows, columns, filters = sizes
    lanes = VECTOR_BYTES // x.itemsize
    own_filters, own_channels = filters // groups, channels // groups
    blocks = (own_filters + lanes - 1) // lanes
    chunks = (len(runs) + chunk - 1) // chunk
    bands = (rows + band - 1) // band
    x_step = (stride[0] * width * channels, stride[1] * channels)
    dy_step = (columns * filters, filters)
    for item in prange(groups * blocks * chunks):
        column, part = np.int64(item) // chunks, np.int64(item) % chunks
        group, block = column // blocks, column % blocks
        first = part * chunk
        last: Any = min(len(runs), first + chunk)
        start = group * own_filters + block * lanes
        z = np.zeros((last - first) * TAPS * lanes, x.dtype)
        for step in range(images * bands):
            image, top = step // bands, step % bands * band
            for r in range(first, last):
                i, end = rows_inside(top, min(rows, top + band), runs[r, 0], stride[0], height)
                j, stop = runs[r, 2], runs[r, 3]
                line = (image * height + i * stride[0] + runs[r, 0]) * width * channels
                cell = line + j * x_step[1] + runs[r, 1] + group * own_channels
                error = ((image * rows + i) * columns + j) * filters + start
                at = (r - first) * TAPS * lanes
                multiply_rows(x, cell, x_step, dy, error, dy_step, (end - i, stop - j), z, at)
        for r in range(first, last):
            for t in range(runs[r, 5], runs[r, 6]):
                for f in range(min(lanes, own_filters - block * lanes)):
                    dw[(runs[r, 4] + t) * filters + start + f] = z[((r - first) * TAPS + t) * lanes + f]


@parallel
def sum_rows(dy: Any, sums: Any) -> None:
    """Write into `sums` (rows, F) the sum of each row of `dy` (rows, columns, F)."""
    rows, columns, filters = dy.shape
    for row in prange(rows):
        total = sums[row]
        total[:] = 0
        for j in range(columns):
            for k in range(filters):
                total[k] += dy[row, j, k]
