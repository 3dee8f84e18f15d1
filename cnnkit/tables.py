"""The table that Keras prints for a model, line by line the same."""

from collections.abc import Sequence
from typing import NamedTuple

_WIDTHS = (36, 27, 15)
_HEADER = ("Layer (type)", "Output Shape", "Param #")
_UNITS = ("B", "KB", "MB", "GB", "TB")


class Row(NamedTuple):
    """A layer's line: its name, its type, its output's shape without the batch axis, its numbers of weights.

    `depth` is in how many containers it lies; the count of a container's own line holds what is inside.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    params: int
    depth: int = 0


def keras_table(title: str, rows: Sequence[Row], *, bytes_per_number: int, frozen: int = 0) -> str:
    """Return Keras 3's summary of a model as text, in the width of its default (88 columns).

    `frozen` of all parameters are not trained. Sizes are in units of 1024, as Keras counts them.
    """
    body = [line for row in rows for line in (*_row_lines(row), _rule("├", "─", "┼", "┤"))]
    total = sum(row.params for row in rows if not row.depth)
    lines = [
        f'Model: "{title}"',
        _rule("┏", "━", "┳", "┓"),
        _cells(_HEADER, "┃"),
        _rule("┡", "━", "╇", "┩"),
        *body[:-1],
        _rule("└", "─", "┴", "┘"),
    ]
    for label, count in (("Total", total), ("Trainable", total - frozen), ("Non-trainable", frozen)):
        lines.append(f" {label} params: {count:,} ({_readable(count * bytes_per_number)})")
    return "\n".join(lines)


def _row_lines(row: Row) -> list[str]:
    indent = "   " * (row.depth - 1) + "└ " if row.depth else ""
    name, kind, params = indent + row.name, row.kind, row.params
    label, shown = f"{name} ({kind})", f"(None, {', '.join(map(str, row.shape))})"
    if len(label) <= _WIDTHS[0]:
        return [_cells((label, shown, f"{params:,}"), "│")]
    # A long name takes two lines, as in Keras: the type moves below, and what still does not fit is cut.
    short = name if len(name) <= _WIDTHS[0] else name[: _WIDTHS[0] - 1] + "…"
    return [_cells((short, shown, f"{params:,}"), "│"), _cells((f"({kind})", "", ""), "│")]


def _cells(texts: Sequence[str], bar: str) -> str:
    name, shape, params = texts
    return f"{bar} {name:<{_WIDTHS[0]}} {bar} {shape:<{_WIDTHS[1]}} {bar} {params:>{_WIDTHS[2]}} {bar}"


def _rule(left: str, line: str, middle: str, right: str) -> str:
    return left + middle.join(line * (width + 2) for width in _WIDTHS) + right


def _readable(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.2f} {_UNITS[unit]}"
