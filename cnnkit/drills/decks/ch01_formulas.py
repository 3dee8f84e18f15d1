"""Chapter 01: formulas to type."""

from cnnkit.drills.counting import multiplications, numbers_in
from cnnkit.drills.kinds import FormulaDrill, Misconception

COUNTS = "Parameters and multiply-adds"
SIZES = "Padding, stride and the output size"
CHANNELS = "Channels: many in, many out"
CHEAP = "1×1, grouped and depthwise-separable"

DECK = [
    FormulaDrill(
        id="output-size-formula",
        title="The output-size formula",
        section=SIZES,
        difficulty=1,
        minutes=1,
        prompt=r"""An axis has $n$ cells. Write the output size of a kernel of size $k$ with padding $p$ on
both sides,
stride $s$ and dilation $d$.""",
        names={"n": (20, 60), "k": (2, 5), "p": (0, 3), "s": (1, 4), "d": (1, 3)},
        answer="floor((n + 2p - d(k - 1) - 1) / s) + 1",
        check=lambda v: len(range(-v.p, v.n + v.p - v.d * (v.k - 1), v.s)),
        misconceptions=(
            Misconception(
                "dilation-ignored",
                "floor((n + 2p - k) / s) + 1",
                "The dilation is missing: a dilated kernel spans $d(k - 1) + 1$ cells.",
            ),
            Misconception(
                "no-floor",
                "(n + 2p - d(k - 1) - 1) / s + 1",
                "The floor is missing: where the stride does not divide, the last window is dropped.",
            ),
            Misconception(
                "ceil-for-floor",
                "ceil((n + 2p - d(k - 1) - 1) / s) + 1",
                "You round up; a window that does not fit completely is dropped.",
            ),
            Misconception(
                "padding-on-one-side",
                "floor((n + p - d(k - 1) - 1) / s) + 1",
                "The padding lies on both sides, so it counts twice.",
            ),
            Misconception(
                "forgot-plus-one",
                "floor((n + 2p - d(k - 1) - 1) / s)",
                "The + 1 is missing: there is a window before the first move.",
            ),
            Misconception(
                "dilation-times-kernel",
                "floor((n + 2p - d*k) / s) + 1",
                "Between $k$ taps lie $k - 1$ gaps: the kernel spans $d(k - 1) + 1$ cells, not $dk$.",
            ),
        ),
        hints=(
            "How many cells does the dilated kernel span? How far can it move?",
            "Moves: the room that is left, divided by the stride and rounded down. Windows: one more.",
        ),
        solution=r"""The padded axis has $n + 2p$ cells, the kernel spans $d(k - 1) + 1$ of them, and it
moves by $s$:
$\lfloor (n + 2p - d(k - 1) - 1) / s \rfloor + 1$.""",
    ),
    FormulaDrill(
        id="conv-parameters-formula",
        title="The parameter formula",
        section=COUNTS,
        difficulty=1,
        minutes=1,
        prompt=r"""Write the number of trainable parameters, biases included, of a convolution with kernel
$k_h \times k_w$
from $C_{in}$ to $C_{out}$ channels with $g$ groups, on an $H \times W$ image.""",
        names={
            "k_h": (1, 7),
            "k_w": (1, 7),
            "C_in": (2, 40),
            "C_out": (2, 40),
            "g": (2, 4),
            "H": (8, 64),
            "W": (8, 64),
        },
        answer="C_out * (k_h * k_w * C_in / g + 1)",
        check=lambda v: numbers_in((v.k_h, v.k_w, v.C_in, v.C_out)) / v.g + numbers_in((v.C_out,)),
        misconceptions=(
            Misconception(
                "forgot-bias",
                "k_h * k_w * C_in * C_out / g",
                "The biases are missing: one for each output channel.",
            ),
            Misconception(
                "groups-ignored",
                "C_out * (k_h * k_w * C_in + 1)",
                "The groups are missing: a filter reads $C_{in} / g$ channels only.",
                CHEAP,
            ),
            Misconception(
                "groups-divide-the-bias",
                "C_out * (k_h * k_w * C_in + 1) / g",
                "You divided the biases by $g$ too. Groups do not change the number of filters.",
                CHEAP,
            ),
            Misconception(
                "one-bias-for-all",
                "k_h * k_w * C_in * C_out / g + 1",
                "You added a single bias. Every filter has its own.",
            ),
            Misconception(
                "image-size-counted",
                "C_out * (k_h * k_w * C_in / g + 1) * H * W",
                "You multiplied by the positions. The weights are shared: the image size does not appear.",
            ),
            Misconception(
                "bias-per-channel",
                "C_out * C_in / g * (k_h * k_w + 1)",
                "You gave each slice of a filter a bias. A filter has one.",
                CHANNELS,
            ),
        ),
        hints=(
            "How many weights has one filter?",
            r"One filter has $k_h k_w C_{in} / g$ weights and one bias.",
        ),
        solution=r"""$C_{out} \cdot (k_h k_w C_{in} / g + 1)$. Height and width of the image, stride and
padding play no part.""",
    ),
    FormulaDrill(
        id="conv-macs-formula",
        title="The multiply-add formula",
        section=COUNTS,
        difficulty=1,
        minutes=1,
        prompt=r"""Write the number of multiply-adds of a $k \times k$ convolution from $C_{in}$ to
$C_{out}$ channels whose
*input* is $n \times n$, with stride 1 and no padding. Biases are not counted.""",
        names={"n": (8, 16), "k": (2, 5), "C_in": (1, 6), "C_out": (1, 6)},
        answer="(n - k + 1)^2 * C_out * k^2 * C_in",
        check=lambda v: multiplications(v.n, v.k, v.C_in, v.C_out),
        misconceptions=(
            Misconception(
                "input-positions",
                "n^2 * C_out * k^2 * C_in",
                "You counted a window for every input cell; there are $(n - k + 1)^2$ windows.",
                SIZES,
            ),
            Misconception(
                "flops-for-macs",
                "2(n - k + 1)^2 * C_out * k^2 * C_in",
                "That counts floating-point operations. One multiply-add is two of them.",
            ),
            Misconception(
                "flat-filter",
                "(n - k + 1)^2 * C_out * k^2",
                "The depth of the filter is missing: each output sums over all input channels.",
                CHANNELS,
            ),
            Misconception(
                "one-axis",
                "(n - k + 1) * C_out * k^2 * C_in",
                "You counted the positions along one axis; the window slides along two.",
            ),
            Misconception(
                "parameters-for-macs",
                "C_out * k^2 * C_in",
                "Those are the weights. Each is used again at every position.",
            ),
        ),
        hints=("Output numbers times products for each of them.", "The output is $n - k + 1$ high and wide."),
        solution=r"""$(n - k + 1)^2 \cdot C_{out}$ output numbers of $k^2 C_{in}$ products each.""",
    ),
    FormulaDrill(
        id="depthwise-separable-share",
        title="The share that remains",
        section=CHEAP,
        difficulty=2,
        minutes=2,
        prompt=r"""A $k \times k$ convolution from $C_{in}$ to $C_{out}$ channels becomes
depthwise-separable. Write the share of
multiply-adds that remains, as a formula.""",
        names={"k": (2, 7), "C_in": (2, 9), "C_out": (2, 9)},
        answer="1/C_out + 1/k^2",
        check=lambda v: (
            (
                multiplications(v.k, v.k, v.C_in, v.C_in, groups=v.C_in)
                + multiplications(1, 1, v.C_in, v.C_out)
            )
            / multiplications(v.k, v.k, v.C_in, v.C_out)
        ),
        misconceptions=(
            Misconception(
                "ratio-upside-down",
                "1 / (1/C_out + 1/k^2)",
                "That is the factor by which the work falls. The share that remains is its inverse.",
            ),
            Misconception(
                "input-channels-in-the-ratio",
                "1/C_in + 1/k^2",
                "$C_{in}$ cancels; it is the output channels that stay.",
            ),
            Misconception(
                "depthwise-forgotten",
                "1/k^2",
                "That is the pointwise half; the depthwise half adds $1/C_{out}$.",
            ),
            Misconception(
                "pointwise-forgotten",
                "1/C_out",
                "That is the depthwise half; the pointwise half adds $1/k^2$.",
            ),
            Misconception(
                "kernel-not-squared",
                "1/C_out + 1/k",
                "A 2-D kernel has $k^2$ cells, so the second term is $1/k^2$.",
            ),
        ),
        hints=(
            r"Write both costs for one output position and divide.",
            r"$(k^2 C_{in} + C_{in} C_{out}) / (k^2 C_{in} C_{out})$.",
        ),
        solution=r"""$\frac{k^2 C_{in} + C_{in} C_{out}}{k^2 C_{in} C_{out}} = \frac{1}{C_{out}} +
\frac{1}{k^2}$.""",
    ),
]
