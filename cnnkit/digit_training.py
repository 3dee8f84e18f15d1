"""How the shipped digit network is trained, and how good such networks are on hands they have never seen.

``python -m cnnkit.digit_training`` trains it anew from five seeds on both kinds of split, and says what came
out; with ``--write FILE.npz`` it makes the shipped weights instead.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit import augment
from cnnkit.data import Split, digit_forms, digits, train_test_split
from cnnkit.errors import OptionError
from cnnkit.intervals import mean_interval
from cnnkit.network import Sequential
from cnnkit.optim import Adam, cosine
from cnnkit.train import Trainer
from cnnkit.zoo.digits import digit_network, trained_digits

__all__ = ["DigitRuns", "digit_runs", "form_split", "other_hands", "train_digits"]

HELD_OUT_FORMS = (11, 12, 13)
"""The forms that the shipped weights have never seen: the last three, 382 digits."""

_EPOCHS, _BATCH_SIZE, _RATE = 30, 32, 0.003
_FORMS_PER_TEST = 3


def form_split(held_out: Sequence[int] = HELD_OUT_FORMS) -> Split:
    """Return the digits, (N, 8, 8, 1), with all of some forms for testing: hands that training never saw.

    Raises OptionError unless `held_out` names at least one of the forms 0 to 13, and not all of them.
    """
    images, labels = digits()
    forms = digit_forms()
    test = np.isin(forms, list(held_out))
    if not test.any() or test.all() or not set(held_out) <= set(forms.tolist()):
        raise OptionError(f"held_out is {held_out!r}; expected some of the forms 0 to {forms.max()}")
    x = images[..., np.newaxis]
    return Split(x[~test], labels[~test], x[test], labels[test])


def train_digits(
    x: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int = 0, epochs: int = _EPOCHS
) -> Sequential:
    """Return a `digit_network` trained on `x` (N, 8, 8, 1) and `labels` (N,), by Adam with a cosine schedule.

    Every batch is turned, stretched, sheared and moved a little, which stands for more hands.
    """
    steps = epochs * -(-len(x) // _BATCH_SIZE)
    network = digit_network(seed)
    trainer = Trainer(
        network,
        x,
        labels,
        optimizer=Adam(),
        batch_size=_BATCH_SIZE,
        seed=seed,
        augment=other_hands,
        schedule=cosine(_RATE, steps, end=_RATE / 1000),
    )
    trainer.run(epochs)
    return network


def other_hands(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return digits (N, 8, 8, 1) as another hand might have written them, and the scanner cut them out."""
    return augment.affine(x, rng, degrees=12.0, scale=0.15, stretch=0.15, shear=0.2, offset=0.8)


@dataclass(frozen=True)
class DigitRuns:
    """Test accuracies of a few trainings, each from its own seed and on its own split.

    Attributes:
        split: "random" or "forms".
        accuracy: (seeds,) float64 in [0, 1], each on the digits that its training did not see.
        test_counts: how many digits each was tested on.
    """

    split: str
    accuracy: NDArray[np.float64]
    test_counts: tuple[int, ...]

    def __str__(self) -> str:
        runs = ", ".join(f"{accuracy:.1%}" for accuracy in self.accuracy)
        kinds = {"random": "a random quarter of the digits", "forms": "forms held out whole"}
        return f"{kinds[self.split]}: {runs}\n  mean and 95 % interval: {mean_interval(self.accuracy)}"


def digit_runs(
    split: str = "random", *, seeds: Sequence[int] = (0, 1, 2, 3, 4), epochs: int = _EPOCHS
) -> DigitRuns:
    """Return the test accuracies of `train_digits`, one run for each seed.

    "random" holds out a quarter of the digits, drawn by the seed: the same hands are in both parts. "forms"
    holds out three whole forms, drawn by the seed: test digits are by hands that training never saw, which
    is harder and closer to what a user of the network meets. Raises OptionError for another word.
    """
    if split not in ("random", "forms"):
        raise OptionError(f'split is {split!r}; expected "random" or "forms"')
    accuracies, counts = [], []
    for seed in seeds:
        part = _random_split(seed) if split == "random" else form_split(_some_forms(seed))
        network = train_digits(part.x_train, part.y_train, seed=seed, epochs=epochs)
        accuracies.append(network.evaluate(part.x_test, part.y_test)[1])
        counts.append(len(part.y_test))
    return DigitRuns(split, np.array(accuracies), tuple(counts))


def _random_split(seed: int) -> Split:
    images, labels = digits()
    return train_test_split(images[..., np.newaxis], labels, seed=seed)


def _some_forms(seed: int) -> list[int]:
    return sorted(np.random.default_rng(seed).permutation(14)[:_FORMS_PER_TEST].tolist())


def _report() -> Iterator[str]:
    for split in ("random", "forms"):
        yield str(digit_runs(split))
    part = form_split()
    accuracy = trained_digits().evaluate(part.x_test, part.y_test)[1]
    yield f"shipped weights on forms {HELD_OUT_FORMS}: {accuracy:.1%}"


def _main(arguments: list[str]) -> None:
    if arguments[:1] == ["--write"]:
        part = form_split()
        train_digits(part.x_train, part.y_train).save(arguments[1])
    else:
        for line in _report():
            print(line)


if __name__ == "__main__":
    _main(sys.argv[1:])
