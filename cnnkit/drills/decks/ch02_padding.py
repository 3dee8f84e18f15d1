"""Chapter 02: sizes, dropped rows, and how much padding goes where."""

import numpy as np

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

SIZES = "The output size, derived"
WORDS = "Valid, same, full and causal"
EVEN = "Even kernels and asymmetric padding"
STRIDED = "Same with a stride: two conventions"


def _starts(n: int, span: int, stride: int, before: int, after: int) -> list[int]:
    """Return the first cell of every window that fits, found one by one."""
    return [at for at in range(-before, n + after, stride) if at + span <= n + after]


def _four_sided_case(draw: Draw) -> dict[str, int]:
    return {
        "h": draw.integer(14, 40), "w": draw.integer(14, 40), "kh": draw.choice((2, 3, 5)),
        "kw": draw.choice((3, 4, 7)), "sh": draw.integer(2, 3), "sw": draw.integer(2, 4),
        "top": draw.integer(0, 1), "bottom": draw.integer(2, 3),
        "left": draw.integer(1, 2), "right": draw.integer(3, 4),
    }  # fmt: skip


def _dropped_case(draw: Draw) -> dict[str, int]:
    s, k = draw.integer(3, 5), draw.choice((3, 4, 5))
    rest = draw.integer(1, s - 1)
    return {"n": k + s * draw.integer(3, 20) + rest, "k": k, "s": s}


def _even_case(draw: Draw) -> dict[str, int]:
    return {"k": draw.choice((2, 4, 6, 8)), "d": draw.choice((1, 3, 5)), "n": draw.integer(20, 60)}


def _tensorflow_case(draw: Draw) -> dict[str, int]:
    return {"n": 2 * draw.integer(10, 120), "k": draw.choice((3, 5, 7)), "s": 2}


def _tensorflow_total(text: str = "") -> str:
    return "max((ceil(n / s) - 1)*s + k - n, 0)" + text


