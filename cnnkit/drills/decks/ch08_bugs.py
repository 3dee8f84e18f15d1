"""Chapter 08: the engine's faults to find and mend."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import activations
from cnnkit.drills.kinds import BugDrill, Draw, Misconception
from cnnkit.drills.programs import ch08 as programs
from cnnkit.kernels import vectorized

Array = NDArray[Any]

INSIDE = "What goes wrong inside it"
THREADS = "Threads, chunks and Amdahl's law"
RACE = "A race, and how to mend it"


def _rows_case(draw: Draw) -> dict[str, Any]:
    return {"rows": draw.integer(1, 20), "cores": draw.integer(1, 8)}


def _floored(rows: int, cores: int) -> list[tuple[int, int]]:
    size = max(1, rows // cores)
    return [(core * size, (core + 1) * size) for core in range(min(rows, cores))]


def _rest_in_the_last(rows: int, cores: int) -> list[tuple[int, int]]:
    chunks = _floored(rows, cores)
    return [*chunks[:-1], (chunks[-1][0], rows)]


def _row_by_row(rows: int, cores: int) -> list[tuple[int, int]]:
    return [(row, row + 1) for row in range(rows)]


def _pool_case(draw: Draw) -> dict[str, Any]:
    k, stride = draw.integer(1, 3), draw.integer(1, 2)
    x = draw.array(draw.integer(k, k + 3), draw.integer(k, k + 3))
    for _ in range(draw.integer(0, 3)):
        x[draw.integer(0, len(x) - 1), draw.integer(0, len(x[0]) - 1)] = draw.choice((-math.inf, math.nan))
    if draw.integer(0, 4) == 4:
        x[:] = -math.inf
    return {"x": x, "k": k, "stride": stride}


def _pooled(x: Array, k: int, stride: int) -> Array:
    return vectorized.max_pool2d(x[..., None], k, stride=stride)[..., 0]


def _pooled_without_nan(x: Array, k: int, stride: int) -> Array:
    return _pooled(np.where(np.isnan(x), -np.inf, x), k, stride)


def _pooled_from_zero(x: Array, k: int, stride: int) -> Array:
    return np.maximum(_pooled(np.where(np.isnan(x), -np.inf, x), k, stride), 0)


def _nan_poisons_only_if_first(x: Array, k: int, stride: int) -> Array:
    """Return the maxima of a loop that starts with the first cell and compares with `>`."""
    y = _pooled_without_nan(x, k, stride)
    rows, columns = y.shape
    first = x[: rows * stride : stride, : columns * stride : stride]
    return np.where(np.isnan(first), np.nan, y)


def _logits_case(draw: Draw) -> dict[str, Any]:
    z = draw.array(draw.integer(1, 4), low=-9, high=9)
    for index in range(len(z)):
        if draw.integer(0, 2) == 2:
            z[index] *= 400
    return {"z": z}


def _clipped(z: Array) -> Any:
    return activations.sigmoid(np.clip(z, -20.0, 20.0))


def _linear_case(draw: Draw) -> dict[str, Any]:
    kh, kw, c, f = (draw.integer(1, 2) for _ in range(4))
    x = draw.array(draw.integer(kh, kh + 2), draw.integer(kw, kw + 2), c)
    return {"x": x, "w": draw.array(kh, kw, c, f), "b": draw.array(f)}


def _linear(x: Array, w: Array, b: Array) -> Array:
    return vectorized.conv2d(x, w, b)


def _labels_case(draw: Draw) -> dict[str, Any]:
    classes = draw.integer(2, 4)
    labels = draw.array(draw.integer(1, 8), low=0, high=classes - 1)
    return {"labels": labels, "classes": classes, "workers": draw.integer(1, 3)}


def _counted(labels: Array, classes: int, workers: int) -> Array:
    return np.array([float((labels == label).sum()) for label in range(classes)])


def _first_worker(labels: Array, classes: int, workers: int) -> Array:
    return _counted(labels[::workers], classes, 1)


def _most_of_any_worker(labels: Array, classes: int, workers: int) -> Any:
    return np.max([_counted(labels[worker::workers], classes, 1) for worker in range(workers)], axis=0)


def _averaged(labels: Array, classes: int, workers: int) -> Array:
    return _counted(labels, classes, 1) / workers


DECK = [
    BugDrill(
        id="bug-idle-cores",
        title="Cores without work",
        section=THREADS,
        difficulty=2,
        minutes=4,
        prompt="""This is how the source's engine cuts rows into one chunk a core. For 9 rows and 8 cores only
five get any. Repair it: as many chunks as there is use for, sizes that differ by one at most, the larger ones
first.""",
        function="chunks",
        buggy=programs.chunks_rounded_up,
        bug="The bug is still there: chunks of ceil(rows / cores) rows run out before the cores do.",
        case=_rows_case,
        reference=programs.split_chunks,
        solutions=(programs.balanced_chunks, programs.split_chunks),
        misconceptions=(
            Misconception(
                "rows-left-over",
                _floored,
                "Chunks of floor(rows / cores) rows leave the last rows to nobody.",
            ),
            Misconception(
                "rest-in-the-last",
                _rest_in_the_last,
                "The last chunk takes all that is left over, and everybody waits for it.",
            ),
            Misconception(
                "row-by-row",
                _row_by_row,
                "One chunk a row balances well, but hands out more chunks than there are cores.",
            ),
        ),
        hints=("`divmod(rows, parts)`: every part gets the quotient. Who gets the remainder?",),
        solution="With r rows left over after an equal division, the first r chunks get one row more.",
    ),
    BugDrill(
        id="bug-lowest-start",
        title="Pooling from the lowest number",
        section=INSIDE,
        difficulty=2,
        minutes=4,
        prompt="""The engine's max pooling for one channel, written in Python. Windows of minus infinities and
