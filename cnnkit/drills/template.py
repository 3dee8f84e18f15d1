"""Prompts with numbers in them: `@n` and `@{n * k}` stand for values and formulas of the drawn numbers."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from numbers import Integral, Real

import numpy as np

from cnnkit.drills import formula

_MARK = re.compile(r"(\$\$|\$|```|`)|@\{([^{}]+)\}|@([A-Za-z]\w*)")


def render(template: str, values: Mapping[str, object]) -> str:
    """Return `template` with every `@name` and `@{formula}` replaced by its value.

    Whole numbers get thousands marks, arrays become LaTeX matrices, tuples are joined by times signs.

    Raises KeyError for a name that is not in `values`, FormulaError for a formula that cannot be computed.
    """
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float, Fraction))}
    inside = ""  # the mark that opened the present piece of math or code

    def replace(match: re.Match[str]) -> str:
        nonlocal inside
        mark, expression, name = match.groups()
        if mark:
            if inside in ("", mark):
                inside = "" if inside else mark
            return str(mark)
        value = formula.evaluate(expression, numbers) if expression else values[name]
        return show(value, in_math=inside.startswith("$"))

    return _MARK.sub(replace, template)


def show(value: object, *, in_math: bool = False) -> str:
    """Return `value` as a person would write it, in LaTeX if `in_math`."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return (
            _matrix(value)
            if value.ndim == 2
            else "[" + ", ".join(show(item) for item in value.tolist()) + "]"
        )
    if isinstance(value, (tuple, list)):
        return (r" \times " if in_math else " × ").join(show(item, in_math=in_math) for item in value)
    if isinstance(value, Real):
        text = _number(value)
        return text.replace(",", "{,}") if in_math else text
    raise TypeError(f"a drill's text cannot show a {type(value).__name__}")


def _number(value: Real) -> str:
    if isinstance(value, Integral) or float(value).is_integer():
        return f"{math.floor(value):,}"
    return f"{float(value):,.4g}" if abs(float(value)) < 10_000 else f"{float(value):,.0f}"


def _matrix(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    rows = (" & ".join(show(item) for item in row) for row in array.tolist())
    return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"
