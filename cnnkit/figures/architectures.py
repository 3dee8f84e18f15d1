"""Pictures of architectures: the timeline, blocks with their branches, and where numbers and work live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray

from cnnkit.figures.matrices import draw_image
from cnnkit.figures.style import PALETTE

Array = NDArray[Any]

_BOX_HEIGHT, _GAP = 0.62, 0.5
_SEGMENTS = ("blue", "sky", "green", "yellow", "orange", "pink")
_HATCHES = ("", "//", "", "..", "", "xx")


@dataclass(frozen=True)
class Event:
    """One network on the timeline: its year, its name, and what it added."""

    year: float
    name: str
    idea: str


TIMELINE = (
    Event(1998, "LeNet-5", "convolution, subsampling, dense"),
    Event(2012, "AlexNet", "ReLU, dropout, two GPUs"),
    Event(2013, "Network in Network", "1×1, global average pooling"),
    Event(2014, "VGG-16", "only 3×3, deeper"),
    Event(2014, "GoogLeNet", "branches side by side"),
    Event(2015, "Inception v2, v3", "batch norm, 5×5 as two 3×3"),
    Event(2015, "ResNet", "x + F(x): 152 layers"),
    Event(2016, "DenseNet", "concatenate all before"),
    Event(2017, "MobileNet", "depthwise, then 1×1"),
    Event(2017, "SENet", "weights for channels"),
    Event(2019, "EfficientNet", "depth, width, pixels together"),
    Event(2020, "Vision Transformer", "attention between patches"),
    Event(2022, "ConvNeXt", "a ResNet brought up to date"),
)
"""The networks of the chapter, by the year in which their paper appeared."""


def draw_timeline(events: Sequence[Event], ax: Axes) -> None:
    """Draw networks in the order of their years, evenly spaced, alternately above and below a line."""
    ax.plot([-0.7, len(events) - 0.3], [0, 0], color=PALETTE["gray"], linewidth=2, zorder=1)
    for place, event in enumerate(events):
        above = place % 2 == 0
        side = 1 if above else -1
        height = side * (0.42 if (place // 2) % 2 == 0 else 1.12)
        ax.plot([place, place], [0, height], color=PALETTE["gray"], linewidth=1, zorder=1)
        ax.plot(place, 0, "o", color=PALETTE["orange" if above else "blue"], markersize=7, zorder=2)
        ax.text(
            place, -side * 0.12, f"{event.year:.0f}", ha="center", va="top" if above else "bottom", fontsize=9
        )
        align = "bottom" if above else "top"
        idea = _wrapped(event.idea)
        near = 0.145 * (idea.count("\n") + 1) + 0.06 if above else 0.16
        bold: dict[str, Any] = {"fontsize": 9, "fontweight": "bold"}
        ax.text(
            place, height + side * 0.05 + (near if above else 0), event.name, ha="center", va=align, **bold
        )
        below = 0.05 if above else -0.05 - near
        ax.text(place, height + below, idea, ha="center", va=align, fontsize=8.5, linespacing=1.2)
    ax.set(xlim=(-0.9, len(events) - 0.1), ylim=(-2.05, 2.05))
    ax.axis("off")


def _wrapped(text: str, width: int = 17) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


@dataclass(frozen=True)
class Block:
    """A part of a network that parts and merges, as it is drawn.

    Attributes:
        branches: the labels of the layers of each branch, from the input on; an empty one is a skip.
        merge: what stands where branches meet, such as "+" or "concat"; "" for a single branch.
        after: labels of the layers behind the merge.
    """

    branches: tuple[tuple[str, ...], ...]
    merge: str = ""
    after: tuple[str, ...] = field(default=())


def draw_blocks(blocks: Mapping[str, Block], figure: FigureBase) -> None:
    """Draw blocks side by side, each from its input above to its output below, under its title."""
    widths = [max(1.35, 1.15 * len(block.branches)) for block in blocks.values()]
    panels = figure.subplots(1, len(blocks), width_ratios=widths, squeeze=False)[0]
    lowest = min(-_depth(block) for block in blocks.values())
    for panel, (title, block) in zip(panels, blocks.items(), strict=True):
        _draw_block(panel, block)
        panel.set_title(title, fontsize=10)
        reach = 0.62 * max(len(block.branches), 1.15)
        panel.set(xlim=(-reach, reach), ylim=(lowest - 0.1, 0.45))
        panel.axis("off")


def _depth(block: Block) -> float:
    rows = max(map(len, block.branches)) + 0.55
    behind = (0.4 if block.merge else 0) + len(block.after) * (0.35 + _BOX_HEIGHT)
    return rows * (_BOX_HEIGHT + _GAP) + behind + 0.42


def _draw_block(ax: Axes, block: Block) -> None:
    step = _BOX_HEIGHT + _GAP
    columns = np.arange(len(block.branches)) - (len(block.branches) - 1) / 2
    meeting = -step * (max(map(len, block.branches)) + 0.55)
    ax.text(0, 0.12, "x", ha="center", va="bottom", fontsize=10, style="italic")
    for column, branch in zip(columns * 1.18, block.branches, strict=True):
        _draw_branch(ax, float(column), branch, meeting)
    bottom = meeting
    if block.merge:
        _draw_merge(ax, meeting - 0.12, block.merge)
        bottom -= 0.4
    for label in block.after:
        _arrow(ax, (0, bottom), (0, bottom - 0.35))
        _draw_box(ax, 0, bottom - 0.35 - _BOX_HEIGHT / 2, label)
        bottom -= 0.35 + _BOX_HEIGHT
    _arrow(ax, (0, bottom), (0, bottom - 0.42))


def _draw_merge(ax: Axes, y: float, sign: str) -> None:
    """Draw the place where branches meet: a sign in a circle, or a word in a box."""
    if sign in "+×":
        ax.plot(0, y, "o", markersize=22, color="white", markeredgecolor=PALETTE["ink"], zorder=3)
        ax.text(0, y, sign, ha="center", va="center", fontsize=13, zorder=4)
    else:
        _draw_box(ax, 0, y - 0.1, sign)


def _draw_branch(ax: Axes, column: float, labels: Sequence[str], meeting: float) -> None:
    """Draw one branch from the input down to where all meet, straight, then over to the middle."""
    line: dict[str, Any] = {"color": PALETTE["ink"], "linewidth": 1.1, "zorder": 1}
    ax.plot([0, 0, column], [0.08, -0.12, -0.12], **line)
    ax.plot([column, column], [-0.12, meeting + 0.3], **line)
    for row, label in enumerate(labels):
        _draw_box(ax, column, -(row + 0.5) * (_BOX_HEIGHT + _GAP) - 0.1, label)
    ax.plot([column, 0], [meeting + 0.3, meeting + 0.3], **line)
    ax.plot([0, 0], [meeting + 0.3, meeting], **line)


def _draw_box(ax: Axes, x: float, y: float, label: str) -> None:
    convolution = "×" in label and "pool" not in label
    face = "#CFE6F5" if convolution else "#FBE3CF" if "pool" in label else "#F1F1F1"
    box = FancyBboxPatch(
        (x - 0.52, y - _BOX_HEIGHT / 2),
        1.04,
        _BOX_HEIGHT,
        boxstyle="round,pad=0.01,rounding_size=0.08",
        facecolor=face,
        edgecolor=PALETTE["ink"],
        linewidth=0.9,
        zorder=3,
    )
    ax.add_patch(box)
    ax.text(x, y, label, ha="center", va="center", fontsize=8, zorder=4, linespacing=1.1)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": PALETTE["ink"], "linewidth": 1.1}
    ax.annotate("", end, start, arrowprops=style, zorder=2)


def draw_cost_shares(shares: Mapping[str, Mapping[str, Mapping[str, float]]], figure: FigureBase) -> None:
    """Draw, for each network, bars of what share of each quantity lives in which part of it.

    ``shares[network][quantity][part]`` are numbers; every bar is scaled to its sum.
    """
    panels = figure.subplots(len(shares), 1, squeeze=False)[:, 0]
    parts = list(next(iter(next(iter(shares.values())).values())))
    for panel, (network, quantities) in zip(panels, shares.items(), strict=True):
        for row, values in enumerate(quantities.values()):
            _draw_cost_row(panel, row, values)
        panel.set(yticks=range(len(quantities)), yticklabels=list(quantities), xlim=(0, 1), xticks=[])
        panel.invert_yaxis()
        panel.set_title(network, fontsize=10, loc="left")
        panel.tick_params(length=0)
        panel.spines[["top", "right", "bottom", "left"]].set_visible(False)
    handles = [
        Rectangle((0, 0), 1, 1, facecolor=PALETTE[color], hatch=hatch, edgecolor="white", label=part)
        for part, color, hatch in zip(parts, _SEGMENTS, _HATCHES, strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(parts), fontsize=8.5, frameon=False)


def _draw_cost_row(ax: Axes, row: int, values: Mapping[str, float]) -> None:
    total, left = sum(values.values()), 0.0
    for value, color, hatch in zip(values.values(), _SEGMENTS, _HATCHES, strict=False):
        share = value / total
        ax.barh(row, share, left=left, color=PALETTE[color], hatch=hatch, edgecolor="white", height=0.72)
        if share >= 0.07:
            box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.2}
            ax.text(left + share / 2, row, f"{share:.0%}", ha="center", va="center", fontsize=8.5, bbox=box)
        left += share


def draw_landscape(
    points: Mapping[str, tuple[float, float, float]],
    ax: Axes,
    *,
    offsets: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Draw networks by multiply-adds (log) and accuracy, the area of each dot its parameters.

    Each point is (millions of parameters, billions of multiply-adds, accuracy in per cent).
    """
    for place, (name, (params, macs, accuracy)) in enumerate(points.items()):
        color = PALETTE[_SEGMENTS[place % len(_SEGMENTS)]]
        ax.scatter(
            macs, accuracy, s=8 * params, color=color, alpha=0.55, edgecolor=PALETTE["ink"], linewidth=0.7
        )
        offset = (offsets or {}).get(name, (7.0, 5.0))
        ax.annotate(name, (macs, accuracy), offset, textcoords="offset points", fontsize=8.5)
    ax.set_xscale("log")
    ax.set_xticks([0.3, 1, 3, 10], ["0.3", "1", "3", "10"])
    ax.set_axisbelow(True)
    ax.set(xlabel="billions of multiply-adds (log scale)", ylabel="top-1 accuracy on ImageNet (%)")
    ax.grid(True, color=PALETTE["pale"])


