"""Chapter 03: programs to write and to repair."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cnnkit.drills.kinds import BugDrill, CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch03 as programs
from cnnkit.kernels import loops
from cnnkit.kernels.vectorized import avg_pool2d, max_pool2d, max_pool2d_backward

Array = NDArray[Any]

WINDOW = "One number for each window"
CONVOLUTION = "Average pooling is a convolution"
GLOBAL = "Global average pooling"
OVERLAP = "Overlap or partition"
ROUTING = "Where the gradient goes"


def _pool_case(draw: Draw, *channels: int) -> dict[str, Any]:
    k = draw.integer(1, 3)
    height, width = draw.integer(k, k + 4), draw.integer(k, k + 4)
    x = draw.array(height, width, *channels, low=-9, high=4)
    return {"x": x, "k": k, "stride": draw.integer(1, 3)}


def _backward_case(draw: Draw) -> dict[str, Any]:
    case = _pool_case(draw)
    size = [(side - case["k"]) // case["stride"] + 1 for side in case["x"].shape]
    return {"dy": draw.array(*size, low=1, high=5), **case}


def _average_case(draw: Draw) -> dict[str, Any]:
    case = _backward_case(draw)
    return {"dy": case["dy"], "x_shape": case["x"].shape, "k": case["k"], "stride": case["stride"]}


def _max_gradient(dy: Array, x: Array, k: int, stride: int) -> Array:
    return loops.max_pool2d_backward(dy[..., None], x[..., None], k, stride=stride)[..., 0]


def _average_gradient(dy: Array, x_shape: tuple[int, int], k: int, stride: int) -> Array:
    return loops.avg_pool2d_backward(dy[..., None], (*x_shape, 1), k, stride=stride)[..., 0]


def _last_error_wins(dy: Array, x: Array, k: int, stride: int) -> Array:
    dx = np.zeros_like(x)
    for i, j in np.ndindex(dy.shape):
        window = x[i * stride : i * stride + k, j * stride : j * stride + k]
        m, n = np.unravel_index(window.argmax(), window.shape)
        dx[i * stride + m, j * stride + n] = dy[i, j]
    return dx


def _every_tie_takes_all(dy: Array, x: Array, k: int, stride: int) -> Array:
    dx = np.zeros_like(x)
    for i, j in np.ndindex(dy.shape):
        cells = (slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))
        dx[cells] += dy[i, j] * (x[cells] == x[cells].max())
    return dx


def _ties_share(dy: Array, x: Array, k: int, stride: int) -> Array:
    dx = np.zeros_like(x)
    for i, j in np.ndindex(dy.shape):
        cells = (slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))
        hits = x[cells] == x[cells].max()
        dx[cells] += dy[i, j] * hits / hits.sum()
    return dx


def _last_tie(dy: Array, x: Array, k: int, stride: int) -> Array:
    dx = np.zeros_like(x)
    for i, j in np.ndindex(dy.shape):
        cells = (slice(i * stride, i * stride + k), slice(j * stride, j * stride + k))
        turned = x[cells][::-1, ::-1, None].copy()  # from the other end the last maximum is the first
        dx[cells] += max_pool2d_backward(dy[i : i + 1, j : j + 1, None], turned, k)[::-1, ::-1, 0]
    return dx


def _first_windows(x: Array, k: int, stride: int) -> Array:
    """Return as many windows as the stride leaves, but the first ones of all."""
    dense: Array = sliding_window_view(x, (k, k), axis=(0, 1)).max(axis=(-2, -1))
    rows, columns = ((side - k) // stride + 1 for side in x.shape[:2])
    return dense[:rows, :columns]


def _gradient_of_tiles(dy: Array, x: Array, k: int) -> Array:
    """Return the gradient as if the windows stood side by side, where they fit."""
    rows, columns = (min(n, side // k) for n, side in zip(dy.shape, x.shape, strict=True))
    dx = np.zeros_like(x)
    tiles = x[: rows * k, : columns * k, None]
    dx[: rows * k, : columns * k] = max_pool2d_backward(dy[:rows, :columns, None], tiles, k)[..., 0]
    return dx


def _starter(call: str, shapes: str) -> str:
    return f'def {call}:\n    """{shapes}"""\n    ...\n'


DECK = [
    CodeDrill(
        id="max-pool-code",
        title="Max pooling in NumPy",
        section=WINDOW,
        difficulty=2,
        minutes=6,
        prompt=r"""Write `max_pool(x, k, stride)`: max pooling of `x` $(H, W, C)$ with a $k \times k$ window
