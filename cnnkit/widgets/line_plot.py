"""LinePlot: a few named curves as one drawing, remade in Python, legible in both themes."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets

from cnnkit.errors import ShapeError

WIDTH, HEIGHT, LEGEND = 780, 250, 270  # units of the drawing, which scales with its place
LEFT, TOP, BOTTOM = 46, 12, 40
COLORS = ("ink", "orange", "blue", "sky", "green", "gray", "pink", "yellow")
DASHES = ("2 3", "", "", "6 3", "8 3", "8 3 2 3", "", "")
"""A curve is told by its dashes, too, where colours are not seen."""


class LinePlot(ipywidgets.HTML):  # type: ignore[misc]
    """Show curves over a common axis, with a legend that names each curve's value at a marked place.

    The drawing is an SVG that Python writes; its label says what is on it and every value at the mark.
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.add_class("cnnkit-line-plot")

    def show(
        self,
        x: Sequence[float],
        curves: Mapping[str, Sequence[float]],
        *,
        mark: int,
        title: str,
        xlabel: str,
        percent: bool = False,
    ) -> None:
        """Draw `curves`, each as long as `x`, from 0 up, with a line at ``x[mark]``.

        Raises ShapeError for a curve of another length than `x`, for one point, for more than eight curves.
        """
        for name, values in curves.items():
            if len(values) != len(x) or len(x) < 2 or len(curves) > len(COLORS):
                raise ShapeError(
                    f"curve {name!r} has {len(values)} points and is one of {len(curves)}; expected {len(x)} "
                    f"points (at least 2) and at most {len(COLORS)} curves"
                )
        self.value = _drawing(list(x), dict(curves), mark, title, xlabel, percent)


def _drawing(
    x: list[float], curves: dict[str, Sequence[float]], mark: int, title: str, xlabel: str, percent: bool
) -> str:
    from cnnkit.figures import PALETTE

    top = max(max(values) for values in curves.values()) or 1.0
    across = (WIDTH - LEGEND - LEFT) / (x[-1] - x[0])
    up = (HEIGHT - TOP - BOTTOM) / top

    def place(at: float, value: float) -> str:
        return f"{LEFT + (at - x[0]) * across:.1f},{HEIGHT - BOTTOM - value * up:.1f}"

    parts = [_axes(x, top, across, up, xlabel, percent)]
    left = LEFT + (x[mark] - x[0]) * across
    parts.append(
        f'<line x1="{left:.1f}" x2="{left:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
        'stroke="currentColor" stroke-width="1" stroke-dasharray="1 2"/>'
    )
    spoken = []
    for row, (name, values) in enumerate(curves.items()):
        color = "currentColor" if COLORS[row] == "ink" else PALETTE[COLORS[row]]
        line = f'fill="none" stroke="{color}" stroke-width="2.5" stroke-dasharray="{DASHES[row]}"'
        points = " ".join(place(at, value) for at, value in zip(x, values, strict=True))
        middle = TOP + 14 + row * 23
        begin = WIDTH - LEGEND + 16
        text = _written(values[mark], percent)
        spoken.append(f"{name} {text}")
        parts.append(
            f'<polyline points="{points}" {line}/>'
            f'<circle cx="{left:.1f}" cy="{HEIGHT - BOTTOM - values[mark] * up:.1f}" r="3.5" fill="{color}"/>'
            f'<line x1="{begin}" x2="{begin + 26}" y1="{middle}" y2="{middle}" {line}/>'
            f'<text x="{begin + 33}" y="{middle + 4}">{escape(name)}: {text}</text>'
        )
    label = f"{title}. At {x[mark]:g}: {', '.join(spoken)}."
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="13" '
        f'font-family="system-ui, sans-serif" fill="currentColor" '
        f'style="width: 100%; max-width: {WIDTH}px; color: var(--jp-ui-font-color1, currentColor)">'
        f"{''.join(parts)}</svg>"
    )


def _axes(x: list[float], top: float, across: float, up: float, xlabel: str, percent: bool) -> str:
    floor = HEIGHT - BOTTOM
    step = next(size for size in (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 100, top) if top / size <= 6)
    ticks = []
    for index in range(int(top / step) + 1):
        level = floor - index * step * up
        ticks.append(
            f'<line x1="{LEFT}" x2="{WIDTH - LEGEND}" y1="{level:.1f}" y2="{level:.1f}" '
            'stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">'
            f"{_written(index * step, percent)}</text>"
        )
    for at in x:
        place = LEFT + (at - x[0]) * across
        ticks.append(f'<text x="{place:.1f}" y="{floor + 17}" text-anchor="middle">{at:g}</text>')
    middle = (LEFT + WIDTH - LEGEND) / 2
    ticks.append(f'<text x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">{escape(xlabel)}</text>')
    return "".join(ticks)


def _written(value: float, percent: bool) -> str:
    return f"{value:.0%}" if percent else f"{value:.3g}"
