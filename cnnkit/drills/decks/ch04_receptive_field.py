"""Chapter 04: sizes and jumps computed by hand."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

RECURRENCE = "The recurrence: size and jump"
GROWTH = "It grows without any compression"
SEES = "What a unit sees"


def cells_seen(layers: Sequence[tuple[int, ...]], unit: int = 0) -> list[int]:
    """Return the input cells that a unit reads, by going down tap by tap; layers are (k, s, d=1, p=0)."""
    cells = {unit}
    for k, s, *rest in reversed(layers):
        d, p = (*rest, *(1, 0)[len(rest) :])
        cells = {cell * s - p + m * d for cell in cells for m in range(k)}
    return sorted(cells)


def extent(layers: Sequence[tuple[int, ...]]) -> int:
    """Return how many cells lie from the first to the last one that a unit reads."""
    cells = cells_seen(layers)
    return cells[-1] - cells[0] + 1


def _pool_case(draw: Draw) -> dict[str, Any]:
    return {
        "k1": draw.choice((3, 5, 7)),
        "d": draw.integer(1, 3),
        "p": draw.choice((2, 3)),
        "k2": draw.choice((3, 5)),
    }


def _four(v: SimpleNamespace) -> list[tuple[int, ...]]:
    return [(v.k1, 1), (2, 2), (v.k2, 1), (2, 2)]


DECK = [
    NumericDrill(
        id="field-of-equal-layers",
        title="A stack of equal layers",
        section=SEES,
        difficulty=1,
        minutes=1,
        prompt=r"""@n convolutions of size $@k \times @k$, all with stride 1, stand on top of each other. How
many pixels does one unit of the last one see along an axis?""",
        draw=lambda draw: {"n": draw.integer(3, 9), "k": draw.choice((3, 5, 7))},
        answer="n*(k - 1) + 1",
        check=lambda v: extent([(v.k, 1)] * v.n),
        misconceptions=(
            Misconception(
                "kernels-added",
                "n*k",
                "You added the kernel sizes. Neighbouring windows overlap: a layer adds $k - 1 = @{k - 1}$ "
                "pixels.",
            ),
            Misconception(
                "first-pixel-forgotten",
                "n*(k - 1)",
                "The 1 is missing: a unit with no layer below sees its own pixel.",
            ),
            Misconception(
                "powers",
                "k^n",
                "You multiplied the kernel sizes. At stride 1 the field grows by addition.",
                GROWTH,
            ),
        ),
        hints=("One layer sees @k pixels. How many more does the second add, on both sides together?",),
        solution=(
            r"The pixel itself, and @{k - 1} more for each layer: $1 + @n \cdot @{k - 1} =$ **@answer**."
        ),
    ),
    NumericDrill(
        id="field-conv-pool-conv",
        title="Convolution, pooling, convolution",
        section=RECURRENCE,
        difficulty=2,
        minutes=3,
        prompt=r"""A LeNet-like beginning, without padding: a $@k1 \times @k1$ convolution with dilation @d, a
$@p \times @p$ pooling with stride @p, a $@k2 \times @k2$ convolution. How many pixels does one unit of the
last layer span along an axis?""",
        draw=_pool_case,
        answer="d*(k1 - 1) + 1 + (p - 1) + (k2 - 1)*p",
        check=lambda v: extent([(v.k1, 1, v.d), (v.p, v.p), (v.k2, 1)]),
        misconceptions=(
            Misconception(
                "stride-ignored",
                "d*(k1 - 1) + 1 + (p - 1) + (k2 - 1)",
                "You left out the pooling's stride: above it, neighbouring units are @p pixels apart.",
            ),
            Misconception(
                "dilation-ignored",
                "k1 + (p - 1) + (k2 - 1)*p",
                "You left out the dilation: @k1 taps that stand @d apart span @{d*(k1 - 1) + 1} pixels.",
                "Dilation and gridding",
            ),
            Misconception(
                "pooling-window-ignored",
                "d*(k1 - 1) + 1 + (k2 - 1)*p",
                "You used the pooling's stride, but not its window. It is a window like any other: it adds "
                "@{p - 1}.",
            ),
            Misconception(
                "own-stride-counted",
                "d*(k1 - 1) + 1 + (p - 1)*p + (k2 - 1)*p",
                "You let the pooling's stride widen its own window. It acts on the layers above it.",
            ),
        ),
        hints=(
            "Write two numbers after every layer: the size, and the jump between neighbours. Start with 1 "
            "and 1.",
            "The first convolution: size $@d \\cdot @{k1 - 1} + 1$, jump 1.",
        ),
        solution=r"""After the first convolution: size @{d*(k1 - 1) + 1}, jump 1. After the pooling: size