and no padding. Return
$(H_{out}, W_{out}, C)$. Windows may overlap or leave gaps, numbers may be negative; loops are welcome.""",
        function="max_pool",
        starter=_starter("max_pool(x, k, stride)", "x (H, W, C), k and stride -> y (H_out, W_out, C)"),
        case=lambda draw: _pool_case(draw, draw.integer(1, 2)),
        reference=lambda x, k, stride: loops.max_pool2d(x, k, stride=stride),
        solutions=(programs.max_pool_by_loops, programs.max_pool_by_window_view),
        misconceptions=(
            Misconception(
                "maximum-starts-at-zero",
                lambda x, k, stride: np.maximum(max_pool2d(x, k, stride=stride), 0),
                "Your maximum starts at 0, so a window of negative numbers gives 0. Start at minus infinity.",
            ),
            Misconception(
                "average-for-max",
                lambda x, k, stride: avg_pool2d(x, k, stride=stride),
                "That is average pooling.",
            ),
            Misconception(
                "stride-is-the-window",
                lambda x, k, stride: max_pool2d(x, k),
                "You move by the size of the window. The stride is a choice of its own.",
                OVERLAP,
            ),
            Misconception(
                "stride-blind-window",
                _first_windows,
                "The output has the right size, but its windows start at `i, j`; they start at `i * stride, "
                "j * stride`.",
                OVERLAP,
            ),
            Misconception(
                "pooled-over-channels",
                lambda x, k, stride: np.broadcast_to(
                    max_pool2d(x, k, stride=stride).max(axis=2, keepdims=True),
                    max_pool2d(x, k, stride=stride).shape,
                ),
                "You take the maximum over the channels too. Every channel is pooled alone.",
            ),
            Misconception(
                "forgot-plus-one",
                lambda x, k, stride: max_pool2d(x, k, stride=stride)[:-1, :-1],
                "The last row and column are missing: the output size ends with + 1.",
            ),
        ),
        hints=(
            "The output size is that of a convolution: `(H - k) // stride + 1`.",
            "Loop over i, j and c; the window starts at row `i * stride`, column `j * stride`.",
            "With which value must a maximum begin if all numbers may be negative?",
        ),
        solution="Like a convolution, with a maximum where the sum of products was:",
    ),
    CodeDrill(
        id="max-pool-backward-code",
        title="Backward through max pooling",
        section=ROUTING,
        difficulty=3,
        minutes=8,
        prompt=r"""Write `max_pool_backward(dy, x, k, stride)` for one map `x` $(H, W)$ and the errors `dy`
