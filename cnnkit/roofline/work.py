"""How much arithmetic a layer is, and the fewest bytes that it can move."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from cnnkit.kernels.geometry import Padding, Pair, conv_geometry
from cnnkit.shapes import count_conv_macs, count_dense_macs

Shape = Sequence[int]


class Work(NamedTuple):
    """Arithmetic and compulsory traffic: what no order of computing can save.

    Attributes:
        flops: floating-point operations, a multiply-add counted as two; comparisons for max pooling. A
            convolution counts as its formula says, also where Winograd's method gets by with fewer.
        bytes: every input and weight read once, every result written once.
    """

    flops: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.flops / self.bytes

    def __str__(self) -> str:
        return (
            f"{self.flops / 1e6:,.1f} million operations, {self.bytes / 1e6:,.2f} MB at least, "
            f"{self.intensity:.2f} operations a byte"
        )


def conv2d_work(
    x_shape: Shape,
    w_shape: Shape,
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
    groups: int = 1,
    dtype: DTypeLike = np.float32,
) -> Work:
    """Return the work of `conv2d` on x (N, H, W, C) with w (KH, KW, C/groups, F) and its bias (F,)."""
    count, *size, channels = x_shape
    filters = w_shape[3]
    output = conv_geometry((size[0], size[1]), tuple(w_shape[:2]), stride, padding, dilation).output_size
    kernel = (w_shape[0], w_shape[1])
    macs = count * count_conv_macs(output, kernel, channels, filters, groups=groups)
    return _work(2 * macs, (prod(x_shape), prod(w_shape), filters, count * prod(output) * filters), dtype)


def conv2d_backward_work(x_shape: Shape, w_shape: Shape, **options: Any) -> Work:
    """Return the work of `conv2d_backward`: dx and dw take as many multiply-adds as the forward pass each.

    It reads dy, x and w and writes dx, dw and db; the options are `conv2d_work`'s.
    """
    forward = conv2d_work(x_shape, w_shape, **options)
    size = np.dtype(options.get("dtype", np.float32)).itemsize
    return Work(2 * forward.flops, forward.bytes + size * (prod(x_shape) + prod(w_shape)))


def pool2d_work(
    x_shape: Shape,
    window: Pair = 2,
    *,
    stride: Pair | None = None,
    padding: Padding = "valid",
    dtype: DTypeLike = np.float32,
) -> Work:
    """Return the work of pooling x (N, H, W, C): an operation for every cell of every window."""
    count, *size, channels = x_shape
    taps = (window, window) if isinstance(window, int) else window
    step = window if stride is None else stride
    output = conv_geometry((size[0], size[1]), taps, step, padding, 1).output_size
    results = count * prod(output) * channels
    return _work(results * prod(taps), (prod(x_shape), results), dtype)


def dense_work(examples: int, inputs: int, outputs: int, *, dtype: DTypeLike = np.float32) -> Work:
    """Return the work of `dense` on x (N, inputs) with w (inputs, outputs) and b (outputs,)."""
    macs = examples * count_dense_macs(inputs, outputs)
    return _work(2 * macs, (examples * inputs, inputs * outputs, outputs, examples * outputs), dtype)


def network_work(network: Any, examples: int = 1) -> Work:
    """Return the work of a `Sequential`'s forward pass on a batch.

    The compulsory bytes are those of its input, parameters and output: what is between could stay in a cache.
    """
    numbers = examples * (prod(network.input_shape) + prod(network.output_shapes[-1]))
    macs = examples * network.count_macs()
    return _work(2 * macs, (numbers, network.count_params()), network.dtype)


def _work(flops: int, numbers: Sequence[int], dtype: DTypeLike) -> Work:
    return Work(flops, sum(numbers) * np.dtype(dtype).itemsize)
