"""The compiled loops of dense layers: a matrix product for batches, a walk over the weights for single rows.

Six rows times one vector of columns stay in registers. A block of the right-hand matrix is packed so that it
is read in the order of memory, stays in cache, and serves many rows (Goto & van de Geijn 2008, "Anatomy of
High-Performance Matrix Multiplication"). The sums run in one order, whatever the number of threads.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.region import parallel, serial
from cnnkit.kernels.parallel.simd import VECTOR_BYTES, filled, load, multiply_add, spread, store

SIX = 6  # rows that share every loaded vector of the right-hand matrix
ROWS = 384  # of the result that belong to one iteration, whole sixes
VECTORS = 8  # of columns that belong to one iteration
DEPTH = 256  # terms of the sum that are packed at a time


@serial
def multiply_six(
    a: Any, bases: Any, step: int, depth: int, panel: Any, tap: int, z: Any, at: int, hop: int
) -> None:
    """Add to six vectors, `hop` apart from ``z[at]`` on, the products of six rows of `a` with a panel."""
    lanes = VECTOR_BYTES // a.itemsize
    p0, p1, p2, p3, p4, p5 = bases
    k = 0
    z0, z1, z2 = load(z, at), load(z, at + hop), load(z, at + 2 * hop)
    z3, z4, z5 = load(z, at + 3 * hop), load(z, at + 4 * hop), load(z, at + 5 * hop)
    for _ in range(depth):
        weights = load(panel, tap)
        z0 = multiply_add(spread(a, p0 + k), weights, z0)
        z1 = multiply_add(spread(a, p1 + k), weights, z1)
        z2 = multiply_add(spread(a, p2 + k), weights, z2)
        z3 = multiply_add(spread(a, p3 + k), weights, z3)
        z4 = multiply_add(spread(a, p4 + k), weights, z4)
        z5 = multiply_add(spread(a, p5 + k), weights, z5)
        k += step
        tap += lanes
    store(z, at, z0)
    store(z, at + hop, z1)
    store(z, at + 2 * hop, z2)
    store(z, at + 3 * hop, z3)
    store(z, at + 4 * hop, z4)
    store(z, at + 5 * hop, z5)


@serial
def pack_panels(b: Any, steps: Any, first: Any, size: Any, panels: Any) -> None:
    """Copy a block of `b`, (rows, columns) of `size` from row and column `first` on, by vectors of columns.

    Number (k, j) of `b` stands at ``k * steps[0] + j * steps[1]``. What is left of the last vector stays.
    """
    lanes = VECTOR_BYTES // b.itemsize
    start = first[0] * steps[0] + first[1] * steps[1]
    whole = size[1] // lanes if steps[1] == 1 else 0
    for k in range(size[0]):
        for vector in range(whole):
            source = start + k * steps[0] + vector * lanes
            store(panels, (vector * size[0] + k) * lanes, load(b, source))
    for j in range(whole * lanes, size[1]):
        source, target = start + j * steps[1], j // lanes * size[0] * lanes + j % lanes
        for k in range(size[0]):
            panels[target + k * lanes] = b[source + k * steps[0]]


@serial
def finish(z: Any, bias: Any, relu: Any, y: Any, at: int, size: Any, width: int, first: int) -> None:
    """Write the sums `z` plus the biases to ``y[at:]``, rows of `width`, after ReLU if asked for."""
    zero = y.dtype.type(0)
    for row in range(size[0]):
        for j in range(size[1]):
            value = z[row * VECTORS * (VECTOR_BYTES // z.itemsize) + j] + bias[first + j]
            y[at + row * width + j] = zero if relu and value < zero else value


@serial
def turn_rows(a: Any, steps: Any, first: Any, size: Any, turned: Any) -> None:
    """Copy a block of `a`, (rows, terms) of `size` from `first` on, six rows at a time, term by term."""
    for row in range(size[0]):
        source = (first[0] + row) * steps[0] + first[1] * steps[1]
        target = row // SIX * SIX * size[1] + row % SIX
        for k in range(size[1]):
            turned[target + k * SIX] = a[source + k * steps[1]]


@serial
def six_bases(row: int, height: int, start: int, step: int) -> Any:
    """Return where six rows begin that are `step` apart; rows behind the last are repeats of it."""
    last = height - 1 - row
    return (
        start,
        start + min(1, last) * step,
        start + min(2, last) * step,
        start + min(3, last) * step,
        start + min(4, last) * step,
        start + min(5, last) * step,
    )


@parallel
def multiply(
    a: Any, a_steps: Any, b: Any, b_steps: Any, bias: Any, y: Any, sizes: Any, packed: Any, relu: Any
) -> None:
    """Write ``a @ b + bias`` to `y` (rows, columns), or its ReLU; all arrays are flat.

    `sizes` is (rows, columns, terms). Number (i, k) of `a` stands at ``i * a_steps[0] + k * a_steps[1]``, and
    so in `b`, unless `packed`: then it is in panels already, (vectors of columns, terms, lanes).
    """
    rows, columns, terms = sizes
    lanes = VECTOR_BYTES // a.itemsize
    width, turn = VECTORS * lanes, a_steps[1] != 1
    across = (columns + width - 1) // width
    for item in prange((rows + ROWS - 1) // ROWS * across):
        top, left = np.int64(item) // across * ROWS, np.int64(item) % across * width
        height, own = min(ROWS, rows - top), min(width, columns - left)
        z = np.zeros(ROWS * width, a.dtype)
        panels = b if packed else np.zeros(min(DEPTH, terms) * width, a.dtype)
        turned = np.empty(min(DEPTH, terms) * ROWS, a.dtype) if turn else a
        for start in range(0, terms, DEPTH):
            depth = min(DEPTH, terms - start)
            if turn:
                turn_rows(a, a_steps, (top, start), (height, depth), turned)
            if not packed:
                pack_panels(b, b_steps, (start, left), (depth, own), panels)
            for row in range(0, height, SIX):
                first = row * depth if turn else (top + row) * a_steps[0] + start
                bases = six_bases(row, height, first, 1 if turn else a_steps[0])
                for vector in range((own + lanes - 1) // lanes):
                    panel = (left // lanes + vector) * terms + start if packed else vector * depth
                    at = row * width + vector * lanes
                    step = SIX if turn else 1
                    multiply_six(turned, bases, step, depth, panels, panel * lanes, z, at, width)
        finish(z, bias, relu, y, top * columns + left, (height, own), columns, left)


@parallel
def multiply_row(x: Any, w: Any, bias: Any, y: Any, sizes: Any, relu: Any) -> None:
    """Write ``x @ w + bias`` to `y` (rows, columns), or its ReLU, for a few rows; all arrays are flat.

    Bound by reading `w`, packed in panels: four of them are summed side by side, once for each row. `sizes`
    is (rows, columns, terms).
    """
    rows, columns, terms = sizes
    lanes = VECTOR_BYTES // x.itemsize
    vectors = (columns + lanes - 1) // lanes
    step = terms * lanes
    for item in prange((vectors + 3) // 4):
        sums = np.empty(4 * lanes, x.dtype)
        first = np.int64(item) * 4
        v0, v1 = first * step, min(first + 1, vectors - 1) * step
        v2, v3 = min(first + 2, vectors - 1) * step, min(first + 3, vectors - 1) * step
        for row in range(rows):
            z0 = z1 = z2 = z3 = filled(x.dtype.type(0))
            for k in range(terms):
                number = spread(x, row * terms + k)
                z0 = multiply_add(number, load(w, v0 + k * lanes), z0)
                z1 = multiply_add(number, load(w, v1 + k * lanes), z1)
                z2 = multiply_add(number, load(w, v2 + k * lanes), z2)
                z3 = multiply_add(number, load(w, v3 + k * lanes), z3)
            store(sums, 0, z0)
            store(sums, lanes, z1)
            store(sums, 2 * lanes, z2)
            store(sums, 3 * lanes, z3)
            for j in range(min(4 * lanes, columns - first * lanes)):
                value = sums[j] + bias[first * lanes + j]
                y[row * columns + first * lanes + j] = 0 if relu and value < 0 else value
