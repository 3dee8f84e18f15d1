"""Gradients of a convolution, and its transpose.

dx is made of forward convolutions, so that everything which makes those fast serves it too: of `dy` with the
kernel turned by 180 degrees, whose channels and filters change places. A stride s divides the cells of dx
into s classes on each axis, its *phases*; each is read by its own taps, and is a convolution of stride 1.
"""

from math import gcd
from typing import NamedTuple

import numpy as np

from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Pair,
    check_conv2d_backward,
    check_conv2d_transpose,
    quiet,
)
from cnnkit.kernels.parallel.convolution import conv2d
from cnnkit.kernels.parallel.weight_gradient import weight_gradient

ENOUGH_TILES = 32  # of 4x4 results: fewer do not pay for weights that Winograd transforms for a single use


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
    of the forward call. dx has the shape of `x`, dw of `w`, db is (F,), all in the type of `x`.
    Raises ShapeError, DTypeError or OptionError.
    """
    delta, images, weights, geometry, unbatched = check_conv2d_backward(
        dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    dx = _input_gradient(delta, weights, geometry)
    return (dx[0] if unbatched else dx), *weight_gradient(images, delta, weights.shape, geometry)


@quiet
def conv2d_weight_gradients(
    dy: Array,
    x: Array,
    w: Array,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Array]:
    """Return dw and db of `conv2d_backward` without dx: for a first layer, whose input is data.

    Arguments, shapes and errors are those of `conv2d_backward`.
    """
    delta, images, weights, geometry, _ = check_conv2d_backward(
        dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return weight_gradient(images, delta, weights.shape, geometry)


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
    y = _input_gradient(images, weights, geometry)
    if biases is not None:
        y += biases
    return y[0] if unbatched else y


class Phase(NamedTuple):
    """The cells of dx, along one axis, that the same taps read.

    Attributes:
        first: the first such cell; the others follow at the distance of the stride.
        cells: how many there are.
        taps: which taps read them, last first: this turns the kernel.
        dilation: how many errors lie between those that neighbouring taps read.
        before: zeros that the errors need before them; negative: errors that are skipped.
        after: likewise at the end.
    """

    first: int
    cells: int
    taps: slice
    dilation: int
    before: int
    after: int


def _phases(geometry: Geometry, axis: int) -> list[Phase]:
    """Return the phases of an axis that any tap reads, one for every remainder of a cell by the stride.

    Tap m of window i stands on cell ``i*s + m*d - pad``. So cell ``s*q + rest - pad`` is read by the taps
    with ``m*d = rest`` modulo s, every (s / gcd)-th of them, in the windows ``i = q - (m*d - rest) / s``.
    """
    stride, dilation, kernel = geometry.stride[axis], geometry.dilation[axis], geometry.kernel_size[axis]
    pad, size = geometry.padding[axis][0], geometry.input_size[axis]
    common = gcd(stride, dilation)
    phases = []
    for rest in range(stride):
        begin = next((m for m in range(kernel) if m * dilation % stride == rest), kernel)
        taps = range(begin, kernel, stride // common)
        first = (rest - pad) % stride
        if not taps or first >= size:
            continue
        count = -(-(size - first) // stride)
        before = (taps[-1] * dilation - rest) // stride - (first + pad) // stride
        span = (len(taps) - 1) * (dilation // common)
        after = count + span - geometry.output_size[axis] - before
        reach = slice(taps[-1], taps[0] - 1 if taps[0] else None, -(stride // common))
        phases.append(Phase(first, count, reach, dilation // common, before, after))
    return phases


def _input_gradient(dy: Array, w: Array, geometry: Geometry) -> Array:
    """Return dx (N, H, W, C) for `dy` (N, H', W', F) and `w` (KH, KW, C/groups, F)."""
    if not np.isfinite(w.sum()):
        return _stamped(dy, w, geometry)
    groups, (rows, columns, channels, filters) = geometry.groups, w.shape
    # (KH, KW, C/groups, G, F/groups) -> (KH, KW, F/groups, G, C/groups); each phase turns its taps
    swapped = w.reshape(rows, columns, channels, groups, filters // groups).swapaxes(2, 4)
    swapped = swapped.reshape(rows, columns, filters // groups, groups * channels)
    dx: Array | None = None
    for down in _phases(geometry, 0):
        for across in _phases(geometry, 1):
            part = _one_phase(dy, swapped[down.taps, across.taps], down, across, groups)
            if geometry.stride == (1, 1):
                return part
            if dx is None:
                dx = np.zeros((len(dy), *geometry.input_size, groups * channels), dy.dtype)
            dx[:, down.first :: geometry.stride[0], across.first :: geometry.stride[1]] = part
    return np.zeros((len(dy), *geometry.input_size, groups * channels), dy.dtype) if dx is None else dx


def _stamped(dy: Array, w: Array, geometry: Geometry) -> Array:
    """Return dx as literal stamps: a phase multiplies weights by zeros around dy, which NaN would notice."""
    groups, (rows, columns, channels, filters) = geometry.groups, w.shape
    (s_h, s_w), (d_h, d_w), (height, width) = geometry.stride, geometry.dilation, dy.shape[1:3]
    (top, bottom), (left, right) = geometry.padding
    errors = dy.reshape(*dy.shape[:3], groups, filters // groups)
    weights = w.reshape(rows, columns, channels, groups, filters // groups)
    size = geometry.input_size[0] + top + bottom, geometry.input_size[1] + left + right
    padded = np.zeros((len(dy), *size, groups, channels), dy.dtype)
    for m, n in np.ndindex(rows, columns):
        down = slice(m * d_h, m * d_h + (height - 1) * s_h + 1, s_h)
        across = slice(n * d_w, n * d_w + (width - 1) * s_w + 1, s_w)
        padded[:, down, across] += np.einsum("nijgk,cgk->nijgc", errors, weights[m, n])
    dx = padded[:, top : size[0] - bottom, left : size[1] - right]
    return np.ascontiguousarray(dx).reshape(*dx.shape[:3], groups * channels)


def _one_phase(dy: Array, w: Array, down: Phase, across: Phase, groups: int) -> Array:
    """Return (N, count, count, C): a convolution of stride 1 of the errors that these cells receive."""
    errors = dy[:, max(0, -down.before) : max(0, dy.shape[1] + min(0, down.after))]
    errors = errors[:, :, max(0, -across.before) : max(0, dy.shape[2] + min(0, across.after))]
    if 0 in errors.shape:
        return np.zeros((len(dy), down.cells, across.cells, w.shape[3]), dy.dtype)
    rows, columns = ((max(0, p.before), max(0, p.after)) for p in (down, across))
    padding = (rows, columns)
    tiles = len(dy) * (down.cells // 4) * (across.cells // 4)
    return conv2d(
        errors,
        w,
        padding=padding,
        dilation=(down.dilation, across.dilation),
        groups=groups,
        algorithm="auto" if tiles >= ENOUGH_TILES else "direct",
    )
