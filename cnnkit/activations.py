"""Activation functions, each beside its derivative, right at any magnitude.

Every function takes float32 or float64 of any shape and returns the same shape and type; inputs are never
modified, no warning is raised, and NaN stays NaN. Other types raise DTypeError.

Elementwise functions: ``f_grad(x)`` is the derivative f'(x), one number per value, so that backward is
``dx = dy * f_grad(x)``. At a kink, where the derivative jumps, it is the one from the left, as in PyTorch:
0 for relu, `alpha` for leaky_relu and elu.

Softmax couples the values along an axis, so its derivative is a matrix: ``softmax_grad(x)[..., i, j]`` is
the derivative of output i with respect to input j. Backward is then a sum over outputs,
``dx[j] = sum over i of dy[i] * grad[i, j]``.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.arguments import check_float
from cnnkit.shapes import whole_number

__all__ = [
    "elu",
    "elu_grad",
    "gelu",
    "gelu_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "log_softmax",
    "log_softmax_grad",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_grad",
    "tanh",
    "tanh_grad",
]

Array = NDArray[Any]

# Limits are taken on purpose below (exp of a huge negative number is 0), and NaN in gives NaN out.
_quiet = np.errstate(all="ignore")

_GELU_SCALE = math.sqrt(2 / math.pi)
_GELU_CUBIC = 0.044715


def relu(x: Array) -> Array:
    """Return ``max(x, 0)``."""
    return np.maximum(check_float(x, "x"), 0)


def relu_grad(x: Array) -> Array:
    """Return 1 where x > 0, else 0 (also at 0)."""
    return _slopes(check_float(x, "x"), 0.0)


@_quiet
def leaky_relu(x: Array, alpha: float = 0.01) -> Array:
    """Return x where x > 0, else ``alpha * x`` (Maas et al. 2013).

    Raises OptionError unless `alpha` is finite.
    """
    alpha = _finite(alpha)
    if alpha == 0:
        return relu(x)  # 0 * -inf would be NaN
    values = check_float(x, "x")
    return _either(values > 0, values, alpha * values)


def leaky_relu_grad(x: Array, alpha: float = 0.01) -> Array:
    """Return 1 where x > 0, else `alpha` (also at 0)."""
    return _slopes(check_float(x, "x"), _finite(alpha))


@_quiet
def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return x where x > 0, else ``alpha * (exp(x) - 1)`` (Clevert et al. 2015).

    Raises OptionError unless `alpha` is finite.
    """
    values, alpha = check_float(x, "x"), _finite(alpha)
    return _either(values > 0, values, alpha * np.expm1(np.minimum(values, 0)))


@_quiet
def elu_grad(x: Array, alpha: float = 1.0) -> Array:
    """Return 1 where x > 0, else ``alpha * exp(x)`` (also at 0)."""
    values, alpha = check_float(x, "x"), _finite(alpha)
    return _slopes(values, alpha * np.exp(np.minimum(values, 0)))


@_quiet
def sigmoid(x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))``, computed from ``exp(-|x|)``, which cannot overflow."""
    values = check_float(x, "x")
    e = np.exp(-np.abs(values))
    probabilities: Array = _either(values < 0, e, np.ones_like(e)) / (1 + e)
    return probabilities


@_quiet
def sigmoid_grad(x: Array) -> Array:
    """Return ``sigmoid(x) * (1 - sigmoid(x))`` as ``e / (1 + e)**2`` with ``e = exp(-|x|)``.

    The first form is exactly 0 from x = 37 on, where sigmoid rounds to 1; the second keeps its digits.
    """
    e = np.exp(-np.abs(check_float(x, "x")))
    slopes: Array = e / (1 + e) ** 2
    return slopes


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent, ``2 * sigmoid(2x) - 1``."""
    y: Array = np.tanh(check_float(x, "x"))
    return y


@_quiet
def tanh_grad(x: Array) -> Array:
    """Return ``1 - tanh(x)**2``, computed as ``4 * sigmoid_grad(2x)``, which keeps its digits far out."""
    return 4 * sigmoid_grad(2 * check_float(x, "x"))


@_quiet
def gelu(x: Array, *, approximate: str = "none") -> Array:
    """Return ``x * Phi(x)``, Phi the normal distribution function (Hendrycks & Gimpel 2016).

    ``approximate="tanh"`` takes ``sigmoid(2u)`` for Phi(x), ``u = sqrt(2/pi) * (x + 0.044715 * x**3)``: the
    paper's ``(1 + tanh(u)) / 2`` without its cancellation. It is faster, and off by less than 5e-4.
    Raises OptionError for another word.
    """
    values = check_float(x, "x")
    if _is_tanh(approximate):
        return _gated(values, sigmoid(_gelu_exponent(values)))
    return _gated(values, _normal_cdf(values))


@_quiet
def gelu_grad(x: Array, *, approximate: str = "none") -> Array:
    """Return ``Phi(x) + x * phi(x)``, phi the normal density; or the derivative of the approximation."""
    values = check_float(x, "x")
    if _is_tanh(approximate):
        exponent = _gelu_exponent(values)
        inner = values * (2 * _GELU_SCALE * (1 + 3 * _GELU_CUBIC * values**2))
        return sigmoid(exponent) + _gated(inner, sigmoid_grad(exponent))
    density = np.exp(-(values**2) / 2) / math.sqrt(2 * math.pi)
    return _normal_cdf(values) + _gated(values, density)


