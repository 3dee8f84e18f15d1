"""Losses, each with its gradient, stable at any magnitude.

Every function returns ``(loss, gradient)``: the mean over the batch as a number of the predictions' type,
and the gradient with respect to the predictions, in their shape and type.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.activations import log_softmax, sigmoid
from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels.arguments import check_float, check_same_dtype

__all__ = [
    "Result",
    "binary_cross_entropy_with_logits",
    "mean_squared_error",
    "soft_cross_entropy",
    "softmax_cross_entropy",
]

Array = NDArray[Any]
Result = tuple[np.floating[Any], Array]

_quiet = np.errstate(all="ignore")


@_quiet
def softmax_cross_entropy(logits: Array, labels: Array, *, label_smoothing: float = 0) -> Result:
    """Return the mean of ``-sum(t * log_softmax(logits))`` over the batch, and dlogits ``(p - t) / N``.

    Softmax and logarithm in one step: nothing overflows, and no probability that rounds to 0 meets a log.
    The target t is 1 at the label; `label_smoothing` e makes it ``(1 - e) * t + e / K`` (Szegedy et al. 2015,
    section 7).

    Args:
        logits: (N, K) or (K,), float32 or float64, before softmax.
        labels: (N,) whole numbers below K (one number for logits of shape (K,)).
        label_smoothing: from 0 up to, not including, 1.

    Raises ShapeError, DTypeError, or OptionError for a label or smoothing out of range.
    """
    rows = _rows(logits)
    classes = _check_labels(labels, rows, np.shape(logits))
    targets = _targets(rows, classes, label_smoothing)
    loss, dlogits = _cross_entropy(rows, targets)
    return loss, dlogits.reshape(np.shape(logits))


@_quiet
def soft_cross_entropy(logits: Array, targets: Array) -> Result:
    """Return the mean of ``-sum(t * log_softmax(logits))`` and its gradient, for targets that are mixtures.

    `logits` and `targets` are (N, K), of one type; each row of `targets` sums to 1, as mixup and distillation
    make them. Raises ShapeError, DTypeError, or OptionError for a row that is no distribution.
    """
    values, wanted = _same_shape(logits, targets, "logits")
    if values.ndim != 2:
        raise ShapeError(f"logits has shape {values.shape}; expected (N, K)")
    sums = wanted.sum(axis=1)
    if (wanted < 0).any() or not np.allclose(sums, 1, atol=1e-4):
        raise OptionError(
            f"a row of targets sums to {sums[np.abs(sums - 1).argmax()]}; expected probabilities"
        )
    return _cross_entropy(values, wanted)


@_quiet
def mean_squared_error(predictions: Array, targets: Array) -> Result:
    """Return the mean of ``(predictions - targets)**2`` over all values, and its gradient.

    The gradient is ``2 * (predictions - targets) / size``. Both arrays have the same shape and type, float32
    or float64. Raises ShapeError (nothing is broadcast) or DTypeError.
    """
    values, wanted = _same_shape(predictions, targets, "predictions")
    difference = values - wanted
    return np.mean(difference**2), 2 * difference / difference.size


@_quiet
def binary_cross_entropy_with_logits(logits: Array, targets: Array) -> Result:
    """Return the mean of ``-t * log(s) - (1 - t) * log(1 - s)``, ``s = sigmoid(logits)``, and its gradient.

    Computed as ``t * max(-z, 0) + (1 - t) * max(z, 0) + log(1 + exp(-|z|))``, which cannot overflow; the
    gradient is ``(s - t) / size``. `targets` are probabilities from 0 to 1, of the shape and type of
    `logits`, float32 or float64. Raises ShapeError, DTypeError, or OptionError for a target outside 0 to 1.
    """
    z, t = _same_shape(logits, targets, "logits")
    outside = (t < 0) | (t > 1)
    if outside.any():
        raise OptionError(f"targets hold {t[outside][0]}; expected probabilities from 0 to 1")
    costs = (
        _weighted(t, np.maximum(-z, 0)) + _weighted(1 - t, np.maximum(z, 0)) + np.log1p(np.exp(-np.abs(z)))
    )
    return np.mean(costs), (sigmoid(z) - t) / z.size


def _weighted(weights: Array, costs: Array) -> Array:
    """Return ``weights * costs``; a weight of 0 takes no part, even where the cost is infinite."""
    return np.where(weights == 0, 0, weights * costs)


def _cross_entropy(rows: Array, targets: Array) -> Result:
    logs = log_softmax(rows)
    return _weighted(targets, -logs).sum(axis=1).mean(), (np.exp(logs) - targets) / len(rows)


def _rows(logits: Array) -> Array:
    values = check_float(logits, "logits")
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise ShapeError(f"logits has shape {values.shape}; expected (N, K) or (K,), none of them 0")
    return values if values.ndim == 2 else values[None]


def _check_labels(labels: Array, rows: Array, shape: tuple[int, ...]) -> Array:
    classes = np.asarray(labels)
    if classes.dtype.kind not in "iu":
        raise DTypeError(
            f"labels hold {classes.dtype} numbers; expected whole numbers, the class of every example"
            + _one_hot_hint(classes, shape)
        )
    if classes.shape != shape[:-1]:
        hint = _one_hot_hint(classes, shape)
        raise ShapeError(
            f"labels has shape {classes.shape}; expected {shape[:-1]}, one label per example{hint}"
        )
    classes = classes.reshape(len(rows))
    outside = (classes < 0) | (classes >= rows.shape[1])
    if outside.any():
        hint = "; do the labels start at 1?" if classes[outside][0] == rows.shape[1] else ""
        raise OptionError(
            f"labels hold {classes[outside][0]}; expected 0 to {rows.shape[1] - 1}, "
            f"because logits has {rows.shape[1]} classes{hint}"
        )
    return classes


def _one_hot_hint(labels: Array, shape: tuple[int, ...]) -> str:
    return "; they look one-hot: pass labels.argmax(axis=-1)" if labels.shape == shape else ""


def _targets(rows: Array, classes: Array, label_smoothing: float) -> Array:
    smoothing = float(label_smoothing)
    if not 0 <= smoothing < 1:
        raise OptionError(f"label_smoothing is {label_smoothing!r}; expected at least 0 and below 1")
    targets = np.full_like(rows, smoothing / rows.shape[1])
    targets[np.arange(len(rows)), classes] += 1 - smoothing
    return targets


def _same_shape(values: Array, targets: Array, name: str) -> tuple[Array, Array]:
    checked, wanted = check_float(values, name), check_float(targets, "targets")
    if checked.shape != wanted.shape:
        raise ShapeError(
            f"targets has shape {wanted.shape}; expected {checked.shape}, the shape of {name}: "
            "NumPy would broadcast the two and average over pairs that do not belong together"
        )
    if checked.size == 0:
        raise ShapeError(f"{name} has shape {checked.shape}; expected at least one value")
    check_same_dtype(**{name: checked, "targets": wanted})
    return checked, wanted