$(H_{out}, W_{out})$
of its max pooling. Return `dx` $(H, W)$. Windows may overlap; at a tie the first maximum in reading order
takes the error.""",
        function="max_pool_backward",
        starter=_starter("max_pool_backward(dy, x, k, stride)", "dy (H_out, W_out), x (H, W) -> dx (H, W)"),
        case=_backward_case,
        reference=_max_gradient,
        solutions=(programs.max_pool_backward_by_loops, programs.max_pool_backward_by_add_at),
        misconceptions=(
            Misconception(
                "assigned-for-added",
                _last_error_wins,
                "You assign where you should add. A cell that wins several overlapping windows gets the "
                "sum of their errors: `+=`.",
            ),
            Misconception(
                "every-tie-takes-all",
                _every_tie_takes_all,
                "At a tie you give every maximum the whole error: `x == max` is true several times. Take the "
                "first.",
            ),
            Misconception(
                "ties-share",
                _ties_share,
                "At a tie you divide the error. That is a choice, too, but asked for was the first maximum.",
            ),
            Misconception(
                "last-tie",
                _last_tie,
                "At a tie you take the last maximum: compare with `>`, not with `>=`.",
            ),
            Misconception(
                "average-gradient",
                lambda dy, x, k, stride: _average_gradient(dy, x.shape, k, stride),
                "You share each error equally: that is the gradient of average pooling.",
            ),
            Misconception(
                "stride-is-the-window",
                lambda dy, x, k, stride: _gradient_of_tiles(dy, x, k),
                "Your windows stand side by side. They start at `i * stride, j * stride`.",
                OVERLAP,
            ),
        ),
        hints=(
            "Find the place of the maximum of every window again, as in the forward pass.",
            "`np.unravel_index(window.argmax(), window.shape)` gives its row and column in the window.",
            "What happens to a cell that is the maximum of two windows?",
        ),
        solution="Each error goes to the place of its window's maximum, and what meets there adds up:",
    ),
    CodeDrill(
        id="global-average-code",
        title="Global average pooling",
        section=GLOBAL,
        difficulty=1,
        minutes=2,
        prompt=r"Write `global_average(x)`: global average pooling of one input `x` $(H, W, C)$.",
        function="global_average",
        starter=_starter("global_average(x)", "x (H, W, C) -> y (C,)"),
        case=lambda draw: {"x": draw.array(draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 3))},
        reference=lambda x: x.mean(axis=(0, 1)),
        solutions=(programs.global_average, programs.global_average_by_sum),
        misconceptions=(
            Misconception("averaged-everything", lambda x: x.mean(), "You average the channels too."),
            Misconception(
                "averaged-channels",
                lambda x: x.mean(axis=2),
                "You average over the channels. They stay; height and width go.",
            ),
            Misconception("sum-for-mean", lambda x: x.sum(axis=(0, 1)), "You sum; divide by the cells."),
            Misconception("max-for-mean", lambda x: x.max(axis=(0, 1)), "That is global *max* pooling."),
            Misconception("one-axis", lambda x: x.mean(axis=0), "You average over one axis only."),
        ),
        hints=("One number for each channel.", "Which two axes disappear?"),
        solution="The mean over height and width, the first two axes:",
    ),
    CodeDrill(
        id="average-as-convolution-code",
        title="Average pooling by a convolution",
        section=CONVOLUTION,
        difficulty=2,
        minutes=3,
        prompt=r"""`conv2d(x, w, stride=k, groups=C)` shall compute average pooling with a $k \times k$ window
on C channels. Write
`weights(k, channels)`, which returns its `w` in the layout $(K_H, K_W, C_{in}/g, C_{out})$.""",
        function="weights",
        starter=_starter("weights(k, channels)", "whole numbers -> w (k, k, C_in / groups, C_out)"),
        case=lambda draw: {"k": draw.integer(1, 4), "channels": draw.integer(1, 3)},
        reference=lambda k, channels: np.full((k, k, 1, channels), 1 / k**2),
        solutions=(programs.average_weights, programs.average_weights_by_loop),
        misconceptions=(
            Misconception(
                "sum-for-mean", lambda k, c: np.ones((k, k, 1, c)), "Those weights sum. A mean divides by k²."
            ),
            Misconception(
                "divided-by-side",
                lambda k, c: np.full((k, k, 1, c), 1 / k),
                "A window has k² cells, not k.",
            ),
            Misconception(
                "channels-mixed",
                (
                    lambda k, c: np.full((k, k, c, c), 1 / k**2),
                    lambda k, c: np.full((k, k, c, c), 1 / (k**2 * c)),
                ),
                "A filter of depth C mixes the channels. With groups = C each filter reads one channel.",
            ),
            Misconception(
                "channel-axes-swapped",
                lambda k, c: np.full((k, k, c, 1), 1 / k**2),
                "The last axis counts the filters; with groups = C there are C of them, each of depth 1.",
            ),
        ),
        hints=(
            "Depthwise: as many groups as channels, so every filter reads one channel.",
            "Its shape is (k, k, 1, C). Which number stands in every cell?",
        ),
        solution="A depthwise kernel whose weights are all one over the number of cells:",
    ),
    BugDrill(
        id="bug-max-starts-at-zero",
        title="A maximum that is never negative",
        section=WINDOW,
        difficulty=1,
        minutes=3,
        prompt="""This max pooling of one map is right after a ReLU, and wrong before it. Find the bug and fix
