"""Verdicts on code: the learner's function against the reference, and the smallest input on which they part.

First a fixed number of random inputs, then Hypothesis, which searches for a failing input and makes it small.
A failing function is compared with the drill's wrong implementations on the random inputs and the small one;
a wrong implementation that agrees everywhere is the mistake.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills import calling
from cnnkit.drills.calling import Outcome
from cnnkit.drills.draw import Draw
from cnnkit.drills.grading import Place
from cnnkit.drills.question import Grade
from cnnkit.drills.sandbox import CALL_SECONDS, AnswerSourceError, LiveRunner, Runner, SourceRunner
from cnnkit.drills.search import Case, search, simplify

SAMPLE = 24  # random inputs that every answer meets, and on which mistakes are told apart
_TOTAL_SECONDS = 20.0
_MOST_SHOWN = 40  # cells of an array that a message prints


@dataclass(frozen=True)
class Mutant:
    """A mistake as a wrong implementation."""

    name: str
    function: Callable[..., object]
    says: str
    section: str = ""


@dataclass(frozen=True)
class Task:
    """What a code drill asks for."""

    place: Place
    function: str  # the name that the learner's source must define
    case: Callable[[Draw], Case]  # draws arguments, in the order in which they are passed
    reference: Callable[..., object]
    mutants: Sequence[Mutant]
    seed: str
    growing: Callable[[int], Case] | None = None  # vectorised answers only: the input at a size


@dataclass(frozen=True)
class Fault:
    """What is wrong with one outcome: a name for the memory, a sentence for the learner."""

    name: str
    says: str


@dataclass(frozen=True)
class Attempt:
    """One call of the learner's function."""

    case: Case
    outcome: Outcome
    expected: NDArray[Any]
    fault: Fault | None


class _Enough(BaseException):
    """Ends the search; not an Exception, so that Hypothesis lets it pass."""


def grade_code(answer: object, task: Task) -> Grade:
    """Return the verdict on a function, given as source text or live."""
    if isinstance(answer, str) and answer.strip():
        try:
            runner: Runner = SourceRunner(answer, task.function)
        except AnswerSourceError as error:
            return task.place.unread(str(error))
    elif callable(answer):
        runner = LiveRunner(answer)
    else:
        return task.place.unread(
            f"The function `{task.function}` is expected: its source text, or the function itself."
        )
    with runner:
        return _Trial(task, runner).grade()


class _Trial:
    """One answer on its way through the inputs."""

    def __init__(self, task: Task, runner: Runner) -> None:
        self.task = task
        self.runner = runner
        self.attempts: list[Attempt] = []
        self.smallest: Attempt | None = None
        self.ends = time.monotonic() + _TOTAL_SECONDS

    def grade(self) -> Grade:
        sample = [self.task.case(Draw.seeded(f"{self.task.seed}/{index}")) for index in range(SAMPLE)]
        try:
            for case in sorted(sample, key=_size):
                self.attempt(case)
            search(self.task.case, self.attempt, self.task.seed)
            if self.smallest:
                simplify(self.smallest.case, self.attempt)
        except _Enough:
            pass  # the attempts so far decide
        if self.smallest:
            return self.failed(self.smallest, self.attempts[:SAMPLE])
        if self.task.growing and self.loops(self.task.growing):
            return self.task.place.wrong(_LOOPS, "loops-over-positions")
        return self.task.place.right("Right: it agrees with the reference on every input that was tried.")

    def attempt(self, case: Case) -> bool:
        """Call the function on `case`, keep what it did, and return whether that was wrong."""
        expected = np.asarray(self.task.reference(*_copies(case)))
        outcome = self.runner(list(case.values()))
        fault = _fault(outcome, expected, list(case))
        attempt = Attempt(case, outcome, expected, fault)
        self.attempts.append(attempt)
        if fault and (self.smallest is None or _size(case) < _size(self.smallest.case)):
            self.smallest = attempt
        fatal = outcome.kind in (calling.ENDLESS, calling.DIED, calling.SIGNATURE)
        if fatal or time.monotonic() > self.ends:
            raise _Enough
        return fault is not None

    def failed(self, attempt: Attempt, sampled: list[Attempt]) -> Grade:
        """Return the grade of a function that failed on `attempt`, its smallest failure."""
        place, outcome = self.task.place, attempt.outcome
        if outcome.kind == calling.SIGNATURE:
            names = ", ".join(attempt.case)
            return place.unread(f"It must accept the call `{self.task.function}({names})`.")
        assert attempt.fault
        evidence = _evidence(attempt)
        tried = [*sampled, attempt]
        for mutant in self.task.mutants:
            if _explains(mutant, tried):
                return place.wrong(
                    f"Not yet. {mutant.says}\n\n{evidence}", mutant.name, section=mutant.section
                )
        return place.wrong(f"Not yet. {attempt.fault.says}\n\n{evidence}", attempt.fault.name)

    def loops(self, growing: Callable[[int], Case]) -> bool:
        """Return whether the function executes more lines of Python, or never ends, when the input grows."""
        small, large = (self.runner(list(growing(size).values()), count_steps=True) for size in (5, 15))
        return large.kind != calling.VALUE or large.steps > 2 * small.steps


