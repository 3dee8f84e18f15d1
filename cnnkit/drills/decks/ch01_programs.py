"""Chapter 01: programs to write."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cnnkit.drills.cases import image_and_filters
from cnnkit.drills.kinds import CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch01 as programs
from cnnkit.kernels import loops, vectorized
from cnnkit.kernels.vectorized import conv2d
from cnnkit.shapes import conv_output_size

Array = NDArray[Any]

FLIP = "Cross-correlation or convolution?"
SIZES = "Padding, stride and the output size"
CHANNELS = "Channels: many in, many out"
IM2COL = "im2col: how it is really computed"


def _size_case(draw: Draw) -> dict[str, int]:
    k, dilation = draw.integer(1, 5), draw.integer(1, 3)
    span = dilation * (k - 1) + 1
    padding = draw.integer(0, 3)
    n = draw.integer(max(1, span - 2 * padding), span + 12)
    return {"n": n, "k": k, "stride": draw.integer(1, 4), "padding": padding, "dilation": dilation}


def _biased_strided_case(draw: Draw) -> dict[str, Any]:
    return image_and_filters(draw) | {"stride": draw.integer(1, 3)}


def _patch_case(draw: Draw) -> dict[str, Any]:
    kh, kw = draw.integer(1, 3), draw.integer(1, 3)
    h, w, c = draw.integer(kh, kh + 2), draw.integer(kw, kw + 2), draw.integer(1, 2)
    return {"x": draw.array(h, w, c), "kh": kh, "kw": kw}


def _unstrided_windows(x: Array, w: Array, b: Array | None, stride: int) -> Array:
    """Return as many windows as the stride leaves, but the first ones of all."""
    wanted = conv2d(x, w, stride=stride).shape
    return conv2d(x, w, b)[: wanted[0], : wanted[1]]


def _last_tap(x: Array, w: Array, b: Array | None, stride: int = 1) -> Array:
    """Return the last product of every sum, which is all that `=` keeps."""
    kh, kw = w.shape[:2]
    return conv2d(x[kh - 1 :, kw - 1 :, -1:], w[-1:, -1:, -1:], b, stride=stride)


def _scrambled(x: Array, w: Array) -> Array:
    return conv2d(x, w.reshape(w.shape[3], -1).T.reshape(w.shape))


def _view(x: Array, w: Array) -> Array:
    return sliding_window_view(x, w.shape[:2], axis=(0, 1))


def _columns_first(x: Array, kh: int, kw: int) -> Array:
    windows = sliding_window_view(x, (kh, kw), axis=(0, 1)).transpose(1, 0, 3, 4, 2)
    return windows.reshape(-1, kh * kw * x.shape[2])


def _starter(call: str, shapes: str) -> str:
    return f'def {call}:\n    """{shapes}"""\n    ...\n'


DECK = [
    CodeDrill(
        id="output-size-code",
        title="The output size as a function",
        section=SIZES,
        difficulty=1,
        minutes=3,
        prompt="""Write `output_size(n, k, stride, padding, dilation)`: the number of outputs along one
axis of `n` cells, for
a kernel of `k` taps and `padding` zeros on *both* sides.""",
        function="output_size",
        starter=_starter("output_size(n, k, stride, padding, dilation)", "whole numbers -> a whole number"),
        case=_size_case,
        reference=lambda n, k, stride, padding, dilation: conv_output_size(
            n, k, stride=stride, padding=padding, dilation=dilation
        ),
        solutions=(programs.output_size, programs.output_size_by_counting),
        misconceptions=(
            Misconception(
                "ceil-for-floor",
                lambda n, k, s, p, d: -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1,
                "You round up. A window that does not fit completely is dropped: round down.",
            ),
            Misconception(
                "no-floor",
                lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1,
                "You divide without rounding: use `//`, because the last partial window is dropped.",
            ),
            Misconception(
                "forgot-padding",
                lambda n, k, s, p, d: (n - d * (k - 1) - 1) // s + 1,
                "The padding is missing: it makes the input larger before the window slides.",
            ),
            Misconception(
                "padding-on-one-side",
                lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1,
                "You count the padding once; it lies on both sides.",
            ),
            Misconception(
                "dilation-ignored",
                lambda n, k, s, p, d: (n + 2 * p - k) // s + 1,
                "You leave out the dilation: `k` taps that stand `dilation` apart span more cells.",
            ),
            Misconception(
                "dilation-times-kernel",
                lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1,
                "You take `dilation * k` for the span. Between `k` taps lie `k - 1` gaps.",
            ),
            Misconception(
                "forgot-plus-one",
                lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s,
                "The + 1 is missing: there is a window before the first move.",
            ),
        ),
        hints=(
            "How many cells does the dilated kernel span?",
            "Room that is left after the padding, divided by the stride and rounded down, plus 1.",
        ),
        solution="The room for moves is what the span of the kernel leaves of the padded axis.",
    ),
    CodeDrill(
        id="conv2d-loops",
        title="conv2d with loops",
        section=IM2COL,
        difficulty=2,
        minutes=10,
        prompt=r"""Write `conv2d(x, w, b, stride)` in NumPy, without padding; loops are welcome. `x` has
