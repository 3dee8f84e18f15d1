"""Chapter 05: the classic bugs of backward passes, to find and to fix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.activations import sigmoid
from cnnkit.drills.kinds import BugDrill, Draw, Misconception
from cnnkit.drills.programs import ch05 as programs
from cnnkit.kernels import loops

Array = NDArray[Any]

SCATTER = "The input gradient: a scatter"
FULL = "The input gradient as a full convolution"
WEIGHTS = "The weight gradient"
BATCH = "The bias gradient and the batch"
SLOPE = "The activation's derivative"


def _window(draw: Draw) -> tuple[int, int]:
    return draw.integer(1, 3), draw.integer(1, 3)


def _strided_case(draw: Draw) -> dict[str, Any]:
    (kh, kw), stride = _window(draw), draw.integer(1, 3)
    height, width = draw.integer(kh, kh + 4), draw.integer(kw, kw + 4)
    dz = draw.array((height - kh) // stride + 1, (width - kw) // stride + 1)
    return {"dz": dz, "w": draw.array(kh, kw), "H": height, "W": width, "stride": stride}


def _full_case(draw: Draw) -> dict[str, Any]:
    return {"dz": draw.array(*_window(draw)), "w": draw.array(*_window(draw))}


def _padded_case(draw: Draw) -> dict[str, Any]:
    (kh, kw), padding = _window(draw), draw.integer(0, 2)
    height, width = draw.integer(kh, kh + 2), draw.integer(kw, kw + 2)
    dz = draw.array(height + 2 * padding - kh + 1, width + 2 * padding - kw + 1)
    return {"dz": dz, "x": draw.array(height, width), "KH": kh, "KW": kw, "padding": padding}


def _batch_case(draw: Draw) -> dict[str, Any]:
    return {"dz": draw.array(draw.integer(1, 3), *_window(draw), draw.integer(1, 3))}


def _line_case(draw: Draw) -> dict[str, Any]:
    k, stride = draw.integer(1, 4), draw.integer(1, 3)
    length = draw.integer(k, k + 5)
    dz = draw.array((length - k) // stride + 1)
    return {"dz": dz, "w": draw.array(k), "L": length, "stride": stride}


def _layer_case(draw: Draw) -> dict[str, Any]:
    n, a, b = (draw.integer(1, 3) for _ in range(3))
    return {"x": draw.array(n, a), "w": draw.array(a, b), "b": draw.array(b), "da": draw.array(n, b)}


def _dx(dz: Array, w: Array, H: int, W: int, stride: int = 1) -> Array:
    x = np.zeros((H, W, 1))
    return loops.conv2d_backward(dz[..., None], x, w[..., None, None], stride=stride)[0][..., 0]


def _dw(dz: Array, x: Array, KH: int, KW: int, padding: int) -> Array:
    w = np.zeros((KH, KW, 1, 1))
    return loops.conv2d_backward(dz[..., None], x[..., None], w, padding=padding)[1][..., 0, 0]


def _full(dz: Array, w: Array) -> Array:
    return _dx(dz, w, dz.shape[0] + w.shape[0] - 1, dz.shape[1] + w.shape[1] - 1)


def _half_strided(dz: Array, w: Array, H: int, W: int, stride: int, *, rows: bool) -> Array:
    dx, (down, across) = np.zeros((H, W)), (stride, 1) if rows else (1, stride)
    for i, j in np.ndindex(dz.shape):
        dx[i * down : i * down + w.shape[0], j * across : j * across + w.shape[1]] += dz[i, j] * w
    return dx


DECK = [
    BugDrill(
        id="bug-stride-blind-gradient",
        title="A gradient that was right for stride 1",
        section=SCATTER,
        difficulty=2,
        minutes=4,
        prompt="""This input gradient of a single-channel convolution passed all its tests. Then somebody
