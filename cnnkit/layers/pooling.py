"""Poolings as layers: windows over images, and whole maps or sequences at once."""

from typing import Any

import numpy as np

from cnnkit import shapes
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.geometry import Padding, Pair, axis_paddings, pool_geometry
from cnnkit.layers.base import Array, Layer, Shape, window_field
from cnnkit.pooling_variants import global_avg_pool2d, global_avg_pool2d_backward
from cnnkit.shapes import ReceptiveField


class _WindowPooling(Layer):
    """What both poolings share: a window that moves over (H, W, C), `stride` None being its own size."""

    def __init__(
        self,
        window: Pair = 2,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        dilation: Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.window = self.kernel_size = shapes.pair(window, "window")
        self.stride = self.kernel_size if stride is None else shapes.pair(stride, "stride")
        self.padding = padding
        self.dilation = shapes.pair(dilation, "dilation")
        self.ceil_mode = ceil_mode

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', C) for (H, W, C)."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        geometry = pool_geometry(
            input_shape[:2], self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )
        return *geometry.output_size, input_shape[2]

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the field of an output unit above units that see `below`."""
        padding = axis_paddings(self.padding)[axis]
        window = (self.kernel_size[axis], self.stride[axis], padding, self.dilation[axis])
        return window_field(below, input_shape[axis], window)

    def _options(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "ceil_mode": self.ceil_mode,
        }


class MaxPool2D(_WindowPooling):
    """Max pooling of x (N, H, W, C); `stride` None means the window's own size.

    Raises OptionError for meaningless options.
    """

    kind = "MaxPooling2D"

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the greatest value of every window, (N, H', W', C)."""
        self._kept = x
        return kernels.max_pool2d(x, self.kernel_size, **self._options())

    def backward(self, dy: Array) -> Array:
        """Return dx: every gradient goes to the winner of its window."""
        return kernels.max_pool2d_backward(dy, self._remembered(), self.kernel_size, **self._options())


class AvgPool2D(_WindowPooling):
    """Average pooling of x (N, H, W, C); `stride` None means the window's own size.

    A mean is over the cells of the window that lie on the input; with `count_include_pad` over all of them,
    the padding counting as 0.
    """

    kind = "AveragePooling2D"

    def __init__(
        self,
        window: Pair = 2,
        *,
        stride: Pair | None = None,
        padding: Padding = "valid",
        dilation: Pair = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
    ) -> None:
        """Raise OptionError for meaningless options."""
        super().__init__(window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        self.count_include_pad = count_include_pad

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the mean of every window, (N, H', W', C)."""
        self._kept = x.shape
        return kernels.avg_pool2d(x, self.kernel_size, **self._options())

    def backward(self, dy: Array) -> Array:
        """Return dx: every gradient is shared equally among the cells of its window."""
        return kernels.avg_pool2d_backward(dy, self._remembered(), self.kernel_size, **self._options())

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "count_include_pad": self.count_include_pad}


class GlobalAvgPool2D(Layer):
    """The mean of every map: (N, H, W, C) to (N, C). Source: Lin et al., "Network In Network" (2013), 3.2."""

    kind = "GlobalAveragePooling2D"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C,) for (H, W, C)."""
        self._check_axes(input_shape, 3, "(H, W, C)")
        return input_shape[2:]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the means, (N, C)."""
        self._kept = x.shape
        return global_avg_pool2d(x)

    def backward(self, dy: Array) -> Array:
        """Return dx: every cell of a map gets ``dy / (H*W)``."""
        return global_avg_pool2d_backward(dy, self._remembered())


class GlobalAvgPool1D(Layer):
    """The mean over time of every channel: (N, L, C) to (N, C)."""

    kind = "GlobalAveragePooling1D"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C,) for (L, C)."""
        self._check_axes(input_shape, 2, "(L, C)")
        return input_shape[1:]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the means, (N, C)."""
        self._kept = x.shape
        means: Array = x.mean(axis=1)
        return means

    def backward(self, dy: Array) -> Array:
        """Return dx: every step gets ``dy / L``."""
        shape = self._remembered()
        dx: Array = np.broadcast_to(dy[:, None] / shape[1], shape).copy()
        return dx


class GlobalMaxPool1D(Layer):
    """The greatest value over time of every channel: (N, L, C) to (N, C)."""

    kind = "GlobalMaxPooling1D"

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C,) for (L, C)."""
        self._check_axes(input_shape, 2, "(L, C)")
        return input_shape[1:]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the maxima, (N, C)."""
        self._kept = x
        maxima: Array = x.max(axis=1)
        return maxima

    def backward(self, dy: Array) -> Array:
        """Return dx: every gradient goes to the first winner."""
        x = self._remembered()
        dx: Array = np.zeros_like(x)
        np.put_along_axis(dx, x.argmax(axis=1)[:, None], dy[:, None], axis=1)
        return dx
