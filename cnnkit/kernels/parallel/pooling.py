"""Pooling on all cores: arguments are checked and windows located here, `pooling_loops` computes."""

from functools import lru_cache

import numpy as np

from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Pair,
    check_avg_pool2d_backward,
    check_max_pool2d_backward,
    check_pool2d,
)
from cnnkit.kernels.parallel import pooling_loops as loops
from cnnkit.kernels.parallel.region import plain


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
    sizes = (len(images), images[:1].size, images.shape[3])
    rows, columns = _cells(geometry, images.shape[3])
    work = y.size * rows.shape[1] * columns.shape[1]
    loops.max_forward(plain(images).reshape(-1), y.reshape(-1), sizes, rows, columns, work=work)
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
    dx = np.empty(images.shape, images.dtype)
    count, height, width, channels = images.shape
    rows, columns = _cells(geometry, channels)
    span = (geometry.kernel_size[0] - 1) * geometry.dilation[0] + 1
    flat = [array.reshape(-1) for array in (plain(delta), plain(images), dx)]
    axis = (geometry.padding[0][0], span, geometry.stride[0])
    work = 2 * delta.size * rows.shape[1] * columns.shape[1]
    loops.max_backward(*flat, (count, height, width * channels, channels), rows, columns, axis, work=work)
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
    counts = _counts(geometry, count_include_pad).astype(images.dtype)
    work = y.size * geometry.kernel_size[0] * geometry.kernel_size[1]
    flat = plain(images).reshape(-1), counts, y.reshape(-1)
    loops.average_forward(*flat, images.shape, _window(geometry), work=work)
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
    dx = np.empty(shape, delta.dtype)
    counts = _counts(geometry, count_include_pad).astype(delta.dtype)
    work = delta.size * geometry.kernel_size[0] * geometry.kernel_size[1]
    flat = plain(delta).reshape(-1), counts, dx.reshape(-1)
    loops.average_backward(*flat, shape, _window(geometry), work=work)
    return dx[0] if unbatched else dx


def _window(geometry: Geometry) -> tuple[tuple[int, int], ...]:
    """Return window, stride, dilation, and the padding above and to the left."""
    corner = (geometry.padding[0][0], geometry.padding[1][0])
    return geometry.kernel_size, geometry.stride, geometry.dilation, corner


@lru_cache(maxsize=64)
def _cells(geometry: Geometry, channels: int) -> tuple[Array, Array]:
    """Return where the rows and columns of every window begin in an image, (H_out, KH) and (W_out, KW).

    A row or column of padding is replaced by the nearest one that the window has inside the image.
    """
    axes = []
    for axis, step in ((0, geometry.input_size[1] * channels), (1, channels)):
        starts = np.arange(geometry.output_size[axis]) * geometry.stride[axis] - geometry.padding[axis][0]
        cells = starts[:, None] + np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
        inside = (cells >= 0) & (cells < geometry.input_size[axis])
        lowest = np.where(inside, cells, geometry.input_size[axis]).min(axis=1, keepdims=True)
        highest = np.where(inside, cells, -1).max(axis=1, keepdims=True)
        axes.append(np.clip(cells, lowest, highest) * step)
    return axes[0], axes[1]


def _counts(geometry: Geometry, with_padding: bool) -> Array:
    """Return how many cells the average of every window is over, (H_out, W_out) whole numbers."""
    per_axis = []
    for axis in (0, 1):
        before, after = geometry.padding[axis] if with_padding else (0, 0)
        starts = np.arange(geometry.output_size[axis]) * geometry.stride[axis] - geometry.padding[axis][0]
        cells = starts[:, None] + np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
        per_axis.append(((cells >= -before) & (cells < geometry.input_size[axis] + after)).sum(axis=1))
    return np.outer(*per_axis)
