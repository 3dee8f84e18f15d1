"""Chapter 03: gradients and shifts, by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill
from cnnkit.kernels import vectorized

Array = NDArray[Any]

ROUTING = "Where the gradient goes"
SHIFT = "Max pooling is not shift invariant"
BLUR = "Blur before you subsample"


def _row(numbers: Array) -> Array:
    return numbers[np.newaxis, :, np.newaxis].astype(np.float64)


def _max_gradient(v: SimpleNamespace) -> list[float]:
    """Return the gradient of 1-D max pooling with a window of 3 and stride 2, by the kernel."""
    dx = vectorized.max_pool2d_backward(_row(v.dy), _row(v.x), (1, 3), stride=(1, 2))
    return [float(value) for value in dx.ravel()]


def _max_gradient_by_hand(v: SimpleNamespace, *, add: bool = True, first: bool = True) -> list[float]:
    dx = [0.0] * 5
    for index, error in enumerate(v.dy):
        window = v.x[2 * index : 2 * index + 3].tolist()
        place = window.index(max(window)) if first else 2 - window[::-1].index(max(window))
        dx[2 * index + place] = error + (dx[2 * index + place] if add else 0)
    return dx


def _contested_case(draw: Draw) -> dict[str, Array]:
    x = draw.array(5, low=0, high=6)
    x[2] = 7 + draw.integer(0, 2)
    return {"x": x, "dy": draw.array(2, low=1, high=9)}


def _shares(v: SimpleNamespace) -> list[float]:
    dx = vectorized.avg_pool2d_backward(_row(v.dy), (1, 7, 1), (1, 3), stride=(1, 2))
    return [float(dx[0, 2, 0])]


def _signal_case(draw: Draw) -> dict[str, Array]:
    """Draw 8 cells of zeros and ones."""
    return {"x": np.array([draw.integer(0, 1) for _ in range(8)], dtype=np.float64)}


def _pairs(x: Array) -> list[float]:
    return [float(max(x[index : index + 2])) for index in range(0, 8, 2)]


def _blurred(signal: Array) -> float:
    """Return output 1 of a 1-2-1 blur with stride 2 over the maxima of neighbours."""
    dense = np.maximum(signal[:-1], signal[1:])
    return float(dense[1] + 2 * dense[2] + dense[3]) / 4


DECK = [
    NumericDrill(
        id="max-gradient-by-hand",
        title="The winner of two windows",
        section=ROUTING,
        difficulty=2,
        minutes=2,
        prompt="""1-D max pooling, window 3, stride 2, of the five cells @x gives two outputs. The errors
that come back to
them are
@dy. What is the gradient of the five cells? (At a tie the first maximum takes it.)""",
        draw=_contested_case,
        answer=_max_gradient,
        check=_max_gradient_by_hand,
        misconceptions=(
            Misconception(
                "assigned-for-added",
                lambda v: _max_gradient_by_hand(v, add=False),
                "You kept the last error only (`=`). Cell 2 wins both windows, so their errors add up"
                " (`+=`).",
            ),
            Misconception(
                "averaged-errors",
                lambda v: [value / 2 for value in _max_gradient(v)],
                "You averaged the two errors. Every window is a path of its own: they add up.",
            ),
            Misconception(
                "shared-equally",
                lambda v: [v.dy[0] / 3, v.dy[0] / 3, sum(v.dy) / 3, v.dy[1] / 3, v.dy[1] / 3],
                "You shared the errors equally: that is average pooling.",
            ),
            Misconception(
                "every-cell-takes-all",
                lambda v: [v.dy[0], v.dy[0], sum(v.dy), v.dy[1], v.dy[1]],
                "You gave every cell of a window its error. Only the maximum takes it.",
            ),
        ),
        hints=(
            "The windows are cells 0 to 2 and cells 2 to 4. Where is the maximum of each?",
            "The same cell wins twice.",
        ),
        solution="Cell 2 is the maximum of both windows and takes the sum of the errors: **@answer**.",
    ),
    NumericDrill(
        id="average-gradient-by-hand",
        title="Shares that meet",
        section=ROUTING,
        difficulty=2,
        minutes=2,
        prompt="""1-D average pooling, window 3, stride 2, over seven cells gives three outputs. Their
