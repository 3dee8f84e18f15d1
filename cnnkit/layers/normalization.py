"""Normalisations as layers: over the batch, over each position's channels, over neighbouring channels."""

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.errors import OptionError, ShapeError
from cnnkit.initializers import ones, zeros
from cnnkit.layers.base import Array, Layer, Shape
from cnnkit.normalization import BatchNormCache, batch_norm, batch_norm_backward, batch_norm_inference
from cnnkit.shapes import whole_number


class BatchNorm(Layer):
    """Batch normalisation of x (N, ..., C), ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    In training the statistics are the batch's, and running averages of them are kept in ``state``; otherwise
    they are those averages: ``running = momentum * running + (1 - momentum) * batch``. That is Keras' sense
    of momentum; PyTorch's is ``1 - momentum``. The variance is divided by the count, as in Keras; PyTorch's
    running variance by the count less one.
    Source: Ioffe & Szegedy, "Batch Normalization" (2015), algorithms 1 and 2.
    """

    kind = "BatchNormalization"
    pointwise = True

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        """Raise OptionError for a momentum outside [0, 1) or an epsilon that is not positive."""
        super().__init__()
        if not 0 <= momentum < 1:
            raise OptionError(
                f"momentum is {momentum!r}; expected a number from 0 up to, but not including, 1"
            )
        self.momentum = momentum
        self.epsilon = _positive(epsilon)

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare gamma, ones, and beta, zeros; start the averages at mean 0 and variance 1; all (C,)."""
        channels = input_shape[-1:]
        self._declare("gamma", channels, ones, dtype)
        self._declare("beta", channels, zeros, dtype)
        self.state = {"running_mean": np.zeros(channels, dtype), "running_var": np.ones(channels, dtype)}

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the normalised x; in training, move the running averages too.

        Raises ShapeError for training on one number per channel: its variance is 0 and teaches nothing.
        """
        return self._by_batch(x) if training else self._by_averages(x)

    def _by_batch(self, x: Array) -> Array:
        if x.size == x.shape[-1]:
            raise ShapeError(
                f"{self._title}: x has shape {x.shape}, one number per channel, whose mean is itself; "
                "train on more than one example (does the last batch of an epoch hold a single one?)"
            )
        y, cache = batch_norm(x, self.params["gamma"], self.params["beta"], eps=self.epsilon)
        for name, value in (("running_mean", cache.mean), ("running_var", cache.variance)):
            self.state[name] *= self.momentum
            self.state[name] += (1 - self.momentum) * value
        self._kept = cache
        return y

    def _by_averages(self, x: Array) -> Array:
        self._kept = x
        return batch_norm_inference(
            x,
            self.params["gamma"],
            self.params["beta"],
            self.state["running_mean"],
            self.state["running_var"],
            eps=self.epsilon,
        )

    def backward(self, dy: Array) -> Array:
        """Return dx and fill grads with dgamma and dbeta.

        In training dx also goes through the batch's mean and variance; otherwise they are constants.
        """
        kept = self._remembered()
        if isinstance(kept, BatchNormCache):
            dx, dgamma, dbeta = batch_norm_backward(dy, kept)
        else:
            inverse_std = 1 / np.sqrt(self.state["running_var"] + dy.dtype.type(self.epsilon))
            axes = tuple(range(dy.ndim - 1))
            dgamma = (dy * (kept - self.state["running_mean"]) * inverse_std).sum(axis=axes)
            dx, dbeta = dy * (self.params["gamma"] * inverse_std), dy.sum(axis=axes)
        self.grads = {"gamma": dgamma, "beta": dbeta}
        return dx


class LayerNorm(Layer):
    """Layer normalisation: every position's channels get mean 0 and variance 1, then gamma and beta (C,).

    It is the same in training and at inference, and does not mix the examples of a batch.
    Source: Ba, Kiros & Hinton, "Layer Normalization" (2016).
    """

    kind = "LayerNormalization"
    pointwise = True

    def __init__(self, epsilon: float = 1e-6) -> None:
        """Raise OptionError for an epsilon that is not positive."""
        super().__init__()
        self.epsilon = _positive(epsilon)

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare gamma, ones, and beta, zeros; both (C,)."""
        self._declare("gamma", input_shape[-1:], ones, dtype)
        self._declare("beta", input_shape[-1:], zeros, dtype)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, statistics over the last axis."""
        inverse_std = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + x.dtype.type(self.epsilon))
        x_hat = (x - x.mean(axis=-1, keepdims=True)) * inverse_std
        self._kept = x_hat, inverse_std
        y: Array = self.params["gamma"] * x_hat + self.params["beta"]
        return y

    def backward(self, dy: Array) -> Array:
        """Return ``(g - mean(g) - x_hat * mean(g * x_hat)) / std`` with g = gamma*dy, and fill grads."""
        x_hat, inverse_std = self._remembered()
        axes = tuple(range(dy.ndim - 1))
        self.grads = {"gamma": (dy * x_hat).sum(axis=axes), "beta": dy.sum(axis=axes)}
        g = dy * self.params["gamma"]
        through_mean = g.mean(axis=-1, keepdims=True)
        through_variance = x_hat * (g * x_hat).mean(axis=-1, keepdims=True)
        dx: Array = inverse_std * (g - through_mean - through_variance)
        return dx


class LocalResponseNorm(Layer):
    """AlexNet's normalisation: ``y = x / s**beta``, ``s = k + alpha * sum of x**2 over `size` channels``.

    The channels are those around each one, as many as there are. The paper multiplies the *sum* by alpha;
    PyTorch and ONNX the mean, so that their alpha is `size` times this one.
    Source: Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep CNNs" (2012), section 3.3.
    """

    kind = "LocalResponseNormalization"
    pointwise = True

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> None:
        """Raise OptionError for a size below 1 or a k that is not positive."""
        super().__init__()
        self.size = whole_number(size, "size", least=1)
        self.alpha, self.beta, self.k = alpha, beta, _positive(k, "k")

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the normalised x (N, ..., C)."""
        s = self.k + self.alpha * self._sum_around(x * x, self._before)
        power = s**-self.beta
        self._kept = x, s, power
        y: Array = x * power
        return y

    def backward(self, dy: Array) -> Array:
        """Return ``dy / s**beta - 2*alpha*beta * x * sum(dy*x / s**(beta+1))``, summed where x is seen."""
        x, s, power = self._remembered()
        shares = self._sum_around(dy * x * power / s, self.size - 1 - self._before)
        dx: Array = dy * power - 2 * self.alpha * self.beta * x * shares
        return dx

    @property
    def _before(self) -> int:
        return (self.size - 1) // 2

    def _sum_around(self, values: Array, before: int) -> Array:
        """Return the sum over `size` neighbouring channels, of which `before` come before each one."""
        channels = values.shape[-1]
        blank = np.zeros((*values.shape[:-1], channels + self.size - 1), values.dtype)
        blank[..., before : before + channels] = values
        total = np.zeros_like(values)
        for tap in range(self.size):
            total += blank[..., tap : tap + channels]
        return total


def _positive(value: float, name: str = "epsilon") -> float:
    if not 0 < value < float("inf"):
        raise OptionError(f"{name} is {value!r}; expected a positive number")
    return value
