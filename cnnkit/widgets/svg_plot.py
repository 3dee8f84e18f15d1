"""Drawings for `Chart`: curves, bars and maps as SVG text, legible in both themes and without colours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from cnnkit.errors import ShapeError
from cnnkit.widgets.sliding import number

DASHES = {
    "blue": "",
    "orange": "7 3",
    "green": "2 3",
    "pink": "8 3 2 3",
    "yellow": "12 4",
    "sky": "4 4",
    "gray": "12 3 2 3 2 3",
    "ink": "1 5",
}
"""A curve is told by its dashes, too, where colours are not seen."""
_TOP, _BOTTOM, _LEFT, _RIGHT = 30, 40, 50, 12
_ROW, _KEY = 23, 30  # a row of the legend is so high; the piece of line in it is so wide


@dataclass(frozen=True)
class Drawing:
    """A picture and the places on it that a cursor can visit.

    Attributes:
        svg: the picture.
        label: the same in words.
        width: CSS pixels that it takes at most.
        rows: places from top to bottom.
        columns: places from left to right.
        box: (left, top, right, bottom) of the places, in shares of the picture's width and height.
        cells: whether places are the cells of a grid; otherwise points, from edge to edge of the box.
    """

    svg: str
    label: str
    width: int
    rows: int
    columns: int
    box: tuple[float, float, float, float]
    cells: bool

    def description(self) -> dict[str, Any]:
        """Return what the front end needs, as JSON."""
        return {**self.__dict__, "box": list(self.box)}


def curves(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    mark: int,
    limits: tuple[float, float],
    xlabel: str,
    label: str,
    colors: Sequence[str] = tuple(DASHES),
    size: tuple[int, int] = (380, 250),
    beside: int = 0,
    written: Callable[[float], str] = number,
) -> Drawing:
    """Return named curves over `x`, cut off outside `limits`, with a dot on each at ``x[mark]``.

    `colors` are names of DASHES, one for each curve, in order; `label` says in words what is on display. The
    curves' names stand above; or, where `beside` leaves that many pixels for them, to the right, each with
    its value at the mark. `written` turns a value into text. Raises ShapeError for a curve that is not as
    long as `x`, for one point, and for more curves than colours.
    """
    for name, values in series.items():
        if len(values) != len(x) or len(x) < 2 or len(series) > len(colors):
            raise ShapeError(
                f"curve {name!r} has {len(values)} points and is one of {len(series)}; expected {len(x)} "
                f"points (at least 2) and at most {len(colors)} curves"
            )
    frame = _Frame(size, (float(x[0]), float(x[-1])), limits, beside + _RIGHT, written)
    parts = [frame.axes(xlabel)]
    begin, middle = (size[0] - beside, _TOP + 6) if beside else (_LEFT, 14)
    for color, (name, values) in zip(colors, series.items(), strict=False):
        parts.append(_curve(frame, x, values, _stroke(color)))
        if limits[0] <= values[mark] <= limits[1]:
            left, up = frame.place(x[mark], values[mark])
            parts.append(f'<circle cx="{left:.1f}" cy="{up:.1f}" r="4.5" fill="{color_of(color)}"/>')
        text = f"{name}: {written(values[mark])}" if beside else name
        parts.append(_legend(begin, middle, text, color))
        if beside:
            middle += _ROW
        else:
            begin += _KEY + 21 + round(7.2 * len(name))
    return Drawing(picture(size, parts), label, size[0], 1, len(x), frame.box(), cells=False)


def bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    limits: tuple[float, float],
    label: str,
    xlabel: str = "",
    numbers: bool = True,
    size: tuple[int, int] = (380, 200),
) -> Drawing:
    """Return one bar for each value, from 0 up or down; bars at or below 0 are orange outlines."""
    if len(names) != len(values):
        raise ShapeError(f"values has {len(values)} numbers; expected one for each of {len(names)} names")
    frame = _Frame(size, (0.0, float(len(values))), limits)
    parts = [frame.axes(xlabel, ticks=False)]
    for index, value in enumerate(values):
        left, zero = frame.place(index + 0.15, 0.0)
        right, end = frame.place(index + 0.85, min(max(value, limits[0]), limits[1]))
        top, height = min(zero, end), max(abs(zero - end), 1.0)
        color = color_of("blue" if value > 0 else "orange")
        shape = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{height:.1f}"'
        filled = f'fill="{color}"' if value > 0 else f'fill="none" stroke="{color}" stroke-width="2"'
        parts.append(f"<rect {shape} {filled}/>")
        middle = (left + right) / 2
        parts.append(words_at(middle, size[1] - _BOTTOM + 16, names[index], "middle"))
        if numbers:
            parts.append(words_at(middle, top - 5, number(round(float(value), 4)), "middle"))
    return Drawing(picture(size, parts), label, size[0], 1, len(values), frame.box(), cells=True)


def named_map(
    values: np.ndarray[Any, Any],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    reach: float,
    label: str,
    size: tuple[int, int] = (560, 330),
    words: Sequence[Sequence[str]] | None = None,
    left: int = 88,
) -> Drawing:
    """Return a map (rows, columns) with names and numbers: white for 0, full blue or orange at `reach`.

    `words` stand in the cells instead of the numbers; `left` pixels are for the rows' names. Raises
    ShapeError when the names do not fit the values.
    """
    from cnnkit.figures import CMAPS

    if values.shape != (len(rows), len(columns)):
        raise ShapeError(
            f"values has shape {values.shape}; expected {(len(rows), len(columns))}, one per name"
        )
    top = 24
    wide, high = (size[0] - left - 4) / len(columns), (size[1] - top - 4) / len(rows)
    parts = [words_at(left + (c + 0.5) * wide, 15, name, "middle") for c, name in enumerate(columns)]
    parts += [words_at(left - 8, top + (r + 0.5) * high + 5, name, "end") for r, name in enumerate(rows)]
    colors = CMAPS["signed"](0.5 + 0.5 * np.clip(values / reach, -1, 1), bytes=True)[..., :3]
    for (r, c), value in np.ndenumerate(values):
        red, green, blue = colors[r, c].tolist()
        ink = "#fff" if 0.299 * red + 0.587 * green + 0.114 * blue < 128 else "#222"
        x, y = left + c * wide, top + r * high
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 1:.1f}" height="{high - 1:.1f}" '
            f'fill="rgb({red},{green},{blue})"/>'
        )
        text = words[r][c] if words else f"{value + 0.0:.1f}".replace("-0.0", "0.0").replace("-", "−")
        parts.append(words_at(x + wide / 2, y + high / 2 + 5, text, "middle", ink))
    box = (left / size[0], top / size[1], 1 - 4 / size[0], 1 - 4 / size[1])
    return Drawing(picture(size, parts), label, size[0], len(rows), len(columns), box, cells=True)


@dataclass(frozen=True)
class _Frame:
    """Where numbers lie on the picture."""

    size: tuple[int, int]
    across: tuple[float, float]
    up: tuple[float, float]
    right: int = _RIGHT
    written: Callable[[float], str] = number

    def place(self, x: float, y: float) -> tuple[float, float]:
        width, height = self.size[0] - _LEFT - self.right, self.size[1] - _TOP - _BOTTOM
        right = (x - self.across[0]) / (self.across[1] - self.across[0])
        above = (y - self.up[0]) / (self.up[1] - self.up[0])
        return _LEFT + right * width, self.size[1] - _BOTTOM - above * height

    def box(self) -> tuple[float, float, float, float]:
        width, height = self.size
        return _LEFT / width, _TOP / height, 1 - self.right / width, 1 - _BOTTOM / height

    def axes(self, xlabel: str, *, ticks: bool = True) -> str:
        (left, floor), (right, _) = self.place(self.across[0], self.up[0]), self.place(self.across[1], 0)
        parts = []
        for level in _ticks(*self.up):
            _, y = self.place(0, level)
            strength = 0.7 if level == 0 else 0.18
            parts.append(
                f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
                f'stroke-opacity="{strength}"/>'
            )
            parts.append(words_at(left - 6, y + 4, self.written(level), "end"))
        for at in _ticks(*self.across) if ticks else ():
            x, _ = self.place(at, 0)
            parts.append(words_at(x, floor + 16, number(at), "middle"))
        parts.append(words_at((left + right) / 2, self.size[1] - 6, xlabel, "middle"))
        return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`, four to eight of them."""
    rough = (high - low) / 6
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [float(round(index * step, 12)) for index in range(first, last + 1)]


