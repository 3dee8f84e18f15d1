"""Converters between this course's axis order (TensorFlow's and Keras's) and PyTorch's and ONNX's.

| Array         | Here           | PyTorch, ONNX  |
|---------------|----------------|----------------|
| images        | (N, H, W, C)   | (N, C, H, W)   |
| kernels       | (KH, KW, C, F) | (F, C, KH, KW) |
| dense weights | (in, out)      | (out, in)      |

Only axes move: no kernel is flipped, no value changes. With groups, C of a kernel is C/groups in both.
Results are C-contiguous copies, so that the new order is the order in memory; any type of number is accepted.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import ShapeError
from cnnkit.shapes import whole_number

Array = NDArray[Any]


def nchw_to_nhwc(x: Array) -> Array:
    """Return images (N, C, H, W) as (N, H, W, C), or (C, H, W) as (H, W, C). Raises ShapeError."""
    return _move(_images(x, "(N, C, H, W) or (C, H, W)"), -3, -1)


def nhwc_to_nchw(x: Array) -> Array:
    """Return images (N, H, W, C) as (N, C, H, W), or (H, W, C) as (C, H, W). Raises ShapeError."""
    return _move(_images(x, "(N, H, W, C) or (H, W, C)"), -1, -3)


def oihw_to_hwio(w: Array) -> Array:
    """Return kernels (F, C, KH, KW) as (KH, KW, C, F). Raises ShapeError."""
    return np.array(_kernels(w, "(F, C, KH, KW)").transpose(2, 3, 1, 0), order="C")


def hwio_to_oihw(w: Array) -> Array:
    """Return kernels (KH, KW, C, F) as (F, C, KH, KW). Raises ShapeError."""
    return np.array(_kernels(w, "(KH, KW, C, F)").transpose(3, 2, 0, 1), order="C")


def dense_weights_from_nchw(w: Array, image_shape: Sequence[int] | None = None) -> Array:
    """Return dense weights (out, in) as (in, out), rows reordered when the layer reads flattened images.

    Give `image_shape` = (C, H, W) when the layer follows a flatten: PyTorch flattens (C, H, W), so its input
    number is ``(c*H + i)*W + j``; here (H, W, C) is flattened and the same number is ``(i*W + j)*C + c``.
    Transposing alone then loads without an error and predicts nonsense. Leave it out between dense layers.

    Raises ShapeError when C*H*W is not the number of inputs.
    """
    weights = _dense(w, "(out, in)")
    out_features, in_features = weights.shape
    if image_shape is None:
        return np.array(weights.T, order="C")
    channels, height, width = _image_shape(image_shape, in_features)
    blocks = weights.reshape(out_features, channels, height, width).transpose(2, 3, 1, 0)
    return np.array(blocks, order="C").reshape(in_features, out_features)


def dense_weights_to_nchw(w: Array, image_shape: Sequence[int] | None = None) -> Array:
    """Return dense weights (in, out) as (out, in): the inverse of `dense_weights_from_nchw`.

    `image_shape` is (C, H, W) there and here, of the images that are flattened before the layer.
    Raises ShapeError when C*H*W is not the number of inputs.
    """
    weights = _dense(w, "(in, out)")
    in_features, out_features = weights.shape
    if image_shape is None:
        return np.array(weights.T, order="C")
    channels, height, width = _image_shape(image_shape, in_features)
    blocks = weights.reshape(height, width, channels, out_features).transpose(3, 2, 0, 1)
    return np.array(blocks, order="C").reshape(out_features, in_features)


def _move(images: Array, source: int, target: int) -> Array:
    return np.array(np.moveaxis(images, source, target), order="C")


def _images(x: Any, expected: str) -> Array:
    images = np.asarray(x)
    if images.ndim not in (3, 4):
        raise ShapeError(f"x has shape {images.shape}; expected {expected}")
    return images


def _kernels(w: Any, expected: str) -> Array:
    kernels = np.asarray(w)
    if kernels.ndim != 4:
        hint = "; for a dense layer see dense_weights_from_nchw" if kernels.ndim == 2 else ""
        raise ShapeError(f"w has shape {kernels.shape}; expected {expected}{hint}")
    return kernels


def _dense(w: Any, expected: str) -> Array:
    weights = np.asarray(w)
    if weights.ndim != 2:
        hint = "; for a convolution see oihw_to_hwio" if weights.ndim == 4 else ""
        raise ShapeError(f"w has shape {weights.shape}; expected {expected}{hint}")
    return weights


def _image_shape(image_shape: Sequence[int], in_features: int) -> tuple[int, int, int]:
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 3:
        raise ShapeError(f"image_shape is {image_shape!r}; expected (C, H, W), without the batch axis")
    channels, height, width = (whole_number(size, "image_shape", least=1) for size in image_shape)
    if channels * height * width != in_features:
        raise ShapeError(
            f"image_shape is {(channels, height, width)}, {channels * height * width} numbers, but w reads "
            f"{in_features} inputs; expected the size of the image at the flatten, after all pooling"
        )
    return channels, height, width
