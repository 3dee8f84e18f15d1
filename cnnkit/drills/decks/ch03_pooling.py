"""Chapter 03: sizes and values of poolings, by hand."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.kernels import vectorized
from cnnkit.pooling_variants import lp_pool2d

Array = NDArray[Any]

WINDOW = "One number for each window"
OVERLAP = "Overlap or partition"
CORNERS = "Average pooling and its corners"
GLOBAL = "Global average pooling"
LP = "L2 pooling, between average and maximum"
COST = "What pooling costs"


def _size_case(draw: Draw) -> dict[str, int]:
    k = draw.integer(2, 4)
    return {
        "n": draw.integer(13, 60), "k": k, "s": draw.integer(2, 3), "p": 1 if k > 2 else 0,
        "c": draw.choice((8, 16, 32, 64)),
    }  # fmt: skip


def _starts(size: int, k: int, s: int, p: int) -> int:
    """Return how many windows fit, counted one by one."""
    return len(range(-p, size + p - k + 1, s))


def _pooled(kind: str, x: Array, window: Any, stride: Any) -> list[float]:
    pool = {"max": vectorized.max_pool2d, "average": vectorized.avg_pool2d}[kind]
    return [float(value) for value in pool(x[..., np.newaxis], window, stride=stride).ravel()]


def _largest_of_each(x: Array, k: int, s: int) -> list[float]:
    rows, columns = (range(0, side - k + 1, s) for side in x.shape)
    return [float(max(x[i + m, j + n] for m in range(k) for n in range(k))) for i in rows for j in columns]


def _corner(v: SimpleNamespace, *, counted: bool) -> float:
    y = vectorized.avg_pool2d(v.x[..., np.newaxis], 3, stride=2, padding=1, count_include_pad=counted)
    return float(y[0, 0, 0])


DECK = [
    NumericDrill(
        id="pool-output-size",
        title="What is left?",
        section=WINDOW,
        difficulty=1,
        minutes=1,
        prompt=r"""A volume of $@n \times @n \times @c$ goes through max pooling with a $@k \times @k$
window, stride
@s and padding @p on
every side. What are height, width and channels of the output?""",
        draw=_size_case,
        answer=("(n + 2*p - k) // s + 1", "(n + 2*p - k) // s + 1", "c"),
        check=lambda v: [_starts(v.n, v.k, v.s, v.p)] * 2 + [v.c],
        misconceptions=(
            Misconception(
                "ceil-for-floor",
                ("ceil((n + 2*p - k) / s) + 1", "ceil((n + 2*p - k) / s) + 1", "c"),
                "You rounded up. A window that does not fit completely is dropped (unless `ceil_mode`"
                " is on).",
                OVERLAP,
            ),
            Misconception(
                "forgot-plus-one",
                ("(n + 2*p - k) // s", "(n + 2*p - k) // s", "c"),
                "The + 1 is missing: there is a window before the first move.",
            ),
            Misconception(
                "depth-divided",
                ("(n + 2*p - k) // s + 1", "(n + 2*p - k) // s + 1", "c // s"),
                "You divided the channels. Pooling treats each channel alone, so their number stays.",
            ),
            Misconception(
                "stride-ignored",
                ("n + 2*p - k + 1", "n + 2*p - k + 1", "c"),
                "You let the window move by one cell. With stride @s it takes steps of @s.",
                OVERLAP,
            ),
        ),
        hints=(
            "It is the formula of a convolution. Which axis does pooling never touch?",
            r"Height: $\lfloor (@n + 2 \cdot @p - @k) / @s \rfloor + 1$.",
        ),
        solution=(
            r"$\lfloor (@n + 2 \cdot @p - @k) / @s \rfloor + 1 = @{(n + 2*p - k) // s + 1}$; channels "
            "stay: **@answer**."
        ),
    ),
    NumericDrill(
        id="max-pool-by-hand",
        title="Max pooling by hand",
        section=OVERLAP,
        difficulty=1,
        minutes=2,
        prompt="""Max pooling with a window of 3×3 and stride 2, no padding. Which four numbers come out,
row by row?

