"""Chapter 02: how often pixels are read, and what stands in the padding."""

import numpy as np

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.kernels import loops

USES = "How often each pixel is used"
FILLS = "What stands in the padding"
GRIDDING = "Dilation and gridding"


def _use_case(draw: Draw) -> dict[str, int]:
    return {"k": draw.choice((3, 5, 7)), "n": draw.integer(20, 64), "row": 0, "column": draw.integer(0, 1)}


def _counted(n: int, k: int, row: int, column: int) -> int:
    """Return how many windows of a same convolution read a pixel: what a one there adds to all outputs."""
    x = np.zeros((n, n, 1))
    x[row, column] = 1
    return round(float(loops.conv2d(x, np.ones((k, k, 1, 1)), padding="same").sum()))


def _blur_case(draw: Draw) -> dict[str, int]:
    return {"k": draw.choice((3, 5, 7, 9)), "v": 10 * draw.integer(4, 25)}


def _signal_case(draw: Draw) -> dict[str, object]:
    x = np.array(draw.shuffled(range(1, 10))[: draw.integer(4, 5)], dtype=np.float64)
    return {"x": x, "p": draw.integer(2, 3)}


def _gridding_case(draw: Draw) -> dict[str, int]:
    return {"layers": draw.integer(2, 6), "d": draw.integer(2, 4)}


def _read_cells(layers: int, d: int) -> int:
    """Return how many input cells reach one output, found by walking back from it."""
    seen = {0}
    for _ in range(layers):
        seen = {cell + d * tap for cell in seen for tap in range(3)}
    return len(seen)


