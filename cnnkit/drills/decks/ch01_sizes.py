"""Chapter 01: the sizes of what comes out, and of the matrices behind it."""

import numpy as np

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.kernels import linear, vectorized

SIZES = "Padding, stride and the output size"


def _positions(size: int, span: int, stride: int, padding: int) -> int:
    """Return how many window starts fit, counted one by one."""
    return len(range(-padding, size + padding - span + 1, stride))


def _cells_seen(layers: list[tuple[int, int]]) -> int:
    """Return how many input cells reach one output of 1-D layers, found by walking back from it."""
    seen = {0}
    for kernel_size, stride in reversed(layers):
        seen = {index * stride + tap for index in seen for tap in range(kernel_size)}
    return max(seen) - min(seen) + 1


def _output_case(draw: Draw) -> dict[str, object]:
    return {
        "n": draw.integer(16, 128), "k": draw.choice((2, 3, 4, 5, 7)), "s": draw.integer(2, 4),
        "p": draw.integer(1, 3), "c": draw.choice((3, 8, 16)), "f": draw.choice((10, 20, 32, 64)),
    }  # fmt: skip


def _dilated_case(draw: Draw) -> dict[str, int]:
    kh = draw.choice((2, 3, 4))
    return {
        "h": draw.integer(20, 60), "w": draw.integer(20, 60), "kh": kh, "kw": draw.choice((3, 5)),
        "s": draw.integer(2, 3), "d": draw.integer(2, 3), "p": draw.integer(1, 2),
    }  # fmt: skip


