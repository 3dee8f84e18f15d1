"""Pictures of what every layer of a small network returns: maps below maps, and bars for the answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from cnnkit.figures.style import CMAPS, PALETTE

Array = NDArray[Any]
Look = tuple[str, tuple[float, float]]

WIDTH = 120
"""Cells that stand side by side."""
NAME, GAP = 3.0, 1.5  # cells: room for a layer's name; between layers
BAR = 16.0


def draw_network_maps(
    layers: Sequence[tuple[str, Array, Look]],
    figure: FigureBase,
    *,
    unit: tuple[int, int, int, int] | None = None,
) -> None:
    """Draw the maps (H, W, C) of every layer below each other, the last layer's as bars.

    Each layer is (title, maps, (colour map, its limits)); vectors have maps of one cell. `unit` is the
    (layer, row, column, map) that is framed.
    """
    ax = figure.subplots()
    top = 0.0
    for number, (title, maps, look) in enumerate(layers):
        ax.text(0, top + NAME / 2, title, va="center", fontsize=8)
        place = unit[1:] if unit and unit[0] == number else None
        last = number == len(layers) - 1
        height = (
            _draw_bars(ax, maps.ravel(), top + NAME)
            if last
            else _draw_maps(ax, maps, look, top + NAME, place)
        )
        top += NAME + height + GAP
    ax.set(xlim=(-0.5, WIDTH), ylim=(top, -0.5))
    ax.set_aspect("equal")
    ax.axis("off")


def _draw_maps(ax: Axes, maps: Array, look: Look, top: float, place: tuple[int, int, int] | None) -> float:
    """Draw maps in lines from `top` on, frame the cell `place`, and return how high they stand."""
    rows, columns, channels = maps.shape
    gap, scale = (0.4, 1.6) if rows * columns == 1 else (1.0, 1.0)
    across = min(channels, int((WIDTH + gap) // (columns * scale + gap)))
    cmap, (low, high) = look
    for channel in range(channels):
        left = (channel % across) * (columns * scale + gap)
        begin = top + (channel // across) * (rows * scale + gap)
        extent = (left, left + columns * scale, begin + rows * scale, begin)
        ax.imshow(maps[..., channel], cmap=CMAPS[cmap], vmin=low, vmax=high, extent=extent)
        if place and place[2] == channel:
            corner = (left + place[1] * scale, begin + place[0] * scale)
            ax.add_patch(
                Rectangle(corner, scale, scale, fill=False, edgecolor=PALETTE["orange"], linewidth=2)
            )
    return float(-(-channels // across) * (rows * scale + gap) - gap)


def _draw_bars(ax: Axes, shares: Array, top: float) -> float:
    slot = 8.0
    floor = top + 3 + BAR
    for digit, share in enumerate(shares):
        best = digit == int(np.argmax(shares))
        color, weight = (PALETTE["blue"], "bold") if best else (PALETTE["gray"], "normal")
        middle = (digit + 0.5) * slot
        ax.add_patch(Rectangle((middle - 3, floor - BAR * share), 6, max(0.2, BAR * share), facecolor=color))
        number = f"{100 * share:.0f} %"
        ax.text(
            middle, floor - BAR * share - 1.5, number, ha="center", va="center", fontsize=7, weight=weight
        )
        ax.text(middle, floor + 2, str(digit), ha="center", va="center", fontsize=8, weight=weight)
    return BAR + 6


def draw_layer_bills(tables: Mapping[str, Sequence[tuple[str, int, int]]], figure: FigureBase) -> None:
    """Draw for each network the parameters and the multiply-adds of its layers as bars, side by side.

    ``tables[network]`` holds (label, parameters, multiply-adds) from the input on; all share a scale.
    """
    panels = figure.subplots(1, 2 * len(tables), squeeze=False)[0]
    everything = [row for rows in tables.values() for row in rows]
    most = max(row[1] for row in everything) / 1e6, max(row[2] for row in everything) / 1e6
    for place, (name, rows) in enumerate(tables.items()):
        left, right = panels[2 * place : 2 * place + 2]
        _draw_counts(left, [row[1] / 1e6 for row in rows], most[0], "blue")
        _draw_counts(right, [row[2] / 1e6 for row in rows], most[1], "orange")
        left.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=7)
        left.set_title(f"{name}: parameters, millions", fontsize=9)
        right.set_title("multiply-adds, millions", fontsize=9)


def _draw_counts(ax: Axes, counts: Sequence[float], most: float, color: str) -> None:
    ax.barh(range(len(counts)), counts, color=PALETTE[color])
    ax.set(yticks=[], xlim=(0, 1.02 * most), ylim=(len(counts) - 0.5, -0.5))
    ax.tick_params(labelsize=7)
