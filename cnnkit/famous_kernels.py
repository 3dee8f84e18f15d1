"""Famous small kernels, written down the way that a cross-correlation reads them (no flip needed).

Every function returns a float64 array ``(K, K)`` or as stated; put channel axes around it with
``kernel[:, :, None, None]`` for a single-channel image. Row 0 is the top row of the window.

Sources: Gonzalez & Woods, "Digital Image Processing", chapter 3; Sobel & Feldman (1968);
Daugman, "Uncertainty relation for resolution in space ... by two-dimensional visual cortical filters" (1985).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError
from cnnkit.shapes import whole_number

Kernel = NDArray[np.float64]


def identity(size: int = 3) -> Kernel:
    """Return the kernel ``(size, size)`` that copies its input: one in the middle, zeros elsewhere."""
    kernel = np.zeros((_odd(size), size))
    kernel[size // 2, size // 2] = 1.0
    return kernel


def box_blur(size: int = 3) -> Kernel:
    """Return the mean of a window ``(size, size)``: every weight is ``1 / size**2``."""
    return np.full((_odd(size), size), 1.0 / size**2)


def gaussian(size: int = 5, sigma: float = 1.0) -> Kernel:
    """Return a Gaussian blur ``(size, size)`` of standard deviation `sigma` pixels; the weights sum to 1."""
    distance = np.arange(_odd(size)) - size // 2
    bell = np.exp(-(distance**2) / (2.0 * sigma**2))
    bell /= bell.sum()
    return np.outer(bell, bell)


def sharpen() -> Kernel:
    """Return ``(3, 3)``: the image plus its difference from its four neighbours; the weights sum to 1."""
    return np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]])


def sobel_x() -> Kernel:
    """Return ``(3, 3)``: answers to brightness that grows from left to right, that is to vertical edges."""
    return np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])


def sobel_y() -> Kernel:
    """Return ``(3, 3)``: answers to brightness that grows from top to bottom, that is to horizontal edges."""
    return sobel_x().T.copy()


def laplacian() -> Kernel:
    """Return ``(3, 3)``: the discrete second derivative, neighbours minus four times the centre."""
    return np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def emboss() -> Kernel:
    """Return ``(3, 3)``: the image plus a diagonal difference, which looks like light from the top left."""
    return np.array([[-2.0, -1.0, 0.0], [-1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])


def gabor(size: int = 9, angle: float = 0.0, wavelength: float = 4.0, sigma: float = 2.0) -> Kernel:
    """Return a wave under a Gaussian ``(size, size)``, shifted to sum to 0: a detector of stripes.

    `angle` in degrees is the direction in which the brightness changes (0: left to right, so vertical
    stripes); `wavelength` and `sigma` in pixels.
    """
    reach = _odd(size) // 2
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = columns * np.cos(np.radians(angle)) + rows * np.sin(np.radians(angle))
    bell = np.exp(-(rows**2 + columns**2) / (2.0 * sigma**2))
    wave = bell * np.cos(2.0 * np.pi * along / wavelength)
    # Taking the mean out under the same bell keeps flat regions at exactly zero response.
    return np.asarray(wave - bell * (wave.sum() / bell.sum()))


def _odd(size: Any) -> int:
    # whole_number refuses floats; an even kernel has no middle, so these kernels come in odd sizes only.
    number = whole_number(size, "size", least=1)
    if number % 2 == 0:
        raise OptionError(f"size is {number}; expected an odd number, so that the kernel has a middle")
    return number


PRESETS: dict[str, Kernel] = {
    "identity": identity(),
    "box blur": box_blur(),
    "Gaussian blur": gaussian(5, 1.0),
    "sharpen": sharpen(),
    "Sobel x": sobel_x(),
    "Sobel y": sobel_y(),
    "Laplacian": laplacian(),
    "emboss": emboss(),
    "Gabor": gabor(),
}
"""The kernels that the chapters and widgets offer by name."""
