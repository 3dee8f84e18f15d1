"""Optimisers: how a gradient becomes a step.

Each keeps its memory (velocities, averages) under the names of the parameters, and belongs to one network.
Written for parameters p, gradients g and the learning rate lr.

Two things are called weight decay. `l2` adds ``l2 * p`` to the gradient, as a penalty ``l2 / 2 * sum(p**2)``
in the loss would; `AdamW` shrinks ``p`` itself by ``lr * weight_decay * p``. For plain SGD the two are the
same. For Adam they are not: there the penalty's gradient is divided by the root of the average squared
gradient like everything else, so that weights with large gradients are hardly decayed. Either way only
weights are decayed, the arrays with more than one axis: biases and the gamma and beta of normalisations are
few, and no source of overfitting.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError

Array = NDArray[Any]


class Optimizer(Protocol):
    """What a training loop asks of an optimiser."""

    learning_rate: float
    """How far the next step goes; a schedule sets it before every step."""

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place, by the gradient of the same name and shape in `grads`."""


def is_decayed(param: Array) -> bool:
    """Return whether `param` is a weight, with more than one axis, and not a bias, gamma or beta."""
    return param.ndim > 1


class SGD:
    """Stochastic gradient descent with momentum: ``v = momentum * v - lr * g``, then ``p += v``.

    Nesterov's form looks ahead: ``p += momentum * v - lr * g`` with the new v.
    Sources: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); Sutskever et
    al., "On the importance of initialization and momentum in deep learning" (2013), equations 1 to 4.
    """

    def __init__(
        self, learning_rate: float = 0.01, *, momentum: float = 0.0, nesterov: bool = False, l2: float = 0.0
    ) -> None:
        """Raise OptionError for a learning rate not positive, a momentum outside [0, 1), an l2 below 0."""
        self.learning_rate = _positive(learning_rate, "learning_rate")
        self.momentum = _decay(momentum, "momentum")
        self.nesterov = nesterov
        self.l2 = _not_negative(l2, "l2")
        self._velocity: dict[str, Array] = {}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place; raises ShapeError when a gradient does not fit."""
        for name, param in params.items():
            gradient = _fitting(grads, name, param, self.l2)
            velocity = _memory(self._velocity, name, param)
            velocity *= self.momentum
            velocity -= self.learning_rate * gradient
            param += self.momentum * velocity - self.learning_rate * gradient if self.nesterov else velocity


class RMSProp:
    """RMSProp: each step is divided by a running root mean square of the gradient.

    ``s = rho * s + (1 - rho) * g**2``, then ``p -= lr * g / (sqrt(s) + epsilon)``.
    Source: Tieleman & Hinton, "Lecture 6.5: RMSProp" (2012).
    """

    def __init__(
        self, learning_rate: float = 0.001, *, rho: float = 0.9, epsilon: float = 1e-7, l2: float = 0.0
    ) -> None:
        """Raise OptionError for a rate or epsilon not positive, rho outside [0, 1), l2 below 0."""
        self.learning_rate = _positive(learning_rate, "learning_rate")
        self.rho = _decay(rho, "rho")
        self.epsilon = _positive(epsilon, "epsilon")
        self.l2 = _not_negative(l2, "l2")
        self._square: dict[str, Array] = {}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place; raises ShapeError when a gradient does not fit."""
        for name, param in params.items():
            gradient = _fitting(grads, name, param, self.l2)
            square = _memory(self._square, name, param)
            square += (1 - self.rho) * (gradient * gradient - square)
            param -= self.learning_rate * gradient / (np.sqrt(square) + self.epsilon)


