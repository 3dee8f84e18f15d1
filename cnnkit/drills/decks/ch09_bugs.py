"""Chapter 09: common mistakes of training to find and mend."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import BugDrill, Draw, Misconception
from cnnkit.drills.programs import ch09 as programs
from cnnkit.losses import softmax_cross_entropy

Array = NDArray[Any]

LOOP = "The loop, line by line"
LOSSES = "Losses"
LEAKAGE = "Leakage"


def _two_sets(draw: Draw) -> dict[str, Any]:
    c = draw.integer(1, 2)
    train, test = (draw.array(draw.integer(2, 4), c, low=-9, high=9) for _ in range(2))
    # Every column varies, so that nothing is divided by zero.
    for part in (train, test):
        part[0] = part[1] + draw.choice((2, 4))
    return {"train": train, "test": test}


def _scaled(train: Array, test: Array, mean: Array, std: Array) -> Array:
    # A column that does not vary gives NaN, as it does in answers.
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = (np.concatenate([train, test]) - mean) / std
    return result


def _by_training(train: Array, test: Array) -> Array:
    return _scaled(train, test, train.mean(axis=0), train.std(axis=0))


def _by_everything(train: Array, test: Array) -> Array:
    both = np.concatenate([train, test])
    return _scaled(train, test, both.mean(axis=0), both.std(axis=0))


def _by_test(train: Array, test: Array) -> Array:
    return _scaled(train, test, test.mean(axis=0), test.std(axis=0))


def _regression(draw: Draw) -> dict[str, Any]:
    n, features = draw.integer(1, 4), draw.integer(1, 2)
    case = {"x": draw.array(n, features, low=-2, high=2), "t": draw.array(n), "w": draw.array(features)}
    return {**case, "rate": 0.125, "steps": draw.integer(1, 4)}


def _descended(
    x: Array, t: Array, w: Array, rate: float, steps: int, *, sign: int = 1, scale: float = 1.0
) -> Array:
    for _ in range(steps):
        w = w - sign * scale * rate * (x.T @ (x @ w - t)) / len(x)
    return w


def _first_gradient_kept(x: Array, t: Array, w: Array, rate: float, steps: int) -> Array:
    moved: Array = w - steps * rate * (x.T @ (x @ w - t)) / len(x)
    return moved


def _order_case(draw: Draw) -> dict[str, Any]:
    n = draw.integer(2, 5)
    order = np.array(draw.shuffled(range(n)), np.float64)
    return {"x": draw.array(n, 2), "labels": draw.array(n, low=0, high=9), "order": order}


def _unshuffled(x: Array, labels: Array, order: Array) -> Array:
    return np.column_stack([x, labels])


def _labels_only(x: Array, labels: Array, order: Array) -> Array:
    return np.column_stack([x, labels[order.astype(int)]])


def _put_back(x: Array, labels: Array, order: Array) -> Array:
    places = order.astype(int)
    return np.column_stack([x[places][places], labels[places]])


def _logits_case(draw: Draw) -> dict[str, Any]:
    n, k = draw.integer(1, 3), draw.integer(2, 4)
    return {"logits": draw.array(n, k, low=-5, high=5), "labels": draw.array(n, low=0, high=k - 1)}


def _loss(logits: Array, labels: Array) -> float:
    return float(softmax_cross_entropy(logits, labels.astype(np.int64))[0])


def _mean_probability(logits: Array, labels: Array) -> Any:
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(p)), labels.astype(int)].mean())


DECK = [
    BugDrill(
        id="bug-leaking-statistics",
        title="Each by its own statistics",
        section=LEAKAGE,
        difficulty=1,
        minutes=3,
        prompt="""Training and test features are standardised, each set by its own mean and standard
