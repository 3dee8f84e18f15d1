"""Augmentation: new training images from old ones, by changes that (one hopes) do not change the label.

Every function takes images ``x`` (N, H, W, C), float32 or float64, and a `numpy.random.Generator`, draws one
change per image, and returns new images of the same shape and type; `x` is never modified. Only the
training images are augmented, anew in every epoch. Whether the label survives is for the caller to judge: a
mirrored cat is a cat, a mirrored 2 is not a 2, a 6 turned by half a turn is a 9.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.arguments import check_float

__all__ = [
    "Augmentation",
    "affine",
    "brightness",
    "compose",
    "contrast",
    "cutout",
    "flip",
    "mixup",
    "noise",
    "rotate",
    "shift",
    "warp",
    "zoom",
]

Array = NDArray[Any]
Augmentation = Callable[[Array, np.random.Generator], Array]
Range = tuple[float, float]


def compose(*steps: Augmentation) -> Augmentation:
    """Return one augmentation that applies `steps` in their order, with the same generator."""

    def augment(x: Array, rng: np.random.Generator) -> Array:
        for step in steps:
            x = step(x, rng)
        return x

    return augment


# ---- where the pixels are --------------------------------------------------------------------------------


def flip(x: Array, rng: np.random.Generator, *, axis: str = "horizontal", probability: float = 0.5) -> Array:
    """Return every image mirrored with `probability`: left and right swapped, or top and bottom.

    Raises OptionError when `axis` is neither "horizontal" nor "vertical", or for no probability.
    """
    images = _images(x)
    if axis not in ("horizontal", "vertical"):
        raise OptionError(f'axis is {axis!r}; expected "horizontal" (left and right swap) or "vertical"')
    chosen = rng.random(len(images)) < _share(probability, "probability")
    mirrored = images[:, :, ::-1] if axis == "horizontal" else images[:, ::-1]
    return np.where(chosen[:, None, None, None], mirrored, images)


def shift(x: Array, rng: np.random.Generator, most: int = 1) -> Array:
    """Return every image moved by whole pixels, up to `most` down or up and right or left; the rest is 0."""
    images = _images(x)
    if not isinstance(most, (int, np.integer)) or not 0 <= most < min(images.shape[1:3]):
        raise OptionError(f"most is {most!r}; expected a whole number of pixels, less than the image has")
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    corners = rng.integers(0, 2 * most + 1, size=(2, count))
    rows = corners[0][:, None] + np.arange(height)
    columns = corners[1][:, None] + np.arange(width)
    moved: Array = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


def rotate(x: Array, rng: np.random.Generator, degrees: float | Range = 10) -> Array:
    """Return every image turned about its centre by an angle from ``±degrees``, or from a pair (low, high).

    Positive is anticlockwise on the screen. Bilinear; what comes from outside is 0.
    """
    return affine(x, rng, degrees=degrees)


def zoom(x: Array, rng: np.random.Generator, factor: float | Range = 0.1) -> Array:
    """Return every image enlarged by a factor from ``1 ± factor``, or from a pair such as (0.8, 1.2)."""
    return affine(x, rng, scale=factor)


def affine(
    x: Array,
    rng: np.random.Generator,
    *,
    degrees: float | Range = 0,
    scale: float | Range = 0,
    stretch: float | Range = 0,
    shear: float | Range = 0,
    offset: float | Range = 0,
) -> Array:
    """Return every image rotated, scaled, stretched, sheared and moved at once, by numbers drawn per image.

    One interpolation instead of five keeps the images sharp. Each option is a spread around doing nothing,
    or a pair (low, high): `degrees` anticlockwise, `scale` (1 is unchanged) of both axes, `stretch` of the
    width alone, `shear` (pixels sideways per pixel upwards), `offset` in pixels, drawn for each axis.
    Raises OptionError for a range that is not one, or a scale that is not positive.
    """
    images = _images(x)
    count = len(images)
    angle = np.deg2rad(_drawn(rng, degrees, count, "degrees"))
    size = _drawn(rng, scale, count, "scale", centre=1.0)
    width = size * _drawn(rng, stretch, count, "stretch", centre=1.0)
    lean = _drawn(rng, shear, count, "shear")
    cos, sin = np.cos(angle), np.sin(angle)
    # Rows grow downwards: upwards on the screen is the negative row direction. Each output pixel asks
    # where it comes from, so that no holes stay: this is the inverse of "shear, stretch, then turn".
    inverse = np.empty((count, 2, 2))
    inverse[:, 0] = np.stack([cos, sin], axis=1) / size[:, None]
    inverse[:, 1] = np.stack([-sin, cos], axis=1) / width[:, None] + lean[:, None] * inverse[:, 0]
    moves = np.stack([_drawn(rng, offset, count, "offset") for _ in range(2)], axis=1)
    return warp(images, inverse, moves)


def warp(x: Array, inverse: Array, moves: Array) -> Array:
    """Return images resampled: what is at p comes from ``inverse @ (p - centre - move) + centre``.

    `x` is (N, H, W, C), `inverse` (N, 2, 2) and `moves` (N, 2), in (row, column). Bilinear interpolation,
    0 outside. Raises ShapeError when the counts differ.
    """
    images = _images(x)
    count, height, width, _ = images.shape
    if inverse.shape != (count, 2, 2) or moves.shape != (count, 2):
        raise ShapeError(
            f"inverse has shape {inverse.shape} and moves {moves.shape}; expected {(count, 2, 2)} and "
            f"{(count, 2)}, one map per image"
        )
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1) - centre
    source = np.einsum("nij,nhwj->nhwi", inverse, grid - moves[:, None, None]) + centre
    return _bilinear(images, source)


# ---- what the pixels say ---------------------------------------------------------------------------------


def brightness(x: Array, rng: np.random.Generator, amount: float = 0.1) -> Array:
    """Return every image plus one number from ``±amount``, cut to [0, 1]."""
    images = _images(x)
    brighter: Array = np.clip(images + _per_image(_drawn(rng, amount, len(images), "amount"), images), 0, 1)
    return brighter


def contrast(x: Array, rng: np.random.Generator, factor: float | Range = 0.2) -> Array:
    """Return every image with its distance from its mean multiplied by ``1 ± factor``, cut to [0, 1]."""
    images = _images(x)
    means = images.mean(axis=(1, 2, 3), keepdims=True)
    factors = _per_image(_drawn(rng, factor, len(images), "factor", centre=1.0), images)
    stretched: Array = np.clip(means + (images - means) * factors, 0, 1)
    return stretched


def noise(x: Array, rng: np.random.Generator, std: float = 0.05) -> Array:
    """Return `x` plus normal noise of standard deviation `std`, independent for every pixel; not cut."""
    images = _images(x)
    if not 0 <= std < np.inf:
        raise OptionError(f"std is {std!r}; expected a number of at least 0")
    grain: Array = rng.standard_normal(images.shape, dtype=np.float32).astype(images.dtype, copy=False)
    noisy: Array = images + images.dtype.type(std) * grain
    return noisy


def cutout(x: Array, rng: np.random.Generator, size: int = 2, *, fill: float = 0.0) -> Array:
    """Return every image with a square of ``size x size`` pixels, somewhere inside, set to `fill`.

    The network must not rest on one detail. Source: DeVries & Taylor, "Improved Regularization of
    Convolutional Neural Networks with Cutout" (2017), whose squares may also hang over the edge.
    """
    images = _images(x).copy()
    count, height, width, _ = images.shape
    if not isinstance(size, (int, np.integer)) or not 0 < size <= min(height, width):
        raise OptionError(f"size is {size!r}; expected 1 to {min(height, width)} pixels")
    rows = rng.integers(0, height - size + 1, count)[:, None] + np.arange(size)
    columns = rng.integers(0, width - size + 1, count)[:, None] + np.arange(size)
    images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]] = fill
    return images


def mixup(
    x: Array, targets: Array, rng: np.random.Generator, alpha: float = 0.2
) -> tuple[Array, NDArray[np.floating[Any]]]:
    """Return ``s * x + (1 - s) * x[other]`` and targets mixed alike, ``s`` from Beta(alpha, alpha) per image.

    `targets` are (N, K) probabilities (one-hot rows), because the label itself is mixed: 70 % of a 3 and
    30 % of an 8 is to be answered so. Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization"
    (2018), equation 2, which draws one s per batch. Raises ShapeError or OptionError.
    """
    images, rows = _images(x), check_float(targets, "targets")
    if rows.ndim != 2 or len(rows) != len(images):
        raise ShapeError(
            f"targets has shape {rows.shape}; expected ({len(images)}, K), a row of probabilities per image"
        )
    if not 0 < alpha < np.inf:
        raise OptionError(f"alpha is {alpha!r}; expected a positive number")
    share = rng.beta(alpha, alpha, len(images))
    other = rng.permutation(len(images))
    weight, row_weight = _per_image(share, images), share[:, None].astype(rows.dtype)
    mixed = weight * images + (1 - weight) * images[other]
    return mixed, row_weight * rows + (1 - row_weight) * rows[other]


# ---- helpers ---------------------------------------------------------------------------------------------


def _images(x: Array) -> Array:
    images = check_float(x, "x")
    if images.ndim != 4:
        raise ShapeError(f"x has shape {images.shape}; expected a batch of images (N, H, W, C)")
    return images


def _drawn(
    rng: np.random.Generator, spread: float | Range, count: int, name: str, *, centre: float = 0.0
) -> NDArray[np.float64]:
    """Return one number per image, uniform in ``centre ± spread`` or in the given pair."""
    low, high = spread if isinstance(spread, tuple) else (centre - spread, centre + spread)
    if not -np.inf < low <= high < np.inf:
        raise OptionError(f"{name} is {spread!r}; expected a number of at least 0, or a pair (low, high)")
    if centre == 1.0 and low <= 0:
        raise OptionError(f"{name} is {spread!r}, so that the factor can be {low:g}; expected it above 0")
    return rng.uniform(low, high, count)


def _share(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise OptionError(f"{name} is {value!r}; expected a number from 0 to 1")
    return float(value)


def _per_image(values: NDArray[np.float64], images: Array) -> Array:
    return values.astype(images.dtype)[:, None, None, None]


def _bilinear(images: Array, source: NDArray[np.float64]) -> Array:
    """Return the images' values at `source` (N, H', W', 2), fractions of pixels by their four neighbours."""
    count = len(images)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    limits = np.array(padded.shape[1:3]) - 1
    # One ring of zeros is enough: everything further out reads it too.
    position = np.clip(source + 1, 0, limits)
    low = np.minimum(position.astype(np.int64), limits - 1)
    part = (position - low).astype(images.dtype)[..., None]
    who = np.arange(count)[:, None, None]
    row, column = low[..., 0], low[..., 1]
    top = padded[who, row, column] * (1 - part[..., 1, :]) + padded[who, row, column + 1] * part[..., 1, :]
    below = (
        padded[who, row + 1, column] * (1 - part[..., 1, :])
        + padded[who, row + 1, column + 1] * part[..., 1, :]
    )
    result: Array = top * (1 - part[..., 0, :]) + below * part[..., 0, :]
    return result
