"""Formulas with the learner's own numbers in them, as one line of text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import ShapeError


def window_sum(x: NDArray[Any], w: NDArray[Any], i: int, j: int, *, b: float = 0.0, stride: int = 1) -> str:
    """Return the sum that makes one output of a valid cross-correlation, every product written out.

    ``y[i, j] = sum over m, n of x[i*stride + m, j*stride + n] * w[m, n] + b``, `x` (H, W), `w` (KH, KW).
    Raises ShapeError when the window of (i, j) leaves the input.
    """
    height, width = w.shape
    top, left = i * stride, j * stride
    window = x[top : top + height, left : left + width]
    if min(i, j) < 0 or window.shape != w.shape:
        raise ShapeError(f"output ({i}, {j}) reads outside of x, which has shape {x.shape}")
    products = " + ".join(
        f"{_number(float(value))}·{_number(float(weight))}"
        for value, weight in zip(window.flat, w.flat, strict=True)
    )
    bias = f" + {_number(float(b))}" if b else ""
    total = float(np.sum(window * w)) + b
    return f"y[{i},{j}] = {products}{bias} = {_number(total, enclose=False)}"


def _number(value: float, *, enclose: bool = True) -> str:
    text = f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
    text = text.replace("-", "−")
    return f"({text})" if value < 0 and enclose else text
