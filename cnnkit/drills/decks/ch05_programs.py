"""Chapter 05: backward passes to write."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch05 as programs
from cnnkit.kernels import loops
from cnnkit.kernels.vectorized import avg_pool2d_backward

Array = NDArray[Any]

SCATTER = "The input gradient: a scatter"
WEIGHTS = "The weight gradient"
BATCH = "The bias gradient and the batch"
POOLING = "Backward through pooling"


def _axis(draw: Draw, kernel: int, stride: int, padding: int, dilation: int) -> tuple[int, int]:
    """Return the size of an axis and of its output."""
    span = dilation * (kernel - 1) + 1
    size = draw.integer(max(1, span - 2 * padding), span + 3)
    return size, (size + 2 * padding - span) // stride + 1


def _geometry(draw: Draw) -> dict[str, int]:
    return {"stride": draw.integer(1, 3), "padding": draw.integer(0, 2), "dilation": draw.integer(1, 2)}


def _dx_case(draw: Draw) -> dict[str, Any]:
    kh, kw, c, f = draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 2), draw.integer(1, 2)
    options = _geometry(draw)
    (height, rows), (width, columns) = (_axis(draw, k, *options.values()) for k in (kh, kw))
    return {
        "dz": draw.array(rows, columns, f),
        "w": draw.array(kh, kw, c, f),
        "H": height,
        "W": width,
    } | options


def _dw_case(draw: Draw) -> dict[str, Any]:
    kh, kw, c, f = draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 2), draw.integer(1, 2)
    options, n = _geometry(draw), draw.integer(1, 3)
    (height, rows), (width, columns) = (_axis(draw, k, *options.values()) for k in (kh, kw))
    x, dz = draw.array(n, height, width, c), draw.array(n, rows, columns, f)
    return {"dz": dz, "x": x, "KH": kh, "KW": kw} | options


def _dx(dz: Array, w: Array, H: int, W: int, stride: int, padding: int, dilation: int) -> Array:
    x = np.zeros((H, W, w.shape[2]))
    return loops.conv2d_backward(dz, x, w, stride=stride, padding=padding, dilation=dilation)[0]


def _dw(dz: Array, x: Array, KH: int, KW: int, stride: int, padding: int, dilation: int) -> Array:
    w = np.zeros((KH, KW, x.shape[3], dz.shape[3]))
    return loops.conv2d_backward(dz, x, w, stride=stride, padding=padding, dilation=dilation)[1]


def _scattered(
    cell: Callable[[int, int, int, int], int], *, adds: bool = True, crops: bool = True
) -> Callable[..., Array]:
    """Return a dx whose error i and tap m meet in ``cell(i, m, stride, dilation)``."""

    def dx(dz: Array, w: Array, H: int, W: int, stride: int, padding: int, dilation: int) -> Array:
        padded = np.zeros((H + 2 * padding, W + 2 * padding, w.shape[2]))
        for i, j, m, n in np.ndindex(*dz.shape[:2], *w.shape[:2]):
            at = cell(i, m, stride, dilation), cell(j, n, stride, dilation)
            padded[at] = w[m, n] @ dz[i, j] + (padded[at] if adds else 0)
        first = padding if crops else 0
        return padded[first : first + H, first : first + W]

    return dx


def _correlated(cell: Callable[[int, int, int, int], int]) -> Callable[..., Array]:
    """Return a dw whose error i and tap m meet in ``cell(i, m, stride, dilation)``."""

    def dw(dz: Array, x: Array, KH: int, KW: int, stride: int, padding: int, dilation: int) -> Array:
        padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        total = np.zeros((KH, KW, x.shape[3], dz.shape[3]))
        for i, j, m, n in np.ndindex(*dz.shape[1:3], KH, KW):
            at = cell(i, m, stride, dilation), cell(j, n, stride, dilation)
            total[m, n] += padded[:, at[0], at[1]].T @ dz[:, i, j]
        return total

    return dw


def _pool_case(draw: Draw) -> dict[str, Any]:
    k, stride = draw.integer(1, 3), draw.integer(1, 3)
    height, width, n, c = (
        draw.integer(k, k + 3),
        draw.integer(k, k + 3),
        draw.integer(1, 2),
        draw.integer(1, 2),
    )
    rows, columns = (height - k) // stride + 1, (width - k) // stride + 1
    x = draw.array(n, height, width, c, low=-4, high=4)
    return {"dy": draw.array(n, rows, columns, c, low=1, high=5), "x": x, "k": k, "stride": stride}


def _routed(dy: Array, x: Array, k: int, stride: int, *, adds: bool = True, leader: bool = False) -> Array:
    dx = np.zeros(x.shape)
    for image, i, j, c in np.ndindex(dy.shape):
        top, left = i * stride, j * stride
        window = x[image, top : top + k, left : left + k, 0 if leader else c]
        m, n = np.unravel_index(window.argmax(), window.shape)
        at = image, top + m, left + n, c
        dx[at] = dy[image, i, j, c] + (dx[at] if adds else 0)
    return dx


def _all_winners(dy: Array, x: Array, k: int, stride: int) -> Array:
    dx = np.zeros(x.shape)
    for image, i, j, c in np.ndindex(dy.shape):
        at = image, slice(i * stride, i * stride + k), slice(j * stride, j * stride + k), c
        dx[at] += dy[image, i, j, c] * (x[at] == x[at].max())
    return dx


def _starter(call: str, shapes: str) -> str:
    return f'def {call}:\n    """{shapes}"""\n    ...\n'


DECK = [
    CodeDrill(
        id="conv-dx-code",
        title="The input gradient in NumPy",
        section=SCATTER,
        difficulty=3,
        minutes=10,
        prompt=r"""Write `conv2d_dx(dz, w, H, W, stride, padding, dilation)`: the gradient with respect to