class Adam:
    """Adam: each parameter's step is its average gradient over the root of its average squared gradient.

    ``m = beta1*m + (1-beta1)*g``, ``v = beta2*v + (1-beta2)*g**2``, both divided by ``1 - beta**t`` because
    they start at 0, then ``p -= lr * m / (sqrt(v) + epsilon)``.
    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        l2: float = 0.0,
    ) -> None:
        """Raise OptionError for a rate or epsilon not positive, a beta outside [0, 1), l2 below 0."""
        self.learning_rate = _positive(learning_rate, "learning_rate")
        self.beta1 = _decay(beta1, "beta1")
        self.beta2 = _decay(beta2, "beta2")
        self.epsilon = _positive(epsilon, "epsilon")
        self.l2 = _not_negative(l2, "l2")
        self.steps = 0
        self._mean: dict[str, Array] = {}
        self._square: dict[str, Array] = {}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place; raises ShapeError when a gradient does not fit."""
        self.steps += 1
        for name, param in params.items():
            gradient = _fitting(grads, name, param, self.l2)
            mean, square = _memory(self._mean, name, param), _memory(self._square, name, param)
            mean += (1 - self.beta1) * (gradient - mean)
            square += (1 - self.beta2) * (gradient * gradient - square)
            # The corrections are plain numbers, so that float32 parameters stay float32.
            mean_hat = mean / (1 - self.beta1**self.steps)
            square_hat = square / (1 - self.beta2**self.steps)
            param -= self.learning_rate * mean_hat / (np.sqrt(square_hat) + self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay: before Adam's step, ``p -= lr * weight_decay * p`` for the weights.

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        """Raise OptionError as `Adam` does, and for a weight decay below 0."""
        super().__init__(learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)
        self.weight_decay = _not_negative(weight_decay, "weight_decay")

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every array of `params` in place; raises ShapeError when a gradient does not fit."""
        for param in filter(is_decayed, params.values()):
            param *= 1 - self.learning_rate * self.weight_decay
        super().step(params, grads)


# ---- gradients too large ---------------------------------------------------------------------------------


def gradient_norm(grads: Mapping[str, Array]) -> float:
    """Return the length of all gradients taken as one vector, ``sqrt(sum(g**2))``, summed in float64."""
    return float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in grads.values())))


def clip_by_norm(grads: Mapping[str, Array], most: float) -> float:
    """Scale all `grads` in place so that their joint norm is at most `most`; return the norm before.

    The direction stays. Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural
    networks" (2013), algorithm 1. Raises OptionError when `most` is not positive.
    """
    norm = gradient_norm(grads)
    if norm > _positive(most, "most"):
        for gradient in grads.values():
            gradient *= most / norm
    return norm


def clip_by_value(grads: Mapping[str, Array], most: float) -> None:
    """Cut every number of `grads` in place to ``±most``, which turns the step: large components lose most."""
    limit = _positive(most, "most")
    for gradient in grads.values():
        np.clip(gradient, -limit, limit, out=gradient)


# ---- learning rates over time ----------------------------------------------------------------------------

Schedule = Callable[[int], float]
"""From the number of steps taken so far to the learning rate of the next one."""


def constant(rate: float) -> Schedule:
    """Return a schedule that is always `rate`."""
    value = _positive(rate, "rate")
    return lambda step: value


def step_decay(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """Return ``rate * factor**(step // every)``: a staircase."""
    value = _positive(rate, "rate")
    return lambda step: float(value * factor ** (step // every))


def cosine(rate: float, steps: int, *, end: float = 0.0) -> Schedule:
    """Return half a cosine from `rate` at step 0 to `end` at step `steps`, and `end` from there on.

    Source: Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation 5,
    without the restarts.
    """
    value = _positive(rate, "rate")
    return lambda step: float(end + (value - end) * (1 + np.cos(np.pi * min(step / steps, 1.0))) / 2)


def warm_up(schedule: Schedule, steps: int) -> Schedule:
    """Return `schedule` behind a straight rise of `steps` steps: its own first value comes at step `steps`.

    Source: Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2.
    """
    return lambda step: schedule(0) * (step + 1) / (steps + 1) if step < steps else schedule(step - steps)


def one_cycle(
    peak: float, steps: int, *, rise: float = 0.3, start: float = 25.0, end: float = 1e4
) -> Schedule:
    """Return a half cosine from ``peak / start`` up to `peak` in a share `rise` of the steps, then down.

    It ends at ``peak / start / end``. Source: Smith & Topin, "Super-Convergence" (2018), here with the cosine
    branches and the numbers of fastai and PyTorch.
    """
    top = max(round(steps * rise), 1)
    up, down = cosine(peak, top, end=peak / start), cosine(peak, steps - top, end=peak / start / end)
    return lambda step: up(top - step) if step < top else down(step - top)


# ---- helpers ---------------------------------------------------------------------------------------------


def _fitting(grads: Mapping[str, Array], name: str, param: Array, l2: float) -> Array:
    gradient = grads.get(name)
    if gradient is None:
        raise ShapeError(f"{name} has no gradient; run forward and backward before step")
    if gradient.shape != param.shape:
        raise ShapeError(f"the gradient of {name} has shape {gradient.shape}; expected {param.shape}")
    return gradient + l2 * param if l2 and is_decayed(param) else gradient


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


def _not_negative(value: float, name: str) -> float:
    if not 0 <= value < float("inf"):
        raise OptionError(f"{name} is {value!r}; expected a number of at least 0")
    return float(value)


def _decay(value: float, name: str) -> float:
    if not 0 <= value < 1:
        raise OptionError(f"{name} is {value!r}; expected a number from 0 up to, but not including, 1")
    return float(value)
