"""Chapter 05: gradients computed by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.gradcheck import numeric_gradient
from cnnkit.kernels import loops

Array = NDArray[Any]

SCATTER = "The input gradient: a scatter"
FULL = "The input gradient as a full convolution"
WEIGHTS = "The weight gradient"
POOLING = "Backward through pooling"
SOFTMAX = "Softmax and cross-entropy"


def _numeric(f: Any, x: Array) -> Array:
    """Return the gradient of a polynomial of whole numbers, by differences, as whole numbers."""
    return np.rint(numeric_gradient(f, np.asarray(x, np.float64), h=0.25))


def _chain_case(draw: Draw) -> dict[str, object]:
    w, x, b = draw.choice((-3, -2, 2, 3)), draw.choice((2, 3, 4, 5)), draw.choice((-2, -1, 1, 2))
    t = draw.integer(-4, 4)
    error = w * x + b - t
    return {"w": w, "x": x, "b": b, "t": t, "z": w * x + b, "error": error}


def _scalar_loss(v: SimpleNamespace) -> Array:
    return _numeric(lambda w: 0.5 * (w[0] * v.x + v.b - v.t) ** 2, np.array([float(v.w)]))


def _line(draw: Draw, stride: int) -> dict[str, object]:
    return {"delta": draw.array(3), "w": draw.array(3), "s": stride}


def _line_dx(v: SimpleNamespace) -> Array:
    cells = np.zeros((len(v.delta) - 1) * v.s + len(v.w))
    for i, error in enumerate(v.delta):
        cells[i * v.s : i * v.s + len(v.w)] += error * v.w
    return cells


def _line_dx_by_matrix(v: SimpleNamespace) -> Any:
    size = (len(v.delta) - 1) * v.s + len(v.w)
    columns = [loops.conv1d(e[:, None], v.w[:, None, None], stride=v.s)[:, 0] for e in np.eye(size)]
    return np.array(columns) @ v.delta


def _last_wins(v: SimpleNamespace) -> Array:
    cells = np.zeros((len(v.delta) - 1) * v.s + len(v.w))
    for i, error in enumerate(v.delta):
        cells[i * v.s : i * v.s + len(v.w)] = error * v.w
    return cells


def _dx_case(draw: Draw) -> dict[str, object]:
    case = _line(draw, 2)
    return case | {"dx": _line_dx(SimpleNamespace(**case))}


def _dw_case(draw: Draw) -> dict[str, object]:
    x, delta = draw.array(3, 3, low=0, high=4), draw.array(2, 2)
    return {"x": x, "delta": delta}


def _dw(v: SimpleNamespace) -> Any:
    return np.array(
        [[(v.x[m : m + 2, n : n + 2] * v.delta).sum() for n in range(2)] for m in range(2)]
    ).ravel()


def _padded_dw_case(draw: Draw) -> dict[str, object]:
    return {"x": draw.array(3, low=1, high=6), "delta": draw.array(3)}


def _relu_case(draw: Draw) -> dict[str, object]:
    z = draw.array(4, low=-3, high=4)
    z[draw.integer(0, 3)] = -2
    return {"z": z, "da": draw.array(4, low=-5, high=5)}


def _pool_case(draw: Draw) -> dict[str, object]:
    values = draw.shuffled(range(1, 10))[:5]
    return {"x": np.array(values, np.float64), "dy": draw.array(4, low=1, high=6)}


def _max_dx(v: SimpleNamespace) -> Array:
    dx = np.zeros(5)
    for i in range(4):
        dx[i + v.x[i : i + 2].argmax()] += v.dy[i]
    return dx


def _max_last_wins(v: SimpleNamespace) -> Array:
    dx = np.zeros(5)
    for i in range(4):
        dx[i + v.x[i : i + 2].argmax()] = v.dy[i]
    return dx


def _softmax_case(draw: Draw) -> dict[str, object]:
    first = draw.integer(1, 8)
    second = draw.integer(1, 9 - first)
    return {"p": np.array([first, second, 10 - first - second]) / 10, "label": draw.integer(0, 2)}


def _softmax_loss(v: SimpleNamespace) -> list[float]:
    """Return the gradient by differences of the loss, at the logits log(p)."""
    logits = np.log(v.p)

    def loss(z: Array) -> float:
        return float(np.log(np.exp(z).sum()) - z[v.label])

    return [float(value) for value in numeric_gradient(loss, logits)]


DECK = [
    NumericDrill(
        id="scalar-chain",
        title="One weight, one error",
        section="The chain rule, one number at a time",
        difficulty=1,
        minutes=2,
        prompt=r"""$z = w x + b$ with $w = @w$, $x = @x$, $b = @b$, and $J = \tfrac12 (z - t)^2$ with