DECK = [
    NumericDrill(
        id="four-sided-output-size",
        title="Four sides, two axes",
        section=SIZES,
        difficulty=2,
        minutes=3,
        prompt=r"""An image of @h rows and @w columns is padded by @top rows above, @bottom below, @left
columns on the left and @right on the right. A kernel of @kh × @kw (height × width) slides over it with
stride @sh down and @sw across. How many rows and columns come out?""",
        draw=_four_sided_case,
        answer=("(h + top + bottom - kh) // sh + 1", "(w + left + right - kw) // sw + 1"),
        check=lambda v: [
            len(_starts(v.h, v.kh, v.sh, v.top, v.bottom)),
            len(_starts(v.w, v.kw, v.sw, v.left, v.right)),
        ],
        misconceptions=(
            Misconception(
                "ceil-for-floor",
                ("ceil((h + top + bottom - kh) / sh) + 1", "ceil((w + left + right - kw) / sw) + 1"),
                "You rounded up. A window that does not fit completely is dropped: round down.",
            ),
            Misconception(
                "first-side-doubled",
                ("(h + 2*top - kh) // sh + 1", "(w + 2*left - kw) // sw + 1"),
                "You took the first side twice. The sides differ: add @top + @bottom rows and @left + @right "
                "columns.",
                EVEN,
            ),
            Misconception(
                "axes-swapped",
                ("(h + top + bottom - kw) // sw + 1", "(w + left + right - kh) // sh + 1"),
                "You used the kernel and stride of the other axis. Height comes first: @kh rows, @kw "
                "columns.",
            ),
            Misconception(
                "forgot-plus-one",
                ("(h + top + bottom - kh) // sh", "(w + left + right - kw) // sw"),
                "The + 1 is missing: there is a window before the first move.",
            ),
            Misconception(
                "forgot-padding",
                ("(h - kh) // sh + 1", "(w - kw) // sw + 1"),
                "You left out the padding. It makes the image larger before the window slides.",
            ),
        ),
        hints=(
            "Height and width never mix: answer the question twice, once for each axis.",
            r"Rows: $\lfloor (H + p_\text{top} + p_\text{bottom} - K_H) / s_H \rfloor + 1$.",
        ),
        solution=r"""Rows:
$\lfloor (@h + @top + @bottom - @kh)/@sh \rfloor + 1 = @{(h + top + bottom - kh)//sh + 1}$. Columns:
$\lfloor (@w + @left + @right - @kw)/@sw \rfloor + 1 = @{(w + left + right - kw)//sw + 1}$. Together
**@answer**.""",
    ),
    NumericDrill(
        id="dropped-rows",
        title="Rows that nobody reads",
        section=SIZES,
        difficulty=2,
        minutes=2,
        prompt=r"""A $@k \times @k$ convolution with stride @s and no padding slides over an image of @n
rows. How many rows at the bottom does no window read?""",
        draw=_dropped_case,
        answer="(n - k) % s",
        check=lambda v: v.n - (_starts(v.n, v.k, v.s, 0, 0)[-1] + v.k),
        misconceptions=(
            Misconception(
                "nothing-is-dropped",
                "0",
                "Something is: @n − @k = @{n - k} is not a multiple of @s, so the last move would leave the "
                "image.",
            ),
            Misconception(
                "remainder-of-the-image",
                "n % s",
                "You divided the whole image by the stride. The first window takes @k rows before any move: "
                "divide "
                "what is left, @{n - k}.",
            ),
            Misconception(
                "shrinkage",
                "k - 1",
                "That is by how much a valid convolution shrinks at stride 1. Dropped rows are the remainder "
                "of the "
                "division by the stride.",
            ),
            Misconception(
                "rows-missing-for-one-more",
                "s - (n - k) % s",
                "That many rows are *missing* for one more window. The question is how many are left over.",
            ),
        ),
        hints=(
            "Where does the last window that fits end?",
            "After the first window @{n - k} rows are left to travel. What remains when you divide by the "
            "stride?",
        ),
        solution=r"""After the first window $@n - @k = @{n - k}$ rows are left; moves of @s use
$@{(n - k)//s} \cdot @s = @{(n - k)//s*s}$ of them. The remaining **@answer** lie behind the last window.""",
    ),
    NumericDrill(
        id="same-padding-split",
        title="Same padding, side by side",
        section=WORDS,
        difficulty=2,
        minutes=2,
        prompt=r"""A convolution with @k taps, dilation @d and stride 1 must keep the size of an axis of @n
cells. An odd cell goes to the end. How many zeros are put before and after the axis?""",
        draw=_even_case,
        answer=("(d*(k - 1)) // 2", "ceil(d*(k - 1) / 2)"),
        check=lambda v: next(
            [p, p + extra]
            for p in range(50)
            for extra in (0, 1)
            if len(_starts(v.n, v.d * (v.k - 1) + 1, 1, p, p + extra)) == v.n
        ),
        misconceptions=(
            Misconception(
                "odd-cell-first",
                ("ceil(d*(k - 1) / 2)", "(d*(k - 1)) // 2"),
                "The right two numbers, the wrong way round: the odd cell goes to the *end* (that of "
                "SAME_LOWER goes "
                "to the beginning).",
                EVEN,
            ),
            Misconception(
                "rounded-down-twice",
                ("(d*(k - 1)) // 2", "(d*(k - 1)) // 2"),
                "With these the output has one cell too few. The total must be $d(K-1) = @{d*(k - 1)}$.",
                EVEN,
            ),
            Misconception(
                "half-the-kernel",
                ("k // 2", "k // 2"),
                "You padded half the kernel on both sides, which makes the output larger than the input (or "
                "ignores "
                "the dilation). The total must be $d(K-1) = @{d*(k - 1)}$.",
                EVEN,
            ),
            Misconception(
                "dilation-ignored",
                ("(k - 1) // 2", "ceil((k - 1) / 2)"),
                "You left out the dilation: the taps span $d(K-1)+1 = @{d*(k - 1) + 1}$ cells.",
                "Dilation and gridding",
            ),
        ),
        hints=(
            "Without padding the output is shorter by the span minus one. That many zeros are needed in all.",
            r"$d(K-1) = @{d*(k - 1)}$ in total: split it in two, the larger half at the end.",
        ),
        solution=r"""The span is $@d \cdot (@k - 1) + 1 = @{d*(k - 1) + 1}$, so $@{d*(k - 1)}$ zeros are
needed in all: **@answer** (before × after).""",
    ),
    NumericDrill(
        id="tensorflow-same-stride",
        title="TensorFlow's SAME",
        section=STRIDED,
        difficulty=3,
        minutes=3,
        prompt=r"""A layer `Conv2D(..., kernel_size=@k, strides=@s, padding="same")` in Keras reads an image
with @n rows. How many rows of zeros does it put above and below?""",
        draw=_tensorflow_case,
        answer=(_tensorflow_total(" // 2"), f"ceil({_tensorflow_total()} / 2)"),
        check=lambda v: next(
            [total // 2, total - total // 2]
            for total in range(50)
            if len(_starts(v.n, v.k, v.s, 0, total)) >= -(-v.n // v.s)
        ),
        misconceptions=(
            Misconception(
                "symmetric-padding",
                ("(k - 1) // 2", "(k - 1) // 2"),
                "That is PyTorch's symmetric padding: the same output size, but every window starts a cell "
                "earlier. "
                "SAME pads only what ⌈n / s⌉ outputs need.",
            ),
            Misconception(
                "odd-cell-first",
                (f"ceil({_tensorflow_total()} / 2)", _tensorflow_total(" // 2")),
                "The right two numbers, the wrong way round: the odd cell goes to the end.",
            ),
            Misconception(
                "all-at-the-end",
                ("0", _tensorflow_total()),
                "The total is right, but it is split: half above, half below.",
            ),
            Misconception(
                "keeps-the-size",
                ("((s - 1)*n + k - s) // 2", "ceil(((s - 1)*n + k - s) / 2)"),
                "With so much padding the output would be as large as the input. With a stride, 'same' means "
                "⌈n / s⌉ outputs.",
            ),
        ),
        hints=(
            "First the number of outputs: ⌈@n / @s⌉ = @{ceil(n / s)}.",
            "The last of them starts @{(ceil(n / s) - 1)*s} cells after the first. Up to which cell does it "
            "reach, "
            "and how many are missing?",
        ),
        solution=r"""$\lceil @n/@s \rceil = @{ceil(n / s)}$ outputs reach over
$(@{ceil(n / s)} - 1) \cdot @s + @k = @{(ceil(n / s) - 1)*s + k}$ cells, @{(ceil(n / s) - 1)*s + k - n} more
than there are: **@answer** (above × below).""",
    ),
    NumericDrill(
        id="even-kernel-shift",
        title="Half a pixel at a time",
        section=EVEN,
        difficulty=2,
        minutes=2,
        prompt=r"""A picture goes through @layers box blurs of $@k \times @k$, each with same padding whose
odd cell goes to the end. By how many pixels has a bright dot moved along each axis?""",
        draw=lambda draw: {"layers": draw.integer(3, 12), "k": draw.choice((2, 4, 6))},
        answer="layers / 2",
        check=lambda v: _blurred_shift(v.k, v.layers),
        misconceptions=(
            Misconception(
                "no-shift",
                "0",
                "Same padding keeps the *size*. An even window has no middle tap: its centre lies half a "
                "pixel off.",
            ),
            Misconception(
                "whole-pixel",
                "layers",
                "You counted a whole pixel for each layer. The centre lies between two cells: half a pixel.",
            ),
            Misconception(
                "shift-of-the-last-layer",
                "1 / 2",
                "That is one layer's shift; the shifts of several layers add up.",
            ),
            Misconception(
                "half-the-kernel",
                "layers * k / 2",
                "The centre of the window is half a pixel off, whatever its size: the padding before it "
                "makes up for "
                "the rest.",
            ),
        ),
        hints=(
            "The window of output i covers the cells $i - @{k/2 - 1}$ to $i + @{k/2}$. Where is its centre?",
            "Half a pixel for each layer, always in the same direction.",
        ),
        solution=r"""Each window is centred at $i + \tfrac12$, so each layer moves the picture by half a
pixel: $@layers \cdot \tfrac12 =$ **@answer**.""",
    ),
]


def _blurred_shift(kernel_size: int, layers: int) -> float:
    """Return how far the centre of mass of a dot moves, by blurring it."""
    row = np.zeros(201)
    row[100] = 1.0
    for _ in range(layers):
        padded = np.pad(row, ((kernel_size - 1) // 2, kernel_size // 2))
        row = np.correlate(padded, np.full(kernel_size, 1 / kernel_size), "valid")
    return round(abs(float(np.arange(201) @ row) - 100), 6)
