"""Training by hand or by the epoch: a loop that can be stepped, watched, interrupted and stopped early."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import augment as augmentation
from cnnkit.errors import OptionError
from cnnkit.losses import Result, soft_cross_entropy, softmax_cross_entropy
from cnnkit.network import History, Sequential
from cnnkit.network.fitting import RunningMeans, Undo, check_examples, progress_line
from cnnkit.optim import Adam, Optimizer, Schedule, clip_by_norm, gradient_norm
from cnnkit.shapes import whole_number

__all__ = ["LearningRateScan", "Trainer", "find_learning_rate", "restore", "snapshot"]

Array = NDArray[Any]
Examples = tuple[Array, Array]
Loss = Callable[[Array, Array], Result]


class Trainer:
    """A network, its data, and everything that a run of training remembers between two steps.

    Attributes:
        network: what is trained, in place.
        optimizer: what moves it; its learning rate is set before each step when there is a `schedule`.
        history: one entry per finished epoch.
        losses: the training loss of every step so far, each before the step.
        gradient_norms: the joint norm of all gradients at every step, before any clipping.
        stopped: why `run` ended before its last epoch, or None.
        best_epoch: the epoch (from 1) with the lowest validation loss so far; 0 without validation.
    """

    def __init__(
        self,
        network: Sequential,
        x: Array,
        labels: Array,
        *,
        optimizer: Optimizer | None = None,
        batch_size: int = 32,
        seed: int | np.random.Generator = 0,
        validation: Examples | None = None,
        augment: augmentation.Augmentation | None = None,
        mixup: float = 0.0,
        schedule: Schedule | None = None,
        loss: Loss = softmax_cross_entropy,
        clip_norm: float | None = None,
        accumulate: int = 1,
        patience: int | None = None,
    ) -> None:
        """Prepare to train `network` on `x` (N, ...) and `labels` (N,); nothing is computed yet.

        Args:
            network: ends in softmax, or in logits.
            x: examples of the network's dtype.
            labels: whole numbers.
            optimizer: Adam with its defaults unless given.
            batch_size: examples per forward pass; the last batch of an epoch may hold fewer.
            seed: of the order of the examples and of the augmentation.
            validation: (x, labels) never trained on, evaluated after every epoch.
            augment: changes each batch (N, H, W, C) before it is used, anew every time.
            mixup: alpha of the mixing of each batch with itself; 0 for none. It takes the place of `loss`.
            schedule: the learning rate by the number of steps taken.
            loss: ``(logits, labels) -> (mean loss, dlogits)``.
            clip_norm: the greatest joint norm of the gradients that a step may use.
            accumulate: batches whose gradients are averaged for one step.
            patience: epochs without a lower validation loss after which `run` stops and restores the best.

        Raises ShapeError or OptionError for bad input.
        """
        check_examples(x, labels)
        if patience is not None and validation is None:
            raise OptionError("patience needs validation examples: early stopping watches their loss")
        self.network, self.optimizer = network, Adam() if optimizer is None else optimizer
        self.history, self.losses, self.gradient_norms = History(), list[float](), list[float]()
        self.stopped: str | None = None
        self.best_epoch = 0
        self._x, self._labels, self._validation = x, labels, validation
        self._batch_size = whole_number(batch_size, "batch_size", least=1)
        self._accumulate = whole_number(accumulate, "accumulate", least=1)
        self._patience = None if patience is None else whole_number(patience, "patience", least=1)
        self._rng = np.random.default_rng(seed)
        self._augment, self._mixup, self._schedule = augment, mixup, schedule
        self._loss, self._clip_norm = loss, clip_norm
        self._undo = Undo(network)
        self._order = np.zeros(0, np.int64)
        self._total = RunningMeans()
        self._best: dict[str, Array] = {}

    @property
    def epochs(self) -> int:
        """How many epochs are finished."""
        return len(self.history.loss)

    @property
    def steps_per_epoch(self) -> int:
        """How many steps one pass over the examples takes."""
        return -(-len(self._x) // (self._batch_size * self._accumulate))

    def step(self) -> float:
        """Take one step of the optimiser and return the training loss before it.

        The step that uses the last examples also ends the epoch: it evaluates and notes the history.
        Interrupted, it leaves the network as it was before.
        """
        if not len(self._order):
            self._order, self._total = self._rng.permutation(len(self._x)), RunningMeans()
        if self._schedule is not None:
            self.optimizer.learning_rate = self._schedule(self.history.steps)
        with self._undo:
            loss, grads = self._gradients()
            self.gradient_norms.append(_clipped(grads, self._clip_norm))
            self.optimizer.step(self.network.params, grads)
        self._order = self._order[self._batch_size * self._accumulate :]
        self.history.steps += 1
        self.losses.append(loss)
        if not len(self._order):
            self._end_epoch()
        return loss

    def epoch(self) -> float:
        """Take steps until the examples are used up; return the mean training loss of the epoch."""
        finished = self.epochs
        while self.epochs == finished:
            self.step()
        return self.history.loss[-1]

    def run(self, epochs: int, *, progress: bool = False) -> History:
        """Train for `epochs` more epochs, or until it is pointless, and return the history.

        It stops, and says why in `stopped`, when the loss is no number any more, or when `patience` runs out.
        With `patience` the network ends with the weights of its best epoch.
        """
        whole_number(epochs, "epochs", least=1)
        last = self.epochs + epochs
        self.stopped = None
        while self.epochs < last and self.stopped is None:
            self.epoch()
            self.stopped = self._reason_to_stop()
            if progress:
                print(progress_line(self.epochs, last, self.history))
        if progress and self.stopped:
            print(self.stopped)
        if self._patience is not None and self._best:
            restore(self.network, self._best)
        return self.history

    def _gradients(self) -> tuple[float, dict[str, Array]]:
        """Return the mean loss and gradients of the next batches; every example weighs the same."""
        chosen = self._order[: self._batch_size * self._accumulate]
        loss, sums = 0.0, dict[str, Array]()
        for batch in _parts(chosen, self._batch_size):
            share = len(batch) / len(chosen)
            batch_loss, logits = self._loss_of(batch)
            loss += share * batch_loss
            self._total.add(batch_loss, logits, self._labels[batch])
            if len(batch) == len(chosen):
                return loss, self.network.grads
            for name, gradient in self.network.grads.items():
                sums[name] = sums[name] + share * gradient if name in sums else share * gradient
        return loss, sums

    def _loss_of(self, batch: NDArray[np.int64]) -> tuple[float, Array]:
        x, labels = self._x[batch], self._labels[batch]
        if self._augment is not None:
            x = self._augment(x, self._rng)
        if not self._mixup:
            return self.network.loss_and_gradients(x, labels, loss=self._loss)
        classes = np.eye(self.network.output_shapes[-1][-1], dtype=x.dtype)
        mixed, targets = augmentation.mixup(x, classes[labels], self._rng, self._mixup)
        return self.network.loss_and_gradients(mixed, targets, loss=soft_cross_entropy)

    def _end_epoch(self) -> None:
        history = self.history
        history.loss.append(self._total.loss)
        history.accuracy.append(self._total.accuracy)
        if self._validation is None:
            return
        loss, accuracy = self.network.evaluate(*self._validation)
        history.validation_loss.append(loss)
        history.validation_accuracy.append(accuracy)
        if loss <= min(history.validation_loss):
            self.best_epoch = self.epochs
            if self._patience is not None:
                self._best = snapshot(self.network)

    def _reason_to_stop(self) -> str | None:
        if not np.isfinite(self.history.loss[-1]):
            return f"epoch {self.epochs}: the loss is {self.history.loss[-1]}; try a lower learning rate"
        waited = self.epochs - self.best_epoch
        if self._patience is not None and waited >= self._patience:
            return f"no lower validation loss for {waited} epochs; back to epoch {self.best_epoch}"
        return None


def snapshot(network: Sequential) -> dict[str, Array]:
    """Return copies of all weights and of the state, by name."""
    return {name: array.copy() for name, array in (network.params | network.state).items()}


def restore(network: Sequential, arrays: dict[str, Array]) -> None:
    """Put what `snapshot` returned back into the network."""
    for name, array in (network.params | network.state).items():
        np.copyto(array, arrays[name])


@dataclass(frozen=True)
class LearningRateScan:
    """The loss while the learning rate grew at every step.

    Attributes:
        rates: (steps,) float64, the learning rate of each step.
        losses: (steps,) float64, the loss before each step, smoothed.
        suggestion: the rate at which the loss fell fastest, before its minimum.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    suggestion: float