@{d*(k1 - 1) + p}, jump @p. The last layer adds $@{k2 - 1} \cdot @p$: **@answer**.""",
    ),
    NumericDrill(
        id="field-of-four-layers",
        title="Four layers in a row",
        section=RECURRENCE,
        difficulty=2,
        minutes=3,
        prompt=r"""A $@k1 \times @k1$ convolution, a $2 \times 2$ pooling with stride 2, a $@k2 \times @k2$
convolution, another $2 \times 2$ pooling with stride 2. What is the receptive field of one output unit along
an axis?""",
        draw=lambda draw: {"k1": draw.choice((3, 5, 7, 9, 11)), "k2": draw.choice((3, 5, 7))},
        answer="k1 + 1 + 2*(k2 - 1) + 2",
        check=lambda v: extent(_four(v)),
        misconceptions=(
            Misconception(
                "strides-ignored",
                "k1 + 1 + k2 - 1 + 1",
                "You left out the strides: above a stride of 2, each tap is two pixels from the next.",
            ),
            Misconception(
                "own-stride-counted",
                "k1 + 2 + 2*(k2 - 1) + 4",
                "You let each pooling's stride widen its own window. It counts for the layers above it only.",
            ),
            Misconception(
                "pools-ignored",
                "k1 + 2*(k2 - 1)",
                "You counted the strides of the poolings, but not their windows; each adds one jump.",
            ),
            Misconception(
                "doubled",
                "2*(2*(k1 + k2 - 1))",
                "You doubled the field at each pooling. A pooling doubles the *jump*; the size grows by "
                "one jump.",
            ),
        ),
        hints=(
            "The jump is 1 up to the first pooling, then 2, then 4.",
            "Each layer adds $(k - 1)$ times the jump *below* it.",
        ),
        solution=r"""@k1, then $@k1 + 1 = @{k1 + 1}$, then $@{k1 + 1} + @{k2 - 1} \cdot 2 =
@{k1 + 1 + 2*(k2 - 1)}$, then $+\,1 \cdot 2$: **@answer**.""",
    ),
    NumericDrill(
        id="jump-of-a-stack",
        title="The cumulative stride",
        section=RECURRENCE,
        difficulty=1,
        minutes=1,
        prompt=r"""The strides of five layers are @s1, 1, @s2, @s3 and @s4. Two neighbouring units of the
last map: how many pixels do the middles of their fields lie apart?""",
        draw=lambda draw: {name: draw.integer(1, 4) for name in ("s1", "s2", "s3", "s4")},
        answer="s1*s2*s3*s4",
        check=lambda v: (
            cells_seen([(1, v.s1), (1, 1), (1, v.s2), (1, v.s3), (1, v.s4)], unit=6)[0]
            - cells_seen([(1, v.s1), (1, 1), (1, v.s2), (1, v.s3), (1, v.s4)], unit=5)[0]
        ),
        misconceptions=(
            Misconception(
                "strides-added",
                "s1 + 1 + s2 + s3 + s4",
                "You added the strides. They multiply: two strides of 2 leave every fourth pixel.",
            ),
            Misconception(
                "last-stride-only",
                "s4",
                "You took the last stride alone; it counts steps on the map below, not pixels.",
            ),
            Misconception(
                "without-the-last",
                "s1*s2*s3",
                "You left out the last layer's own stride. For the *size* that would be right, for the "
                "jump it is not.",
            ),
        ),
        hints=("One step in a map is `stride` steps in the map below it. Go down layer by layer.",),
        solution=r"Strides multiply: $@s1 \cdot 1 \cdot @s2 \cdot @s3 \cdot @s4 =$ **@answer**.",
    ),
    NumericDrill(
        id="field-of-strided-stack",
        title="Every layer strided",
        section=GROWTH,
        difficulty=2,
        minutes=2,
        prompt=r"""@n convolutions of $@k \times @k$ follow each other, *every one* with stride @s. What does
