"""Pictures of convolution as linear algebra: the banded matrix, im2col, rank one, and what things cost."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from cnnkit.figures.matrices import draw_matrix
from cnnkit.figures.style import PALETTE

Matrix = NDArray[np.floating[Any]]
PATCH_COLORS = ("blue", "orange", "green", "pink", "yellow", "sky")


def draw_toeplitz(matrix: Matrix, x: Matrix, y: Matrix, figure: FigureBase) -> None:
    """Draw ``matrix @ x.ravel() = y.ravel()``: a weight keeps its colour wherever the matrix repeats it."""
    panels = figure.subplots(1, 3, width_ratios=[matrix.shape[1], 1.6, 1.6])
    draw_matrix(
        matrix, panels[0], title=f"the matrix of the convolution, {matrix.shape[0]} × {matrix.shape[1]}"
    )
    draw_matrix(x.reshape(-1, 1), panels[1], title="x", cmap="positive")
    draw_matrix(y.reshape(-1, 1), panels[2], title="y")


def draw_im2col(x: Matrix, kernel_size: int, columns: Matrix, figure: FigureBase) -> None:
    """Draw im2col: the first windows framed on `x`, and the row of numbers that each becomes."""
    left, right = figure.subplots(1, 2, width_ratios=[x.shape[1], columns.shape[1] + 1])
    width_out = x.shape[1] - kernel_size + 1
    shown = (0, width_out - 1, len(columns) - 1)
    frames = [
        (index // width_out, index % width_out, kernel_size, kernel_size, PATCH_COLORS[place])
        for place, index in enumerate(shown)
    ]
    draw_matrix(x, left, title="input", cmap="positive", highlight=frames)
    rows = [(index, 0, 1, columns.shape[1], PATCH_COLORS[place]) for place, index in enumerate(shown)]
    title = f"im2col: one window a row, {columns.shape[0]} × {columns.shape[1]}"
    draw_matrix(columns, right, title=title, cmap="positive", highlight=rows)


def draw_outer_product(column: Matrix, row: Matrix, figure: FigureBase) -> None:
    """Draw a separable kernel as a column times a row."""
    size = len(column)
    panels = figure.subplots(1, 3, width_ratios=[1.3, size, size])
    draw_matrix(column.reshape(-1, 1), panels[0], title="column")
    draw_matrix(row.reshape(1, -1), panels[1], title="row")
    draw_matrix(np.outer(column, row), panels[2], title="column × row")


def draw_cost_bars(costs: dict[str, int], ax: Axes, *, unit: str, log: bool = True) -> None:
    """Draw named counts as horizontal bars with their values written out; `log` for a logarithmic axis."""
    names = list(costs)
    bars = ax.barh(names, list(costs.values()), color=[PALETTE[c] for c in PATCH_COLORS[: len(names)]])
    ax.bar_label(bars, labels=[f"{value:,}" for value in costs.values()], padding=5)
    if log:
        ax.set_xscale("log")
    else:
        ax.xaxis.set_major_formatter(EngFormatter(sep=" "))
    ax.margins(x=0.25)
    ax.invert_yaxis()
    ax.set_xlabel(unit + (", logarithmic axis" if log else ""))


def draw_mixing(ax: Axes) -> None:
    """Draw which of four channels reach one output: standard, grouped, depthwise, pointwise."""
    kinds: Sequence[tuple[str, tuple[int, ...], bool]] = (
        ("standard K×K", (0, 1, 2, 3), True),
        ("grouped K×K, 2 groups", (0, 1), True),
        ("depthwise K×K", (0,), True),
        ("pointwise 1×1", (0, 1, 2, 3), False),
    )
    for place, (name, channels, window) in enumerate(kinds):
        _draw_stack(ax, place * 3.4, name, channels, window)
    ax.set(xlim=(-0.4, 13.2), ylim=(-0.9, 5.4), aspect="equal")
    ax.axis("off")


def draw_curves(
    x: Sequence[float], curves: dict[str, Sequence[float]], ax: Axes, *, xlabel: str, ylabel: str
) -> None:
    """Draw named curves over one axis, told apart by colour and by dashes."""
    for (name, values), dashes in zip(curves.items(), cycle(("-", "--", "-.", ":")), strict=False):
        ax.plot(x, values, dashes, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()


def _draw_stack(ax: Axes, left: float, name: str, channels: Sequence[int], window: bool) -> None:
    for channel in range(4):
        bottom = channel * 1.15
        read = channel in channels
        ax.add_patch(Rectangle((left, bottom), 1, 1, facecolor=PALETTE["pale"], edgecolor="#999999"))
        if not read:
            continue
        offset, side = (0.2, 0.6) if window else (0.4, 0.2)
        ax.add_patch(Rectangle((left + offset, bottom + offset), side, side, color=PALETTE["orange"]))
        ax.annotate(
            "",
            (left + 2.0, 0.5),
            (left + offset + side, bottom + 0.5),
            arrowprops={"arrowstyle": "-", "color": PALETTE["orange"], "linewidth": 1.2},
        )
    ax.add_patch(
        FancyBboxPatch((left + 2.0, 0.4), 0.2, 0.2, boxstyle="round,pad=0.05", color=PALETTE["blue"])
    )
    ax.text(left + 1.1, 4.95, name, ha="center", va="center", fontsize=10, fontweight="bold")
    ax.text(left + 2.1, -0.25, "1 output", ha="center", va="center", fontsize=9)
