"""Checks of the three methods that the Java engine of the source has too, in the words of those methods.

The Java class reads every size from the first row, filter or neuron that it meets and trusts the rest. What
does not fit then goes unnoticed, or fails inside a worker. Here it is refused before any work starts.
"""

from typing import Any

import numpy as np

from cnnkit.errors import DTypeError, ShapeError
from cnnkit.kernels.arguments import Array, check_float, check_same_dtype
from cnnkit.network import Sequential
from cnnkit.shapes import whole_number


def check_convolution(input: Any, kernel: Any, biases: Any, stride: Any) -> tuple[Array, Array, Array, int]:
    """Return the arguments of ``forward_convolution_2d`` as arrays that fit together.

    `input` is (H, W, C) or (N, H, W, C), `kernel` (KH, KW, C, F), `biases` (F,), all float32 or all float64.
    Raises ShapeError or DTypeError.
    """
    images, filters, shifts = _images(input), _array(kernel, "kernel"), _array(biases, "biases")
    if filters.ndim != 4 or 0 in filters.shape:
        raise ShapeError(f"kernel has shape {filters.shape}; expected (KH, KW, C, F), no axis empty")
    check_same_dtype(input=images, kernel=filters, biases=shifts)
    if filters.shape[2] != images.shape[-1]:
        oihw = filters.shape[1] == images.shape[-1]
        hint = "; it looks like (F, C, KH, KW), PyTorch's layout: see cnnkit.layout" if oihw else ""
        raise ShapeError(
            f"kernel has shape {filters.shape} and so reads {filters.shape[2]} channels, but input has "
            f"{images.shape[-1]}; expected the same number{hint}"
        )
    _check_count(shifts, "biases", filters.shape[3], "filter")
    return images, filters, shifts, _checked_step(images, filters.shape[:2], "kernel", stride)


def check_pooling(input: Any, pool_size: Any, stride: Any) -> tuple[Array, int, int]:
    """Return the arguments of ``forward_max_pooling_2d``, checked.

    `input` is (H, W, C) or (N, H, W, C), float32 or float64. Raises ShapeError or DTypeError.
    """
    images = _images(input)
    window = whole_number(pool_size, "pool_size", least=1)
    return images, window, _checked_step(images, (window, window), "pool_size", stride)


def check_dense(inputs: Any, weights: Any, biases: Any) -> tuple[Array, Array, Array]:
    """Return the arguments of ``forward_dense`` as arrays that fit together.

    `inputs` is (B, P), `weights` (T, P): one row per target neuron, as in the Java class; `biases` (T,), all
    float32 or all float64. Raises ShapeError or DTypeError.
    """
    rows, matrix, shifts = _array(inputs, "inputs"), _array(weights, "weights"), _array(biases, "biases")
    if rows.ndim != 2:
        hint = "; a single example is a batch of one, inputs[None]" if rows.ndim == 1 else ""
        raise ShapeError(f"inputs has shape {rows.shape}; expected (B, P){hint}")
    if matrix.ndim != 2 or matrix.shape[1] != rows.shape[1]:
        swapped = matrix.ndim == 2 and matrix.shape[0] == rows.shape[1]
        hint = "; it looks like (P, T), the layout of cnnkit.layers.Dense: pass weights.T" if swapped else ""
        raise ShapeError(
            f"weights has shape {matrix.shape}; expected (T, {rows.shape[1]}) to fit inputs{hint}"
        )
    check_same_dtype(inputs=rows, weights=matrix, biases=shifts)
    _check_count(shifts, "biases", len(matrix), "target neuron")
    return rows, matrix, shifts


def check_batch(network: Sequential, batch: Any) -> tuple[Array, bool]:
    """Return `batch` as (N, ...) examples for `network`, and whether it came as a single example.

    Raises ShapeError or DTypeError.
    """
    values = _array(batch, "batch")
    if values.dtype != network.dtype:
        raise DTypeError(
            f"batch holds {values.dtype} numbers and the network {network.dtype}; convert with "
            f"batch.astype(np.{network.dtype})"
        )
    single = values.shape == network.input_shape
    examples = values[None] if single else values
    if examples.shape[1:] != network.input_shape:
        raise ShapeError(
            f"batch has shape {values.shape}; expected examples of shape {network.input_shape}, one or many"
        )
    return examples, single


def _array(value: Any, name: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ShapeError(
            f"{name} is ragged: its rows have different lengths; expected a block with equal ones"
        ) from None
    return check_float(array, name)


def _images(value: Any) -> Array:
    images = _array(value, "input")
    if images.ndim not in (3, 4) or 0 in images.shape[-3:]:
        hint = "; a gray image needs its channel axis, input[..., None]" if images.ndim == 2 else ""
        raise ShapeError(
            f"input has shape {images.shape}; expected (H, W, C) or (N, H, W, C), H, W and C at least 1{hint}"
        )
    return images


def _check_count(shifts: Array, name: str, count: int, owner: str) -> None:
    if shifts.shape != (count,):
        raise ShapeError(f"{name} has shape {shifts.shape}; expected ({count},), one per {owner}")


def _checked_step(images: Array, window: tuple[int, ...], name: str, stride: Any) -> int:
    step = whole_number(stride, "stride", least=1)
    for axis, size, extent in zip(("height", "width"), images.shape[-3:-1], window, strict=True):
        if extent > size:
            raise ShapeError(
                f"{name} covers {extent} cells of the {axis}, but input has {size}; expected a window that "
                "fits at least once (this engine pads nothing, like the Java class)"
            )
    return step
