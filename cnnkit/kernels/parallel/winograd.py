"""Winograd's F(4x4, 3x3): sixteen results of a 3x3 convolution for 36 multiplications instead of 144.

A 6x6 tile of the input and the kernel are changed to another basis, in which the convolution is a product
number by number; changing back gives 4x4 results (Lavin & Gray 2015, "Fast Algorithms for Convolutional
Neural Networks"). The product sums over channels, so for each of the 36 numbers it is a matrix product,
tiles by channels times channels by filters, which the micro-kernel computes. The changes of basis use
additions and a few small constants, worth their cost when there are enough channels and filters to share it.

Each worker takes a few tiles at a time, so that the numbers in between stay in its cache.

Rounding: the constants amplify errors about tenfold over the direct sum. And a tile mixes its numbers, so one
infinity would spoil 16 results: whatever is not finite is computed again, directly.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.microkernel import PANEL, POSITIONS, finish, multiply_block, weights_ahead
from cnnkit.kernels.parallel.region import inlined, parallel, serial
from cnnkit.kernels.parallel.simd import (
    VECTOR_BYTES,
    filled,
    lane,
    load,
    load_first,
    multiply_add,
    spread,
    store,
)
from cnnkit.kernels.parallel.windows import copy_window, share

SIDE = 6  # rows and columns of an input tile
STEP = 4  # rows and columns of results that it gives
POINTS = SIDE * SIDE


@inlined
def change_input(d: Any, at: int, step: int, v: Any, to: int, hop: int) -> None:
    """Write ``B^T d`` of six vectors, `step` apart in `d`, to `v`, `hop` apart."""
    two, four, five = (filled(d.dtype.type(2)), filled(d.dtype.type(4)), filled(d.dtype.type(5)))
    d0, d1, d2 = load(d, at), load(d, at + step), load(d, at + 2 * step)
    d3, d4, d5 = load(d, at + 3 * step), load(d, at + 4 * step), load(d, at + 5 * step)
    even, odd = d4 - four * d2, d3 - four * d1
    near, far = d4 - d2, two * (d3 - d1)
    store(v, to, four * d0 - five * d2 + d4)
    store(v, to + hop, even + odd)
    store(v, to + 2 * hop, even - odd)
    store(v, to + 3 * hop, near + far)
    store(v, to + 4 * hop, near - far)
    store(v, to + 5 * hop, four * d1 - five * d3 + d5)


@inlined
def change_weights(g: Any, at: int, step: int, u: Any, to: int, hop: int) -> None:
    """Write ``G g`` of three vectors, `step` apart in `g`, to `u`, six vectors that are `hop` apart."""
    number = g.dtype.type
    quarter, sixth = filled(number(1 / 4)), filled(number(1 / 6))
    twelfth, twenty_fourth = filled(number(1 / 12)), filled(number(1 / 24))
    g0, g1, g2 = load(g, at), load(g, at + step), load(g, at + 2 * step)
    outer, middle = sixth * (g0 + g2), sixth * g1
    small, half = twenty_fourth * g0 + sixth * g2, twelfth * g1
    zero = filled(number(0))
    store(u, to, quarter * g0)
    store(u, to + hop, zero - outer - middle)
    store(u, to + 2 * hop, middle - outer)
    store(u, to + 3 * hop, small + half)
    store(u, to + 4 * hop, small - half)
    store(u, to + 5 * hop, g2)


@inlined
def change_back(m: Any, at: int, step: int, z: Any, to: int, hop: int) -> None:
    """Write ``A^T m`` of six vectors, `step` apart in `m`, to `z`, four vectors that are `hop` apart."""
    two, four, eight = (filled(m.dtype.type(2)), filled(m.dtype.type(4)), filled(m.dtype.type(8)))
    m0, m1, m2 = load(m, at), load(m, at + step), load(m, at + 2 * step)
    m3, m4, m5 = load(m, at + 3 * step), load(m, at + 4 * step), load(m, at + 5 * step)
    sum12, difference12 = m1 + m2, m1 - m2
    sum34, difference34 = m3 + m4, m3 - m4
    store(z, to, m0 + sum12 + sum34)
    store(z, to + hop, difference12 + two * difference34)
    store(z, to + 2 * hop, sum12 + four * sum34)
    store(z, to + 3 * hop, difference12 + eight * difference34 + m5)


@parallel
def transform_weights(w: Any, u: Any, filters: int, blocks: int) -> None:
    """Write ``G w G^T`` of every kernel: `w` is (3, 3, C, F) and `u` (36, blocks, C, lanes), both flat."""
    lanes = VECTOR_BYTES // w.itemsize
    channels = len(w) // (9 * filters)
    for c in prange(channels):
        channel = np.int64(c)
        taps, rows = np.empty(9 * lanes, w.dtype), np.empty(18 * lanes, w.dtype)
        zero = filled(w.dtype.type(0))
        for block in range(blocks):
            first = block * lanes
            for tap in range(9):
                source = (tap * channels + channel) * filters + first
                store(taps, tap * lanes, load_first(w, source, filters - first, zero))
            for n in range(3):
                change_weights(taps, n * lanes, 3 * lanes, rows, n * lanes, 3 * lanes)
            for m in range(SIDE):
                to = ((m * SIDE * blocks + block) * channels + channel) * lanes
                change_weights(rows, 3 * m * lanes, lanes, u, to, blocks * channels * lanes)


@serial
def transform_tile(
    x: Any, tile: Any, sizes: Any, window: Any, v: Any, at: int, plane: int, patch: Any, rows: Any
) -> None:
    """Write ``B^T d B`` of the tile at row, column `tile` of an image to the 36 planes of `v`.

    A tile that hangs over the edge is copied to `patch` first, with its zeros. `rows` holds 36 vectors.
    """
    lanes = VECTOR_BYTES // x.itemsize
    image, i, j = tile
    height, width, channels = sizes[1:4]
    top, left = i * STEP - window[6], j * STEP - window[7]
    base, below = ((image * height + top) * width + left) * channels, width * channels
    inside = 0 <= top <= height - SIDE and 0 <= left <= width - SIDE
    if not inside:
        whole = (SIDE, SIDE, 1, 1, 1, 1, 0, 0)
        copy_window(x, base, (top, left), sizes, whole, channels, patch, 0)
        base, below = 0, SIDE * channels
    source = x if inside else patch
    for c in range(0, channels, lanes):
        first = min(c, channels - lanes)  # the last vector overlaps its neighbour
        for n in range(SIDE):
            start = base + n * channels + first
            change_input(source, start, below, rows, n * lanes, SIDE * lanes)
        for m in range(SIDE):
            change_input(rows, m * SIDE * lanes, lanes, v, at + first + m * SIDE * plane, plane)


@serial
def is_finite(z: Any, at: int, step: int) -> bool:
    """Tell whether 16 vectors, `step` apart in `z`, hold finite numbers: anything else times zero is NaN."""
    zero = filled(z.dtype.type(0))
    total = zero
    for cell in range(STEP * STEP):
        total = multiply_add(load(z, at + cell * step), zero, total)
    finite = True
    for number in range(VECTOR_BYTES // z.itemsize):
        finite = finite and lane(total, number) == 0
    return finite


@serial
def compute_directly(
    x: Any, tile: Any, sizes: Any, window: Any, w: Any, first: int, patch: Any, z: Any, at: int, step: int
) -> None:
    """Write the 4x4 results of a tile to `z` by their definition, for the vector of filters at `first`."""
    image, i, j = tile
    height, width, channels, filters = sizes[1], sizes[2], sizes[3], sizes[6]
    zero = filled(z.dtype.type(0))
    for cell in range(STEP * STEP):
        top, left = (i * STEP - window[6] + cell // STEP, j * STEP - window[7] + cell % STEP)
        base = ((image * height + top) * width + left) * channels
        copy_window(x, base, (top, left), sizes, window, channels, patch, 0)
        total = zero
        for k in range(9 * channels):
            weights = load_first(w, k * filters + first, filters - first, zero)
            total = multiply_add(spread(patch, k), weights, total)
        store(z, at + cell * step, total)


@serial
def aim(tile: Any, sizes: Any, lanes: int, order: Any, places: Any, targets: Any) -> None:
    """Write where the 4x4 results of a tile stand, and where they, or their 2x2 maxima, are stored."""
    image, i, j = tile
    rows, columns, filters = sizes[4:7]
    side = 2 if len(targets) == 4 else 1  # of a pooling window
    for index in range(len(targets)):
        row, column = side * (index // (STEP // side)), side * (index % (STEP // side))
        top, left = i * STEP + row, j * STEP + column
        inside = top + side <= rows and left + side <= columns
        pooled = (image * (rows // side) + top // side) * (columns // side) + left // side
        targets[index] = pooled * filters if inside else -1
        for cell in range(side * side):
            m, n = cell // side, cell % side
            p = index * side * side + cell
            order[p] = ((row + m) * STEP + column + n) * (PANEL * lanes)
            places[p] = ((image * rows + top + m) * columns + left + n) * filters


@serial
def tile_at(index: int, down: int, across: int) -> Any:
    """Return (image, row, column) of a tile."""
    return index // (down * across), index // across % down, index % across


@serial
def multiply_planes(v: Any, plane: int, count: int, channels: int, u: Any, blocks: Any, m: Any) -> None:
    """Multiply each of 36 matrices of `v`, (count, channels), with its weights: 36 products into `m`.

    `blocks` is (first, last, all of them). A row of `m` has the blocks from first to last.
    """
    lanes = VECTOR_BYTES // v.itemsize
    first_block, last_block, all_blocks = blocks
    line = (last_block - first_block) * lanes
    runs, bases = np.zeros(1, np.int64), np.empty(count + POSITIONS, np.int64)
    for t in range(len(bases)):
        bases[t] = min(t, count - 1) * channels  # beyond the last tile: the last again
    for point in range(POINTS):
        own = v[point * plane : (point + 1) * plane]
        for block in range(first_block, last_block):
            tap = (point * all_blocks + block) * channels * lanes
            to = point * (len(m) // POINTS) + (block - first_block) * lanes
            calls = (count + POSITIONS - 1) // POSITIONS
            for call in range(calls):
                ahead = weights_ahead(tap, channels, call, calls, lanes)
                at = (to + call * POSITIONS * line, line)
                multiply_block(own, bases, call * POSITIONS, runs, channels, u, tap, m, at, ahead)


@serial
def change_tile_back(m: Any, source: int, rows: Any, z: Any, at: int, step: int) -> None:
    """Write ``A^T m A`` of one tile, 4x4 vectors `step` apart, to `z`; `rows` holds 36 vectors."""
    lanes = VECTOR_BYTES // m.itemsize
    plane = len(m) // POINTS
    for n in range(SIDE):
        change_back(m, source + n * plane, SIDE * plane, rows, n * lanes, SIDE * lanes)
    for k in range(STEP):
        change_back(rows, k * SIDE * lanes, lanes, z, at + k * STEP * step, step)


@parallel
def convolve_winograd(
    x: Any,
    w: Any,
    u: Any,
    bias: Any,
    shortcut: Any,
    y: Any,
    scratch: Any,
    sizes: Any,
    window: Any,
    grid: Any,
    chunk: int,
    options: Any,
) -> None:
    """Write the 3x3 convolution of `x` into `y`; all arrays are flat, `scratch` has one row per worker.

    `w` is (3, 3, C, F) and `u` the transformed weights; `bias`, `sizes`, `window` and `grid` are as in
    `direct.convolve`.
    `chunk` is how many tiles a worker transforms before it multiplies, `options` is (relu, cells of a pooling
    window).
    """
    lanes = VECTOR_BYTES // x.itemsize
    channels, filters = sizes[3], sizes[6]
    down, across = (sizes[4] + STEP - 1) // STEP, (sizes[5] + STEP - 1) // STEP
    tiles, blocks = sizes[0] * down * across, (filters + lanes - 1) // lanes
    for worker in prange(grid[0] * grid[1]):
        row, column = np.int64(worker) // grid[1], np.int64(worker) % grid[1]
        first_six, last_six = share((tiles + POSITIONS - 1) // POSITIONS, grid[0], row)
        first_block, last_block = share(blocks, grid[1], column)
        # One vector between the planes: at a distance of 4096 bytes they would compete for one cache set.
        line = (last_block - first_block) * lanes
        plane, out_plane = chunk * channels + lanes, chunk * line + lanes
        v, rest = scratch[worker, : POINTS * plane], scratch[worker, POINTS * plane :]
        m, rest = rest[: POINTS * out_plane], rest[POINTS * out_plane :]
        step, cells = PANEL * lanes, STEP * STEP
        rows, rest = rest[: POINTS * lanes], rest[POINTS * lanes :]
        z, patch = rest[: cells * step], rest[cells * step :]
        order, places = np.empty(cells, np.int64), np.empty(cells, np.int64)
        targets = np.empty(cells // options[1], np.int64)
        for first in range(first_six * POSITIONS, min(last_six * POSITIONS, tiles), chunk):
            count = min(first + chunk, last_six * POSITIONS, tiles) - first
            for t in range(count):
                tile = tile_at(first + t, down, across)
                transform_tile(x, tile, sizes, window, v, t * channels, plane, patch, rows)
            multiply_planes(v, plane, count, channels, u, (first_block, last_block, blocks), m)
            for t in range(count):
                tile = tile_at(first + t, down, across)
                aim(tile, sizes, lanes, order, places, targets)
                for panel in range(first_block, last_block, PANEL):
                    stop = min(panel + PANEL, last_block)
                    for block in range(panel, stop):
                        at = (block - panel) * lanes
                        change_tile_back(m, t * line + (block - first_block) * lanes, rows, z, at, step)
                        if not is_finite(z, at, step):
                            compute_directly(x, tile, sizes, window, w, block * lanes, patch, z, at, step)
                    own = (panel * lanes, filters - panel * lanes, panel * lanes)
                    finish(z, order, stop - panel, places, targets, bias, shortcut, options[0], y, own)
