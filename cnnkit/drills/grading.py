"""Verdicts on typed answers: numbers, formulas, options, ticked points. `trial` grades code.

A wrong answer is compared with the wrong values that real mistakes produce; the message names the mistake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cnnkit.drills import formula
from cnnkit.drills.answers import (
    AnswerFormError,
    Value,
    looks_rounded,
    parse_choices,
    parse_numbers,
    parse_points,
    second_readings,
)
from cnnkit.drills.formula import FormulaError
from cnnkit.drills.question import Choice, Grade
from cnnkit.drills.template import show

PASS_MARK = 2 / 3  # share of an explanation's key points
_ROUNDING = 0.03  # a typed round number this near to the exact one is asked for again, not failed
_CLOSE = 1e-9


@dataclass(frozen=True)
class Place:
    """Where a drill's subject is treated, and the grades that point there."""

    chapter: str
    section: str

    def right(self, message: str) -> Grade:
        """Return the grade of a right answer."""
        return Grade(True, 1.0, message, section=self.section)

    def wrong(
        self, message: str, misconception: str | None = None, *, section: str = "", score: float = 0.0
    ) -> Grade:
        """Return the grade of a wrong answer; `section` replaces the drill's own if the mistake has one."""
        section = section or self.section
        text = f"{message}\n\nSee “{section}” in chapter {self.chapter}."
        return Grade(False, score, text, misconception, section)

    def unread(self, message: str) -> Grade:
        """Return the grade of an answer that could not be read, which does not count."""
        return Grade(False, 0.0, message, section=self.section, counted=False)


@dataclass(frozen=True)
class Slip:
    """A mistake with the values that it produces for one question."""

    name: str
    values: tuple[Value, ...]
    says: str
    section: str = ""


@dataclass(frozen=True)
class Key:
    """The right numbers of one question: `tolerance` is relative, `shown` is how a person writes them."""

    numbers: tuple[Value, ...]
    shown: str
    tolerance: float = 0.0
    unit: str = ""


def grade_numbers(answer: object, place: Place, key: Key, slips: Sequence[Slip]) -> Grade:
    """Return the verdict on a number, a shape or a list of numbers."""
    expected, tolerance, unit = key.numbers, key.tolerance, key.unit
    try:
        given = parse_numbers(answer, count=len(expected), unit=unit)
    except AnswerFormError as error:
        return place.unread(str(error))
    if _close(given, expected, tolerance):
        return place.right(f"Right: {key.shown}.")
    matches = [slip for slip in slips if _close(given, slip.values, tolerance)]
    if matches:
        return _named(place, matches)
    if len(expected) == 1:
        return _unread_number(answer, place, key) or place.wrong(_UNKNOWN)
    return place.wrong(f"{_UNKNOWN}{_right_parts(given, expected, tolerance)}")


_UNKNOWN = "Not yet, and this is none of the usual slips. Take a hint, or work it through once more."


def grade_formula(
    answer: object,
    place: Place,
    points: Sequence[Mapping[str, Value]],
    expected: Sequence[Value],
    slips: Sequence[Slip],
) -> Grade:
    """Return the verdict on a formula: it must have the `expected` value at each of the `points`."""
    if not isinstance(answer, str):
        return place.unread("A formula is expected, as text.")
    try:
        node = formula.parse(answer, frozenset(points[0]))
    except FormulaError as error:
        return place.unread(f"This formula cannot be read: {error}.")
    given = []
    for point in points:
        try:
            given.append(formula.compute(node, point))
        except FormulaError as error:
            return place.wrong(f"Not yet: at {_at(point)} your formula has no value, because {error}.")
    wrong = [index for index, pair in enumerate(zip(given, expected, strict=True)) if not _equal(*pair)]
    if not wrong:
        return place.right(f"Right: it agrees at {len(points)} random points.")
    first = wrong[0]
    at = f"At {_at(points[first])} yours gives {_exact(given[first])}; right is {_exact(expected[first])}."
    matches = [slip for slip in slips if all(map(_equal, given, slip.values))]
    return _named(place, matches[:1], at) if matches else place.wrong(f"Not yet. {at}")


