"""Convolutions on all cores: arguments are checked and packed here, `convolution_loops` computes."""

import numpy as np

from cnnkit.kernels.arguments import (
    Array,
    Geometry,
    Padding,
    Padding1D,
    Pair,
    check_conv1d,
    check_conv2d,
    check_conv2d_backward,
    check_conv2d_transpose,
    quiet,
)
from cnnkit.kernels.parallel import convolution_loops as loops
from cnnkit.kernels.parallel.prepared import forward
from cnnkit.kernels.parallel.region import plain
from cnnkit.shapes import resolve_padding


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
    algorithm: str = "auto",
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
        algorithm: "direct", "winograd" (3x3 with stride 1), "im2col", or "auto" for the choice by shape in
            `cnnkit.kernels.parallel.choice.PATHS`. Winograd's rounding is some ten times the direct sum's.

    Returns:
        (N, H_out, W_out, F), or without N when `x` has none, in the type of `x`.

    Raises ShapeError, DTypeError or OptionError.
    """
    images, weights, biases, geometry, unbatched = check_conv2d(
        x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    y = forward(images, weights, biases, geometry, algorithm)
    return y[0] if unbatched else y


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
    dx = _scatter(delta, weights, geometry)
    return (dx[0] if unbatched else dx), *_weight_gradients(delta, images, weights, geometry)


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
    return _weight_gradients(delta, images, weights, geometry)


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
    y = _scatter(images, weights, geometry)
    if biases is not None:
        y += biases
    return y[0] if unbatched else y


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
    pads = resolve_padding(padding, sequence.shape[-2], len(weights), stride, dilation)
    y = conv2d(
        sequence[..., None, :, :],  # one row of L columns
        weights[None],
        b,
        stride=(1, stride),
        padding=(0, pads),
        dilation=(1, dilation),
        groups=groups,
    )
    return y[..., 0, :, :]


def _scatter(dy: Array, w: Array, geometry: Geometry) -> Array:
    """Return dx (N, H, W, C): `dy` (N, H_out, W_out, F) sent back through the weights."""
    groups, (rows, columns, channels, filters) = geometry.groups, w.shape
    backwards = w.reshape(rows, columns * channels, groups, filters // groups).transpose(0, 2, 3, 1)
    height, width = geometry.input_size
    dx = np.zeros((len(dy), height, groups, width, channels), dy.dtype)
    loops.scatter(
        plain(dy.reshape(*dy.shape[:3], groups, filters // groups)),
        pack(backwards),
        dx,
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
        (geometry.padding[0][0], geometry.padding[1][0]),
    )
    return plain(dx.swapaxes(2, 3)).reshape(len(dy), height, width, groups * channels)


def _weight_gradients(dy: Array, x: Array, w: Array, geometry: Geometry) -> tuple[Array, Array]:
    # Axis by axis, so that a float32 sum never runs over more numbers than a row, a column or a batch has.
    db = dy.sum(axis=2).sum(axis=1).sum(axis=0)
    return _correlate(x, dy, w.shape, geometry), db


def _correlate(x: Array, dy: Array, w_shape: tuple[int, ...], geometry: Geometry) -> Array:
    """Return dw (KH, KW, C/groups, F), summed over images and positions."""
    groups, (rows, columns, channels, filters) = geometry.groups, w_shape
    padded = np.pad(x, ((0, 0), *geometry.padding, (0, 0)))
    errors = dy.reshape(*dy.shape[:3], groups, filters // groups)
    dw = np.empty((groups, rows * columns * channels, filters // groups), x.dtype)
    loops.correlate(
        plain(padded.reshape(*padded.shape[:3], groups, channels)),
        pack(errors.transpose(3, 0, 1, 2, 4)),
        dw,
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
    )
    return plain(dw.swapaxes(0, 1)).reshape(w_shape)


def pack(matrices: Array) -> Array:
    """Return (..., rows, columns) as (..., blocks, rows, BLOCK), zeros filling the last lanes and block."""
    *leading, height, width = matrices.shape
    rows, blocks = -(-height // loops.LANES) * loops.LANES, -(-width // loops.BLOCK)
    filled = np.zeros((*leading, rows, blocks * loops.BLOCK), matrices.dtype)
    filled[..., :height, :width] = matrices
    return plain(filled.reshape(*leading, rows, blocks, loops.BLOCK).swapaxes(-3, -2))
