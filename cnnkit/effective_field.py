"""Experiments on the effective receptive field: random networks by depth, and one before and after training.

Everywhere the *energy* of a pixel is its squared gradient, averaged over draws and scaled to sum to 1. For
random weights of mean 0 the cross terms of a square cancel on average, so the energy of a pixel is its share
of the paths. (Luo et al., 2016, plot the mean absolute gradient: the same bell, sqrt(2) times as wide.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import Conv2D, Dense, Flatten
from cnnkit.network import Sequential
from cnnkit.optim import Adam
from cnnkit.receptive import measured_sigma

Array = NDArray[Any]

SIDE = 13
"""Pixels of a picture of `far_dots`: what six 3×3 layers see."""


def plain_network(
    depth: int, *, kernel_size: int = 3, channels: int = 8, activation: str | None = "relu", seed: int = 0
) -> Sequential:
    """Return `depth` convolutions without padding whose one output position sees exactly the whole input."""
    if depth < 1:
        raise OptionError(f"depth is {depth}; expected at least one layer")
    side = depth * (kernel_size - 1) + 1
    layers = [Conv2D(channels, kernel_size, activation=activation) for _ in range(depth)]
    return Sequential(layers, input_shape=(side, side, 1), seed=seed)


def energy(network: Sequential, images: Array, direction: Array) -> NDArray[np.float64]:
    """Return each pixel's squared gradient of ``(output * direction).sum()``, a mean over images: (H, W).

    `images` (N, H, W, C); `direction` has the shape of one output. The result sums to 1; raises OptionError
    when it would be 0.
    """
    output = network.forward(images)
    dy = np.broadcast_to(direction, output.shape).astype(output.dtype)
    squares = (network.backward(dy).astype(np.float64) ** 2).mean(axis=0).sum(axis=-1)
    if not squares.sum() > 0:
        raise OptionError(
            "the gradient is 0 everywhere; expected at least one image that the output depends on"
        )
    return np.asarray(squares / squares.sum())


def random_energy(
    depth: int, *, draws: int = 30, activation: str | None = "relu", channels: int = 6, seed: int = 0
) -> NDArray[np.float64]:
    """Return the mean energy of one output unit over `draws` random networks and inputs, (side, side)."""
    rng = np.random.default_rng(seed)
    total: NDArray[np.float64] | None = None
    for _ in range(draws):
        network = plain_network(
            depth, channels=channels, activation=activation, seed=int(rng.integers(2**31))
        )
        image = rng.normal(size=(1, *network.input_shape)).astype(np.float32)
        unit = np.zeros(network.output_shapes[-1], np.float32)
        unit[0, 0, 0] = 1
        # Behind a ReLU every second unit would be dead; the field is that of its pre-activation.
        network.layers[-1].activation = None
        one = energy(network, image, unit)
        total = one if total is None else total + one
    if total is None:
        raise OptionError(f"draws is {draws}; expected at least one")
    return total / draws


@dataclass(frozen=True)
class Growth:
    """How the energy spreads with depth, in random stacks of 3×3 layers.

    Attributes:
        depths: (D,) numbers of layers.
        measured: (D, seeds) standard deviations of the energy, in pixels.
        computed: (D,) ``sqrt(depth * 2/3)``, what counting paths gives.
        sizes: (D,) theoretical fields, ``2 * depth + 1``.
    """

    depths: NDArray[np.int64]
    measured: NDArray[np.float64]
    computed: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def __str__(self) -> str:
        lines = ["layers   field   sigma measured   sigma computed   4 sigma / field"]
        for depth, row, computed, size in zip(
            self.depths, self.measured, self.computed, self.sizes, strict=True
        ):
            shown = f"{row.mean():.1f} ± {np.ptp(row) / 2:.1f}"
            lines.append(f"{depth:>6}{size:>8}{shown:>17}{computed:>17.2f}{4 * computed / size:>18.0%}")
        return "\n".join(lines)


def growth(
    depths: Sequence[int] = (4, 8, 16, 32), seeds: Sequence[int] = (0, 1, 2), *, draws: int = 10
) -> Growth:
    """Measure how wide the energy of random networks with ReLU is, for several depths and seeds."""
    measured = [[_sigma(random_energy(depth, draws=draws, seed=seed)) for seed in seeds] for depth in depths]
    counts = np.array(depths)
    return Growth(counts, np.array(measured), np.sqrt(counts * 2 / 3), 2 * counts + 1)


def far_dots(count: int, *, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Return pictures (N, SIDE, SIDE, 1) float32 whose answer lies at the edge, and labels (N,) of 0 or 1.

    Faint noise everywhere, and one bright or dark dot on the outermost two rings: is it bright? Nothing near
    the centre helps, so a network must learn to look where an untrained one hardly looks.
    """
    rng = np.random.default_rng(seed)
    pictures = rng.normal(scale=0.1, size=(count, SIDE, SIDE, 1))
    labels = rng.integers(2, size=count)
    from_edge = np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1])
    ring = np.argwhere(np.minimum.outer(from_edge, from_edge) < 2)
    rows, columns = ring[rng.integers(len(ring), size=count)].T
    pictures[np.arange(count), rows, columns, 0] += np.where(labels == 1, 3.0, -3.0)
    return pictures.astype(np.float32), labels.astype(np.int64)


