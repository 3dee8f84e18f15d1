"""The small network of these experiments, its splits, and accuracies over several seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data import Split, digits
from cnnkit.errors import OptionError
from cnnkit.intervals import mean_interval
from cnnkit.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D
from cnnkit.network import Sequential

Array = NDArray[Any]

SEEDS = (0, 1, 2, 3, 4)
TEST_COUNT = 600


def small_cnn(
    seed: int = 0, *, channels: int = 8, hidden: int = 64, dropout: float = 0.0, norm: bool = False
) -> Sequential:
    """Return a float64 network for (8, 8, 1): 3x3 convolution, max pooling, two dense layers, logits."""
    layers: list[Layer] = [Conv2D(channels, 3, activation="relu")]
    if norm:
        layers = [Conv2D(channels, 3, bias=False), BatchNorm()]
    layers += [MaxPool2D(2), Flatten(), Dense(hidden, activation="relu"), Dropout(dropout), Dense(10)]
    return Sequential(layers, input_shape=(8, 8, 1), name="small_cnn", seed=seed, dtype=np.float64)


def few_digits(count: int, seed: int) -> Split:
    """Return `count` digits for training and 600 others for testing, (N, 8, 8, 1) float64, drawn by `seed`.

    Raises OptionError when so many digits do not exist.
    """
    images, labels = digits()
    if not 0 < count <= len(labels) - TEST_COUNT:
        raise OptionError(f"count is {count}; expected 1 to {len(labels) - TEST_COUNT}")
    order = np.random.default_rng(seed).permutation(len(labels))
    x = images[..., np.newaxis].astype(np.float64)
    test, train = order[:TEST_COUNT], order[TEST_COUNT : TEST_COUNT + count]
    return Split(x[train], labels[train], x[test], labels[test])


def with_wrong_labels(labels: Array, share: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return `labels` (N,) of ten classes with a `share` of them replaced, and which ones (N,) bool."""
    wrong = np.zeros(len(labels), np.bool_)
    wrong[rng.permutation(len(labels))[: round(share * len(labels))]] = True
    changed = labels.copy()
    changed[wrong] = (changed[wrong] + rng.integers(1, 10, wrong.sum())) % 10
    return changed, wrong


@dataclass(frozen=True)
class Comparison:
    """Accuracies of several recipes, each trained from the same seeds on the same splits.

    Attributes:
        train: (seeds,) float64 of every recipe: accuracy on what it was trained on, labels as given.
        test: (seeds,) float64 of every recipe: accuracy on digits that it did not see.
    """

    train: Mapping[str, NDArray[np.float64]]
    test: Mapping[str, NDArray[np.float64]]

    def gain(self, recipe: str, over: str) -> NDArray[np.float64]:
        """Return, seed by seed, how much better `recipe` is than `over` on the test digits, (seeds,)."""
        return self.test[recipe] - self.test[over]

    def __str__(self) -> str:
        first = next(iter(self.test))
        lines = [f"{'':<22}{'training':>9}{'test':>7}   better than {first!r} by (95 % interval)"]
        for name, test in self.test.items():
            line = f"{name:<22}{self.train[name].mean():>9.0%}{test.mean():>7.0%}"
            if name != first:
                mean, half = mean_interval(self.gain(name, first))
                line += f"   {100 * mean:+5.0f} ± {100 * half:.0f} points"
            lines.append(line)
        return "\n".join(lines)
