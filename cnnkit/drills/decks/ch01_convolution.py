"""Chapter 01: windows computed by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.kernels import loops

SIZES = "Padding, stride and the output size"


def _map(x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[Any]:
    """Return the literal loops' answer for one channel and one filter."""
    return loops.conv2d(x[..., None], w[..., None, None])[..., 0]


def _channels(v: SimpleNamespace) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.stack([v.x0, v.x1], axis=-1), np.stack([v.w0, v.w1], axis=-1)


def _correlation_case(draw: Draw) -> dict[str, object]:
    x, w = draw.array(3, 3, low=0), draw.array(3, 3)
    return {"x": x, "w": w, "b": draw.integer(1, 4), "products": x * w}


def _convolution_case(draw: Draw) -> dict[str, object]:
    x, w = draw.array(3, 3, low=0), draw.array(3, 3)
    return {"x": x, "w": w, "turned": w[::-1, ::-1]}


def _feature_map_case(draw: Draw) -> dict[str, object]:
    x, w = draw.array(3, 4, low=0), draw.array(2, 2, low=-2, high=2)
    return {"x": x, "w": w, "result": _map(x, w)}


def _channel_case(draw: Draw) -> dict[str, object]:
    x0, x1, w0, w1 = draw.array(2, 2, low=0), draw.array(2, 2, low=0), draw.array(2, 2), draw.array(2, 2)
    partial = {"part0": int((x0 * w0).sum()), "part1": int((x1 * w1).sum())}
    return {"x0": x0, "x1": x1, "w0": w0, "w1": w1, "b": draw.integer(1, 3)} | partial


def _signal_case(draw: Draw) -> dict[str, object]:
    x, w = draw.array(7, low=0, high=4), draw.array(3, low=-2, high=2)
    return {"x": x, "w": w, "result": np.correlate(x, w, "valid")[::2]}


