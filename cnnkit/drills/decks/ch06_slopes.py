"""Chapter 06: slopes and probabilities by hand."""

import math
from types import SimpleNamespace

import numpy as np

from cnnkit import activations
from cnnkit.drills.declaration import Values
from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.losses import softmax_cross_entropy

FUNCTIONS = "The functions and their derivatives"
SATURATION = "Saturation: products of small slopes"
KINK = "ReLU and its kink"
SOFTMAX = "Softmax: a vector map"
LOSS = "Cross-entropy or squared error?"


def _two_logits(draw: Draw) -> Values:
    b = draw.integer(-3, 2)
    return {"a": b + draw.integer(1, 4), "b": b, "t": draw.choice((2, 3, 4, 5))}


def _signed(draw: Draw, count: int) -> list[int]:
    return [draw.choice((-1, 1)) * draw.integer(1, 5) for _ in range(count)]


def _leaky_case(draw: Draw) -> Values:
    z, dy = (np.array(_signed(draw, 4), float) for _ in range(2))
    return {"z": z, "dy": dy, "alpha": draw.choice((0.1, 0.2, 0.25))}


def _gated(gate: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", v: SimpleNamespace) -> list[float]:
    """Return dy times 1 where `gate` is positive, times alpha elsewhere."""
    return [float(d * (1 if g > 0 else v.alpha)) for g, d in zip(gate, v.dy, strict=True)]


def _three_shares(draw: Draw) -> Values:
    p = draw.integer(2, 6)
    q = draw.integer(1, 9 - p)
    return {"p": p / 10, "q": q / 10, "r": (10 - p - q) / 10}


def _jacobian_entries(v: SimpleNamespace) -> list[float]:
    jacobian = activations.softmax_grad(np.log([v.p, v.q, v.r]))
    return [float(jacobian[0, 0]), float(jacobian[0, 1])]


def _two_class_loss(v: SimpleNamespace, scale: float) -> float:
    return float(softmax_cross_entropy(np.array([scale * v.m, 0.0]), np.array(0))[0])


DECK = [
    NumericDrill(
        id="sigmoid-slope-product",
        title="A chain of sigmoids",
        section=SATURATION,
        difficulty=1,
        minutes=1,
        prompt="""A gradient passes backwards through @layers sigmoids, one after the other, and nothing
else (every weight is 1). What is the *largest* factor by which it can be multiplied?""",
        draw=lambda draw: {"layers": draw.integer(3, 9)},
        answer=lambda v: 0.25**v.layers,
        check=lambda v: np.prod(activations.sigmoid_grad(np.zeros(v.layers))),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "one-layer-short",
                lambda v: 0.25 ** (v.layers - 1),
                "One layer is missing: every sigmoid contributes a factor of its own.",
            ),
            Misconception(
                "value-for-slope",
                lambda v: 0.5**v.layers,
                "You multiplied the sigmoid's *value* at 0, which is 0.5. The slope there is 0.25.",
            ),
            Misconception(
                "slopes-added",
                lambda v: 0.25 * v.layers,
                "You added the slopes. The chain rule multiplies them.",
            ),
            Misconception(
                "slope-of-one",
                lambda v: 1.0,
                "A slope of 1 is tanh's at its steepest, or ReLU's. The sigmoid is never steeper than 0.25.",
                FUNCTIONS,
            ),
        ),
        hints=(
            "Where is the sigmoid steepest, and how steep is it there?",
            "The chain rule multiplies slopes.",
        ),
        solution=r"""The slope $s (1 - s)$ is largest for $s = 0.5$, at $x = 0$: 0.25. The chain rule
multiplies, so $0.25^{@layers}$ = **@answer** at best.""",
    ),
    NumericDrill(
        id="sigmoid-slope-from-output",
        title="The sigmoid's slope from its output",
        section=FUNCTIONS,
        difficulty=1,
        minutes=1,
        prompt="A sigmoid unit puts out $@s$. What is its slope there?",
        draw=lambda draw: {"s": draw.integer(11, 19) / 20},
        answer=lambda v: v.s * (1 - v.s),
        check=lambda v: activations.sigmoid_grad(np.array(math.log(v.s / (1 - v.s)))),
        tolerance=0.01,
        misconceptions=(
            Misconception("tanh-rule", lambda v: 1 - v.s**2, "$1 - a^2$ is the rule for tanh."),
            Misconception("one-minus", lambda v: 1 - v.s, "The other factor, $s$ itself, is missing."),
            Misconception("squared", lambda v: v.s**2, r"The second factor is $1 - s$, not $s$."),
        ),
        hints=("You need no x: the slope can be written with the output alone.", r"$s \cdot (1 - s)$."),
        solution=r"$s (1 - s) = @s \cdot @{1 - s}$ = **@answer**.",
    ),
    NumericDrill(
        id="tanh-slope-from-output",
        title="Tanh's slope from its output",
        section=FUNCTIONS,
        difficulty=1,
        minutes=1,
        prompt="A tanh unit puts out $@a$. What is its slope there?",
        draw=lambda draw: {"a": draw.choice((0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, -0.3, -0.6, -0.8))},
        answer=lambda v: 1 - v.a**2,
        check=lambda v: activations.tanh_grad(np.array(math.atanh(v.a))),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "sigmoid-rule", lambda v: v.a * (1 - v.a), "$a (1 - a)$ is the rule for the sigmoid."
            ),
            Misconception("square-missing", lambda v: 1 - v.a, "The output is squared: $1 - a^2$."),
            Misconception(
                "square-outside", lambda v: (1 - v.a) ** 2, "Only the output is squared, not the difference."
            ),
        ),
        hints=("You need no x: the slope can be written with the output alone.", "$1 - a^2$."),
        solution=r"$1 - a^2 = 1 - (@a)^2$ = **@answer**.",
    ),
    NumericDrill(
        id="leaky-relu-backward",
        title="Backwards through a leaky ReLU",
        section=KINK,
        difficulty=2,
        minutes=2,
        prompt=r"""A leaky ReLU with $\alpha = @alpha$ had the inputs z = @z. The gradient with respect to
its outputs is @dy. What is the gradient with respect to z (four numbers)?""",
        draw=_leaky_case,
        answer=lambda v: _gated(v.z, v),
        check=lambda v: v.dy * activations.leaky_relu_grad(v.z, v.alpha),
        tolerance=1e-6,
        misconceptions=(
            Misconception(
                "alpha-forgotten",
                lambda v: [float(d * (z > 0)) for z, d in zip(v.z, v.dy, strict=True)],
                "That is the plain ReLU. Where z is negative, a leaky one passes α times the gradient.",
            ),
            Misconception(
                "gated-by-the-gradient",
                lambda v: _gated(v.dy, v),
                "You looked at the sign of the *gradient*. What counts is the sign of z, the "
                "input of the forward pass.",
            ),
            Misconception(
                "value-for-slope",
                lambda v: [float(n) for n in v.dy * activations.leaky_relu(v.z, v.alpha)],
                "You multiplied by the function's value. The chain rule wants its slope: 1 or α.",
                FUNCTIONS,
            ),
            Misconception(
                "gradient-unchanged",
                lambda v: [float(n) for n in v.dy],
                "You passed everything through. Where z is negative the slope is α.",
            ),
        ),
        hints=(
            "Which slope has the function at each of the four z?",
            "1 where z is positive, α where it is negative.",
        ),
        solution="Multiply each gradient by 1 where z is positive and by @alpha where it is "
        "negative: **@answer**.",
    ),
    NumericDrill(
        id="softmax-temperature",
        title="Two classes, one temperature",
        section=SOFTMAX,
        difficulty=2,
        minutes=2,
        prompt=r"""Two classes have the logits @a and @b. What probability does a softmax with temperature
@t give to the *first* class?""",
        draw=_two_logits,
        answer=lambda v: 1 / (1 + math.exp((v.b - v.a) / v.t)),
        check=lambda v: activations.softmax(np.array([v.a, v.b]) / v.t)[0],
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "temperature-ignored",
                lambda v: 1 / (1 + math.exp(v.b - v.a)),
                "You left the temperature out: the logits are divided by it first.",
            ),
            Misconception(
                "temperature-multiplied",
                lambda v: 1 / (1 + math.exp((v.b - v.a) * v.t)),
                "You multiplied by the temperature; it divides. A high one makes the "
                "probabilities more equal.",
            ),
            Misconception(
                "other-class",
                lambda v: 1 / (1 + math.exp((v.a - v.b) / v.t)),
                "That is the probability of the second class.",
            ),
        ),
        hints=(
            "Only the difference of the logits matters: softmax of two is a sigmoid.",
            r"$\sigma((a - b) / T)$.",
        ),
        solution=r"""Dividing by $e^{a/T}$ leaves $1 / (1 + e^{-(a - b)/T})$, here with the difference
$@{a - b} / @t$: **@answer**.""",
    ),
    NumericDrill(
        id="softmax-jacobian-entries",
        title="Two entries of the Jacobian",
        section=SOFTMAX,
        difficulty=2,
        minutes=2,
        prompt=r"""A softmax gives the probabilities @p, @q and @r. Give two derivatives: of the first
probability with respect to the *first* logit, then of the first probability with respect to the *second*
logit.""",
        draw=_three_shares,
        answer=lambda v: [v.p * (1 - v.p), -v.p * v.q],
        check=_jacobian_entries,
        tolerance=0.005,
        misconceptions=(
            Misconception(
                "no-coupling",
                lambda v: [v.p * (1 - v.p), 0.0],
                "You treated softmax as elementwise. Raising one logit takes probability from all others.",
            ),
            Misconception(
                "sign-lost",
                lambda v: [v.p * (1 - v.p), v.p * v.q],
                "The second one is negative: the probabilities sum to 1, so what one wins the others lose.",
            ),
            Misconception(
                "diagonal-too-large",
                lambda v: [v.p, -v.p * v.q],
                r"On the diagonal, too, $p_i p_j$ is subtracted: $p (1 - p)$.",
            ),
            Misconception(
                "wrong-pair",
                lambda v: [v.p * (1 - v.p), -v.q * v.r],
                "The second entry couples the first probability with the second: it needs those two.",
            ),
        ),
        hints=(r"$\partial p_i / \partial z_j = p_i (\delta_{ij} - p_j)$.", "The first is a diagonal entry."),
        solution=r"""$p_i(\delta_{ij} - p_j)$: on the diagonal $@p \cdot @{1 - p}$, off it $-@p \cdot @q$.
So **@answer**.""",
    ),
    NumericDrill(
        id="cross-entropy-gain",
        title="How much louder is cross-entropy?",
        section=LOSS,
        difficulty=2,
        minutes=2,
        prompt=r"""A sigmoid unit puts out $s = @s$, and the target is 1. Compare the gradients with
respect to the logit: how many times larger is the one of the cross-entropy than the one of $\frac{1}{2}(s
- 1)^2$?""",
        draw=lambda draw: {"s": draw.choice((0.01, 0.02, 0.03, 0.04, 0.05, 0.08, 0.1, 0.2))},
        answer=lambda v: 1 / (v.s * (1 - v.s)),
        check=lambda v: (
            (v.s - 1) / ((v.s - 1) * activations.sigmoid_grad(np.array(math.log(v.s / (1 - v.s)))))
        ),
        tolerance=0.005,
        misconceptions=(
            Misconception(
                "ratio-upside-down",
                lambda v: v.s * (1 - v.s),
                "That is the ratio the other way round: the squared error's gradient is the smaller one.",
            ),
            Misconception(
                "half-the-slope", lambda v: 1 / v.s, "The sigmoid's slope has two factors, $s (1 - s)$."
            ),
            Misconception(
                "losses-compared",
                lambda v: -math.log(v.s) / ((v.s - 1) ** 2 / 2),
                "You compared the losses themselves. The question is about their gradients.",
            ),
            Misconception(
                "equal",
                lambda v: 1.0,
                r"They differ by the sigmoid's slope $s (1 - s)$, which the logarithm cancels.",
            ),
        ),
        hints=(
            r"Cross-entropy: $s - t$. Squared error: $(s - t) \cdot \sigma'(z)$.",
            r"The ratio is $1 / \sigma'(z)$.",
        ),
        solution=r"The ratio is $1 / (s (1 - s)) = 1 / (@s \cdot @{1 - s})$ = **@answer**.",
    ),
    NumericDrill(
        id="doubled-weights-loss",
        title="The loss after W became 2W",
        section=SOFTMAX,
        difficulty=2,
        minutes=2,
        prompt=r"""Two classes, no biases. On an example that is classified correctly the right logit
leads by $@m$. All weights of this last layer are doubled. What is the cross-entropy of the example now
(natural logarithm)?""",
        draw=lambda draw: {"m": draw.integer(5, 20) / 10},
        answer=lambda v: math.log(1 + math.exp(-2 * v.m)),
        check=lambda v: _two_class_loss(v, 2.0),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "unchanged",
                lambda v: math.log(1 + math.exp(-v.m)),
                "That is the loss before. The class stays, but the lead doubles and the probability grows.",
            ),
            Misconception(
                "loss-halved",
                lambda v: math.log(1 + math.exp(-v.m)) / 2,
                "Doubling the lead does not halve the loss; it goes through the exponential.",
            ),
            Misconception(
                "loss-doubled",
                lambda v: 2 * math.log(1 + math.exp(-v.m)),
                "The loss falls: the right class gets *more* probability.",
            ),
            Misconception(
                "probability-for-loss",
                lambda v: 1 / (1 + math.exp(-2 * v.m)),
                "That is the probability of the right class; the loss is minus its logarithm.",
                LOSS,
            ),
        ),
        hints=("What happens to the lead?", r"$-\log \sigma(2m)$."),
        solution=r"The lead becomes $@{2 * m}$, so the loss is $\log(1 + e^{-@{2 * m}})$ = **@answer**.",
    ),
]
