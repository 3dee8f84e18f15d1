"""Where a measured kernel stands under a machine's roof, in numbers and drawn with letters."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cnnkit.errors import OptionError
from cnnkit.roofline.machine import Machine

Bound = Literal["memory", "compute"]
WIDTH, HEIGHT = 66, 16  # characters of the drawing, without its axis
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Placement:
    """How quick some work was, and how quick it could be.

    Attributes:
        gflops: billion operations a second that it reached.
        intensity: operations for each byte that it must move.
        roof: the most GFLOP/s that the machine allows at that intensity.
        bound: which ceiling is the lower one there, "memory" or "compute".
    """

    gflops: float
    intensity: float
    roof: float
    bound: Bound

    @property
    def percent_of_roof(self) -> float:
        """The share reached; above 100 where a method needs fewer operations, or data was in a cache."""
        return 100 * self.gflops / self.roof


def place(flops: float, bytes_moved: float, seconds: float, machine: Machine) -> Placement:
    """Return where work of `flops` operations stands that moves at least `bytes_moved` and took `seconds`.

    ``roof = min(peak, bandwidth * flops / bytes)`` (Williams, Waterman & Patterson, "Roofline", 2009). A
    `Work` goes in as ``place(*work, seconds, machine)``. Raises OptionError for numbers that are not above 0.
    """
    for name, value in (("flops", flops), ("bytes_moved", bytes_moved), ("seconds", seconds)):
        if not (value > 0 and math.isfinite(value)):
            raise OptionError(f"{name} is {value}; expected a finite number above 0")
    intensity = flops / bytes_moved
    bound: Bound = "memory" if intensity < machine.ridge else "compute"
    return Placement(flops / seconds / 1e9, intensity, machine.roof(intensity), bound)


def table(placements: Mapping[str, Placement]) -> str:
    """Return one line for each named placement, under a heading."""
    width = max(map(len, placements), default=4) + 3
    lines = [f"{'':<{width}}{'flop/byte':>10}{'GFLOP/s':>10}{'roof':>9}{'of roof':>9}  limited by"]
    for letter, (name, at) in zip(LETTERS, placements.items(), strict=False):
        lines.append(
            f"{letter}  {name:<{width - 3}}{at.intensity:>10.2f}{at.gflops:>10.1f}{at.roof:>9.1f}"
            f"{at.percent_of_roof:>8.0f}%  {'memory' if at.bound == 'memory' else 'arithmetic'}"
        )
    return "\n".join(lines)


def drawing(placements: Mapping[str, Placement], machine: Machine) -> str:
    """Return the roof and every placement's letter on two logarithmic axes, as lines of text."""
    across, up = axis_limits(placements, machine)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for column in range(WIDTH):
        intensity = _from_log(column / (WIDTH - 1), across)
        flat = intensity >= machine.ridge
        _put(grid, column, _share(machine.roof(intensity), up), "─" if flat else "/")
    for letter, at in zip(LETTERS, placements.values(), strict=False):
        _put(grid, round(_share(at.intensity, across) * (WIDTH - 1)), _share(at.gflops, up), letter)
    labels = {0: f"{up[1]:g}", HEIGHT - 1: f"{up[0]:g}"}
    lines = [f"{labels.get(row, ''):>8} │{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]
    ends = f"{across[0]:g}", f"{across[1]:g}"
    middle = "operations a byte".center(WIDTH - len(ends[0]) - len(ends[1]))
    return "\n".join(["GFLOP/s", *lines, f"{'':>9}└{'─' * WIDTH}", f"{'':>10}{ends[0]}{middle}{ends[1]}"])


def axis_limits(
    placements: Mapping[str, Placement], machine: Machine
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends of the axes, intensity and GFLOP/s: powers of ten around all there is to show."""
    intensities = [at.intensity for at in placements.values()] + [machine.ridge / 10, machine.ridge * 10]
    speeds = [at.gflops for at in placements.values()] + [machine.peak_gflops, machine.peak_gflops / 100]
    return _powers(intensities), _powers(speeds)


def _powers(values: list[float]) -> tuple[float, float]:
    low, high = math.floor(math.log10(min(values) * 0.8)), math.ceil(math.log10(max(values) * 1.25))
    return 10.0**low, 10.0**high


def _share(value: float, limits: tuple[float, float]) -> float:
    """Return where `value` lies between the limits of a logarithmic axis, 0 to 1."""
    return math.log(value / limits[0]) / math.log(limits[1] / limits[0])


def _from_log(share: float, limits: tuple[float, float]) -> float:
    return limits[0] * math.pow(limits[1] / limits[0], share)


def _put(grid: list[list[str]], column: int, height: float, mark: str) -> None:
    """Write `mark`; a second letter in one place becomes a *."""
    row = round((1 - height) * (HEIGHT - 1))
    if not 0 <= row < HEIGHT:
        return
    grid[row][column] = "*" if grid[row][column] in LETTERS else mark
