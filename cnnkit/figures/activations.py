"""Pictures of activation functions, of softmax, of dead units and of signals through depth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from cnnkit.figures.style import CMAPS, PALETTE
from cnnkit.signal_depth import Signals

Array = NDArray[np.float64]

MAP_REACH = 12.0
JUMP = 0.3  # between neighbouring points of a derivative, more than any smooth one has


def draw_functions(x: Array, curves: Mapping[str, tuple[Array, Array]], figure: FigureBase) -> None:
    """Draw each function (solid) with its derivative (dashed) over `x`, eight panels at most."""
    panels = figure.subplots(2, 4, sharex=True, squeeze=False).ravel()
    for panel, (name, (values, slopes)) in zip(panels, curves.items(), strict=False):
        _draw_pair(panel, x, values, slopes)
        panel.set_title(name)
    for panel in panels[len(curves) :]:
        panel.axis("off")
    panels[0].legend(loc="upper left", fontsize=9)


def draw_activation_explorer(
    x: Array,
    values: Array,
    slopes: Array,
    at: float,
    logits: Array,
    probabilities: Array,
    figure: FigureBase,
    *,
    name: str,
) -> None:
    """Draw a function, its derivative and a softmax; a dotted line stands at the x `at`."""
    left, middle, right = figure.subplots(1, 3)
    for panel, curve, title, color in (
        (left, values, name, "blue"),
        (middle, slopes, "its derivative", "orange"),
    ):
        panel.plot(x, curve, color=PALETTE[color])
        panel.axvline(at, color=PALETTE["gray"], linestyle=":", linewidth=1)
        panel.plot(at, np.interp(at, x, curve), "o", color=PALETTE[color])
        panel.axhline(0, color=PALETTE["gray"], linewidth=0.6)
        panel.set(title=title, xlabel="x")
    middle.set_ylim(-0.25, max(1.25, float(slopes.max()) + 0.25))
    _draw_probabilities(right, logits, probabilities, "softmax")


def draw_temperatures(logits: Array, rows: Mapping[str, Array], figure: FigureBase) -> None:
    """Draw one bar chart of probabilities (K,) for each named row, all on one scale."""
    panels = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    for panel, (name, probabilities) in zip(panels, rows.items(), strict=True):
        _draw_probabilities(panel, logits, probabilities, name)


def draw_named_map(
    values: Array, rows: Sequence[str], columns: Sequence[str], ax: Axes, *, title: str = ""
) -> None:
    """Draw a map (rows, columns) of powers of ten, with names and numbers; white stands for 0."""
    ax.imshow(values, cmap=CMAPS["signed"], vmin=-MAP_REACH, vmax=MAP_REACH, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = CMAPS["signed"](0.5 + 0.5 * float(np.clip(value / MAP_REACH, -1, 1)))
        pale = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        text = f"{value + 0.0:.1f}".replace("-0.0", "0.0").replace("-", "−")
        ax.text(column, row, text, ha="center", va="center", color=PALETTE["ink"] if pale else "white")
    ax.set_xticks(range(len(columns)), list(columns))
    ax.set_yticks(range(len(rows)), list(rows))
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.set_title(title)


def draw_depth_lab(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    at: tuple[int, int],
    signals: Signals,
    figure: FigureBase,
    *,
    title: str,
) -> None:
    """Draw the map with the pair `at` framed, and that network's signal and gradient layer by layer."""
    left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
    draw_named_map(values, rows, columns, left, title=f"{title}, log10")
    left.add_patch(
        Rectangle((at[1] - 0.5, at[0] - 0.5), 1, 1, fill=False, edgecolor=PALETTE["ink"], linewidth=2.5)
    )
    layers = np.arange(1, len(signals.variances) + 1)
    spread, gradients = np.sqrt(signals.variances), signals.gradients
    right.plot(layers, np.maximum(spread, 1e-300), color=PALETTE["blue"], label="std of z")
    right.plot(layers, np.maximum(gradients, 1e-300), "--", color=PALETTE["orange"], label="gradient dz")
    low, high = min(spread.min(), gradients.min()), max(spread.max(), gradients.max())
    right.set(yscale="log", xlabel="layer", ylim=(min(low, 1e-2) / 2, max(high, 1e2) * 2))
    right.set_title(f"{rows[at[0]]}, {columns[at[1]]}")
    right.legend()


def draw_variances(series: Mapping[str, Array], ax: Axes) -> None:
    """Draw the variance of z (depth,) for each named initialisation, on a logarithmic axis."""
    styles = (("blue", "-"), ("green", "-."), ("orange", "--"), ("pink", ":"))
    for (name, values), (color, line) in zip(series.items(), styles, strict=False):
        ax.plot(np.arange(1, len(values) + 1), values, line, color=PALETTE[color], label=name)
    ax.set(yscale="log", xlabel="layer", ylabel="variance of z")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_dying_relu(
    losses: Sequence[float], dead_counts: Sequence[int], largest: Array, figure: FigureBase
) -> None:
    """Draw the loss and the number of dead units over the steps, and each unit's `largest` pre-activation."""
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.3])
    steps = np.arange(len(losses))
    dot = "o" if len(losses) == 1 else "-"
    left.plot(steps, losses, dot, color=PALETTE["blue"])
    left.set(title="loss", xlabel="step", ylim=(0, max([2.5, *losses]) * 1.05))
    middle.plot(steps, dead_counts, dot, color=PALETTE["orange"])
    middle.set(title="dead units", xlabel="step", ylim=(-1, len(largest) + 1))
    colors = [PALETTE["blue" if value > 0 else "orange"] for value in largest]
    right.bar(np.arange(len(largest)), largest, color=colors)
    right.axhline(0, color=PALETTE["gray"], linewidth=0.8)
    right.set(title="largest z over all examples", xlabel="hidden unit")


def draw_losses(z: Array, costs: Mapping[str, tuple[Array, Array]], figure: FigureBase) -> None:
    """Draw losses over the logit `z`, and beside them their slopes; each entry is (loss, slope)."""
    left, right = figure.subplots(1, 2)
    for (name, pair), (color, line) in zip(costs.items(), (("blue", "-"), ("orange", "--")), strict=True):
        for panel, values in zip((left, right), pair, strict=True):
            panel.plot(z, values, line, color=PALETTE[color], label=name)
    left.set(title="loss, target 1", xlabel="logit z")
    right.set(title="slope with respect to z", xlabel="logit z")
    left.legend()


def _draw_pair(ax: Axes, x: Array, values: Array, slopes: Array) -> None:
    ax.axhline(0, color=PALETTE["gray"], linewidth=0.6)
    ax.axvline(0, color=PALETTE["gray"], linewidth=0.6)
    ax.plot(x, values, color=PALETTE["blue"], label="f")
    jumps = np.flatnonzero(np.abs(np.diff(slopes)) > JUMP) + 1
    x, slopes = (
        np.insert(x, jumps, np.nan),
        np.insert(slopes, jumps, np.nan),
    )  # no line where there is no slope
    ax.plot(x, slopes, "--", color=PALETTE["orange"], label="f'")
    ax.set(ylim=(-1.6, 3.1))


def _draw_probabilities(ax: Axes, logits: Array, probabilities: Array, title: str) -> None:
    places = np.arange(len(probabilities))
    bars = ax.bar(places, probabilities, color=PALETTE["blue"])
    labels: list[Any] = [f"{value:.3f}" for value in probabilities]
    ax.bar_label(bars, labels, fontsize=9)
    ax.set_xticks(places, [f"z={logit:g}" for logit in logits])
    ax.set(title=title, ylim=(0, 1.12))
