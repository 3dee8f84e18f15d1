"""Chapter 09: steps of optimisers and schedules, computed by hand."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from cnnkit.drills.kinds import Draw, FormulaDrill, Misconception, NumericDrill

LOOP = "The loop, line by line"
LOSSES = "Losses"
OPTIMISERS = "Optimisers"
SCHEDULES = "Schedules and the learning-rate finder"
DECAY = "Weight decay"
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


def _momentum_case(draw: Draw) -> dict[str, object]:
    return {"w": draw.integer(3, 9), "g1": draw.choice((1, 2, 4)), "g2": draw.choice((-2, 3, 5))}


def _after_two_steps(v: SimpleNamespace) -> float:
    w, velocity = float(v.w), 0.0
    for gradient in (v.g1, v.g2):
        velocity = 0.9 * velocity + gradient
        w -= 0.1 * velocity
    return w


def _adam_case(draw: Draw) -> dict[str, object]:
    return {"w": draw.integer(2, 6), "g": draw.choice((-400, -8, -5, 3, 7, 50, 900))}


def _first_adam_step(v: SimpleNamespace) -> float:
    m, s = 0.1 * v.g, 0.001 * v.g**2
    m_hat, s_hat = m / (1 - 0.9), s / (1 - 0.999)
    return float(v.w - 0.01 * m_hat / math.sqrt(s_hat))


def _sign(number: float) -> int:
    return 1 if number > 0 else -1


def _moment(v: SimpleNamespace) -> float:
    m = 0.0
    for _ in range(v.t):
        m = v.p / 100 * m + (1 - v.p / 100) * v.g
    return m


def _decay_case(draw: Draw) -> dict[str, object]:
    return {"w": draw.integer(2, 9), "g": draw.choice((-3, -1, 1, 2, 4))}


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


def _clip_case(draw: Draw) -> dict[str, object]:
    return {"g": 3 * draw.choice((2, 4, 6)), "h": 4 * draw.choice((2, 4, 6)), "c": draw.choice((1, 5))}


def _clipped(v: SimpleNamespace) -> tuple[float, ...]:
    """Return the vector of norm c that points where (g, h) points."""
    angle = math.atan2(v.h, v.g)
    return v.c * math.cos(angle), v.c * math.sin(angle)


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
        id="momentum-steps",
        title="Two steps with momentum",
        section=OPTIMISERS,
        difficulty=2,
        minutes=3,
        prompt=r"""SGD with momentum 0.9 and learning rate 0.1: $v := 0.9 v + g$, $w := w -
0.1 v$, with v = 0 at first. The weight starts at @w; the first gradient is @g1, the second @g2. What is the
weight after both steps?""",
        draw=_momentum_case,
        answer="w - 0.1 * g1 - 0.1 * (0.9 * g1 + g2)",
        check=_after_two_steps,
        tolerance=1e-6,
        misconceptions=(
            Misconception("no-momentum", "w - 0.1 * (g1 + g2)", "That is plain SGD."),
            Misconception(
                "weighted-mean",
                "w - 0.1 * 0.1 * g1 - 0.1 * (0.09 * g1 + 0.1 * g2)",
                "You averaged, with 1 - 0.9 in front of the gradient. Here the gradient enters whole.",
            ),
            Misconception(
                "first-step-forgotten", "w - 0.1 * (0.9 * g1 + g2)", "The first step moves the weight too."
            ),
            Misconception(
                "uphill", "w + 0.1 * g1 + 0.1 * (0.9 * g1 + g2)", "The step goes against the gradient."
            ),
        ),
        hints=("After the first step v is the first gradient.",),
        solution=r"""Step 1: $v = @g1$, $w = @{w - 0.1 * g1}$. Step 2: $v = 0.9 \cdot @g1 + (@g2) = @{0.9 *
g1 + g2}$, and the weight becomes @answer.""",
    ),
    NumericDrill(
        id="adam-first-step",
        title="Adam's first step",
        section=OPTIMISERS,
        difficulty=2,
        minutes=3,
        prompt=r"""Adam with learning rate 0.01, $\beta_1 = 0.9$, $\beta_2 = 0.999$ and a negligible
$\epsilon$. The weight is @w and its first gradient @g. What is the weight after the first step?""",
        draw=_adam_case,
        answer=lambda v: v.w - 0.01 * _sign(v.g),
        check=_first_adam_step,
        tolerance=1e-6,
        misconceptions=(
            Misconception(
                "plain-sgd",
                lambda v: v.w - 0.01 * v.g,
                "That is SGD. Adam divides by the root of the mean square, so the size of g cancels.",
            ),
            Misconception(
                "no-bias-correction",
                lambda v: v.w - 0.01 * _sign(v.g) * 0.1 / math.sqrt(0.001),
                "The moments start at 0 and must be divided by 1 - beta to the power t.",
            ),
            Misconception(
                "uphill", lambda v: v.w + 0.01 * _sign(v.g), "The step goes against the gradient's sign."
            ),
            Misconception(
                "root-forgotten",
                lambda v: v.w - 0.01 / v.g,
                "Divide by the root of the second moment, not by the second moment.",
            ),
        ),
        hints=("Compute both corrected moments: what are they after one step?",),
        solution=r"""The corrected moments are $\hat m = g$ and $\hat v = g^2$, so the step is $0.01 \cdot g /
