"""Pictures of backpropagation: values forwards above, gradients backwards below, and what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from cnnkit.figures.matrices import Highlight, draw_image, draw_matrix, format_number
from cnnkit.figures.style import PALETTE, color_limits

Array = NDArray[Any]
Stage = tuple[str, Array]
MOST_CELLS = 30
CURVE_STYLES = (("blue", "-"), ("orange", "-"), ("green", "--"), ("pink", "-."), ("ink", ":"))


def draw_chain(nodes: Sequence[tuple[str, float, float]], figure: FigureBase) -> None:
    """Draw a chain of scalars: each node is (name, value, gradient); values flow right, gradients left."""
    ax = figure.subplots()
    for place, (name, value, gradient) in enumerate(nodes):
        ax.text(place, 0, name, ha="center", va="center", bbox=_box(), fontsize=12, fontweight="bold")
        ax.text(place, 0.42, format_number(value), ha="center", color=PALETTE["blue"], fontsize=12)
        ax.text(
            place, -0.42, format_number(gradient), ha="center", va="top", color=PALETTE["orange"], fontsize=12
        )
    for place in range(len(nodes) - 1):
        _arrow(ax, (place + 0.3, 0.12), (place + 0.66, 0.12), "blue")
        _arrow(ax, (place + 0.66, -0.12), (place + 0.3, -0.12), "orange")
    ax.text(-0.75, 0.42, "value", color=PALETTE["blue"], ha="center")
    ax.text(-0.75, -0.42, "dJ / d(·)", color=PALETTE["orange"], ha="center", va="top")
    ax.set(xlim=(-1.1, len(nodes) - 0.5), ylim=(-0.85, 0.75))
    ax.axis("off")


def draw_backward_flow(forward: Sequence[Stage], backward: Sequence[Stage], figure: FigureBase) -> None:
    """Draw each stage's values (above) and the gradient of the loss with respect to them (below).

    Stages are (title, array) with arrays (H, W) or, for a vector, (K,); both sequences have the same shapes.
    """
    widths = [_columns(array) for _, array in forward]
    gap = 0.22 * max(widths)
    ratios = [ratio for width in widths for ratio in (width, gap)][:-1]
    panels = figure.subplots(3, len(ratios), width_ratios=ratios, height_ratios=[1, 0.16, 1], squeeze=False)
    for row, (stages, color) in enumerate(((forward, "blue"), (backward, "orange"))):
        for panel, (title, array) in zip(panels[2 * row][::2], stages, strict=True):
            _draw_stage(panel, title, array, gradient=row == 1)
        for panel in panels[2 * row][1::2]:
            ends = ((0, 0.5), (1, 0.5)) if row == 0 else ((1, 0.5), (0, 0.5))
            _arrow_alone(panel, *ends, color)
    for panel in panels[1][:-1]:
        panel.axis("off")
    _arrow_alone(panels[1][-1], (0.5, 1), (0.5, 0), "gray")


def draw_full_convolution(padded: Array, turned: Array, dx: Array, figure: FigureBase) -> None:
    """Draw dx as a full convolution: the zero-stuffed, padded error, the turned kernel, the result.

    `padded` (H, W), `turned` (KH, KW), `dx` (H', W'), the valid cross-correlation of the two.
    """
    left, middle, right = figure.subplots(
        1, 3, width_ratios=[padded.shape[1], turned.shape[1], dx.shape[1]], squeeze=True
    )
    window = [(0, 0, *turned.shape, "orange")]
    draw_matrix(padded, left, title="error, zero-stuffed and padded", highlight=window)
    draw_matrix(turned, middle, title="w turned by 180°")
    draw_matrix(dx, right, title="dx", highlight=[(0, 0, 1, 1, "orange")])


def draw_stamps_sum(stamps: Sequence[Stage], total: Array, figure: FigureBase) -> None:
    """Draw what each error adds to dx (H, W), and the sum of all."""
    panels = figure.subplots(1, len(stamps) + 1)
    limits = color_limits(np.stack([array for _, array in stamps] + [total]), "signed")
    for place, (panel, (title, array)) in enumerate(zip(panels, stamps, strict=False)):
        draw_matrix(array, panel, title=title, limits=limits)
        panel.set_xlabel("+" if place < len(stamps) - 1 else "=", fontsize=14)
    draw_matrix(total, panels[-1], title="dx", limits=limits)


def draw_error_sweep(
    steps: Sequence[float], errors: Mapping[str, Sequence[float]], ax: Axes, *, marks: Mapping[str, float]
) -> None:
    """Draw relative errors over the step h, both logarithmic, and the steps that theory recommends."""
    for (name, values), (color, line) in zip(errors.items(), CURVE_STYLES, strict=False):
        ax.plot(
            steps, np.maximum(values, 1e-16), line, color=PALETTE[color], marker="o", markersize=4, label=name
        )
    for name, place in marks.items():
        ax.axvline(place, color=PALETTE["gray"], linewidth=0.8, linestyle=":")
        ax.annotate(
            name, (place, 1.0), (3, -10), xycoords=("data", "axes fraction"), textcoords="offset points"
        )
    ax.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error")
    ax.legend(loc="lower right")


def draw_depth_norms(norms: Mapping[str, Array], ax: Axes) -> None:
    """Draw the gradient's size over the layers: each series (seeds, depth + 1), its range and its median."""
    for (name, runs), (color, line) in zip(norms.items(), CURVE_STYLES, strict=False):
        layers = np.arange(runs.shape[1])
        middle = np.median(runs, axis=0)
        ax.fill_between(layers, runs.min(axis=0), runs.max(axis=0), color=PALETTE[color], alpha=0.15)
        ax.plot(layers, middle, line, color=PALETTE[color], label=name)
    ax.set(yscale="log", xlabel="layer (0 is the input)", ylabel="gradient, relative to the end")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_checkpointing(every: Sequence[int], peaks: Sequence[int], calls: Sequence[int], ax: Axes) -> None:
    """Draw how many layers' activations are kept, and how many layers run forwards, over the interval."""
    ax.plot(every, peaks, "o-", color=PALETTE["blue"], label="activations kept at once")
    ax.plot(every, calls, "s--", color=PALETTE["orange"], label="forward computations of a layer")
    ax.set(xlabel="a checkpoint every k layers", ylabel="layers", xscale="log")
    ax.set_xticks(list(every), [str(k) for k in every])
    ax.minorticks_off()
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_gradient_flow(
    arrays: Sequence[Array], at: tuple[int, int], figure: FigureBase, *, stride: int = 1, dilation: int = 1
) -> None:
    """Draw x, w, z above and dx, dw, δ below, with the taps of the output `at` framed.

    `arrays` are x (padded), w, z, dx (of the padded x's shape), dw and δ, all (H, W).
    """
    x, w, z, dx, dw, delta = arrays
    panels = figure.subplots(2, 3, width_ratios=[x.shape[1], max(w.shape[1], 2), max(z.shape[1], 2)])
    taps: list[Highlight] = [
        (at[0] * stride + m * dilation, at[1] * stride + n * dilation, 1, 1, "orange")
        for m, n in np.ndindex(w.shape[0], w.shape[1])
    ]
    if dilation == 1:
        taps = [(at[0] * stride, at[1] * stride, *w.shape, "orange")]
    cell: list[Highlight] = [(*at, 1, 1, "orange")]
    colours = "signed" if x.min() < 0 else "positive"
    draw_matrix(x, panels[0, 0], title="input x", cmap=colours, highlight=taps)
    draw_matrix(w, panels[0, 1], title="kernel w")
    draw_matrix(z, panels[0, 2], title="z before f", highlight=cell)
    draw_matrix(dx, panels[1, 0], title="dx", highlight=taps)
    draw_matrix(dw, panels[1, 1], title="dw")
    draw_matrix(delta, panels[1, 2], title="error δ", highlight=cell)


