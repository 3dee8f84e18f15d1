"""Chapter 06: programs to write, and programs to repair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import activations
from cnnkit.drills.kinds import BugDrill, CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch06 as programs
from cnnkit.initializers import fans

Array = NDArray[Any]

KINK = "ReLU and its kink"
SOFTMAX = "Softmax: a vector map"
OVERFLOW = "Numbers that overflow"
DYING = "Dying ReLU"
VARIANCE = "Keeping the variance: Xavier and He"


def _logits_case(draw: Draw) -> dict[str, Any]:
    scale = draw.choice((1, 1, 400))
    return {"x": scale * draw.array(draw.integer(1, 3), draw.integer(1, 4))}


def _numbers_case(draw: Draw) -> dict[str, Any]:
    return {"x": draw.choice((1, 400)) * draw.array(draw.integer(1, 4))}


def _backward_case(draw: Draw) -> dict[str, Any]:
    shape = draw.integer(1, 3), draw.integer(1, 4)
    return {"dy": draw.array(*shape), "p": activations.softmax(draw.array(*shape))}


def _leaky_case(draw: Draw) -> dict[str, Any]:
    count = draw.integer(1, 4)
    return {"dy": draw.array(count), "z": draw.array(count), "alpha": draw.choice((0.5, 0.1))}


def _filter_case(draw: Draw) -> dict[str, int]:
    return {name: draw.integer(1, 6) for name in ("kh", "kw", "c", "f")}


def _layer_case(draw: Draw) -> dict[str, Any]:
    n, h = draw.integer(1, 3), draw.integer(1, 4)
    return {"x": draw.array(draw.integer(1, 4), n), "w": draw.array(n, h), "b": draw.array(h)}


def _over_everything(x: Array) -> Array:
    return activations.softmax(x.reshape(1, -1)).reshape(x.shape)


def _shifted_by_rows(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    shares: Array = e / e.sum()
    return shares


def _z(x: Array, w: Array, b: Array) -> Array:
    z: Array = x @ w + b
    return z


DECK = [
    CodeDrill(
        id="stable-softmax-code",
        title="A softmax that survives 1000",
        section=OVERFLOW,
        difficulty=1,
        minutes=4,
        prompt="""Write `softmax(x)` for `x` (N, K): probabilities along every row. It must also work for
logits such as 1200, where `exp` overflows.""",
        function="softmax",
        starter='def softmax(x):\n    """x (N, K) -> probabilities (N, K), every row sums to 1"""\n    ...\n',
        case=_logits_case,
        reference=lambda x: activations.softmax(x, axis=1),
        solutions=(programs.softmax_shifted, programs.softmax_row_by_row),
        misconceptions=(
            Misconception(
                "sum-over-everything",
                (_over_everything, _shifted_by_rows),
                "You divide by the sum of the whole array. Every row is a distribution of its own.",
                SOFTMAX,
            ),
            Misconception(
                "sum-over-the-batch",
                lambda x: activations.softmax(x, axis=0),
                "You normalise along the batch. The classes of one example lie along axis 1.",
                SOFTMAX,
            ),
            Misconception(
                "not-normalised",
                lambda x: np.exp(x - x.max(axis=1, keepdims=True)),
                "The division by the sum is missing: the rows do not sum to 1.",
                SOFTMAX,
            ),
            Misconception(
                "logits-normalised",
                lambda x: x - x.max(axis=1, keepdims=True) - np.log(1.0 * x.shape[1]),
                "You never exponentiate: probabilities cannot be negative.",
                SOFTMAX,
            ),
        ),
        hints=(
            "Softmax does not change when the same number is added to all logits of a row.",
            "Subtract the row's maximum: the largest exponent becomes 0. Mind `keepdims=True`.",
        ),
        solution="Adding a constant to all logits of a row changes nothing, so take the maximum away first:",
    ),
    CodeDrill(
        id="log-sigmoid-code",
        title="The logarithm of a sigmoid",
        section=OVERFLOW,
        difficulty=2,
        minutes=5,
        prompt=r"""Write `log_sigmoid(x)`, the logarithm of the sigmoid of every value, right for -1200
