"""Chapter 01: layers and algorithms that do the same with less."""

import numpy as np

from cnnkit.drills.counting import multiplications, numbers_in
from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

COUNTS = "Parameters and multiply-adds"
CHEAP = "1×1, grouped and depthwise-separable"


def _grouped_case(draw: Draw) -> dict[str, int]:
    g = draw.choice((2, 4, 8))
    return {"g": g, "c": g * draw.integer(2, 8), "f": g * draw.integer(9, 16), "k": draw.choice((3, 5))}


def _separable_case(draw: Draw) -> dict[str, int]:
    return {
        "n": draw.choice((7, 14, 28)),
        "k": draw.choice((3, 5)),
        "c": draw.choice((16, 32, 48, 64)),
        "f": draw.choice((24, 40, 96, 128)),
    }


DECK = [
    NumericDrill(
        id="grouped-conv-parameters",
        title="A grouped convolution",
        section=CHEAP,
        difficulty=2,
        minutes=2,
        prompt=r"""A $@k \times @k$ convolution from @c to @f channels has @g groups and biases. How many
parameters?""",
        draw=_grouped_case,
        answer="(k^2 * c/g + 1) * f",
        check=lambda v: v.g * numbers_in((v.k, v.k, v.c // v.g, v.f // v.g), (v.f // v.g,)),
        misconceptions=(
            Misconception(
                "groups-ignored",
                "(k^2 * c + 1) * f",
                "You counted full filters. With groups a filter reads $C_{in} / g = @{c/g}$ channels only.",
            ),
            Misconception(
                "divided-twice",
                "k^2 * c/g * f/g + f",
                "You divided by the groups twice. One group has $@{c/g} \\cdot @{f/g}$ pairs of "
                "channels, but there are @g groups.",
            ),
            Misconception(
                "forgot-bias",
                "k^2 * c/g * f",
                "The weights are right; add one bias for each of the @f filters.",
            ),
            Misconception(
                "multiplied-by-groups",
                "(k^2 * c * g + 1) * f",
                "You multiplied by the groups. Groups cut connections, so there are fewer weights.",
            ),
            Misconception(
                "depthwise-for-grouped",
                "(k^2 + 1) * f",
                "That is a depthwise layer, one input channel for each filter. Here a filter reads @{c/g}.",
            ),
        ),
        hints=(
            "How many input channels does one filter read when the channels are split into @g groups?",
            r"$k^2 \cdot C_{in}/g$ weights for each filter, and a bias.",
        ),
        solution=r"""Each of the @f filters reads $@c / @g = @{c/g}$ channels: $@k \cdot @k \cdot @{c/g} +
1 = @{k^2*c/g + 1}$
numbers. In all **@answer**.""",
    ),
    NumericDrill(
        id="depthwise-separable-macs",
        title="What depthwise-separable saves",
        section=CHEAP,
        difficulty=2,
        minutes=3,
        prompt=r"""A $@k \times @k$ convolution from @c to @f channels on a $@n \times @n$ map (same
padding, stride 1, no biases)
is replaced by a depthwise one followed by a $1 \times 1$ one. How many multiply-adds do these two take
together?""",
        draw=_separable_case,
        answer="n^2 * (k^2*c + c*f)",
        check=lambda v: (
            multiplications(v.n + v.k - 1, v.k, v.c, v.c, groups=v.c) + multiplications(v.n, 1, v.c, v.f)
        ),
        misconceptions=(
            Misconception(
                "standard-convolution",
                "n^2 * k^2*c*f",
                "That is the standard convolution, which mixes space and channels at once.",
            ),
            Misconception(
                "forgot-pointwise",
                "n^2 * k^2*c",
                "You counted the depthwise half only. The $1 \\times 1$ convolution that mixes the "
                "channels costs more than it.",
            ),
            Misconception(
                "forgot-depthwise",
                "n^2 * c*f",
                "You counted the $1 \\times 1$ half only; the depthwise one comes before it.",
            ),
            Misconception(
                "depthwise-per-filter",
                "n^2 * (k^2*f + c*f)",
                "The depthwise step has one kernel for each *input* channel: @c of them, not @f.",
            ),
            Misconception(
                "positions-ignored",
                "k^2*c + c*f",
                "That is the number of weights. They are used at each of the $@n \\cdot @n$ positions.",
                COUNTS,
            ),
        ),
        hints=(
            "Count the two steps one after the other. Which channels does each of them read?",
            r"Per position: $k^2 C_{in}$ for the depthwise step, $C_{in} C_{out}$ for the pointwise one.",
        ),
        solution=r"""Depthwise $@{n^2} \cdot @{k^2} \cdot @c = @{n^2 * k^2 * c}$, pointwise
$@{n^2} \cdot @c \cdot @f = @{n^2 * c * f}$: together **@answer**, against @{n^2*k^2*c*f} for the standard
layer,
@{k^2*f/(k^2 + f)} times as many.""",
    ),
    NumericDrill(
        id="depthwise-separable-factor",
        title="By what factor?",
        section=CHEAP,
        difficulty=2,
        minutes=2,
        prompt=r"""A $@k \times @k$ layer from @c to @f channels becomes depthwise-separable. By what
factor does the number of
multiply-adds fall?""",
        draw=_separable_case,
        answer="k^2 * f / (k^2 + f)",
        check=lambda v: (
            multiplications(v.k, v.k, v.c, v.f)
            / (multiplications(v.k, v.k, v.c, v.c, groups=v.c) + multiplications(1, 1, v.c, v.f))
        ),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "ratio-upside-down",
                "(k^2 + f) / (k^2 * f)",
                "That is the share that remains, $1/C_{out} + 1/k^2$. The factor is its inverse.",
            ),
            Misconception(
                "pointwise-forgotten",
                "f",
                "You compared with the depthwise half alone, $k^2 C_{in}$; the $1 \\times 1$ half is "
                "missing.",
            ),
            Misconception(
                "depthwise-forgotten",
                "k^2",
                "$k^2$ is the limit for very many filters: you left out the depthwise half.",
            ),
            Misconception(
                "input-channels-in-the-ratio",
                "k^2 * c / (k^2 + c)",
                "You used the input channels. They cancel: the ratio depends on $k$ and the *output* "
                "channels.",
            ),
        ),
        hints=(
            r"Divide $k^2 C_{in} C_{out}$ by $k^2 C_{in} + C_{in} C_{out}$.",
            r"The share that remains is $1/C_{out} + 1/k^2$.",
        ),
        solution=r"""The share that remains is $1/@f + 1/@{k^2} = @{1/f + 1/k^2}$, so the factor is
**@answer**.""",
    ),
    NumericDrill(
        id="bottleneck-weights",
        title="A bottleneck of 1x1 convolutions",
        section=CHEAP,
        difficulty=3,
        minutes=3,
        prompt=r"""A block reduces @c channels to @r with a $1 \times 1$ convolution, applies a $3 \times
3$ one to those @r, and
expands to @c again with a $1 \times 1$ one. How many weights has it, without biases?""",
        draw=lambda draw: {"c": draw.choice((128, 192, 256, 512)), "r": draw.choice((24, 32, 64))},
        answer="c*r + 9*r^2 + r*c",
        check=lambda v: numbers_in((1, 1, v.c, v.r), (3, 3, v.r, v.r), (1, 1, v.r, v.c)),
        misconceptions=(
            Misconception(
                "no-bottleneck",
                "9 * c^2",
                "That is a $3 \\times 3$ convolution on all @c channels, which the bottleneck avoids.",
            ),
            Misconception(
                "forgot-expansion",
                "c*r + 9*r^2",
                "The last $1 \\times 1$ convolution, from @r back to @c channels, is missing.",
            ),
            Misconception(
                "one-by-one-is-free",
                "9*r^2",
                "You counted the $3 \\times 3$ convolution only. A $1 \\times 1$ convolution has a "
                "weight for each pair of channels.",
            ),
            Misconception(
                "wide-middle",
                "c*r + 9*r*c + r*c",
                "The $3 \\times 3$ convolution stays narrow: it reads @r channels and writes @r.",
            ),
        ),
        hints=(
            "Three layers: write down input and output channels of each.",
            r"$1 \cdot 1 \cdot @c \cdot @r$, then $3 \cdot 3 \cdot @r \cdot @r$, then $1 \cdot 1 \cdot @r "
            r"\cdot @c$.",
        ),
        solution=r"""$@{c*r} + @{9*r^2} + @{r*c} =$ **@answer**; a $3 \times 3$ layer on @c channels would
need @{9*c^2}.""",
    ),
    NumericDrill(
        id="separable-kernel-cost",
        title="Two short passes",
        section="Separable kernels",
        difficulty=1,
        minutes=1,
        prompt=r"""A $@k \times @k$ blur is separable. A column pass followed by a row pass gives the same
picture: how many
multiplications does it save for each pixel?""",
        draw=lambda draw: {"k": draw.choice((5, 7, 9, 11, 15, 21))},
        answer="k^2 - 2*k",
        check=lambda v: np.outer(np.ones(v.k), np.ones(v.k)).size - np.ones(v.k).size - np.ones(v.k).size,
        misconceptions=(
            Misconception(
                "what-remains", "2*k", "That is what the two passes still cost; the saving is asked for."
            ),
            Misconception(
                "one-pass", "k^2 - k", "You counted one pass. There are two, with @k multiplications each."
            ),
            Misconception(
                "square-cost", "k^2", "That is the cost of the square kernel; subtract the two passes."
            ),
        ),
        hints=("What does the square kernel cost for each pixel? And one pass?", "$k^2$ against $2k$."),
        solution=r"""$@k^2 = @{k^2}$ for the square kernel, $2 \cdot @k = @{2*k}$ for the two passes:
**@answer** saved.""",
    ),
    NumericDrill(
        id="winograd-multiplications",
        title="Winograd's saving",
        section="FFT and Winograd as ideas",
        difficulty=3,
        minutes=3,
        prompt=r"""Winograd's algorithm computes a $@m \times @m$ tile of outputs of a $@r \times @r$
kernel with as many
multiplications as the tile reads *input* cells. How many times fewer multiplications is that than
computing each output
directly?""",
        draw=lambda draw: {"m": draw.integer(2, 6), "r": draw.choice((3, 5))},
        answer="m^2 * r^2 / (m + r - 1)^2",
        check=lambda v: (
            np.lib.stride_tricks.sliding_window_view(np.ones((v.m + v.r - 1,) * 2), (v.r, v.r)).size
            / np.ones((v.m + v.r - 1,) * 2).size
        ),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "one-dimension",
                "m * r / (m + r - 1)",
                "That is the saving in one dimension. In two it is squared.",
            ),
            Misconception(
                "ratio-upside-down",
                "(m + r - 1)^2 / (m^2 * r^2)",
                "That is the share that remains; the factor is its inverse.",
            ),
            Misconception(
                "tile-size-only",
                "r^2",
                "You divided by the $@m \\cdot @m$ outputs. The multiplications are as many as the "
                "*input* cells of the tile.",
            ),
            Misconception(
                "input-tile-too-large",
                "m^2 * r^2 / (m + r)^2",
                "The windows of a tile cover $m + r - 1$ input cells along each axis, not $m + r$.",
                "Padding, stride and the output size",
            ),
        ),
        hints=(
            r"Directly: $m^2$ outputs with $r^2$ multiplications each.",
            r"The tile reads $(m + r - 1)^2$ input cells.",
        ),
        solution=r"""Directly $@{m^2} \cdot @{r^2} = @{m^2 * r^2}$, with Winograd $(@m + @r - 1)^2 = @{(m +
r - 1)^2}$: a factor of
**@answer**.""",
    ),
    NumericDrill(
        id="conv3d-weights",
        title="Three axes",
        section="Beyond 2-D",
        difficulty=2,
        minutes=2,
        prompt=r"""A 3-D convolution has @f filters of $@k \times @k \times @k$ and reads a CT volume of
$@n \times @n \times @n$ with @c channels. How many weights has the layer, without biases?""",
        draw=lambda draw: {
            "n": draw.choice((32, 48, 64)),
            "c": draw.choice((2, 4, 8, 16)),
            "f": draw.choice((12, 32, 64)),
            "k": draw.choice((3, 5)),
        },
        answer="k^3 * c * f",
        check=lambda v: numbers_in((v.k, v.k, v.k, v.c, v.f)),
        misconceptions=(
            Misconception(
                "channels-slid-along",
                "k^3 * f",
                "You left out the channels. The kernel slides along three axes and sums over all @c "
                "channels.",
            ),
            Misconception(
                "two-axes",
                "k^2 * c * f",
                "That is a 2-D layer. Here the kernel has a third axis of its own.",
            ),
            Misconception(
                "volume-counted",
                "n^3 * c * f",
                "You used the size of the volume. The weights belong to the kernel only.",
                COUNTS,
            ),
        ),
        hints=(
            "How many weights has one filter? It has three axes, and the channels.",
            "$k^3 C_{in} C_{out}$.",
        ),
        solution=r"""One filter has $@k \cdot @k \cdot @k \cdot @c = @{k^3 * c}$ weights; @f filters have
**@answer**.""",
    ),
]
