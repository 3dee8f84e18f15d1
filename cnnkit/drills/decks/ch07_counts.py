"""Chapter 07: parameters, multiply-adds and memory, computed by hand."""

import numpy as np

from cnnkit.drills.kinds import Misconception, NumericDrill
from cnnkit.layers import Conv2D, Dense, Flatten, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.zoo import bottleneck_block

LENET = "LeNet-5, line by line"
COUNTING = "Counting: parameters, multiply-adds, memory"
ALEXNET = "AlexNet"
SMALL = "VGG-16: small filters"
LIVES = "Where parameters live, and where the work"
BLOCK = "The residual block"

DECK = [
    NumericDrill(
        id="dense-behind-flatten",
        title="The dense layer behind the flatten",
        section=LENET,
        difficulty=2,
        minutes=3,
        prompt=r"""A network of LeNet's kind reads $@s \times @s \times 1$ pixels: a $@k \times @k$
convolution with @f1 filters, $2 \times 2$ pooling, a $@k \times @k$ convolution with @f2 filters, $2 \times
2$
pooling, flatten, a dense layer with @d units. All without padding, poolings with stride 2. How many
parameters has
the dense layer?""",
        draw=lambda draw: {
            "s": draw.choice((28, 32, 36, 40)),
            "k": draw.choice((3, 5)),
            "f1": draw.choice((4, 6, 8)),
            "f2": draw.choice((12, 16, 20)),
            "d": draw.choice((84, 100, 120)),
        },
        answer="(floor((floor((s - k + 1)/2) - k + 1)/2)^2*f2 + 1)*d",
        check=lambda v: (
            Sequential(
                [
                    *(Conv2D(v.f1, v.k), MaxPool2D(2), Conv2D(v.f2, v.k), MaxPool2D(2)),
                    *(Flatten(), Dense(v.d)),
                ],
                input_shape=(v.s, v.s, 1),
            )
            .layers[-1]
            .count_params()
        ),
        misconceptions=(
            Misconception(
                "bias-forgotten",
                "floor((floor((s - k + 1)/2) - k + 1)/2)^2*f2*d",
                "The biases are missing: one for each of the @d units.",
            ),
            Misconception(
                "one-bias-per-weight-block",
                "floor((floor((s - k + 1)/2) - k + 1)/2)^2*f2*d + f2",
                "A dense layer has a bias for every *unit*, not for every map that it reads.",
            ),
            Misconception(
                "channels-forgotten",
                "(floor((floor((s - k + 1)/2) - k + 1)/2)^2 + 1)*d",
                "You flattened one map. All @f2 maps are laid into one row.",
            ),
            Misconception(
                "padding-same",
                "(floor(floor(s/2)/2)^2*f2 + 1)*d",
                "Those are the sizes with 'same' padding. Without padding each convolution takes "
                "away $@k - 1$.",
            ),
        ),
        hints=(
            "Follow one side: $@s - @k + 1$, half of it, minus @{k - 1} again, half again.",
            "inputs × units + units",
        ),
        solution=r"""A side shrinks to @{s - k + 1}, @{floor((s - k + 1)/2)},
@{floor((s - k + 1)/2) - k + 1} and @{floor((floor((s - k + 1)/2) - k + 1)/2)}. So
$@{floor((floor((s - k + 1)/2) - k + 1)/2)}^2 \cdot @f2 = @{floor((floor((s - k + 1)/2) - k + 1)/2)^2*f2}$
numbers
go to @d units, each with a bias: **@answer**.""",
    ),
    NumericDrill(
        id="flops-of-a-convolution",
        title="FLOPs of a convolution",
        section=COUNTING,
        difficulty=2,
        minutes=2,
        prompt=r"""A $@k \times @k$ convolution turns a $@h \times @w \times @c$ map into one with @f
channels;
stride @s, padding @{(k - 1)/2}. Counting a multiply-add as *two* floating-point operations and leaving out
the
biases: how many FLOPs for one image?""",
        draw=lambda draw: {
            "k": draw.choice((3, 5)),
            "h": draw.choice((14, 28, 56)),
            "w": draw.choice((14, 28, 42)),
            "c": draw.choice((16, 32, 64)),
            "f": draw.choice((48, 96, 128)),
            "s": 2,
        },
        answer="2*ceil(h/s)*ceil(w/s)*f*k*k*c",
        check=lambda v: 2 * Conv2D(v.f, v.k, stride=v.s, padding=v.k // 2).count_macs((v.h, v.w, v.c)),
        misconceptions=(
            Misconception(
                "macs-for-flops",
                "ceil(h/s)*ceil(w/s)*f*k*k*c",
                "That is the number of multiply-adds. Each is a product and a sum: two operations.",
            ),
            Misconception(
                "input-positions",
                "2*h*w*f*k*k*c",
                "You counted the *input's* positions. With stride @s there are a quarter as many outputs.",
            ),
            Misconception(
                "parameters-for-work",
                "k*k*c*f",
                "That is the number of weights. Every weight is used once at every output position.",
            ),
            Misconception(
                "channels-forgotten",
                "2*ceil(h/s)*ceil(w/s)*f*k*k",
                "Each output sums over all @c input channels.",
            ),
        ),
        hints=("How many outputs are there? How many products does one output need?",),
        solution=r"""$@{ceil(h/s)} \cdot @{ceil(w/s)} \cdot @f$ outputs need $@k \cdot @k \cdot @c =
@{k*k*c}$ multiply-adds each; twice that in FLOPs: **@answer**.""",
    ),
    NumericDrill(
        id="activation-megabytes",
        title="Memory of one layer's output",
        section=COUNTING,
        difficulty=2,
        minutes=2,
        prompt=r"""A layer returns $@h \times @h \times @c$ numbers in float32 for each picture, and training
keeps them until the backward pass. How many MiB ($2^{20}$ bytes) are that for a batch of @n?""",
        draw=lambda draw: {
            "h": draw.choice((28, 56, 112)),
            "c": draw.choice((64, 128, 256)),
            "n": draw.choice((16, 32, 48)),
        },
        answer="n*h*h*c*4/2^20",
        check=lambda v: np.zeros((v.n, v.h, v.h, v.c), np.float32).nbytes / 2**20,
        tolerance=0.005,
        misconceptions=(
            Misconception(
                "bytes-forgotten",
                "n*h*h*c/2^20",
                "That is millions of numbers. A float32 takes four bytes.",
            ),
            Misconception(
                "batch-forgotten", "h*h*c*4/2^20", "That is one picture. There are @n in the batch."
            ),
            Misconception(
                "one-side",
                "n*h*c*4/2^20",
                "A map has @h rows *and* @h columns.",
            ),
        ),
        hints=("numbers × 4 bytes × batch, divided by 1,048,576",),
        solution=r"$@n \cdot @h \cdot @h \cdot @c \cdot 4 / 2^{20} =$ **@answer** MiB.",
    ),
    NumericDrill(
        id="first-layer-of-alexnet",
        title="Units, weights, connections",
        section=ALEXNET,
        difficulty=2,
        minutes=3,
        prompt=r"""AlexNet's first layer, with other numbers: @s×@s×3 pixels, @f filters of $@k \times @k$,
stride @t, no padding, biases not counted. How many *connections* (uses of a weight) are there?""",
        draw=lambda draw: {
            "s": draw.choice((199, 211, 227)),
            "f": draw.choice((48, 64, 96)),
            "k": draw.choice((7, 11)),
            "t": 4,
        },
        answer="(floor((s - k)/t) + 1)^2*f*k*k*3",
        check=lambda v: Conv2D(v.f, v.k, stride=v.t).count_macs((v.s, v.s, 3)),
        misconceptions=(
            Misconception(
                "units",
                "(floor((s - k)/t) + 1)^2*f",
                "Those are the units. Each of them has $@k \\cdot @k \\cdot 3$ connections.",
            ),
            Misconception(
                "weights",
                "f*k*k*3",
                "Those are the weights. They are shared: each is used at every position.",
            ),
            Misconception(
                "stride-ignored",
                "(s - k + 1)^2*f*k*k*3",
                "You moved the filter by one pixel; the stride is @t.",
            ),
            Misconception(
                "colours-forgotten", "(floor((s - k)/t) + 1)^2*f*k*k", "Each filter covers all three colours."
            ),
        ),
        hints=("units = positions × filters", "connections = units × inputs of one unit"),
        solution=r"""A side has $\lfloor(@s - @k)/@t\rfloor + 1 = @{floor((s - k)/t) + 1}$ positions, so
$@{(floor((s - k)/t) + 1)^2*f}$ units with $@{k*k*3}$ connections each: **@answer**, from only @{f*k*k*3}
weights.""",
    ),
    NumericDrill(
        id="stack-of-small-kernels",
        title="A stack for one large kernel",
        section=SMALL,
        difficulty=2,
        minutes=2,
        prompt=r"""A single $@{2*n + 1} \times @{2*n + 1}$ convolution from @c to @c channels is replaced by
@n convolutions of $3 \times 3$, all with @c channels, no biases. How many weights are *saved*?""",
        draw=lambda draw: {"n": draw.choice((2, 3, 4)), "c": draw.choice((16, 32, 64, 128))},
        answer="((2*n + 1)^2 - 9*n)*c*c",
        check=lambda v: (
            np.zeros((2 * v.n + 1, 2 * v.n + 1, v.c, v.c)).size - v.n * np.zeros((3, 3, v.c, v.c)).size
        ),
        misconceptions=(
            Misconception(
                "the-stack", "9*n*c*c", "That is what the stack *has*. The question is what it saves."
            ),
            Misconception(
                "channels-once",
                "((2*n + 1)^2 - 9*n)*c",
                "Every kernel reads @c channels and there are @c of them: $c^2$.",
            ),
            Misconception(
                "one-small-kernel",
                "((2*n + 1)^2 - 9)*c*c",
                "You counted one small layer; there are @n in the stack.",
            ),
        ),
        hints=("Count the weights for one pair of channels first: 9 for each layer of the stack.",),
        solution=r"""$(@{(2*n + 1)^2} - @{9*n}) \cdot @c^2 =$ **@answer**, @n activations in place of one
included. (Only at equal channel counts: behind a picture's three colours the stack would be larger.)""",
    ),
    NumericDrill(
        id="stack-behind-the-colours",
        title="The same, behind three colours",
        section=SMALL,
        difficulty=3,
        minutes=3,
        prompt=r"""Now the *first* layer: 3 colours in, @c channels out. One $7 \times 7$ convolution, or
three $3 \times 3$ with @c channels each; no biases. How many weights does the stack have *more*?""",
        draw=lambda draw: {"c": 8 * draw.integer(2, 16)},
        answer="27*c + 18*c*c - 147*c",
        check=lambda v: sum(
            sign * kernel * kernel * before * v.c
            for sign, kernel, before in ((1, 3, 3), (1, 3, v.c), (1, 3, v.c), (-1, 7, 3))
        ),
        misconceptions=(
            Misconception(
                "equal-channels",
                "27*c*c - 49*c*c",
                "That compares layers from @c to @c channels. The first one reads 3 colours.",
            ),
            Misconception(
                "all-read-colours",
                "3*27*c - 147*c",
                "Only the first layer of the stack reads 3 colours; the next two read @c channels.",
            ),
            Misconception(
                "the-stack", "27*c + 18*c*c", "That is the stack alone; subtract the $7 \\times 7$."
            ),
        ),
        hints=("The stack: $9 \\cdot 3 \\cdot @c$, then twice $9 \\cdot @c \\cdot @c$.",),
        solution=r"""Stack: $@{27*c} + 2 \cdot @{9*c*c} = @{27*c + 18*c*c}$. One kernel: $49 \cdot 3 \cdot
@c =
@{147*c}$. The stack has **@answer** more: 'small filters, fewer parameters' holds at equal channel
counts.""",
    ),
    NumericDrill(
        id="pooling-for-flatten",
        title="What global pooling saves",
        section=LIVES,
        difficulty=2,
        minutes=2,
        prompt=r"""The last map is $@h \times @h \times @c$, then come flatten and a dense layer for @k
classes. You replace the flatten by global average pooling. By how many parameters does the network
shrink?""",
        draw=lambda draw: {
            "h": draw.choice((4, 6, 7)),
            "c": draw.choice((64, 128, 256, 512)),
            "k": draw.choice((10, 20, 100)),
        },
        answer="(h*h - 1)*c*k",
        check=lambda v: (v.h * v.h * v.c * v.k + v.k) - (v.c * v.k + v.k),
        misconceptions=(
            Misconception(
                "all-of-it", "h*h*c*k", "A dense layer stays: it reads @c means in place of all cells."
            ),
            Misconception("what-stays", "c*k + k", "That is what is left. How much has gone?"),
            Misconception(
                "biases-saved",
                "(h*h - 1)*c*k + k",
                "The @k biases are there before and after.",
            ),
        ),
        hints=("Before: $h \\cdot h \\cdot c$ inputs. After: $c$ inputs.",),
        solution=r"$(@{h*h*c} - @c) \cdot @k =$ **@answer**; the biases stay.",
    ),
    NumericDrill(
        id="weights-of-a-residual-bottleneck",
        title="Weights of a bottleneck",
        section=BLOCK,
        difficulty=2,
        minutes=2,
        prompt=r"""A residual block on @{4*c} channels: $1 \times 1$ down to @c, $3 \times 3$ on @c,
$1 \times 1$ up to @{4*c}, identity shortcut. How many weights, without biases and normalisations?""",
        draw=lambda draw: {"c": 8 * draw.integer(2, 16)},
        answer="4*c*c + 9*c*c + 4*c*c",
        check=lambda v: (
            Sequential([bottleneck_block(v.c)], input_shape=(4, 4, 4 * v.c)).count_params()
            - (2 * v.c + 2 * v.c + 2 * 4 * v.c)
        ),
        misconceptions=(
            Misconception(
                "two-wide-kernels",
                "2*9*16*c*c",
                "Those are two $3 \\times 3$ on @{4*c} channels: the basic block at that width.",
            ),
            Misconception(
                "one-by-one-as-three",
                "9*4*c*c + 9*c*c + 9*4*c*c",
                "A $1 \\times 1$ kernel has one weight for a pair of channels, not nine.",
                "1×1: a network in every pixel",
            ),
            Misconception(
                "projection-counted",
                "4*c*c + 9*c*c + 4*c*c + 16*c*c",
                "The shortcut is the identity here; it has no weights.",
            ),
            Misconception(
                "middle-only",
                "9*c*c",
                "The two $1 \\times 1$ layers have weights as well: $4c^2$ each.",
            ),
        ),
        hints=("$4c \\cdot c$, then $9 \\cdot c \\cdot c$, then $c \\cdot 4c$.",),
        solution=r"""$@{4*c*c} + @{9*c*c} + @{4*c*c} =$ **@answer**, $17c^2$. Two $3 \times 3$ on @c channels
have $18c^2$: about the same cost, with four times the channels.""",
    ),
]