and for 1200 alike. (This is what binary cross-entropy from logits needs.)""",
        function="log_sigmoid",
        starter='def log_sigmoid(x):\n    """x -> log(1 / (1 + exp(-x))), same shape"""\n    ...\n',
        case=_numbers_case,
        reference=lambda x: -np.logaddexp(0, -x),
        solutions=(programs.log_sigmoid_by_parts, programs.log_sigmoid_by_logaddexp),
        misconceptions=(
            Misconception(
                "naive-logarithm",
                lambda x: np.log(1 / (1 + np.exp(-x))),
                "At -1200 the sigmoid rounds to 0, and its logarithm to minus infinity. The "
                "true value is -1200.",
            ),
            Misconception(
                "sign-of-the-argument",
                lambda x: -np.logaddexp(0, x),
                "That is the logarithm of sigmoid(-x).",
            ),
            Misconception(
                "positive-loss",
                lambda x: np.logaddexp(0, -x),
                "The sign: a probability is at most 1, so its logarithm is at most 0.",
            ),
            Misconception(
                "large-values-only",
                lambda x: np.minimum(x, 0.0),
                "That is the limit for large |x|. Near 0 the term log(1 + exp(-|x|)) counts.",
            ),
        ),
        hints=(
            r"$-\log(1 + e^{-x})$: when does the exponential overflow?",
            "Take the larger term out: min(x, 0) - log1p(exp(-|x|)).",
        ),
        solution="For negative x write it as x minus a logarithm, so that no exponent is positive:",
    ),
    CodeDrill(
        id="softmax-backward-code",
        title="Backwards through softmax",
        section=SOFTMAX,
        difficulty=3,
        minutes=6,
        prompt=r"""Write `softmax_backward(dy, p)`: `p` (N, K) are the probabilities that softmax gave
along the rows, `dy` (N, K) the gradient with respect to them. Return the gradient with respect to the
logits.""",
        function="softmax_backward",
        starter='def softmax_backward(dy, p):\n    """dy, p (N, K) -> dz (N, K)"""\n    ...\n',
        case=_backward_case,
        reference=lambda dy, p: p * (dy - (dy * p).sum(axis=1, keepdims=True)),
        solutions=(programs.softmax_backward_by_sum, programs.softmax_backward_by_jacobian),
        misconceptions=(
            Misconception(
                "elementwise-slope",
                lambda dy, p: dy * p * (1 - p),
                "You used the diagonal of the Jacobian only. Every logit moves every probability.",
            ),
            Misconception(
                "sum-over-everything",
                lambda dy, p: p * (dy - (dy * p).sum()),
                "The sum runs over the classes of one example, not over the whole batch.",
            ),
            Misconception(
                "jacobian-of-the-logarithm",
                lambda dy, p: dy - p * dy.sum(axis=1, keepdims=True),
                "That goes backwards through *log*-softmax. Here dy belongs to the probabilities.",
            ),
            Misconception(
                "loss-included",
                lambda dy, p: p - dy,
                "p - t is the gradient of softmax *and* cross-entropy together. Here dy is any gradient.",
            ),
        ),
        hints=(
            r"The Jacobian is $\mathrm{diag}(p) - p p^T$; multiply a row of dy with it.",
            r"$dz_j = p_j (dy_j - \sum_i dy_i p_i)$.",
        ),
        solution="The Jacobian is diag(p) minus the outer product of p with itself; no matrix "
        "has to be built:",
    ),
    BugDrill(
        id="bug-leaky-gate",
        title="A gate at the wrong place",
        section=KINK,
        difficulty=1,
        minutes=3,
        prompt="""This is to be the backward pass of a leaky ReLU: `z` was its input, `dy` is the gradient
