"""Pictures of pooling: windows and what becomes of them, gradients on their way back, shifts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from cnnkit.figures.matrices import Highlight, draw_image, draw_matrix
from cnnkit.figures.style import PALETTE

Matrix = NDArray[np.floating[Any]]
WINDOW_COLORS = ("orange", "blue", "green", "pink")
CURVES = {
    "no pooling": ("ink", ":"),
    "max": ("orange", "-"),
    "average": ("blue", "-"),
    "L2": ("green", "--"),
    "strided convolution": ("gray", "-."),
    "blur": ("pink", "-"),
    "global average": ("yellow", "-"),
}


def draw_max_against_average(x: Matrix, largest: Matrix, means: Matrix, figure: FigureBase) -> None:
    """Draw a matrix (H, W) cut into framed 2x2 windows, with the maximum and the mean of each beside it."""
    left, middle, right = figure.subplots(1, 3, width_ratios=[x.shape[1], largest.shape[1], means.shape[1]])
    places = list(np.ndindex(largest.shape))
    colors = [WINDOW_COLORS[index % len(WINDOW_COLORS)] for index in range(len(places))]
    # a little inside of the cells, lest neighbouring frames hide each other
    windows = [(2 * i + 0.05, 2 * j + 0.05, 1.9, 1.9, c) for (i, j), c in zip(places, colors, strict=True)]
    cells = [(i + 0.05, j + 0.05, 0.9, 0.9, color) for (i, j), color in zip(places, colors, strict=True)]
    limits = (0.0, float(x.max()))
    draw_matrix(x, left, title="input, windows of 2 × 2", cmap="positive", highlight=windows)
    draw_matrix(largest, middle, title="max pooling", cmap="positive", limits=limits, highlight=cells)
    draw_matrix(means, right, title="average pooling", cmap="positive", limits=limits, highlight=cells)


def draw_matrices(
    matrices: Mapping[str, Matrix],
    figure: FigureBase,
    *,
    cmap: str = "positive",
    highlight: Mapping[str, Sequence[Highlight]] | None = None,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw small matrices side by side under their names; `highlight` frames cells of the named ones."""
    widths = [max(matrix.shape[1], 2) for matrix in matrices.values()]
    panels = figure.subplots(1, len(matrices), width_ratios=widths, squeeze=False)[0]
    for panel, (name, matrix) in zip(panels, matrices.items(), strict=True):
        frames = (highlight or {}).get(name, ())
        draw_matrix(matrix, panel, title=name, cmap=cmap, highlight=frames, limits=limits)


def draw_signals(rows: Mapping[str, Sequence[float]], ax: Axes) -> None:
    """Draw 1-D signals with values in [0, 1] below each other, a bar for each value, the name at the left.

    A signal with fewer values than the first one has wider cells, so that pooled values stand below what
    they came from.
    """
    length = len(next(iter(rows.values())))
    for index, (name, values) in enumerate(rows.items()):
        base, width = -1.4 * index, length / len(values)
        color = PALETTE["blue" if len(values) == length else "orange"]
        places = (np.arange(len(values)) + 0.5) * width
        ax.bar(places, np.asarray(values), width * 0.94, bottom=base, color=color)
        ax.plot([0, length], [base, base], color=PALETTE["ink"], linewidth=0.8)
        for place, value in zip(places, values, strict=True):
            ax.text(place, base - 0.07, f"{value:.3g}", ha="center", va="top", fontsize=9)
        ax.text(-0.3, base + 0.35, name, ha="right", va="center", fontsize=10)
    ax.set(xlim=(-0.2, length), ylim=(-1.4 * (len(rows) - 1) - 0.45, 1.05))
    ax.axis("off")


def draw_shift_curves(curves: Mapping[str, Matrix], ax: Axes) -> None:
    """Draw the mean change of each kind over the photographs, of several with a band of its standard error.

    `curves` maps a kind to (photographs, shifts), relative changes for the shifts 0, 1, 2 ...
    """
    for name, values in curves.items():
        color, style = CURVES[name]
        shifts, mean = np.arange(values.shape[1]), values.mean(axis=0)
        ax.plot(shifts, mean, style, color=PALETTE[color], label=name)
        if len(values) > 1:
            error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            ax.fill_between(shifts, mean - error, mean + error, color=PALETTE[color], alpha=0.12, linewidth=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlabel="shift in pixels", ylabel="change of the output", ylim=(0, None))
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    ax.margins(x=0.02)


def draw_pooling_bench(
    x: Matrix,
    gradient: Matrix,
    outputs: Mapping[str, Matrix],
    changes: Mapping[str, Matrix],
    figure: FigureBase,
    *,
    kind: str,
    frame: tuple[int, int, int, int],
) -> None:
    """Draw the bench: map and gradient (H, W) with the framed window, every output, the curves of change.

    `outputs` maps a kind to (H_out, W_out), `changes` to (shifts,); `frame` is (row, column, height, width).
    """
    above, below = figure.subfigures(2, 1, height_ratios=[1.1, 1], squeeze=False)[:, 0]
    left, middle, right = above.subplots(1, 3, width_ratios=[1, 1, 1.7])
    framed = [(*frame, "orange")]
    draw_image(x, left, title="feature map", limits=(0, float(x.max()) or 1.0), highlight=framed)
    draw_image(gradient, middle, title=f"gradient of {kind}", cmap="signed", highlight=framed)
    draw_shift_curves({name: changes[name][np.newaxis] for name in CURVES if name in changes}, right)
    panels = below.subplots(1, len(outputs))
    for panel, (name, output) in zip(panels, outputs.items(), strict=True):
        title = name.replace(", ", ",\n").replace(" ", "\n", 1)
        if output.size == 1:  # its own largest value would be a white cell on white paper
            draw_matrix(output, panel, title=title, cmap="gray", limits=(0, float(x.max()) or 1.0))
            continue
        signed = bool(output.min() < 0)
        reach = float(np.abs(output).max()) or 1.0
        limits = (-reach if signed else 0.0, reach)
        draw_image(output, panel, title=title, cmap="signed" if signed else "gray", limits=limits)
