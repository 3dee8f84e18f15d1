"""The compiled loops of pooling: a vector of channels at a time.

The last vector may reach into the next cell, whose numbers are computed and not stored; only where there is
no next cell the channels that are left are taken one by one.

A gradient flows from a window to the cells below it, and windows overlap. So each iteration of a ``prange``
owns a band of rows of dx and looks at every window that reaches into it: a few windows at the border of two
bands are looked at twice, and no cell is written by two threads.
"""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.region import parallel, serial
from cnnkit.kernels.parallel.simd import (
    VECTOR_BYTES,
    choose_equal,
    divide,
    filled,
    larger,
    load,
    load_first,
    store,
    store_first,
)

BAND = 16  # rows of dx that belong to one iteration


@serial
def largest(x: Any, corner: int, offsets: Any, first: int) -> Any:
    """Return the largest vector of a window of `x`, whose taps are `offsets` from ``x[corner]``."""
    best = load(x, corner + offsets[0] + first)
    for t in range(1, len(offsets)):
        best = larger(load(x, corner + offsets[t] + first), best)
    return best


@serial
def find_largest(x: Any, corner: int, offsets: Any, channel: int) -> Any:
    """Return which tap of a window holds a channel's first maximum, or its first NaN."""
    winner = 0
    best = x[corner + offsets[0] + channel]
    for t in range(1, len(offsets)):
        value = x[corner + offsets[t] + channel]
        if value > best or (value != value and best == best):
            best, winner = value, t
    return winner


@serial
def place(rows: Any, columns: Any, i: int, j: int, offsets: Any) -> None:
    """Write to `offsets` where the taps of window (i, j) stand: ``rows[i, m] + columns[j, n]``."""
    t = 0
    for m in range(rows.shape[1]):
        for n in range(columns.shape[1]):
            offsets[t] = rows[i, m] + columns[j, n]
            t += 1


@parallel
def max_forward(x: Any, y: Any, sizes: Any, rows: Any, columns: Any) -> None:
    """Write the maxima of `x` (N, H, W, C) to `y` (N, H_out, W_out, C), both flat.

    `sizes` is (N, numbers in an image, C). ``rows[i, m] + columns[j, n]`` is where tap (m, n) of window
    (i, j) stands in an image; a tap outside is moved to the nearest inside, which changes no maximum.
    """
    images, image_size, channels = sizes
    lanes = VECTOR_BYTES // x.itemsize
    whole = channels - channels % lanes
    for index in prange(images * len(rows)):
        image, i = np.int64(index) // len(rows), np.int64(index) % len(rows)
        offsets = np.empty(rows.shape[1] * columns.shape[1], np.int64)
        for j in range(len(columns)):
            place(rows, columns, i, j, offsets)
            corner, at = image * image_size, ((image * len(rows) + i) * len(columns) + j) * channels
            for c in range(0, whole, lanes):
                store(y, at + c, largest(x, corner, offsets, c))
            if whole < channels and corner + offsets[-1] + whole + lanes <= len(x):
                store_first(y, at + whole, largest(x, corner, offsets, whole), channels - whole)
                continue
            for c in range(whole, channels):
                y[at + c] = x[corner + offsets[find_largest(x, corner, offsets, c)] + c]


@serial
def hand_back(errors: Any, x: Any, dx: Any, corner: int, offsets: Any, owned: Any) -> None:
    """Add the errors of a window for one vector of channels to the first maximum of each, if it is owned.

    The taps (first, stop) of `owned` lie in the rows of dx that this iteration may write.
    """
    zero = filled(x.dtype.type(0))
    best = largest(x, corner, offsets, 0)
    left = errors
    for t in range(owned[1]):
        cell = corner + offsets[t]
        value = load(x, cell)
        if t >= owned[0]:
            store(dx, cell, load(dx, cell) + choose_equal(value, best, left, zero))
        left = choose_equal(value, best, zero, left)


