"""Convolutions as layers, over images and over sequences."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cnnkit import shapes
from cnnkit.initializers import get_initializer, zeros
from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.geometry import Padding, Padding1D, Pair, axis_paddings, conv_geometry
from cnnkit.kernels.parallel.gradient import conv2d_weight_gradients
from cnnkit.layers.base import ActivatedLayer, Array, Shape, window_field
from cnnkit.shapes import ReceptiveField


class _Convolution(ActivatedLayer):
    """What convolutions share: weights (taps ..., C/groups, out_channels) and biases (out_channels,)."""

    def __init__(
        self,
        out_channels: int,
        taps: tuple[int, ...],
        groups: int,
        activation: str | None,
        bias: bool,
        initializer: str | None,
    ) -> None:
        super().__init__(activation)
        self.out_channels = shapes.whole_number(out_channels, "out_channels", least=1)
        self.groups = shapes.whole_number(groups, "groups", least=1)
        self.bias = bias
        self.initializer = initializer
        self._taps = taps
        self._initialize = get_initializer(initializer, activation)

    def plan(self, input_shape: Shape, dtype: DTypeLike = np.float32) -> None:
        """Declare w, random, and b, zeros, for examples of shape (..., C)."""
        self.output_shape(input_shape)
        w_shape = (*self._taps, input_shape[-1] // self.groups, self.out_channels)
        self._declare("w", w_shape, self._initialize, dtype)
        if self.bias:
            self._declare("b", (self.out_channels,), zeros, dtype)

    def _keep_grads(self, dw: Array, db: Array) -> None:
        self.grads = {"w": dw, "b": db} if self.bias else {"w": dw}


class Conv2D(_Convolution):
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
        self.kernel_size = shapes.pair(kernel_size, "kernel_size")
        super().__init__(out_channels, self.kernel_size, groups, activation, bias, initializer)
        self.stride = shapes.pair(stride, "stride")
        self.padding = padding
        self.dilation = shapes.pair(dilation, "dilation")

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

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the field of an output unit above units that see `below`."""
        padding = axis_paddings(self.padding)[axis]
        window = (self.kernel_size[axis], self.stride[axis], padding, self.dilation[axis])
        return window_field(below, input_shape[axis], window)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(conv2d(x, w, b)), (N, H', W', out_channels)."""
        params = self.params
        self._kept = x
        return self._activated(kernels.conv2d(x, params["w"], params.get("b"), **self._options()))

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation, and fill grads with dw and db."""
        dx, dw, db = kernels.conv2d_backward(dz, self._remembered(), self.params["w"], **self._options())
        self._keep_grads(dw, db)
        return dx

    def fill_grads(self, dy: Array) -> None:
        """Fill grads with dw and db, without the work for dx, which is half of all."""
        dz = self._before_activation(dy)
        x, w = self._remembered(), self.params["w"]
        self._keep_grads(*conv2d_weight_gradients(dz, x, w, **self._options()))

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


class Conv1D(_Convolution):
    """Convolution of sequences: x (N, L, C), w (K, C/groups, out_channels), b (out_channels,).

    `padding` "causal" lets step t see the steps up to t only. Options are those of
    `cnnkit.kernels.parallel.conv1d`; C comes from the input shape when it is built.
    """

    kind = "Conv1D"

    def __init__(
        self,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: Padding1D = "valid",
        dilation: int = 1,
        groups: int = 1,
        activation: str | None = None,
        bias: bool = True,
        initializer: str | None = None,
    ) -> None:
        """Raise OptionError for meaningless options; None for `initializer` chooses by the activation."""
        self.kernel_size = shapes.whole_number(kernel_size, "kernel_size", least=1)
        super().__init__(out_channels, (self.kernel_size,), groups, activation, bias, initializer)
        self.stride = shapes.whole_number(stride, "stride", least=1)
        self.padding = padding
        self.dilation = shapes.whole_number(dilation, "dilation", least=1)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (L', out_channels) for (L, C)."""
        self._check_axes(input_shape, 2, "(L, C)")
        shapes.count_conv_macs(1, 1, input_shape[1], self.out_channels, groups=self.groups)
        length = shapes.conv_output_size(
            input_shape[0],
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )
        return length, self.out_channels

    def count_macs(self, input_shape: Shape) -> int:
        """Return ``L'*out_channels * K*C/groups``."""
        length, _ = self.output_shape(input_shape)
        return shapes.count_conv_macs(
            (length, 1), (self.kernel_size, 1), input_shape[1], self.out_channels, groups=self.groups
        )

    def field_above(
        self, below: ReceptiveField | None, input_shape: Shape, axis: int
    ) -> ReceptiveField | None:
        """Return the field of an output step above steps that see `below`."""
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        return window_field(below, input_shape[0], window)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(conv1d(x, w, b)), (N, L', out_channels)."""
        params = self.params
        self._kept = x
        z = kernels.conv1d(
            x,
            params["w"],
            params.get("b"),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return self._activated(z)

    def backward_from_z(self, dz: Array) -> Array:
        """Return dx from the gradient of the pre-activation, and fill grads with dw and db."""
        x, w = self._remembered(), self.params["w"]
        dx, dw, db = kernels.conv2d_backward(dz[:, None], x[:, None], w[None], **self._row_options(x))
        self._keep_grads(dw[0], db)
        return dx[:, 0]

    def fill_grads(self, dy: Array) -> None:
        """Fill grads with dw and db, without the work for dx."""
        dz, x, w = self._before_activation(dy), self._remembered(), self.params["w"]
        dw, db = conv2d_weight_gradients(dz[:, None], x[:, None], w[None], **self._row_options(x))
        self._keep_grads(dw[0], db)

    def _row_options(self, x: Array) -> dict[str, Any]:
        # A sequence is an image of one row: these are the options of its 2-D convolution.
        pads = shapes.resolve_padding(self.padding, x.shape[1], self.kernel_size, self.stride, self.dilation)
        return {
            "stride": (1, self.stride),
            "padding": (0, pads),
            "dilation": (1, self.dilation),
            "groups": self.groups,
        }
