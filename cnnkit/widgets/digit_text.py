"""What the drawn-digit widget says and draws around its network: the prediction, shifts, equivariance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.shapes import ReceptiveField
from cnnkit.widgets.sliding import number
from cnnkit.widgets.stages import Arithmetic, Fields, Stage, percent
from cnnkit.widgets.svg_plot import Drawing, named_map

Array = NDArray[Any]

REACH = 3
"""Shifts go up to so many pixels, each way."""
SHIFTS = [(rows, columns) for rows in range(-REACH, REACH + 1) for columns in range(-REACH, REACH + 1)]
STILL = SHIFTS.index((0, 0))


def prediction_text(probabilities: Array) -> str:
    """Return the two likeliest digits with their probabilities, (10,)."""
    first, second = (int(digit) for digit in np.argsort(-probabilities, kind="stable")[:2])
    shares = [percent(float(probabilities[digit])) for digit in (first, second)]
    return f"{first}, with {shares[0]}; then {second}, with {shares[1]}"


def best_text(probabilities: Array) -> str:
    """Return the likeliest digit with its probability, (10,)."""
    return f"{int(probabilities.argmax())}, with {percent(float(probabilities.max()))}"


def shift_text(shift: tuple[int, int]) -> str:
    """Return where the input was moved, such as "up 1, right 2"."""
    rows, columns = shift
    parts = [f"{'down' if rows > 0 else 'up'} {abs(rows)}"] if rows else []
    parts += [f"{'right' if columns > 0 else 'left'} {abs(columns)}"] if columns else []
    return ", ".join(parts) or "not moved"


def shift_map(probabilities: Array, still: int) -> Drawing:
    """Return the map of what is predicted at every shift of `SHIFTS`, from probabilities (49, 10).

    Blue where it is `still`, the prediction for the input in its place; orange where another digit wins.
    """
    side = 2 * REACH + 1
    best, share = probabilities.argmax(axis=1), probabilities.max(axis=1)
    holds = best == still
    arrows = [("↑", "←"), ("↓", "→")]
    steps = range(-REACH, REACH + 1)
    rows, columns = (
        [f"{arrows[step > 0][axis]} {abs(step)}" if step else "0" for step in steps] for axis in (0, 1)
    )
    label = (
        f"Answers for the input moved by up to {REACH} pixels: {still} at {int(holds.sum())} of {len(holds)} "
        "places, another digit at the others"
    )
    return named_map(
        np.where(holds, -share, share).reshape(side, side),
        rows,
        columns,
        reach=1.0,
        label=label,
        size=(270, 220),
        words=best.reshape(side, side).astype(str).tolist(),
        left=34,
    )


def equivariance(
    stages: Sequence[Stage], still: Sequence[Array], moved: Sequence[Array], shift: tuple[int, int]
) -> str:
    """Return how the maps of each stage answer to a shift of the input.

    `still` and `moved` hold the input (H, W, C) and every stage's maps, in its place and moved by `shift`.
    """
    if shift == (0, 0):
        return "Move the input, and see which maps move along."
    sentences = []
    input_size = (still[0].shape[0], still[0].shape[1])
    for stage, before, after in zip(stages, still[1:], moved[1:], strict=True):
        if stage.fields is None or before.shape[0] * before.shape[1] == 1:
            break
        sentences.append(f"{stage.name} {_moved_text(stage, before, after, shift, input_size)}.")
    return f"Maps move (down, right): {' '.join(sentences)}"


def _moved_text(
    stage: Stage, before: Array, after: Array, shift: tuple[int, int], input_size: tuple[int, int]
) -> str:
    assert stage.fields is not None
    jumps = [field.jump for field in stage.fields]
    steps = [by / jump for by, jump in zip(shift, jumps, strict=True)]
    cells = "(" + ", ".join(number(step) for step in steps) + ")"
    if any(step % 1 for step in steps):
        gap = _least_gap(before, after, steps)
        return f"by {cells} cells: no whole move, the nearest is {100 * gap:.0f} % off"
    whole = (int(steps[0]), int(steps[1]))
    gap, count = _interior_gap(stage.fields, before, after, whole, input_size)
    if not count:
        gap = _relative(*_overlap(before, after, whole))
        return f"by {cells} cells, but every unit sees an edge: {100 * gap:.0f} % off"
    verdict = "exactly" if gap < 1e-5 else f"up to {gap:.1%}"
    return f"by {cells} cells, {verdict} ({count} units that see no edge)"


def _overlap(before: Array, after: Array, steps: tuple[int, int]) -> tuple[Array, Array]:
    """Return the parts of both that lie on each other when `before` is moved by whole cells."""
    old, new = [], []
    for size, step in zip(before.shape[:2], steps, strict=True):
        old.append(slice(max(0, -step), min(size, size - step)))
        new.append(slice(max(0, step), min(size, size + step)))
    return before[tuple(old)], after[tuple(new)]


def _relative(old: Array, new: Array) -> float:
    norm = float(np.linalg.norm(old))
    return float(np.linalg.norm(new - old)) / norm if norm else 0.0


def _least_gap(before: Array, after: Array, steps: Sequence[float]) -> float:
    """Return the smallest relative difference over the neighbouring shifts by whole cells."""
    choices = [{int(np.floor(step)), int(np.ceil(step))} for step in steps]
    return min(_relative(*_overlap(before, after, (i, j))) for i in choices[0] for j in choices[1])


def _interior_gap(
    fields: Fields, before: Array, after: Array, steps: tuple[int, int], input_size: tuple[int, int]
) -> tuple[float, int]:
    """Return the relative difference over the units that see no edge, before and after, and their count."""
    old, new = _overlap(before, after, steps)
    inside = [
        _sees_no_edge(field, max(0, -step), step, cells, size)
        for field, step, cells, size in zip(fields, steps, old.shape[:2], input_size, strict=True)
    ]
    chosen = np.ix_(*inside)
    return _relative(old[chosen], new[chosen]), int(inside[0].sum() * inside[1].sum())


def _sees_no_edge(field: ReceptiveField, first: int, step: int, cells: int, size: int) -> NDArray[np.bool_]:
    """Return for each of `cells` units from `first` on whether it, and the one `step` later, see no edge."""
    units = np.arange(first, first + cells)
    lowest = field.start + field.jump * np.minimum(units, units + step)
    highest = field.start + field.jump * np.maximum(units, units + step) + field.size - 1
    return np.asarray((lowest >= 0) & (highest < size))


def off_text(stages: Sequence[Stage], off: Sequence[tuple[int, int]]) -> str:
    """Return which maps are switched off, such as "off: conv 1 map 3"."""
    names = [
        f"{stages[layer - 1].name} {_what(stages[layer - 1])} {channel}" for layer, channel in sorted(off)
    ]
    return f"off: {', '.join(names)}"


def _what(stage: Stage) -> str:
    return "unit" if stage.geometry is None else "map"


def importance_text(stage: Stage, probabilities: Array, alone: Array) -> str:
    """Return which map of a stage the answer (10,) needs most; `alone` (C, 10) is without each map, alone."""
    best = int(probabilities.argmax())
    lost = float(probabilities[best]) - alone[:, best]
    worst, others = int(lost.argmax()), int((alone.argmax(axis=1) != best).sum())
    share, what = percent(float(alone[worst, best])), _what(stage)
    return (
        f"{stage.name}: without {what} {worst} the {best} gets {share}, less than without any other; "
        f"{others} of {len(alone)} {what}s, switched off alone, change the answer."
    )


def field_text(stage: Stage, unit: tuple[int, int], input_size: tuple[int, int]) -> str:
    """Return which pixels of the input a unit sees, and what of its field lies outside."""
    if stage.fields is None:
        return f"It sees the whole input, {input_size[0]} × {input_size[1]}."
    spans = [field.span(index) for field, index in zip(stage.fields, unit, strict=True)]
    seen = [(max(0, low), min(size - 1, high)) for (low, high), size in zip(spans, input_size, strict=True)]
    text = (
        f"It sees {stage.fields[0].size} × {stage.fields[1].size} pixels: rows {seen[0][0]} to "
        f"{seen[0][1]} and columns {seen[1][0]} to {seen[1][1]} of the input"
    )
    return f"{text}; the rest is padding." if seen != spans else f"{text}."


def detail_arrays(stage: Stage, below: str, sums: Arithmetic, source: int) -> dict[str, Array]:
    """Return what a unit reads of one map below it, its weights there and their products, by title."""
    window, weights, products = (array[..., source] for array in (sums.window, sums.weights, sums.products))
    maps = sums.window.shape[2]
    vector = stage.geometry is None and stage.source[0] * stage.source[1] == 1
    what = f"the {sums.window.size} units of {below}" if vector else below
    if not vector and stage.source[2] > 1:
        what = f"{below}, map {sums.first + source}"
    name = {True: "1 for the winner" if weights.max() == 1 else "1/count"}.get(stage.pools, "weights")
    total, everything = (number(float(f"{value:.3g}")) for value in (products.sum(), sums.products.sum()))
    share = f" of {everything}" if maps > 1 else ""
    return {what: window, name: weights, f"products: {total}{share}": products}