it.""",
        function="max_pool",
        buggy=programs.max_pool_starts_at_zero,
        bug="The bug is still there: the search begins with 0, which beats every negative number.",
        case=_pool_case,
        reference=lambda x, k, stride: loops.max_pool2d(x[..., None], k, stride=stride)[..., 0],
        solutions=(programs.max_pool_starts_at_minus_infinity, programs.max_pool_of_slices),
        misconceptions=(
            Misconception(
                "largest-magnitude",
                lambda x, k, stride: max_pool2d(np.abs(x)[..., None], k, stride=stride)[..., 0],
                "You compare absolute values. The maximum keeps its sign.",
            ),
            Misconception(
                "minimum-for-maximum",
                lambda x, k, stride: -max_pool2d(-x[..., None], k, stride=stride)[..., 0],
                "That is the minimum.",
            ),
            Misconception(
                "first-cell-only",
                lambda x, k, stride: max_pool2d(x[..., None], 1, stride=stride)[
                    : (x.shape[0] - k) // stride + 1, : (x.shape[1] - k) // stride + 1, 0
                ],
                "You return the first cell of every window.",
            ),
        ),
        hints=("Try a window that holds -3, -1, -2, -5.", "With what must the search for a maximum begin?"),
        solution="Begin below every number: with minus infinity, or with the window's own first cell.",
    ),
    BugDrill(
        id="bug-average-overwrites",
        title="Gradients that vanish where windows overlap",
        section=ROUTING,
        difficulty=2,
        minutes=4,
        prompt=r"""This gradient of average pooling passes every test with $2 \times 2$ windows and stride 2.
With $3 \times 3$ and stride 2 it is wrong. Find the bug and fix it.""",
        function="avg_pool_backward",
        buggy=programs.avg_pool_backward_overwrites,
        bug="The bug is still there: `=` throws away what earlier windows brought to the same cells.",
        case=_average_case,
        reference=_average_gradient,
        solutions=(programs.avg_pool_backward_adds, programs.avg_pool_backward_by_taps),
        misconceptions=(
            Misconception(
                "forgot-to-share",
                lambda dy, x_shape, k, stride: _average_gradient(dy, x_shape, k, stride) * k**2,
                "The errors add up now, but each cell gets the whole error: divide by the cells of a window.",
            ),
            Misconception(
                "divided-by-side",
                lambda dy, x_shape, k, stride: _average_gradient(dy, x_shape, k, stride) * k,
                "A window has k² cells, not k.",
            ),
            Misconception(
                "averaged-overlaps",
                lambda dy, x_shape, k, stride: (
                    _average_gradient(dy, x_shape, k, stride)
                    / np.maximum(_average_gradient(np.ones_like(dy), x_shape, k, stride) * k**2, 1)
                ),
                "You average what overlapping windows bring. It adds up: each window is a path of its own.",
            ),
        ),
        hints=(
            "Which cells belong to more than one window when the stride is smaller than the window?",
            "The derivative with respect to a cell is a sum over all outputs that read it.",
        ),
        solution="A cell that several windows read collects from all of them:",
    ),
]
