"""Adversarial digits: a step along the sign of the input's gradient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.network import Sequential

__all__ = ["accuracy_under_attack", "fast_gradient_sign", "noise_of_the_same_size"]

Array = NDArray[Any]


def fast_gradient_sign(network: Sequential, x: Array, labels: Array, epsilon: float) -> Array:
    """Return ``clip(x + epsilon * sign(dloss/dx), 0, 1)``: the worst change of that size, to first order.

    `network` ends in a softmax (a dense layer with it); `x` (N, H, W, C) in [0, 1], `labels` (N,).
    Source: Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples" (2015), section 4.
    """
    p = network.forward(x)
    # The gradient of cross-entropy by the probabilities; softmax's own backward pass turns it into p - t.
    dp = np.zeros_like(p)
    rows = np.arange(len(labels))
    dp[rows, labels] = -1 / np.maximum(p[rows, labels], 1e-12) / len(labels)
    dx = network.backward(dp)
    attacked: Array = np.clip(x + np.asarray(epsilon, x.dtype) * np.sign(dx), 0, 1)
    return attacked


def noise_of_the_same_size(x: Array, epsilon: float, rng: np.random.Generator) -> Array:
    """Return ``clip(x ± epsilon, 0, 1)`` with a random sign for every pixel."""
    signs = rng.choice(np.array([-1, 1], x.dtype), size=x.shape)
    noisy: Array = np.clip(x + np.asarray(epsilon, x.dtype) * signs, 0, 1)
    return noisy


def accuracy_under_attack(
    network: Sequential, x: Array, labels: Array, epsilons: Sequence[float], *, seed: int = 0
) -> list[tuple[float, float]]:
    """Return for each epsilon the accuracies (on random noise of that size, on adversarial digits)."""
    rng = np.random.default_rng(seed)
    return [
        (
            network.evaluate(noise_of_the_same_size(x, epsilon, rng), labels)[1],
            network.evaluate(fast_gradient_sign(network, x, labels, epsilon), labels)[1],
        )
        for epsilon in epsilons
    ]
