"""Overfitting produced on purpose, and each cure measured against doing nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cnnkit.augment import Augmentation, affine
from cnnkit.data import Split
from cnnkit.losses import softmax_cross_entropy
from cnnkit.network import History
from cnnkit.optim import AdamW
from cnnkit.train import Loss, Trainer
from cnnkit.training_experiments.common import (
    SEEDS,
    Array,
    Comparison,
    few_digits,
    small_cnn,
    with_wrong_labels,
)

__all__ = ["RECIPES", "Recipe", "cures", "overfitting_history", "random_labels"]

_WRONG = 0.2
_VALIDATION_SHARE = 0.2
_BATCH_SIZE = 25


@dataclass(frozen=True)
class Recipe:
    """How one training differs from doing nothing about overfitting."""

    count: int = 150
    epochs: int = 40
    dropout: float = 0.0
    weight_decay: float = 0.0
    augment: Augmentation | None = None
    label_smoothing: float = 0.0
    patience: int | None = None
    wrong: float = _WRONG

    def loss(self) -> Loss:
        """Return the cross-entropy with this recipe's smoothing."""
        return partial(softmax_cross_entropy, label_smoothing=self.label_smoothing)


def wobble(x: Array, rng: np.random.Generator) -> Array:
    """Return digits turned, scaled, sheared and moved by a little."""
    return affine(x, rng, degrees=12.0, scale=0.15, stretch=0.15, shear=0.2, offset=0.8)


RECIPES: dict[str, Recipe] = {
    "nothing": Recipe(),
    "augmentation": Recipe(augment=wobble),
    "dropout 0.6": Recipe(dropout=0.6),
    "weight decay 1": Recipe(weight_decay=1.0),
    "label smoothing 0.2": Recipe(label_smoothing=0.2),
    "early stopping": Recipe(patience=4),
    "all at full strength": Recipe(augment=wobble, dropout=0.6, weight_decay=1.0),
    "four times the data": Recipe(count=600, epochs=10),
}
"""150 digits, 40 epochs, a fifth of the labels wrong; the last takes as many steps on more digits."""


def cures(recipes: Sequence[str] = tuple(RECIPES), *, seeds: Sequence[int] = SEEDS) -> Comparison:
    """Return training and test accuracies of the named `RECIPES`, over `seeds`.

    A fifth of the training labels is wrong, so that learning by heart is visibly not the same as learning;
    all test labels are right. Raises KeyError for an unknown name.
    """
    results = {name: np.array([_run(RECIPES[name], seed) for seed in seeds]) for name in recipes}
    return Comparison(
        {name: runs[:, 0] for name, runs in results.items()},
        {name: runs[:, 1] for name, runs in results.items()},
    )


def _run(recipe: Recipe, seed: int) -> tuple[float, float]:
    split, labels = _noisy_digits(recipe, seed)
    kept = round((1 - _VALIDATION_SHARE) * len(labels)) if recipe.patience else len(labels)
    network = small_cnn(seed, dropout=recipe.dropout)
    trainer = Trainer(
        network,
        split.x_train[:kept],
        labels[:kept],
        optimizer=AdamW(0.004, weight_decay=recipe.weight_decay),
        batch_size=_BATCH_SIZE,
        seed=seed,
        validation=(split.x_train[kept:], labels[kept:]) if recipe.patience else None,
        augment=recipe.augment,
        loss=recipe.loss(),
        patience=recipe.patience,
    )
    trainer.run(recipe.epochs)
    return network.evaluate(split.x_train, labels)[1], network.evaluate(split.x_test, split.y_test)[1]


def _noisy_digits(recipe: Recipe, seed: int) -> tuple[Split, NDArray[np.int64]]:
    split = few_digits(recipe.count, seed)
    labels, _ = with_wrong_labels(split.y_train, recipe.wrong, np.random.default_rng([seed, 1]))
    return split, labels


def overfitting_history(*, wrong: float = _WRONG, seed: int = 0, epochs: int = 48) -> History:
    """Return the curves of a run that does nothing about overfitting, validated on 600 unseen digits."""
    split, labels = _noisy_digits(Recipe(wrong=wrong), seed)
    trainer = Trainer(
        small_cnn(seed),
        split.x_train,
        labels,
        optimizer=AdamW(0.004, weight_decay=0.0),
        batch_size=_BATCH_SIZE,
        seed=seed,
        validation=(split.x_test, split.y_test),
    )
    return trainer.run(epochs)


def random_labels(*, count: int = 150, epochs: int = 100, seed: int = 0) -> tuple[float, float]:
    """Return (training, test) accuracy of the same network on labels that mean nothing.

    Source: Zhang et al., "Understanding Deep Learning Requires Rethinking Generalization" (2017), section 2.
    """
    split = few_digits(count, seed)
    labels = np.random.default_rng(seed).integers(0, 10, count)
    network = small_cnn(seed)
    Trainer(
        network, split.x_train, labels, optimizer=AdamW(0.004, weight_decay=0.0), batch_size=_BATCH_SIZE
    ).run(epochs)
    return network.evaluate(split.x_train, labels)[1], network.evaluate(split.x_test, split.y_test)[1]