$$@x$$""",
        draw=lambda draw: {"x": draw.array(5, 5, low=0, high=20)},
        answer=lambda v: _pooled("max", v.x, 3, 2),
        check=lambda v: _largest_of_each(v.x, 3, 2),
        misconceptions=(
            Misconception(
                "average-for-max",
                lambda v: _pooled("average", v.x, 3, 2),
                "That is average pooling: take the largest number of each window.",
                WINDOW,
            ),
            Misconception(
                "window-is-the-stride",
                lambda v: _pooled("max", v.x, 2, 2),
                "You used windows of 2×2, side by side. Here they are 3×3 and share a row and a column.",
            ),
            Misconception(
                "stride-one",
                lambda v: [_pooled("max", v.x, 3, 1)[index] for index in (0, 1, 3, 4)],
                "You moved the window by one cell. With stride 2 the second window starts in column 2.",
            ),
            Misconception(
                "column-by-column",
                lambda v: [_pooled("max", v.x, 3, 2)[index] for index in (0, 2, 1, 3)],
                "The numbers are right, their order is not: row by row was asked for.",
                WINDOW,
            ),
            Misconception(
                "minimum-for-maximum",
                lambda v: [-value for value in _pooled("max", -v.x, 3, 2)],
                "Those are the smallest numbers.",
                WINDOW,
            ),
        ),
        hints=("The windows start in rows 0 and 2, and in columns 0 and 2.", "Neighbouring windows overlap."),
        solution=(
            "The windows start at (0, 0), (0, 2), (2, 0) and (2, 2); their largest numbers: **@answer**."
        ),
    ),
    NumericDrill(
        id="average-corner",
        title="The corner of an average",
        section=CORNERS,
        difficulty=2,
        minutes=2,
        prompt="""Average pooling, window 3×3, stride 2, padding 1, as Keras and ONNX do it by default:
padding is
*not* counted.
What is the output in the top left corner?

$$@x$$""",
        draw=lambda draw: {"x": draw.array(4, 4, low=1, high=20)},
        answer=lambda v: _corner(v, counted=False),
        check=lambda v: (v.x[0, 0] + v.x[0, 1] + v.x[1, 0] + v.x[1, 1]) / 4,
        tolerance=0.005,
        misconceptions=(
            Misconception(
                "padding-counted",
                lambda v: _corner(v, counted=True),
                "You divided by 9. That is PyTorch's default (count_include_pad=True); here only the "
                "four cells "
                "inside count.",
            ),
            Misconception(
                "padding-ignored",
                lambda v: float(v.x[:3, :3].mean()),
                "You started the window at cell (0, 0). With padding 1 it starts one row and one "
                "column before.",
            ),
            Misconception(
                "max-for-average",
                lambda v: float(v.x[:2, :2].max()),
                "That is the maximum of the cells inside.",
                WINDOW,
            ),
            Misconception(
                "sum-for-mean", lambda v: float(v.x[:2, :2].sum()), "Divide by the cells that count."
            ),
        ),
        hints=(
            "The window covers rows -1 to 1 and columns -1 to 1. Which of its nine cells exist?",
            "Four cells lie inside; divide their sum by 4.",
        ),
        solution="Four of the nine cells lie inside; their mean is **@answer**.",
    ),
    NumericDrill(
        id="gap-head-weights",
        title="What the average saves",
        section=GLOBAL,
        difficulty=1,
        minutes=2,
        prompt=r"""The last feature maps are $@h \times @h \times @c$, and there are @classes classes. How
many parameters,
biases included,
has the head after global average pooling (GAP, then one dense layer)?""",
        draw=lambda draw: {
            "h": draw.integer(4, 14),
            "c": draw.choice((64, 128, 256, 512)),
            "classes": draw.choice((10, 100, 1000)),
        },
        answer="(c + 1) * classes",
        check=lambda v: np.empty((v.c, v.classes)).size + v.classes,
        misconceptions=(
            Misconception(
                "flattened",
                "(h*h*c + 1) * classes",
                "That is the head after *flatten*. After the average only one number per map is left.",
            ),
            Misconception("forgot-bias", "c * classes", "The biases are missing: one for each class."),
            Misconception(
                "one-bias-for-all", "c * classes + 1", "You added a single bias. Every class has its own."
            ),
            Misconception(
                "average-has-weights",
                "(c + 1) * classes + h*h*c",
                "You gave the average weights. It has none: every cell counts the same.",
            ),
        ),
        hints=("How many numbers come out of the average?", "A dense layer from @c to @classes."),
        solution=(
            r"GAP leaves @c numbers and has no parameters: $(@c + 1) \cdot @classes$ = **@answer**. After "
            "flatten it would be @{(h*h*c + 1) * classes}."
        ),
    ),
    NumericDrill(
        id="l2-by-hand",
        title="L2 pooling by hand",
        section=LP,
        difficulty=1,
        minutes=1,
        prompt="""L2 pooling as in PyTorch and ONNX, where the squares of the window are *summed*. Which
