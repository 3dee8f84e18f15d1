"""Chapter 06: variances, first weights, dead units, and layers that fall into one."""

import math
from types import SimpleNamespace

import numpy as np

from cnnkit.drills.counting import numbers_in
from cnnkit.drills.declaration import Values
from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.initializers import fans
from cnnkit.signal_depth import weight_variance

WHY = "Why non-linearity"
DYING = "Dying ReLU"
VARIANCE = "Keeping the variance: Xavier and He"


def _filters(draw: Draw) -> Values:
    c = draw.choice((3, 16, 32, 64))
    return {"k": draw.choice((3, 5, 7)), "c": c, "f": draw.choice([n for n in (24, 48, 96, 128) if n != c])}


def _he_by_shape(v: SimpleNamespace) -> float:
    return weight_variance("He", *fans((v.k, v.k, v.c, v.f)))


def _weights(draw: Draw) -> Values:
    positive = [draw.integer(1, 5) for _ in range(2)]
    negative = [-draw.integer(1, 5) for _ in range(2)]
    return {"w": np.array(draw.shuffled(positive + negative), float)}


def _largest_dead_bias(v: SimpleNamespace) -> int:
    """Return it by trying every corner of the cube of inputs."""
    corners = np.array(list(np.ndindex(*(2,) * len(v.w))))
    return -round(float((corners @ v.w).max()))


def _three_widths(draw: Draw) -> Values:
    return {"n": draw.integer(20, 60), "h": draw.integer(70, 200), "k": draw.integer(3, 12)}


