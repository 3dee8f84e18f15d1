"""Chapter 05: backward passes of other layers, and a gradient checker to write."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch05 as programs
from cnnkit.kernels import loops
from cnnkit.losses import softmax_cross_entropy
from cnnkit.normalization import batch_norm, batch_norm_backward

Array = NDArray[Any]

BATCH = "The bias gradient and the batch"
SLOPE = "The activation's derivative"
SOFTMAX = "Softmax and cross-entropy"
NORM = "Batch normalisation"
CHECKING = "Checking gradients"


def _norm_case(draw: Draw) -> dict[str, Any]:
    m, c = draw.integer(2, 5), draw.integer(1, 3)
    x, gamma = draw.array(m, c), draw.array(c, low=1, high=3)
    return {"dy": draw.array(m, c), "x": x, "gamma": gamma, "eps": draw.choice((0.5, 0.1))}


def _norm_dx(dy: Array, x: Array, gamma: Array, eps: float) -> Array:
    return batch_norm_backward(dy, batch_norm(x, gamma, np.zeros_like(gamma), eps=eps)[1])[0]


def _norm_parts(dy: Array, x: Array, gamma: Array, eps: float, *, mean: int = 1, spread: int = 1) -> Array:
    std = np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) / std
    through_the_mean, through_the_spread = dy.mean(axis=0), x_hat * (dy * x_hat).mean(axis=0)
    return np.asarray(gamma / std * (dy - mean * through_the_mean - spread * through_the_spread))


def _softmax_case(draw: Draw) -> dict[str, Any]:
    n, k = draw.integer(1, 3), draw.integer(2, 4)
    labels = np.array([draw.integer(0, k - 1) for _ in range(n)])
    return {"z": draw.array(n, k) * draw.choice((1, 400)), "labels": labels}


def _softmax_gradient(z: Array, labels: Array) -> Array:
    return softmax_cross_entropy(z, labels)[1]


def _through_squares(z: Array, labels: Array) -> Array:
    one_hot = np.eye(z.shape[1])[labels]
    p = _softmax_gradient(z, labels) * len(z) + one_hot
    errors = p - one_hot
    return np.asarray(p * (errors - (errors * p).sum(axis=1, keepdims=True)) / len(z))


def _layers_case(draw: Draw) -> dict[str, Any]:
    n, a, b, c = (draw.integer(1, 3) for _ in range(4))
    weights = {"w1": draw.array(a, b), "b1": draw.array(b), "w2": draw.array(b, c), "b2": draw.array(c)}
    return {"x": draw.array(n, a)} | weights | {"dy": draw.array(n, c)}


def _layers_dw(x: Array, w1: Array, b1: Array, w2: Array, b2: Array, dy: Array) -> Array:
    hidden = loops.dense(x, w1, b1)
    dh = loops.dense_backward(dy, np.maximum(hidden, 0), w2)[0]
    return loops.dense_backward(np.where(hidden > 0, dh, 0), x, w1)[1]


def _difference_case(draw: Draw) -> dict[str, Any]:
    return {"x": draw.array(draw.integer(2, 4)), "h": draw.choice((0.5, 0.25))}


def _value(x: Array) -> float:
    return float((x**3).sum() + x.prod())


def _differences(x: Array, ahead: float, behind: float, divisor: float) -> Array:
    steps = np.eye(len(x))
    return np.array([(_value(x + ahead * e) - _value(x - behind * e)) / divisor for e in steps])


def _starter(call: str, shapes: str) -> str:
    return f'def {call}:\n    """{shapes}"""\n    ...\n'


DIFFERENCE_STARTER = '''def numeric_gradient(x, h):
    """x (n,), h a step -> (n,)"""
    def f(x):
        return (x**3).sum() + x.prod()
    ...
'''

DECK = [
    CodeDrill(
        id="batch-norm-backward-code",
        title="Batch norm, backwards",
        section=NORM,
        difficulty=3,
        minutes=12,
        prompt=r"""Write `batch_norm_dx(dy, x, gamma, eps)`: `x` is $(M, C)$, normalised down each column with
its own mean and
(biased) variance, then scaled by `gamma` $(C,)$. Return dx, $(M, C)$.""",
        function="batch_norm_dx",
        starter=_starter("batch_norm_dx(dy, x, gamma, eps)", "dy (M, C), x (M, C), gamma (C,) -> dx (M, C)"),
        case=_norm_case,
        reference=_norm_dx,
        solutions=(programs.batch_norm_dx, programs.batch_norm_dx_step_by_step),
        misconceptions=(
            Misconception(
                "statistics-are-constants",
                lambda dy, x, gamma, eps: _norm_parts(dy, x, gamma, eps, mean=0, spread=0),
                "You treat mean and variance as constants. They depend on every x of the column: two more "
                "paths.",
            ),
            Misconception(
                "variance-path-missing",
                lambda dy, x, gamma, eps: _norm_parts(dy, x, gamma, eps, spread=0),
                "The path through the variance is missing: subtract x_hat times the mean of dy * x_hat.",
            ),
            Misconception(
                "mean-path-missing",
                lambda dy, x, gamma, eps: _norm_parts(dy, x, gamma, eps, mean=0),
                "The path through the mean is missing: subtract the mean of dy.",
            ),
            Misconception(
                "gamma-missing",
                lambda dy, x, gamma, eps: _norm_dx(dy, x, np.ones_like(gamma), eps),
                "The scale gamma is missing: dx_hat = dy * gamma.",
            ),
        ),
        hints=(
            "x reaches y on three paths: directly, through the mean, through the variance.",
            "gamma / std * (dy - mean(dy) - x_hat * mean(dy * x_hat)), all means down the column.",
        ),
        solution="Direct path minus the two paths through the statistics:",
    ),
    CodeDrill(
        id="softmax-gradient-code",
        title="Softmax and cross-entropy in one gradient",
        section=SOFTMAX,
        difficulty=2,
        minutes=5,
        prompt=r"""Write `dlogits(z, labels)`: the gradient of the *mean* softmax cross-entropy of the logits
