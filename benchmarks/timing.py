"""How contenders are timed: in turns, each after a pause and a warm call, so that nobody pays for another."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
PAUSE = 0.05  # seconds: the workers of some libraries spin for a while after a call
MOST_SECONDS = 20.0  # that one contender may take for one case; a slow one gets fewer turns
FEWEST_TURNS = 3
TOLERANCE = {"float32": 2e-3, "float64": 1e-9}  # largest difference, relative to the largest value


@dataclass
class Contender:
    """One way to do a case.

    Attributes:
        name: of the library, as the table's column.
        call: what is timed.
        arrays: turns what `call` returns into arrays in our layout, for comparing.
    """

    name: str
    call: Callable[[], Any]
    arrays: Callable[[Any], Sequence[Array]]

    def seconds(self) -> float:
        """Return how long one call takes."""
        started = time.perf_counter()
        self.call()
        return time.perf_counter() - started


@dataclass
class Timed:
    """What the turns of one case gave.

    Attributes:
        case: its name.
        dtype: "float32" or "float64".
        samples: name of a contender -> seconds of each of its turns.
        absent: name of a contender -> why it has no figure.
    """

    case: str
    dtype: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def median(self, name: str) -> float | None:
        """Return the median seconds of a contender, None when it has none."""
        return statistics.median(self.samples[name]) if self.samples.get(name) else None

    def ratio(
        self, ours: str, others: Sequence[str], of: Callable[[list[float]], float] = statistics.median
    ) -> float | None:
        """Return the time of the quickest of `others` over that of `ours`: above 1, ours is quicker.

        `of` makes one time of a contender's turns. None when either side has no time.
        """
        times = [of(self.samples[name]) for name in others if self.samples.get(name)]
        return min(times) / of(self.samples[ours]) if times and self.samples.get(ours) else None


def take_turns(
    contenders: Sequence[Contender],
    repeat: int,
    *,
    pause: Callable[[float], None] = time.sleep,
    most_seconds: float = MOST_SECONDS,
) -> dict[str, list[float]]:
    """Return the seconds of every contender's timed calls.

    In every round each contender has one turn: a pause, a warm call, a timed call. The first of one round is
    the last of the next. A contender that would take over `most_seconds` drops out early.
    """
    turns = {one.name: _turns(one, repeat, most_seconds) for one in contenders}
    samples: dict[str, list[float]] = {one.name: [] for one in contenders}
    for number in range(repeat):
        start = number % max(len(contenders), 1)
        for one in [*contenders[start:], *contenders[:start]]:
            if number < turns[one.name]:
                pause(PAUSE)
                one.call()
                samples[one.name].append(one.seconds())
    return samples


def _turns(one: Contender, repeat: int, most_seconds: float) -> int:
    one.call()  # what the first call compiles or packs is not in the estimate
    affordable = int(most_seconds / (2 * one.seconds() + PAUSE))
    return min(repeat, max(FEWEST_TURNS, affordable))


def disagreements(contenders: Sequence[Contender], dtype: str) -> Mapping[str, str]:
    """Compare every contender's result with the first one's; return a sentence for each that differs."""
    first, *others = contenders
    expected = first.arrays(first.call())
    found = {}
    for other in others:
        for mine, theirs in zip(expected, other.arrays(other.call()), strict=True):
            if mine.shape != theirs.shape:
                found[other.name] = f"shape {theirs.shape} where {first.name} has {mine.shape}"
            elif not (error := _error(mine, theirs)) <= TOLERANCE[dtype]:  # NaN agrees with nothing
                found[other.name] = f"differs from {first.name} by {error:.1e}"
    return found


def _error(mine: Array, theirs: Array) -> float:
    scale = float(np.abs(mine).max()) or 1.0
    return float(np.abs(mine - theirs).max()) / scale
