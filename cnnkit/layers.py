"""Layers: each one a forward and a backward side by side, around the kernels of `cnnkit.kernels.parallel`.

A layer works on batches, NHWC. ``build`` tells it the shape of one example and draws its weights;
``forward`` keeps what ``backward`` needs; ``backward`` takes the gradient of the loss with respect to the
layer's output, fills ``grads`` and returns the gradient with respect to its input.
"""

import math
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnkit import activations, shapes
from cnnkit.errors import OptionError, ShapeError
from cnnkit.initializers import get_initializer
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.geometry import Padding, Pair, conv_geometry, pool_geometry

Array = NDArray[Any]
Shape = tuple[int, ...]
_T = TypeVar("_T")


class Layer:
    """One step of a network; its own shapes are those of one example, without the batch axis.

    Attributes:
        name: unique within a network, in Keras' style (``conv2d_1``); set by the network.
        params: the trained arrays by name, ``{"w": ..., "b": ...}``; empty for a layer that learns nothing.
        grads: gradients of the loss under the same names, since the last ``backward``.
        activation: the function applied last, or None.
        z: the last output of a layer with an activation before that function, the pre-activation.
    """

    kind: ClassVar[str]
    """The type as Keras prints it."""

    def __init__(self, activation: str | None = None) -> None:
        self.name = ""
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.activation = None if activation in (None, "linear") else Activation(str(activation))
        self.z: Array | None = None

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> None:
        """Fix the shape of one input and draw the weights. Raises ShapeError when the shape does not suit."""
        self.output_shape(input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one output for one input. Raises ShapeError when the shape does not suit."""
        return input_shape

    def count_params(self) -> int:
        """Return how many numbers this layer learns."""
        return sum(array.size for array in self.params.values())

    def count_macs(self, input_shape: Shape) -> int:
        """Return the multiply-adds for one example; comparisons, copies and biases do not count."""
        return 0

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the layer's output for a batch `x` (N, ...), float32 or float64 as `x`."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array:
        """Return dx for the last ``forward``, from dy of its output's shape; fills ``grads``."""
        raise NotImplementedError

    def _activated(self, z: Array) -> Array:
        self.z = z
        return z if self.activation is None else self.activation.forward(z)

    def _before_activation(self, dy: Array) -> Array:
        return dy if self.activation is None else self.activation.backward(dy)

    def _remembered(self, value: _T | None) -> _T:
        if value is None:
            raise ShapeError(f"{self.name or self.kind}: backward needs a forward before it")
        return value

    def _check_axes(self, input_shape: Shape, count: int, expected: str) -> None:
        if len(input_shape) != count:
            hint = "; put Flatten() before it" if count == 1 else ""
            raise ShapeError(f"{self.kind} got examples of shape {input_shape}; expected {expected}{hint}")

    def _check_fresh(self) -> None:
        if self.params:
            raise OptionError(f"{self.name or self.kind} has its weights already; use each layer object once")


_FUNCTIONS = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softmax")


class Activation(Layer):
    """A function of every value (softmax: of the last axis): ``a = f(z)``, ``dz = f'(z) * da``."""

    kind = "Activation"

    def __init__(self, function: str) -> None:
        """Raise OptionError when `function` is not one of `cnnkit.activations`."""
        if function not in _FUNCTIONS:
            raise OptionError(f"activation is {function!r}; expected one of {', '.join(_FUNCTIONS)}, or None")
        super().__init__()
        self.function = function

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(x), of x's shape and dtype."""
        self.z = x
        y: Array = getattr(activations, self.function)(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Return dy times the derivative at the last input (softmax: times its Jacobian)."""
        z = self._remembered(self.z)
        if self.function == "softmax":
            # The Jacobian is diag(a) - a aᵀ, so that its product with dy needs no (K, K) matrix.
            a = activations.softmax(z)
            dz: Array = a * (dy - (dy * a).sum(axis=-1, keepdims=True))
            return dz
        dx: Array = dy * getattr(activations, f"{self.function}_grad")(z)
        return dx


class Conv2D(Layer):
    """Convolution: x (N, H, W, C), w (KH, KW, C/groups, out_channels), b (out_channels,).

    Options are those of `cnnkit.kernels.parallel.conv2d`; C comes from the input shape when it is built.
    """

    kind = "Conv2D"

    def __init__(
        self,
        out_channels: int,
        kernel_size: Pair,
        *,
        stride: Pair = 1,
        padding: Padding = "valid",
        dilation: Pair = 1,
        groups: int = 1,
        activation: str | None = None,
        bias: bool = True,
        initializer: str | None = None,
    ) -> None:
        """Raise OptionError for meaningless options; None for `initializer` chooses by the activation."""
        super().__init__(activation)
        self.out_channels = shapes.whole_number(out_channels, "out_channels", least=1)
        self.kernel_size = shapes.pair(kernel_size, "kernel_size")
        self.stride = shapes.pair(stride, "stride")
        self.padding = padding
        self.dilation = shapes.pair(dilation, "dilation")
        self.groups = shapes.whole_number(groups, "groups", least=1)
        self.bias = bias
        self._draw = get_initializer(initializer, activation)
        self._x: Array | None = None

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> None:
        """Draw w, and set b to 0, for examples of shape (H, W, C)."""
        self._check_fresh()
        self.output_shape(input_shape)
        w_shape = (*self.kernel_size, input_shape[2] // self.groups, self.out_channels)
        self.params["w"] = self._draw(w_shape, rng, dtype)
        if self.bias:
            self.params["b"] = np.zeros(self.out_channels, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', out_channels) for (H, W, C)."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        self._count(input_shape, output_size=1)
        geometry = conv_geometry(input_shape[:2], self.kernel_size, self.stride, self.padding, self.dilation)
        return *geometry.output_size, self.out_channels

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``H'*W'*out_channels * KH*KW*C/groups``."""
        height, width, _ = self.output_shape(input_shape)
        return self._count(input_shape, output_size=(height, width))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(conv2d(x, w, b)), (N, H', W', out_channels)."""
        self._x = x
        return self._activated(kernels.conv2d(x, self.params["w"], self.params.get("b"), **self._options()))

    def backward(self, dy: Array) -> Array:
        """Return dx and fill grads with dw and db."""
        return self.backward_from_z(self._before_activation(dy))

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation."""
        x = self._remembered(self._x)
        dx, dw, db = kernels.conv2d_backward(dz, x, self.params["w"], **self._options())
        self.grads = {"w": dw, "b": db} if self.bias else {"w": dw}
        return dx

    def _options(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def _count(self, input_shape: Shape, output_size: Pair) -> int:
        return shapes.count_conv_macs(
            output_size, self.kernel_size, input_shape[2], self.out_channels, groups=self.groups
        )


class MaxPool2D(Layer):
    """Max pooling of x (N, H, W, C); `stride` None means the window's own size."""

    kind = "MaxPooling2D"

    def __init__(
        self,
        window: Pair = 2,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        dilation: Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        """Raise OptionError for meaningless options."""
        super().__init__()
        self.kernel_size = shapes.pair(window, "window")
        self.stride = self.kernel_size if stride is None else shapes.pair(stride, "stride")
        self.padding = padding
        self.dilation = shapes.pair(dilation, "dilation")
        self.ceil_mode = ceil_mode
        self._x: Array | None = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', C) for (H, W, C)."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        geometry = pool_geometry(
            input_shape[:2], self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )
        return *geometry.output_size, input_shape[2]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the greatest value of every window, (N, H', W', C)."""
        self._x = x
        return kernels.max_pool2d(x, self.kernel_size, **self._options())

    def backward(self, dy: Array) -> Array:
        """Return dx: every gradient goes to the winner of its window."""
        return kernels.max_pool2d_backward(dy, self._remembered(self._x), self.kernel_size, **self._options())

    def _options(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }


class Flatten(Layer):
    """Lay every example out as one row, (N, H, W, C) to (N, H*W*C), channels fastest."""

    kind = "Flatten"

    def __init__(self) -> None:
        super().__init__()
        self._x_shape: Shape | None = None

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H*W*C,)."""
        return (math.prod(input_shape),)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x as (N, features)."""
        self._x_shape = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        """Return dy in the shape of the last input."""
        return dy.reshape(self._remembered(self._x_shape))


class Dense(Layer):
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
        self._draw = get_initializer(initializer, activation)
        self._x: Array | None = None

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> None:
        """Draw w, and set b to 0, for examples of shape (in,)."""
        self._check_fresh()
        self.params["w"] = self._draw((*input_shape, *self.output_shape(input_shape)), rng, dtype)
        if self.bias:
            self.params["b"] = np.zeros(self.out_features, dtype)

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
        self._x = x
        return self._activated(kernels.dense(x, self.params["w"], self.params.get("b")))

    def backward(self, dy: Array) -> Array:
        """Return dx and fill grads with dw and db."""
        return self.backward_from_z(self._before_activation(dy))

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation."""
        dx, dw, db = kernels.dense_backward(dz, self._remembered(self._x), self.params["w"])
        self.grads = {"w": dw, "b": db} if self.bias else {"w": dw}
        return dx


class Dropout(Layer):
    """Inverted dropout: in training, zero a share `rate` of the values and divide the rest by ``1 - rate``.

    The expected value then is that of the input, and inference has nothing to do: it passes x through.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).
    """

    kind = "Dropout"

    def __init__(self, rate: float) -> None:
        """Raise OptionError when `rate` is not a share from 0 up to, but not including, 1."""
        if not 0 <= rate < 1:
            raise OptionError(
                f"rate is {rate!r}; expected the share to drop, from 0 up to, but not including, 1"
            )
        super().__init__()
        self.rate = rate
        self._rng: np.random.Generator | None = None
        self._mask: Array | None = None

    def build(self, input_shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> None:
        """Take a random stream of its own, so that other layers' weights do not depend on the dropout."""
        (self._rng,) = rng.spawn(1)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x, in training thinned out and scaled up."""
        if not training:
            self._mask = None
            return x
        if self._rng is None:
            raise OptionError("Dropout needs random numbers in training; build it, or put it into a network")
        kept = self._rng.random(x.shape, dtype=np.float32) >= self.rate
        self._mask = kept / x.dtype.type(1 - self.rate)
        return x * self._mask

    def backward(self, dy: Array) -> Array:
        """Return dy through the mask of the last forward."""
        return dy if self._mask is None else dy * self._mask