windows with a NaN come out wrong. Repair it: the largest cell of the window, and NaN when one of them is
NaN.""",
        function="max_pool",
        buggy=programs.pool_from_lowest,
        bug="The bug is still there: the start exceeds minus infinity, and NaN loses every comparison.",
        case=_pool_case,
        reference=_pooled,
        solutions=(programs.pool_keeping_nan, programs.pool_by_windows),
        misconceptions=(
            Misconception(
                "nan-vanishes",
                _pooled_without_nan,
                "Minus infinity works now. NaN still loses every comparison and vanishes.",
            ),
            Misconception(
                "starts-at-zero",
                _pooled_from_zero,
                "A start of 0 is wrong for windows of negative numbers.",
            ),
            Misconception(
                "nan-only-in-front",
                _nan_poisons_only_if_first,
                "With the first cell as start, NaN stays only where it comes first.",
            ),
        ),
        hints=("What is below every number?", "`value > peak` is false whenever one of the two is NaN."),
        solution="Start at minus infinity, and let NaN win by asking for it.",
    ),
    BugDrill(
        id="bug-stable-sigmoid",
        title="'Stable' sigmoid",
        section=INSIDE,
        difficulty=1,
        minutes=3,
        prompt="""The source calls this sigmoid stable. In Python `math.exp` raises an OverflowError for a
logit of -800 (Java computes 1 / (1 + infinity) without a word). Make it right at any magnitude.""",
        function="sigmoid",
        buggy=programs.sigmoid_that_overflows,
        bug="The bug is still there: exp(-z) overflows for very negative z.",
        case=_logits_case,
        reference=lambda z: activations.sigmoid(z),
        solutions=(programs.sigmoid_by_sign, programs.sigmoid_by_tanh),
        misconceptions=(
            Misconception(
                "clipped",
                _clipped,
                "Clipping the logit keeps exp in range, and makes all confident outputs equal.",
            ),
            Misconception(
                "sign-lost",
                lambda z: activations.sigmoid(np.abs(z)),
                "exp(-|z|) is safe, but for negative z the formula is another one.",
            ),
            Misconception(
                "branches-swapped",
                lambda z: activations.sigmoid(-z),
                "The two branches are the wrong way round: large z must give 1.",
            ),
        ),
        hints=(
            "exp of a negative number cannot overflow.",
            "For z < 0 multiply the fraction by exp(z) / exp(z).",
        ),
        solution=r"""For $z \ge 0$ use $1 / (1 + e^{-z})$, for $z < 0$ the same number written as $e^{z} / (1
+ e^{z})$: both only ask for exp of something negative.""",
    ),
    BugDrill(
        id="bug-forced-relu",
        title="Not every convolution has a ReLU",
        section=INSIDE,
        difficulty=1,
        minutes=3,
        prompt="""A detector's last convolution predicts offsets, which may be negative. With the engine's
convolution (here in Python) all offsets are 0 or more. Make it return the plain sums with bias.""",
        function="conv2d",
        buggy=programs.channels_of_the_input,
        bug="The bug is still there: negative results become 0.",
        case=_linear_case,
        reference=_linear,
        solutions=(programs.linear_convolution, programs.windows_convolution),
        misconceptions=(
            Misconception(
                "absolute-value",
                lambda x, w, b: np.abs(_linear(x, w, b)),
                "Negative offsets lost their sign.",
            ),
            Misconception(
                "bias-gone",
                lambda x, w, b: _linear(x, w, np.zeros_like(b)),
                "The bias went away together with the ReLU.",
            ),
            Misconception(
                "relu-before-bias",
                lambda x, w, b: np.maximum(_linear(x, w, np.zeros_like(b)), 0) + b,
                "There still is a ReLU, in front of the bias.",
            ),
        ),
        hints=("Which line bends the result?",),
        solution="An engine's convolution should be linear; the activation is a choice of the network.",
    ),
    BugDrill(
        id="bug-merged-counts",
        title="Partial counts",
        section=RACE,
        difficulty=2,
        minutes=3,
        prompt="""To avoid a race, every worker counts its share of the labels into an array of its own (the
workers are played by a loop here). Merging the arrays went wrong. Repair it.""",
        function="count",
        buggy=programs.counts_by_assignment,
        bug="The bug is still there: a worker's count replaces what other workers counted.",
        case=_labels_case,
        reference=_counted,
        solutions=(programs.counts_merged, programs.counts_at_once),
        misconceptions=(
            Misconception("first-worker-only", _first_worker, "Only the first worker's labels are counted."),
            Misconception(
                "largest-part", _most_of_any_worker, "You keep the largest part. The parts must be added."
            ),
            Misconception("averaged", _averaged, "Counts are added, not averaged."),
        ),
        hints=("Each label was counted by exactly one worker.",),
        solution="Partial results are added once, after the workers have finished: nothing is shared before.",
    ),
]
