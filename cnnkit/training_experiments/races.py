"""Optimisers and learning rates on the same problem."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.intervals import mean_interval
from cnnkit.optim import SGD, Adam, AdamW, Optimizer, RMSProp
from cnnkit.train import Trainer
from cnnkit.training_experiments.common import SEEDS, few_digits, small_cnn

__all__ = [
    "CURVATURES",
    "OPTIMIZERS",
    "Race",
    "learning_rate_sweep",
    "optimizer_race",
    "valley_loss",
    "valley_path",
]

CURVATURES = np.array([1.0, 25.0])
"""The valley of the picture: ``(1 * a**2 + 25 * b**2) / 2``, flat along a, steep across it along b."""

OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "SGD": lambda: SGD(0.2),
    "SGD, momentum 0.9": lambda: SGD(0.1, momentum=0.9),
    "SGD, Nesterov 0.9": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "RMSProp": lambda: RMSProp(0.004),
    "Adam": lambda: Adam(0.005),
    "AdamW": lambda: AdamW(0.005, weight_decay=0.1),
}
"""Each with a learning rate near its own best on 400 digits: at one common rate the race would be decided."""


def valley_loss(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the valley's height at `points` (..., 2)."""
    height: NDArray[np.float64] = (CURVATURES * points**2).sum(axis=-1) / 2
    return height


def valley_path(
    optimizer: Optimizer, steps: int, start: tuple[float, float] = (-9.0, 1.5)
) -> NDArray[np.float64]:
    """Return the points (steps + 1, 2) that `optimizer` visits in the valley, with exact gradients."""
    place = np.array(start)
    path = [place.copy()]
    for _ in range(steps):
        optimizer.step({"place": place}, {"place": CURVATURES * place})
        path.append(place.copy())
    return np.array(path)


@dataclass(frozen=True)
class Race:
    """Training losses of several optimisers from the same first weights, on the same batches.

    Attributes:
        losses: (seeds, epochs) float64 of each optimiser: mean training loss of each epoch.
        test: (seeds,) float64 of each: test accuracy at the end.
    """

    losses: Mapping[str, NDArray[np.float64]]
    test: Mapping[str, NDArray[np.float64]]

    def __str__(self) -> str:
        lines = [f"{'':<20}{'loss: epoch 1':>15}{'last epoch':>12}{'test accuracy':>20}"]
        for name, losses in self.losses.items():
            first, last = losses[:, 0].mean(), losses[:, -1].mean()
            mean, half = mean_interval(self.test[name])
            lines.append(f"{name:<20}{first:>15.1f}{last:>12.2f}{mean:>14.0%} ± {half:.0%}")
        return "\n".join(lines)


def optimizer_race(
    optimizers: Mapping[str, Callable[[], Optimizer]] = OPTIMIZERS,
    *,
    seeds: Sequence[int] = SEEDS,
    count: int = 400,
    epochs: int = 10,
) -> Race:
    """Return how the optimisers train `small_cnn` on `count` digits, in batches of 40."""
    runs = {name: [_run(make(), seed, count, epochs) for seed in seeds] for name, make in optimizers.items()}
    return Race(
        {name: np.array([losses for losses, _ in pairs]) for name, pairs in runs.items()},
        {name: np.array([test for _, test in pairs]) for name, pairs in runs.items()},
    )


def learning_rate_sweep(
    rates: Sequence[float], *, seeds: Sequence[int] = (0, 1, 2), count: int = 400, epochs: int = 4
) -> NDArray[np.float64]:
    """Return the training loss of SGD with momentum after `epochs`, (seeds, rates); inf where it blew up."""
    with np.errstate(all="ignore"):
        runs = [
            [_run(SGD(rate, momentum=0.9), seed, count, epochs)[0][-1] for rate in rates] for seed in seeds
        ]
    finite: NDArray[np.float64] = np.nan_to_num(np.array(runs), nan=np.inf)
    return finite


def _run(optimizer: Optimizer, seed: int, count: int, epochs: int) -> tuple[list[float], float]:
    split = few_digits(count, seed)
    network = small_cnn(seed)
    trainer = Trainer(network, split.x_train, split.y_train, optimizer=optimizer, batch_size=40, seed=seed)
    losses = trainer.run(epochs).loss
    padded = losses + [np.nan] * (epochs - len(losses))
    return padded, network.evaluate(split.x_test, split.y_test)[1]
