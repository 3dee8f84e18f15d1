"""Chapter 09: losses, loops and schedules, computed by hand."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

LOOP = "The loop, line by line"
LOSSES = "Losses"
SCHEDULES = "Schedules and the learning-rate finder"
CURVES = "Learning curves and early stopping"
SILENCE = "The network does not learn"


def _initial_case(draw: Draw) -> dict[str, object]:
    return {"k": draw.choice((2, 5, 10, 20, 50, 100, 1000))}


def _loss_of_equal_logits(v: SimpleNamespace) -> Any:
    logits = np.zeros(v.k)
    return np.log(np.exp(logits).sum()) - logits[0]


def _epochs_case(draw: Draw) -> dict[str, object]:
    return {
        "n": draw.choice((1000, 1437, 5000, 50000)),
        "b": draw.choice((32, 64, 128)),
        "e": draw.choice((3, 5, 10)),
    }


def _smoothing_case(draw: Draw) -> dict[str, object]:
    return {"k": draw.choice((4, 5, 10, 20)), "percent": draw.choice((10, 20, 30))}


def _smoothed(v: SimpleNamespace) -> Any:
    onehot = np.eye(v.k)[0]
    return ((100 - v.percent) * onehot + v.percent * np.full(v.k, 1 / v.k))[0] / 100


def _accumulation_case(draw: Draw) -> dict[str, object]:
    return {"b": draw.choice((4, 8, 16)), "a": draw.choice((4, 8)), "n": draw.choice((512, 1024, 2048))}


def _updates(v: SimpleNamespace) -> int:
    """Count the optimiser's steps of one epoch in a loop that accumulates."""
    count = 0
    for micro_batch in range(1, v.n // v.b + 1):
        count += micro_batch % v.a == 0
    return count


def _cosine_case(draw: Draw) -> dict[str, object]:
    return {"r": draw.choice((6, 4, 8)), "t": draw.choice((20, 30, 40)), "total": draw.choice((60, 120))}


def _patience_case(draw: Draw) -> dict[str, object]:
    patience, best = draw.choice((2, 3)), draw.integer(3, 5)
    falling = [90 - 8 * epoch for epoch in range(best)]
    bump = falling[1] + 3 if patience > 2 else falling[1]
    rising = [falling[-1] + draw.integer(1, 4) + 2 * step for step in range(6)]
    return {"losses": np.array([falling[0], bump, *falling[2:], *rising]), "patience": patience}


def _stopped(v: SimpleNamespace) -> int:
    best, waited = math.inf, 0
    for epoch, loss in enumerate(v.losses, start=1):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == v.patience:
            return epoch
    return len(v.losses)


DECK = [
    NumericDrill(
        id="initial-loss",
        title="The loss before the first step",
        section=SILENCE,
        difficulty=1,
        minutes=1,
        prompt="""A classifier with @k classes and a softmax head has just been drawn with small weights.
Roughly what should its cross-entropy loss be?""",
        draw=_initial_case,
        answer="log(k)",
        check=_loss_of_equal_logits,
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "one-over-k", "1/k", "That is the probability of the right class; take -log of it."
            ),
            Misconception("log-ten", lambda v: math.log10(v.k), "The loss uses the natural logarithm."),
            Misconception(
                "error-rate", "1 - 1/k", "That is the error rate of a guess, not the cross-entropy."
            ),
        ),
        hints=("Which probability does each class get?",),
        solution=r"""Each class gets about $1/@k$, so the loss is $-\ln(1/@k) = \ln @k$: @answer. Much more
means that the logits start too large, or that loss and head do not fit together.""",
    ),
    NumericDrill(
        id="count-updates",
        title="How many updates?",
        section=LOOP,
        difficulty=1,
        minutes=1,
        prompt="""@n examples, mini-batches of @b (the last one may be smaller and is used), @e epochs. How
many times are the weights updated?""",
        draw=_epochs_case,
        answer="ceil(n / b) * e",
        check=lambda v: len(range(0, v.n, v.b)) * v.e,
        misconceptions=(
            Misconception("last-batch-dropped", "floor(n / b) * e", "The smaller last batch counts too."),
            Misconception("examples", "n * e", "That is how many examples are seen; an update uses a batch."),
            Misconception("epochs", "e", "That would be full-batch gradient descent."),
            Misconception("one-epoch", "ceil(n / b)", "That is one epoch."),
        ),
        hints=("How many batches does one epoch have?",),
        solution=r"$\lceil @n / @b \rceil = @{ceil(n / b)}$ batches an epoch, times @e epochs: @answer.",
    ),
    NumericDrill(
        id="label-smoothing",
        title="A softer target",
        section=LOSSES,
        difficulty=1,
        minutes=1,
        prompt=r"""Label smoothing with $\epsilon$ = @{percent/100} over @k classes: the target is $(1 -
\epsilon)$ of the one-hot vector plus $\epsilon$ of the uniform distribution. What is the target of the right
class?""",
        draw=_smoothing_case,
        answer="1 - percent/100 + percent/100/k",
        check=_smoothed,
        tolerance=1e-6,
        misconceptions=(
            Misconception(
                "uniform-share-forgotten",
                "1 - percent/100",
                "The uniform part gives the right class its share as well.",
            ),
            Misconception(
                "spread-over-the-others",
                "1 - percent/100 + percent/100/(k - 1)",
                "The uniform distribution runs over all classes.",
            ),
            Misconception("wrong-class", "percent/100/k", "That is the target of every other class."),
        ),
        hints=("What does the uniform distribution give to one class?",),
        solution=r"""$@{1 - percent/100} + @{percent/100} / @k$: @answer. All targets still add up to 1, and
no logit has to grow without bound.""",
    ),
    NumericDrill(
        id="accumulated-updates",
        title="Gradient accumulation",
        section=LOOP,
        difficulty=1,
        minutes=2,
        prompt="""Only @b examples fit into memory. The gradients of @a such micro-batches are summed before
each step of the optimiser. How many steps has an epoch over @n examples?""",
        draw=_accumulation_case,
        answer="n / (a * b)",
        check=_updates,
        misconceptions=(
            Misconception("every-micro-batch", "n / b", "That counts backward passes."),
            Misconception("accumulations-only", "n / a", "A micro-batch holds several examples."),
            Misconception("effective-batch", "a * b", "That is the effective batch size."),
        ),
        hints=("How many examples stand behind one step?",),
        solution="""The effective batch has @{a * b} examples, so there are @answer steps. Batch norm still
sees @b examples at a time: accumulation does not mend its statistics.""",
    ),
    NumericDrill(
        id="cosine-rate",
        title="Half a cosine",
        section=SCHEDULES,
        difficulty=2,
        minutes=2,
        prompt=r"""A cosine schedule falls from @r (times 0.001) at step 0 to 0 at step @total. What is the
rate at step @t, in the same unit?""",
        draw=_cosine_case,
        answer=lambda v: v.r * (1 + math.cos(math.pi * v.t / v.total)) / 2,
        check=lambda v: v.r * math.cos(math.pi * v.t / v.total / 2) ** 2,
        tolerance=0.01,
        misconceptions=(
            Misconception("straight-line", lambda v: v.r * (1 - v.t / v.total), "That is a linear schedule."),
            Misconception(
                "half-forgotten",
                lambda v: v.r * math.cos(math.pi * v.t / v.total),
                "cos runs from 1 to -1: add 1 and halve.",
            ),
            Misconception(
                "quarter-wave",
                lambda v: v.r * math.cos(math.pi * v.t / v.total / 2),
                "That is a quarter of the wave: it falls steeply at the end, where a cosine schedule is "
                "flat.",
            ),
        ),
        hints=(r"The rate is $\tfrac{1}{2} r (1 + \cos(\pi t / T))$.",),
        solution=r"$\tfrac12 \cdot @r (1 + \cos(\pi \cdot @t / @total))$: @answer.",
    ),
    NumericDrill(
        id="early-stopping-epoch",
        title="When does it stop?",
        section=CURVES,
        difficulty=1,
        minutes=2,
        prompt="""The validation losses after epochs 1, 2, 3 ... are @losses (in hundredths). Early stopping
with patience @patience ends training once the best loss has not been beaten for @patience epochs in a row.
After which epoch does it stop?""",
        draw=_patience_case,
        answer=_stopped,
        check=lambda v: int(np.argmin(v.losses)) + 1 + v.patience,
        misconceptions=(
            Misconception(
                "best-epoch",
                lambda v: int(np.argmin(v.losses)) + 1,
                "That is the best epoch, whose weights are restored; training goes on a little longer.",
            ),
            Misconception(
                "first-rise",
                lambda v: int(np.argmax(np.diff(v.losses) > 0)) + 2,
                "One worse epoch does not stop it: that is what patience is for.",
            ),
            Misconception("to-the-end", lambda v: len(v.losses), "It stops before the last epoch."),
        ),
        hints=("Find the best epoch first.", "Then count the epochs that do not beat it."),
        solution="""No later loss beats the best one, and @patience epochs later training stops: after epoch
@answer. The weights of the best epoch are put back.""",
    ),
]
