"""A stand-in for PreparedConv2D."""

from typing import Any

import numpy as np

from cnnkit.kernels import parallel as kernels
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.geometry import conv_geometry


class PreparedConv2D:
    """As kernels.parallel.PreparedConv2D."""

    def __init__(
        self,
        w: Array,
        b: Array | None = None,
        *,
        input_shape: tuple[int, ...],
        activation: str | None = None,
        pool: int | None = None,
        **options: Any,
    ) -> None:
        self.w, self.b, self.activation, self.pool, self.options = w.copy(), b, activation, pool, options
        o = {k: options.get(k, d) for k, d in (("stride", 1), ("padding", "valid"), ("dilation", 1))}
        geometry = conv_geometry(input_shape[:2], w.shape[:2], **o)
        rows, columns = geometry.output_size
        p = pool or 1
        self.output_shape = (rows // p, columns // p, w.shape[3])

    def run(self, x: Array, out: Array | None = None, shortcut: Array | None = None) -> Array:
        """Run."""
        y = kernels.conv2d(x, self.w, self.b, **self.options)
        if shortcut is not None:
            y += shortcut
        if self.activation == "relu":
            np.maximum(y, 0, out=y)
        if self.pool:
            y = kernels.max_pool2d(y, self.pool)
        if out is None:
            return y
        out[...] = y
        return out
