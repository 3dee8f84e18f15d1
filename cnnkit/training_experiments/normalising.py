"""Inputs on a bad scale, batch statistics of small batches, and a network that is asked in the wrong mode."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.layers import Activation, BatchNorm, Dense, Flatten, Layer, LayerNorm
from cnnkit.network import Sequential
from cnnkit.optim import SGD, Adam
from cnnkit.train import Trainer
from cnnkit.training_experiments.common import Array, few_digits, small_cnn

__all__ = [
    "Scaling",
    "answers_by_company",
    "batch_size_and_norm",
    "condition_number",
    "first_curvatures",
    "input_scales",
]


def first_curvatures(x: Array) -> NDArray[np.float64]:
    """Return the eigenvalues, largest first, of ``x.T @ x / N``, with a column of ones for the bias.

    For a linear model with squared error they are the curvatures of the loss, the Hessian's eigenvalues: the
    largest bounds the learning rate (below 2 over it), the least sets how long the slowest direction takes.
    `x` is (N, ...), any axes.
    """
    rows = np.concatenate([x.reshape(len(x), -1), np.ones((len(x), 1))], axis=1).astype(np.float64)
    curvatures = np.linalg.eigvalsh(rows.T @ rows / len(rows))[::-1]
    return np.asarray(curvatures, np.float64)


def condition_number(x: Array) -> float:
    """Return the largest of `first_curvatures` over the least one above a billionth of it.

    Pixels that are the same in every picture give curvature 0; the loss does not depend on those directions.
    """
    curvatures = first_curvatures(x)
    return float(curvatures[0] / curvatures[curvatures > 1e-9 * curvatures[0]][-1])


@dataclass(frozen=True)
class Scaling:
    """How a network trains on the same digits, given on different scales.

    Attributes:
        losses: (epochs,) float64 training loss for each scale's name.
        test: test accuracy for each.
    """

    losses: Mapping[str, NDArray[np.float64]]
    test: Mapping[str, float]

    def __str__(self) -> str:
        lines = [f"{'pixels':<22}{'first loss':>11}{'last loss':>11}{'test':>7}"]
        for name, losses in self.losses.items():
            lines.append(f"{name:<22}{losses[0]:>11.1f}{losses[-1]:>11.2f}{self.test[name]:>7.0%}")
        return "\n".join(lines)


def input_scales(*, rate: float = 0.05, epochs: int = 6, seed: int = 0) -> Scaling:
    """Return runs of SGD with momentum at one `rate`: digits as bytes, in [0, 1], standardised, far off."""
    split = few_digits(400, seed)
    mean, std = split.x_train.mean(), split.x_train.std()
    scales: dict[str, Callable[[Array], Array]] = {
        "0 to 255": lambda x: 255 * x,
        "0 to 1": lambda x: x,
        "mean 0, std 1": lambda x: (x - mean) / std,
        "1000 to 1001": lambda x: x + 1000,
    }
    losses, test = {}, {}
    for name, scale in scales.items():
        network = small_cnn(seed)
        optimizer = SGD(rate, momentum=0.9)
        trainer = Trainer(
            network, scale(split.x_train), split.y_train, optimizer=optimizer, batch_size=40, seed=seed
        )
        with np.errstate(all="ignore"):
            losses[name] = np.array(trainer.run(epochs).loss)
            test[name] = network.evaluate(scale(split.x_test), split.y_test)[1]
    return Scaling(losses, test)


NORMS = ("none", "batch", "layer")


def batch_size_and_norm(
    batch_sizes: Sequence[int] = (2, 32), *, steps: int = 150, seeds: Sequence[int] = (0, 1, 2)
) -> dict[int, dict[str, float]]:
    """Return, for each batch size and kind of normalisation, the mean test accuracy of a dense network.

    One hidden layer of 64, normalised before its ReLU; as many steps for each size, of Adam at 0.003; tested
    in evaluation mode.
    """
    return {
        size: {norm: float(np.mean([_accuracy(size, steps, seed, norm) for seed in seeds])) for norm in NORMS}
        for size in batch_sizes
    }


def _accuracy(size: int, steps: int, seed: int, norm: str) -> float:
    split = few_digits(640, seed)
    kinds: dict[str, list[Layer]] = {"none": [], "batch": [BatchNorm()], "layer": [LayerNorm()]}
    layers = [Flatten(), Dense(64), *kinds[norm], Activation("relu"), Dense(10)]
    network = Sequential(layers, input_shape=(8, 8, 1), seed=seed, dtype=np.float64)
    trainer = Trainer(
        network, split.x_train, split.y_train, optimizer=Adam(0.003), batch_size=size, seed=seed
    )
    for _ in range(steps):
        trainer.step()
    return network.evaluate(split.x_test, split.y_test)[1]


def answers_by_company(*, seed: int = 0) -> tuple[NDArray[np.float64], float]:
    """Return how sure a batch-normalised network is of one digit: in training mode, and in evaluation mode.

    (50,) probabilities of the digit's own class, each computed beside 7 other digits, then the single one
    that evaluation mode gives, whatever the company. It is the test digit whose answer is nearest to 50 %.
    """
    split = few_digits(400, seed)
    network = small_cnn(seed, norm=True)
    Trainer(network, split.x_train, split.y_train, optimizer=Adam(0.003), seed=seed).run(4)
    # First, because every forward pass in training mode moves the running averages.
    logits = network.predict(split.x_test)
    sure = [_probability(row, label) for row, label in zip(logits, split.y_test, strict=True)]
    doubtful = int(np.abs(np.array(sure) - 0.5).argmin())
    one, label, alone = split.x_test[doubtful : doubtful + 1], int(split.y_test[doubtful]), sure[doubtful]
    rng = np.random.default_rng(seed)
    companies = [split.x_test[rng.integers(1, len(split.x_test), 7)] for _ in range(50)]
    batches = [np.concatenate([one, others]) for others in companies]
    answers = [_probability(network.forward(batch, training=True)[0], label) for batch in batches]
    return np.array(answers), alone


def _probability(logits: Array, label: int) -> float:
    shares = np.exp(logits - logits.max())
    return float(shares[label] / shares.sum())
