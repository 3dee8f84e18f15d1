"""Chapter 08: networks made smaller for their use, computed by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from cnnkit.drills.kinds import Draw, FormulaDrill, Misconception, NumericDrill
from cnnkit.kernels import loops

FOLDING = "Folding batch normalisation"
EIGHT_BITS = "Eight-bit integers"
PRUNING = "Pruning"
LADDER = "The ladder: same sums, another order"
THREADS = "Threads, chunks and Amdahl's law"


def _norm_case(draw: Draw) -> dict[str, object]:
    return {
        "w": draw.choice((-3, -2, 2, 3)),
        "b": draw.choice((2, 3, 4, 5)),
        "mu": draw.choice((1, -1, -2)),
        "var": draw.choice((4, 16)),
        "gamma": draw.choice((3, 5, 6)),
        "beta": draw.choice((1, 2, -3)),
    }


def _through_the_network(v: SimpleNamespace) -> tuple[float, float]:
    """Return slope and offset of conv followed by the norm, from its values at x = 0 and x = 1."""

    def y(x: float) -> float:
        return float(v.gamma * (v.w * x + v.b - v.mu) / v.var**0.5 + v.beta)

    return y(1) - y(0), y(0)


def _symmetric_case(draw: Draw) -> dict[str, object]:
    largest = draw.choice((200, 300, 500))  # no drawn x lies halfway between two codes
    return {"m": largest, "x": largest * draw.choice((2, 3, 5, 7)) // 11, "sign": draw.choice((1, -1))}


def _nearest_code(v: SimpleNamespace) -> int:
    codes = np.arange(-127, 128)
    return int(codes[np.abs(codes * v.m / 127 - v.sign * v.x).argmin()])


def _rounded(v: SimpleNamespace, levels: int) -> int:
    return int(v.sign * np.floor(v.x * levels / v.m + 0.5))


def _range_case(draw: Draw) -> dict[str, object]:
    # An odd span: zero never lies halfway between two codes.
    return {"low": draw.choice((1, 3)), "high": draw.choice((4, 6, 8))}


def _code_of_zero(v: SimpleNamespace) -> int:
    values = -v.low + np.arange(256) * (v.low + v.high) / 255
    return int(np.abs(values).argmin())


def _sum_case(draw: Draw) -> dict[str, object]:
    return {"k": draw.choice((1, 3, 5)), "c": draw.choice((64, 128, 256, 512))}


def _prune_case(draw: Draw) -> dict[str, object]:
    return {"c": draw.choice((64, 128, 256)), "percent": draw.choice((25, 50, 75))}


def _kept_weights(v: SimpleNamespace) -> Any:
    kept = np.arange(v.c) >= v.c * v.percent // 100
    return 100 * np.outer(kept, kept).mean()


def _tile_multiplies(tile: int, r: int) -> float:
    """Return multiplications of the direct method over those of Winograd's, for a map of many tiles."""
    outputs = loops.conv2d(np.ones((tile + r - 1, tile + r - 1, 1)), np.ones((r, r, 1, 1))).size
    return outputs * r * r / (tile + r - 1) ** 2