def find_learning_rate(
    network: Sequential,
    x: Array,
    labels: Array,
    *,
    optimizer: Optimizer | None = None,
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRateScan:
    """Return the losses of a short run whose learning rate rises from `low` to `high` by a factor each step.

    It ends early where the loss exceeds four times its least value. The network is as before afterwards, and
    `optimizer` (Adam unless given) is copied. The losses are running means with weight 0.9, corrected for
    their start. Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3,
    in the form that fastai made popular. Raises OptionError unless 0 < low < high.
    """
    if not 0 < low < high < np.inf:
        raise OptionError(f"low is {low!r} and high {high!r}; expected 0 < low < high")
    rates = np.geomspace(low, high, whole_number(steps, "steps", least=3))
    trainer = Trainer(
        network,
        x,
        labels,
        optimizer=Adam() if optimizer is None else copy.deepcopy(optimizer),
        batch_size=batch_size,
        seed=seed,
        schedule=lambda step: float(rates[step]),
    )
    before = snapshot(network)
    try:
        losses = np.array(list(_smoothed(trainer.step() for _ in rates)))
    finally:
        restore(network, before)
    used = rates[: len(losses)]
    return LearningRateScan(used, losses, float(used[_steepest(losses)]))


def _smoothed(losses: Iterator[float]) -> Iterator[float]:
    """Yield running means until one is four times the least so far, or no number."""
    mean, least, weight = 0.0, np.inf, 0.9
    for count, loss in enumerate(losses, start=1):
        mean = weight * mean + (1 - weight) * loss
        value = mean / (1 - weight**count)
        if not value <= 4 * least:
            return
        least = min(least, value)
        yield value


def _steepest(losses: NDArray[np.float64]) -> int:
    """Return where `losses` fall fastest, over a tenth of them, before they are at their least."""
    width = max(len(losses) // 10, 1)
    falls = losses[width:] - losses[:-width]
    before = falls[: max(int(losses.argmin()), 1)]
    return int(before.argmin()) + width // 2 if len(before) else 0


def _parts(chosen: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(chosen), size):
        yield chosen[start : start + size]


def _clipped(grads: dict[str, Array], most: float | None) -> float:
    return gradient_norm(grads) if most is None else clip_by_norm(grads, most)