deviation. Repair it: return both sets, training rows first, standardised the way a deployed model would do
it.""",
        function="standardise",
        buggy=programs.each_by_its_own,
        bug="The bug is still there: the test set is normalised with its own statistics.",
        case=_two_sets,
        reference=_by_training,
        solutions=(programs.both_by_training, programs.stacked_by_training),
        misconceptions=(
            Misconception(
                "pooled-statistics",
                _by_everything,
                "Statistics over both sets carry test data into training.",
            ),
            Misconception(
                "test-statistics", _by_test, "The statistics of the test set are not known in training."
            ),
            Misconception(
                "not-divided",
                lambda train, test: np.concatenate([train, test]) - train.mean(axis=0),
                "The standard deviation has gone.",
            ),
        ),
        hints=("Which numbers exist when the model is trained, and are stored with it?",),
        solution="""Mean and standard deviation of the training set belong to the model; everything is
scaled by them.""",
    ),
    BugDrill(
        id="bug-forgotten-zeroing",
        title="Gradients that pile up",
        section=LOOP,
        difficulty=1,
        minutes=4,
        prompt="""A linear model (x times w) is fitted to `t` by gradient descent on half the mean squared
error. The loss swings instead of falling. Repair the loop.""",
        function="fit",
        buggy=programs.fit_without_zeroing,
        bug="The bug is still there: every step adds to the gradients of all steps before.",
        case=_regression,
        reference=_descended,
        solutions=(programs.fit_with_zeroing, programs.fit_by_matrices),
        misconceptions=(
            Misconception(
                "gradient-not-renewed",
                _first_gradient_kept,
                "The gradient must be computed anew with the present weights in every step.",
            ),
            Misconception(
                "sum-for-mean",
                lambda x, t, w, rate, steps: _descended(x, t, w, rate, steps, scale=len(x)),
                "You lost the mean over the examples: the step now grows with the batch.",
            ),
            Misconception(
                "uphill",
                lambda x, t, w, rate, steps: _descended(x, t, w, rate, steps, sign=-1),
                "The step goes against the gradient.",
            ),
        ),
        hints=("What should `gradient` hold at the start of a step?",),
        solution="""A gradient belongs to one step: set it, do not add to it. In PyTorch the gradients add up
on purpose (for accumulation), and `optimizer.zero_grad()` empties them.""",
    ),
    BugDrill(
        id="bug-shuffled-apart",
        title="Shuffled apart",
        section=LOOP,
        difficulty=1,
        minutes=2,
        prompt="""Before each epoch the examples are put into a new `order`. The network only ever learns the
frequency of the classes. Repair it: return x and, as a last column, the labels.""",
        function="shuffle",
        buggy=programs.shuffled_apart,
        bug="The bug is still there: the labels stay where they were, beside other examples.",
        case=_order_case,
        reference=programs.shuffled_together,
        solutions=(programs.shuffled_together, programs.shuffled_by_rows),
        misconceptions=(
            Misconception("not-shuffled", _unshuffled, "The pairs are right again, but nothing is shuffled."),
            Misconception("labels-only", _labels_only, "Now the labels move and the examples stay."),
            Misconception("twice", _put_back, "x is moved twice, so the pairs are torn apart."),
        ),
        hints=("Index both with the same order.",),
        solution="One permutation for both: `x[order], labels[order]`.",
    ),
    BugDrill(
        id="bug-softmax-twice",
        title="A loss that cannot fall",
        section=LOSSES,
        difficulty=2,
        minutes=3,
        prompt="""The mean cross-entropy of `logits` (N, K) with `labels` (N,). On a perfectly fitted
training set it stays far above 0. Repair it.""",
        function="loss",
        buggy=programs.loss_of_probabilities,
        bug="The bug is still there: softmax is applied twice.",
        case=_logits_case,
        reference=_loss,
        solutions=(programs.loss_of_logits, programs.loss_by_examples),
        misconceptions=(
            Misconception(
                "sum-for-mean",
                lambda logits, labels: _loss(logits, labels) * len(logits),
                "Take the mean over the examples, not the sum.",
            ),
            Misconception(
                "log-of-the-mean",
                _mean_probability,
                "Take the logarithm of each example's probability, and then the mean.",
            ),
            Misconception(
                "sign-lost", lambda logits, labels: -_loss(logits, labels), "The loss is minus the logarithm."
            ),
        ),
        hints=("What does each of the calls get, logits or probabilities?",),
        solution="""One softmax, and the logarithm of it: `log(sum(exp(z))) - z[label]`, with the maximum
taken out.""",
    ),
]
