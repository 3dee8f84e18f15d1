"""Receptive fields three times over: computed, measured by gradient, measured by perturbation.

All three answer for one unit which input pixels it depends on, as an array (H, W) of booleans; for any
padding, stride, dilation and rectangle. The computed one follows indices. The measured ones know nothing of
indices: they run the kernels of `cnnkit.kernels.vectorized` backwards, or forwards on a changed input.

Sources: Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill, 2019);
Luo, Li, Urtasun & Zemel, "Understanding the Effective Receptive Field in Deep CNNs" (2016).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import shapes
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import vectorized
from cnnkit.kernels.geometry import Geometry, conv_geometry
from cnnkit.shapes import ReceptiveField
from cnnkit.stacks import MAX_POOLING, Parallel, Window

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
Size = tuple[int, int]


# ---- sizes and fields, in integers


def geometries(stack: Sequence[Window], input_size: Size) -> list[Geometry]:
    """Return where the windows of every layer stand on an input of (H, W) pixels.

    Raises ShapeError, naming the layer, when a window does not fit its input.
    """
    found: list[Geometry] = []
    for number, window in enumerate(stack, start=1):
        size = found[-1].output_size if found else input_size
        kernel = shapes.pair(window.kernel_size, "kernel_size")
        try:
            found.append(conv_geometry(size, kernel, window.stride, window.padding, window.dilation))
        except ShapeError as error:
            raise ShapeError(f"layer {number} reads a map of {size[0]} × {size[1]}: {error}") from None
    return found


def map_sizes(stack: Sequence[Window], input_size: Size) -> list[Size]:
    """Return (H, W) of the input and of every layer's map."""
    return [input_size, *(geometry.output_size for geometry in geometries(stack, input_size))]


def fields(stack: Sequence[Window], *, input_size: int | None = None, axis: int = 0) -> list[ReceptiveField]:
    """Return the receptive field of a unit of the input (1, 1, 0) and of every layer, along one axis.

    `input_size` is needed where "same" padding meets a stride, as in ``shapes.receptive_field``.
    """
    counts = range(len(stack) + 1)
    return [shapes.receptive_field(stack[:count], input_size=input_size, axis=axis) for count in counts]


def path_fields(nodes: Sequence[Window | Parallel]) -> list[ReceptiveField]:
    """Return the different fields of all paths through a network that parts and merges, the smallest first.

    The unit's field is their union; its size is the largest when the paths share a centre. Raises ShapeError
    when paths that meet have different jumps: then no fixed shift makes their maps fit onto each other.
    """
    found = {ReceptiveField(1, 1, 0)}
    for node in nodes:
        found = {after for before in found for after in _extended(before, node)}
        if len({field.jump for field in found}) > 1:
            raise ShapeError(
                f"paths meet with jumps {sorted({field.jump for field in found})}; expected one for all, "
                "because maps of different sizes cannot be added or stacked"
            )
    return sorted(found, key=lambda field: (field.size, field.start))


def _extended(below: ReceptiveField, node: Window | Parallel) -> set[ReceptiveField]:
    """Return the fields of one unit above `node`, when `below` is that of a unit below it."""
    if isinstance(node, Parallel):
        ends = {below}
        return {end for path in node.paths for end in _along(ends, path)}
    own = shapes.receptive_field([node])
    size = below.size + (own.size - 1) * below.jump
    return {ReceptiveField(size, below.jump * own.jump, below.start + own.start * below.jump)}


def _along(found: set[ReceptiveField], path: Sequence[Window | Parallel]) -> set[ReceptiveField]:
    for node in path:
        found = {after for before in found for after in _extended(before, node)}
    return found


def center(field: ReceptiveField, index: float) -> float:
    """Return the input coordinate of the middle of the field of unit `index`; pixel i has its middle at i."""
    return field.start + (field.size - 1) / 2 + field.jump * index


def map_coordinate(field: ReceptiveField, pixel: float) -> float:
    """Return the map coordinate whose field has its middle at `pixel`: the inverse of `center`."""
    return (pixel - field.start - (field.size - 1) / 2) / field.jump


# ---- three ways to the same pixels


def computed_field(stack: Sequence[Window], input_size: Size, unit: Size) -> Mask:
    """Return which pixels unit (row, column) of the last map reads, (H, W), by following indices downwards.

    Output i reads the cells ``i*s - before + m*d`` below it, for every tap m; padding is no pixel.
    Raises ShapeError for a unit outside of the last map.
    """
    found = geometries(stack, input_size)
    _check_unit(map_sizes(stack, input_size)[-1], unit)
    rows, columns = (_cells(found, axis, unit[axis]) for axis in (0, 1))
    mask = np.zeros(input_size, dtype=bool)
    mask[np.ix_(rows, columns)] = True
    return mask


def _cells(found: Sequence[Geometry], axis: int, index: int) -> NDArray[np.intp]:
    cells = np.array([index])
    for geometry in reversed(found):
        first = cells * geometry.stride[axis] - geometry.padding[axis][0]
        taps = np.arange(geometry.kernel_size[axis]) * geometry.dilation[axis]
        below = np.unique(first[:, np.newaxis] + taps)
        cells = below[(below >= 0) & (below < geometry.input_size[axis])]
    return cells


