"""Pictures of where windows stand: padding, stride, dilation, use counts, and the stamps of a transpose."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from cnnkit.borders import read_counts, window_cells
from cnnkit.figures.matrices import Highlight, draw_image, draw_matrix, format_number
from cnnkit.figures.style import PALETTE
from cnnkit.shapes import AxisPadding, conv_output_size, resolve_padding

Matrix = NDArray[np.floating[Any]]
Band = tuple[int, int, int, int]
"""Cells of a matrix: (row, column, height, width)."""

MOST_NUMBERS = 256


def draw_axis(
    size: int,
    kernel_size: int,
    ax: Axes,
    *,
    stride: int = 1,
    padding: AxisPadding = 0,
    dilation: int = 1,
    title: str = "",
) -> None:
    """Draw all windows on one axis: input cells blue, padding grey, cells that are never read yellow."""
    before, after = resolve_padding(padding, size, kernel_size, stride, dilation)
    options: dict[str, Any] = {"stride": stride, "padding": (before, after), "dilation": dilation}
    reads = read_counts(size, kernel_size, **options)
    for place, count in enumerate(reads):
        _draw_cell(ax, place - before, inside=before <= place < before + size, read=count > 0)
    outputs = conv_output_size(size, kernel_size, **options)
    for index, cells in enumerate(window_cells(outputs, kernel_size, stride, dilation) - before):
        level = -0.3 - 0.36 * index
        ax.plot(cells[[0, -1]], [level, level], color=PALETTE["orange"], linewidth=1.5)
        ax.plot(cells, np.full(kernel_size, level), "s", color=PALETTE["orange"], markersize=6)
        ax.text(cells[0] - 0.5, level, f"y[{index}]", ha="right", va="center", fontsize=8)
    ax.set(xlim=(-before - 1.6, size + after - 0.3), ylim=(-0.36 * outputs - 0.3, 0.9))
    ax.set_title(title, fontsize=10)
    ax.axis("off")


def draw_axes(cases: Mapping[str, Mapping[str, Any]], figure: FigureBase, *, columns: int = 2) -> None:
    """Draw several axes under their titles; each case holds the arguments of `draw_axis`."""
    rows = -(-len(cases) // columns)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(cases) :]:
        panel.axis("off")
    for panel, (title, options) in zip(panels.flat, cases.items(), strict=False):
        draw_axis(**options, ax=panel, title=title)


def draw_counts(maps: Mapping[str, Matrix], figure: FigureBase, *, margin: int = 0) -> None:
    """Draw maps of counts side by side, each under its title, all on one colour scale.

    `margin` frames what lies inside that many padding cells.
    """
    widths = [counts.shape[1] for counts in maps.values()]
    panels = figure.subplots(1, len(maps), width_ratios=widths, squeeze=False)[0]
    most = max(float(np.max(counts)) for counts in maps.values())
    for panel, (title, counts) in zip(panels, maps.items(), strict=True):
        height, width = counts.shape
        frame = [(margin, margin, height - 2 * margin, width - 2 * margin, "ink")] if margin else []
        draw_matrix(counts, panel, title=title, cmap="positive", limits=(0, most), highlight=frame)


def draw_padded(matrices: Mapping[str, Matrix], margin: int, figure: FigureBase) -> None:
    """Draw padded matrices side by side, the original framed inside `margin` padding cells."""
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for panel, (title, padded) in zip(panels, matrices.items(), strict=True):
        height, width = (size - 2 * margin for size in padded.shape)
        frame = [(margin, margin, height, width, "orange")]
        draw_matrix(padded, panel, title=title, cmap="positive", highlight=frame)


def draw_border_profiles(
    pictures: Mapping[str, Matrix], profiles: Mapping[str, Matrix], figure: FigureBase, *, ylabel: str
) -> None:
    """Draw pictures (H, W) in [0, 1] in a row, and below them a curve for each name of `profiles`.

    A profile holds one number for each distance from the border, starting at 0.
    """
    grid = figure.add_gridspec(2, len(pictures), height_ratios=[1.5, 1])
    for place, (title, picture) in enumerate(pictures.items()):
        draw_image(picture, figure.add_subplot(grid[0, place]), title=title, limits=(0, 1))
    ax = figure.add_subplot(grid[1, :])
    for marker, (name, profile) in zip("osD^v", profiles.items(), strict=False):
        ax.plot(profile, marker=marker, markersize=4, label=name)
    ax.axhline(1, color=PALETTE["gray"], linewidth=0.8)
    ax.set(xlabel="distance from the border, in pixels", ylabel=ylabel)
    ax.legend(loc="lower right")


def draw_tap_tree(dilations: Sequence[int], kernel_size: int, ax: Axes) -> None:
    """Draw which cells one output reads through a stack of dilated 1-D layers, the input at the bottom.

    Cells that are read are blue, the others inside the field hollow.
    """
    reached = {0}
    levels = [reached]
    reach = 0
    for dilation in reversed(dilations):
        half = dilation * (kernel_size - 1) // 2
        taps = [m * dilation - half for m in range(kernel_size)]
        for cell in reached:
            for tap in taps:
                ax.plot(
                    [cell, cell + tap],
                    [-len(levels) + 1, -len(levels)],
                    color=PALETTE["gray"],
                    linewidth=0.8,
                    zorder=1,
                )
        reached = {cell + tap for cell in reached for tap in taps}
        levels.append(reached)
        reach += half
    for depth, cells in enumerate(levels):
        for cell in range(-reach, reach + 1):
            face = PALETTE["blue"] if cell in cells else "white"
            edge = PALETTE["blue"] if cell in cells else "#BBBBBB"
            ax.plot(cell, -depth, "o", markersize=8, markerfacecolor=face, markeredgecolor=edge, zorder=2)
    names = ["output", *(f"layer {len(dilations) - i}" for i in range(1, len(dilations))), "input"]
    for depth, name in enumerate(names):
        ax.text(-reach - 1, -depth, name, ha="right", va="center", fontsize=9)
    ax.set(xlim=(-reach - 4.5, reach + 1), ylim=(-len(dilations) - 0.5, 0.5))
    title = f"dilations {', '.join(map(str, dilations))}: {len(levels[-1])} of {2 * reach + 1} cells are read"
    ax.set_title(title, fontsize=10)
    ax.axis("off")


def draw_tap_trees(stacks: Sequence[Sequence[int]], kernel_size: int, figure: FigureBase) -> None:
    """Draw `draw_tap_tree` for several stacks side by side."""
    for panel, dilations in zip(figure.subplots(1, len(stacks)), stacks, strict=True):
        draw_tap_tree(dilations, kernel_size, panel)


def draw_stamps(x: Matrix, w: Matrix, stride: int, ax: Axes) -> None:
    """Draw a 1-D transposed convolution: the stamp of each input in a row of its own, and the column sums.

    `x` (L,) and `w` (K,); column j of the picture is output cell j.
    """
    length = (len(x) - 1) * stride + len(w)
    total = np.zeros(length)
    colors = ("blue", "orange", "green", "pink", "yellow", "sky")
    for index, value in enumerate(x):
        first = index * stride
        total[first : first + len(w)] += value * w
        color = PALETTE[colors[index % len(colors)]]
        ax.text(
            -0.8, -index, f"{format_number(value)} × w", ha="right", va="center", color=color, fontsize=10
        )
        for place, weight in enumerate(w):
            _draw_box(ax, first + place, -index, format_number(value * weight), color)
    bottom = -len(x) - 0.3
    for place, number in enumerate(total):
        _draw_box(ax, place, bottom, format_number(float(number)), PALETTE["ink"])
    ax.text(-0.8, bottom, "sum y", ha="right", va="center", fontsize=10, fontweight="bold")
    ax.set(xlim=(-3.2, length), ylim=(bottom - 0.7, 0.7), aspect="equal")
    ax.axis("off")


def draw_geometry(
    large: Matrix,
    small: Matrix,
    titles: tuple[str, str],
    figure: FigureBase,
    *,
    margins: tuple[tuple[int, int], tuple[int, int]],
    taps: tuple[Sequence[int], Sequence[int]] | tuple[()],
    at: tuple[int, int],
    dropped: Sequence[Band] = (),
    problem: str = "",
) -> None:
    """Draw a state of the geometry explorer: both grids, margins hatched, taps orange, dropped bands pink.

    `taps` are the rows and columns of one window, counted from inside the margins; `at` is its place in the
    small grid. With a `problem` there is no window, and the sentence stands in place of the small grid.
    """
    (top, bottom), (left, right) = margins
    left_ax, right_ax = figure.subplots(1, 2, width_ratios=[1.5, 1])
    height, width = large.shape
    frames: list[Highlight] = [(top, left, height - top - bottom, width - left - right, "sky")]
    frames += [(*band, "pink") for band in dropped]
    if taps:
        frames += [(row + top, column + left, 1, 1, "orange") for row in taps[0] for column in taps[1]]
    numbers = large.size <= MOST_NUMBERS
    draw_matrix(large, left_ax, title=titles[0], cmap="positive", numbers=numbers, highlight=frames)
    bands = [(0, 0, top, width), (height - bottom, 0, bottom, width)]
    bands += [(top, 0, height - top - bottom, left), (top, width - right, height - top - bottom, right)]
    for row, column, rows, columns in bands:
        _draw_veil(left_ax, row, column, rows, columns)
    if problem:
        right_ax.axis("off")
        right_ax.text(0.5, 0.5, problem, ha="center", va="center", wrap=True, transform=right_ax.transAxes)
    else:
        draw_matrix(small, right_ax, title=titles[1], cmap="positive", highlight=[(*at, 1, 1, "orange")])


def _draw_cell(ax: Axes, place: int, *, inside: bool, read: bool) -> None:
    color = PALETTE["yellow"] if not read else PALETTE["sky"] if inside else PALETTE["pale"]
    edge = PALETTE["ink"] if inside else "#AAAAAA"
    cell = Rectangle(
        (place - 0.46, 0), 0.92, 0.75, facecolor=color, edgecolor=edge, hatch=None if read else "//"
    )
    ax.add_patch(cell)
    label = ax.text(place, 0.37, str(place) if inside else "p", ha="center", va="center", fontsize=8)
    if not read:
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})


def _draw_veil(ax: Axes, row: int, column: int, rows: int, columns: int) -> None:
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(Rectangle(corner, columns, rows, color="#808080", alpha=0.35, linewidth=0))
    ax.add_patch(
        Rectangle(corner, columns, rows, fill=False, hatch="/", edgecolor="white", alpha=0.5, linewidth=0)
    )


def _draw_box(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    ax.add_patch(Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, facecolor=color, alpha=0.16, linewidth=0))
    ax.add_patch(Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, fill=False, edgecolor=color, linewidth=1.2))
    ax.text(x, y, text, ha="center", va="center", fontsize=10)
