"""What the pooling bench pools: feature maps of photographs, and a small matrix full of ties."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cnnkit import data, famous_kernels
from cnnkit.errors import OptionError
from cnnkit.kernels import vectorized

Array = NDArray[np.float64]

MAX_SHIFT = 8
MATRIX = "small matrix with ties"
SIDE, MATRIX_SIDE = 24, 8
PHOTO_SIDE = 64
FEATURES: dict[str, Callable[[], Array]] = {
    "vertical edges": famous_kernels.sobel_x,
    "horizontal edges": famous_kernels.sobel_y,
    "bright spots": lambda: -famous_kernels.laplacian(),
}


def scene_names() -> list[str]:
    """Return what can be pooled: the photographs, then the small matrix."""
    return [*data.photo_names(), MATRIX]


@cache
def wide_map(scene: str, feature: str) -> Array:
    """Return a map (H, W + 8), 8 columns wider than what is shown, so that the picture can slide.

    The map of a photograph is one convolution with a famous kernel, then ReLU, scaled to a maximum of 1.
    Raises OptionError for an unknown scene or feature.
    """
    if scene == MATRIX:
        return _tied_matrix()
    if scene not in data.photo_names() or feature not in FEATURES:
        raise OptionError(
            f"scene is {scene!r} and feature {feature!r}; expected one of {', '.join(scene_names())} "
            f"and one of {', '.join(FEATURES)}"
        )
    photo = data.photo(scene, size=PHOTO_SIDE, mode="gray", dtype=np.float64)
    weights = FEATURES[feature]().astype(np.float64)
    y = np.maximum(vectorized.conv2d(photo[..., np.newaxis], weights[..., np.newaxis, np.newaxis]), 0)[..., 0]
    top, left = (y.shape[0] - SIDE) // 2, (y.shape[1] - SIDE - MAX_SHIFT) // 2
    part = y[top : top + SIDE, left : left + SIDE + MAX_SHIFT]
    return np.asarray(part / (part.max() or 1.0))


def _tied_matrix() -> Array:
    """Return 8 x 16 whole numbers from 0 to 4, with ties in most windows."""
    rng = np.random.default_rng(11)
    return rng.integers(0, 5, (MATRIX_SIDE, MATRIX_SIDE + MAX_SHIFT)).astype(np.float64)
