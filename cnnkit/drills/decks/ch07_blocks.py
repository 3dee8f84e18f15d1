"""Chapter 07: branches, blocks and tokens, counted by hand; formulas to type."""

import math
from typing import Any

import numpy as np

from cnnkit.drills.kinds import Draw, FormulaDrill, Misconception, NumericDrill
from cnnkit.layers import BatchNorm, Conv2D, MultiHeadAttention, PatchEmbedding

ONE = "1×1: a network in every pixel"
INCEPTION = "Inception: branches side by side"
NORM = "Normalisation inside the block"
TRANSFORMER = "Vision transformer"
CANON = "Lighter and wider: the rest of the canon"
COUNTING = "Counting: parameters, multiply-adds, memory"


def _grid(draw: Draw) -> dict[str, Any]:
    patch = draw.choice((8, 14, 16, 32))
    return {"p": patch, "h": patch * draw.integer(7, 16), "w": patch * draw.integer(7, 16)}


DECK = [
    NumericDrill(
        id="squeeze-before-five",
        title="1×1 before 5×5",
        section=ONE,
        difficulty=2,
        minutes=3,
        prompt=r"""A $5 \times 5$ convolution turns $@h \times @h \times @c$ into @f channels, size kept. A
$1 \times 1$ convolution to @m channels is put before it. How many multiply-adds are there *now*, both layers
together?""",
        draw=lambda draw: {
            "h": draw.choice((14, 28)),
            "c": draw.choice((192, 256, 480)),
            "f": draw.choice((32, 64)),
            "m": draw.choice((16, 24)),
        },
        answer="h*h*c*m + h*h*25*m*f",
        check=lambda v: (
            Conv2D(v.m, 1).count_macs((v.h, v.h, v.c)) + Conv2D(v.f, 5, padding=2).count_macs((v.h, v.h, v.m))
        ),
        misconceptions=(
            Misconception(
                "without-the-squeeze",
                "h*h*25*c*f",
                "That is the direct $5 \\times 5$ on all @c channels.",
            ),
            Misconception(
                "squeeze-is-free",
                "h*h*25*m*f",
                "The $1 \\times 1$ is work too: $@c \\cdot @m$ products at every position.",
            ),
            Misconception(
                "weights-for-work",
                "c*m + 25*m*f",
                "Those are the weights. Each is used at all $@h \\cdot @h$ positions.",
                COUNTING,
            ),
            Misconception(
                "five-reads-all",
                "h*h*c*m + h*h*25*c*f",
                "Behind the squeeze the $5 \\times 5$ reads @m channels, no longer @c.",
            ),
        ),
        hints=("Positions times (weights of the first plus weights of the second).",),
        solution=r"""$@{h*h} \cdot (@c \cdot @m + 25 \cdot @m \cdot @f) =$ **@answer**; directly it would be
$@{h*h*25*c*f}$.""",
    ),
    NumericDrill(
        id="channels-of-an-inception-module",
        title="What comes out of an Inception module",
        section=INCEPTION,
        difficulty=2,
        minutes=2,
        prompt=r"""An Inception module reads $28 \times 28 \times @c$. Its branches: $1 \times 1$ to @a; $1
\times 1$ to @b, $3 \times 3$ to @d; $1 \times 1$ to @e, $5 \times 5$ to @f; $3 \times 3$ max pool, $1
\times 1$
to @g. How many channels leave it?""",
        draw=lambda draw: {
            "c": draw.choice((192, 256, 480)),
            "a": draw.choice((64, 128, 160)),
            "b": draw.choice((96, 112)),
            "d": draw.choice((144, 192, 208)),
            "e": draw.choice((16, 24)),
            "f": draw.choice((32, 48)),
            "g": draw.choice((40, 56, 72)),
        },
        answer="a + d + f + g",
        check=lambda v: np.concatenate([np.zeros((1, 1, n)) for n in (v.a, v.d, v.f, v.g)], axis=2).shape[2],
        misconceptions=(
            Misconception(
                "pooling-branch-forgotten",
                "a + d + f",
                "There are four branches: the pooling one adds its @g channels.",
            ),
            Misconception(
                "pool-keeps-channels",
                "a + d + f + c",
                "Behind the pool stands a $1 \\times 1$ to @g; without it the channels would grow and grow.",
            ),
            Misconception(
                "squeezes-counted",
                "a + b + d + e + f + g",
                "Only what a branch *ends* in is concatenated; @b and @e are inside.",
            ),
            Misconception(
                "largest-branch",
                "max(max(a, d), max(f, g))",
                "Branches are stacked, not added, so their channels add up.",
            ),
        ),
        hints=("Which convolution is the last one of each branch?",),
        solution="The ends of the branches are stacked: $@a + @d + @f + @g =$ **@answer**.",
    ),
    NumericDrill(
        id="numbers-of-a-batch-norm",
        title="What a batch normalisation keeps",
        section=NORM,
        difficulty=1,
        minutes=1,
        prompt=r"""Batch normalisation behind a convolution whose output is $@n \times @h \times @h \times @c$
(batch first). How many numbers does the layer keep altogether, trained ones and running statistics?""",
        draw=lambda draw: {
            "n": draw.choice((8, 16, 32)),
            "h": draw.choice((7, 14, 28)),
            "c": draw.choice((24, 64, 96, 128, 256)),
        },
        answer="4*c",
        check=lambda v: _kept(v.c),
        misconceptions=(
            Misconception(
                "trained-only", "2*c", "Those are gamma and beta. Mean and variance are kept as well."
            ),
            Misconception(
                "per-position",
                "4*h*h*c",
                "A map is normalised as a whole: batch and positions share the statistics of a channel.",
            ),
            Misconception("one-pair", "4", "Every channel has numbers of its own."),
        ),
        hints=("Which four numbers belong to one channel?",),
        solution="Gamma and beta, trained, mean and variance, not trained: $4 \\cdot @c =$ **@answer**.",
    ),
    NumericDrill(
        id="tokens-of-a-picture",
        title="How many tokens?",
        section=TRANSFORMER,
        difficulty=1,
        minutes=1,
        prompt=r"""A vision transformer cuts $@h \times @w$ pixels into patches of $@p \times @p$ and
adds a class token. How many tokens does its encoder see?""",
        draw=_grid,
        answer="h/p*w/p + 1",
        check=lambda v: PatchEmbedding(4, v.p).output_shape((v.h, v.w, 3))[0] + 1,
        misconceptions=(
            Misconception("class-token-forgotten", "h/p*w/p", "The class token is one more."),
            Misconception(
                "sides-added", "h/p + w/p + 1", "Patches form a grid of @{h/p} rows and @{w/p} columns."
            ),
            Misconception("pixels", "h*w + 1", "A token is a whole patch, not a pixel."),
        ),
        hints=("How many patches fit into a row, how many into a column?",),
        solution=r"$@{h/p} \cdot @{w/p}$ patches and one class token: **@answer**.",
    ),
    NumericDrill(
        id="attention-work",
        title="Work of an attention layer",
        section=TRANSFORMER,
        difficulty=3,
        minutes=3,
        prompt=r"""Self-attention on @t tokens with @d features in @h heads: query, key, value and output
matrices, the scores and the weighted mean. How many multiply-adds? (Leave out biases and softmax.)""",
        draw=lambda draw: {
            "t": draw.choice((50, 65, 197, 257)),
            "d": draw.choice((96, 192, 384)),
            "h": draw.choice((3, 6)),
        },
        answer="4*t*d*d + 2*t*t*d",
        check=lambda v: MultiHeadAttention(v.h).count_macs((v.t, v.d)),
        misconceptions=(
            Misconception(
                "matrices-only",
                "4*t*d*d",
                "Scores ($q k^T$) and weighted means ($a v$) are missing: $T^2 D$ each.",
            ),
            Misconception(
                "heads-multiply",
                "4*t*d*d + 2*t*t*d*h",
                "Each head works on @{d/h} features: all heads together cost as much as one on @d.",
            ),
            Misconception("scores-only", "2*t*t*d", "The four matrices are missing: $T D^2$ each."),
            Misconception(
                "output-matrix-forgotten",
                "3*t*d*d + 2*t*t*d",
                "Query, key, value *and* the output matrix: four.",
            ),
        ),
        hints=(
            "Four matrix products of $T \\times D$ with $D \\times D$.",
            "Then two of $T \\times T \\times D$.",
        ),
        solution=r"""$4 \cdot @t \cdot @d^2 + 2 \cdot @t^2 \cdot @d =$ **@answer**. Doubling the side of the
picture makes four times the tokens: the first part grows by 4, the second by 16.""",
    ),
    NumericDrill(
        id="inverted-residual-weights",
        title="An inverted residual",
        section=CANON,
        difficulty=3,
        minutes=3,
        prompt=r"""A block of MobileNet v2 on @c channels: $1 \times 1$ up to @{t*c} (factor @t), depthwise
$3 \times 3$, $1 \times 1$ back to @c. How many weights, without biases and normalisations?""",
        draw=lambda draw: {"c": draw.choice((16, 24, 32, 64, 96)), "t": draw.choice((4, 6))},
        answer="t*c*c + 9*t*c + t*c*c",
        check=lambda v: (
            _weights(v.t * v.c, 1, v.c)
            + _weights(v.t * v.c, 3, v.t * v.c, v.t * v.c)
            + _weights(v.c, 1, v.t * v.c)
        ),
        misconceptions=(
            Misconception(
                "dense-middle",
                "t*c*c + 9*t*c*t*c + t*c*c",
                "The $3 \\times 3$ is depthwise: each of its @{t*c} channels has nine weights.",
            ),
            Misconception(
                "narrow-middle",
                "t*c*c + 9*c + t*c*c",
                "The depthwise layer works on the *wide* map of @{t*c} channels: inverted.",
            ),
            Misconception(
                "one-pointwise", "t*c*c + 9*t*c", "There are two $1 \\times 1$ layers, up and down."
            ),
        ),
        hints=("Up: $c \\cdot tc$. Depthwise: $9 \\cdot tc$. Down: $tc \\cdot c$.",),
        solution=r"$@{t*c*c} + @{9*t*c} + @{t*c*c} =$ **@answer**: nearly all in the two $1 \times 1$.",
    ),
    NumericDrill(
        id="cardinality-weights",
        title="Thirty-two paths",
        section=CANON,
        difficulty=3,
        minutes=2,
        prompt=r"""ResNeXt's $3 \times 3$ convolution from @{g*d} to @{g*d} channels has @g groups
(cardinality
@g, @d channels each). How many weights has it?""",
        draw=lambda draw: {"g": draw.choice((8, 16, 32)), "d": draw.choice((4, 8, 16))},
        answer="g*9*d*d",
        check=lambda v: _weights(v.g * v.d, 3, v.g * v.d, v.g),
        misconceptions=(
            Misconception(
                "ungrouped",
                "9*g*d*g*d",
                "In groups a filter reads the @d channels of its own group only.",
            ),
            Misconception("one-path", "9*d*d", "That is one of the @g paths."),
            Misconception("depthwise", "9*g*d", "Depthwise would be one channel a group; here there are @d."),
        ),
        hints=("One group is a convolution from @d to @d channels.",),
        solution=r"$@g \cdot 9 \cdot @d^2 =$ **@answer**, a @{g}th of the ungrouped layer.",
    ),
    FormulaDrill(
        id="densenet-channels-formula",
        title="Channels in a dense block",
        section=CANON,
        difficulty=1,
        minutes=1,
        prompt=r"""A block of DenseNet reads $c$ channels. Each of its $L$ layers adds $g$ channels (the
growth
rate) to all that is there. How many channels does the *last* layer read?""",
        names={"c": (3, 64), "L": (2, 12), "g": (2, 32)},
        answer="c + (L - 1)*g",
        check=lambda v: list(range(v.c, v.c + v.L * v.g, v.g))[-1],
        misconceptions=(
            Misconception("what-leaves", "c + L*g", "That is what *leaves* the block, its own $g$ included."),
            Misconception("only-the-last", "c + g", "All earlier layers' channels are still there."),
            Misconception(
                "doubling", "c*2^(L - 1)", "Each layer adds $g$ channels; it does not double them."
            ),
        ),
        hints=("Layer 1 reads $c$, layer 2 reads $c + g$.",),
        solution="Before the last layer, $L - 1$ layers have added $g$ each: $c + (L - 1)g$.",
    ),
    FormulaDrill(
        id="dense-for-a-convolution-formula",
        title="A dense layer in place of a convolution",
        section=COUNTING,
        difficulty=2,
        minutes=2,
        prompt=r"""A dense layer with biases maps a volume of $W \times H$ positions and $c$ channels to
$W \times H$ positions and $f$ channels. How many parameters does it have?""",
        names={"W": (2, 30), "H": (2, 30), "c": (1, 16), "f": (2, 32)},
        answer="W*H*f*(W*H*c + 1)",
        check=lambda v: math.prod((v.W, v.H, v.c)) * math.prod((v.W, v.H, v.f)) + v.W * v.H * v.f,
        misconceptions=(
            Misconception("bias-forgotten", "W*H*f*W*H*c", "Each of the $W H f$ units has a bias."),
            Misconception(
                "one-pixel", "f*(W*H*c + 1)", "That is one output position; a dense layer shares nothing."
            ),
            Misconception(
                "one-by-one", "f*(c + 1)", "That is a $1 \\times 1$ convolution, its weights shared."
            ),
        ),
        hints=("units × (inputs + 1)",),
        solution="$W H f$ units read $W H c$ numbers and a bias each: $W H f\\,(W H c + 1)$.",
    ),
    FormulaDrill(
        id="residual-channels-formula",
        title="Basic block or bottleneck",
        section="The residual block",
        difficulty=2,
        minutes=2,
        prompt=r"""A bottleneck block on $c$ channels squeezes to $c/r$, works there with $3 \times 3$, and
goes
back to $c$. How many weights, without biases and normalisations?""",
        names={"c": (8, 64), "r": (2, 8)},
        answer="2*c*c/r + 9*(c/r)^2",
        check=lambda v: v.c * (v.c / v.r) * 2 + 3 * 3 * (v.c / v.r) * (v.c / v.r),
        misconceptions=(
            Misconception("one-pointwise", "c*c/r + 9*(c/r)^2", "There are two $1 \\times 1$: down and up."),
            Misconception(
                "wide-middle", "2*c*c/r + 9*c*c/r", "The $3 \\times 3$ reads *and* writes $c/r$ channels."
            ),
            Misconception("basic-block", "18*c*c", "That is the basic block of two $3 \\times 3$ on $c$."),
        ),
        hints=("Down $c \\cdot c/r$, middle $9 (c/r)^2$, up $c/r \\cdot c$.",),
        solution="$2c^2/r + 9(c/r)^2$; with $r = 4$ about $1.06\\,c^2$, where the basic block has $18 c^2$.",
    ),
]


def _weights(filters: int, kernel_size: int, channels: int, groups: int = 1) -> int:
    layer = Conv2D(filters, kernel_size, groups=groups, bias=False)
    layer.plan((kernel_size, kernel_size, channels))
    return layer.count_params()


def _kept(channels: int) -> int:
    layer = BatchNorm()
    layer.plan((2, 2, channels))
    return layer.count_params() + layer.count_state()
