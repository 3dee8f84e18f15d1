"""Chapter 07: blocks to write, and one to repair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import BugDrill, CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch07 as programs

Array = NDArray[Any]

CANON = "Lighter and wider: the rest of the canon"
BLOCK = "The residual block"


def _gate_case(draw: Draw) -> dict[str, Any]:
    n, h, w, c, r = (draw.integer(1, high) for high in (3, 4, 5, 4, 3))
    return {"x": draw.array(n, h, w, c), "w1": draw.array(c, r, low=-2, high=2), "w2": draw.array(r, c)}


def _shuffle_case(draw: Draw) -> dict[str, Any]:
    groups, size = draw.integer(1, 4), draw.integer(1, 4)
    x = draw.array(draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 3), groups * size)
    return {"x": x, "groups": groups}


def _block_case(draw: Draw) -> dict[str, Any]:
    n, c = draw.integer(1, 3), draw.integer(2, 4)
    weights = {name: draw.array(c, c, low=-2, high=2) for name in ("w1", "w2")}
    return {"x": draw.array(n, c), **weights}


def _sigmoid(z: Array) -> Array:
    gate: Array = 1 / (1 + np.exp(-z))
    return gate


def _gate(x: Array, w1: Array, w2: Array) -> Array:
    return _sigmoid(np.maximum(x.mean(axis=(1, 2), keepdims=True) @ w1, 0) @ w2)


def _gated(x: Array, w1: Array, w2: Array) -> Array:
    y: Array = x * _gate(x, w1, w2)
    return y


def _block(x: Array, w1: Array, w2: Array) -> Array:
    y: Array = np.maximum(np.maximum(x @ w1, 0) @ w2 + x, 0)
    return y


DECK = [
    CodeDrill(
        id="squeeze-and-excite-code",
        title="Squeeze and excitation by hand",
        section=CANON,
        difficulty=2,
        minutes=6,
        prompt=r"""Write `se(x, w1, w2)`. `x` is $(N, H, W, C)$, `w1` $(C, R)$, `w2` $(R, C)$; no biases. The
mean of every channel goes through `w1`, ReLU, `w2` and a sigmoid, and the result scales that channel of that
picture. Return $(N, H, W, C)$.""",
        function="se",
        starter='def se(x, w1, w2):\n    """(N, H, W, C), (C, R), (R, C) -> (N, H, W, C)"""\n    ...\n',
        case=_gate_case,
        reference=_gated,
        solutions=(programs.squeeze_and_excite, programs.squeeze_and_excite_by_images),
        misconceptions=(
            Misconception(
                "relu-forgotten",
                lambda x, w1, w2: x * _sigmoid(x.mean(axis=(1, 2), keepdims=True) @ w1 @ w2),
                "The ReLU between the two matrices is missing: without it they are one matrix.",
            ),
            Misconception(
                "no-sigmoid",
                lambda x, w1, w2: x * (np.maximum(x.mean(axis=(1, 2), keepdims=True) @ w1, 0) @ w2),
                "The gate is not between 0 and 1: the sigmoid is missing.",
            ),
            Misconception(
                "mean-over-the-batch",
                lambda x, w1, w2: x * _gate(x.mean(axis=0, keepdims=True), w1, w2),
                "You averaged over the batch too. Every picture has gates of its own.",
            ),
            Misconception(
                "gate-added",
                lambda x, w1, w2: x + _gate(x, w1, w2),
                "You added the gate; it multiplies.",
            ),
            Misconception(
                "gate-alone",
                lambda x, w1, w2: np.broadcast_to(_gate(x, w1, w2), x.shape),
                "That is the gate itself. It scales x.",
            ),
        ),
        hints=(
            "The mean over axes 1 and 2 is (N, C).",
            "Shape the gate as (N, 1, 1, C), so that it spreads over the positions.",
        ),
        solution="Squeeze to a mean for each channel, excite through two small matrices, scale:",
    ),
    CodeDrill(
        id="channel-shuffle-code",
        title="Channel shuffle",
        section=CANON,
        difficulty=2,
        minutes=4,
        prompt=r"""Write `shuffle(x, groups)`. The channels of `x` $(N, H, W, C)$ lie in `groups` groups of
equal
size, one after the other. Return them interleaved: first the first channel of each group, then the second
of each,
and so on.""",
        function="shuffle",
        starter='def shuffle(x, groups):\n    """(N, H, W, C) -> (N, H, W, C)"""\n    ...\n',
        case=_shuffle_case,
        reference=lambda x, groups: np.stack(np.split(x, groups, axis=3), axis=4).reshape(x.shape),
        solutions=(programs.channel_shuffle, programs.channel_shuffle_by_index),
        misconceptions=(
            Misconception(
                "not-swapped",
                lambda x, groups: x.copy(),
                "Nothing has moved: between the two reshapes the axes of groups and places must be swapped.",
            ),
            Misconception(
                "the-inverse",
                lambda x, groups: np.stack(np.split(x, x.shape[3] // groups, axis=3), axis=4).reshape(
                    x.shape
                ),
                "That is the inverse: it takes interleaved channels apart. Split into `groups` groups.",
            ),
            Misconception(
                "reversed",
                lambda x, groups: np.concatenate(np.split(x, groups, axis=3)[::-1], axis=3),
                "You changed the order of the groups; the channels inside must be mixed.",
            ),
            Misconception(
                "positions-moved",
                lambda x, groups: x.reshape(*x.shape[:2], -1, groups).swapaxes(2, 3).reshape(x.shape),
                "You reshaped over the positions too: values have moved to other pixels.",
            ),
        ),
        hints=("Reshape the channels to (groups, C/groups).", "Swap those two axes and flatten them again."),
        solution="Reshape, swap, reshape; no arithmetic at all:",
    ),
    BugDrill(
        id="bug-residual-block",
        title="The skip that skips nothing",
        section=BLOCK,
        difficulty=2,
        minutes=4,
        prompt=r"""`block(x, w1, w2)` should return $\mathrm{relu}(\mathrm{relu}(x W_1) W_2 + x)$ for `x`
$(N, C)$ and square matrices. With both matrices at zero it should return relu(x), but it returns zeros.
Find the
bug.""",
        function="block",
        buggy=programs.residual_block_overwritten,
        bug=(
            "The bug is still there: `x` has been overwritten before it is added, so the "
            "skip starts one layer late."
        ),
        case=_block_case,
        reference=_block,
        solutions=(programs.residual_block, programs.residual_block_with_a_shortcut),
        misconceptions=(
            Misconception(
                "added-after-the-relu",
                lambda x, w1, w2: np.maximum(np.maximum(x @ w1, 0) @ w2, 0) + x,
                "The sum comes before the last ReLU, not behind it.",
            ),
            Misconception(
                "last-relu-forgotten",
                lambda x, w1, w2: np.maximum(x @ w1, 0) @ w2 + x,
                "The ReLU behind the sum is missing.",
            ),
            Misconception(
                "skip-forgotten",
                lambda x, w1, w2: np.maximum(np.maximum(x @ w1, 0) @ w2, 0),
                "Now nothing is added at all: that is a plain block.",
            ),
            Misconception(
                "first-relu-forgotten",
                lambda x, w1, w2: np.maximum(x @ w1 @ w2 + x, 0),
                "The ReLU between the two matrices is gone: they are one matrix now.",
            ),
        ),
        hints=("What is `x` in the last line?", "Give the intermediate result a name of its own."),
        solution="`x` must survive until it is added:",
    ),
]