DECK = [
    NumericDrill(
        id="corner-use-count",
        title="Votes of a border pixel",
        section=USES,
        difficulty=2,
        minutes=2,
        prompt=r"""A $@k \times @k$ convolution with same padding and stride 1 runs over a $@n \times @n$
image. How many outputs read the pixel in row @row, column @column (counted from 0)?""",
        draw=_use_case,
        answer="((k + 1) / 2 + row) * ((k + 1) / 2 + column)",
        check=lambda v: _counted(v.n, v.k, v.row, v.column),
        misconceptions=(
            Misconception(
                "every-pixel-alike",
                "k^2",
                "That many read a pixel in the *middle*. At the border some windows would stand outside.",
            ),
            Misconception(
                "valid-padding",
                "(1 + row) * (1 + column)",
                "That is the count with valid padding. Same padding lets the window hang over the edge, so "
                "more of "
                "them reach this pixel.",
            ),
            Misconception(
                "one-axis",
                "(k + 1) / 2 + column",
                "You counted the columns only. A window is a range of rows *times* a range of columns.",
            ),
            Misconception(
                "half-the-kernel",
                "((k - 1) / 2 + row) * ((k - 1) / 2 + column)",
                "You left out the window that is centred on the pixel itself.",
            ),
        ),
        hints=(
            "Along one axis: which outputs have this row within (K − 1)/2 cells of their centre?",
            r"Rows: outputs 0 to $@row + @{(k - 1)/2}$, so @{(k + 1)/2 + row}. Columns in the same way; "
            r"multiply.",
        ),
        solution=r"""A window reaches @{(k - 1)/2} cells to each side of its centre. Rows: outputs 0 to
@{row + (k - 1)/2}, that is @{(k + 1)/2 + row}; columns: @{(k + 1)/2 + column}. Together **@answer** of
@{k^2}.""",
    ),
    NumericDrill(
        id="dark-border-value",
        title="How dark is the corner?",
        section=FILLS,
        difficulty=2,
        minutes=2,
        prompt=r"""An image is @v everywhere. A $@k \times @k$ box blur (all weights $1/@{k^2}$) with zero
padding keeps its size. What value has the corner pixel of the result? (To within 1 %.)""",
        draw=_blur_case,
        answer="v * ((k + 1) / (2*k))^2",
        check=lambda v: loops.conv2d(
            np.full((20, 20, 1), float(v.v)), np.full((v.k, v.k, 1, 1), 1 / v.k**2), padding="same"
        )[0, 0, 0],
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "zeros-ignored",
                "v",
                "That is what reflection gives, or a mean over the real pixels only. Here the zeros take "
                "part in the "
                "mean.",
            ),
            Misconception(
                "edge-not-corner",
                "v * (k + 1) / (2*k)",
                "That is the value in the middle of an *edge*. In a corner two sides of the window hang "
                "over.",
            ),
            Misconception(
                "quarter",
                "v / 4",
                "Not quite a quarter: the window's own row and column lie inside, so @{(k + 1)/2} of @k "
                "cells count "
                "along each axis.",
            ),
            Misconception(
                "one-cell-only",
                "v / k^2",
                "You counted one real pixel. With same padding the window is centred on the corner.",
            ),
        ),
        hints=(
            "How many of the @{k^2} cells of the window are real pixels?",
            "@{(k + 1)/2} rows and as many columns of the window lie inside.",
        ),
        solution=r"""$@{(k + 1)/2} \cdot @{(k + 1)/2} = @{((k + 1)/2)^2}$ of @{k^2} cells are real, the rest
are zeros: $@v \cdot @{((k + 1)/2)^2} / @{k^2} \approx$ **@answer**.""",
    ),
    NumericDrill(
        id="reflect-by-hand",
        title="Reflection by hand",
        section=FILLS,
        difficulty=1,
        minutes=2,
        prompt="Pad the signal $x = @x$ by @p cells on each side with *reflect*. Give the whole signal.",
        draw=_signal_case,
        answer=lambda v: np.pad(v.x, v.p, mode="reflect"),
        check=lambda v: [
            v.x[i if 0 <= i < v.x.size else -i if i < 0 else 2 * (v.x.size - 1) - i]
            for i in range(-v.p, v.x.size + v.p)
        ],
        misconceptions=(
            Misconception(
                "edge-repeated",
                lambda v: np.pad(v.x, v.p, mode="symmetric"),
                "That is *symmetric*: the edge cell appears twice. With *reflect* the mirror stands on the "
                "edge cell.",
            ),
            Misconception(
                "edge-fill",
                lambda v: np.pad(v.x, v.p, mode="edge"),
                "That repeats the edge cell (*edge*, PyTorch's *replicate*).",
            ),
            Misconception(
                "zeros",
                lambda v: np.pad(v.x, v.p),
                "Those are zeros, the ordinary padding.",
            ),
            Misconception(
                "wrapped",
                lambda v: np.pad(v.x, v.p, mode="wrap"),
                "That takes the cells from the other end (*wrap*, *circular*).",
            ),
            Misconception(
                "not-turned",
                lambda v: np.concatenate([v.x[1 : v.p + 1], v.x, v.x[-v.p - 1 : -1]]),
                "The right cells, but not mirrored: the one next to the edge stays next to the edge.",
            ),
        ),
        hints=(
            "The mirror stands on the first cell; it is not repeated.",
            "Before the signal, from the edge outwards: its second cell, its third ...",
        ),
        solution="The mirror stands on the edge cells, which appear once: **@answer**.",
    ),
    NumericDrill(
        id="gridding-cells",
        title="Blind cells",
        section=GRIDDING,
        difficulty=3,
        minutes=3,
        prompt=r"""@layers convolutions follow each other, each with 3 taps, dilation @d and stride 1. Along
one axis: how wide is the field of one output, and how many cells of it are read at all?""",
        draw=_gridding_case,
        answer=("2*d*layers + 1", "2*layers + 1"),
        check=lambda v: [v.d * (_read_cells(v.layers, 1) - 1) + 1, _read_cells(v.layers, v.d)],
        misconceptions=(
            Misconception(
                "everything-is-read",
                ("2*d*layers + 1", "2*d*layers + 1"),
                "The field is right, but its cells are not all read: with equal rates only every @d-th is.",
            ),
            Misconception(
                "taps-multiplied",
                ("2*d*layers + 1", "3^layers"),
                "There are that many *paths*, but many of them end in the same cell.",
            ),
            Misconception(
                "dilation-ignored",
                ("2*layers + 1", "2*layers + 1"),
                "That is a stack without dilation. Each layer widens the field by $2 \\cdot @d$ cells.",
            ),
            Misconception(
                "spans-added",
                ("layers*(2*d + 1)", "2*layers + 1"),
                "You added the spans. Each further layer adds its span minus one, @{2*d}.",
            ),
        ),
        hints=(
            "Each layer adds $d(K-1) = @{2*d}$ cells to the field, which starts with one.",
            "All taps are multiples of @d away from the centre. How many multiples lie within the field?",
        ),
        solution=r"""The field is $1 + @layers \cdot @{2*d} = @{2*d*layers + 1}$ wide. Only cells at
multiples of @d from the centre are read, $2 \cdot @layers + 1 = @{2*layers + 1}$ of them: **@answer**
(field × cells read).""",
    ),
]
