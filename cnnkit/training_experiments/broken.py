"""Runs that went wrong: the symptoms first, the diagnosis when one asks for it.

Cases A to E are the *Common mistakes* of the course's text; F to J are the bugs that interviewers ask about.
"""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cnnkit.data import Split
from cnnkit.errors import OptionError
from cnnkit.layers import Conv2D, Dense, Flatten, Layer
from cnnkit.losses import Result, softmax_cross_entropy
from cnnkit.network import Sequential
from cnnkit.optim import SGD, Adam, Optimizer
from cnnkit.train import Trainer
from cnnkit.training_experiments.common import Array, few_digits, small_cnn

__all__ = ["CASES", "Symptoms", "diagnosis", "symptoms"]


@dataclass(frozen=True)
class Case:
    """A broken set-up, and what is wrong with it."""

    says: str
    count: int = 300
    network: Callable[[], Sequential] = small_cnn
    optimizer: Callable[[], Optimizer] = field(default=lambda: Adam(0.003))
    pixels: Callable[[Array], Array] = field(default=lambda x: x)
    labels: Callable[[NDArray[np.int64]], NDArray[np.int64]] = field(default=lambda y: y)
    loss: Callable[[Array, Array], Result] = softmax_cross_entropy
    epochs: int = 12


@dataclass(frozen=True)
class Symptoms:
    """What one sees of a run.

    Attributes:
        losses: training loss of every epoch.
        first_loss: the loss of the first batch, before any step.
        train, test: accuracies at the end.
        gradient_norm: of the first step.
        dead: share of hidden ReLU units that are 0 for all training examples, at the end.
        params: how many numbers are trained.
    """

    losses: NDArray[np.float64]
    first_loss: float
    train: float
    test: float
    gradient_norm: float
    dead: float
    params: int

    def __str__(self) -> str:
        shown = ", ".join(f"{loss:.2f}" for loss in self.losses[[0, 1, 3, -1]])
        return (
            f"first loss {self.first_loss:.2f} (ln 10 = 2.30), epochs 1, 2, 4, last: {shown}\n"
            f"training accuracy {self.train:.0%}, test {self.test:.0%}; {self.params:,} parameters\n"
            f"gradient norm of the first step {self.gradient_norm:.1g}, dead units {self.dead:.0%}"
        )


def _very_deep() -> Sequential:
    layers: list[Layer] = [Conv2D(24, 3, padding="same", activation="relu") for _ in range(4)]
    layers += [Flatten(), Dense(128, activation="relu"), Dense(10)]
    return Sequential(layers, input_shape=(8, 8, 1), dtype=np.float64)


def _bad_geometry() -> Sequential:
    layers = [Conv2D(8, 2, stride=4, activation="relu"), Flatten(), Dense(64, activation="relu"), Dense(10)]
    return Sequential(layers, input_shape=(8, 8, 1), dtype=np.float64)


def _zero_weights() -> Sequential:
    network = small_cnn()
    for array in network.params.values():
        array[...] = 0
    return network


def _dead_start() -> Sequential:
    network = small_cnn()
    network.params["conv2d/b"][...] = -8
    return network


