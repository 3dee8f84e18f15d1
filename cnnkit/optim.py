"""Optimisers: how a gradient becomes a step.

It keeps its memory (velocities, averages) under the names of the parameters, and belongs to one network.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError

Array = NDArray[Any]


class Optimizer(Protocol):
    """What a training loop asks of an optimiser."""

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place, by the gradient of the same name and shape in `grads`."""


class SGD:
    """Stochastic gradient descent with momentum: ``v = momentum * v - learning_rate * g``, then ``p += v``.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
    """

    def __init__(self, learning_rate: float = 0.01, *, momentum: float = 0.0) -> None:
        """Raise OptionError for a learning rate that is not positive or a momentum outside [0, 1)."""
        self.learning_rate = _positive(learning_rate, "learning_rate")
        self.momentum = _decay(momentum, "momentum")
        self._velocity: dict[str, Array] = {}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place; raises ShapeError when a gradient does not fit."""
        for name, param in params.items():
            gradient = _fitting(grads, name, param)
            velocity = _memory(self._velocity, name, param)
            velocity *= self.momentum
            velocity -= self.learning_rate * gradient
            param += velocity


class Adam:
    """Adam: each parameter's step is its average gradient over the root of its average squared gradient.

    ``m = beta1*m + (1-beta1)*g``, ``v = beta2*v + (1-beta2)*g**2``, both divided by ``1 - beta**t`` because
    they start at 0, then ``p -= learning_rate * m / (sqrt(v) + epsilon)``.
    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        """Raise OptionError for a learning rate or epsilon that is not positive, or a beta outside [0, 1)."""
        self.learning_rate = _positive(learning_rate, "learning_rate")
        self.beta1 = _decay(beta1, "beta1")
        self.beta2 = _decay(beta2, "beta2")
        self.epsilon = _positive(epsilon, "epsilon")
        self.steps = 0
        self._mean: dict[str, Array] = {}
        self._square: dict[str, Array] = {}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place; raises ShapeError when a gradient does not fit."""
        self.steps += 1
        for name, param in params.items():
            gradient = _fitting(grads, name, param)
            mean, square = _memory(self._mean, name, param), _memory(self._square, name, param)
            mean += (1 - self.beta1) * (gradient - mean)
            square += (1 - self.beta2) * (gradient * gradient - square)
            # The corrections are plain numbers, so that float32 parameters stay float32.
            mean_hat = mean / (1 - self.beta1**self.steps)
            square_hat = square / (1 - self.beta2**self.steps)
            param -= self.learning_rate * mean_hat / (np.sqrt(square_hat) + self.epsilon)


def _fitting(grads: Mapping[str, Array], name: str, param: Array) -> Array:
    gradient = grads.get(name)
    if gradient is None:
        raise ShapeError(f"{name} has no gradient; run forward and backward before step")
    if gradient.shape != param.shape:
        raise ShapeError(f"the gradient of {name} has shape {gradient.shape}; expected {param.shape}")
    return gradient


def _memory(store: dict[str, Array], name: str, param: Array) -> Array:
    if name not in store:
        store[name] = np.zeros_like(param)
    if store[name].shape != param.shape:
        raise ShapeError(
            f"this optimiser remembers {name} with shape {store[name].shape}, now it is {param.shape}; "
            "make a new optimiser for each network"
        )
    return store[name]


def _positive(value: float, name: str) -> float:
    if not 0 < value < float("inf"):
        raise OptionError(f"{name} is {value!r}; expected a positive number")
    return float(value)


def _decay(value: float, name: str) -> float:
    if not 0 <= value < 1:
        raise OptionError(f"{name} is {value!r}; expected a number from 0 up to, but not including, 1")
    return float(value)