def draw_degradation(depths: Sequence[int], errors: Mapping[str, Array], ax: Axes) -> None:
    """Draw the training error over the depth, for each kind a line through the means and a dot a seed.

    ``errors[kind]`` is (depths, seeds), shares between 0 and 1.
    """
    for (kind, values), color, style, marker in zip(
        errors.items(), ("orange", "blue"), ("--", "-"), ("s", "o"), strict=True
    ):
        ax.plot(depths, values.mean(axis=1), style, color=PALETTE[color], linewidth=2, label=kind)
        for column in values.T:
            ax.plot(depths, column, marker, color=PALETTE[color], markersize=5, alpha=0.6)
    ax.set(
        xlabel="layers with weights",
        ylabel="error on the training pictures",
        xticks=list(depths),
        ylim=(0, 1),
    )
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend()


def draw_channels(
    rows: Mapping[str, Array], figure: FigureBase, *, count: int = 8, cmap: str = "gray"
) -> None:
    """Draw the first `count` channels of each array (H, W, C) as pictures, a labelled row each."""
    panels = figure.subplots(len(rows), count, squeeze=False)
    for line, (label, maps) in zip(panels, rows.items(), strict=True):
        for channel, panel in enumerate(line):
            if channel < maps.shape[2]:
                draw_image(maps[..., channel], panel, cmap=cmap)
            else:
                panel.axis("off")
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
