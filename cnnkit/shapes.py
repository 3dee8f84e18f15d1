"""Sizes and counts of convolutional layers, in integers only.

Everything here works on one axis at a time: height and width obey the same formulas, so a 2-D layer
asks twice. Sizes are in cells (pixels at the input), counts in parameters or multiply-adds.

Sources: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning" (2016), sections 2-4;
Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill, 2019).
"""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnkit.errors import OptionError, ShapeError

__all__ = [
    "PADDING_WORDS",
    "AxisPadding",
    "ReceptiveField",
    "ShapeError",
    "conv_output_size",
    "conv_transpose_output_size",
    "count_conv_macs",
    "count_conv_params",
    "count_dense_macs",
    "count_dense_params",
    "effective_kernel_size",
    "pair",
    "receptive_field",
    "resolve_padding",
    "resolve_transpose_padding",
    "whole_number",
]

AxisPadding = str | int | tuple[int, int]
"""Padding of one axis: a word of `PADDING_WORDS`, one number for both sides, or (before, after)."""

PADDING_WORDS = ("valid", "same", "same_lower", "full", "causal")


def whole_number(value: Any, name: str, *, least: int) -> int:
    """Return `value` as an int, or raise OptionError when it is not a whole number >= `least`.

    NumPy's integers are welcome; booleans and floats are not, because ``stride=True`` and
    ``stride=1.5`` are slips of the hand.
    """
    try:
        number = None if isinstance(value, bool) else int(operator.index(value))
    except TypeError:
        number = None
    if number is None or number < least:
        hint = "; 1 is the ordinary kernel without gaps" if "dilation" in name and number == 0 else ""
        shown = repr(value) if number is None else number  # 0, not np.int64(0)
        raise OptionError(f"{name} is {shown}; expected a whole number >= {least}{hint}")
    return number


def pair(value: Any, name: str, *, least: int = 1) -> tuple[int, int]:
    """Return (height, width) from one number for both axes or from a pair.

    Raises OptionError, naming `name`, when `value` is neither, or when a number is below `least`.
    """
    if not isinstance(value, (tuple, list)):
        number = whole_number(value, name, least=least)
        return number, number
    if len(value) != 2:
        raise OptionError(f"{name} is {value!r}; expected one number or a pair (height, width)")
    height, width = (whole_number(v, f"{name}[{axis}]", least=least) for axis, v in enumerate(value))
    return height, width


def effective_kernel_size(kernel_size: int, dilation: int = 1) -> int:
    """Return the span of a dilated kernel, ``dilation * (kernel_size - 1) + 1`` cells."""
    kernel_size = whole_number(kernel_size, "kernel_size", least=1)
    return whole_number(dilation, "dilation", least=1) * (kernel_size - 1) + 1


def resolve_padding(
    padding: AxisPadding, size: int, kernel_size: int, stride: int = 1, dilation: int = 1
) -> tuple[int, int]:
    """Return the zeros put (before, after) one axis of `size` cells.

    - ``"valid"``: none. ``"full"``: ``d*(k-1)`` on both sides, every overlap counts.
    - ``"same"``: so many that the output has ``ceil(size / stride)`` cells; an odd one goes to the end
      (TensorFlow's SAME, ONNX's SAME_UPPER). ``"same_lower"``: an odd one goes to the beginning.
    - ``"causal"``: ``d*(k-1)`` before, none after: output t sees inputs up to t only.
    - a number: on both sides. A pair: (before, after).

    Raises OptionError for any other word, for negative numbers, and for sizes below 1.
    """
    size = whole_number(size, "size", least=1)
    stride = whole_number(stride, "stride", least=1)
    overlap = effective_kernel_size(kernel_size, dilation) - 1
    if not isinstance(padding, str):
        return _explicit_padding(padding)
    if padding == "valid":
        return 0, 0
    if padding == "full":
        return overlap, overlap
    if padding == "causal":
        return overlap, 0
    if padding in ("same", "same_lower"):
        last_start = (_ceil_div(size, stride) - 1) * stride
        return _split(max(last_start + overlap + 1 - size, 0), padding)
    raise _unknown_word(padding)


