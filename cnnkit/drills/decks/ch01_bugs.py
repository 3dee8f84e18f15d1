"""Chapter 01: programs to repair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.cases import image_and_filters
from cnnkit.drills.kinds import BugDrill, Draw, Misconception
from cnnkit.drills.programs import ch01 as programs
from cnnkit.kernels import loops
from cnnkit.kernels.vectorized import conv2d

Array = NDArray[Any]

SIZES = "Padding, stride and the output size"
CHANNELS = "Channels: many in, many out"
IM2COL = "im2col: how it is really computed"


def _plain_case(draw: Draw) -> dict[str, Any]:
    case = image_and_filters(draw)
    return {"x": case["x"], "w": case["w"]}


def _strided_case(draw: Draw) -> dict[str, Any]:
    return _plain_case(draw) | {"stride": draw.integer(1, 3)}


def _last_channel(x: Array, w: Array, b: Array | None = None) -> Array:
    return conv2d(x[..., -1:], w[:, :, -1:], b)


DECK = [
    BugDrill(
        id="bug-channels",
        title="A convolution that forgets",
        section=CHANNELS,
        difficulty=1,
        minutes=3,
        prompt="""This program is right for images with one channel, and wrong for colour images. Find the
bug and fix it.""",
        function="conv2d",
        buggy=programs.conv2d_forgets_channels,
        bug=(
            "The bug is still there: `=` in the channel loop overwrites the sum, so only the last "
            "channel is left."
        ),
        case=image_and_filters,
        reference=lambda x, w, b: loops.conv2d(x, w, b),
        solutions=(programs.conv2d_adds_channels, programs.conv2d_adds_window_at_once),
        misconceptions=(
            Misconception(
                "bias-per-channel",
                lambda x, w, b: conv2d(x, w, b * x.shape[2]),
                "The channels add up now, but the bias moved into the loop: it is added once, not for "
                "each channel.",
            ),
            Misconception(
                "first-channel-only",
                lambda x, w, b: conv2d(x[..., :1], w[:, :, :1], b),
                "You use the first channel only. Each output sums over all of them.",
            ),
            Misconception(
                "forgot-bias",
                (lambda x, w, b: conv2d(x, w), lambda x, w, b: _last_channel(x, w)),
                "The bias got lost on the way.",
            ),
            Misconception(
                "sum-over-positions",
                lambda x, w, b: np.cumsum(conv2d(x, w, b).ravel()).reshape(conv2d(x, w).shape),
                "The sum runs on from one position to the next: start it anew for every output.",
            ),
        ),
        hints=("What is left in `y[i, j, k]` after the loop over the channels?", "`=` replaces, `+=` adds."),
        solution="The products of all channels belong to one sum, so the loop must *add*:",
    ),
    BugDrill(
        id="bug-stride",
        title="A stride that does not stride",
        section=SIZES,
        difficulty=2,
        minutes=4,
        prompt="""The output of this strided convolution has the right shape, but for `stride=2` the
numbers are wrong. Find the
bug and fix it.""",
        function="conv2d",
        buggy=programs.conv2d_forgets_stride,
        bug=(
            "The bug is still there: window (i, j) starts at cell (i, j), so the stride only shortens "
            "the output."
        ),
        case=_strided_case,
        reference=lambda x, w, stride: loops.conv2d(x, w, stride=stride),
        solutions=(programs.conv2d_starts_at_strides, programs.conv2d_thins_out),
        misconceptions=(
            Misconception(
                "stride-on-rows-only",
                lambda x, w, stride: conv2d(x, w, stride=(stride, 1))[
                    :, : conv2d(x, w, stride=stride).shape[1]
                ],
                "The rows stride now, the columns do not: both starts are multiplied by the stride.",
            ),
            Misconception(
                "stride-on-columns-only",
                lambda x, w, stride: conv2d(x, w, stride=(1, stride))[: conv2d(x, w, stride=stride).shape[0]],
                "The columns stride now, the rows do not: both starts are multiplied by the stride.",
            ),
            Misconception(
                "stride-ignored",
                lambda x, w, stride: conv2d(x, w),
                "You removed the stride altogether: the output has one cell for every window.",
            ),
        ),
        hints=(
            "Where does the window of output (1, 0) start, with stride 2?",
            "Output i belongs to input row `i * stride`.",
        ),
        solution="The window of output (i, j) starts at cell `(i * stride, j * stride)`:",
    ),
    BugDrill(
        id="bug-im2col-weights",
        title="Scrambled weights",
        section=IM2COL,
        difficulty=3,
        minutes=5,
        prompt="""This im2col convolution gives the right shape and the wrong numbers, unless there is only
one filter. Find the
bug and fix it. (`w` is (KH, KW, C, F).)""",
        function="conv2d",
        buggy=programs.conv2d_scrambles_weights,
        bug=(
            "The bug is still there: `reshape` does not move axes, so (F, ...) mixes the weights of "
            "different filters."
        ),
        case=_plain_case,
        reference=lambda x, w: loops.conv2d(x, w),
        solutions=(programs.conv2d_by_matrix_product, programs.conv2d_filter_by_filter),
        misconceptions=(
            Misconception(
                "channel-first-weights",
                lambda x, w: conv2d(x, w.transpose(2, 0, 1, 3).reshape(w.shape)),
                "Your weights go through the channels first, but the rows of the windows go through them "
                "last.",
            ),
            Misconception(
                "reversed-axes",
                lambda x, w: conv2d(x, w.T.reshape(w.shape[3], -1).T.reshape(w.shape)),
                "`w.T` reverses *all* axes, so (channel, width, height) meets (height, width, channel).",
            ),
            Misconception(
                "outputs-scrambled",
                lambda x, w: np.moveaxis(conv2d(x, w), -1, 0).reshape(conv2d(x, w).shape),
                "The products are right, but the result is reshaped with the filters first; they are the "
                "last axis.",
            ),
        ),
        hints=(
            "In which order do the numbers of `w` lie in memory? Which axis changes fastest?",
            "F is the last axis already: a reshape to two axes that keeps F last moves nothing.",
        ),
        solution=(
            "F is the fastest axis of `w`, so `w.reshape(KH * KW * C, F)` keeps every filter in its column:"
        ),
    ),
]
