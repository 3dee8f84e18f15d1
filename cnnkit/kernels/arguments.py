"""One check of the arguments for all three kernel modules: what passes here is safe to compute with.

Each ``check_*`` function returns the arrays with a batch axis and the geometry as plain integers, so that
the kernels themselves hold nothing but arithmetic. Nothing is copied and nothing is modified here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels.geometry import (
    Geometry,
    Padding,
    Padding1D,
    Pair,
    axis_paddings,
    conv_geometry,
    pool_geometry,
    transpose_geometry,
)
from cnnkit.shapes import conv_output_size, whole_number

__all__ = [
    "Array",
    "Geometry",
    "Padding",
    "Padding1D",
    "Pair",
    "axis_paddings",
    "check_avg_pool2d_backward",
    "check_conv1d",
    "check_conv2d",
    "check_conv2d_backward",
    "check_conv2d_transpose",
    "check_dense",
    "check_dense_backward",
    "check_float",
    "check_images",
    "check_max_pool2d_backward",
    "check_pool2d",
    "check_same_dtype",
    "check_upstream",
    "check_x_shape",
    "conv_geometry",
    "pool_geometry",
    "quiet",
]

Array = NDArray[Any]

quiet = np.errstate(invalid="ignore", over="ignore")
"""Decorator of the NumPy kernels: NaN and infinity are results here, shown as such, not warnings."""


def check_float(array: Any, name: str) -> Array:
    """Return `array` as an ndarray; raise DTypeError unless it holds float32 or float64."""
    values = np.asarray(array)
    if values.dtype in (np.float32, np.float64) and values.dtype.isnative:
        return values
    raise DTypeError(
        f"{name} holds {values.dtype} numbers; expected float32 or float64. "
        f"Convert first, for example {name}.astype(np.float32)"
        + (" / 255 for a photograph stored as bytes" if values.dtype == np.uint8 else "")
    )


def check_same_dtype(**arrays: Array | None) -> None:
    """Raise DTypeError unless all the named arrays (None is skipped) hold the same type of number."""
    present = {name: array for name, array in arrays.items() if array is not None}
    if len({array.dtype for array in present.values()}) > 1:
        listing = ", ".join(f"{name} is {array.dtype}" for name, array in present.items())
        raise DTypeError(f"{listing}; expected one type for all, because the result has that type too")


def check_images(x: Any, name: str = "x") -> tuple[Array, bool]:
    """Return `x` as (N, H, W, C) and whether a batch axis was added.

    Raises DTypeError for other numbers than floats, ShapeError for other than 3 or 4 axes or empty ones.
    """
    images = check_float(x, name)
    if images.ndim not in (3, 4):
        hint = f"; a gray image needs its channel axis, {name}[..., None]" if images.ndim == 2 else ""
        raise ShapeError(f"{name} has shape {images.shape}; expected (H, W, C) or (N, H, W, C){hint}")
    if 0 in images.shape[-3:]:
        raise ShapeError(f"{name} has shape {images.shape}; expected at least one row, column and channel")
    unbatched = images.ndim == 3
    return (images[None] if unbatched else images), unbatched


def check_conv2d(
    x: Any,
    w: Any,
    b: Any,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> tuple[Array, Array, Array | None, Geometry, bool]:
    """Check the arguments of a 2-D convolution.

    Returns ``x (N, H, W, C)``, ``w (KH, KW, C/groups, F)``, ``b (F,)`` or None, the geometry, and whether
    `x` came without a batch axis. Raises ShapeError, DTypeError or OptionError.
    """
    images, unbatched = check_images(x)
    weights = _check_weights(w)
    biases = _check_biases(b, weights.shape[3], "filter")
    check_same_dtype(x=images, w=weights, b=biases)
    _check_groups(images, weights, groups)
    geometry = conv_geometry(images.shape[1:3], weights.shape[:2], stride, padding, dilation, groups=groups)
    return images, weights, biases, geometry, unbatched


def check_conv2d_backward(
    dy: Any,
    x: Any,
    w: Any,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> tuple[Array, Array, Array, Geometry, bool]:
    """Check the arguments of a convolution's gradients.

    Returns ``dy (N, H', W', F)``, ``x (N, H, W, C)``, ``w (KH, KW, C/groups, F)``, the geometry, and whether
    `x` came without a batch axis. Raises ShapeError, DTypeError or OptionError.
    """
    images, weights, _, geometry, unbatched = check_conv2d(
        x, w, None, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    delta = check_upstream(dy, _y_shape(len(images), geometry, weights.shape[3], unbatched))
    check_same_dtype(dy=delta, x=images)
    return delta, images, weights, geometry, unbatched


def check_conv2d_transpose(
    x: Any,
    w: Any,
    b: Any,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    output_padding: Pair,
) -> tuple[Array, Array, Array | None, Geometry, bool]:
    """Check the arguments of a transposed 2-D convolution.

    Returns ``x (N, H, W, F)``, ``w (KH, KW, C/groups, F)``, ``b (C,)`` or None, the geometry *of the forward
    convolution that this one transposes* (its output_size is x's size, its input_size is y's), and
    whether `x` came without a batch axis. Raises ShapeError, DTypeError or OptionError.
    """
    images, unbatched = check_images(x)
    weights = _check_weights(w)
    if images.shape[-1] != weights.shape[3]:
        raise ShapeError(
            f"x has {images.shape[-1]} channels but w has shape {weights.shape}, which makes "
            f"{weights.shape[3]} filters; a transposed convolution reads one channel per filter"
        )
    whole_number(groups, "groups", least=1)
    if weights.shape[3] % groups:
        raise OptionError(f"groups is {groups}; expected a divisor of the {weights.shape[3]} filters of w")
    channels = weights.shape[2] * groups
    biases = _check_biases(b, channels, "channel of y")
    check_same_dtype(x=images, w=weights, b=biases)
    geometry = transpose_geometry(
        images.shape[1:3],
        weights.shape[:2],
        stride,
        padding,
        dilation,
        groups=groups,
        output_padding=output_padding,
    )
    return images, weights, biases, geometry, unbatched


def check_pool2d(
    x: Any,
    window: Pair,
    *,
    stride: Pair | None,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, Geometry, bool]:
    """Check the arguments of a pooling: returns ``x (N, H, W, C)``, the geometry and whether unbatched.

    `stride` None means the window's own size, so that the windows tile the input. Raises ShapeError,
    DTypeError or OptionError, also when a window would lie in the padding entirely and had nothing to pool.
    """
    images, unbatched = check_images(x)
    return images, pool_geometry(images.shape[1:3], window, stride, padding, dilation, ceil_mode), unbatched


def check_max_pool2d_backward(
    dy: Any,
    x: Any,
    window: Pair,
    *,
    stride: Pair | None,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, Array, Geometry, bool]:
    """Check the arguments of max pooling's gradient.

    Returns ``dy (N, H', W', C)``, ``x (N, H, W, C)``, the geometry, and whether `x` came without a batch
    axis. Raises ShapeError, DTypeError or OptionError.
    """
    images, geometry, unbatched = check_pool2d(
        x, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    delta = check_upstream(dy, _y_shape(len(images), geometry, images.shape[3], unbatched))
    check_same_dtype(dy=delta, x=images)
    return delta, images, geometry, unbatched


def check_avg_pool2d_backward(
    dy: Any,
    x_shape: Any,
    window: Pair,
    *,
    stride: Pair | None,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, tuple[int, ...], Geometry, bool]:
    """Check the arguments of average pooling's gradient, which needs only the shape of x.

    Returns ``dy (N, H', W', C)``, the shape (N, H, W, C) of the gradient, the geometry and whether `x_shape`
    came without a batch axis. Raises ShapeError, DTypeError or OptionError.
    """
    shape = check_x_shape(x_shape)
    unbatched = len(shape) == 3
    images_shape = (1, *shape) if unbatched else shape
    geometry = pool_geometry(images_shape[1:3], window, stride, padding, dilation, ceil_mode)
    delta = check_upstream(dy, _y_shape(images_shape[0], geometry, images_shape[3], unbatched))
    return delta, images_shape, geometry, unbatched


def check_x_shape(x_shape: Any) -> tuple[int, ...]:
    """Return `x_shape` as a tuple of 3 or 4 whole numbers; raise ShapeError when it is no shape of images."""
    hint = "; pass x.shape, not x" if isinstance(x_shape, np.ndarray) and x_shape.ndim > 1 else ""
    if not isinstance(x_shape, (tuple, list)) or len(x_shape) not in (3, 4):
        shown = f"an array of shape {x_shape.shape}" if hint else repr(x_shape)
        raise ShapeError(
            f"x_shape is {shown}; expected the shape (H, W, C) or (N, H, W, C) of the input{hint}"
        )
    names = ("N", "H", "W", "C")[-len(x_shape) :]
    return tuple(
        whole_number(size, f"x_shape, {name}", least=0 if name == "N" else 1)
        for name, size in zip(names, x_shape, strict=True)
    )


def check_upstream(dy: Any, y_shape: tuple[int, ...]) -> Array:
    """Return `dy` with a batch axis; raise ShapeError unless it has exactly the shape of the forward result.

    `y_shape` is the shape that the forward pass returned: (N, H', W', F) of images, (N, out) of a dense
    layer, or one of the two without N.
    """
    gradient = check_float(dy, "dy")
    if gradient.shape != y_shape:
        raise ShapeError(
            f"dy has shape {gradient.shape}; expected {y_shape}, the shape of the forward result: "
            "pass the same arguments as in the forward call"
        )
    return gradient if gradient.ndim in (2, 4) else gradient[None]


def check_dense(x: Any, w: Any, b: Any) -> tuple[Array, Array, Array | None, bool]:
    """Check a dense layer's ``x (N, in)`` or ``(in,)``, ``w (in, out)``, ``b (out,)`` or None.

    Returns them with `x` as (N, in), and whether `x` came without a batch axis.
    """
    rows = check_float(x, "x")
    weights = check_float(w, "w")
    if rows.ndim not in (1, 2):
        hint = "; flatten it first, x.reshape(len(x), -1)" if rows.ndim > 2 else ""
        raise ShapeError(f"x has shape {rows.shape}; expected (in,) or (N, in){hint}")
    if weights.ndim != 2 or rows.shape[-1] != weights.shape[0]:
        swapped = weights.ndim == 2 and rows.shape[-1] == weights.shape[1]
        hint = "; it looks like (out, in), PyTorch's layout: pass w.T" if swapped else ""
        raise ShapeError(f"w has shape {weights.shape}; expected ({rows.shape[-1]}, out) to fit x{hint}")
    biases = _check_biases(b, weights.shape[1], "output")
    check_same_dtype(x=rows, w=weights, b=biases)
    return (rows[None] if rows.ndim == 1 else rows), weights, biases, rows.ndim == 1


def check_dense_backward(dy: Any, x: Any, w: Any) -> tuple[Array, Array, Array, bool]:
    """Check the arguments of a dense layer's gradients.

    Returns ``dy (N, out)``, ``x (N, in)``, ``w (in, out)`` and whether `x` came without a batch axis. Raises
    ShapeError or DTypeError.
    """
    rows, weights, _, unbatched = check_dense(x, w, None)
    y_shape = (len(rows), weights.shape[1])
    delta = check_upstream(dy, y_shape[1:] if unbatched else y_shape)
    check_same_dtype(dy=delta, x=rows)
    return delta, rows, weights, unbatched


def check_conv1d(
    x: Any,
    w: Any,
    padding: Padding1D,
    stride: int,
    dilation: int,
    *,
    b: Any = None,
    groups: int = 1,
) -> tuple[Array, Array]:
    """Check the arguments of a 1-D convolution, in the words of sequences.

    Returns ``x (N, L, C)`` or ``(L, C)`` and ``w (K, C/groups, F)``. Raises ShapeError, DTypeError or
    OptionError.
    """
    sequence = check_float(x, "x")
    weights = check_float(w, "w")
    if sequence.ndim not in (2, 3):
        hint = "; a plain signal needs its channel axis, x[:, None]" if sequence.ndim == 1 else ""
        raise ShapeError(f"x has shape {sequence.shape}; expected (L, C) or (N, L, C){hint}")
    if weights.ndim != 3:
        raise ShapeError(f"w has shape {weights.shape}; expected (K, C/groups, F)")
    if 0 in sequence.shape[-2:] or 0 in weights.shape:
        raise ShapeError(f"x has shape {sequence.shape} and w {weights.shape}; expected no empty axis")
    biases = _check_biases(b, weights.shape[2], "filter")
    check_same_dtype(x=sequence, w=weights, b=biases)
    _check_groups(sequence, weights, groups)
    length, kernel_size = sequence.shape[-2], weights.shape[0]
    conv_output_size(length, kernel_size, stride=stride, padding=padding, dilation=dilation)
    return sequence, weights


def _y_shape(images: int, geometry: Geometry, channels: int, unbatched: bool) -> tuple[int, ...]:
    shape = (images, *geometry.output_size, channels)
    return shape[1:] if unbatched else shape


def _check_weights(w: Any) -> Array:
    weights = check_float(w, "w")
    if weights.ndim != 4:
        hint = "; a single kernel needs its channel axes, w[:, :, None, None]" if weights.ndim == 2 else ""
        raise ShapeError(f"w has shape {weights.shape}; expected (KH, KW, C/groups, F){hint}")
    if 0 in weights.shape:
        raise ShapeError(f"w has shape {weights.shape}; expected no empty axis")
    return weights


def _check_biases(b: Any, count: int, owner: str) -> Array | None:
    if b is None:
        return None
    biases = check_float(b, "b")
    if biases.shape != (count,):
        raise ShapeError(f"b has shape {biases.shape}; expected ({count},), one bias per {owner}")
    return biases


def _check_groups(inputs: Array, weights: Array, groups: int) -> None:
    """Check channels for any number of spatial axes: the last two axes of w are C/groups and F."""
    whole_number(groups, "groups", least=1)
    channels, (reads, filters) = inputs.shape[-1], weights.shape[-2:]
    if channels % groups or filters % groups:
        raise OptionError(f"groups is {groups}; expected a divisor of C = {channels} and of F = {filters}")
    if reads * groups != channels:
        raise ShapeError(
            f"x has {channels} channels (last axis of {inputs.shape}) but each filter of w, shape "
            f"{weights.shape}, reads {reads}; expected {channels // groups}"
            + (f" (C / groups with groups = {groups})" if groups > 1 else "")
            + _channel_hint(inputs, weights, groups)
        )


def _channel_hint(inputs: Array, weights: Array, groups: int) -> str:
    channels, reads = inputs.shape[-1], weights.shape[-2]
    if weights.ndim == 4 and groups == 1 and _looks_like_oihw(weights.shape, channels):
        return ". w looks like (F, C, KH, KW), PyTorch's layout: see cnnkit.layout.oihw_to_hwio"
    if inputs.ndim == 4 and inputs.shape[1] == reads * groups:
        return ". x looks like (N, C, H, W), PyTorch's layout: see cnnkit.layout.nchw_to_nhwc"
    if channels % reads == 0 and weights.shape[-1] % (channels // reads) == 0:
        return f". They would fit with groups={channels // reads}"
    return ""


def _looks_like_oihw(shape: tuple[int, ...], channels: int) -> bool:
    """Most kernels are square, so equal last sizes, or unequal first ones, speak for (F, C, KH, KW)."""
    return shape[1] == channels and (shape[2] == shape[3] or shape[0] != shape[1])