the input of a convolution.
`dz` is $(H_{out}, W_{out}, F)$, `w` $(K_H, K_W, C, F)$; `padding` zeros lay on all four sides. Return
$(H, W, C)$. Loops are welcome.""",
        function="conv2d_dx",
        starter=_starter(
            "conv2d_dx(dz, w, H, W, stride, padding, dilation)",
            "dz (H_out, W_out, F), w (KH, KW, C, F) -> dx (H, W, C)",
        ),
        case=_dx_case,
        reference=_dx,
        solutions=(programs.dx_by_loops, programs.dx_by_taps),
        misconceptions=(
            Misconception(
                "stride-blind-gradient",
                _scattered(lambda i, m, s, d: i + m * d),
                "Your gradient does not know the stride: error i lands in cells i + m*d. The formula of most "
                "textbooks is for stride 1; the window of output i starts at i*s.",
            ),
            Misconception(
                "dilation-ignored",
                _scattered(lambda i, m, s, d: i * s + m),
                "Your taps lie side by side. With dilation, tap m met the cell i*s + m*d.",
            ),
            Misconception(
                "assigned-for-added",
                _scattered(lambda i, m, s, d: i * s + m * d, adds=False),
                "You assign where you should add: a cell that several windows read gets the sum of their "
                "messages, `+=`.",
            ),
            Misconception(
                "padding-not-cropped",
                _scattered(lambda i, m, s, d: i * s + m * d, crops=False),
                "You return the corner of the padded gradient. Crop `padding` rows and columns.",
            ),
            Misconception(
                "flipped-kernel",
                lambda dz, w, H, W, *rest: _dx(dz, w[::-1, ::-1].copy(), H, W, *rest),
                "You flip the kernel *and* scatter. The flip belongs to the other form, where each input "
                "gathers; a scatter uses w as it stands.",
                "The input gradient as a full convolution",
            ),
        ),
        hints=(
            "Write the forward loops. Which cell of the padded input meets w[m, n, c, k] in output (i, j)?",
            "Send dz[i, j, k] * w[m, n, c, k] to exactly that cell, with `+=`.",
            "Work on a padded array of zeros; crop at the end.",
        ),
        solution="The forward loops, read backwards: what was read is now written to.",
    ),
    CodeDrill(
        id="conv-dw-code",
        title="The weight gradient in NumPy",
        section=WEIGHTS,
        difficulty=3,
        minutes=10,
        prompt=r"""Write `conv2d_dw(dz, x, KH, KW, stride, padding, dilation)`: the gradient with respect to