_LOOPS = (
    "The values are right, but the number of Python steps grows with the size of the input: it still loops "
    "over output positions. Loop over kernel positions at most, or not at all."
)


def _fault(outcome: Outcome, expected: NDArray[Any], names: list[str]) -> Fault | None:
    if outcome.kind != calling.VALUE:
        return _no_value(outcome, expected)
    given = outcome.value
    if given.shape != expected.shape:
        return Fault("wrong-shape", f"The result has shape {given.shape}; expected {expected.shape}.")
    if np.iscomplexobj(given):
        return Fault("complex-result", "The result is complex; take the real part.")
    if np.isnan(given).any() and not np.isnan(expected).any():
        return Fault(
            "nan-result", "The result holds NaN: a division by zero, or memory that was never filled?"
        )
    if not np.allclose(given, expected, rtol=1e-7, atol=1e-9, equal_nan=True):
        return Fault("wrong-values", "The shape is right, the values are not.")
    if expected.dtype.kind == "f" and given.dtype.kind in "iub":
        return Fault(
            "integer-result",
            f"The result has the type {given.dtype}, which cuts off fractions. Give the array a float type.",
        )
    if outcome.changed:
        changed = " and ".join(f"`{names[position]}`" for position in outcome.changed)
        return Fault(
            "changes-its-input", f"The result is right, but the function modifies its argument {changed}."
        )
    return None


def _no_value(outcome: Outcome, expected: NDArray[Any]) -> Fault:
    wanted = f"an array of shape {expected.shape}" if expected.ndim else "a number"
    if outcome.kind == calling.ENDLESS:
        still = f"Your function was still running after {CALL_SECONDS:.0f} s and was stopped"
        return Fault("endless-loop", f"{still}: a loop that never ends?")
    if outcome.kind == calling.DIED:
        return Fault("process-ended", "Your function ended the whole Python process.")
    if outcome.kind == calling.ERROR:
        return Fault("raises", f"Your function raised {outcome.detail}.")
    if outcome.kind == calling.NOTHING:
        hint = " It prints its result; return it." if outcome.printed.strip() else ""
        return Fault("returns-none", f"Your function returned None; expected {wanted}.{hint}")
    return Fault("foreign-result", f"Your function returned {outcome.detail}; expected {wanted}.")


def _explains(mutant: Mutant, attempts: list[Attempt]) -> bool:
    """Return whether the mutant did what the learner's function did on every attempt, and is wrong on one."""
    outcomes = [calling.call(mutant.function, list(attempt.case.values())) for attempt in attempts]
    pairs = list(zip(outcomes, attempts, strict=True))
    if not all(_alike(outcome, attempt.outcome) for outcome, attempt in pairs):
        return False
    return any(_fault(outcome, attempt.expected, list(attempt.case)) for outcome, attempt in pairs)


def _alike(first: Outcome, second: Outcome) -> bool:
    if first.kind != second.kind:
        return False
    if first.kind == calling.ERROR:
        return first.detail.split(":")[0] == second.detail.split(":")[0]
    if first.value.shape != second.value.shape:
        return False
    return np.allclose(first.value, second.value, rtol=1e-7, atol=1e-9, equal_nan=True)


def _copies(case: Case) -> list[object]:
    return [np.copy(item) if isinstance(item, np.ndarray) else item for item in case.values()]


def _size(case: Case) -> tuple[float, float]:
    """Return what makes an input large to read: its cells first, then its numbers."""
    arrays = [np.asarray(item) for item in case.values() if isinstance(item, (np.ndarray, list))]
    numbers = [abs(item) for item in case.values() if isinstance(item, int)]
    cells = sum(array.size for array in arrays)
    return cells, float(sum(numbers) + sum(np.abs(array).sum() for array in arrays))


def _evidence(attempt: Attempt) -> str:
    lines = [_shown(name, value) for name, value in attempt.case.items()]
    lines.append(_shown("expected", attempt.expected))
    if attempt.outcome.kind == calling.VALUE:
        lines.append(_shown("yours", attempt.outcome.value))
    return "The smallest input that showed it:\n\n```text\n" + "\n".join(lines) + "\n```"


def _shown(name: str, value: object) -> str:
    if not isinstance(value, np.ndarray) or not value.ndim:
        return f"{name} = {value}"
    if value.size > _MOST_SHOWN or not value.size:
        return f"{name}: shape {value.shape}"
    # Beyond 2^53 whole numbers are no longer told apart, and past 2^63 there is no integer for them.
    whole = value.dtype.kind == "f" and (np.abs(value) < 2**53).all() and not (value % 1).any()
    return f"{name} = {(value.astype(np.int64) if whole else value).tolist()}  shape {value.shape}"
