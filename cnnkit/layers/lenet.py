"""The layers of 1998 that nobody uses any more: how LeNet-5 subsampled, connected and answered.

Source: LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition" (1998),
section II.B, table I and appendix A.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from cnnkit import shapes
from cnnkit.errors import OptionError, ShapeError
from cnnkit.initializers import zeros
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.geometry import Pair, conv_geometry, pool_geometry
from cnnkit.layers.base import Array, Layer, Shape, window_field
from cnnkit.shapes import ReceptiveField

_AMPLITUDE, _SLOPE = 1.7159, 2 / 3


class ScaledTanh(Layer):
    """LeCun's squashing function, ``1.7159 * tanh(2/3 * z)``: it maps 1 to about 1 and -1 to about -1."""

    kind = "ScaledTanh"
    pointwise = True

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the function of every value, of x's shape."""
        tanh = self._kept = np.tanh(x * x.dtype.type(_SLOPE))
        y: Array = tanh * x.dtype.type(_AMPLITUDE)
        return y

    def backward(self, dy: Array) -> Array:
        """Return ``dy * 1.7159 * 2/3 * (1 - tanh²)``."""
        tanh = self._remembered()
        dx: Array = dy * dy.dtype.type(_AMPLITUDE * _SLOPE) * (1 - tanh * tanh)
        return dx


