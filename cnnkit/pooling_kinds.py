"""All ways to shrink a feature map under one form, so that they can be compared, also when it shifts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnkit import pooling_variants as variants
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import vectorized as kernels

Array = NDArray[Any]

KINDS = (
    "max",
    "average",
    "average, padding counted",
    "L2",
    "strided convolution",
    "blur",
    "global average",
)


@dataclass(frozen=True)
class Pooling:
    """A way to shrink maps (N, H, W, C): ``forward(x) -> y`` and its gradient ``backward(dy, x) -> dx``."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


def poolings(
    window: int = 2, *, stride: int | None = None, padding: int = 0, weights: ArrayLike | None = None
) -> dict[str, Pooling]:
    """Return the kinds of `KINDS` with the same window, stride and padding, so that their shapes agree.

    "blur" is max pooling anti-aliased by a 3x3 binomial blur. "strided convolution" treats every channel with
    `weights` (window, window), by default the window's first cell alone: plain subsampling. "global average"
    gives (N, 1, 1, C). Raises ShapeError for weights of another shape; a refused option raises when used.
    """
    box: dict[str, Any] = {"stride": window if stride is None else stride, "padding": padding}
    counted = {**box, "count_include_pad": True}
    kernel = _first_cell(window) if weights is None else np.asarray(weights, dtype=np.float64)
    if kernel.shape != (window, window):
        raise ShapeError(f"weights has shape {kernel.shape}; expected ({window}, {window}), like the window")
    return {
        "max": Pooling(
            lambda x: kernels.max_pool2d(x, window, **box),
            lambda dy, x: kernels.max_pool2d_backward(dy, x, window, **box),
        ),
        "average": Pooling(
            lambda x: kernels.avg_pool2d(x, window, **box),
            lambda dy, x: kernels.avg_pool2d_backward(dy, x.shape, window, **box),
        ),
        "average, padding counted": Pooling(
            lambda x: kernels.avg_pool2d(x, window, **counted),
            lambda dy, x: kernels.avg_pool2d_backward(dy, x.shape, window, **counted),
        ),
        "L2": Pooling(
            lambda x: variants.lp_pool2d(x, window, **box),
            lambda dy, x: variants.lp_pool2d_backward(dy, x, window, **box),
        ),
        "strided convolution": Pooling(
            lambda x: kernels.conv2d(x, _depthwise(kernel, x), groups=x.shape[-1], **box),
            lambda dy, x: kernels.conv2d_backward(dy, x, _depthwise(kernel, x), groups=x.shape[-1], **box)[0],
        ),
        "blur": Pooling(
            lambda x: variants.max_blur_pool2d(x, window, **box),
            lambda dy, x: variants.max_blur_pool2d_backward(dy, x, window, **box),
        ),
        "global average": Pooling(
            lambda x: variants.global_avg_pool2d(x)[:, np.newaxis, np.newaxis],
            lambda dy, x: variants.global_avg_pool2d_backward(dy[:, 0, 0], x.shape),
        ),
    }


def slide(wide: Array, width: int, shifts: int) -> Array:
    """Return what a camera sees that turns left one pixel at a time: (shifts + 1, H, width, C).

    `wide` (H, W, C) is the whole scene, W >= width + shifts. View 0 is its right end; in view s everything
    has moved s pixels to the right, and new content came in from the left: nothing wraps around. Raises
    ShapeError when the scene is too narrow.
    """
    total = wide.shape[1]
    if total < width + shifts:
        raise ShapeError(f"wide has {total} columns; expected {width} + {shifts} = {width + shifts} or more")
    starts = [total - width - shift for shift in range(shifts + 1)]
    return np.stack([wide[:, start : start + width] for start in starts])


def relative_change(views: Array) -> NDArray[np.float64]:
    """Return how much each view differs from the first: ``|y_s - y_0| / |y_0|`` in the Euclidean norm.

    `views` (S, ...); the result (S,), 0 at first. Raises OptionError when the first view is zero everywhere.
    """
    flat = np.asarray(views, dtype=np.float64).reshape(len(views), -1)
    length = float(np.linalg.norm(flat[0]))
    if not length:
        raise OptionError("the first view is 0 everywhere; a relative change needs something to compare with")
    change: NDArray[np.float64] = np.linalg.norm(flat - flat[0], axis=1) / length
    return change


def shift_changes(
    wide: Array, width: int, shifts: int, kinds: dict[str, Pooling]
) -> dict[str, NDArray[np.float64]]:
    """Return, for no pooling and for each kind, the relative change at shifts 0 ... `shifts`, (shifts + 1,).

    `wide` (H, W, C) as for `slide`. Raises ShapeError or OptionError.
    """
    views = slide(wide, width, shifts)
    outputs = {"no pooling": views, **{name: kind.forward(views) for name, kind in kinds.items()}}
    return {name: relative_change(output) for name, output in outputs.items()}


def _first_cell(window: int) -> NDArray[np.float64]:
    weights = np.zeros((window, window))
    weights[0, 0] = 1
    return weights


def _depthwise(kernel: NDArray[np.float64], x: Array) -> Array:
    return np.repeat(kernel[..., np.newaxis, np.newaxis], x.shape[-1], axis=3).astype(x.dtype)
