"""The same kernels in NumPy, the way one would write them in an interview: windows, then one product.

A window view copies nothing; `tensordot` hands the multiply-adds to BLAS. The backward passes loop over the
taps of a kernel only. Rules for padding, NaN and results are those of `cnnkit.kernels.loops`; sums are kept
in the type of x, so float32 results differ from the loops' in the last digits.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Padding1D,
    Pair,
    check_avg_pool2d_backward,
    check_conv1d,
    check_conv2d,
    check_conv2d_backward,
    check_conv2d_transpose,
    check_dense,
    check_dense_backward,
    check_images,
    check_max_pool2d_backward,
    check_pool2d,
    conv_geometry,
    quiet,
)
from cnnkit.shapes import pair


def im2col(
    x: Array,
    kernel_size: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Array:
    """Return every window of `x` as one row of a matrix, so that a convolution becomes one matrix product.

    `x` is (N, H, W, C) or (H, W, C); the result is (N*H_out*W_out, KH*KW*C) in the type of `x`, and
    ``im2col(x, (KH, KW)) @ w.reshape(-1, F) + b`` is ``conv2d(x, w, b).reshape(-1, F)``. It copies: a 3x3
    kernel at stride 1 takes nine times the memory of `x`. Raises ShapeError, DTypeError or OptionError.
    """
    images, _ = check_images(x)
    size = pair(kernel_size, "kernel_size")
    geometry = conv_geometry(images.shape[1:3], size, stride, padding, dilation)
    windows = _windows(_pad(images, geometry), geometry)
    positions, taps = math.prod(windows.shape[:3]), math.prod(windows.shape[3:])
    return windows.copy().reshape(positions, taps)


@quiet
def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    """Return the 2-D convolution of deep learning, one tensor product per group.

    ``y[i, j, k] = b[k] + sum over m, n, c of windows[i, j, m, n, c] * w[m, n, c, k]``

    Args:
        x: (N, H, W, C) or (H, W, C), float32 or float64.
        w: (KH, KW, C/groups, F), the type of `x`.
        b: (F,) or None.
        stride: step between windows, one number or (vertical, horizontal).
        padding: a word, a number, a pair, or ((top, bottom), (left, right)).
        dilation: distance between the taps of a kernel.
        groups: blocks of channels that are convolved independently.

    Returns:
        (N, H_out, W_out, F), or without N when `x` has none, in the type of `x`.

    Raises ShapeError, DTypeError or OptionError.
    """
    images, weights, biases, geometry, unbatched = check_conv2d(
        x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    windows = _windows(_pad(images, geometry), geometry)
    blocks = [
        np.tensordot(windows[..., channels], weights[..., filters], axes=3)
        for channels, filters in _group_slices(weights, groups)
    ]
    y = np.concatenate(blocks, axis=-1)
    if biases is not None:
        y += biases
    return _result(y, unbatched)


@quiet
def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    """Return dx, dw and db of `conv2d`: dw is windows times errors, dx a strided scatter of every kernel tap.

    `dy` is (N, H_out, W_out, F), the gradient with respect to the result; `x`, `w` and the options are those
    of the forward call. dx has the shape of `x`, dw of `w`, db is (F,), all in the type of `x`. Raises
    ShapeError, DTypeError or OptionError.
    """
    delta, images, weights, geometry, unbatched = check_conv2d_backward(
        dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    windows = _windows(_pad(images, geometry), geometry)
    positions = (0, 1, 2)  # image, i, j: what a weight is shared over
    blocks = [
        np.tensordot(windows[..., channels], delta[..., filters], axes=(positions, positions))
        for channels, filters in _group_slices(weights, groups)
    ]
    dw, db = np.concatenate(blocks, axis=-1), delta.sum(axis=positions)
    return _result(_scatter(delta, weights, geometry), unbatched), dw, db


@quiet
def conv2d_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
    output_padding: Pair = 0,
) -> Array:
    """Return the transposed convolution, the scatter that is also the gradient dx of `conv2d`.

    `x` is (N, H, W, F) or (H, W, F), `w` (KH, KW, C/groups, F) and `b` (C,) or None, float32 or float64.
    `output_padding` adds rows and columns at the end, to choose among the inputs of the strided convolution.
    The result is (N, (H-1)*s + d*(KH-1) + 1 - top - bottom + output_padding, likewise, C). Raises ShapeError,
    DTypeError or OptionError.
    """
    images, weights, biases, geometry, unbatched = check_conv2d_transpose(
        x,
        w,
        b,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        output_padding=output_padding,
    )
    y = _scatter(images, weights, geometry)
    if biases is not None:
        y += biases
    return _result(y, unbatched)


@quiet
def conv1d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding1D = "valid",
    dilation: int = 1,
    groups: int = 1,
) -> Array:
    """Return the 1-D convolution: a 2-D one over an image of one row.

    `x` is (N, L, C) or (L, C), `w` (K, C/groups, F) and `b` (F,) or None, float32 or float64; `padding` is a
    word ("causal" looks at the past only), a number or (before, after). The result is (N, L_out, F), or
    (L_out, F), in the type of `x`. Raises ShapeError, DTypeError or OptionError.
    """
    sequence, weights = check_conv1d(x, w, padding, stride, dilation, b=b, groups=groups)
    y = conv2d(
        sequence[..., None, :, :],
        weights[None],
        b,
        stride=(1, stride),
        padding=(0, padding),
        dilation=(1, dilation),
        groups=groups,
    )
    return y[..., 0, :, :]


@quiet
def max_pool2d(
    x: Array,
    window: Pair = 2,
    *,
    stride: Pair | None = None,
    padding: Padding = "valid",
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return the largest value under every window; NaN under a window gives NaN, padding (-inf) never wins.

    `x` is (N, H, W, C) or (H, W, C), float32 or float64; the result is (N, H_out, W_out, C), or without N.
    `stride` None means `window`; `ceil_mode` keeps the windows that overhang the end. Raises ShapeError (also
    for a window of padding only), DTypeError or OptionError.
    """
    images, geometry, unbatched = check_pool2d(
        x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    return _result(_windows(_pad(images, geometry, -np.inf), geometry).max(axis=(3, 4)), unbatched)


@quiet
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
    and type of `x`. Cells that win several overlapping windows add up their errors. Raises ShapeError,
    DTypeError or OptionError.
    """
    delta, images, geometry, unbatched = check_max_pool2d_backward(
        dy, x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    windows = _windows(_pad(images, geometry, -np.inf), geometry)
    peaks = windows.max(axis=(3, 4), keepdims=True)
    inside = (
        _windows(_pad(np.ones_like(images[:1]), geometry), geometry) == 1
    )  # -inf may tie with the padding
    hits = inside & ((windows == peaks) | np.isnan(windows))
    taps = math.prod(geometry.kernel_size)
    winners = hits.reshape(*hits.shape[:3], taps, hits.shape[5]).argmax(axis=3)  # the first True
    dx_padded = np.zeros_like(_pad(images, geometry))
    for tap, cells in enumerate(_tap_slices(geometry)):
        dx_padded[cells] += np.where(winners == tap, delta, 0)
    return _result(_crop(dx_padded, geometry), unbatched)


@quiet
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
    sums = _windows(_pad(images, geometry), geometry).sum(axis=(3, 4))
    return _result(sums / _counts(geometry, count_include_pad, images), unbatched)


@quiet
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
    shares = delta / _counts(geometry, count_include_pad, delta)
    dx_padded = _pad(np.zeros(shape, delta.dtype), geometry)
    for cells in _tap_slices(geometry):
        dx_padded[cells] += shares
    return _result(_crop(dx_padded, geometry), unbatched)


@quiet
def dense(x: Array, w: Array, b: Array | None = None) -> Array:
    """Return the dense layer ``x @ w + b``.

    `x` is (N, in) or (in,), `w` (in, out), `b` (out,) or None, float32 or float64; the result is (N, out) or
    (out,). Raises ShapeError or DTypeError.
    """
    rows, weights, biases, unbatched = check_dense(x, w, b)
    y = rows @ weights
    if biases is not None:
        y += biases
    return _result(y, unbatched)


@quiet
def dense_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of `dense`: ``dx = dy @ w.T``, ``dw = x.T @ dy``, ``db = dy.sum(axis=0)``.

    `dy` is (N, out) or (out,), `x` and `w` are those of the forward call; dx has the shape of `x`, dw of `w`,
    db is (out,). Raises ShapeError or DTypeError.
    """
    delta, rows, weights, unbatched = check_dense_backward(dy, x, w)
    return _result(delta @ weights.T, unbatched), np.ascontiguousarray(rows.T @ delta), delta.sum(axis=0)


def _windows(padded: Array, geometry: Geometry) -> Array:
    """Return every window of (N, H, W, C) as a view of shape (N, H_out, W_out, KH, KW, C)."""
    (rows, cols), (s_h, s_w), (d_h, d_w) = geometry.output_size, geometry.stride, geometry.dilation
    spans = [d * (k - 1) + 1 for k, d in zip(geometry.kernel_size, geometry.dilation, strict=True)]
    views = sliding_window_view(padded, spans, axis=(1, 2))
    return views[:, : rows * s_h : s_h, : cols * s_w : s_w, :, ::d_h, ::d_w].transpose(0, 1, 2, 4, 5, 3)


def _tap_slices(geometry: Geometry) -> Iterator[tuple[slice, slice, slice]]:
    """Yield, for each kernel tap (m, n) row by row, the padded cells that it meets over all windows."""
    (rows, cols), (s_h, s_w), (d_h, d_w) = geometry.output_size, geometry.stride, geometry.dilation
    for m, n in np.ndindex(geometry.kernel_size):
        top, left = m * d_h, n * d_w
        yield (
            slice(None),
            slice(top, top + (rows - 1) * s_h + 1, s_h),
            slice(left, left + (cols - 1) * s_w + 1, s_w),
        )


def _scatter(delta: Array, weights: Array, geometry: Geometry) -> Array:
    """Return dx: ``dx_padded[i*s + m*d, j*s + n*d, c] += delta[i, j, k] * w[m, n, c, k]``, then cropped."""
    groups = geometry.groups
    shape = (len(delta), *geometry.input_size, weights.shape[2] * groups)
    dx_padded = _pad(np.zeros(shape, delta.dtype), geometry)
    for (m, n), cells in zip(np.ndindex(geometry.kernel_size), _tap_slices(geometry), strict=True):
        for channels, filters in _group_slices(weights, groups):
            dx_padded[cells][..., channels] += delta[..., filters] @ weights[m, n, :, filters].T
    return _crop(dx_padded, geometry)


def _pad(images: Array, geometry: Geometry, value: float = 0.0) -> Array:
    """Return `images` with their padding, and with the cells that overhang it when the size rounds up."""
    margins = [(0, 0)]
    for axis, (before, after) in enumerate(geometry.padding):
        span = geometry.dilation[axis] * (geometry.kernel_size[axis] - 1) + 1
        needed = (geometry.output_size[axis] - 1) * geometry.stride[axis] + span
        margins.append((before, max(after, needed - geometry.input_size[axis] - before)))
    return np.pad(images, [*margins, (0, 0)], constant_values=value)


def _crop(padded: Array, geometry: Geometry) -> Array:
    (top, _), (left, _) = geometry.padding
    height, width = geometry.input_size
    return padded[:, top : top + height, left : left + width]


def _counts(geometry: Geometry, count_include_pad: bool, like: Array) -> Array:
    """Return how many cells each pooling window averages over: (1, H_out, W_out, 1), the type of `like`."""
    counted = _pad(np.ones((1, *geometry.input_size, 1), like.dtype), geometry)
    if count_include_pad:
        (top, bottom), (left, right) = geometry.padding
        height, width = geometry.input_size
        counted[:, : top + height + bottom, : left + width + right] = 1
    counts: Array = _windows(counted, geometry).sum(axis=(3, 4))
    return counts


def _group_slices(weights: Array, groups: int) -> list[tuple[slice, slice]]:
    """Return (input channels, filters) of each group."""
    channels, filters = weights.shape[2], weights.shape[3] // groups
    return [
        (slice(g * channels, g * channels + channels), slice(g * filters, g * filters + filters))
        for g in range(groups)
    ]


def _result(values: Array, unbatched: bool) -> Array:
    contiguous = np.ascontiguousarray(values)
    return contiguous[0] if unbatched else contiguous
