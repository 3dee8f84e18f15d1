"""Small matrices as grids of numbers, and photographs: the bricks of most figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from cnnkit.errors import ShapeError
from cnnkit.figures.style import CMAPS, PALETTE, color_limits

Highlight = tuple[float, float, float, float, str]
"""A frame around cells: (row, column, height, width, colour name of PALETTE or any colour)."""

MAX_CELLS_WITH_NUMBERS = 144


def draw_matrix(
    values: ArrayLike,
    ax: Axes,
    *,
    title: str = "",
    cmap: str = "signed",
    numbers: bool | None = None,
    highlight: Sequence[Highlight] = (),
    limits: tuple[float, float] | None = None,
    font_size: float | None = None,
) -> None:
    """Draw a matrix ``(H, W)`` as a grid of coloured cells, with its numbers when they fit.

    `cmap` is a key of ``figures.CMAPS``; `numbers` None means: up to 144 cells. NaN cells stay
    white and say so. Raises ShapeError for other than two axes.
    """
    matrix = np.asarray(values, dtype=float)
    if matrix.ndim != 2:
        raise ShapeError(f"values has shape {matrix.shape}; expected (H, W)")
    low, high = limits or color_limits(matrix, cmap)
    ax.imshow(matrix, cmap=CMAPS[cmap], vmin=low, vmax=high)
    if numbers is None:
        numbers = matrix.size <= MAX_CELLS_WITH_NUMBERS
    if numbers:
        _write_numbers(matrix, ax, CMAPS[cmap], low, high, font_size)
        _draw_grid(matrix.shape, ax)
    _frame(ax, highlight)
    _strip(ax, title)


def draw_image(
    image: ArrayLike,
    ax: Axes,
    *,
    title: str = "",
    cmap: str = "gray",
    limits: tuple[float, float] | None = None,
    highlight: Sequence[Highlight] = (),
) -> None:
    """Draw a photograph or feature map ``(H, W)`` or ``(H, W, 3)``, values in [0, 1] when in colour."""
    pixels = np.asarray(image, dtype=float)
    if pixels.ndim == 3:
        ax.imshow(pixels.clip(0, 1))
    else:
        low, high = limits or color_limits(pixels, cmap)
        ax.imshow(pixels, cmap=CMAPS[cmap], vmin=low, vmax=high)
    _frame(ax, highlight)
    _strip(ax, title)


def format_number(value: float) -> str:
    """Return a number as short as a cell needs: whole numbers bare, others with two or three digits."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    if float(value).is_integer() and abs(value) < 1e5:
        text = f"{value:.0f}"
    else:
        text = f"{value:.2f}" if 0.01 <= abs(value) < 10 else f"{value:.2g}"
    return ("0" if text == "-0" else text).replace("-", "−")


def _write_numbers(
    matrix: np.ndarray[Any, Any], ax: Axes, cmap: Any, low: float, high: float, font_size: float | None
) -> None:
    size = font_size or float(np.interp(max(matrix.shape), [3, 12], [11, 7]))
    for (row, column), value in np.ndenumerate(matrix):
        red, green, blue, _ = cmap((value - low) / (high - low)) if np.isfinite(value) else (1, 1, 1, 1)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        color = "white" if dark else PALETTE["ink"]
        ax.text(column, row, format_number(value), ha="center", va="center", fontsize=size, color=color)


def _draw_grid(shape: tuple[int, ...], ax: Axes) -> None:
    for row in range(shape[0] + 1):
        ax.axhline(row - 0.5, color="#BBBBBB", linewidth=0.6)
    for column in range(shape[1] + 1):
        ax.axvline(column - 0.5, color="#BBBBBB", linewidth=0.6)


def _frame(ax: Axes, highlight: Sequence[Highlight]) -> None:
    for row, column, height, width, color in highlight:
        edge = PALETTE.get(color, color)
        corner = (column - 0.5, row - 0.5)
        ax.add_patch(
            Rectangle(
                corner, width, height, fill=False, edgecolor=edge, linewidth=2.5, clip_on=False, zorder=5
            )
        )


def _strip(ax: Axes, title: str) -> None:
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title)
