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

from cnnkit.kernels.parallel.microkernel import PANEL, POSITIONS, finish, multiply_block, weights_ahead
from cnnkit.kernels.parallel.region import parallel, serial
from cnnkit.kernels.parallel.simd import VECTOR_BYTES
from cnnkit.kernels.parallel.windows import locate, share


@serial
def multiply_panel(
    x: Any, patches: Any, tile: Any, count: int, runs: Any, taps: int, w: Any, tap: int, vectors: int, z: Any
) -> None:
    """Write the sums of `count` positions and some vectors of filters to `z`, PANEL vectors a position.

    `tile` is (bases, copied): where the windows begin, and for each six whether in `patches` or in `x`.
    """
    lanes = VECTOR_BYTES // x.itemsize
    bases, copied = tile
    calls = (count + POSITIONS - 1) // POSITIONS
    for v in range(vectors):
        for call in range(calls):
            p = call * POSITIONS
            at = ((p * PANEL + v) * lanes, PANEL * lanes)
            ahead = weights_ahead(tap, taps, call, calls, lanes)
            if copied[call]:
                multiply_block(patches, bases, p, runs[:1], taps, w, tap, z, at, ahead)
            else:
                multiply_block(x, bases, p, runs, taps // len(runs), w, tap, z, at, ahead)
        tap += taps * lanes


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
    blocks, taps = (filters + lanes - 1) // lanes, window[0] * window[1] * channels
    pooled = options[2]
    side = 1 if pooled == 1 else 2
    positions = sizes[0] * (sizes[4] // side) * (sizes[5] // side) * pooled
    unit = POSITIONS * side
    for worker in prange(grid[0] * grid[1]):
        row, column = np.int64(worker) // grid[1], np.int64(worker) % grid[1]
        first_unit, last_unit = share((positions + unit - 1) // unit, grid[0], row)
        first_block, last_block = share(groups * blocks, grid[1], column)
        z, patches = (scratch[worker, : tile * PANEL * lanes], scratch[worker, tile * PANEL * lanes :])
        bases, copied = np.empty(tile, np.int64), np.empty(tile // POSITIONS, np.bool_)
        places, targets = np.empty(tile, np.int64), np.empty(tile, np.int64)
        order = np.empty(tile, np.int64)
        for p in range(tile):
            order[p] = p * PANEL * lanes
        for first in range(first_unit * unit, last_unit * unit, tile):
            count = min(first + tile, last_unit * unit, positions) - first
            for index in range(count // pooled):
                targets[index] = (first // pooled + index) * sizes[6]
            goals, rows = targets[: count // pooled], order[:count]
            for group in range(first_block // blocks, (last_block + blocks - 1) // blocks):
                own = (group * channels, channels)
                found = (bases, copied, places)
                locate(x, first, count, sizes, window, own, (options[0], pooled), found, patches)
                stop = min(last_block, (group + 1) * blocks)
                for block in range(max(first_block, group * blocks), stop, PANEL):
                    vectors, tap = min(PANEL, stop - block), block * taps * lanes
                    multiply_panel(x, patches, (bases, copied), count, runs, taps, w, tap, vectors, z)
                    channel = (block - group * blocks) * lanes
                    mine = (group * filters + channel, filters - channel, block * lanes)
                    finish(z, rows, vectors, places, goals, bias, shortcut, options[1], y, mine)