def conv_output_size(
    size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: AxisPadding = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Return how many cells a convolution or pooling window produces along one axis.

    ``floor((size + before + after - (d*(k-1) + 1)) / stride) + 1``. With `ceil_mode` the division rounds
    up, except that a window may not start in the padding behind the input (PyTorch's rule).

    Raises ShapeError when the window does not fit at all, OptionError for meaningless options.
    """
    before, after = resolve_padding(padding, size, kernel_size, stride, dilation)
    span = effective_kernel_size(kernel_size, dilation)
    room = size + before + after - span
    if ceil_mode:
        output = min(_ceil_div(room, stride) + 1, _ceil_div(size + before, stride))
    else:
        output = room // stride + 1
    if output < 1:
        raise ShapeError(
            f"a window of {kernel_size} with dilation {dilation} spans {span} cells, but the input "
            f"has {size} and the padding adds {before} + {after}; pad more, or use a smaller window"
        )
    return output


def resolve_transpose_padding(
    padding: AxisPadding, size: int, kernel_size: int, stride: int = 1, dilation: int = 1
) -> tuple[int, int, int]:
    """Return (before, after, extra): what a transposed convolution crops, and the cells it adds at the end.

    The padding is that of the forward convolution which this one undoes in shape. For ``"same"`` that
    convolution ran on ``size * stride`` cells; `extra` is above 0 only there, when the stride exceeds the
    kernel and the last cells of the forward input were never read.
    """
    if padding not in ("same", "same_lower"):
        before, after = resolve_padding(padding, size, kernel_size, stride, dilation)
        return before, after, 0
    span = effective_kernel_size(kernel_size, dilation)
    before, after = _split(max(span - stride, 0), str(padding))
    return before, after, max(stride - span, 0)


def conv_transpose_output_size(
    size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: AxisPadding = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> int:
    """Return how many cells a transposed convolution produces along one axis.

    ``(size - 1) * stride + d*(k-1) + 1 - before - after + output_padding``. Several input sizes of a strided
    convolution share one output size; `output_padding` (below the stride) chooses among them.

    Raises ShapeError when the padding crops everything, OptionError for meaningless options.
    """
    size = whole_number(size, "size", least=1)
    stride = whole_number(stride, "stride", least=1)
    output_padding = whole_number(output_padding, "output_padding", least=0)
    if output_padding >= stride:
        raise OptionError(
            f"output_padding is {output_padding}; expected less than the stride ({stride}), because it only "
            "chooses among the input sizes that one strided convolution maps to the same output size"
        )
    if output_padding and padding in ("same", "same_lower"):
        raise OptionError(
            f"output_padding is {output_padding} with padding {padding!r}; expected 0, because "
            f"{padding!r} already fixes the output at size * stride"
        )
    before, after, extra = resolve_transpose_padding(padding, size, kernel_size, stride, dilation)
    full = (size - 1) * stride + effective_kernel_size(kernel_size, dilation)
    output = full - before - after + extra + output_padding
    if output < 1:
        raise ShapeError(
            f"the padding crops {before} + {after} of the {full} cells that a transposed convolution makes "
            f"from {size}; use less padding"
        )
    return output


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What one unit sees of the input, along one axis.

    Attributes:
        size: width of the field in input cells.
        jump: distance in input cells between the fields of neighbouring units (the cumulative stride).
        start: index of the first input cell in the field of unit 0; negative when it lies in the padding.
    """

    size: int
    jump: int
    start: int

    def span(self, index: int) -> tuple[int, int]:
        """Return the first and last input index that unit `index` sees."""
        first = self.start + index * self.jump
        return first, first + self.size - 1


def receptive_field(
    layers: Iterable[Sequence[Any] | object], *, input_size: int | None = None, axis: int = 0
) -> ReceptiveField:
    """Return the receptive field of a unit above `layers` (from the input upwards), along one axis.

    Each layer is ``(kernel_size, stride, padding, dilation)`` or an object with those attributes; pairs are
    read at `axis`. Per layer: ``size += d*(k-1)*jump``, ``start -= before*jump``, ``jump *= stride``.
    ``"same"`` padding with a stride depends on the size of the input: give `input_size` then.

    Raises OptionError for a layer without the four numbers, or when `input_size` is needed and absent.
    """
    if axis not in (0, 1):
        raise OptionError(f"axis is {axis!r}; expected 0 for the height or 1 for the width")
    size, jump, start = 1, 1, 0
    for position, layer in enumerate(layers):
        kernel_size, stride, padding, dilation = _layer_geometry(layer, position, axis)
        if input_size is None and padding in ("same", "same_lower") and stride > 1:
            raise OptionError(
                f"layer {position} has padding {padding!r} and stride {stride}: how many cells that pads "
                "depends on the size of the input; pass input_size=..., or give the padding as numbers"
            )
        # With stride 1 the padding does not depend on the size, so any size that is known to fit will do.
        before, _ = resolve_padding(padding, input_size or 1, kernel_size, stride, dilation)
        size += (effective_kernel_size(kernel_size, dilation) - 1) * jump
        start -= before * jump
        jump *= stride
        if input_size is not None:
            input_size = conv_output_size(
                input_size, kernel_size, stride=stride, padding=padding, dilation=dilation
            )
    return ReceptiveField(size, jump, start)


def count_conv_params(
    kernel_size: int | tuple[int, int],
    in_channels: int,
    out_channels: int,
    *,
    groups: int = 1,
    bias: bool = True,
) -> int:
    """Return the trainable parameters of a 2-D convolution: ``kh*kw*(C_in/groups)*C_out``, plus C_out biases.

    The input's height and width, the stride and the padding do not appear. Raises OptionError when
    `groups` does not divide both channel counts.
    """
    in_channels, out_channels = _grouped_channels(in_channels, out_channels, groups)
    height, width = pair(kernel_size, "kernel_size")
    return height * width * (in_channels // groups) * out_channels + (out_channels if bias else 0)


def count_conv_macs(
    output_size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    in_channels: int,
    out_channels: int,
    *,
    groups: int = 1,
) -> int:
    """Return the multiply-adds of a 2-D convolution: ``H_out*W_out*C_out*kh*kw*(C_in/groups)``.

    One multiply-add counts once (2 floating-point operations); adding the bias is not counted.
    """
    rows, columns = pair(output_size, "output_size")
    weights = count_conv_params(kernel_size, in_channels, out_channels, groups=groups, bias=False)
    return rows * columns * weights


def count_dense_params(in_features: int, out_features: int, *, bias: bool = True) -> int:
    """Return the trainable parameters of a dense layer: ``in*out``, plus ``out`` biases."""
    return count_dense_macs(in_features, out_features) + (out_features if bias else 0)


def count_dense_macs(in_features: int, out_features: int) -> int:
    """Return the multiply-adds of a dense layer for one example: ``in*out``."""
    in_features = whole_number(in_features, "in_features", least=1)
    return in_features * whole_number(out_features, "out_features", least=1)


def _ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def _split(total: int, word: str) -> tuple[int, int]:
    smaller, larger = total // 2, total - total // 2
    return (smaller, larger) if word == "same" else (larger, smaller)


def _unknown_word(padding: str) -> OptionError:
    hint = "; did you mean the lower-case word?" if padding.lower() in PADDING_WORDS else ""
    words = ", ".join(PADDING_WORDS)
    return OptionError(f"padding is {padding!r}; expected one of {words}, or numbers{hint}")


def _explicit_padding(padding: int | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(padding, (tuple, list)):
        number = whole_number(padding, "padding", least=0)
        return number, number
    if len(padding) != 2:
        raise OptionError(f"padding is {padding!r}; expected one number or (before, after) for one axis")
    return whole_number(padding[0], "padding[0]", least=0), whole_number(padding[1], "padding[1]", least=0)


def _layer_geometry(layer: Any, position: int, axis: int) -> tuple[int, int, AxisPadding, int]:
    names = ("kernel_size", "stride", "padding", "dilation")
    if isinstance(layer, (tuple, list)):
        values = dict(zip(names, layer, strict=False))
    else:
        values = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    if len(values) != 4 or (isinstance(layer, (tuple, list)) and len(layer) != 4):
        raise OptionError(
            f"layer {position} is {layer!r}; expected (kernel_size, stride, padding, dilation) "
            "or an object with these attributes"
        )
    kernel_size = pair(values["kernel_size"], f"layer {position}: kernel_size")[axis]
    stride = pair(values["stride"], f"layer {position}: stride")[axis]
    dilation = pair(values["dilation"], f"layer {position}: dilation")[axis]
    padding = values["padding"]
    if isinstance(padding, (tuple, list)):
        padding = padding[axis]
    return kernel_size, stride, padding, dilation


def _grouped_channels(in_channels: int, out_channels: int, groups: int) -> tuple[int, int]:
    in_channels = whole_number(in_channels, "in_channels", least=1)
    out_channels = whole_number(out_channels, "out_channels", least=1)
    whole_number(groups, "groups", least=1)
    if in_channels % groups or out_channels % groups:
        raise OptionError(
            f"groups is {groups}; expected a number that divides both in_channels ({in_channels}) and "
            f"out_channels ({out_channels})"
        )
    return in_channels, out_channels
