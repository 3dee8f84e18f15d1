"""Drawings of what a network costs: a table with bars, layer by layer, and which part holds how much."""

from collections.abc import Mapping, Sequence

from cnnkit.widgets.layer_bills import PARTS, Bill, Totals
from cnnkit.widgets.sliding import number
from cnnkit.widgets.svg_plot import Drawing, picture, words_at

ROW, HEAD, FONT = 20, 26, 12
FULL, NARROW = 880, 450
"""Pixels of a table with all columns, and of one that leaves room for another beside it."""
BYTES = 4
"""Of one number, float32."""

_COLORS = {"params": "#0072B2", "macs": "#D55E00", "activations": "#009E73"}
_HEADS = {"params": "parameters", "macs": "multiply-adds", "activations": "activations"}
_PART_COLORS = dict(zip(PARTS, ("#56B4E9", "#E69F00", "#009E73", "#999999"), strict=True))
_QUANTITIES = ("params", "macs", "activations")
_STACK_LEFT, _STACK_RIGHT, _STACK_ROW = 220, 112, 26


def short(count: int, digits: int = 3) -> str:
    """Return a count as a table shows it: three (or `digits`) digits and k, M or G."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            return f"{number(float(f'{count / unit:.{digits}g}'))} {name}"
    return str(count)


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as the learner reads it, such as "224×224×64"."""
    return "×".join(map(str, shape))


def most(tables: Sequence[Sequence[Bill]]) -> dict[str, int]:
    """Return the greatest count of each quantity in all tables: what a full bar means."""
    rows = [bill for table in tables for bill in table]
    return {name: max(1, *(getattr(bill, name) for bill in rows)) for name in _QUANTITIES}


def layer_table(
    title: str,
    rows: Sequence[Bill],
    full: Mapping[str, int],
    *,
    opened: Sequence[str],
    changed: Sequence[str],
    narrow: bool,
) -> Drawing:
    """Return a table of layers with a bar for each count; a bar is as long as its share of `full`.

    Containers that could be opened have a triangle. Layers named in `changed` have a star and an outline for
    their parameters, whose number depends on the size of the input.
    """
    width = NARROW if narrow else FULL
    shape_at, field_at, bars_at = (164, 0, 258) if narrow else (220, 340, 394)
    quantities = _QUANTITIES[:2] if narrow else _QUANTITIES
    long, column = (36, 97) if narrow else (100, 163)
    parts = [_left(8, 17, title), _left(shape_at, 17, "output")]
    parts += [] if narrow else [_left(field_at, 17, "sees")]
    places = {name: bars_at + place * column for place, name in enumerate(quantities)}
    parts += [_left(left, 17, _HEADS[name]) for name, left in places.items()]
    for index, bill in enumerate(rows):
        top = HEAD + index * ROW
        if index % 2 == 0:
            parts.append(
                f'<rect x="0" y="{top}" width="{width}" height="{ROW}" fill="currentColor" opacity="0.06"/>'
            )
        fold = "" if not bill.inner else "▾ " if bill.name in opened else "▸ "
        parts.append(
            _left(8 + 14 * bill.depth, top + 14, fold + _fitting(bill, narrow, bill.name in changed))
        )
        parts.append(_left(shape_at, top + 14, shape_text(bill.output_shape)))
        if not narrow:
            parts.append(_left(field_at, top + 14, "all" if bill.field is None else str(bill.field.size)))
        for name, left in places.items():
            outlined = name == "params" and bill.name in changed
            count = getattr(bill, name)
            parts.append(_bar(left, top, count, long * count / full[name], _COLORS[name], outlined))
    height = HEAD + len(rows) * ROW
    label = f"{title}, layer by layer: {'; '.join(row_text(bill) for bill in rows)}"
    box = (0.0, HEAD / height, 1.0, 1.0)
    return Drawing(picture((width, height), parts, FONT), label, width, len(rows), 1, box, cells=True)


def _fitting(bill: Bill, narrow: bool, starred: bool) -> str:
    """Return the label, cut where the next column begins."""
    star = " ✱" if starred else ""
    room = (24 if narrow else 32) - 2 * bill.depth - 2 * bool(bill.inner) - len(star)
    return (bill.label if len(bill.label) <= room else f"{bill.label[: room - 1]}…") + star


def row_text(bill: Bill) -> str:
    """Return a row in a sentence: what is said when the cursor comes to it."""
    return f"{bill.label}: {short(bill.params)} parameters, {short(bill.macs)} multiply-adds"


def _bar(left: int, top: int, count: int, length: float, color: str, outlined: bool) -> str:
    length = max(1.0, length) if count else 0.0
    look = f'fill="none" stroke="{color}" stroke-width="1.5"' if outlined else f'fill="{color}"'
    bar = f'<rect x="{left}" y="{top + 5}" width="{length:.1f}" height="{ROW - 10}" {look}/>' if count else ""
    return bar + _left(left + length + 5, top + 14, short(count))


def share_bars(networks: Mapping[str, Totals], width: int = FULL) -> Drawing:
    """Return for each network a bar of its parameters, multiply-adds and numbers kept, cut into `PARTS`."""
    parts, left = [], 8
    for part, color in _PART_COLORS.items():
        parts.append(f'<rect x="{left}" y="6" width="14" height="12" fill="{color}"/>')
        parts.append(_left(left + 20, 17, part))
        left += 40 + 7 * len(part)
    rows = share_rows(networks)
    for index, (name, quantity, total, shares) in enumerate(rows):
        top = HEAD + index * _STACK_ROW
        parts.append(_left(8, top + 17, f"{name}: {_HEADS[quantity]}"))
        parts.append(_stack(top, width - _STACK_LEFT - _STACK_RIGHT, shares))
        parts.append(_left(width - _STACK_RIGHT + 8, top + 17, f"{total:,}"))
    height = HEAD + len(rows) * _STACK_ROW
    label = "; ".join(share_text(*row) for row in rows)
    box = (0.0, HEAD / height, 1.0, 1.0)
    return Drawing(picture((width, height), parts, FONT), label, width, len(rows), 1, box, cells=True)


ShareRow = tuple[str, str, int, dict[str, float]]


def share_rows(networks: Mapping[str, Totals]) -> list[ShareRow]:
    """Return (network, quantity, total, share of each part) for every bar."""
    return [
        (name, quantity, getattr(total, quantity), total.shares(place))
        for name, total in networks.items()
        for place, quantity in enumerate(_QUANTITIES)
    ]


def share_text(name: str, quantity: str, total: int, shares: Mapping[str, float]) -> str:
    """Return a bar as a sentence."""
    found = ", ".join(f"{part} {100 * share:.1f} %" for part, share in shares.items() if share >= 0.0005)
    return f"{name}, {_HEADS[quantity]}: {total:,}; {found}"


def _stack(top: int, width: int, shares: Mapping[str, float]) -> str:
    drawn, left = [], float(_STACK_LEFT)
    for part, share in shares.items():
        length = width * share
        size = f'x="{left:.1f}" y="{top + 3}" width="{max(0.0, length - 1):.1f}" height="{_STACK_ROW - 6}"'
        drawn.append(f'<rect {size} fill="{_PART_COLORS[part]}"/>')
        if share >= 0.08:
            words = "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
            drawn.append(words_at(left + length / 2, top + 17, words, "middle", "#111"))
        left += length
    return "".join(drawn)


def _left(x: float, y: float, words: str) -> str:
    return words_at(x, y, words, "start")
