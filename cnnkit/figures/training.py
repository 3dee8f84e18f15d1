"""Pictures of training: paths in a valley, learning curves, intervals, scans, groups."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from cnnkit.figures.style import PALETTE
from cnnkit.intervals import mean_interval

Array = NDArray[Any]

_LINES = (
    ("blue", "-"),
    ("orange", "--"),
    ("green", "-."),
    ("pink", ":"),
    ("ink", (0, (5, 1, 1, 1))),
    ("yellow", (0, (3, 1))),
)


def draw_valley(height: Callable[[Array], Array], paths: Mapping[str, Array], figure: FigureBase) -> None:
    """Draw each path (steps + 1, 2) over the contours of `height` (..., 2) -> (...), one panel each."""
    panels = figure.subplots(1, len(paths), sharex=True, sharey=True, squeeze=False)[0]
    a, b = np.meshgrid(np.linspace(-10, 4, 141), np.linspace(-3, 3, 121))
    heights = height(np.stack([a, b], axis=-1))
    levels = np.geomspace(0.1, heights.max(), 12)
    for panel, (name, path) in zip(panels, paths.items(), strict=True):
        panel.contour(a, b, heights, levels, colors=PALETTE["gray"], linewidths=0.5)
        panel.plot(path[:, 0], path[:, 1], ".-", color=PALETTE["blue"], linewidth=1.2, markersize=4)
        panel.plot(*path[0], "s", color=PALETTE["orange"])
        panel.plot(0, 0, "*", color=PALETTE["green"], markersize=11)
        panel.set(title=name, xlim=(-10, 4), ylim=(-3, 3))


def draw_race(losses: Mapping[str, Array], ax: Axes) -> None:
    """Draw the mean of each optimiser's losses (seeds, epochs), with the span of its seeds as a band."""
    for (name, values), (color, line) in zip(losses.items(), _LINES, strict=False):
        epochs = np.arange(1, values.shape[1] + 1)
        ax.plot(epochs, values.mean(axis=0), linestyle=line, color=PALETTE[color], label=name)
        ax.fill_between(
            epochs, values.min(axis=0), values.max(axis=0), color=PALETTE[color], alpha=0.12, linewidth=0
        )
    ax.set(xlabel="epoch", ylabel="training loss", yscale="log")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_learning_curves(
    training: tuple[Sequence[float], Sequence[float]],
    validation: tuple[Sequence[float], Sequence[float]],
    figure: FigureBase,
    *,
    best: int = 0,
) -> None:
    """Draw loss and accuracy over the epochs, training and validation; a dotted line at the `best` epoch."""
    for panel, name, seen, unseen in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), training, validation, strict=True
    ):
        epochs = np.arange(1, len(seen) + 1)
        panel.plot(epochs, seen, color=PALETTE["blue"], label="training")
        panel.plot(epochs, unseen, "--", color=PALETTE["orange"], label="validation")
        if best:
            panel.axvline(best, color=PALETTE["gray"], linestyle=":", linewidth=1.2)
        panel.set(xlabel="epoch", title=name)
        panel.legend()


def draw_scan(rates: Array, losses: Array, suggestion: float, ax: Axes) -> None:
    """Draw the loss (steps,) over the learning rate of each step, with the suggested rate."""
    ax.plot(rates, losses, color=PALETTE["blue"])
    ax.axvline(suggestion, color=PALETTE["orange"], linestyle="--")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")


def draw_runs(values: Mapping[str, Array], ax: Axes, *, xlabel: str = "test accuracy") -> None:
    """Draw every run (seeds,) as a dot, and each recipe's mean with its 95 % interval beside them."""
    names = list(values)
    for row, name in enumerate(names):
        mean, half = mean_interval(values[name])
        ax.plot(values[name], np.full(len(values[name]), row + 0.18), "o", color=PALETTE["sky"], markersize=4)
        ax.errorbar(mean, row - 0.12, xerr=half, fmt="D", color=PALETTE["blue"], capsize=4, markersize=5)
    ax.axvline(float(values[names[0]].mean()), color=PALETTE["gray"], linestyle=":", linewidth=1)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel=xlabel)


_NORMS: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("batch norm", lambda n, c: c == 0),
    ("layer norm", lambda n, c: n == 0),
    ("group norm, 2 groups", lambda n, c: n == 0 and c < 3),
    ("instance norm", lambda n, c: n == 0 and c == 0),
)


def draw_norm_groups(figure: FigureBase) -> None:
    """Draw which maps of a batch (4 examples, 6 channels) share one mean and variance, four ways."""
    panels = figure.subplots(1, 4, sharey=True)
    panels[0].set_ylabel("example")
    for panel, (name, shares) in zip(panels, _NORMS, strict=True):
        for n in range(4):
            for c in range(6):
                color = PALETTE["blue"] if shares(n, c) else PALETTE["pale"]
                panel.add_patch(Rectangle((c, n), 1, 1, facecolor=color, edgecolor="white", linewidth=2))
        panel.set(title=name, xlim=(0, 6), ylim=(4, 0), aspect="equal", xlabel="channel")
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(False)
        panel.grid(False)
