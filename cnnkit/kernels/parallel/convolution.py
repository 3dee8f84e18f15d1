"""Convolutions on all cores: arguments are checked and packed here, `convolution_loops` computes."""

import numpy as np

from cnnkit.kernels.arguments import Array, Geometry, Padding, Pair, check_conv2d
from cnnkit.kernels.parallel import convolution_loops as loops

FEW_FILTERS = 8  # filters per group below which columns, not filters, share an instruction


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
    if biases is None:
        biases = np.zeros(weights.shape[3], images.dtype)
    few = weights.shape[3] // groups < FEW_FILTERS
    y = (_by_columns if few else _by_filters)(images, weights, biases, geometry)
    return y[0] if unbatched else y


def _by_filters(x: Array, w: Array, b: Array, geometry: Geometry) -> Array:
    groups = geometry.groups
    y = np.empty((len(x), *geometry.output_size, groups, w.shape[3] // groups), x.dtype)
    loops.convolve(
        plain(x),
        pack(split_groups(w.reshape(-1, w.shape[3]), groups)),
        pack(split_groups(b[None], groups), rows=1)[:, :, 0],
        y,
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
        (geometry.padding[0][0], geometry.padding[1][0]),
    )
    return y.reshape(*y.shape[:3], w.shape[3])


def _by_columns(x: Array, w: Array, b: Array, geometry: Geometry) -> Array:
    planes = np.pad(x.transpose(0, 3, 1, 2), ((0, 0), (0, 0), *geometry.padding))
    y = np.empty((len(x), w.shape[3], *geometry.output_size), x.dtype)
    loops.convolve_planes(plain(planes), plain(w), plain(b), y, geometry.stride, geometry.dilation)
    return np.ascontiguousarray(y.transpose(0, 2, 3, 1))


def plain(array: Array) -> Array:
    """Return `array` contiguous, aligned and writeable, copying only if it is not.

    Numba compiles anew for every layout and for read-only arrays; one kind means one compilation.
    """
    return np.require(array, requirements=("C", "A", "W"))


def split_groups(matrix: Array, groups: int) -> Array:
    """Return (rows, groups * columns) as (groups, rows, columns)."""
    return matrix.reshape(len(matrix), groups, -1).transpose(1, 0, 2)


def pack(matrices: Array, rows: int | None = None) -> Array:
    """Return (G, rows, columns) as (G, blocks, rows, BLOCK), filled with zeros to whole lanes and blocks."""
    count, height, width = matrices.shape
    height = -(-height // loops.LANES) * loops.LANES if rows is None else rows
    blocks = -(-width // loops.BLOCK)
    filled = np.zeros((count, height, blocks * loops.BLOCK), matrices.dtype)
    filled[:, : matrices.shape[1], :width] = matrices
    return np.ascontiguousarray(filled.reshape(count, height, blocks, loops.BLOCK).transpose(0, 2, 1, 3))
