"""A convolution as the matrix that it is."""

from collections.abc import Sequence

import numpy as np

from cnnkit.errors import ShapeError
from cnnkit.kernels.arguments import Array, Padding, Pair, check_conv2d


def toeplitz_matrix(
    w: Array,
    input_size: Sequence[int],
    *,
    stride: Pair = 1,
    padding: Padding = "valid",
    dilation: Pair = 1,
) -> Array:
    """Return the matrix T of a convolution: ``T @ x.ravel()`` is ``conv2d(x, w).ravel()`` for every image x.

    One row per output number, one column per input number; row (i, j, k) holds w[..., k] where window (i, j)
    lies, and zeros elsewhere. The same few weights repeat along diagonals, which is the name's meaning. Its
    transpose ``T.T`` carries gradients back, and is the transposed convolution.

    `w` is (KH, KW, C, F), float32 or float64; `input_size` is (H, W). The result is (H_out*W_out*F, H*W*C) in
    the type of `w`: it grows with the square of the image, so keep images small. Taps that fall on the
    padding have no column. Raises ShapeError, DTypeError or OptionError.
    """
    if not isinstance(input_size, (tuple, list)) or len(input_size) != 2:
        raise ShapeError(f"input_size is {input_size!r}; expected (H, W), the channels come from w")
    channels = np.shape(w)[2:3] or (1,)
    blank = np.zeros((*input_size, *channels), getattr(w, "dtype", np.float64))
    _, weights, _, geometry, _ = check_conv2d(
        blank, w, None, stride=stride, padding=padding, dilation=dilation, groups=1
    )
    (s_h, s_w), (d_h, d_w) = geometry.stride, geometry.dilation
    (top, _), (left, _) = geometry.padding
    matrix = np.zeros((*geometry.output_size, weights.shape[3], *blank.shape), weights.dtype)
    for i, j, m, n in np.ndindex(*geometry.output_size, *geometry.kernel_size):
        row, col = i * s_h + m * d_h - top, j * s_w + n * d_w - left
        if 0 <= row < input_size[0] and 0 <= col < input_size[1]:
            matrix[i, j, :, row, col, :] = weights[m, n].T
    return matrix.reshape(-1, blank.size)
