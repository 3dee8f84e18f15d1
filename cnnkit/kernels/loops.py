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
    Pair,
    check_conv2d,
    quiet,
)


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


def _pad(images: Array, geometry: Geometry) -> Array:
    return np.pad(images.astype(np.float64), ((0, 0), *geometry.padding, (0, 0)))


def _first_channel(k: int, weights: Array, groups: int) -> int:
    """Return the first input channel that filter `k` reads: 0, unless the channels form groups."""
    filters_per_group = weights.shape[3] // groups
    return int(k // filters_per_group * weights.shape[2])


def _result(values: Array, like: Array, unbatched: bool) -> Array:
    rounded: Array = values.astype(like.dtype)
    return rounded[0] if unbatched else rounded
