"""Batch normalisation, forward and backward, over every axis but the last (the channels).

Source: Ioffe & Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift" (2015), algorithm 1 and the gradients below it, here in one line.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.arguments import check_float, check_same_dtype

__all__ = ["BatchNormCache", "batch_norm", "batch_norm_backward", "batch_norm_inference", "group_norm"]

Array = NDArray[Any]


@dataclass(frozen=True)
class BatchNormCache:
    """What the backward pass, and the running statistics, need from the forward pass.

    Attributes:
        x_hat: the normalised input, of x's shape.
        gamma: the scale that was used, (C,).
        mean: the batch's mean of every channel, (C,).
        variance: the batch's variance of every channel, divided by the count (not by one less), (C,).
        inverse_std: ``1 / sqrt(variance + eps)``, (C,).
    """

    x_hat: Array
    gamma: Array
    mean: Array
    variance: Array
    inverse_std: Array


def batch_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> tuple[Array, BatchNormCache]:
    """Return ``gamma * (x - mean) / sqrt(variance + eps) + beta`` with the batch's own statistics.

    Args:
        x: (N, ..., C), float32 or float64; a channel is normalised over all its numbers in the batch.
        gamma: (C,) scale, the type of `x`.
        beta: (C,) shift, the type of `x`.
        eps: above 0; keeps the division finite.

    Returns:
        y of x's shape and type, and what `batch_norm_backward` needs.

    Raises ShapeError, DTypeError, or OptionError for an `eps` that is not above 0.
    """
    values, scale, shift = _checked(x, gamma, beta, eps)
    axes = tuple(range(values.ndim - 1))
    mean, variance = values.mean(axis=axes), values.var(axis=axes)
    inverse_std = 1 / np.sqrt(variance + values.dtype.type(eps))
    x_hat = (values - mean) * inverse_std
    return scale * x_hat + shift, BatchNormCache(x_hat, scale, mean, variance, inverse_std)


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """Return dx, dgamma and dbeta of `batch_norm`.

    With M numbers in each channel: ``dbeta = sum(dy)``, ``dgamma = sum(dy * x_hat)`` and
    ``dx = gamma / (M * std) * (M * dy - dbeta - x_hat * dgamma)``. The two subtracted terms are the paths
    through the mean and through the variance, which depend on every number of the channel.

    `dy` has the shape and type of x. Raises ShapeError or DTypeError.
    """
    delta = check_float(dy, "dy")
    check_same_dtype(dy=delta, x=cache.x_hat)
    if delta.shape != cache.x_hat.shape:
        raise ShapeError(f"dy has shape {delta.shape}; expected {cache.x_hat.shape}, the shape of x")
    axes = tuple(range(delta.ndim - 1))
    count = delta.size // delta.shape[-1]
    dbeta, dgamma = delta.sum(axis=axes), (delta * cache.x_hat).sum(axis=axes)
    dx = cache.gamma * cache.inverse_std / count * (count * delta - dbeta - cache.x_hat * dgamma)
    return dx, dgamma, dbeta


def batch_norm_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, *, eps: float = 1e-5
) -> Array:
    """Return ``gamma * (x - mean) / sqrt(variance + eps) + beta`` with stored statistics: an affine map.

    `x` is (N, ..., C), the others (C,), all of one type; the result has x's shape. Raises ShapeError,
    DTypeError or OptionError.
    """
    values, scale, shift = _checked(x, gamma, beta, eps)
    centre, spread = _checked(x, mean, variance, eps)[1:]
    y: Array = scale * (values - centre) / np.sqrt(spread + values.dtype.type(eps)) + shift
    return y


def group_norm(x: Array, gamma: Array, beta: Array, groups: int, *, eps: float = 1e-5) -> Array:
    """Return `x` normalised for every example over each of `groups` groups of channels and all positions.

    ``groups=1`` is layer normalisation as ConvNets have it, ``groups=C`` instance normalisation; the batch
    plays no part, so training and inference are the same. `x` is (N, ..., C), `gamma` and `beta` (C,).
    Source: Wu & He, "Group Normalization" (2018), section 3. Raises ShapeError, DTypeError, or OptionError
    when `groups` does not divide the channels.
    """
    values, scale, shift = _checked(x, gamma, beta, eps)
    channels = values.shape[-1]
    if not isinstance(groups, (int, np.integer)) or groups < 1 or channels % groups:
        raise OptionError(f"groups is {groups!r}; expected a divisor of the {channels} channels")
    split = values.reshape(len(values), -1, groups, channels // groups)
    mean, variance = (f(split, axis=(1, 3), keepdims=True) for f in (np.mean, np.var))
    x_hat = ((split - mean) / np.sqrt(variance + values.dtype.type(eps))).reshape(values.shape)
    y: Array = scale * x_hat + shift
    return y


def _checked(x: Array, first: Array, second: Array, eps: float) -> tuple[Array, Array, Array]:
    values, one, other = check_float(x, "x"), check_float(first, "gamma"), check_float(second, "beta")
    check_same_dtype(x=values, gamma=one, beta=other)
    if values.ndim < 2 or not values.size:
        raise ShapeError(
            f"x has shape {values.shape}; expected (N, ..., C), no axis empty: the statistics need a batch"
        )
    for array in (one, other):
        if array.shape != values.shape[-1:]:
            raise ShapeError(
                f"a parameter has shape {array.shape}; expected {values.shape[-1:]}, one number per channel"
            )
    if not eps > 0:
        raise OptionError(f"eps is {eps!r}; expected a number above 0, such as 1e-5")
    return values, one, other