$t = @t$. What is $\partial J / \partial w$?""",
        draw=_chain_case,
        answer=lambda v: (v.w * v.x + v.b - v.t) * v.x,
        check=lambda v: _scalar_loss(v)[0],
        misconceptions=(
            Misconception(
                "error-only", lambda v: v.error, "That is dJ/dz. Multiply by what w multiplied: x."
            ),
            Misconception("times-w", lambda v: v.error * v.w, "That is dJ/dx. For dJ/dw multiply by x."),
            Misconception(
                "sign-turned", lambda v: -v.error * v.x, "The sign is turned: the error is z - t, not t - z."
            ),
            Misconception("squared", lambda v: v.error**2 * v.x / 2, "You multiplied by J instead of dJ/dz."),
        ),
        hints=("Compute z, then dJ/dz = z - t.", "dz/dw = x."),
        solution=r"$z = @z$, $\partial J/\partial z = z - t = @error$, and times $x = @x$: **@answer**.",
    ),
    NumericDrill(
        id="dx-by-hand",
        title="Errors back through a strided kernel",
        section=SCATTER,
        difficulty=2,
        minutes=4,
        prompt=r"""A 1-D convolution with the kernel $w = @w$ and stride $@s$ (no padding) gave three
outputs; their errors are $\delta = @delta$. Give the seven numbers of $dx$.""",
        draw=_dx_case,
        answer=_line_dx,
        check=_line_dx_by_matrix,
        misconceptions=(
            Misconception(
                "assigned-for-added",
                _last_wins,
                "Where two stamps overlap you kept the last one. They add up.",
            ),
            Misconception(
                "flipped-kernel",
                lambda v: _line_dx(SimpleNamespace(delta=v.delta, w=v.w[::-1], s=v.s)),
                "You stamped the flipped kernel. A scatter uses w as it stands.",
                FULL,
            ),
            Misconception(
                "stride-blind-gradient",
                lambda v: np.pad(np.convolve(v.delta, v.w), (0, 2)),
                "You moved the stamps by one cell. They move by the stride.",
            ),
            Misconception(
                "errors-for-kernel",
                lambda v: _line_dx(SimpleNamespace(delta=v.w, w=v.delta, s=v.s)),
                "You changed the parts of error and kernel: each *error* stamps its multiple of w.",
            ),
        ),
        hints=("Error 0 writes to cells 0, 1, 2; error 1 starts at cell 2.", "Overlaps add."),
        solution=r"Three stamps $\delta_i w$, two cells apart, added up: **@answer**.",
    ),
    NumericDrill(
        id="dw-by-hand",
        title="A weight gradient by hand",
        section=WEIGHTS,
        difficulty=2,
        minutes=4,
        prompt=r"""A 2×2 kernel slid over $X$ (stride 1, no padding), and the errors of the four outputs
are $D$:

$$X = @x \qquad D = @delta$$

Give the four numbers of $dw$, row by row.""",
        draw=_dw_case,
        answer=_dw,
        check=lambda v: loops.conv2d(v.x[..., None], v.delta[..., None, None]).ravel(),
        misconceptions=(
            Misconception(
                "flipped-error",
                lambda v: _dw(SimpleNamespace(x=v.x, delta=v.delta[::-1, ::-1])),
                "You flipped the error. dw is a plain correlation of x with the error.",
            ),
            Misconception(
                "mean-over-positions",
                lambda v: _dw(v) / 4,
                "You averaged over the positions. A shared weight gets the sum.",
            ),
            Misconception(
                "first-use-only",
                lambda v: v.delta[0, 0] * v.x[:2, :2].ravel(),
                "You took the first output only. The weights are used at all four.",
            ),
            Misconception(
                "turned-result",
                lambda v: _dw(v)[::-1],
                "The numbers are right, their order is turned: w[0, 0] met the top left cells.",
            ),
        ),
        hints=("w[0, 0] met the cells (0,0), (0,1), (1,0), (1,1).", "Slide the error over X."),
        solution="The error slides over X like a kernel; its four sums are **@answer**.",
    ),
    NumericDrill(
        id="dw-with-padding",
        title="Padding counts",
        section=WEIGHTS,
        difficulty=2,
        minutes=3,
        prompt=r"""A 1-D kernel of three weights read $x = @x$ with *same* padding (one zero on each side).