def grade_choice(answer: object, place: Place, choices: Sequence[Choice]) -> Grade:
    """Return the verdict on the chosen options; every wrong one says why it is wrong."""
    try:
        chosen = parse_choices(answer, [choice.text for choice in choices])
    except AnswerFormError as error:
        return place.unread(str(error))
    right = frozenset(position for position, choice in enumerate(choices) if choice.correct)
    if len(right) == 1 and len(chosen) > 1:
        return place.unread("Exactly one option is right: choose one.")
    if chosen == right:
        return place.right("Right. " + " ".join(choices[position].why for position in sorted(right)))
    slips = [choices[position] for position in sorted(chosen - right)]
    reasons = [f"{_letter(choices, slip)}: {slip.why}" for slip in slips]
    if right - chosen and len(right) > 1:
        reasons.append("At least one right option is missing.")
    score = 1 - len(chosen ^ right) / len(choices) if len(right) > 1 else 0.0
    name = (slips[0].name or slips[0].plain) if slips else None
    return place.wrong("Not yet. " + " ".join(reasons), name, score=score)


def grade_points(answer: object, place: Place, rubric: Sequence[str]) -> Grade:
    """Return the score of an explanation from the key points that the learner ticked."""
    try:
        ticked = parse_points(answer, len(rubric))
    except AnswerFormError as error:
        return place.unread(str(error))
    score = len(ticked) / len(rubric)
    missing = [point for position, point in enumerate(rubric) if position not in ticked]
    summary = f"{len(ticked)} of {len(rubric)} key points."
    if not missing:
        return place.right(f"{summary} Complete.")
    message = "\n".join([f"{summary} Still to say:", "", *(f"- {point}" for point in missing)])
    if score >= PASS_MARK:
        return Grade(True, score, message, section=place.section)
    return place.wrong(message, score=score)


def same_numbers(first: tuple[Value, ...], second: tuple[Value, ...], tolerance: float = 0.0) -> bool:
    """Return whether a grader that accepts `first` would accept `second` too."""
    return _close(second, first, tolerance)


def _named(place: Place, slips: Sequence[Slip], evidence: str = "") -> Grade:
    says = " Or: ".join(slip.says for slip in slips)
    return place.wrong(f"Not yet. {says} {evidence}".strip(), slips[0].name, section=slips[0].section)


def _unread_number(answer: object, place: Place, key: Key) -> Grade | None:
    """Return a request to type the number again where its form, not the number, is the trouble."""
    for value, advice in second_readings(answer, key.unit):
        if _near(value, key.numbers[0], key.tolerance):
            return place.unread(advice)
    (given,) = parse_numbers(answer, unit=key.unit)
    if key.tolerance or not looks_rounded(answer) or not _near(given, key.numbers[0], _ROUNDING):
        return None
    return place.unread("That is near, but the exact count is asked for: type all its digits.")


def _close(given: tuple[Value, ...], expected: tuple[Value, ...], tolerance: float) -> bool:
    return len(given) == len(expected) and all(
        _near(a, b, tolerance) for a, b in zip(given, expected, strict=True)
    )


def _equal(given: Value, expected: Value) -> bool:
    return _near(given, expected, 0.0)


def _near(given: Value, expected: Value, tolerance: float) -> bool:
    """Return whether two numbers agree: exactly, unless a tolerance is stated or one of them is a float."""
    if isinstance(given, int) and isinstance(expected, int) and not tolerance:
        return given == expected
    size = abs(Fraction(expected))
    allowed = Fraction(tolerance) * size
    if isinstance(given, float) or isinstance(expected, float):
        allowed += Fraction(_CLOSE) * (size if size > 1 else 1)
    return abs(Fraction(given) - Fraction(expected)) <= allowed


def _right_parts(given: tuple[Value, ...], expected: tuple[Value, ...], tolerance: float) -> str:
    places = [
        str(position)
        for position, (a, b) in enumerate(zip(given, expected, strict=True), start=1)
        if _close((a,), (b,), tolerance)
    ]
    return f" Right so far: number {' and '.join(places)}." if places else ""


def _exact(value: Value) -> str:
    return str(value) if isinstance(value, Fraction) and value.denominator < 1000 else show(value)


def _at(point: Mapping[str, Value]) -> str:
    return ", ".join(f"`{name} = {value}`" for name, value in point.items())


def _letter(choices: Sequence[Choice], choice: Choice) -> str:
    return chr(ord("A") + choices.index(choice))
