"""One check of the arguments for all three kernel modules: what passes here is safe to compute with.

Each ``check_*`` function returns the arrays with a batch axis and the geometry as plain integers, so that
the kernels themselves hold nothing but arithmetic. Nothing is copied and nothing is modified here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.shapes import (
    conv_output_size,
    conv_transpose_output_size,
    pair,
    resolve_padding,
    resolve_transpose_padding,
    whole_number,
)

Array = NDArray[Any]
Pair = int | tuple[int, int]
Padding = str | int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]
Padding1D = str | int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a window moves over an input: every value is (vertical, horizontal).

    Attributes:
        kernel_size: rows and columns of the window.
        stride: step between neighbouring windows.
        dilation: distance between neighbouring taps of the window.
        padding: ((top, bottom), (left, right)), in cells.
        input_size: rows and columns of the unpadded input.
        output_size: rows and columns of the result.
        groups: how many independent blocks the channels form.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    groups: int = 1


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
    biases = _check_biases(b, weights)
    check_same_dtype(x=images, w=weights, b=biases)
    _check_groups(images, weights, groups)
    geometry = _geometry(images.shape[1:3], weights.shape[:2], stride, padding, dilation, groups=groups)
    return images, weights, biases, geometry, unbatched


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
    biases = None if b is None else check_float(b, "b")
    if biases is not None and biases.shape != (channels,):
        raise ShapeError(f"b has shape {biases.shape}; expected ({channels},), one bias per channel of y")
    check_same_dtype(x=images, w=weights, b=biases)
    geometry = _transpose_geometry(
        images.shape[1:3], weights.shape[:2], stride, padding, dilation, output_padding
    )
    return images, weights, biases, replace_groups(geometry, groups), unbatched


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


def pool_geometry(
    input_size: Sequence[int],
    window: Pair,
    stride: Pair | None,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> Geometry:
    """Return the geometry of a pooling; see `check_pool2d` for what it raises."""
    size = pair(window, "window")
    step = size if stride is None else pair(stride, "stride")
    geometry = _geometry(input_size, size, step, padding, dilation, ceil_mode=ceil_mode)
    for axis in (0, 1):
        _check_no_empty_window(geometry, axis, padding)
    return geometry


def check_x_shape(x_shape: Any) -> tuple[int, ...]:
    """Return `x_shape` as a tuple of 3 or 4 positive ints, or raise ShapeError."""
    shape = tuple(int(size) for size in x_shape)
    if len(shape) not in (3, 4) or min(shape[-3:]) < 1 or min(shape) < 0:
        raise ShapeError(f"x_shape is {x_shape!r}; expected the shape (H, W, C) or (N, H, W, C) of the input")
    return shape


def check_upstream(dy: Any, y_shape: tuple[int, ...]) -> Array:
    """Return `dy` (N, H', W', C'); raise ShapeError unless it has exactly the shape of the forward result.

    `y_shape` is the forward result's shape, with or without its batch axis, as the forward pass returned it.
    """
    gradient = check_float(dy, "dy")
    if gradient.shape != y_shape:
        raise ShapeError(
            f"dy has shape {gradient.shape}; expected {y_shape}, the shape of the forward result: "
            "pass the same stride, padding and dilation as in the forward call"
        )
    return gradient if gradient.ndim == 4 else gradient[None]


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
    biases = None if b is None else check_float(b, "b")
    if biases is not None and biases.shape != (weights.shape[1],):
        raise ShapeError(f"b has shape {biases.shape}; expected ({weights.shape[1]},), one bias per output")
    check_same_dtype(x=rows, w=weights, b=biases)
    return (rows[None] if rows.ndim == 1 else rows), weights, biases, rows.ndim == 1


def check_conv1d(x: Any, w: Any, padding: Padding1D, stride: int, dilation: int) -> tuple[Array, Array]:
    """Check what only the 1-D convolution can get wrong.

    Returns ``x (N, L, C)`` or ``(L, C)`` and ``w (K, C/groups, F)``. Raises ShapeError or OptionError.
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
    for name, value in (("stride", stride), ("dilation", dilation)):
        whole_number(value, name, least=1)
    resolve_padding(padding, sequence.shape[-2], weights.shape[0], stride, dilation)
    return sequence, weights


def replace_groups(geometry: Geometry, groups: int) -> Geometry:
    """Return the same geometry with another number of groups."""
    return Geometry(
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
        geometry.padding,
        geometry.input_size,
        geometry.output_size,
        groups,
    )


def axis_paddings(padding: Padding) -> tuple[Any, Any]:
    """Split a 2-D padding into one for each axis, still unresolved. Raises OptionError for another form."""
    if padding == "causal":
        raise OptionError("padding is 'causal', which is for 1-D sequences; expected another word or numbers")
    if not isinstance(padding, (tuple, list)):
        return padding, padding
    if len(padding) != 2:
        raise OptionError(
            f"padding is {padding!r}; expected a word, one number, a pair (height, width), "
            "or ((top, bottom), (left, right))"
        )
    return padding[0], padding[1]


def _geometry(
    input_size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    *,
    groups: int = 1,
    ceil_mode: bool = False,
) -> Geometry:
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    pads, sizes = [], []
    for axis, axis_padding in enumerate(axis_paddings(padding)):
        size, window, step, gap = input_size[axis], kernel_size[axis], strides[axis], dilations[axis]
        pads.append(resolve_padding(axis_padding, size, window, step, gap))
        try:
            sizes.append(
                conv_output_size(
                    size, window, stride=step, padding=pads[-1], dilation=gap, ceil_mode=ceil_mode
                )
            )
        except ShapeError as error:
            raise ShapeError(f"{('height', 'width')[axis]}: {error}") from None
    return Geometry(
        (int(kernel_size[0]), int(kernel_size[1])),
        strides,
        dilations,
        (pads[0], pads[1]),
        (int(input_size[0]), int(input_size[1])),
        (sizes[0], sizes[1]),
        groups,
    )


def _transpose_geometry(
    size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    output_padding: Pair,
) -> Geometry:
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    extras = pair(output_padding, "output_padding", least=0)
    pads, sizes = [], []
    for axis, axis_padding in enumerate(axis_paddings(padding)):
        window, step, gap = kernel_size[axis], strides[axis], dilations[axis]
        sizes.append(
            conv_transpose_output_size(
                size[axis],
                window,
                stride=step,
                padding=axis_padding,
                dilation=gap,
                output_padding=extras[axis],
            )
        )
        pads.append(resolve_transpose_padding(axis_padding, size[axis], window, step, gap)[:2])
    return Geometry(
        (int(kernel_size[0]), int(kernel_size[1])),
        strides,
        dilations,
        (pads[0], pads[1]),
        (sizes[0], sizes[1]),
        (int(size[0]), int(size[1])),
    )


def _check_weights(w: Any) -> Array:
    weights = check_float(w, "w")
    if weights.ndim != 4:
        hint = "; a single kernel needs its channel axes, w[:, :, None, None]" if weights.ndim == 2 else ""
        raise ShapeError(f"w has shape {weights.shape}; expected (KH, KW, C/groups, F){hint}")
    if 0 in weights.shape:
        raise ShapeError(f"w has shape {weights.shape}; expected no empty axis")
    return weights


def _check_biases(b: Any, weights: Array) -> Array | None:
    if b is None:
        return None
    biases = check_float(b, "b")
    if biases.shape != (weights.shape[3],):
        raise ShapeError(f"b has shape {biases.shape}; expected ({weights.shape[3]},), one bias per filter")
    return biases


def _check_groups(images: Array, weights: Array, groups: int) -> None:
    whole_number(groups, "groups", least=1)
    channels, filters = images.shape[-1], weights.shape[3]
    if channels % groups or filters % groups:
        raise OptionError(f"groups is {groups}; expected a divisor of C = {channels} and of F = {filters}")
    if weights.shape[2] * groups != channels:
        raise ShapeError(_channel_message(images, weights, groups))


def _channel_message(images: Array, weights: Array, groups: int) -> str:
    channels = images.shape[-1]
    message = (
        f"x has {channels} channels (last axis of {images.shape}) but each filter of w, shape "
        f"{weights.shape}, reads {weights.shape[2]}; expected {channels // groups}"
        + (f" (C / groups with groups = {groups})" if groups > 1 else "")
    )
    if weights.shape[1] == channels and groups == 1:
        return message + ". w looks like (F, C, KH, KW), PyTorch's layout: see cnnkit.layout.oihw_to_hwio"
    if images.shape[1] == weights.shape[2]:
        return message + ". x looks like (N, C, H, W), PyTorch's layout: see cnnkit.layout.nchw_to_nhwc"
    return message


def _check_no_empty_window(geometry: Geometry, axis: int, padding: Padding) -> None:
    taps = np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis] - geometry.padding[axis][0]
    starts = np.arange(geometry.output_size[axis]) * geometry.stride[axis]
    cells = starts[:, None] + taps
    inside = ((cells >= 0) & (cells < geometry.input_size[axis])).any(axis=1)
    if not inside.all():
        raise ShapeError(
            f"{('height', 'width')[axis]}: with padding {padding!r} the pooling window "
            f"{int(np.argmin(inside))} lies in the padding entirely and has nothing to pool; "
            f"expected less padding than the window ({geometry.kernel_size[axis]})"
        )
