"""Few filters per group: columns or channels share an instruction, which filters would leave empty."""

import numpy as np

from cnnkit.kernels.arguments import Array, Geometry
from cnnkit.kernels.parallel import depthwise
from cnnkit.kernels.parallel.convolution_loops import convolve_planes
from cnnkit.kernels.parallel.region import plain


class ColumnsPlan:
    """A convolution plane by plane; arguments as for `cnnkit.kernels.parallel.plans.Plan`."""

    scratch_bytes = 0

    def __init__(self, w: Array, b: Array | None, geometry: Geometry, *, relu: bool, pooled: int) -> None:
        self.geometry, self.relu, self.pooled = geometry, relu, pooled
        self.w = plain(w).copy()
        self.bias = np.zeros(w.shape[3], w.dtype) if b is None else plain(b).copy()

    def run(self, x: Array, y: Array, shortcut: Array) -> None:
        """Write the convolution of `x` (N, H, W, C) to `y`; both plain, `shortcut` plain or empty."""
        geometry = self.geometry
        padded = np.pad(x.transpose(0, 3, 1, 2), ((0, 0), (0, 0), *geometry.padding))
        planes = np.empty((len(x), self.w.shape[3], *geometry.output_size), x.dtype)
        convolve_planes(plain(padded), self.w, self.bias, planes, geometry.stride, geometry.dilation)
        finish(planes.transpose(0, 2, 3, 1), shortcut, self.relu, self.pooled, y)


class DepthwisePlan:
    """A depthwise convolution; arguments as for `cnnkit.kernels.parallel.plans.Plan`."""

    scratch_bytes = 0

    def __init__(self, w: Array, b: Array | None, geometry: Geometry, *, relu: bool, pooled: int) -> None:
        self.geometry, self.relu, self.pooled = geometry, relu, pooled
        self.w = plain(w).copy()
        self.bias = np.zeros(w.shape[3], w.dtype) if b is None else plain(b).copy()

    def run(self, x: Array, y: Array, shortcut: Array) -> None:
        """Write the convolution of `x` (N, H, W, C) to `y`; both plain, `shortcut` plain or empty."""
        if self.relu or shortcut.size or self.pooled > 1:
            result = np.empty((len(x), *self.geometry.output_size, self.w.shape[3]), x.dtype)
            depthwise.convolve(x, self.w, self.bias, self.geometry, result)
            finish(result, shortcut, self.relu, self.pooled, y)
        else:
            depthwise.convolve(x, self.w, self.bias, self.geometry, y)


def finish(result: Array, shortcut: Array, relu: bool, pooled: int, y: Array) -> None:
    """Write `result` (N, H, W, F) to `y`, after adding the shortcut, pooling and ReLU, each if asked for."""
    if shortcut.size:
        result = result + shortcut.reshape(result.shape)
    if pooled == 4:
        rows, columns = result.shape[1] // 2 * 2, result.shape[2] // 2 * 2
        top, bottom = result[:, 0:rows:2, :columns], result[:, 1:rows:2, :columns]
        best = np.maximum(top, bottom)
        result = np.maximum(best[:, :, 0::2], best[:, :, 1::2])
    np.copyto(y, np.maximum(result, 0) if relu else result)