the weights, for a
batch. `dz` is $(N, H_{out}, W_{out}, F)$, `x` $(N, H, W, C)$ without its padding. Return
$(K_H, K_W, C, F)$.""",
        function="conv2d_dw",
        starter=_starter(
            "conv2d_dw(dz, x, KH, KW, stride, padding, dilation)",
            "dz (N, H_out, W_out, F), x (N, H, W, C) -> dw (KH, KW, C, F)",
        ),
        case=_dw_case,
        reference=_dw,
        solutions=(programs.dw_by_loops, programs.dw_by_taps),
        misconceptions=(
            Misconception(
                "stride-blind-gradient",
                _correlated(lambda i, m, s, d: i + m * d),
                "Your sum reads x at i + m*d. The window of output i starts at i*s, backwards too.",
            ),
            Misconception(
                "dilation-ignored",
                _correlated(lambda i, m, s, d: i * s + m),
                "Your taps lie side by side. With dilation, weight m met the cell i*s + m*d.",
            ),
            Misconception(
                "last-image-only",
                lambda dz, x, *rest: _dw(dz[-1:], x[-1:], *rest),
                "You keep the last image only. The weights are shared by all images too: add.",
                BATCH,
            ),
            Misconception(
                "batch-averaged",
                lambda dz, x, *rest: _dw(dz, x, *rest) / len(x),
                "You divide by the batch size. If the loss is a mean, that 1/N is in dz already.",
                BATCH,
            ),
            Misconception(
                "mean-over-positions",
                lambda dz, x, *rest: _dw(dz, x, *rest) / (dz.shape[1] * dz.shape[2]),
                "You average over the positions. A shared weight gets the *sum* of what each use asks for.",
            ),
        ),
        hints=(
            "A weight is used once for each output position and each image. What did it multiply there?",
            "dw[m, n, c, k] sums dz[a, i, j, k] * x_padded[a, i*s + m*d, j*s + n*d, c] over a, i and j.",
        ),
        solution="Error times what the weight met, summed over images and positions:",
    ),
    CodeDrill(
        id="max-pool-backward-batch",
        title="Backward through overlapping pooling, with channels",
        section=POOLING,
        difficulty=3,
        minutes=8,
        prompt=r"""Write `max_pool_dx(dy, x, k, stride)` for a batch: `x` $(N, H, W, C)$ was max-pooled by
$k \times k$ windows, `dy`
$(N, H_{out}, W_{out}, C)$ is the gradient of the result. Windows may overlap; at a tie the first maximum in
reading order takes all.""",
        function="max_pool_dx",
        starter=_starter(
            "max_pool_dx(dy, x, k, stride)", "dy (N, H_out, W_out, C), x (N, H, W, C) -> dx (N, H, W, C)"
        ),
        case=_pool_case,
        reference=lambda dy, x, k, stride: loops.max_pool2d_backward(dy, x, k, stride=stride),
        solutions=(programs.max_pool_dx_by_loops, programs.max_pool_dx_by_channels),
        misconceptions=(
            Misconception(
                "assigned-for-added",
                lambda dy, x, k, stride: _routed(dy, x, k, stride, adds=False),
                "You assign where you should add: a cell may win several overlapping windows. A 2x2 window "
                "with stride 2 hides this bug.",
            ),
            Misconception(
                "one-winner-for-all-channels",
                lambda dy, x, k, stride: _routed(dy, x, k, stride, leader=True),
                "You let the first channel choose for all. Every channel has its own maximum.",
            ),
            Misconception(
                "every-tie-takes-all",
                _all_winners,
                "At a tie you give every maximum the whole error; the first one takes it.",
            ),
            Misconception(
                "average-gradient",
                lambda dy, x, k, stride: avg_pool2d_backward(dy, x.shape, k, stride=stride),
                "You share each error equally: that is the gradient of average pooling.",
            ),
        ),
        hints=(
            "Loop over every entry of dy: image, i, j and channel.",
            "`window.argmax()` counts in reading order and takes the first.",
        ),
        solution="Every error goes to the cell that won its window, and adds up there:",
    ),
]
