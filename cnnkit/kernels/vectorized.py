"""The same kernels in NumPy, the way one would write them in an interview: windows, then one product.

A window view copies nothing; `tensordot` hands the multiply-adds to BLAS. The backward passes loop over the
taps of a kernel only. Rules for padding, NaN and results are those of `cnnkit.kernels.loops`.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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
    """Return the 2-D convolution of deep learning, one tensor product per group.

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
    return y[0] if unbatched else y


def _windows(padded: Array, geometry: Geometry) -> Array:
    """Return every window of (N, H, W, C) as a view of shape (N, H_out, W_out, KH, KW, C)."""
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    spans = [d * (k - 1) + 1 for k, d in zip(geometry.kernel_size, geometry.dilation, strict=True)]
    views = sliding_window_view(padded, spans, axis=(1, 2))
    return views[:, ::s_h, ::s_w, :, ::d_h, ::d_w].transpose(0, 1, 2, 4, 5, 3)


def _pad(images: Array, geometry: Geometry) -> Array:
    return np.pad(images, ((0, 0), *geometry.padding, (0, 0)))


def _group_slices(weights: Array, groups: int) -> list[tuple[slice, slice]]:
    """Return (input channels, filters) of each group."""
    channels, filters = weights.shape[2], weights.shape[3] // groups
    return [
        (slice(g * channels, g * channels + channels), slice(g * filters, g * filters + filters))
        for g in range(groups)
    ]
