"""The training playground as a picture: curves, the first layer's filters, and the maps of one digit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from cnnkit.figures.network_maps import Look, draw_network_maps
from cnnkit.figures.style import CMAPS, PALETTE

Array = NDArray[Any]
_LINES = (("blue", "-"), ("orange", "--"), ("gray", ":"))


def draw_training_playground(
    curves: Mapping[str, tuple[Sequence[int], Mapping[str, Sequence[float]], tuple[float, float]]],
    filters: Array,
    reach: float,
    layers: Sequence[tuple[str, Array, Look]],
    figure: FigureBase,
) -> None:
    """Draw a run of training.

    `curves` holds (steps, values by name, limits of the vertical axis) by title; `filters` (KH, KW, F) are
    drawn from -`reach` to `reach`; `layers` are those of `draw_network_maps`.
    """
    halves: Any = figure.subfigures(1, 2, width_ratios=[1, 1.25])
    left, right = halves
    panels = left.subplots(len(curves) + 1, 1, height_ratios=[3] * len(curves) + [1])
    for ax, (title, (steps, series, limits)) in zip(panels, curves.items(), strict=False):
        _draw_curves(ax, steps, series, limits)
        ax.set_title(title)
    rows, columns, count = filters.shape
    sheet = np.full((rows, count * (columns + 1) - 1), np.nan)
    for number in range(count):
        sheet[:, number * (columns + 1) : number * (columns + 1) + columns] = filters[..., number]
    panels[-1].imshow(sheet, cmap=CMAPS["signed"], vmin=-reach, vmax=reach)
    panels[-1].axis("off")
    panels[-1].set_title("filters of conv 1")
    draw_network_maps(layers, right)


def _draw_curves(
    ax: Axes, steps: Sequence[int], series: Mapping[str, Sequence[float]], limits: tuple[float, float]
) -> None:
    for (color, line), (name, values) in zip(_LINES, series.items(), strict=False):
        marker = "o" if np.isfinite(values).sum() < 2 else None
        ax.plot(steps, values, line, marker=marker, color=PALETTE[color], label=name)
    ax.set(xlabel="step", ylim=limits)
    ax.legend(loc="best", fontsize=8)
