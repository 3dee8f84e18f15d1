"""Chapter 02: formulas to type."""

import numpy as np

from cnnkit.drills.kinds import FormulaDrill, Misconception
from cnnkit.kernels import loops

STRIDED = "Same with a stride: two conventions"
TRANSPOSED = "Transposed convolution"
GRIDDING = "Dilation and gridding"


def _smallest_total(n: int, k: int, s: int, d: int) -> int:
    """Return the fewest zeros in all with which ceil(n / s) windows fit, by trying."""
    span = d * (k - 1) + 1
    return next(total for total in range(100) if len(range(0, n + total - span + 1, s)) >= -(-n // s))


def _stamped_length(n: int, k: int, s: int, d: int, p: int, o: int) -> int:
    """Return how many cells a transposed convolution of ones has."""
    x, w = np.ones((1, n, 1)), np.ones((1, k, 1, 1))
    y = loops.conv2d_transpose(x, w, stride=(1, s), dilation=(1, d), padding=(0, p), output_padding=(0, o))
    return int(y.shape[1])


DECK = [
    FormulaDrill(
        id="transposed-size-formula",
        title="The transposed size formula",
        section=TRANSPOSED,
        difficulty=2,
        minutes=2,
        prompt=r"""An axis of $n$ cells goes through a *transposed* convolution with kernel $k$, stride $s$,
dilation $d$, padding $p$ on both sides and output padding $o$. Write its output size.""",
        names={"n": (4, 12), "k": (3, 5), "s": (3, 5), "d": (1, 3), "p": (0, 2), "o": (0, 2)},
        answer="(n - 1)*s + d(k - 1) + 1 - 2p + o",
        check=lambda v: _stamped_length(v.n, v.k, v.s, v.d, v.p, v.o),
        misconceptions=(
            Misconception(
                "forward-formula",
                "floor((n + 2p - d(k - 1) - 1) / s) + 1",
                "That is the ordinary convolution. Here the stride enlarges.",
                "The output size, derived",
            ),
            Misconception(
                "padding-added",
                "(n - 1)*s + d(k - 1) + 1 + 2p + o",
                "The padding is that of the forward convolution: here it is cropped.",
            ),
            Misconception(
                "n-steps",
                "n*s + d(k - 1) + 1 - 2p + o",
                "There are $n - 1$ steps from the first stamp to the last.",
            ),
            Misconception(
                "dilation-ignored",
                "(n - 1)*s + k - 2p + o",
                "The dilation is missing: a stamp spans $d(k - 1) + 1$ cells.",
                GRIDDING,
            ),
            Misconception(
                "forgot-output-padding",
                "(n - 1)*s + d(k - 1) + 1 - 2p",
                "The output padding is missing; it is added at the end.",
            ),
            Misconception(
                "forgot-plus-one",
                "(n - 1)*s + d(k - 1) - 2p + o",
                "A stamp spans $d(k - 1) + 1$ cells: the + 1 is missing.",
            ),
        ),
        hints=(
            "Where does the last stamp begin? How long is a stamp?",
            "Then the crop on both sides, then the output padding.",
        ),
        solution=r"""The last stamp begins at $(n - 1)s$ and spans $d(k - 1) + 1$ cells; $2p$ are cropped
and $o$ is added: $(n - 1)s + d(k - 1) + 1 - 2p + o$.""",
    ),
    FormulaDrill(
        id="same-total-formula",
        title="The total of SAME",
        section=STRIDED,
        difficulty=3,
        minutes=3,
        prompt=r"""TensorFlow's `padding="same"`: an axis of $n$ cells, kernel $k$, stride $s$, dilation
$d$. Write how many zeros are padded *in total*. (`max`, `ceil` and `floor` are there.)""",
        names={"n": (5, 40), "k": (1, 7), "s": (1, 4), "d": (1, 3)},
        answer="max((ceil(n / s) - 1)*s + d(k - 1) + 1 - n, 0)",
        check=lambda v: _smallest_total(v.n, v.k, v.s, v.d),
        misconceptions=(
            Misconception(
                "stride-ignored",
                "d(k - 1)",
                "That is the total at stride 1. With a stride, only ⌈n / s⌉ outputs are wanted.",
            ),
            Misconception(
                "no-maximum-with-zero",
                "(ceil(n / s) - 1)*s + d(k - 1) + 1 - n",
                "Right except where the stride exceeds the kernel: there it would be negative, and nothing "
                "is padded.",
            ),
            Misconception(
                "floor-for-ceil",
                "max((floor(n / s) - 1)*s + d(k - 1) + 1 - n, 0)",
                "SAME rounds the number of outputs *up*: ⌈n / s⌉.",
            ),
            Misconception(
                "dilation-ignored",
                "max((ceil(n / s) - 1)*s + k - n, 0)",
                "The dilation is missing: the window spans $d(k - 1) + 1$ cells.",
                GRIDDING,
            ),
            Misconception(
                "keeps-the-size",
                "(n - 1)*s + d(k - 1) + 1 - n",
                "With so much the output would have $n$ cells. With a stride, 'same' means ⌈n / s⌉.",
            ),
        ),
        hints=(
            "How many outputs does SAME promise? Where does the last of them begin?",
            "It ends at $(⌈n/s⌉ - 1)s + d(k - 1) + 1$. How many cells are missing? It cannot be fewer than "
            "none.",
        ),
        solution=r"""$\lceil n/s \rceil$ windows reach over $(\lceil n/s \rceil - 1)s + d(k - 1) + 1$ cells;
what exceeds $n$ is padded: $\max((\lceil n/s \rceil - 1)s + d(k - 1) + 1 - n, 0)$.""",
    ),
]
