"""Labels that are wrong, and classes that are rare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.activations import log_softmax
from cnnkit.data import digits
from cnnkit.losses import Result
from cnnkit.optim import Adam
from cnnkit.train import Trainer
from cnnkit.training_experiments.common import Array, few_digits, small_cnn, with_wrong_labels

__all__ = ["Suspects", "find_suspects", "rare_class", "weighted_cross_entropy"]


@dataclass(frozen=True)
class Suspects:
    """Examples ranked by how little other networks believe their labels.

    Attributes:
        losses: (N,) float64: each example's loss in the network that was not trained on it.
        wrong: (N,) bool: whose labels were really changed.
    """

    losses: NDArray[np.float64]
    wrong: NDArray[np.bool_]

    def found(self, looked_at: int) -> int:
        """Return how many of the wrong labels are among the `looked_at` examples of highest loss."""
        return int(self.wrong[np.argsort(-self.losses, kind="stable")[:looked_at]].sum())


def find_suspects(*, count: int = 600, wrong: float = 0.05, folds: int = 5, seed: int = 0) -> Suspects:
    """Return the out-of-fold losses of `count` digits of which a share `wrong` is mislabelled.

    Each fold is judged by a network trained on the others: one's own network learns its labels by heart.
    """
    split = few_digits(count, seed)
    rng = np.random.default_rng(seed)
    labels, changed = with_wrong_labels(split.y_train, wrong, rng)
    fold_of = rng.permutation(count) % folds
    values = np.zeros(count)
    for fold in range(folds):
        judged = fold_of == fold
        network = small_cnn(seed)
        Trainer(
            network, split.x_train[~judged], labels[~judged], optimizer=Adam(0.004), batch_size=40, seed=seed
        ).run(8)
        logs = log_softmax(network.predict(split.x_train[judged]))
        values[judged] = -logs[np.arange(judged.sum()), labels[judged]]
    return Suspects(values, changed)


def weighted_cross_entropy(logits: Array, labels: Array, weights: Array) -> Result:
    """Return ``sum(w[y] * loss) / sum(w[y])`` and its gradient: every class counts by its weight (K,).

    `logits` is (N, K), `labels` (N,). PyTorch's `CrossEntropyLoss(weight=...)` divides in the same way.
    """
    per_example = weights[labels] / weights[labels].sum()
    logs = log_softmax(logits)
    rows = np.arange(len(labels))
    targets = np.zeros_like(logits)
    targets[rows, labels] = 1
    dlogits = (np.exp(logs) - targets) * per_example[:, None]
    return np.float64(-(per_example * logs[rows, labels]).sum()), dlogits


def rare_class(*, weighted: bool, share: float = 0.03, seed: int = 0) -> tuple[Array, Array]:
    """Return (scores, truth) of a detector of the digit 8 among others, when few training digits are 8.

    Scores are probabilities (N,) of being an 8 on test digits where 3 % are 8 too; truth is (N,) bool.
    Weighted training counts both classes alike.
    """
    images, labels = digits()
    rng = np.random.default_rng(seed)
    x, is_eight = images[..., None].astype(np.float64), labels == 8
    others = rng.permutation(np.flatnonzero(~is_eight))
    eights = rng.permutation(np.flatnonzero(is_eight))
    half = len(others) // 2
    few = round(share * half)
    train = np.concatenate([others[:half], eights[:few]])
    test = np.concatenate([others[half:], eights[few : 2 * few + 1]])
    weights = np.array([1.0, half / few if weighted else 1.0])
    network = small_cnn(seed, channels=4, hidden=16)
    trainer = Trainer(
        network,
        x[train],
        is_eight[train].astype(np.int64),
        optimizer=Adam(0.003),
        batch_size=50,
        seed=seed,
        loss=lambda logits, y: weighted_cross_entropy(logits, y, np.append(weights, np.zeros(8))),
    )
    trainer.run(12)
    return np.exp(log_softmax(network.predict(x[test])[:, :2]))[:, 1], is_eight[test]
