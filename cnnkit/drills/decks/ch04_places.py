"""Chapter 04: where a field lies, gaps in it, and how influence is spread."""

import math
from types import SimpleNamespace
from typing import Any

from cnnkit.drills.decks.ch04_receptive_field import cells_seen, extent
from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

START = "Padding, start and centre"
REGIONS = "From the image to the map and back"
DILATION = "Dilation and gridding"
EFFECTIVE = "The effective receptive field"


def _padded_case(draw: Draw) -> dict[str, Any]:
    return {
        "k1": draw.choice((3, 5, 7)),
        "p1": draw.integer(1, 3),
        "s1": draw.integer(2, 3),
        "k2": draw.choice((3, 5)),
        "p2": draw.integer(1, 2),
        "i": draw.integer(2, 9),
    }


def _padded(v: SimpleNamespace) -> list[tuple[int, ...]]:
    return [(v.k1, v.s1, 1, v.p1), (v.k2, 1, 1, v.p2)]


def _ends(v: SimpleNamespace, first: int) -> list[int]:
    size = v.k1 + (v.k2 - 1) * v.s1
    return [first, first + size - 1]


def _first(v: SimpleNamespace) -> int:
    return int(v.i * v.s1 - v.p1 - v.p2 * v.s1)


def _middle_case(draw: Draw) -> dict[str, Any]:
    jump = draw.choice((2, 4, 8, 16))
    return {
        "r": draw.integer(5, 20) * 2,
        "j": jump,
        "a": draw.integer(1, 30),
        "i": draw.integer(2, 12),
    }


