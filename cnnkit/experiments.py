"""Experiments that a chapter runs in one line: everything seeded, results as numbers and as a short table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data import Split, digits, train_test_split
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import Conv2D, Dense, Flatten, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.optim import Adam

Array = NDArray[Any]

PICTURES = ("original", "shuffled")
_SHUFFLE_SEED = 64


@dataclass(frozen=True)
class ShuffledPixels:
    """Test accuracy of two networks on digits, with the pixels in place and in one fixed other order.

    Attributes:
        accuracy: ``accuracy[network][pictures]``, (seeds,) float64 in [0, 1]; networks are "dense" and "CNN",
            pictures "original" and "shuffled".
        params: parameters of each network.
        permutation: (64,) int64; pixel i of a shuffled picture is pixel ``permutation[i]`` of the original.
        test_count: how many unseen digits each accuracy was measured on.
    """

    accuracy: dict[str, dict[str, NDArray[np.float64]]]
    params: dict[str, int]
    permutation: NDArray[np.int64]
    test_count: int

    def drop(self, network: str) -> NDArray[np.float64]:
        """Return, for every seed, the accuracy that `network` loses when the pixels are shuffled."""
        return self.accuracy[network]["original"] - self.accuracy[network]["shuffled"]

    def __str__(self) -> str:
        lines = [f"{'test accuracy':<28}{'original':>10}{'shuffled':>10}"]
        for network, accuracies in self.accuracy.items():
            label = f"{network}, {self.params[network]:,} parameters"
            means = (f"{accuracies[pictures].mean():>10.0%}" for pictures in PICTURES)
            lines.append(f"{label:<28}{''.join(means)}")
        seeds = self.drop("CNN").size
        return "\n".join([*lines, f"means over {seeds} seeds, {self.test_count:,} unseen digits each"])


def shuffled_pixels(
    seeds: Sequence[int] = (0, 1, 2, 3), *, train_count: int = 200, epochs: int = 30
) -> ShuffledPixels:
    """Train a dense network and a CNN of the same size on digits, and again with all pixels in another order.

    One fixed permutation reorders every picture alike, so no information is lost: only neighbourhoods are.
    A dense network treats all pixels alike and cannot tell; a CNN looks for patterns among neighbours and
    loses its lead. Each seed has its own split and first weights, the same for both kinds of pictures.

    Raises OptionError for no seeds, or when `train_count` leaves nothing to train or to test on.
    """
    images, labels = digits()
    if not 0 < train_count < len(images):
        raise OptionError(
            f"train_count is {train_count}; expected 1 to {len(images) - 1}, the rest is for testing"
        )
    if not seeds:
        raise OptionError("seeds is empty; expected at least one")
    permutation = np.random.default_rng(_SHUFFLE_SEED).permutation(images[0].size)
    splits = [_split(images, labels, train_count, seed) for seed in seeds]
    orders = dict(zip(PICTURES, (np.arange(images[0].size), permutation), strict=True))

    def accuracies(make: Callable[[int], Sequential], order: NDArray[np.int64]) -> NDArray[np.float64]:
        runs = zip(seeds, splits, strict=True)
        return np.array([_accuracy(make(seed), split, order, epochs, seed) for seed, split in runs])

    return ShuffledPixels(
        accuracy={
            network: {pictures: accuracies(make, order) for pictures, order in orders.items()}
            for network, make in _MAKERS.items()
        },
        params={network: make(0).count_params() for network, make in _MAKERS.items()},
        permutation=permutation,
        test_count=len(images) - train_count,
    )


def shuffle_pixels(images: Array, permutation: NDArray[np.int64]) -> Array:
    """Return `images` (N, H, W) or (N, H, W, C) with the pixels of each reordered by `permutation` (H*W,).

    Raises ShapeError when the permutation has another length.
    """
    count, height, width = images.shape[:3]
    if permutation.shape != (height * width,):
        raise ShapeError(f"permutation has shape {permutation.shape}; expected ({height * width},) = (H*W,)")
    return images.reshape(count, height * width, -1)[:, permutation].reshape(images.shape)


def _accuracy(network: Sequential, split: Split, order: NDArray[np.int64], epochs: int, seed: int) -> float:
    network.fit(
        shuffle_pixels(split.x_train, order),
        split.y_train,
        epochs,
        batch_size=50,
        optimizer=Adam(0.004),
        seed=seed,
        progress=False,
    )
    return network.evaluate(shuffle_pixels(split.x_test, order), split.y_test)[1]


def _split(images: Array, labels: Array, train_count: int, seed: int) -> Split:
    return train_test_split(
        images[..., np.newaxis], labels, test_fraction=1 - train_count / len(images), seed=seed
    )


def _dense_network(seed: int) -> Sequential:
    layers = [Flatten(), Dense(192, activation="relu"), Dense(10, activation="softmax")]
    return Sequential(layers, input_shape=(8, 8, 1), seed=seed)


def _small_cnn(seed: int) -> Sequential:
    layers = [
        Conv2D(16, 3, padding="same", activation="relu"),
        Conv2D(32, 3, activation="relu"),
        MaxPool2D(2),
        Conv2D(32, 3, activation="relu"),
        Flatten(),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, input_shape=(8, 8, 1), seed=seed)


_MAKERS = {"dense": _dense_network, "CNN": _small_cnn}