@serial
def reaching(first: int, last: int, corner: int, span: int, stride: int, count: int) -> Any:
    """Return the range of the windows, `span` cells long, that reach the cells from `first` to `last`."""
    begin = max(0, (first + corner - span) // stride + 1)
    return begin, min(count, (last - 1 + corner) // stride + 1)


@parallel
def max_backward(dy: Any, x: Any, dx: Any, sizes: Any, rows: Any, columns: Any, axis: Any) -> None:
    """Write dx (N, H, W, C): each error of `dy` (N, H_out, W_out, C) at its window's first maximum; all flat.

    `sizes` is (N, H, numbers in a row, C), `rows` and `columns` as for `max_forward`; `axis` is the rows'
    (padding, cells from the first tap to behind the last, stride).
    """
    images, height, row_size, channels = sizes
    lanes = VECTOR_BYTES // x.itemsize
    whole, bands = channels - channels % lanes, (height + BAND - 1) // BAND
    taps = columns.shape[1]
    for index in prange(images * bands):
        image, band = np.int64(index) // bands, np.int64(index) % bands
        first, last = band * BAND, min(height, (band + 1) * BAND)
        band_end = (image * height + last) * row_size
        dx[(image * height + first) * row_size : band_end] = 0
        offsets = np.empty(rows.shape[1] * taps, np.int64)
        begin, end = reaching(first, last, axis[0], axis[1], axis[2], len(rows))
        for i in range(begin, end):
            m_first, m_stop = 0, 0
            for m in range(rows.shape[1]):
                m_first += rows[i, m] < first * row_size
                m_stop += rows[i, m] < last * row_size
            for j in range(len(columns)):
                place(rows, columns, i, j, offsets)
                corner, at = (
                    image * height * row_size,
                    ((image * len(rows) + i) * len(columns) + j) * channels,
                )
                owned = (m_first * taps, m_stop * taps)
                for c in range(0, whole, lanes):
                    hand_back(load(dy, at + c), x, dx, corner + c, offsets, owned)
                if whole < channels and corner + offsets[-1] + whole + lanes <= band_end:
                    errors = load_first(dy, at + whole, channels - whole, filled(x.dtype.type(0)))
                    hand_back(errors, x, dx, corner + whole, offsets, owned)
                    continue
                for c in range(whole, channels):
                    t = find_largest(x, corner, offsets, c)
                    if owned[0] <= t < owned[1]:
                        dx[corner + offsets[t] + c] += dy[at + c]


@serial
def inside(start: int, taps: int, dilation: int, size: int) -> Any:
    """Return the range (first, stop) of the taps t for which ``0 <= start + t * dilation < size``."""
    first = max(0, (dilation - 1 - start) // dilation)
    return first, max(first, min(taps, (size - start + dilation - 1) // dilation))


@serial
def sum_window(x: Any, corner: int, m_range: Any, n_range: Any, steps: Any) -> Any:
    """Return the sum of a window of vectors: those at ``x[corner + m * steps[0] + n * steps[1]]``."""
    total = filled(x.dtype.type(0))
    for m in range(m_range[0], m_range[1]):
        for n in range(n_range[0], n_range[1]):
            total = total + load(x, corner + m * steps[0] + n * steps[1])
    return total


@parallel
def average_forward(x: Any, counts: Any, y: Any, sizes: Any, window: Any) -> None:
    """Write to `y` (N, H_out, W_out, C), flat, each window's sum over its count; `x` (N, H, W, C) is flat.

    `sizes` is (N, H, W, C), `counts` is (H_out, W_out) in the type of x, `window` is (window, stride,
    dilation, padding above and to the left), each a pair.
    """
    images, height, width, channels = sizes
    taps, stride, dilation, padding = window
    lanes = VECTOR_BYTES // x.itemsize
    whole = channels - channels % lanes
    rows, columns = counts.shape
    steps = (dilation[0] * width * channels, dilation[1] * channels)
    for index in prange(images * rows):
        image, i = np.int64(index) // rows, np.int64(index) % rows
        top = i * stride[0] - padding[0]
        m_range = inside(top, taps[0], dilation[0], height)
        for j in range(columns):
            left = j * stride[1] - padding[1]
            n_range = inside(left, taps[1], dilation[1], width)
            corner = ((image * height + top) * width + left) * channels
            at = ((image * rows + i) * columns + j) * channels
            count = filled(counts[i, j])
            for c in range(0, whole, lanes):
                store(y, at + c, divide(sum_window(x, corner + c, m_range, n_range, steps), count))
            last = corner + (m_range[1] - 1) * steps[0] + (n_range[1] - 1) * steps[1]
            if whole < channels and last + whole + lanes <= len(x):
                total = sum_window(x, corner + whole, m_range, n_range, steps)
                store_first(y, at + whole, divide(total, count), channels - whole)
                continue
            for c in range(whole, channels):
                mean = x.dtype.type(0)
                for m in range(m_range[0], m_range[1]):
                    for n in range(n_range[0], n_range[1]):
                        mean += x[corner + m * steps[0] + n * steps[1] + c]
                y[at + c] = mean / counts[i, j]


@serial
def spread_error(
    dx: Any, cell: int, step: int, taps: int, dy: Any, at: int, count: Any, channels: int
) -> None:
    """Add the shared error ``dy[at : at + C] / count`` to `taps` cells of a row, `step` numbers apart."""
    lanes = VECTOR_BYTES // dx.itemsize
    whole = channels - channels % lanes
    for c in range(0, whole, lanes):
        error = divide(load(dy, at + c), filled(count))
        for n in range(taps):
            store(dx, cell + n * step + c, load(dx, cell + n * step + c) + error)
    for c in range(whole, channels):
        for n in range(taps):
            dx[cell + n * step + c] += dy[at + c] / count


@parallel
def average_backward(dy: Any, counts: Any, dx: Any, sizes: Any, window: Any) -> None:
    """Write dx (N, H, W, C): each error of `dy` (N, H_out, W_out, C) shared by its window; both flat.

    The other arguments are those of `average_forward`.
    """
    images, height, width, channels = sizes
    taps, stride, dilation, padding = window
    rows, columns = counts.shape
    bands = (height + BAND - 1) // BAND
    span = (taps[0] - 1) * dilation[0] + 1
    for index in prange(images * bands):
        image, band = np.int64(index) // bands, np.int64(index) % bands
        first, last = band * BAND, min(height, (band + 1) * BAND)
        dx[(image * height + first) * width * channels : (image * height + last) * width * channels] = 0
        begin, end = reaching(first, last, padding[0], span, stride[0], rows)
        for i in range(begin, end):
            top = i * stride[0] - padding[0]
            m_first, m_stop = inside(top - first, taps[0], dilation[0], last - first)
            for j in range(columns):
                left = j * stride[1] - padding[1]
                n_first, n_stop = inside(left, taps[1], dilation[1], width)
                at = ((image * rows + i) * columns + j) * channels
                for m in range(m_first, m_stop):
                    line = (image * height + top + m * dilation[0]) * width
                    cell, step = (line + left + n_first * dilation[1]) * channels, dilation[1] * channels
                    spread_error(dx, cell, step, n_stop - n_first, dy, at, counts[i, j], channels)
