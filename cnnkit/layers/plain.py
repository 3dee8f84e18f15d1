"""Dense layers, and the two that only rearrange or thin out: Flatten and Dropout."""

import math

import numpy as np
from numpy.typing import DTypeLike

from cnnkit import shapes
from cnnkit.errors import OptionError
from cnnkit.initializers import get_initializer, zeros
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.arguments import quiet
from cnnkit.layers.base import ActivatedLayer, Array, Layer, Shape


class Dense(ActivatedLayer):
    """Every input to every output, ``f(x @ w + b)``: x (N, in), w (in, out_features), b (out_features,)."""

    kind = "Dense"

    def __init__(
        self,
        out_features: int,
        activation: str | None = None,
        *,
        bias: bool = True,
        initializer: str | None = None,
    ) -> None:
        """Raise OptionError for meaningless options; None for `initializer` chooses by the activation."""
        super().__init__(activation)
        self.out_features = shapes.whole_number(out_features, "out_features", least=1)
        self.bias = bias
        self.initializer = initializer
        self._initialize = get_initializer(initializer, activation)

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare w, random, and b, zeros, for examples of shape (in,)."""
        self._declare("w", (*input_shape, *self.output_shape(input_shape)), self._initialize, dtype)
        if self.bias:
            self._declare("b", (self.out_features,), zeros, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (out_features,) for (in,)."""
        self._check_axes(input_shape, 1, "(in,)")
        return (self.out_features,)

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``in * out_features``."""
        self._check_axes(input_shape, 1, "(in,)")
        return shapes.count_dense_macs(input_shape[0], self.out_features)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(x @ w + b), (N, out_features)."""
        params = self.params
        self._kept = x
        return self._activated(kernels.dense(x, params["w"], params.get("b")))

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation, and fill grads with dw and db."""
        dx, dw, db = kernels.dense_backward(dz, self._remembered(), self.params["w"])
        self._keep_grads(dw, db)
        return dx

    @quiet
    def fill_grads(self, dy: Array) -> None:
        """Fill grads with dw and db, without the work for dx."""
        dz: Array = self._before_activation(dy)
        self._keep_grads(self._remembered().T @ dz, dz.sum(axis=0))

    def _keep_grads(self, dw: Array, db: Array) -> None:
        self.grads = {"w": dw, "b": db} if self.bias else {"w": dw}


class Flatten(Layer):
    """Lay every example out as one row, (N, H, W, C) to (N, H*W*C), channels fastest."""

    kind = "Flatten"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H*W*C,)."""
        return (math.prod(input_shape),)

    def count_activations(self, input_shape: Shape) -> int:
        """Return 0: the numbers stay where they are."""
        return 0

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x as (N, features)."""
        self._kept = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        """Return dy in the shape of the last input."""
        return dy.reshape(self._remembered())


class Dropout(Layer):
    """Inverted dropout: in training, zero a share `rate` of the values and divide the rest by ``1 - rate``.

    The expected value then is that of the input, and inference has nothing to do: it passes x through.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).
    """

    kind = "Dropout"
    pointwise = True

    def __init__(self, rate: float) -> None:
        """Raise OptionError when `rate` is not a share from 0 up to, but not including, 1."""
        if not 0 <= rate < 1:
            raise OptionError(
                f"rate is {rate!r}; expected the share to drop, from 0 up to, but not including, 1"
            )
        super().__init__()
        self.rate = rate
        self._rng: np.random.Generator | None = None

    def draw(self, rng: np.random.Generator) -> None:
        """Take a random stream of its own, so that other layers' weights do not depend on the dropout."""
        (self._rng,) = rng.spawn(1)

    def count_activations(self, input_shape: Shape) -> int:
        """Return 0: at inference nothing is done."""
        return 0

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x, in training thinned out and scaled up."""
        if not training:
            self._kept = None
            return x
        self._ready()
        if self._rng is None:
            raise OptionError("Dropout needs random numbers in training; build it, or put it into a network")
        kept = self._rng.random(x.shape, dtype=np.float32) >= self.rate
        mask: Array = kept / x.dtype.type(1 - self.rate)
        self._kept = mask
        return x * mask

    def backward(self, dy: Array) -> Array:
        """Return dy through the mask of the last forward."""
        dx: Array = dy if self._kept is None else dy * self._kept
        return dx
