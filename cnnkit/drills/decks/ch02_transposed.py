"""Chapter 02: sizes and numbers of transposed convolutions, and pixel shuffle."""

import numpy as np

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.kernels import loops

TRANSPOSED = "Transposed convolution"
UPSAMPLING = "Other ways to upsample"
SIZES = "The output size, derived"


def _size_case(draw: Draw) -> dict[str, int]:
    k, s = draw.choice((3, 4, 5)), draw.choice((2, 3))
    return {"n": draw.integer(7, 40), "k": k, "s": s, "p": draw.integer(1, 2), "o": draw.integer(1, s - 1)}


def _transposed_size(n: int, k: int, s: int, p: int, o: int) -> int:
    """Return the size that stamping ones and cropping gives."""
    x, w = np.ones((1, n, 1)), np.ones((1, k, 1, 1))
    y = loops.conv2d_transpose(x, w, stride=(1, s), padding=(0, p), output_padding=(0, o))
    return int(y.shape[1])


def _stamps_case(draw: Draw) -> dict[str, object]:
    return {"x": draw.array(3, low=1, high=4), "w": draw.array(3, low=-2, high=3), "s": 2}


def _stamped(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    """Return the transposed convolution by zero-stuffing and one full convolution."""
    stuffed = np.zeros((x.size - 1) * stride + 1)
    stuffed[::stride] = x
    return np.convolve(stuffed, w)


def _overwritten(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    y = np.zeros((x.size - 1) * stride + w.size)
    for i, value in enumerate(x):
        y[i * stride : i * stride + w.size] = value * w
    return y


def _round_trip_case(draw: Draw) -> dict[str, int]:
    k, s = draw.choice((3, 5)), draw.choice((2, 3, 4))
    return {"n": draw.integer(16, 96), "k": k, "s": s, "p": k // 2}


def _shuffle_case(draw: Draw) -> dict[str, int]:
    r = draw.choice((2, 3, 4))
    return {"h": draw.integer(8, 40), "w": draw.integer(8, 40), "r": r, "c": r * r * draw.choice((1, 3, 16))}


DECK = [
    NumericDrill(
        id="transposed-output-size",
        title="How large is the transposed output?",
        section=TRANSPOSED,
        difficulty=2,
        minutes=2,
        prompt=r"""A transposed convolution with a kernel of @k, stride @s, padding @p on both sides and
output padding @o reads a map of $@n \times @n$. How many rows does it put out?""",
        draw=_size_case,
        answer="(n - 1)*s + k - 2*p + o",
        check=lambda v: _transposed_size(v.n, v.k, v.s, v.p, v.o),
        misconceptions=(
            Misconception(
                "forward-formula",
                "(n + 2*p - k) // s + 1",
                "That is the size of an ordinary convolution. The transposed one goes the other way: its "
                "stride "
                "enlarges.",
                SIZES,
            ),
            Misconception(
                "padding-added",
                "(n - 1)*s + k + 2*p + o",
                "You added the padding. It belongs to the forward convolution; here it is cropped, $-2p$.",
            ),
            Misconception(
                "times-the-stride",
                "n*s",
                "That is Keras' `same`. With explicit numbers: (n − 1) steps, the last stamp, minus the "
                "crop.",
            ),
            Misconception(
                "forgot-output-padding",
                "(n - 1)*s + k - 2*p",
                "You left out the output padding: it adds @o at the end.",
            ),
            Misconception(
                "n-steps",
                "n*s + k - 2*p + o",
                "From the first stamp to the last it is $n - 1$ steps, not $n$.",
            ),
            Misconception(
                "padding-on-one-side",
                "(n - 1)*s + k - p + o",
                "You cropped one side only.",
            ),
        ),
        hints=(
            "Where does the last stamp begin, and how long is it?",
            r"$(n - 1)s + K$ cells are stamped; then $2p$ are cropped and the output padding is added.",
        ),
        solution=r"""The stamps cover $(@n - 1) \cdot @s + @k = @{(n - 1)*s + k}$ rows; $2 \cdot @p$ are
cropped, @o is added: **@answer**.""",
    ),
    NumericDrill(
        id="transposed-by-hand",
        title="Stamps by hand",
        section=TRANSPOSED,
        difficulty=2,
        minutes=3,
        prompt=r"""A 1-D transposed convolution with the kernel $w = @w$ and stride @s, without padding,
reads $x = @x$. Give its output.""",
        draw=_stamps_case,
        answer=lambda v: _stamped(v.x, v.w, v.s),
        check=lambda v: loops.conv2d_transpose(
            v.x[None, :, None], v.w[None, :, None, None], stride=(1, v.s)
        ).ravel(),
        misconceptions=(
            Misconception(
                "overlap-overwritten",
                lambda v: _overwritten(v.x, v.w, v.s),
                "Where two stamps overlap you kept the later one. They are *added*: `+=`, not `=`.",
            ),
            Misconception(
                "flipped-kernel",
                lambda v: _stamped(v.x, v.w[::-1], v.s),
                "You stamped the kernel backwards. It is stamped as it stands.",
            ),
            Misconception(
                "stride-ignored",
                lambda v: np.pad(np.convolve(v.x, v.w), (0, 2)),
                "You stamped one cell apart; the stride is @s.",
            ),
            Misconception(
                "zeros-then-nothing",
                lambda v: np.pad(_stamped(v.x, np.ones(1), v.s), 1),
                "You put the zeros between the inputs, but the kernel is still to be applied.",
            ),
        ),
        hints=(
            "Write $x_i \\cdot w$ for each input, each @s cells further to the right.",
            "Add the columns.",
        ),
        solution="The stamps start at cells 0, @s and @{2*s}; their column sums are **@answer**.",
    ),
    NumericDrill(
        id="output-padding-needed",
        title="Back to the same size",
        section=TRANSPOSED,
        difficulty=3,
        minutes=3,
        prompt=r"""An axis of @n cells goes through a convolution ($K = @k$, stride @s, padding @p) and then
through a transposed one with the same settings. Which `output_padding` brings it back to @n cells?""",
        draw=_round_trip_case,
        answer="(n + 2*p - k) % s",
        check=lambda v: next(
            o
            for o in range(v.s)
            if _transposed_size(len(range(-v.p, v.n + v.p - v.k + 1, v.s)), v.k, v.s, v.p, o) == v.n
        ),
        misconceptions=(
            Misconception(
                "always-one",
                "1",
                "One is right for many even sizes with stride 2, but not always: it is what the floor of the "
                "forward "
                "convolution threw away.",
            ),
            Misconception(
                "never-needed",
                "0",
                "Without it the result is smaller than @n: the floor of the forward convolution lost a "
                "remainder.",
            ),
            Misconception(
                "stride-minus-one",
                "s - 1",
                "That is the largest one that is allowed. Needed is the remainder of the forward division.",
            ),
            Misconception(
                "remainder-of-the-size",
                "n % s",
                "You divided the size itself. The remainder is that of $n + 2p - K = @{n + 2*p - k}$.",
            ),
        ),
        hints=(
            "Write both formulas. What does the floor in the first one throw away?",
            r"The remainder of $(@n + 2 \cdot @p - @k) / @s$.",
        ),
        solution=r"""Forward: $\lfloor @{n + 2*p - k} / @s \rfloor + 1 = @{(n + 2*p - k)//s + 1}$ cells,
remainder @{(n + 2*p - k) % s}. Back without output padding:
$(@{(n + 2*p - k)//s + 1} - 1) \cdot @s + @k - 2 \cdot @p =
@{((n + 2*p - k)//s)*s + k - 2*p}$. So
**@answer** is missing.""",
    ),
    NumericDrill(
        id="pixel-shuffle-shape",
        title="Pixel shuffle",
        section=UPSAMPLING,
        difficulty=1,
        minutes=1,
        prompt=r"""A pixel shuffle (depth to space) with factor @r reads a map of $@h \times @w \times @c$
(height, width, channels). What shape comes out?""",
        draw=_shuffle_case,
        answer=("h*r", "w*r", "c // r^2"),
        check=lambda v: (
            np.zeros((v.h, v.w, v.r, v.r, v.c // v.r**2))
            .transpose(0, 2, 1, 3, 4)
            .reshape(v.h * v.r, v.w * v.r, -1)
            .shape
        ),
        misconceptions=(
            Misconception(
                "channels-kept",
                ("h*r", "w*r", "c"),
                "Height and width are right, but the new pixels come *out of* the channels: divide by $r^2$.",
            ),
            Misconception(
                "channels-divided-once",
                ("h*r", "w*r", "c / r"),
                "Each block holds $r \\times r$ pixels, so the channels are divided by $r^2 = @{r^2}$.",
            ),
            Misconception(
                "area-not-side",
                ("h*r^2", "w*r^2", "c // r^2"),
                "The *area* grows by $r^2$; each side by $r = @r$.",
            ),
            Misconception(
                "the-other-way",
                ("h / r", "w / r", "c*r^2"),
                "That is the way back, *space to depth*.",
            ),
        ),
        hints=(
            "Nothing is computed, numbers only move: their count stays the same.",
            "@{r^2} channels become one block of @r × @r pixels.",
        ),
        solution=r"""$@{r^2}$ channels become a block of $@r \times @r$ pixels: **@answer**, @{h*w*c}
numbers before and after.""",
    ),
]
