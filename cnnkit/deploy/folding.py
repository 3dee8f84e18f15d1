"""Folding batch norm into the convolution or dense layer before it: one layer less, the same function.

At inference batch norm is affine, ``y = gamma * (z - mean) / sqrt(variance + epsilon) + beta``, and
``z = conv(x, w) + b`` is linear in w and b. So with ``scale = gamma / sqrt(variance + epsilon)``, one number
per filter, ``y = conv(x, w * scale) + ((b - mean) * scale + beta)``.
Source: Ioffe & Szegedy, "Batch Normalization" (2015), section 3.2; Jacob et al., "Quantization and Training
of Neural Networks for Efficient Integer-Arithmetic-Only Inference" (2018), section 3.2.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from cnnkit.deploy.rebuilding import Built, rebuild, same
from cnnkit.errors import ShapeError
from cnnkit.kernels.arguments import Array, check_float
from cnnkit.layers import BatchNorm, Conv1D, Conv2D, Dense, Layer
from cnnkit.network import Sequential

_LINEAR = (Conv2D, Conv1D, Dense)


def fold_arrays(
    w: Array, b: Array | None, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array]:
    """Return ``w * scale`` and ``(b - mean) * scale + beta``, ``scale = gamma / sqrt(variance + epsilon)``.

    Args:
        w: weights whose last axis is the filters, (..., F), float32 or float64.
        b: (F,) or None for zeros.
        gamma: (F,) scale of the batch norm.
        beta: (F,) shift.
        mean: (F,) running mean.
        variance: (F,) running variance.
        epsilon: what the batch norm adds to the variance.

    Returns:
        New w and b of w's type, computed in float64 and rounded once.

    Raises ShapeError when a vector does not have one number per filter, DTypeError.
    """
    weights = check_float(w, "w")
    given = {"b": b, "gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    for name, vector in given.items():
        if vector is not None and np.shape(vector) != weights.shape[-1:]:
            raise ShapeError(
                f"{name} has shape {np.shape(vector)}; expected {weights.shape[-1:]}, one number per filter"
            )
    scale = np.float64(gamma) / np.sqrt(np.float64(variance) + epsilon)
    shift = (np.float64(0 if b is None else b) - mean) * scale + beta
    return (weights * scale).astype(weights.dtype), shift.astype(weights.dtype)


def fold_into(w: Array, b: Array | None, norm: BatchNorm) -> tuple[Array, Array]:
    """Return `w` (..., F) and `b` (F,) with the batch norm `norm`, as it is at inference, folded in."""
    return fold_arrays(
        w,
        b,
        norm.params["gamma"],
        norm.params["beta"],
        norm.state["running_mean"],
        norm.state["running_var"],
        norm.epsilon,
    )


def fold_batch_norm(network: Sequential) -> Sequential:
    """Return a new network in which every batch norm right behind a linear layer is folded into it.

    Conv2D, Conv1D and Dense layers without an activation of their own take it up, also inside containers;
    a batch norm elsewhere stays. At inference the new network computes the same function, to rounding; it is
    not meant for training. `network` is not changed.
    """
    return rebuild(network, lambda layers: list(_folded(layers)))


def _folded(layers: Sequence[Layer]) -> Iterator[Built]:
    position = 0
    while position < len(layers):
        layer, following = layers[position], layers[position + 1 : position + 2]
        if following and isinstance(following[0], BatchNorm) and _is_linear(layer):
            w, b = fold_into(layer.params["w"], layer.params.get("b"), following[0])
            yield type(layer)(**{**layer.config(), "bias": True}), {"w": w, "b": b}
            position += 2
        else:
            yield same(layer)
            position += 1


def _is_linear(layer: Layer) -> bool:
    return isinstance(layer, _LINEAR) and layer.activation is None
