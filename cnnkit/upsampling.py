"""Ways from a small map to a large one; all take ``(H, W, C)``, keep the type, and learn nothing.

The way that learns is ``conv2d_transpose``. Sources: Shi et al., "Real-Time Single Image and Video
Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network" (2016); Zeiler & Fergus,
"Visualizing and Understanding Convolutional Networks" (2014), for unpooling with switches.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import ShapeError
from cnnkit.shapes import whole_number

Array = NDArray[Any]


def nearest(x: Array, factor: int) -> Array:
    """Return ``(H*factor, W*factor, C)``: every cell becomes a block of equal cells. Raises ShapeError."""
    factor = _checked(x, factor)
    return x.repeat(factor, axis=0).repeat(factor, axis=1)


def bilinear(x: Array, factor: int) -> Array:
    """Return ``(H*factor, W*factor, C)``: straight lines between the centres of neighbouring cells.

    Output i lies at ``(i + 0.5) / factor - 0.5`` of the input (half-pixel centres, align_corners=False);
    beyond the first and last centre the value stays. Raises ShapeError.
    """
    factor = _checked(x, factor)
    for axis in (0, 1):
        x = _interpolate(x, factor, axis)
    return x


def zero_stuff(x: Array, factor: int) -> Array:
    """Return ``(H*factor, W*factor, C)``: every cell in the top left corner of a block of zeros.

    This is the "bed of nails", and the first half of a transposed convolution. Raises ShapeError.
    """
    factor = _checked(x, factor)
    height, width, channels = x.shape
    y = np.zeros((height * factor, width * factor, channels), x.dtype)
    y[::factor, ::factor] = x
    return y


def pixel_shuffle(x: Array, factor: int) -> Array:
    """Return ``(H*factor, W*factor, C/factor²)``: groups of channels become the cells of a block.

    ``y[h*r + i, w*r + j, c] = x[h, w, (i*r + j)*C' + c]`` with r = factor and C' output channels: the order
    of TensorFlow's ``depth_to_space`` (PyTorch's PixelShuffle reads channel ``c*r*r + i*r + j``).
    Raises ShapeError when factor² does not divide the channels.
    """
    factor = _checked(x, factor)
    height, width, channels = x.shape
    if channels % factor**2:
        raise ShapeError(f"x has {channels} channels; expected a multiple of factor² = {factor**2}")
    blocks = x.reshape(height, width, factor, factor, channels // factor**2)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(height * factor, width * factor, -1)


def pool_with_switches(x: Array, window: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the greatest value of each block (H/window, W/window, C), and its place in the block, int64.

    The place (the "switch") counts row by row from 0; the first of equal values wins. Raises ShapeError when
    `window` does not divide height and width.
    """
    window = _checked(x, window)
    height, width, channels = x.shape
    if height % window or width % window:
        raise ShapeError(f"x has {height} x {width} cells; expected multiples of window = {window}")
    blocks = x.reshape(height // window, window, width // window, window, channels).transpose(0, 2, 1, 3, 4)
    blocks = blocks.reshape(height // window, width // window, window**2, channels)
    switches = blocks.argmax(axis=2)
    return np.take_along_axis(blocks, switches[:, :, None], axis=2)[:, :, 0], switches


def unpool(y: Array, switches: NDArray[np.int64], window: int) -> Array:
    """Return ``(H*window, W*window, C)``: each value of `y` back at the place of its switch, zeros elsewhere.

    `y` and `switches` (H, W, C) are those of `pool_with_switches`. Raises ShapeError for unequal shapes.
    """
    window = _checked(y, window)
    if y.shape != switches.shape:
        raise ShapeError(f"switches has shape {switches.shape}; expected that of y, {y.shape}")
    height, width, channels = y.shape
    blocks = np.zeros((height, width, window**2, channels), y.dtype)
    np.put_along_axis(blocks, switches[:, :, None], y[:, :, None], axis=2)
    blocks = blocks.reshape(height, width, window, window, channels).transpose(0, 2, 1, 3, 4)
    return blocks.reshape(height * window, width * window, channels)


def _checked(x: Array, factor: int) -> int:
    if x.ndim != 3:
        raise ShapeError(f"x has shape {x.shape}; expected (H, W, C), for one channel x[..., None]")
    return whole_number(factor, "factor", least=1)


def _interpolate(x: Array, factor: int, axis: int) -> Array:
    size = x.shape[axis]
    place = ((np.arange(size * factor) + 0.5) / factor - 0.5).clip(0, size - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, size - 1)
    share = (place - low).astype(x.dtype).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    mixed: Array = x.take(low, axis) * (1 - share) + x.take(high, axis) * share
    return mixed
