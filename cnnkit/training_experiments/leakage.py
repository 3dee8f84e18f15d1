"""Four ways in which a test set is not unseen, and how much accuracy each invents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit import augment
from cnnkit.data import digit_forms, digits
from cnnkit.intervals import mean_interval

__all__ = ["Leak", "augmented_first", "by_hand", "nearest_neighbour", "selected_first", "standardised_first"]

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
SEEDS = tuple(range(10))


@dataclass(frozen=True)
class Leak:
    """Accuracies of one experiment done wrongly and rightly, seed by seed.

    Attributes:
        wrong: (seeds,) float64, with the leak.
        right: (seeds,) float64, without it.
    """

    wrong: Array
    right: Array

    def __str__(self) -> str:
        mean, half = mean_interval(self.wrong - self.right)
        return (
            f"leaking {self.wrong.mean():.0%}, honest {self.right.mean():.0%}: "
            f"{100 * mean:.0f} ± {100 * half:.0f} points invented"
        )


def nearest_neighbour(x_train: Array, y_train: Labels, x_test: Array) -> Labels:
    """Return for each test row the label of the closest training row: a classifier that only remembers."""
    squares = (x_train**2).sum(axis=1)
    closest = (squares - 2 * x_test @ x_train.T).argmin(axis=1)
    labels: Labels = y_train[closest]
    return labels


def selected_first(
    seeds: Sequence[int] = SEEDS, *, count: int = 80, features: int = 1000, kept: int = 20
) -> Leak:
    """Return the accuracy on coin-flip labels when features are selected before the split, and after it.

    The features are noise: the truth is 50 %. Classified by the nearer mean of the `kept` features that
    correlate best with the labels. Source: Hastie, Tibshirani & Friedman, "The Elements of Statistical
    Learning" (2009), section 7.10.2.
    """
    return _leak(lambda rng: _selected(rng, count, features, kept), seeds)


def _selected(rng: np.random.Generator, count: int, features: int, kept: int) -> tuple[float, float]:
    x, labels = rng.normal(size=(count, features)), rng.integers(0, 2, count)
    train = np.arange(count) < count // 2
    results = []
    for seen in (np.ones(count, np.bool_), train):
        centred = x[seen] - x[seen].mean(axis=0)
        scores = np.abs(centred.T @ (labels[seen] - labels[seen].mean()))
        best = x[:, np.argsort(scores)[-kept:]]
        means = np.stack([best[train & (labels == k)].mean(axis=0) for k in (0, 1)])
        distances = ((best[~train, None] - means) ** 2).sum(axis=2)
        results.append(float((distances.argmin(axis=1) == labels[~train]).mean()))
    return results[0], results[1]


def augmented_first(seeds: Sequence[int] = SEEDS, *, count: int = 60, copies: int = 5) -> Leak:
    """Return the accuracy when copies are made before the split, so that both parts hold the same digits."""
    return _leak(lambda rng: _augmented(rng, count, copies), seeds)


def _augmented(rng: np.random.Generator, count: int, copies: int) -> tuple[float, float]:
    images, labels = digits()
    chosen = rng.permutation(len(labels))[: 2 * count]
    x, y = images[chosen, ..., None].astype(np.float64), labels[chosen]
    many = augment.affine(np.repeat(x[:count], copies, axis=0), rng, degrees=8.0, offset=0.5)
    many, names = many.reshape(count * copies, -1), np.repeat(y[:count], copies)
    train = rng.permutation(count * copies) < count * copies // 2
    wrong = (nearest_neighbour(many[train], names[train], many[~train]) == names[~train]).mean()
    unseen = x[count:].reshape(count, -1)
    return float(wrong), float((nearest_neighbour(many, names, unseen) == y[count:]).mean())


def by_hand(seeds: Sequence[int] = SEEDS, *, count: int = 400, forms: int = 3) -> Leak:
    """Return the accuracy on digits by hands that training has seen (wrong for new users), and unseen."""
    return _leak(lambda rng: _handed(rng, count, forms), seeds)


def _handed(rng: np.random.Generator, count: int, forms: int) -> tuple[float, float]:
    images, labels = digits()
    x = images.reshape(len(images), -1).astype(np.float64)
    strangers = np.isin(digit_forms(), rng.permutation(14)[:forms])
    known, strange = (rng.permutation(np.flatnonzero(part)) for part in (~strangers, strangers))
    train, tested = known[:count], (known[count:], strange)
    scores = [(nearest_neighbour(x[train], labels[train], x[part]) == labels[part]).mean() for part in tested]
    return float(scores[0]), float(scores[1])


def standardised_first(seeds: Sequence[int] = SEEDS, *, count: int = 40) -> Leak:
    """Return the accuracy when mean and deviation come from all digits, and from the training part."""
    return _leak(lambda rng: _standardised(rng, count), seeds)


def _standardised(rng: np.random.Generator, count: int) -> tuple[float, float]:
    images, labels = digits()
    chosen = rng.permutation(len(labels))[: count + 400]
    x, y = images[chosen].reshape(len(chosen), -1).astype(np.float64), labels[chosen]
    results = []
    for seen in (x, x[:count]):
        scaled = (x - seen.mean(axis=0)) / (seen.std(axis=0) + 0.1)
        guesses = nearest_neighbour(scaled[:count], y[:count], scaled[count:])
        results.append(float((guesses == y[count:]).mean()))
    return results[0], results[1]


def _leak(run: Callable[[np.random.Generator], tuple[float, float]], seeds: Sequence[int]) -> Leak:
    pairs = np.array([run(np.random.default_rng(seed)) for seed in seeds])
    return Leak(pairs[:, 0], pairs[:, 1])
