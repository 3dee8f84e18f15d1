"""What the ladder bench says: the layer, every rung, the race and the guess."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnkit.roofline import Machine, Work
from cnnkit.roofline.race import Entry, Problem, Race

MEGA = 1e6


def entries(race: Race | None, problem: Problem, rungs: Sequence[Any]) -> list[Entry]:
    """Return the race's entries, or one without times for each rung."""
    return [Entry(rung, problem) for rung in rungs] if race is None else race.entries


def megabytes(problem: Problem) -> dict[str, float]:
    """Return the size of the input, the weights and the output."""
    size = np.dtype(problem.dtype).itemsize
    pixels = problem.size**2
    numbers = {
        "input": pixels * problem.channels,
        "weights": problem.kernel_size**2 * problem.channels * problem.filters,
        "output": pixels * problem.filters,
    }
    return {name: count * size / MEGA for name, count in numbers.items()}


def layer(problem: Problem, machine: Machine | None) -> str:
    """Return the arithmetic, the bytes, and the roof: its formula, or its height on a measured machine."""
    work = problem.work
    head = (
        f"{work.flops // 2:,} multiply-adds are {work.flops:,} operations, and {work.bytes:,} bytes have to "
        f"move: {work.intensity:.1f} operations a byte."
    )
    if machine is None:
        return f"{head} The roof is min(peak, bandwidth × {work.intensity:.1f})."
    roof = machine.roof(work.intensity)
    return (
        f"{head} The roof is min({machine.peak_gflops:.0f}, {machine.bandwidth_gbs:.1f} × "
        f"{work.intensity:.1f}) = {roof:.0f} GFLOP/s, with {_threads(machine)}."
    )


def rung(explained: Any, race: Race | None, machine: Machine | None) -> str:
    """Return what a rung changes and why, and how it did."""
    if race is None or machine is None:
        return f"{explained.name}: {explained.why}"
    index = next(i for i, entry in enumerate(race.entries) if entry.rung.name == explained.name)
    return f"{explained.name}: {_result(race.entries, index, machine)} {explained.why}"


def _result(found: Sequence[Entry], index: int, machine: Machine) -> str:
    entry = found[index]
    if entry.reason:
        return f"Out: {entry.reason}"
    if entry.seconds is None or entry.gflops is None:
        return "Not timed yet."
    share = 100 * entry.gflops / machine.roof(entry.problem.work.intensity)
    said = f"{_time(entry.seconds)}, {entry.gflops:.3g} GFLOP/s, {share:.2g} % of the roof"
    before = found[index - 1] if index else None
    if before is not None and before.seconds is not None:
        said += f", {_times(before.seconds / entry.seconds)} the speed of the rung before"
    if entry.share < 1:
        rows, columns, filters = entry.piece
        said += (
            f". Extrapolated from {rows} × {columns} outputs of {filters} filters, 1/{1 / entry.share:,.0f}"
        )
    return f"{said}."


def verdict(race: Race | None, machine: Machine | None, guessed: tuple[str, int]) -> str:
    """Return who is quickest and by how much, and what became of the guess."""
    if race is None or machine is None:
        return "Guess which rung is quickest and by how much, then let them race."
    winner, first = race.winner(), race.entries[0]
    if winner is None or winner.seconds is None or winner.gflops is None:
        return "Nothing was timed."
    share = 100 * winner.gflops / machine.roof(race.problem.work.intensity)
    said = f"The quickest is {winner.rung.name}: {winner.gflops:.3g} GFLOP/s, {share:.0f} % of the roof"
    if first.seconds is None:
        return f"{said}. {_right(guessed[0] == winner.rung.name)}"
    factor = first.seconds / winner.seconds
    right = guessed[0] == winner.rung.name
    return (
        f"{said}, {_times(factor)} the speed of {first.rung.name}. {_right(right)} "
        f"{_judged(guessed[1], factor)}"
    )


def _right(right: bool) -> str:
    return "You named the right rung." if right else "You named another rung."


def _judged(guess: int, factor: float) -> str:
    """Return how a guessed factor compares: powers of ten count, as the choices are ten apart."""
    off = np.log10(factor / guess)
    if abs(off) <= 0.5:
        return f"Your {guess:,} times is the nearest of the choices."
    way = "low" if off > 0 else "high"
    return f"Your {guess:,} times was too {way}, by a factor of {10 ** abs(off):,.0f}."


def bars_label(found: Sequence[Entry], roof: float | None) -> str:
    """Return every rung's speed as text."""
    said = [f"{entry.rung.name} {_speed(entry)}" for entry in found]
    over = "" if roof is None else f" The roof is at {roof:.3g} GFLOP/s."
    return f"Speed of each rung: {'; '.join(said)}.{over}"


def _speed(entry: Entry) -> str:
    if entry.reason:
        return "is out"
    return "not timed yet" if entry.gflops is None else f"{entry.gflops:.3g} GFLOP/s"


def bytes_label(problem: Problem) -> str:
    """Return the sizes as text."""
    parts = ", ".join(f"{name} {value:.3f}" for name, value in megabytes(problem).items())
    return f"Megabytes: {parts}."


def roof_label(machine: Machine, work: Work) -> str:
    """Return the two ceilings and the layer's place as text."""
    return (
        f"Bandwidth {machine.bandwidth_gbs:.1f} GB/s up to {machine.ridge:.1f} operations a byte, then a "
        f"peak of {machine.peak_gflops:.0f} GFLOP/s. This layer is at {work.intensity:.1f} operations a byte."
    )


def under_the_roof(intensity: float, machine: Machine) -> str:
    """Return what an intensity allows."""
    bound = "memory" if intensity < machine.ridge else "arithmetic"
    most = f"at most {machine.roof(intensity):.3g} GFLOP/s, limited by {bound}"
    return f"{float(f'{intensity:.3g}'):,.4g} operations a byte: {most}"


def _threads(machine: Machine) -> str:
    return "1 thread" if machine.threads == 1 else f"{machine.threads} threads"


def _times(factor: float) -> str:
    if factor >= 10:
        return f"{float(f'{factor:.2g}'):,.0f} times"
    return f"{factor:.2g} times"


def _time(seconds: float) -> str:
    for unit, size in (("minutes", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * (2 if unit == "minutes" else 1):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
