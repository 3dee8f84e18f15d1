"""The roofline: a machine's two ceilings, and measured kernels under them."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from cnnkit.figures.style import PALETTE

if TYPE_CHECKING:  # whoever has a machine to draw has loaded Numba; other pictures do without
    from cnnkit.roofline import Machine, Placement

PANEL = (330.0, 240.0)  # about how many points a panel is wide and high, to keep letters apart
LETTER = 11.0  # points that a letter needs on every side
SPOTS = [
    (dx, dy) for dx, dy in product((9, -9, 0, 18, -18), (0, 8, -8, 17, -17, 26, -26)) if (dx, dy) != (0, 0)
]


def draw_rooflines(placed: Sequence[tuple["Machine", Mapping[str, "Placement"]]], figure: FigureBase) -> None:
    """Draw one panel for each machine (a type of number or a count of threads) with its placements."""
    panels = figure.subplots(1, len(placed), squeeze=False)[0]
    for panel, (machine, placements) in zip(panels, placed, strict=True):
        draw_roofline(machine, placements, panel)


def draw_roofline(machine: "Machine", placements: Mapping[str, "Placement"], ax: Axes) -> None:
    """Draw the two ceilings on logarithmic axes, a lettered dot for each placement, and their names below."""
    from cnnkit.roofline.placement import LETTERS, axis_limits

    across, up = axis_limits(placements, machine)
    _draw_ceilings(machine, across, up, ax)
    dots = dict(zip(LETTERS, placements.values(), strict=False))
    for letter, shift in _letter_spots(dots, across, up).items():
        at = dots[letter]
        label = f"{letter}  {list(placements)[LETTERS.index(letter)]}: {at.gflops:.3g} GFLOP/s, "
        color = PALETTE["blue" if at.bound == "compute" else "orange"]
        marker = "o" if at.bound == "compute" else "s"
        ax.plot(
            at.intensity,
            at.gflops,
            marker,
            color=color,
            markersize=6,
            label=label + f"{at.percent_of_roof:.0f} % of the roof",
        )
        ax.annotate(
            letter, (at.intensity, at.gflops), shift, textcoords="offset points", ha="center", va="center"
        )
    if dots:
        ax.legend(loc="upper left", bbox_to_anchor=(-0.08, -0.2), fontsize=8, handletextpad=0.3)


def _draw_ceilings(
    machine: "Machine", across: tuple[float, float], up: tuple[float, float], ax: Axes
) -> None:
    intensities = np.array([across[0], machine.ridge, across[1]])
    ax.plot(intensities, [machine.roof(at) for at in intensities], color=PALETTE["ink"])
    ax.axvline(machine.ridge, color=PALETTE["gray"], linestyle=":", linewidth=1)
    ax.set(xscale="log", yscale="log", xlim=across, ylim=up)
    ax.set(xlabel="operations a byte", ylabel="GFLOP/s")
    ax.set_title(
        f"{machine.dtype}, {machine.threads} thread{'s' if machine.threads > 1 else ''}: "
        f"{machine.peak_gflops:.0f} GFLOP/s, {machine.bandwidth_gbs:.0f} GB/s"
    )


def _letter_spots(
    dots: Mapping[str, "Placement"], across: tuple[float, float], up: tuple[float, float]
) -> dict[str, tuple[float, float]]:
    """Return where each letter stands beside its dot, in points: clear of what is there if it can."""
    places = {
        letter: (_share(at.intensity, across) * PANEL[0], _share(at.gflops, up) * PANEL[1])
        for letter, at in dots.items()
    }
    taken = list(places.values())
    spots = {}
    for letter, (x, y) in places.items():
        room = {shift: min(_apart((x + shift[0], y + shift[1]), other) for other in taken) for shift in SPOTS}
        # The first spot, nearest to the dot, with room enough; else the one with most.
        shift = next((spot for spot in SPOTS if room[spot] >= LETTER * 0.8), max(SPOTS, key=room.__getitem__))
        spots[letter] = (float(shift[0]), float(shift[1]))
        taken.append((x + shift[0], y + shift[1]))
    return spots


def _share(value: float, limits: tuple[float, float]) -> float:
    return math.log(value / limits[0]) / math.log(limits[1] / limits[0])


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def draw_ladder_bench(
    rungs: Sequence[str],
    megabytes: Mapping[str, float],
    intensity: float,
    machine: "Machine | None",
    placements: Mapping[str, "Placement"],
    figure: FigureBase,
) -> None:
    """Draw the rungs beside the bytes of a layer; once measured, their speeds beside the machine's roof."""
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1])
    if machine is None:
        _draw_rungs(rungs, left)
        bars = right.bar(list(megabytes), list(megabytes.values()), color=PALETTE["blue"])
        right.bar_label(bars, [f"{value:.3f}" for value in megabytes.values()])
        right.set(title=f"has to move: {intensity:.1f} operations a byte", ylabel="MB")
        return
    from cnnkit.roofline.placement import axis_limits

    speeds = [placements[name].gflops if name in placements else np.nan for name in rungs]
    left.axvline(machine.roof(intensity), color=PALETTE["ink"], linestyle="--", zorder=1)
    bars = left.barh(list(rungs), speeds, color=PALETTE["blue"])
    texts = ["not timed" if np.isnan(speed) else f"{speed:.3g}" for speed in speeds]
    left.bar_label(bars, texts, padding=5, backgroundcolor="white")
    left.set(xscale="log", xlabel="GFLOP/s", title="speed of every rung, and the roof (dashed)")
    left.invert_yaxis()
    left.margins(x=0.2)
    _draw_ceilings(machine, *axis_limits(placements, machine), right)
    right.title.set_fontsize(9)
    for at in placements.values():
        right.plot(at.intensity, at.gflops, "o", color=PALETTE["blue"], markersize=5)


def _draw_rungs(names: Sequence[str], ax: Axes) -> None:
    """Draw a ladder, the first rung at the bottom, each with its name beside it."""
    for rail in (0.0, 1.0):
        ax.plot([rail, rail], [0.3, len(names) + 0.7], color=PALETTE["gray"], linewidth=4)
    for index, name in enumerate(names, start=1):
        ax.plot([0, 1], [index, index], color=PALETTE["blue"], linewidth=5)
        ax.text(1.25, index, f"{index}. {name}", va="center")
    ax.set(xticks=[], yticks=[], title="the ladder", xlim=(-0.3, 5), ylim=(0, len(names) + 1))
    ax.spines[:].set_visible(False)