one unit of the last layer see along an axis?""",
        draw=lambda draw: {"n": draw.integer(3, 6), "k": draw.choice((3, 5)), "s": draw.integer(2, 3)},
        answer="1 + (k - 1)*(s^n - 1)/(s - 1)",
        check=lambda v: extent([(v.k, v.s)] * v.n),
        misconceptions=(
            Misconception(
                "strides-ignored",
                "1 + n*(k - 1)",
                "That is the stack with stride 1. Here every layer's taps lie further apart than those "
                "below.",
                RECURRENCE,
            ),
            Misconception(
                "own-stride-counted",
                "1 + (k - 1)*(s^(n + 1) - s)/(s - 1)",
                "You let each layer's own stride widen its own window.",
                RECURRENCE,
            ),
            Misconception(
                "jump-for-size",
                "s^n",
                "That is the jump between neighbours, not the size of the field.",
            ),
        ),
        hints=(
            r"Layer $l$ adds $(k - 1) \cdot s^{l - 1}$: the jump below it.",
            r"$1 + s + s^2 + \ldots + s^{n - 1} = (s^n - 1)/(s - 1)$.",
        ),
        solution=r"""$1 + @{k - 1} \cdot (1 + @s + \ldots + @s^{@{n - 1}}) = 1 + @{k - 1} \cdot
@{(s^n - 1)/(s - 1)}$, which is **@answer**. Addition has become multiplication.""",
    ),
    NumericDrill(
        id="layers-needed",
        title="How many layers?",
        section="Choosing a field",
        difficulty=2,
        minutes=2,
        prompt=r"""An object is @w pixels wide. How many $@k \times @k$ convolutions with stride 1 must be
stacked, at least, so that one unit can see all of it?""",
        draw=lambda draw: {"w": draw.integer(20, 120), "k": draw.choice((3, 5, 7))},
        answer="ceil((w - 1)/(k - 1))",
        check=lambda v: next(n for n in range(200) if extent([(v.k, 1)] * n) >= v.w),
        misconceptions=(
            Misconception(
                "kernels-added",
                "ceil(w/k)",
                "You let each layer add $k$ pixels. It adds @{k - 1}, because neighbouring windows overlap.",
                SEES,
            ),
            Misconception(
                "rounded-down",
                "floor((w - 1)/(k - 1))",
                "You rounded down: then the last pixels of the object stay unseen.",
            ),
        ),
        hints=(
            "$L$ layers see $1 + L(k - 1)$ pixels.",
            "Solve $1 + L(k - 1) \\ge @w$ and round up.",
        ),
        solution=r"""$L$ layers see $1 + @{k - 1} L$ pixels. $1 + @{k - 1} L \ge @w$ needs
$L \ge @{w - 1} / @{k - 1}$, so **@answer**.""",
    ),
    NumericDrill(
        id="stride-in-or-before",
        title="Stride in the layer, or before it",
        section="Well-known networks in numbers",
        difficulty=3,
        minutes=3,
        prompt=r"""A stage of a residual network reads a map with a jump of @j. It has @u units with one $3
\times 3$ convolution each, and halves the map once. By how many pixels does the stage widen the field when
the stride of 2 sits *in* the $3 \times 3$ of its first unit?""",
        draw=lambda draw: {"j": draw.choice((4, 8, 16)), "u": draw.integer(2, 9)},
        answer="2*j + 2*(u - 1)*2*j",
        check=lambda v: extent([(1, v.j), (3, 2), *[(3, 1)] * (v.u - 1)]) - 1,
        misconceptions=(
            Misconception(
                "stride-before",
                "2*u*2*j",
                "That is the stage whose stride comes *before* its first $3 \\times 3$. Here that layer's "
                "taps still "
                "lie @j pixels apart.",
            ),
            Misconception(
                "stride-ignored",
                "2*u*j",
                "You left out the stride: above it the taps lie @{2*j} pixels apart.",
                RECURRENCE,
            ),
            Misconception(
                "kernels-added",
                "3*j + 3*(u - 1)*2*j",
                "A $3 \\times 3$ layer adds $k - 1 = 2$ jumps, not 3.",
                RECURRENCE,
            ),
        ),
        hints=(
            "The first unit's taps lie @j pixels apart, those of the others twice as far.",
            "Each $3 \\times 3$ adds two jumps.",
        ),
        solution=r"""The first unit adds $2 \cdot @j$, each of the other @{u - 1} adds $2 \cdot @{2*j}$:
**@answer**. With the stride before the first unit it would be $@{2*u*2*j}$.""",
    ),
]