number comes
out of this
window?

$$@x$$""",
        draw=lambda draw: {"x": draw.array(2, 2, low=-9, high=9)},
        answer=lambda v: float(lp_pool2d(v.x[..., np.newaxis] + 0.0, 2)[0, 0, 0]),
        check=lambda v: math.sqrt(sum(cell**2 for cell in v.x.ravel().tolist())),
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "mean-of-squares",
                lambda v: float(np.sqrt((v.x**2).mean())),
                "You took the mean of the squares. That is a convention, too, but PyTorch and ONNX "
                "take the sum.",
            ),
            Misconception("forgot-root", lambda v: float((v.x**2).sum()), "The square root is missing."),
            Misconception("max-for-l2", lambda v: float(v.x.max()), "That is the maximum.", WINDOW),
            Misconception(
                "l1-for-l2",
                lambda v: float(np.abs(v.x).sum()),
                "You summed absolute values: that is L1 pooling.",
            ),
            Misconception("average-for-l2", lambda v: float(v.x.mean()), "That is the average.", WINDOW),
        ),
        hints=("Squares, sum, root.", "The signs disappear with the squares."),
        solution="The root of the sum of the squares: **@answer**.",
    ),
    NumericDrill(
        id="reads-of-a-cell",
        title="Read how often?",
        section=OVERLAP,
        difficulty=2,
        minutes=2,
        prompt=r"""A pooling has windows of $@k \times @k$ and stride @s. How many windows read the
most-read cell of a
large map?""",
        draw=lambda draw: {"k": draw.integer(3, 9), "s": draw.integer(2, 4)},
        answer="ceil(k / s)^2",
        check=lambda v: (
            max(
                sum(1 for start in range(0, 200, v.s) if start <= cell < start + v.k)
                for cell in range(50, 100)
            )
            ** 2
        ),
        misconceptions=(
            Misconception("one-axis", "ceil(k / s)", "That is one axis. Rows and columns multiply."),
            Misconception(
                "floor-for-ceil",
                "(k // s)^2",
                "You rounded down: that many windows read the *least*-read cell.",
            ),
            Misconception(
                "partition",
                "1",
                "That holds for windows side by side. With a stride below the window they overlap.",
            ),
            Misconception("every-tap", "k^2", "That would be stride 1."),
        ),
        hints=("Think of one axis first: which windows contain a given cell?", "Then square it."),
        solution=(
            r"Along one axis at most $\lceil @k / @s \rceil$ = @{ceil(k / s)} windows; in two dimensions "
            r"**@answer**."
        ),
    ),
    NumericDrill(
        id="pooling-comparisons",
        title="What a pooling costs",
        section=COST,
        difficulty=2,
        minutes=2,
        prompt=r"""Average pooling of $@n \times @n \times @c$ with windows of $@k \times @k$ and stride
@s, no padding. How many
numbers
does it read and add up in all (each window counted fully)?""",
        draw=lambda draw: {
            "n": draw.integer(12, 57),
            "c": draw.choice((16, 64, 128)),
            "k": draw.integer(2, 4),
            "s": draw.integer(2, 3),
        },
        answer="((n - k) // s + 1)^2 * c * k^2",
        check=lambda v: _starts(v.n, v.k, v.s, 0) ** 2 * v.c * v.k * v.k,
        misconceptions=(
            Misconception(
                "channels-multiply-twice",
                "((n - k) // s + 1)^2 * c^2 * k^2",
                "You counted like a convolution. Each output channel reads its own input channel only.",
            ),
            Misconception(
                "input-positions",
                "n^2 * c * k^2",
                "You counted a window for every input cell; the stride leaves fewer.",
                WINDOW,
            ),
            Misconception(
                "forgot-channels",
                "((n - k) // s + 1)^2 * k^2",
                "The channels are missing: each one is pooled.",
            ),
            Misconception(
                "outputs-only",
                "((n - k) // s + 1)^2 * c",
                "Those are the outputs. Each of them reads a whole window.",
            ),
        ),
        hints=("Outputs times cells of a window.", r"$@{(n - k) // s + 1}^2 \cdot @c$ outputs."),
        solution=r"$@{(n - k) // s + 1}^2 \cdot @c$ outputs of $@k^2$ cells each: **@answer**.",
    ),
]