errors are @dy. What is
the
gradient of cell 2 (counted from 0)?""",
        draw=lambda draw: {"dy": draw.array(3, low=1, high=12)},
        answer=_shares,
        check=lambda v: (v.dy[0] + v.dy[1]) / 3,
        tolerance=0.005,
        misconceptions=(
            Misconception(
                "assigned-for-added",
                lambda v: v.dy[1] / 3,
                "You kept the last window only. Windows 0 and 1 both read cell 2; their shares add up.",
            ),
            Misconception(
                "first-window-only", lambda v: v.dy[0] / 3, "Window 1 starts at cell 2 and reads it, too."
            ),
            Misconception(
                "forgot-to-share",
                lambda v: v.dy[0] + v.dy[1],
                "Each window passes on a third to each of its cells.",
            ),
            Misconception(
                "averaged-shares",
                lambda v: (v.dy[0] + v.dy[1]) / 6,
                "You averaged the two shares. They add up.",
            ),
        ),
        hints=("Which windows read cell 2? They start at cells 0, 2 and 4.", "Each passes on a third."),
        solution="Windows 0 and 1 read cell 2, each passes on a third of its error: **@answer**.",
    ),
    NumericDrill(
        id="pooled-after-a-shift",
        title="One step to the right",
        section=SHIFT,
        difficulty=1,
        minutes=1,
        prompt="""The signal @x moves one cell to the right; the new first cell is 0, the last one falls
out. What is its max
pooling
with window 2 and stride 2 *after* the shift?""",
        draw=_signal_case,
        answer=lambda v: _pairs(np.concatenate([[0.0], v.x[:-1]])),
        check=lambda v: [max([0.0, *v.x][2 * i], [0.0, *v.x][2 * i + 1]) for i in range(4)],
        misconceptions=(
            Misconception(
                "invariance-believed",
                lambda v: _pairs(v.x),
                "That is the pooling before the shift. Max pooling forgives a shift only while the "
                "maximum stays "
                "inside its window.",
            ),
            Misconception(
                "shifted-output",
                lambda v: [0.0, *_pairs(v.x)[:-1]],
                "You shifted the output by one. One input cell is half an output cell, which no shift"
                " can show.",
            ),
            Misconception(
                "moved-left",
                lambda v: _pairs(np.concatenate([v.x[1:], [0.0]])),
                "You moved the signal to the left.",
            ),
        ),
        hints=("Write the shifted signal down first.", "Then take the maximum of each pair."),
        solution="After the shift the pairs hold other cells; their maxima are **@answer**.",
    ),
    NumericDrill(
        id="blur-pool-by-hand",
        title="Blur, then subsample",
        section=BLUR,
        difficulty=2,
        minutes=3,
        prompt=r"""Anti-aliased max pooling in 1-D: maxima of neighbours at stride 1 ($m_i = \max(x_i,
x_{i+1})$), then the blur
$(1, 2, 1) / 4$ with stride 2, so that output $i$ is centred on $m_{2i}$. For the signal @x, what is output
1?""",
        draw=_signal_case,
        answer=lambda v: _blurred(v.x),
        check=lambda v: (max(v.x[1:3]) + 2 * max(v.x[2:4]) + max(v.x[3:5])) / 4,
        misconceptions=(
            Misconception(
                "no-blur",
                lambda v: max(v.x[2:4]),
                "That is plain max pooling. The blur adds half a weight from the maximum on either side.",
            ),
            Misconception(
                "box-for-binomial",
                lambda v: (max(v.x[1:3]) + max(v.x[2:4]) + max(v.x[3:5])) / 3,
                "You weighted the three maxima equally; the weights are 1, 2, 1.",
            ),
            Misconception(
                "blurred-input",
                lambda v: (v.x[1] + 2 * v.x[2] + v.x[3]) / 4,
                "You blurred the signal. First the maxima, then the blur.",
            ),
            Misconception(
                "not-normalised",
                lambda v: max(v.x[1:3]) + 2 * max(v.x[2:4]) + max(v.x[3:5]),
                "Divide by the sum of the weights, 4.",
            ),
        ),
        hints=("You need the maxima m1, m2 and m3.", r"$(m_1 + 2 m_2 + m_3) / 4$."),
        solution=r"$(m_1 + 2 m_2 + m_3) / 4$ = **@answer**.",
        tolerance=0.005,
    ),
]