def _curve(frame: _Frame, x: Sequence[float], values: Sequence[float], stroke: str) -> str:
    """Return one line, broken at NaN and where it leaves the picture; the ends are cut on the edge."""
    low, high = frame.up
    pieces: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if np.isnan(value):  # not measured here
            pieces.append([])
            continue
        near = values[max(index - 1, 0) : index + 2]
        if all(v < low for v in near) or all(v > high for v in near):
            pieces.append([])
            continue
        left, up = frame.place(x[index], min(max(value, low), high))
        pieces[-1].append(f"{left:.1f},{up:.1f}")
    return "".join(f'<polyline points="{" ".join(piece)}" {stroke}/>' for piece in pieces if len(piece) > 1)


def _legend(x: int, y: int, words: str, color: str) -> str:
    """Return a piece of the curve's line and what is written beside it."""
    return f'<line x1="{x}" x2="{x + _KEY}" y1="{y}" y2="{y}" {_stroke(color)}/>' + words_at(
        x + _KEY + 6, y + 4, words, "start"
    )


def color_of(name: str) -> str:
    """Return the CSS colour of a name of DASHES; ink follows the theme."""
    from cnnkit.figures import PALETTE

    return "currentColor" if name == "ink" else PALETTE[name]


def _stroke(color: str) -> str:
    return f'fill="none" stroke="{color_of(color)}" stroke-width="2.5" stroke-dasharray="{DASHES[color]}"'


def words_at(x: float, y: float, words: str, anchor: str, color: str = "currentColor") -> str:
    """Return text whose base line begins, has its middle or ends (`anchor`) at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(words)}</text>'


def picture(size: tuple[int, int], parts: Sequence[str], font: int = 13) -> str:
    """Return the parts as one SVG of `size`, text `font` pixels high; a `Drawing`'s label speaks for it."""
    return (
        f'<svg viewBox="0 0 {size[0]} {size[1]}" font-size="{font}" font-family="system-ui, sans-serif" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )
