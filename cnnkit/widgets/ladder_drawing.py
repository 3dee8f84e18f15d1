"""What the ladder bench draws: one bar for each rung, and the roof with the layer's place under it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cnnkit.roofline import Machine, Placement, Work
from cnnkit.roofline.race import Entry
from cnnkit.widgets.svg_plot import Drawing, color_of, picture, words_at

PLACES = 41
"""Intensities that the roof's cursor can visit."""

_ROW, _TOP, _BOTTOM = 34, 40, 34
_NAMES, _WIDTH, _RIGHT = 248, 700, 150  # pixels for the names, for all, for the numbers behind the bars
_LEAST, _MOST = 1e-4, 1e4  # GFLOP/s that any machine's bars lie between
_ROOF_SIZE, _ROOF_MARGINS = (430, 330), (62, 28, 22, 42)  # left, top, right, bottom


def rung_bars(entries: Sequence[Entry], roof: float | None, *, label: str) -> Drawing:
    """Return the rungs from top to bottom, each with a bar as long as its GFLOP/s on a logarithmic axis.

    A dashed line stands at `roof`, when it is known. An outlined bar is extrapolated from a piece.
    """
    limits = _decades([*(entry.gflops for entry in entries), roof])
    height = _TOP + _ROW * len(entries) + _BOTTOM
    parts = [_bar_axis(limits, height)]
    for index, entry in enumerate(entries):
        parts.append(_bar(entry, _TOP + _ROW * index, limits, roof))
    if roof is not None:
        at = _along(roof, limits)
        parts.append(_line(at, _TOP - 6, at, height - _BOTTOM, dashes="6 4", width=2))
        parts.append(words_at(at, _TOP - 14, f"roof: {roof:.3g}", "middle"))
    box = (0.0, _TOP / height, 1.0, 1 - _BOTTOM / height)
    return Drawing(picture((_WIDTH, height), parts), label, _WIDTH, len(entries), 1, box, cells=True)


def roof_plot(machine: Machine, placements: Mapping[str, Placement], work: Work, *, label: str) -> Drawing:
    """Return the two ceilings on logarithmic axes, the layer's intensity, and a dot for each rung there."""
    across = intensity_limits(machine, work)
    up = _around(
        [machine.peak_gflops * 1.2, machine.peak_gflops / 100, *(p.gflops for p in placements.values())]
    )
    parts = [_roof_axes(across, up)]
    corners = " ".join(
        "{:.1f},{:.1f}".format(*_place(at, machine.roof(at), across, up))
        for at in (across[0], machine.ridge, across[1])
    )
    parts.append(f'<polyline points="{corners}" fill="none" stroke="currentColor" stroke-width="2.5"/>')
    at, floor = _place(work.intensity, up[0], across, up)
    parts.append(_line(at, floor, at, _ROOF_MARGINS[1], dashes="2 4"))
    for place in placements.values():
        x, y = _place(place.intensity, place.gflops, across, up)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{color_of("blue")}"/>')
    left, top, right, bottom = _ROOF_MARGINS
    width, height = _ROOF_SIZE
    box = (left / width, top / height, 1 - right / width, 1 - bottom / height)
    return Drawing(picture(_ROOF_SIZE, parts), label, width, 1, PLACES, box, cells=False)


def intensity_limits(machine: Machine, work: Work) -> tuple[float, float]:
    """Return the ends of the roof's axis: powers of ten around the ridge and the layer."""
    return _around([machine.ridge / 10, machine.ridge * 10, work.intensity])


def intensity_at(column: int, machine: Machine, work: Work) -> float:
    """Return the operations a byte at one of the roof's PLACES."""
    low, high = intensity_limits(machine, work)
    return low * math.pow(high / low, column / (PLACES - 1))


def nearest_column(machine: Machine, work: Work) -> int:
    """Return the one of the roof's PLACES that is nearest to the layer."""
    low, high = intensity_limits(machine, work)
    return round(math.log(work.intensity / low) / math.log(high / low) * (PLACES - 1))


def _around(values: Sequence[float]) -> tuple[float, float]:
    """Return the powers of ten around all `values`."""
    return 10.0 ** math.floor(math.log10(min(values))), 10.0 ** math.ceil(math.log10(max(values)))


# ---- bars


def _bar(entry: Entry, top: float, limits: tuple[float, float], roof: float | None) -> str:
    middle = top + _ROW / 2 + 4
    name = words_at(_NAMES - 8, middle, entry.rung.name, "end")
    gflops = entry.gflops
    if gflops is None:
        said = "out: see below" if entry.reason else "not timed yet"
        return name + words_at(_NAMES + 6, middle, said, "start")
    end = _along(gflops, limits)
    shape = f'x="{_NAMES}" y="{top + 6}" width="{max(end - _NAMES, 1):.1f}" height="{_ROW - 12}"'
    color = color_of("blue" if entry.share == 1 else "orange")
    filled = f'fill="{color}"' if entry.share == 1 else f'fill="none" stroke="{color}" stroke-width="2"'
    share = "" if roof is None else f", {_percent(100 * gflops / roof)}"
    # All numbers stand in one column, where neither bars nor the roof's line cross them.
    numbers = words_at(_WIDTH - _RIGHT + 12, middle, f"{gflops:.3g}{share}", "start")
    return name + f"<rect {shape} {filled}/>" + numbers


def _percent(value: float) -> str:
    return f"{value:.0f} %" if value >= 1 else f"{value:.1g} %" if value >= 0.01 else "< 0.01 %"


def _bar_axis(limits: tuple[float, float], height: int) -> str:
    parts = []
    for power in range(round(math.log10(limits[0])), round(math.log10(limits[1])) + 1):
        at = _along(10.0**power, limits)
        parts.append(_line(at, _TOP, at, height - _BOTTOM, opacity=0.18))
        parts.append(words_at(at, height - _BOTTOM + 15, f"{10.0**power:g}", "middle"))
    parts.append(words_at((_NAMES + _WIDTH - _RIGHT) / 2, height - 4, "GFLOP/s, logarithmic", "middle"))
    return "".join(parts)


def _along(gflops: float, limits: tuple[float, float]) -> float:
    share = math.log(gflops / limits[0]) / math.log(limits[1] / limits[0])
    return _NAMES + min(max(share, 0.0), 1.0) * (_WIDTH - _NAMES - _RIGHT)


def _decades(values: Sequence[float | None]) -> tuple[float, float]:
    """Return the powers of ten around all known values; a thousandth to a hundred where there are none."""
    low, high = _around([min(max(value, _LEAST), _MOST) for value in values if value] or [1e-3, 1e2])
    return low, max(high, 10 * low)


# ---- roof


def _place(
    intensity: float, gflops: float, across: tuple[float, float], up: tuple[float, float]
) -> tuple[float, float]:
    left, top, right, bottom = _ROOF_MARGINS
    width, height = _ROOF_SIZE[0] - left - right, _ROOF_SIZE[1] - top - bottom
    x = math.log(intensity / across[0]) / math.log(across[1] / across[0])
    y = math.log(gflops / up[0]) / math.log(up[1] / up[0])
    return left + x * width, top + (1 - y) * height


def _roof_axes(across: tuple[float, float], up: tuple[float, float]) -> str:
    (left, floor), (right, ceiling) = (
        _place(across[0], up[0], across, up),
        _place(across[1], up[1], across, up),
    )
    parts = []
    for value in _powers(across):
        at, _ = _place(value, up[0], across, up)
        parts.append(_line(at, ceiling, at, floor, opacity=0.18))
        parts.append(words_at(at, floor + 16, f"{value:g}", "middle"))
    for value in _powers(up):
        _, at = _place(across[0], value, across, up)
        parts.append(_line(left, at, right, at, opacity=0.18))
        parts.append(words_at(left - 6, at + 4, f"{value:g}", "end"))
    parts.append(words_at((left + right) / 2, _ROOF_SIZE[1] - 6, "operations a byte", "middle"))
    parts.append(words_at(4, 15, "GFLOP/s", "start"))
    return "".join(parts)


def _powers(limits: tuple[float, float]) -> list[float]:
    ends = [round(math.log10(limit)) for limit in limits]
    return [float(value) for value in np.logspace(ends[0], ends[1], ends[1] - ends[0] + 1)]


def _line(
    x1: float, y1: float, x2: float, y2: float, *, dashes: str = "", opacity: float = 0.9, width: float = 1
) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
        f'stroke-opacity="{opacity}" stroke-width="{width}" stroke-dasharray="{dashes}"/>'
    )
