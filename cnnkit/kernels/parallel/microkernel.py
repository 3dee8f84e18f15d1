"""The innermost loop of every convolution here, and what happens to its sums before they are stored.

Six positions times one vector of filters are summed at a time. Their six sums, the vector of weights and one
broadcast input stay in registers for the whole window: on AVX2 that fills 14 of the 16 registers, on NEON 29
of 32, and on AVX-512 six sums already keep the multiply-add unit busy. Every vector of weights is loaded
once and used six times (Goto & van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication").
"""

from typing import Any

from cnnkit.kernels.parallel.region import inlined, serial
from cnnkit.kernels.parallel.simd import (
    VECTOR_BYTES,
    filled,
    larger,
    load,
    load_first,
    multiply_add,
    prefetch,
    spread,
    store,
    store_first,
)

POSITIONS = 6  # output positions that one call of `multiply_block` serves
PANEL = 8  # vectors of filters that are stored together, so that the stores run along the rows of the result


@inlined
def multiply_block(
    x: Any, bases: Any, first: int, runs: Any, length: int, w: Any, tap: int, z: Any, at: Any, ahead: Any
) -> None:
    """Write ``window . weights`` for six positions and one vector of filters to `z`.

    A window is a list of *runs*, stretches of `length` neighbouring numbers: the window of position p reads
    ``x[bases[first + p] + run + k]`` for each of `runs` and k < `length`. The weights stand in the same order
    from ``w[tap]`` on, one vector per number. `at` is (index, step): the sums of p go
    to ``z[index + p * step]``.

    `ahead` is (index, pace): with every number the processor is asked to fetch weights from index on, `pace`
    further each time, which are needed soon; they come from memory while this block computes.
    """
    lanes = VECTOR_BYTES // x.itemsize
    p0, p1, p2 = bases[first], bases[first + 1], bases[first + 2]
    p3, p4, p5 = bases[first + 3], bases[first + 4], bases[first + 5]
    target, step = at
    soon, pace = ahead
    z0 = z1 = z2 = z3 = z4 = z5 = filled(x.dtype.type(0))
    for run in runs:
        for k in range(run, run + length):
            weights = load(w, tap)
            z0 = multiply_add(spread(x, p0 + k), weights, z0)
            z1 = multiply_add(spread(x, p1 + k), weights, z1)
            z2 = multiply_add(spread(x, p2 + k), weights, z2)
            z3 = multiply_add(spread(x, p3 + k), weights, z3)
            z4 = multiply_add(spread(x, p4 + k), weights, z4)
            z5 = multiply_add(spread(x, p5 + k), weights, z5)
            prefetch(w, soon)
            tap, soon = tap + lanes, soon + pace
    store(z, target, z0)
    store(z, target + step, z1)
    store(z, target + 2 * step, z2)
    store(z, target + 3 * step, z3)
    store(z, target + 4 * step, z4)
    store(z, target + 5 * step, z5)


@inlined
def weights_ahead(tap: int, taps: int, index: int, calls: int, lanes: int) -> Any:
    """Return `ahead` for call `index` of `calls` with one block of weights: its share of the next block."""
    pace = lanes // calls
    return tap + taps * (lanes + index * pace), pace


@serial
def finish(
    z: Any,
    order: Any,
    vectors: int,
    places: Any,
    targets: Any,
    bias: Any,
    shortcut: Any,
    relu: Any,
    y: Any,
    own: Any,
) -> None:
    """Turn sums into results: bias, shortcut, ReLU, maximum over a pooling window, store.

    The sums of position p are `vectors` vectors from ``z[order[p]]`` on. ``targets[t]`` says where in `y`
    result t goes, -1 for nowhere; it is the maximum over as many neighbouring positions as there are for each
    target. ``places[p]`` is where p stands in an unpooled result. `own` is (first filter, number of filters
    from it on, where their biases begin). An empty `shortcut` is none.
    """
    first, width, at = own
    lanes = VECTOR_BYTES // z.itemsize
    window = len(order) // len(targets)
    zero = filled(z.dtype.type(0))
    added = len(shortcut) > 0
    for index in range(len(targets)):
        target = targets[index] + first
        if target < first:
            continue
        for c in range(0, vectors * lanes, lanes):
            best = zero
            for p in range(index * window, (index + 1) * window):
                value = load(z, order[p] + c) + load(bias, at + c)
                if added:
                    value = value + load_first(shortcut, places[p] + first + c, width - c, zero)
                best = value if p == index * window else larger(best, value)
            if relu:
                best = larger(best, zero)
            store_first(y, target + c, best, width - c)
