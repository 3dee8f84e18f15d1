"""What the stack builder says: layers, the recurrence with its numbers, and what the three methods found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.receptive import center, central_size, measured_sigma
from cnnkit.shapes import ReceptiveField
from cnnkit.stacks import Window
from cnnkit.widgets.sliding import number

KIND_WORDS = {"convolution": "conv", "max pooling": "max pool", "average pooling": "average pool"}
HALF = 0.5


@dataclass(frozen=True)
class Seen:
    """What one unit sees, found in three ways.

    Attributes:
        field: size, jump and start of its layer.
        unit: its row and column.
        computed, gradient, perturbed: pixels that it depends on, (H, W) booleans.
        share: what each pixel counts when every layer takes means, (H, W).
    """

    field: ReceptiveField
    unit: tuple[int, int]
    computed: NDArray[np.bool_]
    gradient: NDArray[np.bool_]
    perturbed: NDArray[np.bool_]
    share: NDArray[np.float64]

    @property
    def agree(self) -> bool:
        """Whether all three methods found the same pixels."""
        return np.array_equal(self.computed, self.gradient) and np.array_equal(self.computed, self.perturbed)

    @property
    def inside(self) -> tuple[int, int, int, int]:
        """The first row and column and the height and width of the field's part inside the image."""
        rows, columns = (np.flatnonzero(self.computed.any(axis=1 - axis)) for axis in (0, 1))
        if not rows.size or not columns.size:
            return 0, 0, 0, 0
        return int(rows[0]), int(columns[0]), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def layer_name(number_: int, window: Window, size: tuple[int, int], field: ReceptiveField) -> str:
    """Return a layer as one line of the list: what it is, its map, its field."""
    # Short, so that the list fits: s, p and d as in the formulas.
    extras = [f"s {window.stride}"] if window.stride != 1 else []
    extras += [f"p {window.padding}"] if window.padding else []
    extras += [f"d {window.dilation}"] if window.dilation != 1 else []
    kind = f"{KIND_WORDS[window.kind]} {window.kernel_size}×{window.kernel_size}"
    return f"{number_}. {', '.join([kind, *extras])} → {size[0]}, field {field.size}"


def recurrence(window: Window | None, below: ReceptiveField, field: ReceptiveField) -> str:
    """Return the three steps of the recurrence with this layer's numbers."""
    if window is None:
        return "The input: size 1, jump 1, start 0. A pixel sees itself."
    taps = f"({window.kernel_size} − 1)"
    dilation = f"{window.dilation}·" if window.dilation != 1 else ""
    return (
        f"size {below.size} + {dilation}{taps}·{below.jump} = {field.size}; "
        f"start {number(below.start)} − {window.padding}·{below.jump} = {number(field.start)}; "
        f"jump {below.jump}·{window.stride} = {field.jump}"
    )


def unit_text(seen: Seen) -> str:
    """Return where the field of the unit lies: its middle, its pixels, what hangs over the edge."""
    field, (row, column) = seen.field, seen.unit
    spans = [field.span(index) for index in seen.unit]
    middles = [number(center(field, index)) for index in seen.unit]
    top, left, height, width = seen.inside
    text = (
        f"Unit ({row}, {column}): rows {field.start} + {row}·{field.jump} = {spans[0][0]} to {spans[0][1]}, "
        f"columns {spans[1][0]} to {spans[1][1]}; middle at ({middles[0]}, {middles[1]})."
    ).replace("-", "−")
    if (height, width) != (field.size, field.size):
        text += f" Inside the image: {height} × {width}, from ({top}, {left}); the rest is padding."
    return text


def agreement(seen: Seen) -> str:
    """Return how many pixels each method found, and whether they are the same ones."""
    counts = [int(mask.sum()) for mask in (seen.computed, seen.gradient, seen.perturbed)]
    text = "computed {:,}, by gradient {:,}, by perturbation {:,} pixels: ".format(*counts)
    text += "the same ones, all three agree." if seen.agree else "they differ."
    _, _, height, width = seen.inside
    if seen.agree and counts[0] < height * width:
        text += f" Of the {height} × {width} pixels between its ends, {1 - counts[0] / (height * width):.0%}"
        text += " are never read: gridding."
    return text[0].upper() + text[1:]


def effective(seen: Seen) -> str:
    """Return how the influence is spread over the field."""
    if not seen.share.sum() > 0:
        return "Nothing but padding reaches this unit."
    _, _, height, _ = seen.inside
    sigma = measured_sigma(seen.share)
    half = central_size(seen.share, HALF)
    return (
        f"Half of the influence lies in {half} of {height} rows; sigma {number(round(sigma, 2))} pixels. "
        f"The strongest pixel holds {seen.share.max() / seen.share.sum():.2%} of it."
    )


def summary(
    layers: Sequence[Window], fields: Sequence[ReceptiveField], sizes: Sequence[tuple[int, int]]
) -> str:
    """Return what the whole stack sees."""
    last = fields[-1]
    layers_word = "layer" if len(layers) == 1 else "layers"
    return (
        f"{len(layers)} {layers_word}: field {last.size} × {last.size}, jump {last.jump}, start "
        f"{number(last.start)}, on a map of {sizes[-1][0]} × {sizes[-1][1]}."
    )
