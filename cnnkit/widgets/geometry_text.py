"""Sentences about windows: the size formula with its numbers, and what any one number means."""

from collections.abc import Sequence
from typing import NamedTuple

from cnnkit.borders import NOTHING
from cnnkit.widgets.window_plan import AxisPlan

WHY_PADDED = {
    "valid": "‘valid’ pads nothing, every window lies on input cells only",
    "same": "‘same’ splits what is needed for ⌈n / s⌉ outputs in two; an odd cell goes to the end",
    "same_lower": "‘same, lower’ is ‘same’ with an odd cell at the beginning",
    "full": "‘full’ pads d·(K − 1) on both sides: the outermost windows touch the input with one tap",
    "causal": "‘causal’ pads d·(K − 1) before the columns, none behind: no output sees a later column",
    "custom": "you chose it",
}


class Term(NamedTuple):
    """A number of the formula: its key, the number with a short name, and what it means in a sentence."""

    key: str
    label: str
    sentence: str


def formula(plan: AxisPlan) -> str:
    """Return the size formula of one axis with its numbers substituted."""
    span = f"({plan.dilation}·({plan.kernel_size} − 1) + 1)" if plan.dilation > 1 else str(plan.kernel_size)
    if plan.transposed:
        stamped = f"({plan.size} − 1)·{plan.stride} + {span}"
        margins = f"− {plan.before} − {plan.after} + {plan.output_padding}"
        return f"{plan.name}s: {stamped} {margins} = {_signed(plan.inside)}"
    whole = f"⌊({plan.size} + {plan.before} + {plan.after} − {span}) / {plan.stride}⌋ + 1"
    short = f"⌊{_signed(plan.room)} / {plan.stride}⌋ + 1"
    result = plan.room // plan.stride + 1
    return f"{plan.name}s: {whole} = {short} = {_signed(result)}"


def terms(plan: AxisPlan, word: str) -> list[Term]:
    """Return every number of the formula, in its order; `word` is the padding as it was chosen."""
    parts = _transposed_terms(plan, word) if plan.transposed else _convolution_terms(plan, word)
    return [Term(f"{plan.name}.{key}", f"{plan.name}s: {label}", sentence) for key, label, sentence in parts]


def _convolution_terms(plan: AxisPlan, word: str) -> list[Term]:
    name, moves = plan.name, plan.room // plan.stride
    first, last = ("above", "below") if name == "row" else ("on the left", "on the right")
    return [
        Term("size", f"{plan.size}, the input", f"{counted(plan.size, name)} of input, before any padding."),
        Term("before", f"{plan.before}, padding {first}", _padding_sentence(plan.before, name, first, word)),
        Term("after", f"{plan.after}, padding {last}", _padding_sentence(plan.after, name, last, word)),
        _span_term(plan),
        Term(
            "stride",
            f"{plan.stride}, the stride",
            f"The window moves by {counted(plan.stride, name)} at a time: output {name} i starts at padded "
            f"{name} {plan.stride}·i.",
        ),
        Term("moves", f"{_signed(moves)}, the moves", _moves_sentence(plan)),
        Term(
            "output",
            f"{_signed(moves + 1)}, the output",
            plan.problem
            or f"{counted(plan.output, name)} out: the first window, and {counted(moves, 'move')}.",
        ),
    ]


def _transposed_terms(plan: AxisPlan, word: str) -> list[Term]:
    name = plan.name
    first, last = ("above", "below") if name == "row" else ("on the left", "on the right")
    return [
        Term(
            "size",
            f"{plan.size}, the input",
            f"{counted(plan.size, name)} of input. From the first stamp to the last it is {plan.size} − 1 = "
            f"{counted(plan.size - 1, 'step')}.",
        ),
        Term(
            "stride",
            f"{plan.stride}, the stride",
            f"Neighbouring inputs stamp {counted(plan.stride, name)} apart: here the stride enlarges.",
        ),
        _span_term(plan),
        Term("before", f"{plan.before}, cropped {first}", _crop_sentence(plan.before, name, first, word)),
        Term("after", f"{plan.after}, cropped {last}", _crop_sentence(plan.after, name, last, word)),
        Term("output_padding", f"{plan.output_padding}, output padding", _output_padding_sentence(plan)),
        Term(
            "output",
            f"{_signed(plan.inside)}, the output",
            plan.problem
            or f"{counted(plan.output, name)} out: a convolution with these settings maps {plan.output} back "
            f"to {plan.size}.",
        ),
    ]


def _span_term(plan: AxisPlan) -> Term:
    if plan.dilation == 1:
        taps = "the kernel's taps stand side by side" if plan.kernel_size > 1 else "the kernel has one tap"
        sentence = f"The window spans {counted(plan.span, plan.name)}: {taps}."
    else:
        sentence = (
            f"{counted(plan.kernel_size, 'tap')}, {plan.dilation} {plan.name}s apart, span "
            f"{plan.dilation}·({plan.kernel_size} − 1) + 1 = {plan.span} {plan.name}s."
        )
    return Term("span", f"{plan.span}, the window's span", sentence)


def _padding_sentence(amount: int, name: str, side: str, word: str) -> str:
    return f"{counted(amount, name)} of padding {side}: {WHY_PADDED[word]}."


def _crop_sentence(amount: int, name: str, side: str, word: str) -> str:
    if not amount:
        return f"Nothing is cropped {side}: the convolution that this one turns around has no padding there."
    reason = "the convolution that this one turns around would have padded them"
    return f"{counted(amount, name)} cropped {side}: {reason} ({WHY_PADDED[word]})."