def gradient_share(stack: Sequence[Window], input_size: Size, unit: Size) -> Array:
    """Return d(unit)/d(pixel), (H, W) float64, when every layer takes the mean of its windows.

    A one-hot output goes backwards through the kernels. Pooling is averaged too: a maximum sends its
    gradient to one winner and would hide the rest of its window. All weights are positive, so that nothing
    cancels. Without padding the result sums to 1: it is the share of all paths that start in a pixel.
    """
    sizes = map_sizes(stack, input_size)
    _check_unit(sizes[-1], unit)
    gradient = np.zeros((*sizes[-1], 1))
    gradient[unit] = 1
    for window, size in zip(reversed(stack), reversed(sizes[:-1]), strict=True):
        x = np.zeros((*size, 1))
        gradient, _, _ = vectorized.conv2d_backward(gradient, x, mean_weights(window), **_options(window))
    return np.asarray(gradient[..., 0])


def gradient_field(stack: Sequence[Window], input_size: Size, unit: Size) -> Mask:
    """Return which pixels have a gradient other than 0 at `unit`, (H, W); see `gradient_share`."""
    return np.asarray(gradient_share(stack, input_size, unit) > 0)


def perturbed_field(stack: Sequence[Window], input_size: Size, unit: Size) -> Mask:
    """Return which pixels change `unit` when they are disturbed, (H, W), max pooling as it is.

    Height and width never mix in a window, so a row is disturbed at a time, then a column. The disturbance is
    NaN: unlike a small number it cannot be rounded away, and every sum or maximum that reads it is NaN.
    """
    _check_unit(map_sizes(stack, input_size)[-1], unit)
    rows, columns = (disturbances(stack, input_size[axis], axis)[:, unit[axis]] for axis in (0, 1))
    return np.asarray(rows[:, np.newaxis] & columns)


def disturbances(stack: Sequence[Window], size: int, axis: int = 0) -> Mask:
    """Return which of `size` input cells disturb which units of the last map, on one axis: (size, units)."""
    signals = np.ones((size, size, 1, 1))
    signals[np.arange(size), np.arange(size)] = np.nan
    answers = forward([_on_axis(window, axis) for window in stack], signals)
    return np.asarray(np.isnan(answers[:, :, 0, 0]))


def _on_axis(window: Window, axis: int) -> Window:
    """Return the window's geometry on one axis, laid along the height of a picture one pixel wide."""
    numbers = (
        shapes.pair(getattr(window, name), name)[axis] for name in ("kernel_size", "stride", "dilation")
    )
    kernel_size, stride, dilation = numbers
    padding: Any = window.padding
    padding = padding[axis] if isinstance(padding, tuple) else padding
    return Window((kernel_size, 1), (stride, 1), (padding, 0), (dilation, 1), window.kind)


# ---- running a stack


def mean_weights(window: Window) -> Array:
    """Return equal weights that sum to 1, (KH, KW, 1, 1)."""
    height, width = shapes.pair(window.kernel_size, "kernel_size")
    return np.full((height, width, 1, 1), 1 / (height * width))


def forward(stack: Sequence[Window], x: Array) -> Array:
    """Return the last map of `x` (N, H, W, 1) or (H, W, 1) float64: means, maxima in max pooling."""
    for window in stack:
        if window.kind == MAX_POOLING:
            x = vectorized.max_pool2d(x, window.kernel_size, **_options(window))
        else:
            x = vectorized.conv2d(x, mean_weights(window), **_options(window))
    return x


def _options(window: Window) -> dict[str, Any]:
    return {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}


def _check_unit(size: Size, unit: Size) -> None:
    if not all(0 <= index < count for index, count in zip(unit, size, strict=True)):
        raise ShapeError(f"unit is {unit}; expected a row and a column of a map of {size[0]} × {size[1]}")


# ---- how the influence is spread


def computed_sigma(stack: Sequence[Window], axis: int = 0) -> float:
    """Return the standard deviation, in pixels, of the share of paths around the middle of a field.

    A tap of a kernel of k is ``d*jump`` pixels from the next, and layers add up like independent dice:
    ``sigma^2 = sum over layers of (k^2 - 1)/12 * (d*jump)^2``. Padding is left out.
    """
    variance, jump = 0.0, 1
    for window in stack:
        kernel_size = shapes.pair(window.kernel_size, "kernel_size")[axis]
        step = shapes.pair(window.dilation, "dilation")[axis] * jump
        variance += (kernel_size**2 - 1) / 12 * step**2
        jump *= shapes.pair(window.stride, "stride")[axis]
    return float(np.sqrt(variance))


def measured_sigma(share: Array, axis: int = 0) -> float:
    """Return the standard deviation, in pixels, of a map of shares (H, W) >= 0 along one axis.

    Raises OptionError when nothing in it is above 0.
    """
    profile = np.asarray(share, dtype=np.float64).sum(axis=1 - axis)
    if not profile.sum() > 0:
        raise OptionError("share holds nothing above 0; expected a map of squared or positive gradients")
    profile = profile / profile.sum()
    places = np.arange(len(profile))
    middle = float((places * profile).sum())
    return float(np.sqrt((((places - middle) ** 2) * profile).sum()))


def gaussian(size: int, sigma: float, middle: float | None = None) -> Array:
    """Return a Gaussian on `size` pixels, summing to 1, with its peak at `middle` (by default the centre)."""
    places = np.arange(size) - ((size - 1) / 2 if middle is None else middle)
    bell = np.exp(-(places**2) / (2 * sigma**2))
    return np.asarray(bell / bell.sum())


def central_size(share: Array, part: float, axis: int = 0) -> int:
    """Return how many rows (axis 0) or columns hold `part` of a map of shares (H, W), the richest first."""
    profile = np.sort(np.asarray(share, dtype=np.float64).sum(axis=1 - axis))[::-1]
    return int(np.searchsorted(np.cumsum(profile), part * profile.sum() * (1 - 1e-12))) + 1