@dataclass(frozen=True)
class Training:
    """Energies before and after training, one of each per seed.

    Attributes:
        before, after: (seeds, SIDE, SIDE) float64, each map sums to 1.
        accuracy: (seeds,) share of unseen pictures that are right after training.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    def sigmas(self, when: str) -> NDArray[np.float64]:
        """Return the standard deviation of every seed's energy in pixels, `when` "before" or "after"."""
        if when not in ("before", "after"):
            raise OptionError(f'when is {when!r}; expected "before" or "after"')
        return np.array([_sigma(one) for one in getattr(self, when)])

    def __str__(self) -> str:
        # Rounding decides the last digits of a training run, so the table keeps to what every machine gives.
        before, after = self.sigmas("before"), self.sigmas("after")
        factor = math.floor(10 * (after / before).min()) / 10
        return (
            f"sigma before training: {before.mean():.1f} pixels, after: {after.mean():.1f} "
            f"(means over {len(before)} seeds)\n"
            f"It grew in every seed, by a factor of {factor} or more\n"
            f"right on unseen pictures: at least {math.floor(10 * self.accuracy.min()) * 10} % in every seed"
        )


def before_and_after(seeds: Sequence[int] = (3, 4, 5), *, epochs: int = 8, count: int = 1024) -> Training:
    """Train six 3×3 layers to answer from the edge of the picture; measure the energy before and after.

    The network has no padding and one output position, so its theoretical field is the picture, before and
    after alike. Raises OptionError for no seeds.
    """
    if not seeds:
        raise OptionError("seeds is empty; expected at least one")
    runs = [_train_one(seed, epochs, count) for seed in seeds]
    before, after, accuracy = (np.array(column) for column in zip(*runs, strict=True))
    return Training(before, after, accuracy)


def _sigma(share: NDArray[np.float64]) -> float:
    return (measured_sigma(share, 0) + measured_sigma(share, 1)) / 2


def _train_one(seed: int, epochs: int, count: int) -> tuple[Array, Array, float]:
    layers = [Conv2D(8, 3, activation="relu") for _ in range((SIDE - 1) // 2)]
    network = Sequential([*layers, Flatten(), Dense(2)], input_shape=(SIDE, SIDE, 1), seed=seed)
    x, labels = far_dots(count, seed=2 * seed)
    unseen, answers = far_dots(256, seed=2 * seed + 1)
    difference = np.array([-1.0, 1.0])
    before = energy(network, unseen, difference)
    network.fit(x, labels, epochs, 64, optimizer=Adam(0.005), seed=seed, progress=False)
    return before, energy(network, unseen, difference), network.evaluate(unseen, answers)[1]


def changed_pixels(network: Sequential, image: Array) -> NDArray[np.bool_]:
    """Return which pixels of `image` (H, W, C) change some output of a real network, one pixel at a time.

    Each pixel in turn is NaN, in all its channels: H*W forward passes, so for small images. Weights,
    activations and pooling stay as they are. Raises ShapeError for an image that the network does not take.
    """
    if image.shape != network.input_shape:
        raise ShapeError(f"image has shape {image.shape}; expected {network.input_shape}")
    height, width = image.shape[:2]
    copies = np.repeat(image[np.newaxis], height * width, axis=0)
    rows, columns = np.divmod(np.arange(height * width), width)
    copies[np.arange(height * width), rows, columns] = np.nan
    answers = network.predict(copies).reshape(height * width, -1)
    return np.asarray(np.isnan(answers).any(axis=1).reshape(height, width))
