"""What a person types as an answer, read generously: numbers, shapes, letters of options, ticked points."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from fractions import Fraction
from numbers import Integral, Rational, Real

import numpy as np

from cnnkit.drills import formula
from cnnkit.drills.formula import LONGEST, FormulaError, Value
from cnnkit.drills.plain import plain_text
from cnnkit.errors import CnnkitError

__all__ = [
    "AnswerFormError",
    "Value",
    "as_numbers",
    "looks_rounded",
    "parse_choices",
    "parse_numbers",
    "parse_points",
    "second_readings",
]

_SCALES = {
    "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "g": 10**9, "b": 10**9, "billion": 10**9,
    "t": 10**12, "trillion": 10**12,
}  # fmt: skip
_DEEPEST = 6  # nested lists
_UNIT_WORDS = """
    adds bytes cells channels columns connections elements entries filters flops floats kernels layers
    macs madds multiplications multiplies multiply multiply-adds neurons numbers operations ops outputs
    parameters params pixels positions px rows samples scalars steps times units values weights windows
    x zeros of the trainable fewer more less
"""
_UNITS = frozenset(_UNIT_WORDS.split())
_GROUP = re.compile(r"(?<=\d)[,' ](?=\d{3}(?!\d))")
_DOTTED = re.compile(r"[+-]?\d{1,3}(\.\d{3}){2,}")
_ZERO_COMMA = re.compile(r"[+-]?0,\d+")
_TIMES = re.compile(r"(?<=[\d) ])[xX](?=[\d( ])")
_TRAILING_WORDS = re.compile(r"(?<![\w.])([A-Za-z][A-Za-z -]*)$|(?<=\d)([A-Za-z][A-Za-z -]*)$")
_LEADING = re.compile(
    r"^(?:(?:about|around|roughly|approximately|approx\.?|ca\.?)\s+|[=~≈]\s*)+", re.IGNORECASE
)
_LONE_NUMBER = re.compile(r"[^\s;]*[^\s;,]")
_SEPARATORS = (r"\s*[xX*]\s*|\s+by\s+", r"\s*;\s*", r"\s*,\s+", r"\s*,\s*", r"[\s;]+", r"[\s,;]+")


class AnswerFormError(CnnkitError, ValueError):
    """An answer that cannot be read; the message says what was expected, and it does not count as wrong."""


def parse_numbers(answer: object, *, count: int = 1, unit: str = "") -> tuple[Value, ...]:
    """Return the `count` numbers that `answer` (text, number, sequence or array) holds.

    Thousands marks, `28x28x64`, `(28, 28)`, `3/8`, `1.5e6`, `15.47 G`, `12 %`, arithmetic such as `2^51 - 1`
    and a trailing unit word are read; with `unit="%"` a percent sign is optional, else it divides by 100.

    Raises AnswerFormError when that fails, saying what form is expected.
    """
    if isinstance(answer, str):
        return _numbers_in_text(answer, count, unit)
    return _counted(as_numbers(answer), count)


def as_numbers(answer: object) -> tuple[Value, ...]:
    """Return the numbers of a number, a nested sequence or an array, row by row; raises AnswerFormError."""
    return tuple(_object_number(item) for item in _flat(answer))


def second_readings(answer: object, unit: str = "") -> list[tuple[Value, str]]:
    """Return other ways to read a single number, each with what to tell whoever meant it.

    A decimal comma, the side of a square shape, a fraction where percent are asked.
    """
    text = _clean(answer) if isinstance(answer, str) else str(answer)
    readings: list[tuple[Value, str]] = []
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        readings.append(
            (Fraction(text.replace(",", ".")), "Write decimals with a point: the comma marks thousands here.")
        )
    sides = re.split(r"\s*[xX]\s*", text)
    if len(sides) > 1 and len(set(sides)) == 1 and sides[0].isdecimal():
        readings.append((int(sides[0]), "One number is asked for, not a shape: type one side."))
    if unit == "%" and re.fullmatch(r"0?\.\d+", text):
        readings.append((100 * Fraction(text), "The answer is asked for in percent."))
    return readings


def looks_rounded(answer: object) -> bool:
    """Return whether `answer` was typed as a rounded number: `1.6M`, `1.5e6`, `about 3,000`."""
    if isinstance(answer, float):
        return True
    return isinstance(answer, str) and bool(
        re.search(r"\d\s*[kmgbt]|million|billion|\de|\d\.\d|[~≈]|about", answer, re.I)
    )


def parse_choices(answer: object, options: Sequence[str]) -> frozenset[int]:
    """Return the positions (from 0) of the `options` that `answer` names by letter, number (from 1) or text.

    Raises AnswerFormError when it names none, or something that is not an option.
    """
    last = chr(ord("A") + len(options) - 1)
    form = AnswerFormError(f"Answer with a letter from A to {last}, or with the text of an option.")
    if isinstance(answer, (list, tuple, set, frozenset)):
        if not answer or not all(isinstance(item, (str, Integral)) for item in answer):
            raise form
        return frozenset[int]().union(*(parse_choices(item, options) for item in answer))
    if not isinstance(answer, (str, Integral)):
        raise form
    text = _folded(str(answer))
    folded = [_folded(option) for option in options]
    if text in folded:
        return frozenset({folded.index(text)})
    parts = [part for part in re.split(r"[\s,;&+./]+|\band\b", re.sub(r"[()]|\boption\b", " ", text)) if part]
    positions = [_option_position(part, len(options)) for part in parts]
    if not positions or any(position is None for position in positions):
        raise form
    return frozenset(position for position in positions if position is not None)


def parse_points(answer: object, count: int) -> frozenset[int]:
    """Return the positions (from 0) of the rubric's `count` points that the learner ticked.

    `answer`: their numbers (from 1) as text or as a sequence, "all", "none", or one truth value per point.

    Raises AnswerFormError for anything else.
    """
    form = AnswerFormError(
        f"Compare your answer with the {count} key points and give the numbers of those that it covered, "
        "for example `1 3`, or `all`, or `none`."
    )
    if isinstance(answer, str):
        return _points_in_text(answer, count, form)
    ticks = list(answer) if isinstance(answer, (list, tuple, set, frozenset)) else [answer]
    if ticks and len(ticks) == count and all(isinstance(tick, bool) for tick in ticks):
        return frozenset(position for position, tick in enumerate(ticks) if tick)
    numbers = [int(tick) for tick in ticks if isinstance(tick, Integral) and not isinstance(tick, bool)]
    if len(numbers) < len(ticks):
        raise form
    return _points(numbers, count, form)


def _points_in_text(text: str, count: int, form: AnswerFormError) -> frozenset[int]:
    word = text.strip().lower()
    if word in ("all", "none"):
        return frozenset(range(count if word == "all" else 0))
    parts = re.split(r"[\s,;]+", word)
    if not all(part.isdecimal() and len(part) < 4 for part in parts):
        raise form
    return _points([int(part) for part in parts], count, form)


def _points(numbers: list[int], count: int, form: AnswerFormError) -> frozenset[int]:
    if any(not 1 <= number <= count for number in numbers):
        raise form
    return frozenset(number - 1 for number in numbers)


def _option_position(part: str, count: int) -> int | None:
    if part.isdecimal() and 1 <= int(part) <= count:
        return int(part) - 1
    if len(part) == 1 and 0 <= ord(part) - ord("a") < count:
        return ord(part) - ord("a")
    return None


def _folded(text: str) -> str:
    return " ".join(plain_text(text).lower().replace("×", "x").split()).rstrip(".")


def _flat(answer: object, depth: int = 0) -> Iterable[object]:
    """Yield the numbers of nested sequences and arrays, row by row."""
    nested = answer.tolist() if isinstance(answer, (np.ndarray, np.generic)) else answer
    if not isinstance(nested, (list, tuple)):
        yield nested
        return
    if depth == _DEEPEST:
        raise AnswerFormError("Numbers are expected, in one list or a few nested ones.")
    for item in nested:
        yield from _flat(item, depth + 1)


def _object_number(item: object) -> Value:
    if isinstance(item, str):
        return parse_numbers(item)[0]
    if isinstance(item, bool) or not isinstance(item, Real):
        raise AnswerFormError(f"A number is expected, not {_shown(item)}.")
    if isinstance(item, Rational):
        return _whole(Fraction(int(item.numerator), int(item.denominator)))
    if not math.isfinite(item):
        raise AnswerFormError(f"A finite number is expected, not {item}.")
    return _whole(Fraction(float(item))) if float(item).is_integer() else float(item)


def _shown(item: object) -> str:
    return f"a {type(item).__name__}" if item is not None else "nothing"


def _whole(number: Fraction) -> Value:
    return int(number) if number.denominator == 1 else number


def _counted(numbers: tuple[Value, ...], count: int) -> tuple[Value, ...]:
    if len(numbers) != count:
        raise AnswerFormError(f"{_how_many(count)} expected; that was {len(numbers)}.")
    return numbers


def _how_many(count: int) -> str:
    return (
        "One number is"
        if count == 1
        else f"{count} numbers such as `{'x'.join(['28', '14', '64', '3'][:count])}` are"
    )


def _numbers_in_text(answer: str, count: int, unit: str) -> tuple[Value, ...]:
    text = _clean(answer)
    if not text:
        raise AnswerFormError(f"That was empty; {_how_many(count).lower()} expected.")
    if len(text) > LONGEST:
        raise AnswerFormError(f"That was {len(text)} characters long; {_how_many(count).lower()} expected.")
    if count == 1:
        return (_number(text, unit),)
    text, _ = _without_words(re.sub(r"[()\[\]{}]", " ", text).strip())
    for separator in _SEPARATORS:
        parts = re.split(separator, text)
        if len(parts) == count and all(_LONE_NUMBER.fullmatch(part) for part in parts):
            return tuple(_number(part, unit) for part in parts)
    raise AnswerFormError(f"{_how_many(count)} expected; `{answer.strip()}` does not look like that.")


def _clean(answer: str) -> str:
    """Return `answer` in plain characters, without a leading `=` or `about` and a full stop at the end."""
    text = answer.replace("²", "^2").replace("³", "^3").replace("×", "x").replace("−", "-").replace("⁄", "/")
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/").replace("’", "'")
    return _LEADING.sub("", " ".join(text.split())).rstrip(" .!?;,=")


def _number(text: str, unit: str) -> Value:
    text = text.strip()
    percent = re.search(r"\s*(?:%|per ?cent)$", text)
    if percent:
        value = _number(text[: percent.start()], "")
        return value if unit == "%" else _whole(Fraction(value) / 100)
    text, scale = _without_words(text)
    if _ZERO_COMMA.fullmatch(text):
        raise AnswerFormError(f"Write decimals with a point: `{text.replace(',', '.')}`.")
    value = _arithmetic(text)
    return _whole(Fraction(value) * scale) if scale != 1 else value


def _without_words(text: str) -> tuple[str, int]:
    """Return `text` without the unit at its end, and what a `k`, `M`, `G`, `million` in it multiplies by."""
    match = _TRAILING_WORDS.search(text)
    if not match or not match.start():
        return text, 1
    scale = 1
    for word in match[0].lower().split():
        if scale == 1 and word in _SCALES:
            scale = _SCALES[word]
        elif scale == 1 and word[0] in _SCALES and _is_unit(word[1:]):
            scale = _SCALES[word[0]]
        elif not _is_unit(word):
            raise AnswerFormError(f"`{text}` cannot be read: what is `{word}`? Type the number alone.")
    return text[: match.start()].strip(), scale


def _is_unit(word: str) -> bool:
    return word in _UNITS or word + "s" in _UNITS


def _arithmetic(text: str) -> Value:
    if _DOTTED.fullmatch(text):
        text = text.replace(".", "")
    plain = _TIMES.sub("*", _GROUP.sub("", re.sub(r"(?<=\d)_(?=\d)", "", text)))
    if re.search(r"\d\s*,\s*\d", plain):
        raise AnswerFormError(
            f"`{text}` can be read in two ways. Write decimals with a point (1.5), thousands as 1,626,442."
        )
    try:
        return formula.evaluate(plain)
    except FormulaError as error:
        raise AnswerFormError(f"`{text}` cannot be read as a number: {error}.") from None
