"""Chapter 09: batch normalisation, dropout and several seeds, computed by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.normalization import batch_norm

NORM = "Batch normalisation"
DROPOUT = "Dropout"
INPUT = "Normalising the input"
OVERFITTING = "Overfitting, made and cured"


def _dropout_case(draw: Draw) -> dict[str, object]:
    x = np.array([draw.choice((2, 4, 6, 8)) for _ in range(4)], np.float64)
    kept = np.array(draw.shuffled([1, 1, 0, draw.choice((0, 1))]), np.float64)
    return {"x": x, "kept": kept, "p": draw.choice((20, 50, 75))}


def _dropped(v: SimpleNamespace) -> list[float]:
    return [float(a * k * 100 / (100 - v.p)) for a, k in zip(v.x, v.kept, strict=True)]


def _batch_case(draw: Draw) -> dict[str, object]:
    middle, spread = draw.integer(-2, 6), draw.choice((1, 2, 3))
    x = np.array(
        draw.shuffled([middle - spread, middle - spread, middle + spread, middle + spread]), np.float64
    )
    return {"x": x, "gamma": draw.choice((2, 3)), "beta": draw.choice((1, -1, 4))}


def _normed(v: SimpleNamespace, spread: float | None = None) -> Any:
    std = v.x.std() if spread is None else spread
    return v.gamma * (v.x - v.x.mean()) / std + v.beta


def _by_the_library(v: SimpleNamespace) -> Any:
    scale, shift = np.array([float(v.gamma)]), np.array([float(v.beta)])
    return batch_norm(v.x[:, None], scale, shift, eps=1e-12)[0].ravel()


def _running_case(draw: Draw) -> dict[str, object]:
    old = draw.integer(1, 9)
    return {"old": old, "new": old + draw.choice((10, 20, -10)), "m": draw.choice((90, 99))}


def _map_case(draw: Draw) -> dict[str, object]:
    return {
        "n": draw.choice((8, 32, 64)),
        "s": draw.choice((7, 14, 28, 56)),
        "c": draw.choice((16, 64, 128, 256)),
    }


def _pixel_case(draw: Draw) -> dict[str, object]:
    return {
        "mean": draw.choice((100, 110, 120)),
        "std": draw.choice((50, 60, 40)),
        "x": draw.integer(130, 250),
    }


def _seeds_case(draw: Draw) -> dict[str, object]:
    return {"mean": draw.choice((90, 92, 94)), "s": draw.choice((1, 2, 3))}


DECK = [
    NumericDrill(
        id="inverted-dropout",
        title="Inverted dropout by hand",
        section=DROPOUT,
        difficulty=1,
        minutes=2,
        prompt="""Activations @x, dropout rate @p %, and the draw says keep (1) or drop (0): @kept. What does
inverted dropout return in training (four numbers)?""",
        draw=_dropout_case,
        answer=_dropped,
        check=lambda v: np.where(v.kept == 1, v.x / (1 - v.p / 100), 0.0),
        tolerance=1e-6,
        misconceptions=(
            Misconception(
                "not-scaled",
                lambda v: v.x * v.kept,
                "The kept ones must be scaled up by 1/(1 - p), so that the expected value stays.",
            ),
            Misconception(
                "scaled-down",
                lambda v: v.x * v.kept * (1 - v.p / 100),
                "Scaling down belongs to classic dropout at test time. Inverted dropout scales up in "
                "training.",
            ),
            Misconception(
                "divided-by-the-rate",
                lambda v: v.x * v.kept * 100 / v.p,
                "Divide by the share that is *kept*.",
            ),
            Misconception("mask-inverted", lambda v: v.x * (1 - v.kept) * 100 / (100 - v.p), "1 means keep."),
        ),
        hints=("Which factor keeps the expected value?",),
        solution=r"""Kept activations are multiplied by $1 / (1 - @{p/100}) = @{1 / (1 - p/100)}$, the others
are 0: @answer. At test nothing is dropped and nothing scaled.""",
    ),
    NumericDrill(
        id="batch-norm-by-hand",
        title="Normalise a batch",
        section=NORM,
        difficulty=2,
        minutes=3,
        prompt=r"""One channel of a batch holds @x. Apply batch norm in training mode, with $\gamma =
@gamma$, $\beta = @beta$ and a negligible $\epsilon$ (four numbers).""",
        draw=_batch_case,
        answer=_normed,
        check=_by_the_library,
        tolerance=1e-6,
        misconceptions=(
            Misconception(
                "gamma-beta-forgotten",
                lambda v: (v.x - v.x.mean()) / v.x.std(),
                "Then come gamma and beta.",
            ),
            Misconception(
                "sample-variance",
                lambda v: _normed(v, v.x.std(ddof=1)),
                "The layer divides by the batch's own variance, with N and not N - 1.",
            ),
            Misconception(
                "mean-not-subtracted",
                lambda v: v.gamma * v.x / v.x.std() + v.beta,
                "Subtract the mean first.",
            ),
            Misconception(
                "divided-by-variance",
                lambda v: _normed(v, float(v.x.var())),
                "Divide by the standard deviation, not by the variance.",
            ),
        ),
        hints=("Mean first, then the deviations, then the variance (over N).",),
        solution=r"""Every value lies one standard deviation from the mean, so the normalised ones are -1 and