used stride 2. Fix it.""",
        function="conv_dx",
        buggy=programs.stride_blind_dx,
        bug="The bug is still there: `stride` is never used, so error (i, j) lands at (i + m, j + n).",
        case=_strided_case,
        reference=_dx,
        solutions=(programs.striding_dx, programs.stamping_dx),
        misconceptions=(
            Misconception(
                "stride-on-rows-only",
                lambda dz, w, H, W, stride: _half_strided(dz, w, H, W, stride, rows=True),
                "The rows stride now, the columns do not.",
            ),
            Misconception(
                "stride-on-columns-only",
                lambda dz, w, H, W, stride: _half_strided(dz, w, H, W, stride, rows=False),
                "The columns stride now, the rows do not.",
            ),
            Misconception(
                "flipped-kernel",
                lambda dz, w, H, W, stride: _dx(dz, w[::-1, ::-1].copy(), H, W, stride),
                "The stride is right now, but a scatter does not flip the kernel.",
                FULL,
            ),
        ),
        hints=("Which cell does the window of output (1, 0) start at?", "i * stride + m."),
        solution="The window of output (i, j) starts at (i * stride, j * stride), backwards too:",
    ),
    BugDrill(
        id="bug-missing-flip",
        title="A full convolution that is none",
        section=FULL,
        difficulty=2,
        minutes=4,
        prompt="""For stride 1, dx is a *full* convolution of the padded error. This version is right for
symmetric kernels only. Fix it.""",
        function="conv_dx",
        buggy=programs.unflipped_dx,
        bug="The bug is still there: the kernel must be turned by 180 degrees before it slides.",
        case=_full_case,
        reference=_full,
        solutions=(programs.flipped_dx, programs.stamped_dx),
        misconceptions=(
            Misconception(
                "flipped-one-axis",
                (
                    lambda dz, w: _full(dz, w[:, ::-1].copy()),
                    lambda dz, w: _full(dz, w[::-1].copy()),
                ),
                "You flipped along one axis only. A turn by 180 degrees flips both.",
            ),
            Misconception(
                "error-flipped-too",
                lambda dz, w: _full(dz[::-1, ::-1].copy(), w),
                "You flipped the error as well. Only the kernel is turned.",
            ),
        ),
        hints=("Let the error be a single 1. What must dx be?", "`w[::-1, ::-1]`."),
        solution="Input i gathers error i - m with weight m: the kernel runs backwards.",
    ),
    BugDrill(
        id="bug-unpadded-input",
        title="A weight gradient that misses the border",
        section=WEIGHTS,
        difficulty=2,
        minutes=4,
        prompt="""The forward pass padded `x` with `padding` zeros on each side. This weight gradient runs
without an error, and is wrong. Fix it.""",
        function="conv_dw",
        buggy=programs.unpadded_dw,
        bug="The bug is still there: i + m counts cells of the *padded* input, `x` is the unpadded one.",
        case=_padded_case,
        reference=_dw,
        solutions=(programs.padded_dw, programs.shifted_dw),
        misconceptions=(
            Misconception(
                "all-zeros-in-front",
                lambda dz, x, KH, KW, padding: _dw(
                    dz, np.pad(x, ((2 * padding, 0), (2 * padding, 0))), KH, KW, 0
                ),
                "All the zeros are in front of the input now. Half of them belong behind it.",
            ),
            Misconception(
                "padded-with-ones",
                lambda dz, x, KH, KW, padding: _dw(dz, np.pad(x, padding, constant_values=1), KH, KW, 0),
                "The padding holds zeros, as in the forward pass.",
            ),
            Misconception(
                "padded-with-the-edge",
                lambda dz, x, KH, KW, padding: _dw(dz, np.pad(x, padding, mode="edge"), KH, KW, 0),
                "The padding repeats the edge now. In the forward pass it was zeros.",
            ),
        ),
        hints=(
            "Which cell did w[0, 0] meet in output (0, 0)?",
            "`np.pad(x, padding)`, or subtract `padding` from the index and skip what lies outside.",
        ),
        solution="The sum runs over the padded input:",
    ),
    BugDrill(
        id="bug-batch-sum",
        title="A bias gradient that forgets",
        section=BATCH,
        difficulty=1,
        minutes=3,
        prompt="The bias gradient of a convolution. With a batch of one it is right. Fix it.",
        function="conv_db",
        buggy=programs.batch_blind_db,
        bug="The bug is still there: every image overwrites `db`, so only the last one is left.",
        case=_batch_case,
        reference=lambda dz: dz.sum(axis=(0, 1, 2)),
        solutions=(programs.batch_db, programs.whole_db),
        misconceptions=(
            Misconception(
                "batch-averaged",
                lambda dz: dz.sum(axis=(1, 2)).mean(axis=0),
                "You average over the images. If the loss is a mean, the 1/N is in dz already.",
            ),
            Misconception(
                "mean-over-positions",
                lambda dz: dz.mean(axis=(1, 2)).sum(axis=0),
                "You average over the positions. Every use of the bias adds its error.",
            ),
            Misconception(
                "one-number-for-all",
                lambda dz: np.full(dz.shape[3], dz.sum()),
                "You summed over the filters too. Every filter has its own bias.",
            ),
        ),
        hints=("How often is one bias used in a batch?", "`+=`, not `=`."),
        solution="A bias is added at every position of every image, so all those errors add up:",
    ),
    BugDrill(
        id="bug-assigned-gradient",
        title="Overlapping windows",
        section=SCATTER,
        difficulty=1,
        minutes=3,
        prompt="""The input gradient of a 1-D convolution. It is right when the stride is as long as the