`z` $(N, K)$ with
the class numbers `labels` $(N,)$. Logits of 1200 must not break it.""",
        function="dlogits",
        starter=_starter("dlogits(z, labels)", "z (N, K), labels (N,) whole numbers -> (N, K)"),
        case=_softmax_case,
        reference=_softmax_gradient,
        solutions=(programs.softmax_gradient, programs.softmax_gradient_row_by_row),
        misconceptions=(
            Misconception(
                "no-batch-mean",
                lambda z, labels: _softmax_gradient(z, labels) * len(z),
                "The loss is a mean over the batch: divide by N.",
                BATCH,
            ),
            Misconception(
                "probabilities-only",
                lambda z, labels: _softmax_gradient(z, labels) + np.eye(z.shape[1])[labels] / len(z),
                "Those are the probabilities. Subtract 1 at the label of each row.",
            ),
            Misconception(
                "sign-turned",
                lambda z, labels: -_softmax_gradient(z, labels),
                "The sign is turned: p - t, so that a step *against* the gradient raises the label's logit.",
            ),
            Misconception(
                "squared-error",
                _through_squares,
                "That is the gradient of the squared error behind a softmax, Jacobian included.",
            ),
        ),
        hints=("Subtract the row's maximum before exp.", "p minus the one-hot target, divided by N."),
        solution="Probabilities minus targets, divided by the batch size:",
    ),
    CodeDrill(
        id="two-layer-backward-code",
        title="Two layers with a ReLU between them",
        section=SLOPE,
        difficulty=2,
        minutes=6,
        prompt=r"""$h = \text{relu}(x w_1 + b_1)$ and $y = h w_2 + b_2$ with matrix products, `x` being
$(N, I)$; `dy` is
dJ/dy. Write
`dw1(x, w1, b1, w2, b2, dy)`, which returns dJ/dw1.""",
        function="dw1",
        starter=_starter("dw1(x, w1, b1, w2, b2, dy)", "x (N, I), w1 (I, H), w2 (H, O), dy (N, O) -> (I, H)"),
        case=_layers_case,
        reference=_layers_dw,
        solutions=(programs.two_layer_dw, programs.two_layer_dw_one_by_one),
        misconceptions=(
            Misconception(
                "forgot-activation-derivative",
                lambda x, w1, b1, w2, b2, dy: x.T @ (dy @ w2.T),
                "The derivative of the ReLU is missing: errors of units with z <= 0 stop there.",
            ),
            Misconception(
                "mask-of-the-errors",
                lambda x, w1, b1, w2, b2, dy: x.T @ np.maximum(dy @ w2.T, 0),
                "You apply relu to the *error*. Its derivative looks at z, the forward value.",
            ),
            Misconception(
                "batch-averaged",
                lambda x, w1, b1, w2, b2, dy: _layers_dw(x, w1, b1, w2, b2, dy) / len(x),
                "You divide by the batch size. If the loss is a mean, that 1/N is in dy already.",
                BATCH,
            ),
            Misconception(
                "bias-left-out-of-the-mask",
                lambda x, w1, b1, w2, b2, dy: _layers_dw(x, w1, b1 * 0, w2, b2, dy),
                "Your mask forgets the bias: z is x @ w1 + b1.",
            ),
        ),
        hints=(
            "First dh from dy and the transposed w2, then dz, then dw1.",
            ("dz = dh where z > 0, and 0 elsewhere."),
        ),
        solution="Back through w2, through the ReLU's slope, onto w1:",
    ),
    CodeDrill(
        id="gradient-check-code",
        title="Your own gradient checker",
        section=CHECKING,
        difficulty=2,
        minutes=5,
        prompt=r"""Write `numeric_gradient(x, h)`: the gradient of the `f` in the starter at `x` $(n,)$ by
*central* differences with
the step `h`, one entry after the other. No calculus: `h` is large on purpose, so that shortcuts show.""",
        function="numeric_gradient",
        starter=DIFFERENCE_STARTER,
        case=_difference_case,
        reference=lambda x, h: _differences(x, h, h, 2 * h),
        solutions=(programs.difference_gradient, programs.difference_gradient_with_a_copy),
        misconceptions=(
            Misconception(
                "forward-difference",
                lambda x, h: _differences(x, h, 0, h),
                "That is the one-sided difference, whose error shrinks with h only, not with h squared.",
            ),
            Misconception(
                "divided-by-h",
                lambda x, h: _differences(x, h, h, h),
                "The two points are 2h apart: divide by 2h.",
            ),
            Misconception(
                "calculus",
                lambda x, h: 3 * x**2 + np.array([np.delete(x, k).prod() for k in range(len(x))]),
                "That is the analytic gradient, which you wanted to check. Take differences.",
            ),
            Misconception(
                "all-entries-at-once",
                lambda x, h: np.full(len(x), (_value(x + h) - _value(x - h)) / (2 * h)),
                "You move all entries at once, which adds all partial derivatives up. Move one at a time.",
            ),
        ),
        hints=("Copy x, change one entry by +h and by -h.", "(f(ahead) - f(behind)) / (2 * h), per entry."),
        solution="One entry at a time, and x is whole again afterwards:",
    ),
]
