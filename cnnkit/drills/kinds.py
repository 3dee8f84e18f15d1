"""The six kinds of drill, as a deck declares them. A drill plus a seed makes a `Question`.

Texts are templates (see `template`): `@n` stands for the drawn value n, `@{2 * n}` for a formula of drawn
values. The kinds whose answer is a program are in `coding`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

from cnnkit.drills import formula, grading
from cnnkit.drills.answers import Value, as_numbers
from cnnkit.drills.coding import BugDrill, CodeDrill
from cnnkit.drills.declaration import Drill, Misconception, Values
from cnnkit.drills.draw import Draw
from cnnkit.drills.grading import Slip
from cnnkit.drills.question import Choice, Grade, Question
from cnnkit.drills.template import render, show

__all__ = [
    "BugDrill",
    "Choice",
    "ChoiceDrill",
    "CodeDrill",
    "Draw",
    "Drill",
    "ExplainDrill",
    "FormulaDrill",
    "Misconception",
    "NumericDrill",
]

Computation = str | tuple[str, ...] | Callable[[SimpleNamespace], Any]
"""How a number comes from drawn values: a formula, one formula per axis, or a function of `v.n`, `v.k` ..."""

_REDRAWS = 8  # tries to find numbers for which every mistake gives a different value


def _nothing_drawn(_: Draw) -> Values:
    return {}


class Drawn(NamedTuple):
    """The numbers of one numeric question, and the mistakes that give another value than the answer."""

    values: Values
    answer: tuple[Value, ...]
    slips: list[Slip]

    @property
    def told_apart(self) -> int:
        """How many mistakes can be told from the answer and from each other."""
        return len({slip.values for slip in self.slips})


@dataclass(frozen=True, kw_only=True)
class NumericDrill(Drill):
    """A number or a shape computed from drawn values; `check` computes it in a second, independent way.

    `tolerance` is relative; 0 asks for the exact value. `unit="%"` asks for percent. Texts may use `@answer`.
    """

    kind: ClassVar[str] = "numeric"

    draw: Callable[[Draw], Values] = _nothing_drawn
    answer: Computation
    check: Callable[[SimpleNamespace], Any]
    tolerance: float = 0.0
    unit: str = ""

    def question(self, seed: int) -> Question:
        """Return the question that `seed` draws."""
        values, expected, slips = self.drawn(seed)
        result = self._written(expected)
        key = grading.Key(expected, result, self.tolerance, self.unit)
        shown = {**values, "answer": result}
        told = [Slip(slip.name, slip.values, render(slip.says, shown), slip.section) for slip in slips]

        def grader(answer: object) -> Grade:
            return grading.grade_numbers(answer, self.place, key, told)

        return self._question(seed, shown, self._form(len(expected)), grader)

    def drawn(self, seed: int) -> Drawn:
        """Return the numbers of the question; of several draws the one that tells most mistakes apart."""
        best = self._attempt(seed, 0)
        for attempt in range(1, _REDRAWS):
            if best.told_apart == len(self.misconceptions):
                break
            best = max(best, self._attempt(seed, attempt), key=lambda drawn: drawn.told_apart)
        return best

    def _attempt(self, seed: int, attempt: int) -> Drawn:
        values = self.draw(self._draw(seed, attempt))
        answer = _computed(self.answer, values)
        slips = [
            Slip(item.name, _computed(item.wrong, values), item.says, item.section)
            for item in self.misconceptions
        ]
        visible = [slip for slip in slips if not grading.same_numbers(answer, slip.values, self.tolerance)]
        return Drawn(values, answer, visible)

    def _written(self, numbers: tuple[Value, ...]) -> str:
        """Return the answer as text: formulas for several axes make a shape, a function makes a list."""
        text = show(numbers) if isinstance(self.answer, tuple) else ", ".join(map(show, numbers))
        return f"{text} {self.unit}".strip()

    def _form(self, count: int) -> str:
        if count > 1 and isinstance(self.answer, tuple):
            return f"{count} numbers, such as {'x'.join(['28', '14', '64'][:count])}."
        if count > 1:
            return f"{count} numbers, such as {', '.join(['3', '-1', '0', '2', '5', '-4'][:count])}."
        if self.unit:
            return f"A number in {self.unit}, to within {100 * self.tolerance:g} % of the exact value."
        if self.tolerance:
            return f"A number to within {100 * self.tolerance:g} %; 3/8 and 1.5e6 can be read too."
        return "An exact number, such as 1,626,442; arithmetic such as 3*3*64 + 64 can be read too."


def _computed(how: Computation, values: Values) -> tuple[Value, ...]:
    """Return the numbers that a Computation makes of the drawn values."""
    if callable(how):
        return as_numbers(how(SimpleNamespace(**values)))
    numbers = {name: value for name, value in values.items() if isinstance(value, int)}
    return tuple(formula.evaluate(part, numbers) for part in ([how] if isinstance(how, str) else how))


@dataclass(frozen=True, kw_only=True)
class FormulaDrill(Drill):
    """A formula in given names; `names` holds the ranges of the values at which formulas are compared."""

    kind: ClassVar[str] = "formula"

    names: Mapping[str, tuple[int, int]]
    answer: str
    check: Callable[[SimpleNamespace], Any]

    points: ClassVar[int] = 40

    def question(self, seed: int) -> Question:
        """Return the question; `seed` draws only the points at which formulas are compared."""
        points = self.drawn(seed)

        def grader(answer: object) -> Grade:
            slips = [
                Slip(item.name, _along(item.wrong, points), item.says, item.section)
                for item in self.misconceptions
            ]
            return grading.grade_formula(answer, self.place, points, _along(self.answer, points), slips)

        names = ", ".join(self.names)
        form = f"A formula in {names}. Powers as ^, rounding as floor(...) or ceil(...); 2p means 2*p."
        return self._question(seed, {"answer": self.answer}, form, grader)

    def drawn(self, seed: int) -> list[Mapping[str, Value]]:
        """Return the points, the smallest first, so that a counter-example is easy to check by hand."""
        draw = self._draw(seed)
        points: list[Mapping[str, Value]] = [
            {name: draw.integer(low, high) for name, (low, high) in self.names.items()}
            for _ in range(self.points)
        ]
        return sorted(points, key=lambda point: sum(point.values()))


def _along(text: str, points: Sequence[Mapping[str, Value]]) -> tuple[Value, ...]:
    return tuple(formula.evaluate(text, point) for point in points)


@dataclass(frozen=True, kw_only=True)
class ChoiceDrill(Drill):
    """Options, of which one (or several) are right; each says why. The seed shuffles them."""

    kind: ClassVar[str] = "choice"

    choices: tuple[Choice, ...]
    draw: Callable[[Draw], Values] = _nothing_drawn

    def question(self, seed: int) -> Question:
        """Return the question that `seed` draws."""
        draw = self._draw(seed)
        values = self.draw(draw)
        choices = tuple(
            Choice(render(choice.text, values), render(choice.why, values), choice.correct, choice.name)
            for choice in draw.shuffled(self.choices)
        )

        def grader(answer: object) -> Grade:
            return grading.grade_choice(answer, self.place, choices)

        several = sum(choice.correct for choice in choices) > 1
        form = "The letters of all right options, such as A, C." if several else "The letter of one option."
        return self._question(seed, values, form, grader, choices=choices)

    def problems(self) -> list[str]:
        """Return what is wrong with the declaration."""
        found = super().problems()
        if not any(choice.correct for choice in self.choices) or all(
            choice.correct for choice in self.choices
        ):
            found.append("`choices` needs a right option and a wrong one")
        if not all(choice.why.strip() for choice in self.choices):
            found.append("every choice needs its `why`")
        return found


@dataclass(frozen=True, kw_only=True)
class ExplainDrill(Drill):
    """A spoken or written explanation, which learners score themselves against the key points of `rubric`."""

    kind: ClassVar[str] = "explain"

    rubric: tuple[str, ...]

    def question(self, seed: int) -> Question:
        """Return the question; nothing is drawn."""

        def grader(answer: object) -> Grade:
            return grading.grade_points(answer, self.place, self.rubric)

        form = "Say it aloud, compare with the key points, then type the numbers of those covered: 1 3."
        return self._question(seed, {}, form, grader, rubric=self.rubric)

    def problems(self) -> list[str]:
        """Return what is wrong with the declaration."""
        few = ["`rubric` needs at least two points"] if len(self.rubric) < 2 else []
        return super().problems() + few