DECK = [
    NumericDrill(
        id="correlation-by-hand",
        title="One window, one number",
        section="One window, one number",
        difficulty=1,
        minutes=2,
        prompt=r"""A layer looks at this window $X$ through the kernel $W$, with bias $b = @b$:

$$X = @x \qquad W = @w$$

What number does it put into the feature map, the way deep-learning frameworks compute it?""",
        draw=_correlation_case,
        answer=lambda v: (v.x * v.w).sum() + v.b,
        check=lambda v: _map(v.x, v.w)[0, 0] + v.b,
        misconceptions=(
            Misconception(
                "flipped-kernel",
                lambda v: (v.x * v.w[::-1, ::-1]).sum() + v.b,
                "You flipped the kernel: that is the mathematical convolution. Frameworks compute the cross-"
                "correlation, cell by cell without a flip.",
                "Cross-correlation or convolution?",
            ),
            Misconception(
                "forgot-bias", lambda v: (v.x * v.w).sum(), "The sum is right, but the bias is missing."
            ),
            Misconception(
                "transposed-kernel",
                lambda v: (v.x * v.w.T).sum() + v.b,
                "You read the kernel column by column: row meets row, column meets column.",
            ),
            Misconception(
                "first-row-only",
                lambda v: (v.x[0] * v.w[0]).sum() + v.b,
                "You used the first row only. All nine products are summed.",
            ),
        ),
        hints=(
            "Lay the kernel on the window: nine products, one for each pair of cells that meet.",
            "Add the nine products, then the bias once.",
        ),
        solution="The nine products are $$@products$$ Their sum plus the bias @b is **@answer**.",
    ),
    NumericDrill(
        id="convolution-by-hand",
        title="Convolution with the flip",
        section="Cross-correlation or convolution?",
        difficulty=2,
        minutes=3,
        prompt=r"""Here are a window $X$ and a kernel $W$ of the same size:

$$X = @x \qquad W = @w$$

What is their *mathematical* convolution at the position where they overlap completely?""",
        draw=_convolution_case,
        answer=lambda v: (v.x * v.w[::-1, ::-1]).sum(),
        # Polynomials multiply by convolution: with rows of five cells, cell (2, 2) is coefficient 12.
        check=lambda v: np.convolve(np.pad(v.x, (0, 2)).ravel(), np.pad(v.w, (0, 2)).ravel())[12],
        misconceptions=(
            Misconception(
                "kernel-not-flipped",
                lambda v: (v.x * v.w).sum(),
                "That is the cross-correlation. The mathematical convolution flips the kernel along both "
                "axes.",
            ),
            Misconception(
                "flipped-one-axis",
                lambda v: (v.x * v.w[::-1]).sum(),
                "You flipped the kernel upside down only; it is flipped left to right too.",
            ),
            Misconception(
                "flipped-one-axis-sideways",
                lambda v: (v.x * v.w[:, ::-1]).sum(),
                "You flipped the kernel left to right only; it is flipped upside down too.",
            ),
            Misconception(
                "transposed-kernel",
                lambda v: (v.x * v.w.T).sum(),
                "You transposed the kernel. A flip along both axes is a rotation by 180 degrees.",
            ),
        ),
        hints=(
            "Convolution turns the kernel by 180 degrees before it multiplies.",
            "The last weight of the last row meets the first cell of the window.",
        ),
        solution=(
            "Turned by 180 degrees, the kernel is $$@turned$$ and the nine products with $X$ sum to "
            "**@answer**."
        ),
    ),
    NumericDrill(
        id="feature-map-by-hand",
        title="A small feature map",
        section="One window, one number",
        difficulty=2,
        minutes=4,
        prompt=r"""Slide the kernel $W$ over the image $X$ with stride 1 and no padding, as a framework does:

$$X = @x \qquad W = @w$$

Give the feature map, row by row.""",
        draw=_feature_map_case,
        answer=lambda v: _map(v.x, v.w),
        check=lambda v: [
            sum(v.x[i + m, j + n] * v.w[m, n] for m in range(2) for n in range(2))
            for i in range(2)
            for j in range(3)
        ],
        misconceptions=(
            Misconception(
                "flipped-kernel",
                lambda v: _map(v.x, v.w[::-1, ::-1]),
                "You flipped the kernel. A convolutional layer does not.",
                "Cross-correlation or convolution?",
            ),
            Misconception(
                "columns-first",
                lambda v: _map(v.x, v.w).T,
                "The six numbers are right, but listed column by column; give them row by row.",
            ),
            Misconception(
                "transposed-kernel",
                lambda v: _map(v.x, v.w.T),
                "You read the kernel column by column.",
            ),
        ),
        hints=(
            r"A $2 \times 2$ window fits at 2 heights and 3 widths: six numbers.",
            "The first number comes from the upper left window, the second from one column further right.",
        ),
        solution="The feature map has two rows of three numbers: $$@result$$",
    ),
    NumericDrill(
        id="multi-channel-sum",
        title="Two channels, one filter",
        section="Channels: many in, many out",
        difficulty=2,
        minutes=3,
        prompt=r"""A window of an image with two channels, $X_0$ and $X_1$, meets one filter with the slices
$W_0$ and $W_1$ and the bias $b = @b$:

$$X_0 = @x0 \quad X_1 = @x1 \quad W_0 = @w0 \quad W_1 = @w1$$

What does the filter put into its feature map at this position?""",
        draw=_channel_case,
        answer=lambda v: (v.x0 * v.w0).sum() + (v.x1 * v.w1).sum() + v.b,
        check=lambda v: loops.conv2d(_channels(v)[0], _channels(v)[1][..., None], np.array([float(v.b)])),
        misconceptions=(
            Misconception(
                "bias-per-channel",
                lambda v: (v.x0 * v.w0).sum() + (v.x1 * v.w1).sum() + 2 * v.b,
                "You added the bias once for each channel. A filter has one bias.",
            ),
            Misconception(
                "forgot-bias",
                lambda v: (v.x0 * v.w0).sum() + (v.x1 * v.w1).sum(),
                "The sum over both channels is right, but the bias is missing.",
            ),
            Misconception(
                "first-channel-only",
                lambda v: (v.x0 * v.w0).sum() + v.b,
                "You used the first channel only. A filter is as deep as its input and sums over all "
                "channels.",
            ),
            Misconception(
                "channels-crossed",
                lambda v: (v.x0 * v.w1).sum() + (v.x1 * v.w0).sum() + v.b,
                "You crossed the channels: slice 0 of the filter belongs to channel 0.",
            ),
            Misconception(
                "flipped-kernel",
                lambda v: (v.x0 * v.w0[::-1, ::-1]).sum() + (v.x1 * v.w1[::-1, ::-1]).sum() + v.b,
                "You flipped the kernel. A convolutional layer does not.",
                "Cross-correlation or convolution?",
            ),
        ),
        hints=(
            "Each channel meets its own slice of the filter.",
            "Add everything up: both channels and the bias give a single number.",
        ),
        solution="Channel 0 gives @part0, channel 1 gives @part1, the bias adds @b: together **@answer**.",
    ),
    NumericDrill(
        id="conv1d-by-hand",
        title="A 1-D convolution with stride 2",
        section="Beyond 2-D",
        difficulty=2,
        minutes=3,
        prompt=r"""A 1-D convolutional layer with the kernel $w = @w$, stride 2 and no padding reads the
signal
$x = @x$. What does it give?""",
        draw=_signal_case,
        answer=lambda v: np.correlate(v.x, v.w, "valid")[::2],
        check=lambda v: loops.conv1d(v.x[:, None], v.w[:, None, None], stride=2),
        misconceptions=(
            Misconception(
                "flipped-kernel",
                lambda v: np.convolve(v.x, v.w, "valid")[::2],
                "You flipped the kernel. A convolutional layer does not, in one dimension either.",
                "Cross-correlation or convolution?",
            ),
            Misconception(
                "stride-ignored",
                lambda v: np.correlate(v.x, v.w, "valid")[:3],
                "You moved the window by one cell; the stride is 2.",
                SIZES,
            ),
            Misconception(
                "padded",
                lambda v: np.correlate(np.pad(v.x, 1), v.w, "valid")[::2][:3],
                "You started with the window half outside the signal; without padding it starts at the "
                "first cell.",
                SIZES,
            ),
        ),
        hints=(
            "The windows start at cells 0, 2 and 4.",
            "Each window: three products, one sum. The kernel is not flipped.",
        ),
        solution=(
            r"The windows start at cells 0, 2 and 4; multiplied with $w$ and summed they give "
            r"**@result**."
        ),
    ),
]