def _draw_stage(panel: Axes, title: str, array: Array, *, gradient: bool) -> None:
    values = np.asarray(array, dtype=float)
    if values.ndim == 1:
        _draw_bars(panel, title, values, "orange" if gradient else "blue")
        return
    cmap = "signed" if gradient or values.min() < 0 else "positive"
    if values.size <= MOST_CELLS:
        draw_matrix(values, panel, title=title, cmap=cmap, font_size=9)
    else:
        draw_image(values, panel, title=title, cmap=cmap if gradient or values.min() < 0 else "gray")


def _draw_bars(panel: Axes, title: str, values: Array, color: str) -> None:
    panel.barh(range(len(values)), values, color=PALETTE[color])
    panel.axvline(0, color=PALETTE["ink"], linewidth=0.8)
    panel.set_yticks(range(len(values)), [str(index) for index in range(len(values))], fontsize=8)
    panel.tick_params(axis="x", labelsize=8)
    panel.invert_yaxis()
    panel.set_title(title)


def _columns(array: Array) -> float:
    return 2.0 if array.ndim == 1 else float(np.sqrt(max(array.shape[1], 2)))


def _box() -> dict[str, Any]:
    return {"boxstyle": "round,pad=0.4", "facecolor": PALETTE["pale"], "edgecolor": PALETTE["gray"]}


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    arrow = {"arrowstyle": "-|>", "color": PALETTE[color], "linewidth": 1.4}
    ax.annotate("", end, start, arrowprops=arrow)


def _arrow_alone(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    """Draw an arrow across panels that hold nothing else."""
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.axis("off")
    _arrow(ax, start, end, color)
