"""Direct convolution: any kernel, stride, dilation, padding and groups, without a copy of the whole input.

A window of an NHWC image is a handful of contiguous runs, so the micro-kernel reads most windows where they
are. Only a window that hangs over the edge is copied first, with its zeros; `copy_all` copies every window,
which is im2col, a tile at a time, so that the copies stay in cache (Georganas et al. 2018, "Anatomy of
High-Performance Deep Learning Convolutions on SIMD Architectures").

The workers form a grid: rows share the positions, columns the filters. Every result is summed by one worker
in one order, so its bits depend neither on the grid nor on the number of threads.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.microkernel import POSITIONS, finish, multiply_block
from cnnkit.kernels.parallel.region import parallel
from cnnkit.kernels.parallel.simd import VECTOR_BYTES
from cnnkit.kernels.parallel.windows import locate, share


@parallel
def convolve(
    x: Any,
    w: Any,
    bias: Any,
    shortcut: Any,
    y: Any,
    scratch: Any,
    sizes: Any,
    window: Any,
    runs: Any,
    groups: int,
    grid: Any,
    tile: int,
    options: Any,
) -> None:
    """Write the convolution of `x` into `y`; all arrays are flat, `scratch` has one row per worker.

    `w` holds blocks of one vector of filters, (groups, blocks, taps, lanes), and `bias` (groups, blocks,
    lanes). `sizes` is (N, H, W, C, H_out, W_out, F); `window` is kernel size, stride, dilation, and padding
    above and to the left, eight numbers; `runs` are the starts of a window's runs in `x`, the first being 0.
    `grid` is how many workers share the positions, and the blocks. `tile` positions, whole pooling windows
    and whole sixes, are computed together; `options` is (copy_all, relu, cells of a pooling window).
    """
    lanes = VECTOR_BYTES // x.itemsize
    channels, filters = sizes[3] // groups, sizes[6] // groups
    blocks = (filters + lanes - 1) // lanes
    taps = window[0] * window[1] * channels
    length = taps // len(runs)
    relu, pooled = options[1], options[2]
    modes = (options[0], pooled)
    rows, columns = (sizes[4], sizes[5]) if pooled == 1 else (sizes[4] // 2 * 2, sizes[5] // 2 * 2)
    positions = sizes[0] * rows * columns
    unit = POSITIONS * (1 if pooled == 1 else 2)
    for worker in prange(grid[0] * grid[1]):
        row, column = np.int64(worker) // grid[1], np.int64(worker) % grid[1]
        first_unit, last_unit = share((positions + unit - 1) // unit, grid[0], row)
        first_block, last_block = share(groups * blocks, grid[1], column)
        z, patches = scratch[worker, : tile * lanes], scratch[worker, tile * lanes :]
        bases, copied = np.empty(tile, np.int64), np.empty(tile // POSITIONS, np.bool_)
        places, targets = np.empty(tile, np.int64), np.empty(tile, np.int64)
        order = np.arange(tile) * lanes
        for first in range(first_unit * unit, last_unit * unit, tile):
            count = min(first + tile, last_unit * unit, positions) - first
            for index in range(count // pooled):
                targets[index] = (first // pooled + index) * sizes[6]
            for block in range(first_block, last_block):
                group, channel = block // blocks, block % blocks * lanes
                if block == first_block or channel == 0:
                    own = (group * channels, channels)
                    locate(x, first, count, sizes, window, own, modes, (bases, copied, places), patches)
                tap = block * taps * lanes
                for p in range(0, count, POSITIONS):
                    if copied[p // POSITIONS]:
                        multiply_block(patches, bases, p, runs[:1], taps, w, tap, z, p * lanes, lanes)
                    else:
                        multiply_block(x, bases, p, runs, length, w, tap, z, p * lanes, lanes)
                owned = (group * filters + channel, filters - channel, block * lanes)
                goals = targets[: count // pooled]
                finish(z, order[:count], places, goals, bias, shortcut, relu, y, owned)
