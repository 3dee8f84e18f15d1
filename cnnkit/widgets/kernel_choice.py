"""The kernels that the kernel lab offers, at any size that makes sense for them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cnnkit import famous_kernels

Kernel = NDArray[np.float64]
OWN = "your own kernel"
NAMES = (*famous_kernels.PRESETS, OWN)
SIZES = ((3, 3), (5, 5), (7, 7), (9, 9), (1, 7), (7, 1), (2, 2))
MAX_SIDE = 15


def preset(name: str, size: tuple[int, int] | None = None, angle: float = 0.0) -> Kernel | None:
    """Return the famous kernel (KH, KW) called `name`, or None when it does not come in `size`.

    `size` None means its own. Identity, blurs and Gabor come in all odd sizes; `angle` (degrees) turns Gabor.
    """
    own = famous_kernels.PRESETS[name]
    size = size or (own.shape[0], own.shape[1])
    if size == own.shape and name != "Gabor":
        return own
    make: Callable[[int], Kernel] | None = {
        "identity": famous_kernels.identity,
        "box blur": famous_kernels.box_blur,
        "Gaussian blur": lambda side: famous_kernels.gaussian(side, sigma=side / 5),
        "Gabor": lambda side: famous_kernels.gabor(side, angle),
    }.get(name)
    if make is None or size[0] % 2 == 0 or size[1] % 2 == 0:
        return None
    kernel = resized(make(max(size)), size)
    # A strip cut out of a blur is a blur again once its weights sum to 1.
    return kernel / kernel.sum() if "blur" in name else kernel


def resized(kernel: Kernel, size: tuple[int, int]) -> Kernel:
    """Return the kernel's middle, cropped or surrounded by zeros to `size`."""
    result = np.zeros(size)
    overlap = [min(old, new) for old, new in zip(kernel.shape, size, strict=True)]
    taken, put = (
        tuple(slice((side - n) // 2, (side - n) // 2 + n) for side, n in zip(shape, overlap, strict=True))
        for shape in (kernel.shape, size)
    )
    result[put] = kernel[taken]
    return result


def keeps_brightness(kernel: Kernel) -> bool:
    """Return whether a flat region keeps a brightness: the weights do not cancel out."""
    return bool(abs(kernel.sum()) > 0.05 * np.abs(kernel).sum())