class Subsampling(Layer):
    """LeNet's pooling: ``w[c] * sum of the window + b[c]``, two trained numbers a channel.

    With w at 1/4 and b at 0, where it starts, it is average pooling. x (N, H, W, C), w and b (C,).
    """

    kind = "Subsampling"

    def __init__(self, window: Pair = 2) -> None:
        """Raise OptionError for a meaningless window; windows lie side by side."""
        super().__init__()
        self.window = self.kernel_size = shapes.pair(window, "window")
        self.stride = self.kernel_size

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare w and b, which start as average pooling of (H, W, C)."""
        channels = self.output_shape(input_shape)[2]
        self._declare("w", (channels,), self._mean, dtype)
        self._declare("b", (channels,), zeros, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', C) for (H, W, C)."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        geometry = pool_geometry(input_shape[:2], self.kernel_size, self.stride, "valid", 1, False)
        return *geometry.output_size, input_shape[2]

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the field of an output unit above units that see `below`."""
        window = (self.kernel_size[axis], self.stride[axis], 0, 1)
        return window_field(below, input_shape[axis], window)

    def count_macs(self, input_shape: Shape) -> int:
        """Return one for each output, the product with the coefficient; the sum needs no product."""
        return math.prod(self.output_shape(input_shape))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return ``w * sum + b``, (N, H', W', C)."""
        sums = kernels.avg_pool2d(x, self.kernel_size) * x.dtype.type(math.prod(self.kernel_size))
        self._kept = (sums, x.shape)
        y: Array = sums * self.params["w"] + self.params["b"]
        return y

    def backward(self, dy: Array) -> Array:
        """Return dx: every cell of a window gets dy times the coefficient."""
        sums, x_shape = self._remembered()
        self.grads = {"w": (dy * sums).sum(axis=(0, 1, 2)), "b": dy.sum(axis=(0, 1, 2))}
        area = dy.dtype.type(math.prod(self.kernel_size))
        return kernels.avg_pool2d_backward(dy * (self.params["w"] * area), x_shape, self.kernel_size)

    def _mean(self, shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        return np.full(shape, 1 / math.prod(self.kernel_size), dtype)


class TableConv2D(Layer):
    """A convolution in which each output map reads only the input maps that a table names.

    ``table[k]`` lists the input channels of output channel k. The weights are stored without the missing
    connections: w (connections, KH, KW), in the order of the table; b (len(table),).
    """

    kind = "TableConv2D"

    def __init__(self, table: Sequence[Sequence[int]], kernel_size: Pair) -> None:
        """Raise OptionError for a table with an empty row, or one that names a channel twice in a row."""
        super().__init__()
        for k, row in enumerate(table):
            if not row or len(set(row)) < len(row) or min(row) < 0:
                raise OptionError(f"table[{k}] is {list(row)}; expected input channels, each once")
        self.table = [list(row) for row in table]
        self.kernel_size = shapes.pair(kernel_size, "kernel_size")
        self._inputs = np.array([c for row in self.table for c in row])
        self._outputs = np.repeat(np.arange(len(self.table)), [len(row) for row in self.table])

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare w, random, and b, zeros, for examples of shape (H, W, C)."""
        self.output_shape(input_shape)
        self._declare("w", (len(self._inputs), *self.kernel_size), self._draw, dtype)
        self._declare("b", (len(self.table),), zeros, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', len(table)). Raises ShapeError when the table names a channel that is not there."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        if self._inputs.max() >= input_shape[2]:
            raise ShapeError(
                f"the table names input channel {self._inputs.max()}; expected at most {input_shape[2] - 1}, "
                f"the input has {input_shape[2]} channels"
            )
        geometry = conv_geometry(input_shape[:2], self.kernel_size, 1, "valid", 1)
        return *geometry.output_size, len(self.table)

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``H'*W' * KH*KW * connections``."""
        height, width, _ = self.output_shape(input_shape)
        return height * width * math.prod(self.kernel_size) * len(self._inputs)

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the field of an output unit above units that see `below`."""
        return window_field(below, input_shape[axis], (self.kernel_size[axis], 1, 0, 1))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the convolution with zeros where the table has no connection, (N, H', W', len(table))."""
        self._kept = x
        return kernels.conv2d(x, self._full(x.shape[-1]), self.params["b"])

    def backward(self, dy: Array) -> Array:
        """Return dx and fill grads; a missing connection gets no gradient, so it stays missing."""
        x = self._remembered()
        dx, dw, db = kernels.conv2d_backward(dy, x, self._full(x.shape[-1]))
        self.grads = {"w": dw[:, :, self._inputs, self._outputs].transpose(2, 0, 1), "b": db}
        return dx

    def _draw(self, shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
        """Uniform within ``±2.4 / fan_in``, where the fan-in is that of each map (appendix A)."""
        fan_in = np.array([len(row) for row in self.table])[self._outputs] * math.prod(self.kernel_size)
        drawn: Array = (2 * rng.random(shape, dtype=np.float32) - 1) * (2.4 / fan_in)[:, None, None]
        return drawn.astype(dtype)

    def _full(self, channels: int) -> Array:
        """Return w as (KH, KW, C, len(table)), for the kernels."""
        w = np.zeros((*self.kernel_size, channels, len(self.table)), self.params["w"].dtype)
        w[:, :, self._inputs, self._outputs] = self.params["w"].transpose(1, 2, 0)
        return w


class RBFOutput(Layer):
    """LeNet's output: minus the squared distance to a fixed picture of each class, ``-sum((x - p[k])**2)``.

    The prototypes p (classes, in) are chosen by hand and not trained, so they are state and no parameters.
    The paper's own output is the distance, where the least wins; the sign makes it a score like any other.
    """

    kind = "RBFOutput"

    def __init__(self, prototypes: Sequence[Sequence[float]]) -> None:
        """Raise ShapeError unless `prototypes` is a table (classes, in) of numbers."""
        super().__init__()
        values = np.asarray(prototypes, dtype=np.float64)
        if values.ndim != 2 or not values.size:
            raise ShapeError(f"prototypes has shape {values.shape}; expected (classes, in)")
        self.prototypes: list[list[float]] = values.tolist()

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Keep the prototypes for examples of shape (in,)."""
        self.output_shape(input_shape)
        self.state["prototypes"] = np.array(self.prototypes, dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (classes,). Raises ShapeError when the prototypes have another length than the input."""
        self._check_axes(input_shape, 1, "(in,)")
        classes, length = len(self.prototypes), len(self.prototypes[0])
        if input_shape != (length,):
            raise ShapeError(f"prototypes have {length} numbers; expected {input_shape[0]}, one per input")
        return (classes,)

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``in * classes``: one square added for each."""
        return input_shape[0] * self.output_shape(input_shape)[0]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the scores, (N, classes), 0 for a perfect match and negative otherwise."""
        differences = self._kept = x[:, np.newaxis] - self.state["prototypes"]
        y: Array = -(differences**2).sum(axis=-1)
        return y

    def backward(self, dy: Array) -> Array:
        """Return dx, ``-2 * sum over k of dy[k] * (x - p[k])``."""
        differences = self._remembered()
        dx: Array = -2 * (dy[..., np.newaxis] * differences).sum(axis=1)
        return dx
