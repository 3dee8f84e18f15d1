"""Poolings beyond maximum and average, each with its backward beside it: global average, Lp, blur.

They are put together from the kernels, so stride, padding and gradients follow the same rules. Arrays are
(N, H, W, C) or (H, W, C), float32 or float64; results have the type of x.

Sources: Lin, Chen, Yan, "Network In Network" (2013), section 3.2; Sermanet, Chintala, LeCun, "Convolutional
Neural Networks Applied to House Numbers Digit Classification" (2012), section 2.2; Zhang, "Making
Convolutional Networks Shift-Invariant Again" (2019), section 3.2.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.geometry import Padding, Pair, pool_geometry
from cnnkit.kernels.vectorized import (
    avg_pool2d_backward,
    conv2d,
    conv2d_backward,
    im2col,
    max_pool2d,
    max_pool2d_backward,
)
from cnnkit.shapes import pair, whole_number

Array = NDArray[Any]


def global_avg_pool2d(x: Array) -> Array:
    """Return the mean of every map: (N, H, W, C) becomes (N, C), (H, W, C) becomes (C,).

    Raises ShapeError for another number of axes and for an empty map.
    """
    _check_maps(x.shape)
    means: Array = x.mean(axis=(-3, -2))
    return means


def global_avg_pool2d_backward(dy: Array, x_shape: tuple[int, ...]) -> Array:
    """Return dx of `global_avg_pool2d`: every cell of a map gets ``dy / (H*W)``.

    `dy` is (N, C) or (C,), `x_shape` the shape of the forward input. Raises ShapeError when they disagree.
    """
    _check_maps(x_shape)
    if dy.shape != (*x_shape[:-3], x_shape[-1]):
        raise ShapeError(
            f"dy has shape {dy.shape}; expected {(*x_shape[:-3], x_shape[-1])} for maps of shape {x_shape}"
        )
    share = dy[..., np.newaxis, np.newaxis, :] / (x_shape[-3] * x_shape[-2])
    return np.broadcast_to(share, x_shape).copy()


def lp_pool2d(
    x: Array, window: Pair = 2, *, p: float = 2.0, stride: Pair | None = None, padding: Padding = "valid"
) -> Array:
    """Return the p-norm of every window, ``(sum of |x|^p)^(1/p)``; padding counts as 0.

    p = 1 sums, p = 2 is L2 pooling, p = inf is the largest absolute value. Like PyTorch's LPPool2d and ONNX's
    LpPool this is a sum: a constant map c gives ``c * (window cells)^(1/p)``. `x` (N, H, W, C) or (H, W, C),
    the result (N, H_out, W_out, C). Raises ShapeError, DTypeError, and OptionError for p below 1.
    """
    p = _checked_power(p)
    step = window if stride is None else stride
    size = pool_geometry(x.shape[-3:-1], window, stride, padding, 1, False).output_size
    # One row for each window; dividing by its largest cell keeps the powers in range at any magnitude.
    cells = im2col(np.abs(x), window, stride=step, padding=padding).reshape(
        -1, math.prod(pair(window, "window")), x.shape[-1]
    )
    peaks = cells.max(axis=1)
    if math.isfinite(p):
        scale = np.where((peaks > 0) & np.isfinite(peaks), peaks, 1)
        peaks = scale * ((cells / scale[:, np.newaxis]) ** p).sum(axis=1) ** (1 / p)
    y: Array = peaks.astype(x.dtype, copy=False).reshape(*x.shape[:-3], *size, x.shape[-1])
    return y


def lp_pool2d_backward(
    dy: Array,
    x: Array,
    window: Pair = 2,
    *,
    p: float = 2.0,
    stride: Pair | None = None,
    padding: Padding = "valid",
) -> Array:
    """Return dx of `lp_pool2d`: ``dy * sign(x) * (|x| / y)^(p-1)``, summed over the windows that read a cell.

    A window of zeros passes nothing on (the norm has no derivative there). `dy` (N, H_out, W_out, C), `x` and
    the options are those of the forward call. Raises ShapeError, and OptionError unless p is finite, from 1.
    """
    p = _checked_power(p)
    if not math.isfinite(p):
        raise OptionError("p is inf; its gradient is that of max pooling, see max_pool2d_backward")
    y = lp_pool2d(x, window, p=p, stride=stride, padding=padding)
    scale = float(np.abs(x).max(initial=0.0)) or 1.0
    errors = np.where(y > 0, dy / np.where(y > 0, y / scale, 1) ** (p - 1), 0).astype(x.dtype)
    shares = avg_pool2d_backward(
        errors, x.shape, window, stride=stride, padding=padding, count_include_pad=True
    )
    area = math.prod(pair(window, "window"))  # a mean's gradient times its cells is a sum's gradient
    dx: Array = shares * area * np.sign(x) * (np.abs(x) / scale) ** (p - 1)
    return dx.astype(x.dtype, copy=False)


def blur_kernel(size: int = 3) -> NDArray[np.float64]:
    """Return the binomial blur (size, size) that sums to 1: 3 gives (1, 2, 1) x (1, 2, 1) / 16.

    Raises OptionError for a size below 1.
    """
    size = whole_number(size, "size", least=1)
    row = np.array([math.comb(size - 1, tap) for tap in range(size)], dtype=np.float64)
    kernel: NDArray[np.float64] = np.outer(row, row) / row.sum() ** 2
    return kernel


def blur_pool2d(x: Array, size: int = 3, *, stride: Pair = 2) -> Array:
    """Return `x` blurred by `blur_kernel(size)`, then every `stride`-th cell: subsampling without aliasing.

    At the border the weights that fall outside are left out and the others scaled up, so that a constant map
    stays constant. `x` (N, H, W, C) or (H, W, C); the result has ceil(H / stride) rows, likewise columns.
    Raises ShapeError, DTypeError or OptionError.
    """
    weights, options = _blur(x.shape[-1], size, stride, x.dtype)
    blurred: Array = conv2d(x, weights, **options) / _blur_weight(x.shape, size, stride, x.dtype)
    return blurred


def blur_pool2d_backward(dy: Array, x_shape: tuple[int, ...], size: int = 3, *, stride: Pair = 2) -> Array:
    """Return dx of `blur_pool2d`: every error is spread over its window in proportion to the weights.

    `dy` (N, H_out, W_out, C), `x_shape` the shape of the forward input. Raises ShapeError or OptionError.
    """
    weights, options = _blur(x_shape[-1], size, stride, dy.dtype)
    errors = dy / _blur_weight(x_shape, size, stride, dy.dtype)
    return conv2d_backward(errors, np.zeros(x_shape, dy.dtype), weights, **options)[0]


def max_blur_pool2d(
    x: Array, window: Pair = 2, *, size: int = 3, stride: Pair | None = None, padding: Padding = "valid"
) -> Array:
    """Return anti-aliased max pooling: the maximum at every position, then `blur_pool2d` with the stride.

    The shape is that of ``max_pool2d(x, window, stride=stride, padding=padding)``, whose every cell is here a
    weighted mean of itself and its neighbours at stride 1. Raises ShapeError, DTypeError or OptionError.
    """
    dense = max_pool2d(x, window, stride=1, padding=padding)
    return blur_pool2d(dense, size, stride=window if stride is None else stride)


def max_blur_pool2d_backward(
    dy: Array,
    x: Array,
    window: Pair = 2,
    *,
    size: int = 3,
    stride: Pair | None = None,
    padding: Padding = "valid",
) -> Array:
    """Return dx of `max_blur_pool2d`: spread over the blur's cells, then to the maximum behind each.

    `dy` (N, H_out, W_out, C), `x` and the options are those of the forward call. Raises ShapeError,
    DTypeError or OptionError.
    """
    dense = pool_geometry(x.shape[-3:-1], window, 1, padding, 1, False).output_size
    errors = blur_pool2d_backward(
        dy, (*x.shape[:-3], *dense, x.shape[-1]), size, stride=window if stride is None else stride
    )
    return max_pool2d_backward(errors, x, window, stride=1, padding=padding)


def _blur(channels: int, size: int, stride: Pair, dtype: Any) -> tuple[Array, dict[str, Any]]:
    """Return the depthwise weights (size, size, 1, C) and the options that keep ceil(H / stride) rows."""
    around = ((size - 1) // 2, size // 2)
    weights = np.repeat(blur_kernel(size)[..., np.newaxis, np.newaxis], channels, axis=3).astype(dtype)
    return weights, {"stride": stride, "padding": (around, around), "groups": channels}


def _blur_weight(shape: tuple[int, ...], size: int, stride: Pair, dtype: Any) -> Array:
    """Return the sum of the weights that fall on the map, (H_out, W_out, 1): 1 but for the border."""
    weights, options = _blur(1, size, stride, dtype)
    return conv2d(np.ones((*shape[-3:-1], 1), dtype), weights, **options)


def _check_maps(shape: tuple[int, ...]) -> None:
    if len(shape) not in (3, 4) or 0 in shape[-3:-1]:
        raise ShapeError(f"x has shape {shape}; expected (N, H, W, C) or (H, W, C) with at least one cell")


def _checked_power(p: float) -> float:
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not p >= 1:
        raise OptionError(f"p is {p!r}; expected a number from 1 (below, it is no norm)")
    return float(p)
