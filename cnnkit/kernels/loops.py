"""The formulas as literal Python loops: the first code to read, and the oracle for the faster kernels.

Indices are the course's: i, j output position; m, n kernel position; c input channel; k output channel.
Sums are kept in float64 and rounded once to the type of x, so float32 results carry a single rounding.

Three rules hold in all kernel modules. Padding cells are real zeros: they are multiplied like any other
cell, so an infinite weight that meets one gives NaN. NaN and infinity pass through quietly, without
NumPy's warnings. Inputs are never modified, and results are new C-contiguous arrays.
"""

import numpy as np

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
    check_max_pool2d_backward,
    check_pool2d,
    quiet,
)
from cnnkit.shapes import conv_output_size, resolve_padding


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
    """Return the 2-D convolution of deep learning (a cross-correlation: the kernel is not flipped).

    ``y[i, j, k] = b[k] + sum over m, n, c of x_padded[i*s + m*d, j*s + n*d, c] * w[m, n, c, k]``

    Args:
        x: (N, H, W, C) or (H, W, C), float32 or float64.
        w: (KH, KW, C/groups, F), the type of `x`.
        b: (F,) or None.
        stride: step between windows, one number or (vertical, horizontal).
        padding: a word, a number, a pair, or ((top, bottom), (left, right)).
        dilation: distance between the taps of a kernel.
        groups: blocks of channels that are convolved independently; C means depthwise.

    Returns:
        (N, H_out, W_out, F), or without N when `x` has none, in the type of `x`.

    Raises ShapeError, DTypeError or OptionError.
    """
    images, weights, biases, geometry, unbatched = check_conv2d(
        x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    x_padded = _pad(images, geometry)
    y = np.zeros((len(images), *geometry.output_size, weights.shape[3]))
    for image, i, j, k in np.ndindex(y.shape):
        first = _first_channel(k, weights, groups)
        z = 0.0 if biases is None else biases[k]
        for m, n, c in np.ndindex(weights.shape[:3]):
            z += x_padded[image, i * s_h + m * d_h, j * s_w + n * d_w, first + c] * weights[m, n, c, k]
        y[image, i, j, k] = z
    return _result(y, images, unbatched)


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
    """Return dx, dw and db of `conv2d`: every product of the forward sum hands its error to both factors.

    ``dx_padded[i*s + m*d, j*s + n*d, c] += dy[i, j, k] * w[m, n, c, k]``, then the padding is cropped;
    ``dw[m, n, c, k] += dy[i, j, k] * x_padded[i*s + m*d, j*s + n*d, c]``; ``db[k] += dy[i, j, k]``.

    `dy` is (N, H_out, W_out, F), the gradient with respect to the result; `x`, `w` and the options are those
    of the forward call. dx has the shape of `x`, dw of `w`, db is (F,), all in the type of `x`. Raises
    ShapeError, DTypeError or OptionError.
    """
    delta, images, weights, geometry, unbatched = check_conv2d_backward(
        dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    x_padded = _pad(images, geometry)
    dx_padded, dw, db = np.zeros(x_padded.shape), np.zeros(weights.shape), np.zeros(weights.shape[3])
    for image, i, j, k in np.ndindex(delta.shape):
        first, error = _first_channel(k, weights, groups), np.float64(delta[image, i, j, k])
        db[k] += error
        for m, n, c in np.ndindex(weights.shape[:3]):
            cell = image, i * s_h + m * d_h, j * s_w + n * d_w, first + c
            dx_padded[cell] += error * weights[m, n, c, k]
            dw[m, n, c, k] += error * x_padded[cell]
    dx = _crop(dx_padded, geometry)
    return _result(dx, images, unbatched), dw.astype(images.dtype), db.astype(images.dtype)


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
    """Return the transposed convolution: every input cell stamps its multiple of the kernel on the output.

    ``y_padded[i*s + m*d, j*s + n*d, c] += x[i, j, k] * w[m, n, c, k]``, then the padding is cropped and b[c]
    added: the gradient dx of `conv2d` with the same `w` and options, with `x` in the place of dy.

    `x` is (N, H, W, F) or (H, W, F), `w` (KH, KW, C/groups, F) and `b` (C,) or None, float32 or float64.
    `output_padding` adds rows and columns at the end, to choose among the inputs of the strided convolution.
    The result is (N, (H-1)*s + d*(KH-1) + 1 - top - bottom + output_padding, likewise, C).
    Raises ShapeError, DTypeError or OptionError.
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
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    y_padded = np.zeros(_padded_shape(len(images), geometry, weights.shape[2] * groups))
    for image, i, j, k in np.ndindex(images.shape):
        first, value = _first_channel(k, weights, groups), np.float64(images[image, i, j, k])
        for m, n, c in np.ndindex(weights.shape[:3]):
            y_padded[image, i * s_h + m * d_h, j * s_w + n * d_w, first + c] += value * weights[m, n, c, k]
    y = _crop(y_padded, geometry) + (0.0 if biases is None else biases)
    return _result(y, images, unbatched)


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
    """Return the 1-D convolution ``y[i, k] = b[k] + sum over m, c of x_padded[i*s + m*d, c] * w[m, c, k]``.

    `x` is (N, L, C) or (L, C), `w` (K, C/groups, F) and `b` (F,) or None, float32 or float64; `padding` is a
    word ("causal" looks at the past only), a number or (before, after). The result is (N, L_out, F), or
    (L_out, F), in the type of `x`. Raises ShapeError, DTypeError or OptionError.
    """
    sequence, weights = check_conv1d(x, w, padding, stride, dilation, b=b, groups=groups)
    sequences = sequence if sequence.ndim == 3 else sequence[None]
    length, kernel_size = sequences.shape[1], len(weights)
    pads = resolve_padding(padding, length, kernel_size, stride, dilation)
    length_out = conv_output_size(length, kernel_size, stride=stride, padding=pads, dilation=dilation)
    x_padded = np.pad(sequences.astype(np.float64), ((0, 0), pads, (0, 0)))
    y = np.zeros((len(sequences), length_out, weights.shape[2]))
    for row, i, k in np.ndindex(y.shape):
        first = _first_channel(k, weights, groups)
        z = 0.0 if b is None else b[k]
        for m, c in np.ndindex(weights.shape[:2]):
            z += x_padded[row, i * stride + m * dilation, first + c] * weights[m, c, k]
        y[row, i, k] = z
    return _result(y, sequences, sequence.ndim == 2)


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
    """Return the largest value under every window; NaN under a window gives NaN, padding never wins.

    `x` is (N, H, W, C) or (H, W, C), float32 or float64; the result is (N, H_out, W_out, C), or without N.
    `stride` None means `window`, so that the windows tile the input; `ceil_mode` keeps the windows that
    overhang the end. Raises ShapeError (also for a window of padding only), DTypeError or OptionError.
    """
    images, geometry, unbatched = check_pool2d(
        x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    y = np.zeros((len(images), *geometry.output_size, images.shape[3]))
    for image, i, j, c in np.ndindex(y.shape):
        y[image, i, j, c] = np.max([images[image, row, col, c] for row, col in _cells(geometry, i, j)])
    return _result(y, images, unbatched)


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
    dx = np.zeros(images.shape)
    for image, i, j, c in np.ndindex(delta.shape):
        cells = _cells(geometry, i, j)
        row, col = cells[np.argmax([images[image, row, col, c] for row, col in cells])]
        dx[image, row, col, c] += delta[image, i, j, c]
    return _result(dx, images, unbatched)


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
    y = np.zeros((len(images), *geometry.output_size, images.shape[3]))
    for image, i, j, c in np.ndindex(y.shape):
        total = sum(float(images[image, row, col, c]) for row, col in _cells(geometry, i, j))
        y[image, i, j, c] = total / len(_cells(geometry, i, j, count_include_pad))
    return _result(y, images, unbatched)


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
    dx = np.zeros(shape)
    for image, i, j, c in np.ndindex(delta.shape):
        share = delta[image, i, j, c] / np.float64(len(_cells(geometry, i, j, count_include_pad)))
        for row, col in _cells(geometry, i, j):
            dx[image, row, col, c] += share
    return _result(dx, delta, unbatched)


@quiet
def dense(x: Array, w: Array, b: Array | None = None) -> Array:
    """Return the dense layer ``y[k] = b[k] + sum over c of x[c] * w[c, k]``.

    `x` is (N, in) or (in,), `w` (in, out), `b` (out,) or None, float32 or float64; the result is (N, out) or
    (out,). Raises ShapeError or DTypeError.
    """
    rows, weights, biases, unbatched = check_dense(x, w, b)
    y = np.zeros((len(rows), weights.shape[1]))
    for row, k in np.ndindex(y.shape):
        z = 0.0 if biases is None else biases[k]
        for c in range(weights.shape[0]):
            z += np.float64(rows[row, c]) * weights[c, k]
        y[row, k] = z
    return _result(y, rows, unbatched)


@quiet
def dense_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return dx, dw and db of `dense`.

    ``dx[c] += dy[k] * w[c, k]``; ``dw[c, k] += dy[k] * x[c]``; ``db[k] += dy[k]``, summed over the batch.
    `dy` is (N, out) or (out,), `x` and `w` are those of the forward call; dx has the shape of `x`, dw of `w`,
    db is (out,). Raises ShapeError or DTypeError.
    """
    delta, rows, weights, unbatched = check_dense_backward(dy, x, w)
    dx, dw, db = np.zeros(rows.shape), np.zeros(weights.shape), np.zeros(weights.shape[1])
    for row, k in np.ndindex(delta.shape):
        error = np.float64(delta[row, k])
        db[k] += error
        for c in range(weights.shape[0]):
            dx[row, c] += error * weights[c, k]
            dw[c, k] += error * rows[row, c]
    return _result(dx, rows, unbatched), dw.astype(rows.dtype), db.astype(rows.dtype)


def _pad(images: Array, geometry: Geometry) -> Array:
    return np.pad(images.astype(np.float64), ((0, 0), *geometry.padding, (0, 0)))


def _crop(padded: Array, geometry: Geometry) -> Array:
    (top, _), (left, _) = geometry.padding
    height, width = geometry.input_size
    return padded[:, top : top + height, left : left + width]


def _padded_shape(images: int, geometry: Geometry, channels: int) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = geometry.padding
    height, width = geometry.input_size
    return images, top + height + bottom, left + width + right, channels


def _cells(geometry: Geometry, i: int, j: int, with_padding: bool = False) -> list[tuple[int, int]]:
    """Return the cells (row, col) of the input, or of the padded input, under window (i, j), row by row."""
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    (top, bottom), (left, right) = geometry.padding
    rows = [i * s_h + m * d_h - top for m in range(geometry.kernel_size[0])]
    cols = [j * s_w + n * d_w - left for n in range(geometry.kernel_size[1])]
    height, width = geometry.input_size
    if not with_padding:
        top = bottom = left = right = 0
    rows = [row for row in rows if -top <= row < height + bottom]
    cols = [col for col in cols if -left <= col < width + right]
    return [(row, col) for row in rows for col in cols]


def _first_channel(k: int, weights: Array, groups: int) -> int:
    """Return the first input channel that filter `k` reads: 0, unless the channels form groups."""
    filters_per_group = weights.shape[-1] // groups
    return int(k // filters_per_group * weights.shape[-2])


def _result(values: Array, like: Array, unbatched: bool) -> Array:
    rounded: Array = values.astype(like.dtype)
    return rounded[0] if unbatched else rounded