def _edge_case(draw: Draw) -> dict[str, Any]:
    j = draw.choice((8, 16, 32))
    cells = draw.integer(2, 9)
    off = draw.choice([n for n in range(1, j) if n != j // 2])
    return {"j": j, "x": cells * j + off}


DECK = [
    NumericDrill(
        id="field-first-and-last-pixel",
        title="From which pixel to which",
        section=START,
        difficulty=3,
        minutes=4,
        prompt=r"""Along one axis: a layer with kernel @k1, stride @s1 and padding @p1 on both sides, then
one with kernel @k2, stride 1 and padding @p2. Which is the first and which the last pixel that unit @i of
the last map sees? (Pixels count from 0; both numbers may lie outside the image.)""",
        draw=_padded_case,
        answer=lambda v: _ends(v, v.i * v.s1 - v.p1 - v.p2 * v.s1),
        check=lambda v: [cells_seen(_padded(v), v.i)[0], cells_seen(_padded(v), v.i)[-1]],
        misconceptions=(
            Misconception(
                "padding-ignored",
                lambda v: _ends(v, v.i * v.s1),
                "You left out the padding: it moves every field towards the beginning.",
            ),
            Misconception(
                "padding-unscaled",
                lambda v: _ends(v, v.i * v.s1 - v.p1 - v.p2),
                "The second layer's padding lies on the map below it: one of its cells is @s1 pixels wide.",
            ),
            Misconception(
                "jump-ignored",
                lambda v: _ends(v, v.i - v.p1 - v.p2 * v.s1),
                "Unit @i is @i *jumps* from unit 0, and the jump is @s1.",
            ),
            Misconception(
                "padding-widens",
                lambda v: [_first(v), _ends(v, _first(v))[1] + 2 * (v.p1 + v.p2 * v.s1)],
                "You made the field larger by the padding. Padding moves the field, it does not widen it.",
            ),
            Misconception(
                "one-too-far",
                lambda v: [_first(v), _ends(v, _first(v))[1] + 1],
                "The last pixel is one too far: a field of $r$ pixels from pixel $a$ ends at $a + r - 1$.",
            ),
        ),
        hints=(
            r"The start of unit 0: minus @p1, and minus @p2 cells that are @s1 pixels wide each.",
            r"Its size: $@k1 + @{k2 - 1} \cdot @s1 = @{k1 + (k2 - 1)*s1}$. Unit @i begins @i jumps further "
            r"on.",
        ),
        solution=r"""Start of unit 0: $-@p1 - @p2 \cdot @s1 = @{-p1 - p2*s1}$. Unit @i begins
$@i \cdot @s1$ further on and sees @{k1 + (k2 - 1)*s1} pixels: **@answer**.""",
    ),
    NumericDrill(
        id="middle-of-a-field",
        title="The middle of a field",
        section=START,
        difficulty=2,
        minutes=2,
        prompt=r"""Units of a map have a field of @r pixels, a jump of @j, and the field of unit 0 starts at
pixel $-@a$. At which input coordinate lies the middle of the field of unit @i? (The middle of pixel 0 is
coordinate 0.)""",
        draw=_middle_case,
        answer="j*i - a + (r - 1)/2",
        check=lambda v: sum(range(v.j * v.i - v.a, v.j * v.i - v.a + v.r)) / v.r,
        misconceptions=(
            Misconception(
                "half-a-pixel",
                "j*i - a + r/2",
                "Half a pixel too far: from the middle of the first of $r$ pixels to that of the last it "
                "is $r - 1$.",
            ),
            Misconception(
                "start-for-middle",
                "j*i - a",
                "That is where the field starts; its middle lies $(r - 1)/2$ further on.",
            ),
            Misconception(
                "start-ignored",
                "j*i + (r - 1)/2",
                "You left out the start: padding has moved all fields by $-@a$.",
            ),
            Misconception(
                "only-scaled",
                "j*i",
                "You only multiplied by the jump. That is the middle only where start and size cancel out.",
            ),
        ),
        hints=("Where does unit @i's field start, and where does it end? The middle lies halfway.",),
        solution=r"""It starts at $-@a + @i \cdot @j = @{j*i - a}$ and ends at $@{j*i - a + r - 1}$. Halfway
lies $@{j*i - a} + @{r - 1}/2$: **@answer**.""",
    ),
    NumericDrill(
        id="rounding-of-a-region",
        title="A box on the grid",
        section=REGIONS,
        difficulty=2,
        minutes=2,
        prompt=r"""The left edge of a box lies at pixel @x of the image. On a feature map with a cumulative
stride of @j, RoI pooling rounds the edge to the nearest cell border. Which pixel does the rounded edge stand
for?""",
        draw=_edge_case,
        answer="j*floor(x/j + 1/2)",
        check=lambda v: min(range(0, v.x + 2 * v.j, v.j), key=lambda edge: abs(edge - v.x)),
        misconceptions=(
            Misconception(
                "rounded-down",
                "j*floor(x/j)",
                "You rounded down; here the nearest border is meant.",
            ),
            Misconception(
                "cell-for-pixel",
                "floor(x/j + 1/2)",
                "That is the border's number on the *map*; multiply it by the stride to come back to pixels.",
            ),
            Misconception(
                "not-rounded",
                "x",
                "Without rounding nothing moves: that is RoI Align.",
            ),
        ),
        hints=("Divide by the stride, round to the nearest whole number, multiply again.",),
        solution=r"""$@x / @j$ rounds to @{floor(x/j + 1/2)}, and $@{floor(x/j + 1/2)} \cdot @j$ is pixel
**@answer**. RoI Align keeps the fraction and interpolates.""",
    ),
    NumericDrill(
        id="field-of-doubling-dilations",
        title="Dilations that double",
        section=DILATION,
        difficulty=2,
        minutes=2,
        prompt=r"""@n layers with kernel @k and stride 1 have the dilations 1, 2, 4, and so on, doubling each
time, as in WaveNet. How many input cells does one unit of the last layer span?""",
        draw=lambda draw: {"n": draw.integer(3, 10), "k": draw.choice((2, 3, 5))},
        answer="1 + (k - 1)*(2^n - 1)",
        check=lambda v: extent([(v.k, 1, 2**layer) for layer in range(v.n)]),
        misconceptions=(
            Misconception(
                "dilation-ignored",
                "1 + n*(k - 1)",
                "You left out the dilations: layer $l$ adds $(k - 1) \\cdot 2^l$, not $k - 1$.",
            ),
            Misconception(
                "last-layer-only",
                "1 + (k - 1)*2^(n - 1)",
                "That is the span of the last layer alone. All layers add up.",
            ),
            Misconception(
                "one-layer-too-many",
                "1 + (k - 1)*(2^(n + 1) - 1)",
                "You counted one dilation too many: the last of @n layers has $2^{@{n - 1}}$.",
            ),
        ),
        hints=(
            "At stride 1 the jump stays 1, so each layer adds $(k - 1)$ times its own dilation.",
            r"$1 + 2 + 4 + \ldots$ with @n terms is $2^{@n} - 1$.",
        ),
        solution=r"$1 + @{k - 1} \cdot (2^{@n} - 1) = 1 + @{k - 1} \cdot @{2^n - 1} =$ **@answer**.",
    ),
    NumericDrill(
        id="cells-read-with-gaps",
        title="How many does it really read?",
        section=DILATION,
        difficulty=3,
        minutes=3,
        prompt=r"""@n layers with kernel @k, stride 1 and the *same* dilation @d follow each other. How many
different input cells does one unit of the last layer read along an axis?""",
        draw=lambda draw: {"n": draw.integer(2, 6), "k": draw.choice((3, 5)), "d": draw.integer(2, 4)},
        answer="1 + n*(k - 1)",
        check=lambda v: len(cells_seen([(v.k, 1, v.d)] * v.n)),
        misconceptions=(
            Misconception(
                "span-for-count",
                "1 + n*(k - 1)*d",
                "That is the span. All taps are multiples of @d apart, so the cells between are never read.",
            ),
            Misconception(
                "taps-multiplied",
                "k^n",
                "That is the number of paths. Many of them end in the same cell.",
            ),
            Misconception(
                "kernels-added",
                "n*k",
                "You added the taps of the layers. Neighbouring windows share cells: each layer adds "
                "@{k - 1}.",
            ),
        ),
        hints=(
            "Which distances can occur between two cells that are read?",
            "In units of @d cells this is an ordinary stack without dilation.",
        ),
        solution=r"""All cells that are read are a multiple of @d apart. Counted in steps of @d it is a stack
without dilation: $1 + @n \cdot @{k - 1} =$ **@answer** of the $@{1 + n*(k - 1)*d}$ cells between its
ends.""",
    ),
    NumericDrill(
        id="spread-of-a-deep-stack",
        title="How wide is the bell?",
        section=EFFECTIVE,
        difficulty=3,
        minutes=3,
        prompt=r"""Along one axis, a tap of a kernel of size 3 lies $-1$, 0 or 1 cells from the middle, each
equally often: a variance of $2/3$. @n such layers with stride 1 and equal weights follow each other. What is
the standard deviation, in pixels, of the influence around the middle of the field?""",
        draw=lambda draw: {"n": draw.integer(4, 80)},
        answer="sqrt(2*n/3)",
        check=lambda v: math.sqrt(sum((m - 1) ** 2 / 3 for _ in range(v.n) for m in range(3))),
        tolerance=0.02,
        misconceptions=(
            Misconception(
                "deviations-added",
                "n*sqrt(2/3)",
                "You added the deviations. Independent steps add their *variances*; the deviation grows as "
                "a root.",
            ),
            Misconception(
                "variance-for-deviation",
                "2*n/3",
                "That is the variance; the standard deviation is its square root.",
            ),
            Misconception(
                "evenly-spread",
                "sqrt(((2*n + 1)^2 - 1)/12)",
                "You spread the influence evenly over the whole field of @{2*n + 1} pixels. It gathers in "
                "the middle.",
            ),
        ),
        hints=(
            "Going down, a path takes one independent step per layer. What adds up for independent steps?",
            r"Variance: $@n \cdot 2/3$.",
        ),
        solution=r"""Variances add: $@n \cdot 2/3$. Its root is **@answer** pixels, while the theoretical
field has @{2*n + 1}.""",
    ),
    NumericDrill(
        id="field-in-the-corner",
        title="In the corner",
        section=START,
        difficulty=2,
        minutes=2,
        prompt=r"""@n convolutions of $@k \times @k$ with stride 1 and padding @p keep the size of a large
image. Along one axis, how many pixels *of the image* does unit 0 of the last map see?""",
        draw=lambda draw: {"n": draw.integer(2, 8), **draw.choice(({"k": 3, "p": 1}, {"k": 5, "p": 2}))},
        answer="n*p + 1",
        check=lambda v: sum(cell >= 0 for cell in cells_seen([(v.k, 1, 1, v.p)] * v.n)),
        misconceptions=(
            Misconception(
                "padding-taken-for-pixels",
                "n*(k - 1) + 1",
                "That is the whole field. Half of it hangs over the edge, where there are zeros and no "
                "pixels.",
            ),
            Misconception(
                "own-pixel-forgotten",
                "n*p",
                "You forgot the pixel in the middle of the field, pixel 0 itself.",
            ),
            Misconception(
                "one-layer-only",
                "p + 1",
                "That is what a unit of the *first* layer sees in the corner.",
            ),
        ),
        hints=(
            r"The field has $1 + @n \cdot @{k - 1}$ pixels. Where does it start?",
            r"It starts at $-@n \cdot @p$, so its middle is pixel 0.",
        ),
        solution=r"""The field of @{n*(k - 1) + 1} pixels has its middle at pixel 0, so $@n \cdot @p$ of them
lie outside: **@answer** are left.""",
    ),
]
