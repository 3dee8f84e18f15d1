"""Convolutions on all cores: arguments are checked here, the path is chosen in `choice`."""

from cnnkit.kernels.arguments import (
    Array,
    Padding,
    Padding1D,
    Pair,
    check_conv1d,
    check_conv2d,
)
from cnnkit.kernels.parallel.prepared import forward
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
            `cnnkit.kernels.parallel.choice.PATHS`. Winograd rounds some ten times as much as the
            direct sum: up to 2e-5 of the largest result in float32, 4e-14 in float64.

    Returns:
        (N, H_out, W_out, F), or without N when `x` has none, in the type of `x`.

    Raises ShapeError, DTypeError or OptionError.
    """
    images, weights, biases, geometry, unbatched = check_conv2d(
        x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    y = forward(images, weights, biases, geometry, algorithm)
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