DECK = [
    NumericDrill(
        id="he-variance-conv",
        title="He's variance for a convolution",
        section=VARIANCE,
        difficulty=1,
        minutes=1,
        prompt=r"""A convolution has @f filters of $@k \times @k$ on @c input channels, and a ReLU
follows. Which *variance* does He initialisation (forward form) give its weights?""",
        draw=_filters,
        answer="2 / (k^2 * c)",
        check=_he_by_shape,
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "window-forgotten",
                "2 / c",
                r"One output sums over the whole window: the fan-in is $k^2 C_{in}$.",
            ),
            Misconception(
                "fan-out-for-fan-in", "2 / (k^2 * f)", "You used the number of filters, the fan-out."
            ),
            Misconception(
                "two-forgotten", "1 / (k^2 * c)", "The 2 for ReLU is missing: it silences half of its inputs."
            ),
            Misconception(
                "xavier-for-he", "2 / (k^2 * (c + f))", "That is Xavier, which averages both fans."
            ),
            Misconception(
                "spread-for-variance",
                lambda v: math.sqrt(2 / (v.k**2 * v.c)),
                "That is the standard deviation. The question asks for the variance.",
            ),
        ),
        hints=("How many numbers does one output sum up?", r"$2 / (k^2 C_{in})$."),
        solution=r"The fan-in is $@k \cdot @k \cdot @c = @{k^2 * c}$, so the variance is $2 / "
        r"@{k^2 * c}$ = **@answer**.",
    ),
    NumericDrill(
        id="xavier-uniform-limit",
        title="The limits of a uniform Xavier",
        section=VARIANCE,
        difficulty=2,
        minutes=2,
        prompt=r"""A dense tanh layer goes from @n to @m units. Xavier (Glorot) initialisation draws
uniformly from $-a$ to $a$. What is $a$?""",
        draw=lambda draw: {"n": draw.integer(50, 400), "m": draw.integer(20, 300)},
        answer=lambda v: math.sqrt(6 / (v.n + v.m)),
        check=lambda v: math.sqrt(3 * weight_variance("Xavier", v.n, v.m)),
        tolerance=0.005,
        misconceptions=(
            Misconception(
                "variance-for-limit",
                lambda v: 2 / (v.n + v.m),
                r"That is the variance. A uniform distribution on $\pm a$ has the variance $a^2 / 3$.",
            ),
            Misconception(
                "spread-for-limit",
                lambda v: math.sqrt(2 / (v.n + v.m)),
                r"That is the standard deviation. The limit of a uniform distribution is "
                r"$\sqrt{3}$ times that.",
            ),
            Misconception(
                "he-for-xavier",
                lambda v: math.sqrt(6 / v.n),
                "That is He's limit, with the fan-in alone. Xavier uses the sum of both fans.",
            ),
            Misconception(
                "fan-in-only",
                lambda v: math.sqrt(3 / v.n),
                "You kept the forward variance only. Xavier averages it with the backward one.",
            ),
        ),
        hints=(
            r"Which variance should the weights have? Which has a uniform distribution on $\pm a$?",
            r"$a^2 / 3 = 2 / (n + m)$.",
        ),
        solution=r"$a^2 / 3 = 2 / (n + m)$, so $a = \sqrt{6 / @{n + m}}$ = **@answer**.",
    ),
    NumericDrill(
        id="relu-variance-chain",
        title="Variance through ReLU layers",
        section=VARIANCE,
        difficulty=2,
        minutes=2,
        prompt=r"""A wide network of equal layers of $n$ ReLU units has weights of variance $@g / n$ and
no biases. By which factor does the variance of z change over @layers further layers?""",
        draw=lambda draw: {"g": draw.choice((1, 3, 4, 5, 6)), "layers": draw.integer(3, 8)},
        answer="(g / 2)^layers",
        check=lambda v: float(np.prod(np.full(v.layers, v.g * 0.5))),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "relu-forgotten",
                "g^layers",
                "That holds without an activation. ReLU halves the mean square of what passes.",
            ),
            Misconception("one-layer", "g / 2", "That is one layer; the factor applies at every one."),
            Misconception(
                "factors-added", "g / 2 * layers", "Factors of layers in a row multiply; you added them."
            ),
            Misconception(
                "spread-for-variance",
                lambda v: (v.g / 2) ** (v.layers / 2),
                "That is the factor of the standard deviation, the root of it.",
            ),
        ),
        hints=(
            r"One layer: $\mathrm{Var}(z) = n \cdot \mathrm{Var}(w) \cdot E[a^2]$.",
            r"Behind a ReLU $E[a^2]$ is half the variance of z.",
        ),
        solution=r"One layer gives $@g / 2$, @layers of them $(@g / 2)^{@layers}$ = "
        r"**@answer**. Only $g = 2$, He, keeps it.",
    ),
    NumericDrill(
        id="largest-dead-bias",
        title="Dead by its bias",
        section=DYING,
        difficulty=2,
        minutes=2,
        prompt=r"""A ReLU unit has the weights @w, and its four inputs are pixels in $[0, 1]$. Up to which
bias is it dead for *every* possible input?""",
        draw=_weights,
        answer=lambda v: -sum(int(n) for n in v.w if n > 0),
        check=_largest_dead_bias,
        misconceptions=(
            Misconception(
                "all-weights-summed",
                lambda v: -int(v.w.sum()),
                "You lit all four pixels. The largest z has those with a positive weight at 1 "
                "and the others at 0.",
            ),
            Misconception(
                "one-weight-only",
                lambda v: -int(v.w.max()),
                "You lit one pixel. Several can be bright at once.",
            ),
            Misconception(
                "sign-lost",
                lambda v: sum(int(n) for n in v.w if n > 0),
                "The sign: the bias must take away what the pixels can add at most.",
            ),
            Misconception(
                "negative-weights",
                lambda v: -sum(int(n) for n in v.w if n < 0),
                "Those are the negative weights. They lower z, so the worst case leaves their pixels dark.",
            ),
        ),
        hints=(
            "Which input makes z as large as possible?",
            "Pixels with a positive weight at 1, the others at 0.",
        ),
        solution="The largest sum of weights is that of the positive ones; the bias must "
        "cancel it: **@answer**.",
    ),
    NumericDrill(
        id="collapsed-parameters",
        title="Two layers that are one",
        section=WHY,
        difficulty=1,
        minutes=2,
        prompt="""Two dense layers, from @n to @h to @k units, both with biases, follow each other with
*no* activation between them. How many parameters has the single dense layer that computes the same?""",
        draw=_three_widths,
        answer="n * k + k",
        check=lambda v: numbers_in((v.n, v.k), (v.k,)),
        misconceptions=(
            Misconception(
                "both-layers-counted",
                "n * h + h + h * k + k",
                "Those are the parameters of both. The middle layer vanishes in the product of the matrices.",
            ),
            Misconception("bias-forgotten", "n * k", "The biases merge into one that is still there."),
            Misconception("two-biases", "n * k + h + k", "The two biases become one of the output's size."),
        ),
        hints=(r"$(x W_1 + b_1) W_2 + b_2$: multiply it out.", r"$W_1 W_2$ has the shape $n \times k$."),
        solution=r"""$x (W_1 W_2) + (b_1 W_2 + b_2)$: a matrix of $@n \times @k$ and a bias of @k numbers,
**@answer** together.""",
    ),
]
