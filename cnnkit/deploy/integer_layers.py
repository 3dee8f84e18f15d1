"""Convolution and dense layers that compute in bytes: int8 times int8, summed in int32, rescaled at the end.

With ``x = s_x * (q_x - z)`` and ``w = s_w * q_w`` the sum of products is
``s_x * s_w * (sum of q_x * q_w - z * sum of q_w)``: one integer product, a correction known beforehand, and
one multiplication. Source: Jacob et al. (2018), section 2.2, equation 7, and 2.4 for the biases.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnkit.deploy.quantization import Quantization, choose_quantization
from cnnkit.errors import OptionError
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.geometry import Geometry, conv_geometry
from cnnkit.kernels.parallel.integer import matmul_int8, pack_int8
from cnnkit.layers import Conv2D, Dense, Shape
from cnnkit.layers.base import ActivatedLayer


class _IntegerLayer(ActivatedLayer):
    """What both layers share: codes of the weights, the input's quantisation, the rescaling.

    Attributes:
        inputs: how the layer's input is quantised.
        weights: how its weights are, symmetric.
        codes: the weights' codes, int8, of the weights' shape.
        count_bytes: how many bytes codes, scales and biases take.
    """

    def __init__(self, layer: Conv2D | Dense, inputs: Quantization, *, per_channel: bool) -> None:
        super().__init__(None if layer.activation is None else layer.activation.function)
        w, self.inputs = layer.params["w"], inputs
        self.weights = choose_quantization(w, per_channel=per_channel)
        self.codes = self.weights.quantize(w)
        matrix = self.codes.reshape(-1, w.shape[-1])
        self._packed, self._filters = pack_int8(matrix), w.shape[-1]
        self._correction = inputs.zero_point * matrix.astype(np.int64).sum(axis=0)
        self._rescale = inputs.scale * self.weights.scale
        self._biases = layer.params.get("b", np.zeros(w.shape[-1], w.dtype))
        self.count_bytes = self.codes.nbytes + self._biases.nbytes + 4 * (np.size(self.weights.scale) + 1)

    def config(self) -> dict[str, Any]:
        """Raise OptionError: integer layers are made from a trained network, not from a file."""
        raise OptionError(
            "a quantised network is not saved; save the one it was made from, and quantise again"
        )

    def _from_rows(self, rows: Array, dtype: Any) -> Array:
        """Return the pre-activation (R, F) for rows of codes (R, K)."""
        sums = matmul_int8(rows, self._packed, self._filters)
        z: Array = ((sums - self._correction) * self._rescale + self._biases).astype(dtype)
        return z


class IntegerConv2D(_IntegerLayer):
    """A convolution in bytes; see the module. `layer` is the trained Conv2D, without groups."""

    kind = "IntegerConv2D"

    def __init__(self, layer: Conv2D, inputs: Quantization, *, per_channel: bool = True) -> None:
        """Raise OptionError for a grouped convolution."""
        if layer.groups > 1:
            raise OptionError(
                f"{layer.name} has groups = {layer.groups}; expected a convolution without groups"
            )
        super().__init__(layer, inputs, per_channel=per_channel)
        self._layer = layer

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', F) for (H, W, C)."""
        return self._layer.output_shape(input_shape)

    def count_macs(self, input_shape: Shape) -> int:
        """Return the multiply-adds, of bytes, for one example."""
        return self._layer.count_macs(input_shape)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(conv(x)) for x (N, H, W, C) in float, quantised on the way in."""
        conv = self._layer
        geometry = conv_geometry(x.shape[1:3], conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        z = self._from_rows(_patches(self._padded_codes(x, geometry), geometry), x.dtype)
        return self._activated(z.reshape(len(x), *geometry.output_size, self._filters))

    def _padded_codes(self, x: Array, geometry: Geometry) -> Array:
        padding = ((0, 0), *geometry.padding, (0, 0))
        return np.pad(self.inputs.quantize(x), padding, constant_values=int(self.inputs.zero_point))


class IntegerDense(_IntegerLayer):
    """A dense layer in bytes; see the module."""

    kind = "IntegerDense"

    def __init__(self, layer: Dense, inputs: Quantization, *, per_channel: bool = True) -> None:
        super().__init__(layer, inputs, per_channel=per_channel)
        self._layer = layer

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (out_features,) for (in,)."""
        return self._layer.output_shape(input_shape)

    def count_macs(self, input_shape: Shape) -> int:
        """Return the multiply-adds, of bytes, for one example."""
        return self._layer.count_macs(input_shape)

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return f(x @ w + b) for x (N, in) in float, quantised on the way in."""
        return self._activated(self._from_rows(self.inputs.quantize(x), x.dtype))


def _patches(codes: Array, geometry: Geometry) -> Array:
    """Return what every window covers, (N*H'*W', KH*KW*C), from padded codes (N, H, W, C)."""
    extents = [(size - 1) * d + 1 for size, d in zip(geometry.kernel_size, geometry.dilation, strict=True)]
    windows = sliding_window_view(codes, extents, axis=(1, 2))
    (down, right), (below, beside) = geometry.stride, geometry.dilation
    windows = windows[:, ::down, ::right, :, ::below, ::beside].transpose(0, 1, 2, 4, 5, 3)
    return windows.reshape(-1, windows[0, 0, 0].size) if windows.size else np.zeros((0, 0), np.int8)
