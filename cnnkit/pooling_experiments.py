"""Two measurements of chapter 03: what a shift does to pooled maps, and what a mean per map still knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import data, famous_kernels
from cnnkit.errors import OptionError
from cnnkit.kernels import vectorized
from cnnkit.pooling_kinds import Pooling, poolings, shift_changes
from cnnkit.pooling_variants import global_avg_pool2d

Array = NDArray[np.float64]

_SIDE = 96  # pixels of the photographs
TEXTURES = ("brick", "grass", "gravel", "cell")
DETECTORS = ("Sobel x", "Sobel y", "Laplacian", "emboss", "Gabor")


def rectified_maps(photo: Array, kernels: Sequence[NDArray[Any]]) -> Array:
    """Return one map for each kernel, convolution then ReLU: (H, W) becomes (H, W, kernels), zeros around."""
    maps = [
        vectorized.conv2d(photo[..., np.newaxis], kernel[..., np.newaxis, np.newaxis], padding="same")[..., 0]
        for kernel in kernels
    ]
    rectified: Array = np.maximum(np.stack(maps, axis=-1), 0)
    return rectified


def shift_survey(
    *, window: int = 2, stride: int | None = None, padding: int = 0, shifts: int = 8, width: int = 32
) -> dict[str, Array]:
    """Return the relative change of every pooling when a photograph slides, (photographs, shifts + 1) each.

    The map is vertical edges after ReLU, `width` x `width` cells from the middle of every shipped photograph;
    the keys are "no pooling" and ``pooling_kinds.KINDS``. Raises ShapeError or OptionError for options
    that do not fit.
    """
    return _survey(poolings(window, stride=stride, padding=padding), shifts, width)


def footprint_survey(*, shifts: int = 8, width: int = 32) -> dict[str, Array]:
    """Return `shift_survey` for poolings of stride 2 whose outputs read 2, 3 or 4 cells along each axis.

    "max 2×2 and blur" reads 4×4 cells, so the fair rivals are the poolings of 4×4. Raises OptionError for
    options that do not fit.
    """
    rivals = {"max": (2, 3, 4), "average": (2, 3, 4)}
    kinds = {
        f"{name} {size}×{size}": poolings(size, stride=2)[name]
        for name, sizes in rivals.items()
        for size in sizes
    }
    return _survey({**kinds, "max 2×2 and blur": poolings(2)["blur"]}, shifts, width)


def _survey(kinds: dict[str, Pooling], shifts: int, width: int) -> dict[str, Array]:
    edge = famous_kernels.sobel_x()
    if not 0 < width + shifts <= _SIDE - 2:
        raise OptionError(f"width {width} + shifts {shifts} is {width + shifts}; at most {_SIDE - 2} fit")
    top, left = (_SIDE - width) // 2, (_SIDE - width - shifts) // 2
    runs = []
    for name in data.photo_names():
        photo = data.photo(name, size=_SIDE, mode="gray", dtype=np.float64)
        wide = rectified_maps(photo, [edge])[top : top + width, left : left + width + shifts]
        runs.append(shift_changes(wide, width, shifts, kinds))
    return {kind: np.stack([run[kind] for run in runs]) for kind in runs[0]}


@dataclass(frozen=True)
class TextureTest:
    """How often a nearest-mean classifier names the texture of an unseen crop, by what it looks at.

    Attributes:
        accuracy: "one mean per map", "zero-sum kernels only" (no map answers to the level of grey), "all
            pixels", "pixels less their mean" and "mean brightness" -> (seeds,) in [0, 1].
        numbers: how many numbers each classifier sees.
    """

    accuracy: dict[str, Array]
    numbers: dict[str, int]

    def __str__(self) -> str:
        lines = []
        for name, values in self.accuracy.items():
            spread = f"{values.min():.0%} to {values.max():.0%} over {values.size} seeds"
            count = self.numbers[name]
            seen = f"{name:<24}{count:>6,} number{'s' * (count > 1)}"
            lines.append(f"{seen}: {values.mean():.0%} right ({spread})")
        return "\n".join([*lines, f"guessing would be right in {1 / len(TEXTURES):.0%}"])


def texture_test(seeds: Sequence[int] = (0, 1, 2, 3, 4), *, crops: int = 20, side: int = 32) -> TextureTest:
    """Tell photographs of textures apart by global averages of a few maps, by pixels, and by brightness.

    Training crops come from the left half of each photograph, test crops from the right half. Nothing is
    trained: a crop belongs to the class whose mean vector is nearest (features scaled by their spread).
    Raises OptionError for a side that does not fit.
    """
    if not 1 <= side <= _SIDE:
        raise OptionError(f"side is {side}; expected 1 to {_SIDE}")
    photos = [data.photo(name, size=2 * _SIDE, mode="gray", dtype=np.float64) for name in TEXTURES]
    kernels = [famous_kernels.PRESETS[name].astype(np.float64) for name in DETECTORS]
    kernels += [-kernel for kernel in kernels]  # after ReLU, the other half of each answer
    maps = [rectified_maps(photo, kernels) for photo in photos]
    level_free = [channel for channel, kernel in enumerate(kernels) if abs(kernel.sum()) < 1e-12]
    views: dict[str, tuple[list[Array], Callable[[Array], Array]]] = {
        "one mean per map": (maps, _means),
        "zero-sum kernels only": ([each[..., level_free] for each in maps], _means),
        "all pixels": (photos, np.ravel),
        "pixels less their mean": (photos, lambda crop: np.ravel(crop - crop.mean())),
        "mean brightness": (photos, lambda crop: np.array([crop.mean()])),
    }
    accuracy = {
        name: np.array([_nearest_mean(images, read, crops, side, seed) for seed in seeds])
        for name, (images, read) in views.items()
    }
    numbers = {name: read(images[0][:side, :side]).size for name, (images, read) in views.items()}
    return TextureTest(accuracy, numbers)


def _means(crop: Array) -> Array:
    return np.asarray(global_avg_pool2d(crop))


def _nearest_mean(
    images: Sequence[Array], read: Callable[[Array], Array], crops: int, side: int, seed: int
) -> float:
    rng = np.random.default_rng(seed)
    train, test = (
        np.stack([[read(_crop(image, side, half, rng)) for _ in range(crops)] for image in images])
        for half in (0, 1)
    )
    scale = train.reshape(-1, train.shape[-1]).std(axis=0) + 1e-12
    centres = train.mean(axis=1) / scale
    distances = np.linalg.norm(test[:, :, np.newaxis] / scale - centres, axis=-1)
    wanted = np.arange(len(images))[:, np.newaxis]
    return float((distances.argmin(axis=2) == wanted).mean())


def _crop(image: Array, side: int, half: int, rng: np.random.Generator) -> Array:
    """Return a random square of the left (0) or right (1) half."""
    middle = image.shape[1] // 2
    top = rng.integers(0, image.shape[0] - side + 1)
    left = half * middle + rng.integers(0, middle - side + 1)
    return image[top : top + side, left : left + side]