DECK = [
    NumericDrill(
        id="conv-output-size",
        title="What comes out?",
        section=SIZES,
        difficulty=1,
        minutes=2,
        prompt=r"""A volume of $@n \times @n \times @c$ meets @f filters of $@k \times @k$ with padding @p
on every side
and stride @s. What are height, width and channels of the output?""",
        draw=_output_case,
        answer=("(n + 2*p - k) // s + 1", "(n + 2*p - k) // s + 1", "f"),
        check=lambda v: [_positions(v.n, v.k, v.s, v.p)] * 2 + [v.f],
        misconceptions=(
            Misconception(
                "ceil-for-floor",
                ("ceil((n + 2*p - k) / s) + 1", "ceil((n + 2*p - k) / s) + 1", "f"),
                "You rounded up. A window that does not fit completely is dropped: round down.",
            ),
            Misconception(
                "forgot-padding",
                ("(n - k) // s + 1", "(n - k) // s + 1", "f"),
                "You left out the padding: it makes the input larger before the window slides.",
            ),
            Misconception(
                "padding-on-one-side",
                ("(n + p - k) // s + 1", "(n + p - k) // s + 1", "f"),
                "You counted the padding once. It lies on both sides, so it adds $2p = @{2*p}$ cells.",
            ),
            Misconception(
                "forgot-plus-one",
                ("(n + 2*p - k) // s", "(n + 2*p - k) // s", "f"),
                "The + 1 is missing: the division counts the *moves*, and there is a window before the "
                "first move.",
            ),
            Misconception(
                "stride-ignored",
                ("n + 2*p - k + 1", "n + 2*p - k + 1", "f"),
                "You slid by one cell; the stride is @s.",
            ),
            Misconception(
                "kept-input-channels",
                ("(n + 2*p - k) // s + 1", "(n + 2*p - k) // s + 1", "c"),
                "Height and width are right. The output has one channel for each *filter*, not for each "
                "input channel.",
                "Channels: many in, many out",
            ),
        ),
        hints=(
            "How many cells are there along one axis after padding, and how many may the window start at?",
            r"Per axis: $\lfloor (n + 2p - k) / s \rfloor + 1$. The number of filters is the depth of the "
            r"output.",
        ),
        solution=r"""Per axis $\lfloor (@n + 2 \cdot @p - @k) / @s \rfloor + 1 = \lfloor @{(n + 2*p - k) /
s} \rfloor + 1
= @{(n + 2*p - k) // s + 1}$, and @f filters give @f channels: **@answer**.""",
    ),
    NumericDrill(
        id="conv-output-size-dilated",
        title="Non-square and dilated",
        section=SIZES,
        difficulty=3,
        minutes=4,
        prompt=r"""An input of height @h and width @w meets a kernel of height @kh and width @kw with
dilation @d, padding @p
on every side and stride @s. What are height and width of the output?""",
        draw=_dilated_case,
        answer=("(h + 2*p - d*(kh - 1) - 1) // s + 1", "(w + 2*p - d*(kw - 1) - 1) // s + 1"),
        check=lambda v: [
            _positions(v.h, len(range(0, v.d * v.kh, v.d)) * v.d - v.d + 1, v.s, v.p),
            sum(j + v.d * (v.kw - 1) < v.w + 2 * v.p for j in range(0, v.w + 2 * v.p, v.s)),
        ],
        misconceptions=(
            Misconception(
                "dilation-ignored",
                ("(h + 2*p - kh) // s + 1", "(w + 2*p - kw) // s + 1"),
                "You left out the dilation: the taps stand @d cells apart, so the kernel spans more cells.",
            ),
            Misconception(
                "dilation-times-kernel",
                ("(h + 2*p - d*kh) // s + 1", "(w + 2*p - d*kw) // s + 1"),
                "You took $d k$ for the span of the kernel. Between $k$ taps lie $k - 1$ gaps: the span "
                "is $d(k - 1) + 1$.",
            ),
            Misconception(
                "ceil-for-floor",
                ("ceil((h + 2*p - d*(kh-1) - 1) / s) + 1", "ceil((w + 2*p - d*(kw-1) - 1) / s) + 1"),
                "You rounded up. A window that does not fit completely is dropped: round down.",
            ),
            Misconception(
                "axes-swapped",
                ("(w + 2*p - d*(kw - 1) - 1) // s + 1", "(h + 2*p - d*(kh - 1) - 1) // s + 1"),
                "Both numbers are right, but the other way round: height first, then width.",
            ),
            Misconception(
                "kernel-axes-swapped",
                ("(h + 2*p - d*(kw - 1) - 1) // s + 1", "(w + 2*p - d*(kh - 1) - 1) // s + 1"),
                "You used the kernel's width for the height and its height for the width.",
            ),
        ),
        hints=(
            "First the span of the dilated kernel along each axis, then the usual formula.",
            r"Span: $d(k - 1) + 1$, here @{d*(kh - 1) + 1} high and @{d*(kw - 1) + 1} wide.",
        ),
        solution=r"""The dilated kernel spans @{d*(kh - 1) + 1} rows and @{d*(kw - 1) + 1} columns.
Height: $\lfloor (@h + @{2*p} - @{d*(kh - 1) + 1}) / @s \rfloor + 1$, width:
$\lfloor (@w + @{2*p} - @{d*(kw - 1) + 1}) / @s \rfloor + 1$. That is **@answer**.""",
    ),
    NumericDrill(
        id="toeplitz-shape",
        title="A convolution as a matrix",
        section="Convolution as a matrix",
        difficulty=2,
        minutes=2,
        prompt=r"""A single-channel image of $@n \times @n$ is flattened to a column of numbers. Which
shape (rows, columns)
has the matrix that turns it into the flattened output of a $@k \times @k$ kernel with stride 1 and no
padding?""",
        draw=lambda draw: {"n": draw.integer(3, 12), "k": draw.integer(2, 3)},
        answer=("(n - k + 1)^2", "n^2"),
        check=lambda v: linear.toeplitz_matrix(np.ones((v.k, v.k, 1, 1)), (v.n, v.n)).shape,
        misconceptions=(
            Misconception(
                "transposed-matrix",
                ("n^2", "(n - k + 1)^2"),
                "That is the transposed matrix. The input is multiplied from the right: one column for "
                "each input "
                "cell, one row for each output.",
            ),
            Misconception(
                "im2col-shape",
                ("(n - k + 1)^2", "k^2"),
                "That is the shape of the im2col matrix, which holds the windows. Here the matrix holds "
                "the weights.",
                "im2col: how it is really computed",
            ),
            Misconception(
                "not-flattened",
                ("n - k + 1", "n"),
                "You forgot the flattening: input and output have two axes each, so both sizes are squared.",
            ),
            Misconception(
                "same-size",
                ("n^2", "n^2"),
                "Without padding the output is smaller than the input.",
                SIZES,
            ),
        ),
        hints=(
            "One row for each output number, one column for each input number.",
            r"The output has $(n - k + 1)^2$ numbers.",
        ),
        solution=r"""The input has $@n^2 = @{n^2}$ numbers, the output $(@n - @k + 1)^2 = @{(n - k +
1)^2}$: **@answer**.
Each row holds the @{k^2} weights at the cells of its window and zeros elsewhere.""",
    ),
    NumericDrill(
        id="im2col-shape",
        title="The im2col matrix",
        section="im2col: how it is really computed",
        difficulty=2,
        minutes=2,
        prompt=r"""im2col writes every window of a $@n \times @n \times @c$ input as one row, for a $@k
\times @k$ kernel
with stride @s and no padding. How many rows and columns has the matrix?""",
        draw=lambda draw: {
            "n": draw.integer(12, 32),
            "k": draw.choice((2, 3, 5)),
            "c": draw.choice((3, 4, 8)),
            "s": draw.integer(1, 2),
        },
        answer=("((n - k) // s + 1)^2", "k^2 * c"),
        check=lambda v: vectorized.im2col(np.zeros((v.n, v.n, v.c)), v.k, stride=v.s).shape,
        misconceptions=(
            Misconception(
                "forgot-channels",
                ("((n - k) // s + 1)^2", "k^2"),
                "You left out the channels: a window is as deep as the input, so its row is @c times as "
                "long.",
            ),
            Misconception(
                "transposed-matrix",
                ("k^2 * c", "((n - k) // s + 1)^2"),
                "Both numbers are right, but a window is a *row* here: rows first.",
            ),
            Misconception(
                "row-for-each-input-cell",
                ("n^2", "k^2 * c"),
                "You gave a row to each input cell. There is one for each output position.",
            ),
            Misconception(
                "one-axis-of-positions",
                ("(n - k) // s + 1", "k^2 * c"),
                "You counted the positions along one axis only; the window slides along two.",
            ),
        ),
        hints=(
            "How many positions does the window take, and how many numbers does it hold?",
            r"Positions: $(\lfloor (n - k)/s \rfloor + 1)^2$. Numbers in a window: $k^2 C$.",
        ),
        solution=r"""$\lfloor (@n - @k)/@s \rfloor + 1 = @{(n - k) // s + 1}$ positions along each axis, so
@{((n - k) // s + 1)^2} rows; each window holds $@k \cdot @k \cdot @c = @{k^2 * c}$ numbers: **@answer**.""",
    ),
    NumericDrill(
        id="stacked-linear-convolutions",
        title="Two convolutions and nothing between",
        section="Separable kernels",
        difficulty=2,
        minutes=2,
        prompt=r"""A $@k1 \times @k1$ convolution is followed by a $@k2 \times @k2$ one, both with stride
1, with no
activation between them. Together they are one convolution: give height and width of its kernel.""",
        draw=lambda draw: {"k1": draw.integer(3, 9), "k2": draw.integer(2, 9)},
        answer=("k1 + k2 - 1", "k1 + k2 - 1"),
        check=lambda v: [np.convolve(np.ones(v.k1), np.ones(v.k2)).size] * 2,
        misconceptions=(
            Misconception(
                "sizes-added",
                ("k1 + k2", "k1 + k2"),
                "You added the sizes. The two kernels share one cell: the second starts where the first "
                "ends.",
            ),
            Misconception(
                "sizes-multiplied",
                ("k1 * k2", "k1 * k2"),
                "You multiplied the sizes. That would need a stride of @k1 in the first layer.",
            ),
            Misconception(
                "larger-kernel-wins",
                ("max(k1, k2)", "max(k1, k2)"),
                "You took the larger kernel. Each further layer widens the view, it does not replace it.",
            ),
            Misconception(
                "minus-two",
                ("k1 + k2 - 2", "k1 + k2 - 2"),
                "You subtracted 1 from both. Each layer adds its size minus 1 to a view that starts with "
                "one cell.",
            ),
        ),
        hints=(
            "Start from one output number and ask how many cells of the middle map it sees, then of the "
            "input.",
            r"A view of $r$ cells becomes $r + k - 1$ cells one layer further down.",
        ),
        solution=(
            r"One number sees @k2 cells of the middle map and $@k2 + @k1 - 1 = @{k1 + k2 - 1}$ of the "
            r"input: **@answer**."
        ),
    ),
    NumericDrill(
        id="receptive-field-of-a-stack",
        title="What three layers see",
        section="Separable kernels",
        difficulty=3,
        minutes=3,
        prompt=r"""Three convolutions follow each other: $@k1 \times @k1$ with stride @s1, then $@k2 \times
@k2$ with stride
@s2, then $@k3 \times @k3$ with stride 1. How many input cells does one output number see along one axis?""",
        draw=lambda draw: {
            "k1": draw.choice((3, 5, 7)),
            "k2": draw.choice((3, 5)),
            "k3": draw.choice((3, 5)),
            "s1": draw.integer(1, 2),
            "s2": draw.integer(2, 3),
        },
        answer="k1 + (k2 - 1)*s1 + (k3 - 1)*s1*s2",
        check=lambda v: _cells_seen([(v.k1, v.s1), (v.k2, v.s2), (v.k3, 1)]),
        misconceptions=(
            Misconception(
                "stride-ignored",
                "k1 + k2 + k3 - 2",
                "You left out the strides: after a stride of $s$, neighbouring cells are $s$ input cells "
                "apart.",
            ),
            Misconception(
                "own-stride-counted",
                "1 + (k1 - 1)*s1 + (k2 - 1)*s1*s2 + (k3 - 1)*s1*s2",
                "You let a layer's own stride widen its own window. It acts on the layers above it only.",
            ),
            Misconception(
                "strides-not-multiplied",
                "k1 + (k2 - 1)*s1 + (k3 - 1)*s2",
                "For the third layer you used the second stride alone. Strides multiply: $@s1 \\cdot @s2$.",
            ),
            Misconception(
                "sizes-added",
                "k1 + k2*s1 + k3*s1*s2",
                "You added $k$ for each layer; neighbouring windows overlap, so each adds $k - 1$ jumps.",
            ),
        ),
        hints=(
            "Go from the input upwards with two numbers: the size of the field, and the jump between "
            "neighbours.",
            "Both start at 1. A layer adds $k - 1$ jumps to the size, then its stride multiplies the jump.",
        ),
        solution=r"""Size 1, jump 1. After layer 1: size @k1, jump @s1. After layer 2: size
$@k1 + @{k2 - 1} \cdot @s1 = @{k1 + (k2 - 1)*s1}$, jump @{s1*s2}. After layer 3:
$@{k1 + (k2 - 1)*s1} + @{k3 - 1} \cdot @{s1*s2} =$ **@answer**.""",
    ),
]
