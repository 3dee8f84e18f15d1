"""One run of training as the playground shows it: its settings, the mistakes in it, and what was measured."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cnnkit.activations import softmax
from cnnkit.data import digits, train_test_split
from cnnkit.errors import OptionError
from cnnkit.layers import Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from cnnkit.layers.base import Layer
from cnnkit.losses import Result, softmax_cross_entropy
from cnnkit.network import Sequential
from cnnkit.optim import SGD, Adam, AdamW, Optimizer, RMSProp
from cnnkit.train import Trainer

Array = NDArray[Any]

OPTIMIZERS = ("SGD", "SGD with momentum", "RMSProp", "Adam")
FILTERS = 8
MEASURE_EVERY = 10  # steps
_MEASURED = 450
"""Examples of either kind that a measurement looks at."""


@dataclass(frozen=True)
class Settings:
    """What a run is made with; the mistakes are the flags from `raw_inputs` on.

    Attributes:
        optimizer: one of OPTIMIZERS.
        batch_size: examples for a step.
        examples: digits to learn from.
        batch_norm: whether the convolutions are normalised over the batch.
        dropout: share of the dense layer's values that are dropped in training.
        weight_decay: AdamW's, or the penalty of the other optimisers.
        seed: of the weights, the order and the split.
        raw_inputs: pixels from 0 to 255 instead of 0 to 1.
        shuffled_labels: every training digit has the label of another one.
        zero_weights: all weights start at 0.
        huge_rate: the learning rate is a thousand times too large.
        kept_gradients: gradients are added to those of all steps before.
        softmax_twice: the loss, which takes logits, gets probabilities.
        test_in_training: tests run as training does: dropout on, batch norm by the test batch.
        sorted_examples: no shuffling: all zeros first, all nines last.
    """

    optimizer: str = "Adam"
    batch_size: int = 32
    examples: int = 1000
    batch_norm: bool = False
    dropout: float = 0.0
    weight_decay: float = 0.0
    seed: int = 0
    raw_inputs: bool = False
    shuffled_labels: bool = False
    zero_weights: bool = False
    huge_rate: bool = False
    kept_gradients: bool = False
    softmax_twice: bool = False
    test_in_training: bool = False
    sorted_examples: bool = False

    @classmethod
    def of(cls, owner: Any) -> Self:
        """Return the settings that stand in `owner`'s attributes of the same names."""
        return cls(**{field.name: getattr(owner, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Measurement:
    """How far a run is: losses as the training code computes them, accuracies in [0, 1]."""

    step: int
    loss: float
    test_loss: float
    accuracy: float
    test_accuracy: float


class TrainingRun:
    """A small convolutional network on the bundled digits, trained a step at a time.

    The same settings, rates and number of steps give the same network.

    Attributes:
        settings: what it was made with.
        network: (N, 8, 8, 1) to ten logits.
        trainer: what takes the steps.
        measured: measurements, in order of their steps; the first is before any training.
        gradient_norm: the joint norm of all gradients in the last step; NaN before the first.
        x_test, y_test: digits that training never sees, scaled as the settings say.
    """

    def __init__(self, settings: Settings, learning_rate: float) -> None:
        """Make the network and measure it; raises OptionError for settings that do not exist."""
        self.settings = settings
        images, labels = digits()
        split = train_test_split(images[..., np.newaxis], labels, test_fraction=0.25, seed=settings.seed)
        scale = np.float32(255 if settings.raw_inputs else 1)
        x, labels = split.x_train[: settings.examples] * scale, split.y_train[: settings.examples]
        if settings.shuffled_labels:
            labels = np.random.default_rng(settings.seed).permutation(labels)
        order = np.argsort(labels, kind="stable") if settings.sorted_examples else np.arange(len(labels))
        self._seen = x[:_MEASURED], labels[:_MEASURED]
        self.x_test, self.y_test = split.x_test[:_MEASURED] * scale, split.y_test[:_MEASURED]
        self.network = Sequential(_layers(settings), (8, 8, 1), seed=settings.seed)
        self._loss = _loss_of_probabilities if settings.softmax_twice else softmax_cross_entropy
        optimizer = _optimizer(settings, learning_rate * (1000 if settings.huge_rate else 1))
        self.trainer = Trainer(
            self.network,
            x[order],
            labels[order],
            optimizer=_KeptGradients(optimizer) if settings.kept_gradients else optimizer,
            batch_size=settings.batch_size,
            seed=_InOrder(np.random.PCG64(0)) if settings.sorted_examples else settings.seed,
            loss=self._loss,
        )
        self.measured: list[Measurement] = []
        self._measure()

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return self.trainer.history.steps

    @property
    def gradient_norm(self) -> float:
        """The joint norm of all gradients in the last step; NaN before the first."""
        return self.trainer.gradient_norms[-1] if self.trainer.gradient_norms else float("nan")

    @property
    def diverged(self) -> bool:
        """Whether the last loss is no number any more, so that further steps are pointless."""
        return bool(self.trainer.losses) and not np.isfinite(self.trainer.losses[-1])

    def set_learning_rate(self, rate: float) -> None:
        """Take further steps with another learning rate (still times 1000 where that is the mistake)."""
        self.trainer.optimizer.learning_rate = rate * (1000 if self.settings.huge_rate else 1)

    def step(self) -> None:
        """Take one step, and measure when it is time to; nothing happens when the run has diverged."""
        if self.diverged:
            return
        with np.errstate(all="ignore"):  # some mistakes overflow; the loss then says so
            self.trainer.step()
            if self.steps % MEASURE_EVERY == 0:
                self._measure()

    def dead_share(self) -> float:
        """Return the share of the dense layer's 48 ReLU units that are 0 for all test digits."""
        hidden = self.network.activations(self.x_test)["hidden/relu"]
        return float((hidden <= 0).all(axis=0).mean())

    def _measure(self) -> None:
        train = self._evaluated(*self._seen, training=False)
        test = self._evaluated(self.x_test, self.y_test, training=self.settings.test_in_training)
        self.measured.append(Measurement(self.steps, train[0], test[0], train[1], test[1]))

    def _evaluated(self, x: Array, labels: Array, *, training: bool) -> tuple[float, float]:
        logits = self.network.forward(x, training=training)
        right = np.isfinite(logits).all(axis=1) & (logits.argmax(axis=1) == labels)
        return float(self._loss(logits, labels)[0]), float(right.mean())


def _layers(settings: Settings) -> list[Layer]:
    def conv(count: int, padding: str) -> list[Layer]:
        initializer = "zeros" if settings.zero_weights else "he_normal"
        activation = None if settings.batch_norm else "relu"
        layer = Conv2D(count, 3, padding=padding, activation=activation, initializer=initializer)
        return [layer, BatchNorm(), Activation("relu")] if settings.batch_norm else [layer]

    def dense(count: int, name: str, activation: str | None = None) -> Layer:
        return Dense(count, activation, initializer="zeros" if settings.zero_weights else None).named(name)

    dropout: list[Layer] = [Dropout(settings.dropout)] if settings.dropout else []
    return [
        *conv(FILTERS, "same"),
        *conv(2 * FILTERS, "valid"),
        MaxPool2D(2),
        Flatten(),
        dense(48, "hidden", "relu"),
        *dropout,
        dense(10, "logits"),
    ]


def _optimizer(settings: Settings, rate: float) -> Optimizer:
    decay = settings.weight_decay
    if settings.optimizer == "Adam":
        return AdamW(rate, weight_decay=decay) if decay else Adam(rate)
    if settings.optimizer == "RMSProp":
        return RMSProp(rate, l2=decay)
    if settings.optimizer not in OPTIMIZERS:
        raise OptionError(f"optimizer is {settings.optimizer!r}; expected one of {', '.join(OPTIMIZERS)}")
    return SGD(rate, momentum=0.9 if "momentum" in settings.optimizer else 0.0, l2=decay)


def _loss_of_probabilities(logits: Array, labels: Array) -> Result:
    """Return the cross-entropy of a loss that expects logits and gets softmax's result, and its gradient."""
    probabilities = softmax(logits)
    loss, dp = softmax_cross_entropy(probabilities, labels)
    dlogits: Array = probabilities * (dp - (dp * probabilities).sum(axis=1, keepdims=True))
    return loss, dlogits


class _KeptGradients:
    """An optimiser before which nobody set the gradients to zero: it gets the sum over all steps."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._sums: dict[str, Array] = {}

    @property
    def learning_rate(self) -> float:
        """How far the next step goes."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._optimizer.learning_rate = rate

    def step(self, params: Any, grads: Any) -> None:
        """Add `grads` to all before, and step by the sums."""
        self._sums = {name: self._sums.get(name, 0) + gradient for name, gradient in grads.items()}
        self._optimizer.step(params, self._sums)


class _InOrder(np.random.Generator):
    """A generator that shuffles nothing."""

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """Return 0, 1, 2, ... up to `x`."""
        return np.arange(x)
