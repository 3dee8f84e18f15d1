"""Pooling on all cores: each ``prange`` iteration owns one row of the result, channels innermost."""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Pair,
    check_avg_pool2d_backward,
    check_max_pool2d_backward,
    check_pool2d,
)
from cnnkit.kernels.parallel.region import parallel, plain, serial


def max_pool2d(
    x: Array,
    window: Pair = 2,
    *,
    stride: Pair | None = None,
    padding: Padding = "valid",
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return the largest value under every window; NaN under a window gives NaN, padding never wins.

    `x` is (N, H, W, C) or (H, W, C), float32 or float64; the result is (N, H_out, W_out, C), or without N.
    `stride` None means `window`, so that the windows tile the input; `ceil_mode` keeps the windows that
    overhang the end. Raises ShapeError (also for a window of padding only), DTypeError or OptionError.
    """
    images, geometry, unbatched = check_pool2d(
        x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    y = np.empty((len(images), *geometry.output_size, images.shape[3]), images.dtype)
    _max(plain(images), y, *_numbers(geometry))
    return y[0] if unbatched else y


def max_pool2d_backward(
    dy: Array,
    x: Array,
    window: Pair = 2,
    *,
    stride: Pair | None = None,
    padding: Padding = "valid",
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return dx of `max_pool2d`: each error goes to its window's first maximum, or to its first NaN.

    `dy` is (N, H_out, W_out, C), `x` and the options are those of the forward call; the result has the shape
    and type of `x`. Cells that win several overlapping windows add up their errors.
    Raises ShapeError, DTypeError or OptionError.
    """
    delta, images, geometry, unbatched = check_max_pool2d_backward(
        dy, x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    dx = np.zeros(images.shape, images.dtype)
    _max_backward(plain(delta), plain(images), dx, *_numbers(geometry))
    return dx[0] if unbatched else dx


def avg_pool2d(
    x: Array,
    window: Pair = 2,
    *,
    stride: Pair | None = None,
    padding: Padding = "valid",
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Return the mean of every window: the sum of its input cells over their number.

    With `count_include_pad` padding cells are counted too; cells that overhang the padded input (`ceil_mode`)
    never are. `x` is (N, H, W, C) or (H, W, C), float32 or float64; the result is (N, H_out, W_out, C), or
    without N. `stride` None means `window`. Raises ShapeError, DTypeError or OptionError.
    """
    images, geometry, unbatched = check_pool2d(
        x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    y = np.empty((len(images), *geometry.output_size, images.shape[3]), images.dtype)
    _average(plain(images), _counts(geometry, count_include_pad), y, *_numbers(geometry))
    return y[0] if unbatched else y


def avg_pool2d_backward(
    dy: Array,
    x_shape: tuple[int, ...],
    window: Pair = 2,
    *,
    stride: Pair | None = None,
    padding: Padding = "valid",
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Return dx of `avg_pool2d`: each error is shared equally by the cells that were counted.

    `dy` is (N, H_out, W_out, C); `x_shape` is the shape of the forward input, whose values do not matter. The
    result has that shape and the type of `dy`. Raises ShapeError, DTypeError or OptionError.
    """
    delta, shape, geometry, unbatched = check_avg_pool2d_backward(
        dy, x_shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    dx = np.zeros(shape, delta.dtype)
    _average_backward(plain(delta), _counts(geometry, count_include_pad), dx, *_numbers(geometry))
    return dx[0] if unbatched else dx


def _numbers(geometry: Geometry) -> tuple[tuple[int, int], ...]:
    """Return kernel size, stride, dilation, and the padding above and to the left."""
    corner = (geometry.padding[0][0], geometry.padding[1][0])
    return geometry.kernel_size, geometry.stride, geometry.dilation, corner


def _counts(geometry: Geometry, with_padding: bool) -> Array:
    """Return how many cells the average of every window is over, (H_out, W_out) whole numbers."""
    per_axis = []
    for axis in (0, 1):
        before, after = geometry.padding[axis] if with_padding else (0, 0)
        starts = np.arange(geometry.output_size[axis]) * geometry.stride[axis] - geometry.padding[axis][0]
        cells = starts[:, None] + np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
        per_axis.append(((cells >= -before) & (cells < geometry.input_size[axis] + after)).sum(axis=1))
    return np.outer(*per_axis)


@serial
def _split(index: Any, size: int) -> Any:
    """Return ``divmod(index, size)`` in signed integers: Numba counts a ``prange`` in unsigned ones."""
    return np.int64(index) // size, np.int64(index) % size


@serial
def _inside(start: int, taps: int, dilation: int, size: int) -> Any:
    """Return the range (first, stop) of the taps t for which ``0 <= start + t * dilation < size``."""
    first = max(0, (dilation - 1 - start) // dilation)
    return first, min(taps, (size - start + dilation - 1) // dilation)


@parallel
def _max(x: Any, y: Any, window: Any, stride: Any, dilation: Any, corner: Any) -> None:
    images, rows, columns, channels = y.shape
    for index in prange(images * rows):
        image, i = _split(index, rows)
        top = i * stride[0] - corner[0]
        m_first, m_stop = _inside(top, window[0], dilation[0], x.shape[1])
        for j in range(columns):
            left = j * stride[1] - corner[1]
            n_first, n_stop = _inside(left, window[1], dilation[1], x.shape[2])
            largest = y[image, i, j]
            largest[:] = -np.inf
            for m in range(m_first, m_stop):
                for n in range(n_first, n_stop):
                    cell = x[image, top + m * dilation[0], left + n * dilation[1]]
                    for c in range(channels):
                        # NaN is larger than anything, and nothing is larger than NaN.
                        if cell[c] > largest[c] or cell[c] != cell[c]:
                            largest[c] = cell[c]


@serial
def _find_winners(x: Any, top: int, left: int, window: Any, dilation: Any, largest: Any, winner: Any) -> None:
    """Write the first maximum of a window of `x` (H, W, C), and where it is: ``row * W + column``."""
    height, width, channels = x.shape
    m_first, m_stop = _inside(top, window[0], dilation[0], height)
    n_first, n_stop = _inside(left, window[1], dilation[1], width)
    winner[:] = -1
    for m in range(m_first, m_stop):
        for n in range(n_first, n_stop):
            row, column = top + m * dilation[0], left + n * dilation[1]
            for c in range(channels):
                value, best = x[row, column, c], largest[c]
                first_nan = value != value and best == best
                if winner[c] < 0 or value > best or first_nan:
                    largest[c], winner[c] = value, row * width + column


@parallel
def _max_backward(dy: Any, x: Any, dx: Any, window: Any, stride: Any, dilation: Any, corner: Any) -> None:
    images, height, width, channels = x.shape
    for index in prange(images * height):
        image, row = _split(index, height)
        largest = np.empty(channels, x.dtype)
        winner = np.empty(channels, np.int64)
        for m in range(window[0]):
            i, between = _split(row + corner[0] - m * dilation[0], stride[0])
            if between or not 0 <= i < dy.shape[1]:
                continue  # no window stands with its row m here
            for j in range(dy.shape[2]):
                top, left = i * stride[0] - corner[0], j * stride[1] - corner[1]
                _find_winners(x[image], top, left, window, dilation, largest, winner)
                for c in range(channels):
                    column = winner[c] - row * width
                    if 0 <= column < width:
                        dx[image, row, column, c] += dy[image, i, j, c]


@parallel
def _average(x: Any, counts: Any, y: Any, window: Any, stride: Any, dilation: Any, corner: Any) -> None:
    images, rows, columns, channels = y.shape
    for index in prange(images * rows):
        image, i = _split(index, rows)
        top = i * stride[0] - corner[0]
        m_first, m_stop = _inside(top, window[0], dilation[0], x.shape[1])
        for j in range(columns):
            left = j * stride[1] - corner[1]
            n_first, n_stop = _inside(left, window[1], dilation[1], x.shape[2])
            mean = y[image, i, j]
            mean[:] = 0
            for m in range(m_first, m_stop):
                for n in range(n_first, n_stop):
                    cell = x[image, top + m * dilation[0], left + n * dilation[1]]
                    for c in range(channels):
                        mean[c] += cell[c]
            for c in range(channels):
                mean[c] /= counts[i, j]


@parallel
def _average_backward(
    dy: Any, counts: Any, dx: Any, window: Any, stride: Any, dilation: Any, corner: Any
) -> None:
    images, height, width, channels = dx.shape
    for index in prange(images * height):
        image, row = _split(index, height)
        for m in range(window[0]):
            i, between = _split(row + corner[0] - m * dilation[0], stride[0])
            if between or not 0 <= i < dy.shape[1]:
                continue  # no window stands with its row m here
            for j in range(dy.shape[2]):
                left = j * stride[1] - corner[1]
                n_first, n_stop = _inside(left, window[1], dilation[1], width)
                for n in range(n_first, n_stop):
                    for c in range(channels):
                        dx[image, row, left + n * dilation[1], c] += dy[image, i, j, c] / counts[i, j]