the shape
$(H, W, C)$, `w` $(K_H, K_W, C, F)$ and `b` $(F,)$. Return the $(H_{out}, W_{out}, F)$ feature maps, as a
deep-learning framework
computes them.""",
        function="conv2d",
        starter=_starter(
            "conv2d(x, w, b, stride)", "x (H, W, C), w (KH, KW, C, F), b (F,) -> y (H_out, W_out, F)"
        ),
        case=_biased_strided_case,
        reference=lambda x, w, b, stride: loops.conv2d(x, w, b, stride=stride),
        solutions=(programs.conv2d_by_loops, programs.conv2d_by_windows),
        misconceptions=(
            Misconception(
                "flipped-kernel",
                lambda x, w, b, stride: conv2d(x, w[::-1, ::-1].copy(), b, stride=stride),
                "You flip the kernel: that is the mathematical convolution. A layer does not flip.",
                FLIP,
            ),
            Misconception(
                "forgot-bias",
                lambda x, w, b, stride: conv2d(x, w, stride=stride),
                "The bias is missing: add `b[k]` once to each output.",
                CHANNELS,
            ),
            Misconception(
                "stride-blind-window",
                _unstrided_windows,
                "The output has the right size, but its windows start at `i, j`; they start at `i * "
                "stride, j * stride`.",
                SIZES,
            ),
            Misconception(
                "assigned-for-added",
                (_last_tap, lambda x, w, b, stride: _last_tap(x, w, None, stride)),
                "You assign where you should add: `=` keeps only the last product of the sum, `+=` keeps "
                "them all.",
                CHANNELS,
            ),
            Misconception(
                "bias-in-the-inner-loop",
                lambda x, w, b, stride: conv2d(x, w, b * w[..., 0].size, stride=stride),
                "You add the bias with every product. It is added once for each output.",
                CHANNELS,
            ),
            Misconception(
                "first-channel-only",
                lambda x, w, b, stride: conv2d(x[..., :1], w[:, :, :1], b, stride=stride),
                "You use the first input channel only. Each output sums over all of them.",
                CHANNELS,
            ),
            Misconception(
                "forgot-plus-one",
                lambda x, w, b, stride: conv2d(x, w, b, stride=stride)[:-1, :-1],
                "The last row and column are missing: the output size ends with + 1.",
                SIZES,
            ),
        ),
        hints=(
            "First the output size: `(H - KH) // stride + 1` along the height.",
            "Three loops for the output (i, j, k), three for the sum (m, n, c).",
            "The window of output (i, j) starts at cell (i * stride, j * stride).",
        ),
        solution="The formula of the chapter, line by line:",
    ),
    CodeDrill(
        id="conv2d-vectorised",
        title="conv2d without position loops",
        section=IM2COL,
        difficulty=3,
        minutes=10,
        prompt=r"""Write `conv2d(x, w, b)` for stride 1 and no padding, *vectorised*: no Python loop over
