"""The compiled loops of depthwise convolution: every channel has a kernel of its own.

Neighbouring channels share an instruction. A tap costs one multiply-add and one load of the input, so the
loop is bound by loads, not by arithmetic; six positions at a time save loading the weights again for each.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.region import parallel, serial
from cnnkit.kernels.parallel.simd import VECTOR_BYTES, filled, load, multiply_add, store

POSITIONS = 6  # neighbouring windows that are summed together
BAND = 16  # rows that one iteration goes down: the rows of a window stay in cache from step to step


@serial
def inside(start: int, taps: int, dilation: int, size: int) -> Any:
    """Return the range (first, stop) of the taps t for which ``0 <= start + t * dilation < size``."""
    first = max(0, (dilation - 1 - start) // dilation)
    return first, max(first, min(taps, (size - start + dilation - 1) // dilation))


@serial
def filter_six(
    x: Any, cell: int, step: int, offsets: Any, w: Any, tap: int, channels: int, bias: Any, y: Any, at: int
) -> None:
    """Write six neighbouring results of one vector of channels; their windows lie inside the image's width.

    Window p stands at ``x[cell + p * step]``, its taps at `offsets` from there.
    """
    z0 = z1 = z2 = z3 = z4 = z5 = bias
    x1, x2, x3, x4, x5 = cell + step, cell + 2 * step, cell + 3 * step, cell + 4 * step, cell + 5 * step
    for offset in offsets:
        weights = load(w, tap)
        z0 = multiply_add(load(x, cell + offset), weights, z0)
        z1 = multiply_add(load(x, x1 + offset), weights, z1)
        z2 = multiply_add(load(x, x2 + offset), weights, z2)
        z3 = multiply_add(load(x, x3 + offset), weights, z3)
        z4 = multiply_add(load(x, x4 + offset), weights, z4)
        z5 = multiply_add(load(x, x5 + offset), weights, z5)
        tap += channels
    store(y, at, z0)
    store(y, at + channels, z1)
    store(y, at + 2 * channels, z2)
    store(y, at + 3 * channels, z3)
    store(y, at + 4 * channels, z4)
    store(y, at + 5 * channels, z5)


@serial
def filter_one(
    x: Any, cell: int, offsets: Any, width: int, part: Any, w: Any, tap: int, z: Any, channels: int
) -> Any:
    """Return `z` plus the taps (m, n) of `part`, (first m, stop, first n, stop), of a window `width` wide."""
    for m in range(part[0], part[1]):
        for n in range(part[2], part[3]):
            t = m * width + n
            z = multiply_add(load(x, cell + offsets[t]), load(w, tap + t * channels), z)
    return z


@parallel
def convolve(x: Any, w: Any, b: Any, y: Any, sizes: Any, window: Any, offsets: Any, strips: Any) -> None:
    """Write the depthwise convolution of `x` (N, H, W, C) into `y` (N, H_out, W_out, C); all arrays are flat.

    `w` is (KH, KW, C), `b` (C,), and C is at least one vector; the last vector overlaps its neighbour.
    `sizes` is (N, H, W, H_out, W_out, C), `window` is kernel, stride, dilation and corner, each a pair.
    `offsets` says where each tap is from the corner of its window, `strips` (first column, columns, 1 or 6).
    """
    images, height, width, rows, columns, channels = sizes
    kernel, stride, dilation, corner = window
    lanes = VECTOR_BYTES // x.itemsize
    bands = (rows + BAND - 1) // BAND
    for index in prange(images * bands * len(strips)):
        rest, strip = np.int64(index) // len(strips), np.int64(index) % len(strips)
        image, band = rest // bands, rest % bands
        j, count = strips[strip]
        left = j * stride[1] - corner[1]
        n_range = inside(left, kernel[1], dilation[1], width)
        for i in range(band * BAND, min(rows, (band + 1) * BAND)):
            top = i * stride[0] - corner[0]
            m_range = inside(top, kernel[0], dilation[0], height)
            t, stop = m_range[0] * kernel[1], m_range[1] * kernel[1]
            first = ((image * height + top) * width + left) * channels
            target = ((image * rows + i) * columns + j) * channels
            for start in range(0, channels, lanes):
                c = min(start, channels - lanes)
                bias = load(b, c)
                cell, at = first + c, target + c
                if count == POSITIONS:
                    step, tap = stride[1] * channels, t * channels + c
                    filter_six(x, cell, step, offsets[t:stop], w, tap, channels, bias, y, at)
                else:
                    part = (m_range[0], m_range[1], n_range[0], n_range[1])
                    store(y, at, filter_one(x, cell, offsets, kernel[1], part, w, c, bias, channels))


@serial
def multiply_three(x: Any, cells: Any, step: int, dy: Any, error: int, channels: int, count: int) -> Any:
    """Return what each of three taps has in a row of `count` positions, for one vector of channels."""
    s0 = s1 = s2 = filled(x.dtype.type(0))
    c0, c1, c2 = cells
    for _ in range(count):
        errors = load(dy, error)
        s0 = multiply_add(load(x, c0), errors, s0)
        s1 = multiply_add(load(x, c1), errors, s1)
        s2 = multiply_add(load(x, c2), errors, s2)
        c0, c1, c2, error = c0 + step, c1 + step, c2 + step, error + channels
    return s0, s1, s2


@serial
def add_three(sums: Any, at: int, tap_size: int, triple: Any, found: Any) -> None:
    """Add the sums of those of three taps that count to their places."""
    n0, n1, n2 = at + triple[0] * tap_size, at + triple[1] * tap_size, at + triple[2] * tap_size
    store(sums, n0, load(sums, n0) + found[0])
    if triple[3] > 1:
        store(sums, n1, load(sums, n1) + found[1])
    if triple[3] > 2:
        store(sums, n2, load(sums, n2) + found[2])


@parallel
def correlate(x: Any, dy: Any, sums: Any, sizes: Any, window: Any, triples: Any) -> None:
    """Write into `sums` (bands, KH, KW, vectors, lanes) what taps and errors have in each band of rows.

    All arrays are flat; `sizes` and `window` are those of `convolve`, and the last vector of channels
    overlaps its neighbour. A row of `triples` is three taps of a kernel row, how many of them count (the
    others are repeats), and the first column and the stop of those that all of them read inside the image.
    """
    images, height, width, rows, columns, channels = sizes
    kernel, stride, dilation, corner = window
    lanes, bands = VECTOR_BYTES // x.itemsize, (rows + BAND - 1) // BAND
    vectors = (channels + lanes - 1) // lanes
    tap_size = vectors * lanes
    for index in prange(images * bands * kernel[0]):
        rest, m = np.int64(index) // kernel[0], np.int64(index) % kernel[0]
        image, band = rest // bands, rest % bands
        base = (rest * kernel[0] + m) * kernel[1] * tap_size
        sums[base : base + kernel[1] * tap_size] = 0
        for i in range(band * BAND, min(rows, (band + 1) * BAND)):
            row = i * stride[0] - corner[0] + m * dilation[0]
            if not 0 <= row < height:
                continue
            for q in range(len(triples)):
                j, stop = triples[q, 4], triples[q, 5]
                cell = ((image * height + row) * width + j * stride[1] - corner[1]) * channels
                error = ((image * rows + i) * columns + j) * channels
                for vector in range(vectors):
                    c = min(vector * lanes, channels - lanes)
                    taps = (
                        cell + triples[q, 0] * dilation[1] * channels + c,
                        cell + triples[q, 1] * dilation[1] * channels + c,
                        cell + triples[q, 2] * dilation[1] * channels + c,
                    )
                    step = stride[1] * channels
                    found = multiply_three(x, taps, step, dy, error + c, channels, stop - j)
                    at = base + vector * lanes
                    add_three(sums, at, tap_size, triples[q], found)