with respect to its output. A gradient check fails. Find the bug and fix it. (At z = 0 the slope is
alpha.)""",
        function="leaky_backward",
        buggy=programs.leaky_backward_gated_by_gradient,
        bug="The bug is still there: the gate looks at the sign of the gradient, not at that of the input z.",
        case=_leaky_case,
        reference=lambda dy, z, alpha: dy * activations.leaky_relu_grad(z, alpha),
        solutions=(programs.leaky_backward_gated_by_input, programs.leaky_backward_by_loop),
        misconceptions=(
            Misconception(
                "plain-relu",
                lambda dy, z, alpha: dy * (z > 0),
                "Now it is a plain ReLU: the negative side passes alpha times the gradient.",
            ),
            Misconception(
                "sides-swapped",
                lambda dy, z, alpha: np.where(z > 0, alpha * dy, dy),
                "The two sides are swapped: where z is positive the slope is 1.",
            ),
            Misconception(
                "forward-again",
                lambda dy, z, alpha: activations.leaky_relu(z, alpha),
                "That is the forward pass: dy does not take part.",
            ),
            Misconception(
                "both-gates",
                lambda dy, z, alpha: np.where((z > 0) & (dy > 0), dy, alpha * dy),
                "Only the sign of z counts. Gating by both is 'guided' backpropagation, made for pictures.",
            ),
        ),
        hints=("What decides which branch the forward pass took?", "The sign of `z`."),
        solution="The slope depends on where the forward pass was, hence on `z`:",
    ),
    BugDrill(
        id="bug-he-fan-in",
        title="Weights that explode",
        section=VARIANCE,
        difficulty=1,
        minutes=2,
        prompt="""This is to be the standard deviation of He initialisation (forward form) for a
convolution with weights (kh, kw, c, f). With it, activations grow threefold at every 3×3 layer. Find the
bug and fix it.""",
        function="he_std",
        buggy=programs.he_std_of_channels,
        bug="The bug is still there: one output sums over the whole window, so the fan-in is kh * kw * c.",
        case=_filter_case,
        reference=lambda kh, kw, c, f: np.sqrt(2 / fans((kh, kw, c, f))[0]),
        solutions=(programs.he_std_of_window, programs.he_std_by_power),
        misconceptions=(
            Misconception(
                "fan-out",
                lambda kh, kw, c, f: np.sqrt(2 / (kh * kw * f)),
                "That is the fan-out. The forward form keeps the variance of what one output sums up.",
            ),
            Misconception(
                "xavier",
                lambda kh, kw, c, f: np.sqrt(2 / (kh * kw * (c + f))),
                "That is Xavier, which averages both fans.",
            ),
            Misconception(
                "variance",
                lambda kh, kw, c, f: 2 / (kh * kw * c),
                "That is the variance; its root is asked for.",
            ),
            Misconception(
                "two-lost",
                lambda kh, kw, c, f: np.sqrt(1 / (kh * kw * c)),
                "The 2 for ReLU got lost.",
            ),
        ),
        hints=(
            "How many products does one output sum up?",
            "A window has kh * kw cells with c channels each.",
        ),
        solution="The fan-in counts the products in one sum: the window times the input channels.",
    ),
    BugDrill(
        id="bug-dead-count",
        title="A monitor that cries wolf",
        section=DYING,
        difficulty=2,
        minutes=3,
        prompt="""This monitor is to count the *dead* ReLU units of a dense layer: `x` (N, n) are all
examples, `w` (n, h), `b` (h,). It reports nearly every unit of a healthy network. Find the bug and fix
it.""",
        function="dead_units",
        buggy=programs.dead_units_on_one_example,
        bug="The bug is still there: a unit that is silent on one example is not dead. It "
        "must be silent on all.",
        case=_layer_case,
        reference=lambda x, w, b: int((_z(x, w, b).max(axis=0) <= 0).sum()),
        solutions=(programs.dead_units_on_all_examples, programs.dead_units_by_maximum),
        misconceptions=(
            Misconception(
                "examples-counted",
                lambda x, w, b: int((_z(x, w, b) <= 0).all(axis=1).sum()),
                "You count examples for which all units are silent: the axes are swapped.",
            ),
            Misconception(
                "share-of-zeros",
                lambda x, w, b: float((_z(x, w, b) <= 0).mean()),
                "That is the share of zeros (sparsity), which is near one half in a healthy network.",
            ),
            Misconception(
                "zeros-counted",
                lambda x, w, b: int((_z(x, w, b) <= 0).sum()),
                "You count zeros over examples and units. Dead is a property of a unit.",
            ),
            Misconception(
                "living-counted",
                lambda x, w, b: int((_z(x, w, b).max(axis=0) > 0).sum()),
                "That counts the living.",
            ),
        ),
        hints=("On how many examples must a dead unit be silent?", "`all`, along the axis of the examples."),
        solution="Dead means silent on *all* examples, so `any` must be `all`:",
    ),
]