The errors are $\delta = @delta$. Give the three numbers of $dw$.""",
        draw=_padded_dw_case,
        answer=lambda v: np.correlate(np.pad(v.x, 1), v.delta, "valid"),
        check=lambda v: loops.conv1d(np.pad(v.x, 1)[:, None], v.delta[:, None, None])[:, 0],
        misconceptions=(
            Misconception(
                "unpadded-input",
                lambda v: np.correlate(np.pad(v.x, (0, 2)), v.delta, "valid"),
                "You started at x[0]. With one zero of padding, w[0] met x[-1], x[0], x[1].",
            ),
            Misconception(
                "flipped-error",
                lambda v: np.correlate(np.pad(v.x, 1), v.delta[::-1], "valid"),
                "You flipped the error. dw is a plain correlation.",
            ),
            Misconception(
                "turned-result",
                lambda v: np.correlate(np.pad(v.x, 1), v.delta, "valid")[::-1],
                "The order is turned: w[0] looks to the left, so it met the zero first.",
            ),
        ),
        hints=("Write the zeros down: 0, x, 0.", "w[0] met 0, x[0], x[1]."),
        solution="Slide the error over 0, x, 0: **@answer**.",
    ),
    NumericDrill(
        id="relu-errors",
        title="Errors through a ReLU",
        section="The activation's derivative",
        difficulty=1,
        minutes=1,
        prompt=r"""$a = \text{relu}(z)$ with $z = @z$, and $\partial J/\partial a = @da$. Give the four
numbers of
$\partial J/\partial z$ (the derivative at 0 counts as 0).""",
        draw=_relu_case,
        answer=lambda v: np.where(v.z > 0, v.da, 0),
        check=lambda v: [da if z > 0 else 0 for z, da in zip(v.z, v.da, strict=True)],
        misconceptions=(
            Misconception(
                "forgot-activation-derivative", lambda v: v.da, "You passed the errors on unchanged."
            ),
            Misconception(
                "relu-of-the-errors",
                lambda v: np.maximum(v.da, 0),
                "You cut off negative *errors*. The mask looks at z.",
            ),
            Misconception(
                "times-activation",
                lambda v: v.da * np.maximum(v.z, 0),
                "You multiplied by the activation. Its derivative is 0 or 1.",
            ),
        ),
        hints=("The slope is 1 where z > 0, and 0 elsewhere.",),
        solution="The errors of the cells with z > 0, and 0 elsewhere: **@answer**.",
    ),
    NumericDrill(
        id="overlapping-max-errors",
        title="One cell wins twice",
        section=POOLING,
        difficulty=2,
        minutes=2,
        prompt=r"""Max pooling with window 2 and stride 1 on $x = @x$; the four outputs have the errors
$@dy$. Give the five numbers of $dx$.""",
        draw=_pool_case,
        answer=_max_dx,
        check=lambda v: loops.max_pool2d_backward(v.dy[None, :, None], v.x[None, :, None], (1, 2), stride=1)[
            0, :, 0
        ],
        misconceptions=(
            Misconception(
                "assigned-for-added", _max_last_wins, "A cell that wins two windows gets both errors: add."
            ),
            Misconception(
                "average-gradient",
                lambda v: np.convolve(v.dy, [0.5, 0.5]),
                "You shared each error equally: that is average pooling.",
            ),
            Misconception(
                "to-the-smaller",
                lambda v: _max_dx(SimpleNamespace(x=-v.x, dy=v.dy)),
                "You sent the errors to the smaller cells. The winner takes them.",
            ),
        ),
        hints=("Windows: cells 0-1, 1-2, 2-3, 3-4.", "The winner of each window gets its error; add."),
        solution="Each error goes to the larger cell of its window: **@answer**.",
    ),
    NumericDrill(
        id="softmax-errors",
        title="Errors of the logits",
        section=SOFTMAX,
        difficulty=1,
        minutes=1,
        prompt=r"""Softmax gave the probabilities $p = @p$; the right class has the index $@label$
(counting from 0). Give the gradient of the cross-entropy with respect to the three logits.""",
        draw=_softmax_case,
        answer=lambda v: [p - (k == v.label) for k, p in enumerate(v.p)],
        check=_softmax_loss,
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "sign-turned",
                lambda v: [(k == v.label) - p for k, p in enumerate(v.p)],
                "The sign is turned: p - t.",
            ),
            Misconception("probabilities-only", lambda v: v.p, "Subtract 1 at the right class."),
            Misconception(
                "log-derivative",
                lambda v: [-(k == v.label) / p for k, p in enumerate(v.p)],
                "That is the gradient with respect to p. The softmax comes before it.",
            ),
        ),
        hints=("Combined, the two derivatives become very short.", "p minus the one-hot target."),
        solution="$p - t$: **@answer**. The three numbers sum to 0.",
    ),
]
