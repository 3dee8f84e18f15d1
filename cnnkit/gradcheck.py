"""Numeric gradients: the independent witness for every derivative in the course.

A central difference needs no calculus, ``(f(x + h) - f(x - h)) / 2h``. Its error is about ``h**2`` from the
third derivative plus ``eps / h`` from rounding, smallest near ``h = eps ** (1/3)``: 6e-6 in float64, where
about ten digits remain, but 5e-3 in float32, where about four do. So checks belong in float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels.arguments import check_float

__all__ = ["GradientReport", "check_gradient", "numeric_gradient", "relative_error"]

Array = NDArray[Any]
Function = Callable[[Array], Any]


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradient` found.

    Attributes:
        max_relative_error: the largest relative error of one entry, or NaN when one is not a number.
        worst_index: where that is.
        analytic: the checked gradient's value there.
        numeric: the central difference's value there.
        tolerance: the largest error that still passes.
    """

    max_relative_error: float
    worst_index: tuple[int, ...]
    analytic: float
    numeric: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every entry agrees within the tolerance; never with NaN about."""
        return self.max_relative_error <= self.tolerance

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "gradients agree" if self.passed else "gradients DIFFER"
        return (
            f"{verdict}: largest relative error {self.max_relative_error:.1e} at {self.worst_index} "
            f"(analytic {self.analytic:.6g}, numeric {self.numeric:.6g}; tolerance {self.tolerance:.0e})"
        )


def numeric_gradient(f: Function, x: Array, *, h: float = 1e-5, allow_float32: bool = False) -> Array:
    """Return the gradient of `f` at `x` by central differences, ``(f(x + h) - f(x - h)) / 2h`` per entry.

    Args:
        f: takes an array like `x`, returns one number (or an array of one); it is called twice per entry.
        x: any shape, float64; left unmodified.
        h: step, above 0.
        allow_float32: also take float32, to see how bad it is; `f` then gets float32 arrays.

    Returns:
        float64, the shape of `x`.

    Raises DTypeError for float32 unless allowed, ShapeError when `f` returns more than one number, and
    OptionError when `h` is not above 0 or too small to change an entry.
    """
    values = _check_precision(x, allow_float32)
    step = float(h)
    if not (step > 0 and math.isfinite(step)):
        raise OptionError(f"h is {h!r}; expected a finite step above 0, such as 1e-5")
    gradient = np.empty(values.shape, np.float64)
    for index in np.ndindex(values.shape):
        ahead, behind = values.copy(), values.copy()
        ahead[index] += step
        behind[index] -= step
        # Rounding may have moved the two by a little more or less than h, so divide by the step really taken.
        taken = float(ahead[index]) - float(behind[index])
        if taken == 0:
            raise OptionError(
                f"h is {h!r}, too small to change x{list(index)} = {values[index]} in {values.dtype}; "
                "expected a larger step"
            )
        gradient[index] = (_number(f(ahead)) - _number(f(behind))) / taken
    return gradient


def relative_error(a: Array | float, b: Array | float, *, floor: float = 1e-8) -> Any:
    """Return ``|a - b| / max(|a|, |b|, floor)``, entry by entry, in float64.

    The floor keeps two values that are both nearly 0 from looking different. Equal values, infinities too,
    give 0, and NaN gives NaN. Raises ShapeError when the shapes differ.
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape:
        raise ShapeError(f"a has shape {left.shape} and b {right.shape}; expected the same shape")
    with np.errstate(invalid="ignore", over="ignore"):
        larger = np.maximum(np.abs(left), np.abs(right))
        errors = np.abs(left - right) / np.maximum(larger, floor)
    # An infinite value beside a finite one is as wrong as can be; inf / inf would hide it as NaN.
    errors = np.where(np.isinf(larger), np.inf, errors)
    return np.where(left == right, 0.0, errors)[()]


def check_gradient(
    f: Function,
    x: Array,
    analytic: Array,
    *,
    h: float = 1e-5,
    tolerance: float = 1e-6,
    allow_float32: bool = False,
) -> GradientReport:
    """Compare `analytic`, the gradient of `f` at `x` that is to be checked, with `numeric_gradient`.

    The report is true when every entry agrees within `tolerance`, and prints as one line. Errors are relative
    to the entry, or to a thousandth of the largest entry where that is more: rounding makes differences that
    small anyway. Choose x away from kinks (ReLU at 0), where the two sides of a difference disagree.

    `x` and `analytic` have the same shape; `f`, `h` and `allow_float32` are those of `numeric_gradient`.
    Raises what that raises, and ShapeError for an `analytic` of another shape.
    """
    claimed, values = np.asarray(analytic, np.float64), _check_precision(x, allow_float32)
    if claimed.shape != values.shape or claimed.size == 0:
        raise ShapeError(
            f"analytic has shape {claimed.shape} and x {values.shape}; expected the same shape, not empty: "
            "a gradient has one entry for every entry of x"
        )
    numeric = numeric_gradient(f, values, h=h, allow_float32=allow_float32)
    largest = np.abs(numeric[np.isfinite(numeric)]).max(initial=0.0)
    errors = np.asarray(relative_error(claimed, numeric, floor=max(1e-8, 1e-3 * float(largest))))
    worst = int(np.argmax(errors))  # NaN counts as the largest
    return GradientReport(
        float(errors.flat[worst]),
        tuple(int(i) for i in np.unravel_index(worst, claimed.shape)),
        float(claimed.flat[worst]),
        float(numeric.flat[worst]),
        tolerance,
    )


def _check_precision(x: Array, allow_float32: bool) -> Array:
    values = check_float(x, "x")
    if values.dtype == np.float32 and not allow_float32:
        raise DTypeError(
            "x holds float32 numbers, in which central differences keep about four digits; expected float64: "
            "pass x.astype(np.float64), or allow_float32=True (with h near 1e-2) to see the difference"
        )
    return values


def _number(value: Any) -> float:
    result = np.asarray(value)
    if result.size != 1:
        raise ShapeError(
            f"f returned an array of shape {result.shape}; expected one number: "
            "reduce it first, for example (f(x) * dy).sum()"
        )
    return float(result.reshape(()))
