"""What lies beyond the edge of an image, and how often a window reads each cell: one axis at a time.

Along one axis a window of ``k`` taps reads the padded cells ``i*stride + m*dilation``. Counting those gives
the use counts below; in two dimensions the count of a cell is the product of its row's and its column's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.shapes import (
    AxisPadding,
    conv_output_size,
    conv_transpose_output_size,
    resolve_padding,
    resolve_transpose_padding,
    whole_number,
)

Cells = NDArray[np.int64]

FILLS = ("zeros", "reflect", "symmetric", "edge", "wrap")
"""What may stand in the padding; all but "zeros" are also names of ``np.pad``."""

NOTHING = -1
"""The source of a padding cell that holds a zero."""


def fill_index(size: int, before: int, after: int, fill: str = "zeros") -> Cells:
    """Return, for each padded cell of one axis, the input cell that it shows: (before + size + after,) int64.

    - ``"zeros"``: ``NOTHING`` (-1) in the padding.
    - ``"reflect"``: the mirror stands on the edge cell, which is not repeated: c b | a b c | b a.
    - ``"symmetric"``: the mirror stands behind the edge cell, which is repeated: b a | a b c | c b.
    - ``"edge"``: the edge cell again and again. ``"wrap"``: the other end, as on a torus.

    Raises OptionError for another `fill`, ShapeError when there are too few cells to mirror or wrap.
    """
    size = whole_number(size, "size", least=1)
    before, after = whole_number(before, "before", least=0), whole_number(after, "after", least=0)
    _check_fill(size, max(before, after), fill)
    at = np.arange(-before, size + after)
    if fill == "zeros":
        return np.where((at >= 0) & (at < size), at, NOTHING)
    if fill == "edge":
        return at.clip(0, size - 1)
    if fill == "wrap":
        return at % size
    # A mirror makes the index walk up and down like a triangle wave.
    last = size - 1 if fill == "reflect" else size - 0.5
    low = 0 if fill == "reflect" else -0.5
    return np.asarray(last - np.abs(last - low - np.abs(at - low)), dtype=np.int64)


def pad(
    x: NDArray[Any], padding: tuple[tuple[int, int], tuple[int, int]], fill: str = "zeros"
) -> NDArray[Any]:
    """Return an image ``(H, W)`` or ``(H, W, C)`` with its rows and columns padded, in the type of `x`.

    `padding` is ((top, bottom), (left, right)); the result is (H + top + bottom, W + left + right[, C]).
    Channels are never padded. Raises ShapeError for another rank, and what `fill_index` raises.
    """
    if x.ndim not in (2, 3):
        raise ShapeError(f"x has shape {x.shape}; expected (H, W) or (H, W, C)")
    rows, columns = (fill_index(x.shape[axis], *padding[axis], fill) for axis in (0, 1))
    padded = x[np.ix_(rows, columns)]
    padded[rows == NOTHING] = 0
    padded[:, columns == NOTHING] = 0
    return padded


def read_counts(
    size: int, kernel_size: int, *, stride: int = 1, padding: AxisPadding = 0, dilation: int = 1
) -> Cells:
    """Return how many outputs read each *padded* cell of one axis: (before + size + after,) int64.

    Raises ShapeError when the window does not fit, OptionError for meaningless options.
    """
    before, after = resolve_padding(padding, size, kernel_size, stride, dilation)
    outputs = conv_output_size(size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    return _coverage(before + size + after, outputs, kernel_size, stride, dilation)


def use_counts(
    size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: AxisPadding = 0,
    dilation: int = 1,
    fill: str = "zeros",
) -> Cells:
    """Return how often outputs read each *input* cell of one axis, its copies included: (size,) int64.

    Raises ShapeError when the window does not fit or the fill has too few cells, OptionError.
    """
    before, after = resolve_padding(padding, size, kernel_size, stride, dilation)
    reads = read_counts(size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    source = fill_index(size, before, after, fill)
    shown = source != NOTHING
    return np.bincount(source[shown], weights=reads[shown], minlength=size).astype(np.int64)


def real_taps(
    size: int, kernel_size: int, *, stride: int = 1, padding: AxisPadding = 0, dilation: int = 1
) -> Cells:
    """Return how many taps of each window lie on input cells, not on padding: (outputs,) int64.

    Raises ShapeError when the window does not fit, OptionError for meaningless options.
    """
    before, _ = resolve_padding(padding, size, kernel_size, stride, dilation)
    outputs = conv_output_size(size, kernel_size, stride=stride, padding=padding, dilation=dilation)
    cells = window_cells(outputs, kernel_size, stride, dilation) - before
    return np.asarray(((cells >= 0) & (cells < size)).sum(axis=1), dtype=np.int64)


def stamp_counts(
    size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    padding: AxisPadding = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> Cells:
    """Return how many stamps of a transposed convolution land on each cell of one axis: (output,) int64.

    Raises ShapeError when the padding crops everything, OptionError for meaningless options.
    """
    outputs = conv_transpose_output_size(
        size, kernel_size, stride=stride, padding=padding, dilation=dilation, output_padding=output_padding
    )
    before, after, _ = resolve_transpose_padding(padding, size, kernel_size, stride, dilation)
    counts = _coverage(before + outputs + after, size, kernel_size, stride, dilation)
    return counts[before : before + outputs]


def window_cells(outputs: int, kernel_size: int, stride: int, dilation: int) -> Cells:
    """Return the padded cells ``i*stride + m*dilation`` that the taps of every window meet: (outputs, k)."""
    return np.add.outer(np.arange(outputs) * stride, np.arange(kernel_size) * dilation)


def _coverage(length: int, outputs: int, kernel_size: int, stride: int, dilation: int) -> Cells:
    cells = window_cells(outputs, kernel_size, stride, dilation)
    return np.bincount(cells.ravel(), minlength=length)


def _check_fill(size: int, most: int, fill: str) -> None:
    if fill not in FILLS:
        raise OptionError(f"fill is {fill!r}; expected one of {', '.join(FILLS)}")
    room = {"reflect": size - 1, "symmetric": size, "wrap": size}.get(fill, most)
    if most > room:
        raise ShapeError(
            f"fill {fill!r} is to show {most} cells beyond the edge, but an axis of {size} has only {room} "
            "to show there; pad less, or use another fill"
        )