DECK = [
    NumericDrill(
        id="fold-one-weight",
        title="Fold a batch norm by hand",
        section=FOLDING,
        difficulty=2,
        minutes=4,
        prompt=r"""A 1x1 convolution with one channel: $z = w x + b$, $w = @w$, $b = @b$. Batch norm at
inference follows, with running mean @mu, running variance (epsilon included) @var, $\gamma = @gamma$,
$\beta = @beta$. Give the weight and the bias of the one convolution that does both (two numbers).""",
        draw=_norm_case,
        answer=lambda v: (v.gamma * v.w / v.var**0.5, v.gamma * (v.b - v.mu) / v.var**0.5 + v.beta),
        check=_through_the_network,
        misconceptions=(
            Misconception(
                "bias-dropped",
                lambda v: (v.gamma * v.w / v.var**0.5, v.beta - v.gamma * v.mu / v.var**0.5),
                "The convolution's own bias has gone: it is normalised as well, with $b - \\mu$.",
            ),
            Misconception(
                "bias-not-scaled",
                lambda v: (v.gamma * v.w / v.var**0.5, v.b - v.gamma * v.mu / v.var**0.5 + v.beta),
                "The convolution's bias passes through the normalisation too: scale it by gamma over the "
                "standard deviation.",
            ),
            Misconception(
                "divided-by-variance",
                lambda v: (
                    v.gamma * v.w / v.var,
                    v.gamma * (v.b - v.mu) / v.var + v.beta,
                ),
                "Divide by the standard deviation, not by the variance.",
            ),
            Misconception(
                "mean-not-scaled",
                lambda v: (v.gamma * v.w / v.var**0.5, v.gamma * v.b / v.var**0.5 - v.mu + v.beta),
                "The mean is subtracted *before* the scaling, so it is scaled too.",
            ),
        ),
        hints=("The norm divides by the root of the variance.", "Write y as a formula in x, then sort by x."),
        solution=r"""The standard deviation s is @{sqrt(var)}. Sort $y = \gamma (w x + b - \mu) / s + \beta$
by powers of x. The weight is $@gamma \cdot @w / @{sqrt(var)}$, the bias $@gamma (@b - (@mu)) / @{sqrt(var)} +
(@beta)$: @answer. One layer less, and exact up to rounding.""",
    ),
    NumericDrill(
        id="int8-code",
        title="A number in eight bits",
        section=EIGHT_BITS,
        difficulty=1,
        minutes=2,
        prompt=r"""Symmetric quantisation to int8: the largest magnitude in a weight tensor, @m, becomes 127,
and 0 stays 0. Which integer stands for @{sign * x}? Round to nearest.""",
        draw=_symmetric_case,
        answer=lambda v: _rounded(v, 127),
        check=_nearest_code,
        misconceptions=(
            Misconception(
                "truncated",
                lambda v: v.sign * (v.x * 127 // v.m),
                "You cut the fraction off. Rounding to nearest halves the largest error.",
            ),
            Misconception(
                "all-256-levels",
                lambda v: _rounded(v, 255),
                "255 steps span the whole range, from minus to plus. One side has 127.",
            ),
            Misconception("sign-lost", lambda v: -_rounded(v, 127), "The code has the sign of the number."),
        ),
        hints=("The scale is the value of one step: the largest magnitude over 127.",),
        solution=r"""One step is worth $@m / 127 = @{m / 127}$. $@{sign * x} / @{m / 127} = @{sign * x * 127 /
m}$, rounded: @answer. The error is at most half a step.""",
    ),
    NumericDrill(
        id="zero-point",
        title="Where is zero?",
        section=EIGHT_BITS,
        difficulty=2,
        minutes=2,
        prompt=r"""Affine quantisation to uint8: activations from -@low to @high are spread over the codes 0
to 255. Which code is the zero point, the one that stands for 0 (rounded to nearest)?""",
        draw=_range_case,
        answer="floor(low * 255 / (low + high) + 1/2)",
        check=_code_of_zero,
        misconceptions=(
            Misconception("symmetric", "128", "That is the middle of the codes. 0 is not the middle here."),
            Misconception("code-zero", "0", "Code 0 stands for the lowest value."),
            Misconception(
                "from-the-top",
                "floor(high * 255 / (low + high) + 1/2)",
                "You counted from the top: 0 lies `low` above the bottom.",
            ),
        ),
        hints=("What is one step worth?", "How many steps is 0 above the lowest value?"),
        solution=r"""One step is worth $(@low + @high) / 255 = @{(low + high) / 255}$, and 0 lies @low above
the bottom: $@low / @{(low + high) / 255} = @{low * 255 / (low + high)}$, rounded @answer. Zero must have a
code of its own, because padding is full of zeros.""",
    ),
    NumericDrill(
        id="int8-sum-bound",
        title="How large can the sum grow?",
        section=EIGHT_BITS,
        difficulty=2,
        minutes=2,
        prompt="""An int8 convolution (codes from -127 to 127) has @{k}x@k kernels over @c input channels.
What is the largest magnitude that the sum of products can reach?""",
        draw=_sum_case,
        answer="127 * 127 * k^2 * c",
        check=lambda v: int((np.full((v.k, v.k, v.c), 127) * np.full((v.k, v.k, v.c), -127)).sum()) * -1,
        misconceptions=(
            Misconception("one-product", "127 * 127", "That is one product. How many are added?"),
            Misconception("weights-only", "127 * k^2 * c", "Both factors can be 127."),
            Misconception("one-channel", "127 * 127 * k^2", "The sum runs over the channels too."),
        ),
        hints=("How many products does one output add?", "How large is one at most?"),
        solution=r"""$@{k^2 * c}$ products of at most $127^2 = @{127 * 127}$: @answer. Sixteen bits hold
32,767, two such products and no third one; so accumulate in int32, and scale back once at the end.""",
    ),
    NumericDrill(
        id="pruned-channels",
        title="Pruned on both sides",
        section=PRUNING,
        difficulty=2,
        minutes=2,
        prompt="""In every layer of a plain CNN @percent % of the filters are removed. How many percent of the
multiply-adds of a layer in the middle (@c input, @c output channels) are left?""",
        draw=_prune_case,
        answer="100 * (1 - percent/100)^2",
        check=_kept_weights,
        tolerance=0.001,
        unit="%",
        misconceptions=(
            Misconception(
                "outputs-only",
                "100 * (1 - percent/100)",
                "The layer before lost filters as well, so this one has fewer input channels too.",
            ),
            Misconception("removed-share", "percent", "That is the share of the filters that was removed."),
            Misconception(
                "square-of-the-removed",
                "100 * (1 - (percent/100)^2)",
                "A weight is left if its input *and* its output channel are: square what is left.",
            ),
        ),
        hints=("How many filters are left?", "How many input channels?"),
        solution=r"""@{c * (1 - percent/100)} of @c channels are left on both sides: $@{1 - percent/100}^2$,
which is @answer. Removing whole filters leaves a smaller dense layer, so that the saving is real; single
weights set to zero save no time without a sparse kernel.""",
    ),
    FormulaDrill(
        id="amdahl-formula",
        title="Amdahl's law as a formula",
        section=THREADS,
        difficulty=1,
        minutes=2,
        prompt="""p percent of a program's time can be shared out over n threads, perfectly. Write the
speed-up as a formula in p and n.""",
        names={"p": (10, 95), "n": (2, 32)},
        answer="1 / (1 - p/100 + p/100/n)",
        check=lambda v: 100 / ((100 - v.p) + v.p / v.n),
        misconceptions=(
            Misconception(
                "shares-swapped",
                "1 / (p/100 + (1 - p/100)/n)",
                "You divided the serial share by the threads.",
            ),
            Misconception(
                "limit", "1 / (1 - p/100)", "That is the limit for n towards infinity; n is missing."
            ),
            Misconception(
                "new-time", "1 - p/100 + p/100/n", "That is the new time; the speed-up is 1 over it."
            ),
        ),
        hints=("Old time 1; new time: the serial share, plus the shared one over n.",),
        solution=r"$1 / (1 - p/100 + p / (100 n))$.",
    ),
    FormulaDrill(
        id="winograd-saving",
        title="What Winograd saves",
        section=LADDER,
        difficulty=3,
        minutes=4,
        prompt=r"""Winograd's $F(m \times m, r \times r)$ computes a tile of $m \times m$ outputs of an $r
\times r$ convolution from $(m + r - 1)^2$ products. By which factor does it reduce the multiplications?
Write a formula in m and r.""",
        names={"m": (1, 6), "r": (2, 5)},
        answer="m^2 * r^2 / (m + r - 1)^2",
        check=lambda v: _tile_multiplies(v.m, v.r),
        misconceptions=(
            Misconception("one-axis", "m * r / (m + r - 1)", "That is one axis; the tile has two."),
            Misconception(
                "tile-too-large", "m^2 * r^2 / (m + r)^2", "The input tile has m + r - 1 cells on a side."
            ),
            Misconception("upside-down", "(m + r - 1)^2 / (m^2 * r^2)", "Upside down: it should exceed 1."),
        ),
        hints=("How many products does the direct method need for m x m outputs?",),
        solution=r"""Direct: $m^2 r^2$ products. So the factor is $m^2 r^2 / (m + r - 1)^2$: 2.25 for $F(2,
3)$ and 4 for $F(4, 3)$. Additions of the transforms, and rounding that grows with m, eat part of it.""",
    ),
]