@_quiet
def silu(x: Array) -> Array:
    """Return ``x * sigmoid(x)``, also called swish."""
    values = check_float(x, "x")
    return _gated(values, sigmoid(values))


@_quiet
def silu_grad(x: Array) -> Array:
    """Return ``s + x * s * (1 - s)`` with ``s = sigmoid(x)``."""
    values = check_float(x, "x")
    return sigmoid(values) + _gated(values, sigmoid_grad(values))


@_quiet
def softmax(x: Array, axis: int = -1) -> Array:
    """Return ``exp(x) / sum(exp(x))`` along `axis`, after subtracting the largest x, which changes nothing.

    -inf gets probability 0 (a mask). Where x holds +inf, or nothing but -inf, the ratio is undefined: NaN,
    as in SciPy and PyTorch. Raises ShapeError when `axis` does not exist or is empty.
    """
    values = _with_axis(x, axis)
    e = np.exp(values - values.max(axis=axis, keepdims=True))
    probabilities: Array = e / e.sum(axis=axis, keepdims=True)
    return probabilities


@_quiet
def softmax_grad(x: Array, axis: int = -1) -> Array:
    """Return the Jacobian (..., K, K) of softmax: ``p[i] * ((i == j) - p[j])``.

    `axis` (of K values) moves to the end: entry [..., i, j] is the derivative of p[i] with respect to x[j].
    """
    p = np.moveaxis(softmax(x, axis), axis, -1)
    jacobian: Array = p[..., :, None] * (np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :])
    return jacobian


@_quiet
def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return ``log(softmax(x))``, computed as ``z - log(sum(exp(z)))`` with ``z = x - max(x)``.

    It stays finite where softmax rounds to 0, and keeps its digits where softmax rounds to 1. Infinities and
    `axis` as in `softmax`.
    """
    values = _with_axis(x, axis)
    z = values - values.max(axis=axis, keepdims=True)
    # The largest term is exactly 1: leave it out and let log1p add it, or small other terms would be lost.
    e, largest = np.exp(z), values.argmax(axis=axis, keepdims=True)
    np.put_along_axis(e, largest, np.take_along_axis(e, largest, axis) - 1, axis)
    logs: Array = z - np.log1p(e.sum(axis=axis, keepdims=True))
    return logs


@_quiet
def log_softmax_grad(x: Array, axis: int = -1) -> Array:
    """Return the Jacobian (..., K, K) of log_softmax: ``(i == j) - p[j]``; axes as in `softmax_grad`."""
    p = np.moveaxis(softmax(x, axis), axis, -1)
    jacobian: Array = np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :]
    return jacobian


def _either(condition: Array, yes: Array, no: Array) -> Array:
    """Return ``np.where``, but a number and not an array of no axes where all three are numbers."""
    chosen: Array = np.where(condition, yes, no)[()]
    return chosen


def _slopes(x: Array, left: float | Array) -> Array:
    """Return 1 where x > 0, `left` where it is not, NaN where x is NaN."""
    slopes = _either(x > 0, np.ones_like(x), np.asarray(left, x.dtype))
    return _either(np.isnan(x), x, slopes)


def _gated(x: Array, gate: Array) -> Array:
    """Return ``x * gate`` with its limit 0 where the gate is shut, which beats even an infinite x."""
    return _either(gate == 0, gate, x * gate)


def _normal_cdf(x: Array) -> Array:
    """Return Phi(x) = erfc(-x / sqrt(2)) / 2, computed in float64.

    NumPy has no erf, so every number goes through the C library's: about 0.1 s for a million, and right to
    the last digits in the far tail too, where a rational approximation would have to be much longer.
    """
    scaled = x.astype(np.float64) * -math.sqrt(0.5)
    tails = np.fromiter(map(math.erfc, scaled.ravel().tolist()), np.float64, count=x.size)
    return (tails / 2).astype(x.dtype).reshape(x.shape)


def _gelu_exponent(x: Array) -> Array:
    return 2 * _GELU_SCALE * (x + _GELU_CUBIC * x**3)


def _is_tanh(approximate: str) -> bool:
    if approximate not in ("none", "tanh"):
        raise OptionError(f"approximate is {approximate!r}; expected 'none' or 'tanh'")
    return approximate == "tanh"


def _finite(alpha: float) -> float:
    number = float(alpha)
    if not math.isfinite(number):
        raise OptionError(f"alpha is {alpha!r}; expected a finite number")
    return number


def _with_axis(x: Array, axis: int) -> Array:
    values = check_float(x, "x")
    if whole_number(axis, "axis", least=-values.ndim) >= values.ndim:
        raise ShapeError(
            f"axis is {axis} but x has shape {values.shape}; expected one of its {values.ndim} axes"
        )
    if values.shape[axis] == 0:
        raise ShapeError(
            f"x has shape {values.shape}; axis {axis} is empty, expected at least one value there"
        )
    return values