1; times @gamma, plus @beta: @answer.""",
    ),
    NumericDrill(
        id="running-mean",
        title="The running mean",
        section=NORM,
        difficulty=1,
        minutes=1,
        prompt="""A batch-norm layer holds a running mean of @old; the mean of the present batch is @new.
Keras' momentum, the share that is kept, is @m %. What is the running mean afterwards?""",
        draw=_running_case,
        answer="m/100 * old + (1 - m/100) * new",
        check=lambda v: v.old + (100 - v.m) * (v.new - v.old) / 100,
        tolerance=1e-6,
        misconceptions=(
            Misconception(
                "pytorch-sense",
                "(1 - m/100) * old + m/100 * new",
                "That is PyTorch's sense of momentum, where it is the share of the new value.",
            ),
            Misconception("plain-mean", "(old + new) / 2", "The two are weighted by the momentum."),
            Misconception(
                "replaced", "new", "The batch's mean is used in training, and only blended in here."
            ),
        ),
        hints=("How much of the old value is kept?",),
        solution=r"""$@{m/100} \cdot @old + @{1 - m/100} \cdot (@new)$: @answer. The same setting is momentum
@{1 - m/100} in PyTorch.""",
    ),
    NumericDrill(
        id="batch-norm-parameters",
        title="What a batch norm learns",
        section=NORM,
        difficulty=1,
        minutes=1,
        prompt="""Batch norm follows a convolution whose output is @{n}x@{s}x@{s}x@c (N, H, W, C). How many
numbers does the layer learn by gradient?""",
        draw=_map_case,
        answer="2 * c",
        check=lambda v: np.zeros((2, v.n, v.s, v.s, v.c)).mean(axis=(1, 2, 3)).size,
        misconceptions=(
            Misconception(
                "running-ones-too", "4 * c", "The running mean and variance are not learned by gradient."
            ),
            Misconception("per-position", "2 * s * s * c", "All positions of a channel share one pair."),
            Misconception("one-per-channel", "c", "A scale and a shift for each channel."),
            Misconception("per-example", "2 * n * c", "The batch shares them too."),
        ),
        hints=("Which axes are averaged over?",),
        solution="""One pair of gamma and beta for each channel: @answer. As many running statistics are
stored beside them, which no gradient touches.""",
    ),
    NumericDrill(
        id="standardised-pixel",
        title="One pixel, normalised",
        section=INPUT,
        difficulty=1,
        minutes=1,
        prompt="""On the training set a channel has mean @mean and standard deviation @std, on the test set
mean @{mean + 20}. A test pixel is @x. What enters the network (to within 1 %)?""",
        draw=_pixel_case,
        answer="(x - mean) / std",
        check=lambda v: (v.x / v.std) - (v.mean / v.std),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "test-statistics",
                "(x - mean - 20) / std",
                "Test data are normalised with the *training* statistics: anything else leaks, and a single "
                "image in production has no set of its own.",
                section="Leakage",
            ),
            Misconception("over-255", "x / 255", "That only brings it to [0, 1]."),
            Misconception("not-divided", "x - mean", "Divide by the standard deviation as well."),
        ),
        hints=("Whose statistics does the network know?",),
        solution=r"$(@x - @mean) / @std$: @answer. The training set's statistics belong to the model.",
    ),
    NumericDrill(
        id="interval-of-five-seeds",
        title="Five seeds",
        section=OVERFITTING,
        difficulty=2,
        minutes=3,
        prompt="""Five seeds give a mean accuracy of @mean %, with a sample standard deviation of @s points.
How many points is the half-width of the 95 % confidence interval of the mean? (Student's t for 4 degrees of
freedom: 2.776.)""",
        draw=_seeds_case,
        answer="2.776 * s / sqrt(5)",
        check=lambda v: 2.776 * (v.s**2 / 5) ** 0.5,
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "normal-quantile", "1.96 * s / sqrt(5)", "1.96 is for many seeds; five need Student's 2.776."
            ),
            Misconception(
                "spread-of-one-run", "2.776 * s", "The mean of five scatters less: divide by the root of 5."
            ),
            Misconception("divided-by-five", "2.776 * s / 5", "Divide by the *root* of the number of seeds."),
            Misconception("standard-error", "s / sqrt(5)", "That is the standard error; times 2.776."),
        ),
        hints=("First the standard error of the mean.",),
        solution=r"""$2.776 \cdot @s / \sqrt{5}$: @answer points. Two settings whose intervals overlap widely
have not been told apart.""",
    ),
]
