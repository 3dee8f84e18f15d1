"""Chapter 09: steps of optimisers, computed by hand."""

import math
from types import SimpleNamespace

from cnnkit.drills.kinds import Draw, FormulaDrill, Misconception, NumericDrill

OPTIMISERS = "Optimisers"
DECAY = "Weight decay"


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


def _clip_case(draw: Draw) -> dict[str, object]:
    return {"g": 3 * draw.choice((2, 4, 6)), "h": 4 * draw.choice((2, 4, 6)), "c": draw.choice((1, 5))}


def _clipped(v: SimpleNamespace) -> tuple[float, ...]:
    """Return the vector of norm c that points where (g, h) points."""
    angle = math.atan2(v.h, v.g)
    return v.c * math.cos(angle), v.c * math.sin(angle)


DECK = [
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
