"""Where a window stands on an input: the options of a kernel call, resolved to plain integers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from cnnkit.errors import OptionError, ShapeError
from cnnkit.shapes import (
    AxisPadding,
    conv_output_size,
    conv_transpose_output_size,
    pair,
    resolve_padding,
    resolve_transpose_padding,
)

Pair = int | tuple[int, int]
Padding1D = AxisPadding
Padding = AxisPadding | tuple[AxisPadding, AxisPadding]

_AXES = ("height", "width")
_T = TypeVar("_T")


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


def conv_geometry(
    input_size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    *,
    groups: int = 1,
    ceil_mode: bool = False,
) -> Geometry:
    """Return the geometry of a forward window. Raises ShapeError when it does not fit, OptionError."""
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    paddings = axis_paddings(padding)

    def pad(axis: int) -> tuple[int, int]:
        size, window = input_size[axis], kernel_size[axis]
        return resolve_padding(paddings[axis], size, window, strides[axis], dilations[axis])

    def size(axis: int) -> int:
        return conv_output_size(
            input_size[axis],
            kernel_size[axis],
            stride=strides[axis],
            padding=pad(axis),
            dilation=dilations[axis],
            ceil_mode=ceil_mode,
        )

    output_size, pads = _both_axes(size), _both_axes(pad)
    return Geometry(_sizes(kernel_size), strides, dilations, pads, _sizes(input_size), output_size, groups)


def transpose_geometry(
    size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    *,
    groups: int = 1,
    output_padding: Pair = 0,
) -> Geometry:
    """Return the geometry of the forward convolution that maps the result of a transposed one back to `size`.

    Its output_size is `size`, its input_size the size of the transposed convolution's result. Raises
    ShapeError when the padding crops everything, OptionError.
    """
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    extras = pair(output_padding, "output_padding", least=0)
    paddings = axis_paddings(padding)

    def result_size(axis: int) -> int:
        return conv_transpose_output_size(
            size[axis],
            kernel_size[axis],
            stride=strides[axis],
            padding=paddings[axis],
            dilation=dilations[axis],
            output_padding=extras[axis],
        )

    def pad(axis: int) -> tuple[int, int]:
        before, after, _ = resolve_transpose_padding(
            paddings[axis], size[axis], kernel_size[axis], strides[axis], dilations[axis]
        )
        return before, after

    results, pads = _both_axes(result_size), _both_axes(pad)
    return Geometry(_sizes(kernel_size), strides, dilations, pads, results, _sizes(size), groups)


def pool_geometry(
    input_size: Sequence[int],
    window: Pair,
    stride: Pair | None,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> Geometry:
    """Return the geometry of a pooling; `stride` None means the window's own size.

    Raises ShapeError when a window does not fit, or lies in the padding entirely; OptionError.
    """
    size = pair(window, "window")
    step = size if stride is None else pair(stride, "stride")
    geometry = conv_geometry(input_size, size, step, padding, dilation, ceil_mode=ceil_mode)
    for axis in (0, 1):
        _check_no_empty_window(geometry, axis, padding)
    return geometry


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


def _both_axes(compute: Callable[[int], _T]) -> tuple[_T, _T]:
    """Return compute(0), compute(1); a size that does not fit says on which axis."""
    results = []
    for axis, name in enumerate(_AXES):
        try:
            results.append(compute(axis))
        except OptionError:
            raise
        except ShapeError as error:
            raise ShapeError(f"{name}: {error}") from None
    return results[0], results[1]


def _sizes(pair_of_sizes: Sequence[int]) -> tuple[int, int]:
    return int(pair_of_sizes[0]), int(pair_of_sizes[1])


def _check_no_empty_window(geometry: Geometry, axis: int, padding: Padding) -> None:
    taps = np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis] - geometry.padding[axis][0]
    starts = np.arange(geometry.output_size[axis]) * geometry.stride[axis]
    cells = starts[:, None] + taps
    inside = ((cells >= 0) & (cells < geometry.input_size[axis])).any(axis=1)
    if not inside.all():
        raise ShapeError(
            f"{_AXES[axis]}: with padding {padding!r} the pooling window "
            f"{int(np.argmin(inside))} lies in the padding entirely and has nothing to pool; "
            f"expected less padding than the window ({geometry.kernel_size[axis]})"
        )
