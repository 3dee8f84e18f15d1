"""Chapter 01: parameters and multiply-adds, the two counts that interviewers ask for."""

from cnnkit.drills.counting import multiplications, numbers_in
from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

COUNTS = "Parameters and multiply-adds"


def _layer_case(draw: Draw) -> dict[str, int]:
    return {
        "n": draw.choice((32, 64, 128, 224)),
        "c": draw.choice((3, 6, 16, 32, 64)),
        "f": draw.choice((8, 10, 20, 48, 96, 128)),
        "k": draw.choice((3, 5, 7)),
    }


def _macs_case(draw: Draw) -> dict[str, int]:
    k = draw.choice((2, 3, 5))
    return {
        "n": draw.integer(12, 32) + k,
        "k": k,
        "c": draw.choice((3, 4, 8)),
        "f": draw.choice((6, 10, 16)),
        "s": draw.integer(2, 3),
    }


DECK = [
    NumericDrill(
        id="conv-parameters",
        title="Parameters of a layer",
        section=COUNTS,
        difficulty=1,
        minutes=1,
        prompt=r"""A convolutional layer reads a volume of $@n \times @n \times @c$ with @f filters of $@k
\times @k$,
biases included. How many trainable parameters has it?""",
        draw=_layer_case,
        answer="(k^2 * c + 1) * f",
        check=lambda v: numbers_in((v.k, v.k, v.c, v.f), (v.f,)),
        misconceptions=(
            Misconception(
                "forgot-bias",
                "k^2 * c * f",
                "The weights are right; add one bias for each filter.",
            ),
            Misconception(
                "one-bias-for-all",
                "k^2 * c * f + 1",
                "You added a single bias. Every filter has its own.",
            ),
            Misconception(
                "bias-per-channel",
                "(k^2 + 1) * c * f",
                "You gave each slice of a filter a bias. A filter has one bias, whatever its depth.",
                "Channels: many in, many out",
            ),
            Misconception(
                "flat-filter",
                "(k^2 + 1) * f",
                "You left out the input channels: a filter is as deep as its input, $@k \\times @k "
                "\\times @c$.",
                "Channels: many in, many out",
            ),
            Misconception(
                "image-size-counted",
                "(k^2 * c + 1) * f * n^2",
                "You multiplied by the positions. The same weights are used everywhere, so the image "
                "size is irrelevant.",
            ),
        ),
        hints=(
            "How many weights has one filter? It is as deep as the input.",
            "One filter: $k^2 C_{in}$ weights and 1 bias. The image size does not appear.",
        ),
        solution=r"""One filter has $@k \cdot @k \cdot @c = @{k^2 * c}$ weights and 1 bias; @f filters have
$@{k^2 * c + 1} \cdot @f =$ **@answer**. The $@n \times @n$ plays no part.""",
    ),
    NumericDrill(
        id="conv-parameters-two-layers",
        title="Two layers, total parameters",
        section=COUNTS,
        difficulty=1,
        minutes=2,
        prompt=r"""An image of $@n \times @n \times 3$ passes two $@k \times @k$ convolutions with @f and
then @g filters, both
with biases. How many trainable parameters are there in all?""",
        draw=lambda draw: {
            "n": draw.choice((10, 28, 64)),
            "k": draw.choice((3, 5)),
            "f": draw.choice((8, 10, 16)),
            "g": draw.choice((20, 24, 32)),
        },
        answer="(3*k^2 + 1)*f + (f*k^2 + 1)*g",
        check=lambda v: numbers_in((v.k, v.k, 3, v.f), (v.f,), (v.k, v.k, v.f, v.g), (v.g,)),
        misconceptions=(
            Misconception(
                "second-layer-sees-the-image",
                "(3*k^2 + 1)*f + (3*k^2 + 1)*g",
                "You gave the second layer 3 input channels. It reads the output of the first, which has @f.",
                "Channels: many in, many out",
            ),
            Misconception(
                "forgot-bias",
                "3*k^2*f + f*k^2*g",
                "The weights are right; the biases are missing, one for each filter.",
            ),
            Misconception(
                "flat-filter",
                "(k^2 + 1)*f + (k^2 + 1)*g",
                "You left out the input channels of both layers: a filter is as deep as what it reads.",
                "Channels: many in, many out",
            ),
        ),
        hints=(
            "Count each layer alone: weights of one filter, plus 1, times the filters.",
            "The second layer reads @f channels.",
        ),
        solution=r"""First $(@k \cdot @k \cdot 3 + 1) \cdot @f = @{(3*k^2 + 1)*f}$, then
$(@k \cdot @k \cdot @f + 1) \cdot @g = @{(f*k^2 + 1)*g}$: together **@answer**.""",
    ),
    NumericDrill(
        id="conv-macs",
        title="Multiply-adds of a layer",
        section=COUNTS,
        difficulty=2,
        minutes=2,
        prompt=r"""@f filters of $@k \times @k$ slide over a $@n \times @n \times @c$ volume with stride @s
and no padding.
How many multiply-adds does that take, biases not counted?""",
        draw=_macs_case,
        answer="((n - k)//s + 1)^2 * f * k^2 * c",
        check=lambda v: multiplications(v.n, v.k, v.c, v.f, stride=v.s),
        misconceptions=(
            Misconception(
                "input-positions",
                "n^2 * f * k^2 * c",
                "You counted a window for every *input* cell. There is one for every output position.",
            ),
            Misconception(
                "stride-ignored",
                "(n - k + 1)^2 * f * k^2 * c",
                "You left out the stride: it leaves fewer output positions.",
                "Padding, stride and the output size",
            ),
            Misconception(
                "flops-for-macs",
                "2 * ((n - k)//s + 1)^2 * f * k^2 * c",
                "That is the number of floating-point operations: a multiply-add counts once here, and "
                "is two FLOPs.",
            ),
            Misconception(
                "flat-filter",
                "((n - k)//s + 1)^2 * f * k^2",
                "You left out the depth of the filter: each output number sums over all @c input channels.",
                "Channels: many in, many out",
            ),
            Misconception(
                "parameters-for-macs",
                "f * k^2 * c",
                "That is the number of weights. Each of them is used again at every output position.",
            ),
            Misconception(
                "one-filter",
                "((n - k)//s + 1)^2 * k^2 * c",
                "That is the work of one filter; there are @f.",
            ),
        ),
        hints=(
            "How many output numbers are there, and how many products does each of them take?",
            r"$H_{out} W_{out} C_{out} \cdot k^2 C_{in}$.",
        ),
        solution=r"""The output has $@{(n - k)//s + 1} \cdot @{(n - k)//s + 1} \cdot @f = @{((n - k)//s +
1)^2 * f}$ numbers,
each a sum of $@k \cdot @k \cdot @c = @{k^2 * c}$ products: **@answer**.""",
    ),
    NumericDrill(
        id="dense-against-convolution",
        title="The same volume, fully connected",
        section=COUNTS,
        difficulty=2,
        minutes=2,
        prompt=r"""A fully connected layer, with biases, maps a $@n \times @n \times @c$ volume to one of
$@n \times @n \times @f$. How many parameters does it need? (A $3 \times 3$ convolution needs @{(9*c +
1)*f}.)""",
        draw=lambda draw: {
            "n": draw.choice((8, 16, 28, 32)),
            "c": draw.choice((1, 3, 4)),
            "f": draw.choice((6, 8, 16)),
        },
        answer="(n^2 * c + 1) * n^2 * f",
        check=lambda v: (v.n * v.n * v.c) * (v.n * v.n * v.f) + len(range(v.n * v.n * v.f)),
        misconceptions=(
            Misconception(
                "forgot-bias",
                "n^2 * c * n^2 * f",
                "The weights are right; each output number has a bias too.",
            ),
            Misconception(
                "bias-per-channel",
                "n^2 * c * n^2 * f + f",
                "You gave each output *channel* a bias, as in a convolution. Here each output *number* "
                "has one.",
            ),
            Misconception(
                "channel-outputs",
                "(n^2 * c + 1) * f",
                "You connected the input to @f numbers. The output has $@n \\cdot @n \\cdot @f$ of them.",
            ),
            Misconception(
                "shared-over-channels",
                "(n^2 + 1) * n^2 * f",
                "You left out the input channels: the input has $@n \\cdot @n \\cdot @c$ numbers.",
            ),
        ),
        hints=(
            "Flatten both volumes: how many numbers has each?",
            "Every output number has a weight for every input number, and a bias.",
        ),
        solution=r"""The input has $@{n^2 * c}$ numbers, the output $@{n^2 * f}$: $(@{n^2 * c} + 1) \cdot
@{n^2 * f} =$
**@answer** parameters, and they know nothing about neighbourhood.""",
    ),
]
