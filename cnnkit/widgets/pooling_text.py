"""What the pooling bench says: where a gradient goes, and how much a shift changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.widgets.sliding import number

Array = NDArray[Any]


@dataclass(frozen=True)
class Field:
    """The cells that one output reads: first and last row and column, inside the map."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def cells(self) -> tuple[slice, slice]:
        """The field as an index."""
        return slice(self.rows[0], self.rows[1] + 1), slice(self.columns[0], self.columns[1] + 1)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.rows[1] - self.rows[0] + 1, self.columns[1] - self.columns[0] + 1


def field(
    kind: str, position: tuple[int, int], map_size: tuple[int, ...], window: int, stride: int, padding: int
) -> Field:
    """Return the cells that the output of `kind` at `position` depends on."""
    if kind == "global average":
        return Field((0, map_size[0] - 1), (0, map_size[1] - 1))
    around = 1 if kind == "blur" else 0  # a 3 x 3 blur reaches one window further on every side
    spans = []
    for index, size in zip(position, map_size, strict=True):
        start = index * stride - padding
        spans.append((max(start - around, 0), min(start + window - 1 + around, size - 1)))
    return Field(spans[0], spans[1])


def routing(kind: str, position: tuple[int, int], value: float, x: Array, at: Field, window: int) -> str:
    """Return in sentences how an error of 1 at one output comes back to the map `x` (H, W)."""
    inside = x[at.cells]
    (top, bottom), (left, right) = at.rows, at.columns
    head = (
        f"{kind}, output row {position[0]}, column {position[1]}: {number(value)}, from rows {top} to "
        f"{bottom} and columns {left} to {right}."
    )
    return f"{head} {_share(kind, inside, at, window)}"


def _share(kind: str, inside: Array, at: Field, window: int) -> str:
    cells = inside.size
    if kind == "max":
        return _winner(inside, at)
    if kind in ("average", "global average"):
        return f"Each of its {cells} cells takes 1/{cells} of the error."
    if kind == "average, padding counted":
        lost = "" if cells == window**2 else f" {window**2 - cells}/{window**2} is lost on the padding."
        return f"Each of its {cells} cells takes 1/{window**2} of the error.{lost}"
    if kind == "L2":
        if not inside.any():
            return "All its cells are 0, where the norm has no derivative: nothing is passed on."
        return "Each cell takes its own value divided by the result, so large cells take more."
    if kind == "strided convolution":
        return "Each cell takes the weight that it met."
    return "The blur spreads the error over the windows around it; the maximum of each takes its share."


def _winner(inside: Array, at: Field) -> str:
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    place = f"row {at.rows[0] + row}, column {at.columns[0] + column}"
    ties = int((inside == inside.max()).sum())
    if ties == 1:
        return f"Its largest cell, {place}, takes the whole error; the others get nothing."
    return (
        f"The largest value stands there {ties} times, a tie: the first in reading order, {place}, takes the "
        "whole error."
    )


def all_errors(kind: str, dx: Array) -> str:
    """Return in sentences what an error of 1 at every output adds up to, `dx` (H, W)."""
    row, column = np.unravel_index(int(np.abs(dx).argmax()), dx.shape)
    untouched = int((dx == 0).sum())
    return (
        f"{kind}, an error of 1 at every output; what comes back over several windows adds up. The most is "
        f"{number(float(dx[row, column]))}, at row {row}, column {column}; {untouched} of {dx.size} cells "
        "get nothing."
    )


def sizes(size: int, window: int, stride: int, padding: int, output: int) -> str:
    """Return the output-size formula with these numbers."""
    return (
        f"⌊({size} + 2·{padding} − {window}) / {stride}⌋ + 1 = {output} rows and columns; "
        "one number for the global average."
    )


def shifted(shift: int, changes: Mapping[str, Array]) -> str:
    """Return how much every output differs from the one without shift."""
    pixels = "1 pixel" if shift == 1 else f"{shift} pixels"
    if shift == 0:
        return "No shift yet: every change is 0. Move the slider by one pixel."
    parts = ", ".join(f"{kind} {values[shift]:.0%}" for kind, values in changes.items())
    return f"Slid by {pixels} to the right, change of the output: {parts}."
