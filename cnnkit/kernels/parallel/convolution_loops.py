"""The compiled loop of a convolution with few filters: neighbouring columns share an instruction."""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.parallel.region import parallel, serial


@serial
def split(index: Any, size: int) -> Any:
    """Return ``divmod(index, size)`` in signed integers: Numba counts a ``prange`` in unsigned ones."""
    return np.int64(index) // size, np.int64(index) % size


@parallel
def convolve_planes(x: Any, w: Any, b: Any, y: Any, stride: Any, dilation: Any) -> None:
    """Write the convolution of padded planes `x` (N, C, H, W) into `y` (N, F, H_out, W_out).

    For few filters per group, where a block of filters would be nearly empty: here neighbouring *columns*
    share an instruction. `w` is (KH, KW, C/groups, F).
    """
    images, filters, height, width = y.shape
    rows, columns, group_channels, _ = w.shape
    group_filters = filters // (x.shape[1] // group_channels)
    for index in prange(images * height):
        image, i = split(index, height)
        for k in range(filters):
            first = k // group_filters * group_channels
            z = y[image, k, i]
            z[:] = b[k]
            for m in range(rows):
                for n in range(columns):
                    for c in range(group_channels):
                        weight = w[m, n, c, k]
                        source = x[image, first + c, i * stride[0] + m * dilation[0], n * dilation[1] :]
                        for j in range(width):
                            z[j] += weight * source[j * stride[1]]