kernel, and wrong for overlapping windows. Fix it.""",
        function="conv1d_dx",
        buggy=programs.overwriting_dx,
        bug="The bug is still there: `=` keeps the last error that reaches a cell and forgets the others.",
        case=_line_case,
        reference=lambda dz, w, L, stride: _dx(dz[None], w[None], 1, L, stride)[0],
        solutions=(programs.adding_dx, programs.slicing_dx),
        misconceptions=(
            Misconception(
                "stride-blind-gradient",
                lambda dz, w, L, stride: np.pad(np.convolve(dz, w), (0, L))[:L],
                "You lost the stride: error i reaches the cells from i * stride on.",
            ),
            Misconception(
                "flipped-kernel",
                lambda dz, w, L, stride: _dx(dz[None], w[None, ::-1].copy(), 1, L, stride)[0],
                "You flip the kernel and scatter. The flip belongs to the gathering form.",
                FULL,
            ),
            Misconception(
                "averaged-overlaps",
                lambda dz, w, L, stride: (
                    _dx(dz[None], w[None], 1, L, stride)[0]
                    / np.maximum(_dx(np.ones_like(dz)[None], np.ones_like(w)[None], 1, L, stride)[0], 1)
                ),
                "You average what reaches a cell. The chain rule sums over all paths.",
            ),
        ),
        hints=("Which outputs read cell 1 when the kernel has three taps and the stride is 1?", "`+=`."),
        solution="All paths to a cell add up:",
    ),
    BugDrill(
        id="bug-activation-derivative",
        title="The derivative that the formula forgot",
        section=SLOPE,
        difficulty=1,
        minutes=3,
        prompt=r"""A dense layer $a = \sigma(x w + b)$; `da` is dJ/da, and the function should return
dJ/dw. Find what is missing.""",
        function="dense_dw",
        buggy=programs.linear_dw,
        bug="The bug is still there: `da` is the gradient behind the sigmoid; dw needs the one before it.",
        case=_layer_case,
        reference=lambda x, w, b, da: x.T @ (da * sigmoid(x @ w + b) * (1 - sigmoid(x @ w + b))),
        solutions=(programs.sigmoid_dw, programs.sigmoid_dw_by_tanh),
        misconceptions=(
            Misconception(
                "activation-for-derivative",
                lambda x, w, b, da: x.T @ (da * sigmoid(x @ w + b)),
                "You multiply by the sigmoid itself. Its derivative is a * (1 - a).",
            ),
            Misconception(
                "derivative-of-the-error",
                lambda x, w, b, da: x.T @ (sigmoid(da) * (1 - sigmoid(da))),
                "You take the slope at `da`. It belongs to the forward value z.",
            ),
            Misconception(
                "bias-forgotten",
                lambda x, w, b, da: x.T @ (da * sigmoid(x @ w) * (1 - sigmoid(x @ w))),
                "The slope is taken at z = x @ w + b; the bias is missing.",
            ),
        ),
        hints=("dJ/dz = dJ/da * da/dz.", "The derivative of the sigmoid is a * (1 - a)."),
        solution="First through the activation, dz = da * a * (1 - a), then onto the weights:",
    ),
]