output positions (a
loop over the few kernel positions is fine). `x` has the shape $(H, W, C)$, `w` $(K_H, K_W, C, F)$ and `b`
$(F,)$.""",
        function="conv2d",
        starter=_starter("conv2d(x, w, b)", "x (H, W, C), w (KH, KW, C, F), b (F,) -> y (H_out, W_out, F)"),
        case=image_and_filters,
        reference=lambda x, w, b: loops.conv2d(x, w, b),
        solutions=(programs.conv2d_by_window_view, programs.conv2d_by_shifts),
        growing=lambda n: {"x": np.ones((n, n + 1, 2)), "w": np.ones((3, 2, 2, 3)), "b": np.ones(3)},
        misconceptions=(
            Misconception(
                "flipped-kernel",
                lambda x, w, b: conv2d(x, w[::-1, ::-1].copy(), b),
                "You flip the kernel: that is the mathematical convolution. A layer does not flip.",
                FLIP,
            ),
            Misconception(
                "forgot-bias",
                lambda x, w, b: conv2d(x, w),
                "The bias is missing: add `b` to the last axis.",
                CHANNELS,
            ),
            Misconception(
                "kernel-axes-swapped",
                (
                    lambda x, w, b: np.einsum("ijcnm,mnck->ijk", _view(x, w), w) + b,
                    lambda x, w, b: np.tensordot(_view(x, w), w, axes=([2, 3, 4], [2, 1, 0])) + b,
                ),
                "You swap the kernel's axes: a window view ends with (height, width), in that order.",
            ),
            Misconception(
                "weights-scrambled",
                lambda x, w, b: _scrambled(x, w) + b,
                "You reshape the weights to (F, ...) and transpose. They lie with F last: reshape to "
                "(..., F) directly.",
            ),
            Misconception(
                "assigned-for-added",
                lambda x, w, b: _last_tap(x, w, b),
                "You assign where you should add: only the last product of the sum is left.",
                CHANNELS,
            ),
            Misconception(
                "mean-for-sum",
                lambda x, w, b: conv2d(x, w) / w[..., 0].size + b,
                "You take the mean over the window. A convolution sums.",
                "One window, one number",
            ),
        ),
        hints=(
            "`np.lib.stride_tricks.sliding_window_view(x, (KH, KW), axis=(0, 1))` holds every window "
            "without a copy.",
            "Its shape is (H_out, W_out, C, KH, KW). Multiply with `w` and sum over C, KH and KW.",
            '`np.einsum("ijcmn,mnck->ijk", windows, w)` does that; or add up KH * KW shifted images.',
        ),
        solution="A view of all windows, then one tensor product:",
    ),
    CodeDrill(
        id="im2col-code",
        title="im2col",
        section=IM2COL,
        difficulty=2,
        minutes=6,
        prompt=r"""Write `im2col(x, kh, kw)` for stride 1 and no padding: `x` has the shape $(H, W, C)$;
the result has one row for
each output position (row by row), and each row holds the window in the order height, width, channel.""",
        function="im2col",
        starter=_starter("im2col(x, kh, kw)", "x (H, W, C) -> (H_out * W_out, kh * kw * C)"),
        case=_patch_case,
        reference=lambda x, kh, kw: vectorized.im2col(x, (kh, kw)),
        solutions=(programs.im2col_by_loops, programs.im2col_by_window_view),
        misconceptions=(
            Misconception(
                "channel-first-rows",
                lambda x, kh, kw: sliding_window_view(x, (kh, kw), axis=(0, 1)).reshape(
                    -1, kh * kw * x.shape[2]
                ),
                "Your rows go through the channels first. A window view ends with (C, kh, kw): move C to "
                "the end.",
            ),
            Misconception(
                "windows-as-columns",
                lambda x, kh, kw: vectorized.im2col(x, (kh, kw)).T,
                "Your windows are columns; here each window is a row.",
            ),
            Misconception(
                "columns-first",
                _columns_first,
                "You list the positions column by column; the row index i must change slowest.",
            ),
            Misconception(
                "first-channel-only",
                lambda x, kh, kw: vectorized.im2col(x[..., :1], (kh, kw)),
                "You take the first channel only. A window is as deep as the input.",
                CHANNELS,
            ),
            Misconception(
                "forgot-plus-one",
                lambda x, kh, kw: (
                    vectorized.im2col(x, (kh, kw))
                    .reshape(x.shape[0] - kh + 1, x.shape[1] - kw + 1, -1)[:-1, :-1]
                    .reshape(-1, kh * kw * x.shape[2])
                ),
                "The last row and column of windows are missing: there are H - kh + 1 of them, not H - kh.",
                SIZES,
            ),
        ),
        hints=(
            "One window: `x[i:i + kh, j:j + kw]`.",
            "`ravel` of an array (kh, kw, C) goes through the channels fastest.",
        ),
        solution="Cut out every window and flatten it:",
    ),
]