|g|$: exactly the learning rate, whatever the size of the gradient. The weight becomes @answer.""",
    ),
    NumericDrill(
        id="decay-step",
        title="One step with weight decay",
        section=DECAY,
        difficulty=1,
        minutes=2,
        prompt=r"""Plain SGD with learning rate 0.1 and weight decay 0.5: $w := w - 0.1 (g + 0.5 w)$.
The weight is @w and the gradient of the data's loss @g. What is the weight after the step?""",
        draw=_decay_case,
        answer="w - 0.1 * (g + 0.5 * w)",
        check=lambda v: v.w * (1 - 0.1 * 0.5) - 0.1 * v.g,
        tolerance=1e-6,
        misconceptions=(
            Misconception("no-decay", "w - 0.1 * g", "That is the step without decay."),
            Misconception(
                "rate-forgotten", "w - 0.1 * g - 0.5 * w", "The decay is multiplied by the learning rate too."
            ),
            Misconception("decay-grows", "w - 0.1 * (g - 0.5 * w)", "Decay pulls the weight towards zero."),
            Misconception(
                "loss-for-gradient",
                "w - 0.1 * (g + 0.25 * w^2)",
                "You added the penalty itself; the step needs its derivative.",
            ),
        ),
        hints=("Put the numbers into the bracket first.",),
        solution=r"""$@w - 0.1 (@g + 0.5 \cdot @w)$: @answer. For plain SGD this is the same as an L2 penalty
of $0.25 w^2$; for Adam it is not, which is why AdamW exists.""",
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
        id="clipped-gradient",
        title="Clip by norm",
        section=OPTIMISERS,
        difficulty=2,
        minutes=2,
        prompt="""The gradient is (@g, @h). It is clipped to a norm of at most @c, keeping its direction.
What is it afterwards (two numbers, to within a percent)?""",
        draw=_clip_case,
        answer=lambda v: (v.c * v.g / math.hypot(v.g, v.h), v.c * v.h / math.hypot(v.g, v.h)),
        check=_clipped,
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "clipped-by-value",
                lambda v: (min(v.g, v.c), min(v.h, v.c)),
                "That clips every component, which turns the direction.",
            ),
            Misconception(
                "divided-by-the-limit",
                lambda v: (v.g / v.c, v.h / v.c) if v.c > 1 else (v.g / 2, v.h / 2),
                "Divide by the norm and multiply by the limit.",
            ),
            Misconception(
                "sum-for-norm",
                lambda v: (v.c * v.g / (v.g + v.h), v.c * v.h / (v.g + v.h)),
                "The norm is the root of the sum of squares, not the sum.",
            ),
        ),
        hints=("What is the norm of the gradient?", "By which factor must it shrink?"),
        solution=r"""The norm is $\sqrt{@g^2 + @h^2}$, more than @c; so both components are multiplied by @c
over the norm: @answer.""",
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
    FormulaDrill(
        id="moment-bias",
        title="Why Adam corrects its moments",
        section=OPTIMISERS,
        difficulty=2,
        minutes=3,
        prompt=r"""Adam's first moment starts at 0 and follows $m := \beta m + (1 - \beta) g$, with $\beta =
p/100$. All gradients equal g. Write m after t steps as a formula in g, p and t.""",
        names={"g": (1, 9), "p": (10, 99), "t": (1, 12)},
        answer="g * (1 - (p/100)^t)",
        check=_moment,
        misconceptions=(
            Misconception("no-bias", "g", "So it would be if m started at g. It starts at 0."),
            Misconception("one-step", "g * (1 - p/100)", "That is m after the first step."),
            Misconception("what-is-missing", "g * (p/100)^t", "That is how much is still missing."),
            Misconception(
                "linear", "g * t * (1 - p/100)", "Older contributions fade by the factor beta in each step."
            ),
        ),
        hints=(
            "Write m after one, two and three steps.",
            "How far is m from g, and by what does that shrink?",
        ),
        solution=r"""The distance from g starts at g and shrinks by the same factor
in each step, so $m = g (1 -
\beta^t)$. Dividing by $1 - \beta^t$ gives g at once: that is the bias correction (Kingma and Ba, 2014).""",
    ),
]
