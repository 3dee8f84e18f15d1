"""Pictures of whole networks: what flows through the layers, and what an experiment measured."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray

from cnnkit.figures.matrices import draw_image
from cnnkit.figures.style import PALETTE

Array = NDArray[Any]
LONG_VECTOR = 16


def draw_workflow(stages: Sequence[tuple[str, Array]], figure: FigureBase) -> None:
    """Draw what every stage of a network makes of one image, from left to right.

    Each stage is (title, array): (H, W, 3) is a photograph, other (H, W, C) show the four channels that vary
    most in the first such stage, a long vector becomes a strip and a short one bars.
    """
    panels = figure.subplots(1, len(stages))
    first = next((values for _, values in stages if values.ndim == 3 and values.shape[2] > 3), None)
    spread = np.zeros(1) if first is None else first.std(axis=(0, 1))
    shown = np.argsort(-spread, kind="stable")[:4]
    for panel, (title, values) in zip(panels, stages, strict=True):
        _draw_stage(panel, values, shown)
        panel.set_title(f"{title}\n{' × '.join(map(str, values.shape))}", fontsize=9)
    for left, right in pairwise(panels):
        # Bars have labels on their left, which the arrow must not cross.
        arrow = ConnectionPatch(
            (1.02, 0.5),
            (-0.15 if right.patches else -0.02, 0.5),
            "axes fraction",
            "axes fraction",
            axesA=left,
            axesB=right,
            arrowstyle="-|>",
            color=PALETTE["gray"],
        )
        figure.add_artist(arrow)


def draw_scores(
    groups: dict[str, dict[str, Sequence[float]]], ax: Axes, *, ylabel: str, limits: tuple[float, float]
) -> None:
    """Draw measured scores: a group for each key, in it each series as a dot a run and a line at the mean."""
    names = list(next(iter(groups.values())))
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        color = list(PALETTE.values())[place]
        for group, series in enumerate(groups.values()):
            center = group - 0.4 + width * (place + 0.5)
            runs = np.asarray(series[name], dtype=float)
            label = name if group == 0 else None
            ax.plot(np.full(runs.shape, center), runs, "o", color=color, markersize=6, alpha=0.6, label=label)
            ax.hlines(runs.mean(), center - 0.45 * width, center + 0.45 * width, color=color)
            middle = (center, float(runs.mean()))
            ax.annotate(f"{runs.mean():.1%}", middle, (12, 5), textcoords="offset points", color=color)
    ax.set(xticks=range(len(groups)), xticklabels=list(groups), ylabel=ylabel, ylim=limits)
    ax.set_xlim(-0.6, len(groups) - 0.4)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=len(names))


def _draw_stage(panel: Axes, values: Array, shown: Array) -> None:
    if values.ndim == 3 and values.shape[2] == 3:
        draw_image(values, panel)
    elif values.ndim == 3:
        draw_image(_tile(values[..., shown]), panel, cmap="signed" if values.min() < 0 else "positive")
    elif len(values) > LONG_VECTOR:
        draw_image(values.reshape(-1, 1), panel, cmap="positive")
        panel.set_aspect("auto")
        panel.set_box_aspect(4)
    else:
        panel.barh(range(len(values)), values, color=PALETTE["blue"])
        panel.invert_yaxis()
        panel.set(xticks=[], yticks=range(len(values)), box_aspect=1)
        panel.tick_params(length=0, labelsize=7)
        panel.spines[["bottom", "left"]].set_visible(False)


def _tile(maps: Array) -> Array:
    """Return up to four channels as one picture, two in a row, NaN between them."""
    height, width = maps.shape[:2]
    gap = max(1, height // 16)
    tiled = np.full((2 * height + gap, 2 * width + gap), np.nan)
    for place in range(maps.shape[2]):
        top, left = (place // 2) * (height + gap), (place % 2) * (width + gap)
        tiled[top : top + height, left : left + width] = maps[..., place]
    return tiled