def _twice_softmaxed(logits: Array, labels: Array) -> Result:
    """Return the loss of a softmax that is given probabilities for logits, with its true gradient."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss, dp = softmax_cross_entropy(p, labels)
    return loss, p * (dp - (dp * p).sum(axis=1, keepdims=True))


def _apart(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.random.default_rng(0).permutation(labels)


CASES: Mapping[str, Case] = {
    "A": Case(
        "Overfitting: four wide layers and 60 digits. Training is perfect, the test is far behind. More data,"
        " augmentation, a smaller network. (Source: too many layers without sufficient data.)",
        count=60,
        network=_very_deep,
        epochs=25,
    ),
    "B": Case(
        "Pixels from 0 to 255, not normalised: the first loss is far above ln 10, and so is the gradient."
        " Scale the input; then look at the learning rate. (Source: ignoring normalization.)",
        pixels=lambda x: 255 * x,
        optimizer=lambda: SGD(0.05, momentum=0.9),
    ),
    "C": Case(
        "A 2x2 kernel with stride 4: 12 of every 16 pixels are never looked at. Training creeps and the test"
        " stays low, whatever the regularisation. (Source: improper kernel size and stride.)",
        network=_bad_geometry,
    ),
    "D": Case(
        "A fifth of the labels is wrong, and nothing stops the network from learning them by heart: the"
        " training accuracy beats the test. (Source: skipping dropout or regularization.)",
        labels=lambda y: np.where(np.arange(len(y)) % 5 == 0, (y + 3) % 10, y),
        epochs=40,
    ),
    "E": Case(
        "Twenty digits are too few to learn what a digit is, from nothing. A network pretrained on similar"
        " pictures would have its features already. (Source: not leveraging transfer learning; chapter 10.)",
        count=20,
        epochs=40,
    ),
    "F": Case(
        "The labels were shuffled apart from the images: the loss starts right, falls a little as the network"
        " learns by heart, and the test is no better than a guess (it can fall below: each class gets the"
        " label that it met most often, a wrong one). Look at some pairs.",
        labels=_apart,
    ),
    "G": Case(
        "All weights start at 0: the first loss is exactly ln 10, the gradient nearly nothing, and all units"
        " of a layer stay equal (here silent). Only the last bias learns. J looks alike: print the weights.",
        network=_zero_weights,
    ),
    "H": Case(
        "The learning rate is far too small: everything looks healthy, the gradient too, and nothing moves."
        " Sweep the rate by factors of 3 to 10.",
        optimizer=lambda: SGD(1e-5),
    ),
    "I": Case(
        "Softmax twice: the network's probabilities go into a loss that expects logits. It learns, but the"
        " loss cannot fall below 1.46 = ln(e + 9) - 1: probabilities differ by 1 at most.",
        loss=_twice_softmaxed,
    ),
    "J": Case(
        "The convolution's biases start at -8: all its ReLUs are silent on every digit, no gradient reaches"
        " the layers before the last, and the same answer is given to all. The dead units say so; what tells"
        " it from G is the weights: zeros there, healthy ones with biases of -8 here.",
        network=_dead_start,
    ),
}


def symptoms(case: str) -> Symptoms:
    """Train the broken set-up `case`, return what can be seen of it. Raises OptionError for no such case."""
    setup = _case(case)
    split = few_digits(setup.count, 0)
    network = setup.network()
    pixels = setup.pixels
    trainer = Trainer(
        network,
        pixels(split.x_train),
        setup.labels(split.y_train),
        optimizer=setup.optimizer(),
        batch_size=20,
        loss=setup.loss,
    )
    with np.errstate(all="ignore"):
        trainer.run(setup.epochs)
        return _seen(trainer, split, pixels, setup)


def diagnosis(case: str) -> str:
    """Return what was wrong with `case`. Raises OptionError for no such case."""
    return textwrap.fill(f"{case}: {_case(case).says}", 100)


def _case(case: str) -> Case:
    if case not in CASES:
        raise OptionError(f"case is {case!r}; expected one of {', '.join(CASES)}")
    return CASES[case]


def _seen(trainer: Trainer, split: Split, pixels: Callable[[Array], Array], setup: Case) -> Symptoms:
    network = trainer.network
    hidden = [
        z.reshape(-1, z.shape[-1])
        for name, z in network.activations(pixels(split.x_train)).items()
        if name.endswith("/relu")
    ]
    dead = np.concatenate([(z <= 0).all(axis=0) for z in hidden])
    return Symptoms(
        np.array(trainer.history.loss),
        trainer.losses[0],
        network.evaluate(pixels(split.x_train), setup.labels(split.y_train))[1],
        network.evaluate(pixels(split.x_test), split.y_test)[1],
        trainer.gradient_norms[0],
        float(dead.mean()),
        network.count_params(),
    )
