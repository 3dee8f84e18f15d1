"""What a training run notes down: its history, running means, and a line for each epoch."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import ShapeError
from cnnkit.network.structure import Structure

Array = NDArray[Any]
_BAR_WIDTH = 20


@dataclass
class History:
    """What `Sequential.fit` saw, one number per finished epoch.

    Attributes:
        loss: mean training loss over the epoch's batches, each taken before its step.
        accuracy: share of training examples that were right in the same passes.
        validation_loss: loss on the validation examples after the epoch; empty without such examples.
        validation_accuracy: share of validation examples that are right; empty without such examples.
        steps: how many steps were taken, those of an epoch that was interrupted included.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    steps: int = 0


class RunningMeans:
    """Loss and accuracy over batches of different sizes: every example weighs the same."""

    def __init__(self) -> None:
        self._count, self._loss, self._correct = 0, 0.0, 0

    def add(self, loss: float, logits: Array, labels: Array) -> None:
        """Take in a batch: its mean loss, logits (N, classes) and labels (N,)."""
        self._count += len(labels)
        self._loss += loss * len(labels)
        self._correct += int((logits.argmax(axis=-1) == labels).sum())

    @property
    def loss(self) -> float:
        """The mean loss of an example so far."""
        return self._loss / self._count

    @property
    def accuracy(self) -> float:
        """The share of examples that were right so far."""
        return self._correct / self._count


class Undo:
    """A context in which a network is changed as a whole or not at all, whatever interrupts the change."""

    def __init__(self, network: Structure) -> None:
        self._arrays = [*network.params.values(), *network.state.values()]
        self._before = [array.copy() for array in self._arrays]

    def __enter__(self) -> None:
        for array, before in zip(self._arrays, self._before, strict=True):
            np.copyto(before, array)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for array, before in zip(self._arrays, self._before, strict=True):
                np.copyto(array, before)


def check_examples(x: Array, labels: Array) -> None:
    """Raise ShapeError unless there is at least one example, and a label for each."""
    if len(x) != len(labels):
        raise ShapeError(f"x has {len(x)} examples and labels has {len(labels)}; expected one label each")
    if len(x) == 0:
        raise ShapeError("x has no examples; expected at least one")


def progress_line(epoch: int, epochs: int, history: History) -> str:
    """Return a bar with the numbers of the last epoch."""
    bar = "#" * math.floor(_BAR_WIDTH * epoch / epochs)
    line = (
        f"epoch {epoch:>{len(str(epochs))}}/{epochs} [{bar:.<{_BAR_WIDTH}}] "
        f"loss {history.loss[-1]:.3f}, accuracy {history.accuracy[-1]:.3f}"
    )
    if history.validation_loss:
        line += f"; validation {history.validation_loss[-1]:.3f}, {history.validation_accuracy[-1]:.3f}"
    return line