def _output_padding_sentence(plan: AxisPlan) -> str:
    if plan.stride == 1:
        return "At stride 1 every output size belongs to one input size: there is nothing to choose."
    sizes = [plan.inside - plan.output_padding + extra for extra in range(plan.stride)]
    return (
        f"A convolution with stride {plan.stride} maps {_listed(sizes)} {plan.name}s all to {plan.size}; "
        f"output padding {plan.output_padding} chooses {plan.inside}. It adds no zeros to the input."
    )


def _moves_sentence(plan: AxisPlan) -> str:
    if plan.room < 0:
        return plan.problem
    moves = plan.room // plan.stride
    left = f"{counted(plan.room, plan.name)} {'is' if plan.room == 1 else 'are'} left to travel"
    head = f"After the first window, {left}: {counted(moves, 'move')} of {plan.stride}."
    if not plan.dropped:
        return f"{head} It works out evenly, nothing is dropped."
    rest = counted(plan.dropped, f"padded {plan.name}")
    return (
        f"{head} The rest of {plan.dropped} is too short for another move: the floor drops the last {rest}."
    )


def large_cell(rows: AxisPlan, columns: AxisPlan, at: tuple[int, int]) -> str:
    """Return what the number on a cell of the padded input (transposed: of the uncropped output) means."""
    plans = (rows, columns)
    place = tuple(cell - plan.before for cell, plan in zip(at, plans, strict=True))
    on = [plan.windows_on(cell) for cell, plan in zip(at, plans, strict=True)]
    count = len(on[0]) * len(on[1])
    product = f"{len(on[0])} × {len(on[1])} = {count}"
    if rows.transposed:
        return _stamped_cell(plans, place, on, product)
    head = _cell_name(plans, at, place)
    if not count:
        return f"{head} is never read: {_reason(plans, at, on)}."
    row, column = _indexed("row", on[0]), _indexed("column", on[1])
    where = f"its row lies under a tap of output {row}, its column of {column}"
    total = rows.uses(place[0]) * columns.uses(place[1]) if _inside(plans, place) else count
    more = f" With its copies in the padding it counts {total} times." if total > count else ""
    return f"{head} is read {_times(count)}: {where}; {product}.{more}"


def small_cell(rows: AxisPlan, columns: AxisPlan, at: tuple[int, int]) -> str:
    """Return what a cell of the output (transposed: of the input) reads or stamps."""
    row_taps, column_taps = rows.taps(at[0]), columns.taps(at[1])
    where = f"{_indexed('row', row_taps)} and {_indexed('column', column_taps)}"
    inside = int(rows.inside_taps[at[0]] * columns.inside_taps[at[1]])
    taps = rows.kernel_size * columns.kernel_size
    if rows.transposed:
        lost = f"; {taps - inside} of its {taps} numbers are cropped" if inside < taps else ""
        return f"Input cell {_place(at)} stamps its multiple of the kernel on output {where}{lost}."
    kind = "zeros" if rows.fill == "zeros" else "copies in the padding"
    where_they_lie = (
        f"{inside} on input cells, {taps - inside} on {kind}" if inside < taps else "all on input cells"
    )
    return f"Output {_place(at)} reads {where}: {counted(taps, 'tap')}, {where_they_lie}."


def _stamped_cell(
    plans: tuple[AxisPlan, AxisPlan], place: tuple[int, ...], on: Sequence[list[int]], product: str
) -> str:
    if not _inside(plans, place):
        return f"Cell {_place(place)} lies in the margin that the padding crops; it does not come out."
    if not on[0] or not on[1]:
        return f"Output cell {_place(place)} gets no stamp at all: it holds nothing but the bias."
    sources = f"{_indexed('row', on[0])} and {_indexed('column', on[1])}"
    if len(on[0]) == len(on[1]) == 1:
        return f"Output cell {_place(place)} is a single stamped number, from input {sources}."
    return f"Output cell {_place(place)} is the sum of {product} stamped numbers, from input {sources}."


def _cell_name(plans: tuple[AxisPlan, AxisPlan], at: tuple[int, int], place: tuple[int, ...]) -> str:
    if _inside(plans, place):
        return f"Input cell {_place(place)}"
    source = tuple(int(plan.source[cell]) for cell, plan in zip(at, plans, strict=True))
    shown = "a zero" if NOTHING in source else f"a copy of input cell {_place(source)}"
    return f"Padding cell {_place(place)}, {shown},"


def _reason(plans: tuple[AxisPlan, AxisPlan], at: tuple[int, int], on: Sequence[list[int]]) -> str:
    reasons = []
    for plan, cell, windows in zip(plans, at, on, strict=True):
        if windows:
            continue
        if plan.fine - cell <= plan.dropped:
            reasons.append(f"its {plan.name} lies behind the last window, where the floor drops it")
        else:
            reasons.append(f"its {plan.name} falls between the taps of all windows")
    return " and ".join(reasons)


def _inside(plans: tuple[AxisPlan, AxisPlan], place: tuple[int, ...]) -> bool:
    return all(0 <= cell < plan.inside for cell, plan in zip(place, plans, strict=True))


def _place(cell: Sequence[int]) -> str:
    return f"({', '.join(_signed(index) for index in cell)})"


def _indexed(name: str, cells: Sequence[int]) -> str:
    return f"{name}{'s' if len(cells) != 1 else ''} {_listed(cells)}"


def _listed(numbers: Sequence[int]) -> str:
    texts = [_signed(number) for number in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def counted(number: int, name: str) -> str:
    """Return the number with its noun, in the plural unless it is 1."""
    return f"{_signed(number)} {name}{'' if number == 1 else 's'}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _signed(number: int) -> str:
    return str(number).replace("-", "−")
