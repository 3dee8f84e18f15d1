"""Chapter 02: programs to write and to repair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import BugDrill, CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch02 as programs
from cnnkit.kernels import loops
from cnnkit.shapes import resolve_padding

Array = NDArray[Any]

STRIDED = "Same with a stride: two conventions"
FILLS = "What stands in the padding"

SAME_STARTER = """def same_padding(n, k, stride, dilation):
    # whole numbers -> (before, after)
    ...
"""


def _same_case(draw: Draw) -> dict[str, int]:
    return {
        "n": draw.integer(1, 30),
        "k": draw.integer(1, 7),
        "stride": draw.integer(1, 4),
        "dilation": draw.integer(1, 3),
    }


def _split(total: int) -> tuple[int, int]:
    return total // 2, total - total // 2


def _total(n: int, k: int, stride: int, dilation: int) -> int:
    return sum(resolve_padding("same", n, k, stride, dilation))


def _image_case(draw: Draw) -> dict[str, Any]:
    p = draw.integer(1, 3)
    shape = (draw.integer(p + 1, p + 3), draw.integer(p + 1, p + 4), draw.integer(1, 2))
    return {"x": draw.array(*shape, low=0, high=9), "p": p}


def _padded(x: Array, p: int, mode: Any) -> Array:
    return np.pad(x, ((p, p), (p, p), (0, 0)), mode=mode)


def _not_turned(x: Array, p: int) -> Array:
    x = np.concatenate([x[1 : p + 1], x, x[-p - 1 : -1]], axis=0)
    return np.concatenate([x[:, 1 : p + 1], x, x[:, -p - 1 : -1]], axis=1)


def _rows_only(x: Array, p: int) -> Array:
    return np.pad(x, ((p, p), (0, 0), (0, 0)), mode="reflect")


def _signal_case(draw: Draw) -> dict[str, Any]:
    return {
        "x": draw.array(draw.integer(2, 8)),
        "w": draw.array(draw.integer(1, 4)),
        "dilation": draw.integer(1, 3),
    }


def _causal(x: Array, w: Array, dilation: int) -> Array:
    return loops.conv1d(x[:, None], w[:, None, None], padding="causal", dilation=dilation)[:, 0]


def _stamp_case(draw: Draw) -> dict[str, Any]:
    return {
        "x": draw.array(draw.integer(1, 4)),
        "w": draw.array(draw.integer(1, 5)),
        "stride": draw.integer(1, 3),
    }


def _stamps(x: Array, w: Array, stride: int) -> Array:
    rows = loops.conv2d_transpose(x[None, :, None], w[None, :, None, None], stride=(1, stride))
    return np.asarray(rows[0, :, 0])


def _averaged(x: Array, w: Array, stride: int) -> Array:
    return _stamps(x, w, stride) / np.maximum(_stamps(np.ones_like(x), np.ones_like(w), stride), 1)


DECK = [
    CodeDrill(
        id="same-padding-code",
        title="SAME as a function",
        section=STRIDED,
        difficulty=2,
        minutes=5,
        prompt="""Write `same_padding(n, k, stride, dilation)`: the zeros that TensorFlow's SAME puts before
and after an axis of `n` cells, as a pair. The output must have ⌈n / stride⌉ cells; an odd zero goes to the
end.""",
        function="same_padding",
        starter=SAME_STARTER,
        case=_same_case,
        reference=lambda n, k, stride, dilation: resolve_padding("same", n, k, stride, dilation),
        solutions=(programs.same_padding, programs.same_padding_by_trying),
        misconceptions=(
            Misconception(
                "symmetric-padding",
                lambda n, k, stride, dilation: (dilation * (k - 1) // 2, dilation * (k - 1) // 2),
                "You pad half the overhang on both sides, as PyTorch users do. SAME pads only what ⌈n / "
                "stride⌉ outputs "
                "need.",
            ),
            Misconception(
                "stride-ignored",
                lambda n, k, stride, dilation: _split(dilation * (k - 1)),
                "That is right at stride 1. With a stride the last window starts earlier, so less is "
                "missing.",
            ),
            Misconception(
                "odd-cell-first",
                lambda n, k, stride, dilation: _split(_total(n, k, stride, dilation))[::-1],
                "The total is right; the odd zero goes to the *end*.",
            ),
            Misconception(
                "no-maximum-with-zero",
                lambda n, k, stride, dilation: _split(
                    (-(-n // stride) - 1) * stride + dilation * (k - 1) + 1 - n
                ),
                "Where the stride exceeds the kernel, your total is negative. Nothing is padded then: "
                "`max(..., 0)`.",
            ),
            Misconception(
                "floor-for-ceil",
                lambda n, k, stride, dilation: _split(
                    max((n // stride - 1) * stride + dilation * (k - 1) + 1 - n, 0)
                ),
                "You round the number of outputs down. SAME rounds up: ⌈n / stride⌉ is `-(-n // stride)`.",
            ),
            Misconception(
                "dilation-ignored",
                lambda n, k, stride, dilation: _split(_total(n, k, stride, 1)),
                "You leave out the dilation: the window spans `dilation * (k - 1) + 1` cells.",
                "Dilation and gridding",
            ),
        ),
        hints=(
            "How many outputs are wanted? `-(-n // stride)` rounds up.",
            "The last window starts at `(outputs - 1) * stride`. Up to where does it reach?",
            "What exceeds `n` is the total, if it is positive. Split it, the larger half at the end.",
        ),
        solution="From the number of outputs to the reach of the last window to the total:",
    ),
    CodeDrill(
        id="reflect-pad-code",
        title="Reflection padding",
        section=FILLS,
        difficulty=2,
        minutes=6,
        prompt=r"""Write `reflect_pad(x, p)` without `np.pad`: `x` has the shape $(H, W, C)$; mirror `p`
cells at each of the four sides, without repeating the edge cell, and leave the channels alone. `p` is at
least 1 and less than H and W.""",
        function="reflect_pad",
        starter='def reflect_pad(x, p):\n    """x (H, W, C) -> (H + 2p, W + 2p, C)"""\n    ...\n',
        case=_image_case,
        reference=lambda x, p: _padded(x, p, "reflect"),
        solutions=(programs.reflect_pad_by_slices, programs.reflect_pad_by_index),
        misconceptions=(
            Misconception(
                "edge-repeated",
                lambda x, p: _padded(x, p, "symmetric"),
                "You repeat the edge cell: that is *symmetric*. The mirror of *reflect* stands on the edge, "
                "so start "
                "with the second cell.",
            ),
            Misconception(
                "not-turned",
                _not_turned,
                "You copy the right cells without turning them round: the cell next to the edge must stay "
                "next to it.",
            ),
            Misconception(
                "rows-only",
                _rows_only,
                "You pad the rows only. The columns are mirrored in the same way.",
            ),
            Misconception(
                "channels-padded",
                lambda x, p: np.pad(x, p, mode="edge") if x.shape[2] <= p else np.pad(x, p, mode="reflect"),
                "You pad the channels, too. Padding concerns height and width only.",
            ),
            Misconception(
                "zeros",
                lambda x, p: _padded(x, p, "constant"),
                "You pad with zeros.",
            ),
            Misconception(
                "wrapped",
                lambda x, p: _padded(x, p, "wrap"),
                "You take the cells from the other side: that is *wrap*.",
            ),
        ),
        hints=(
            "One axis at a time: first the rows, then the columns of the result.",
            "Above: rows 1 to p, turned round. Below: the p rows before the last one, turned round.",
        ),
        solution="Turn the cells next to the edge round, put them in front and behind; then the other axis:",
    ),
    BugDrill(
        id="bug-causal",
        title="A filter that sees the future",
        section="Valid, same, full and causal",
        difficulty=2,
        minutes=4,
        prompt="""This dilated 1-D filter is meant to be *causal*: output t may use samples up to t only. A
wrong padding lets it look ahead. Find the bug and fix it.""",
        function="causal_filter",
        buggy=programs.causal_pads_both_sides,
        bug="The bug is still there: half of the padding stands behind the signal, so t reads later samples.",
        case=_signal_case,
        reference=_causal,
        solutions=(programs.causal_pads_before, programs.causal_by_looking_back),
        misconceptions=(
            Misconception(
                "padded-at-the-end",
                lambda x, w, dilation: loops.conv1d(
                    x[:, None], w[:, None, None], padding=(0, dilation * (w.size - 1)), dilation=dilation
                )[:, 0],
                "All zeros stand behind the signal now: that filter sees the future *only*. They belong "
                "before it.",
            ),
            Misconception(
                "dilation-forgotten",
                lambda x, w, dilation: _causal(x, w, 1),
                "The dilation got lost: the taps stand `dilation` samples apart.",
            ),
            Misconception(
                "flipped-kernel",
                lambda x, w, dilation: _causal(x, w[::-1].copy(), dilation),
                "The kernel is turned round: the *last* weight meets the present sample.",
            ),
            Misconception(
                "shifted-by-one",
                lambda x, w, dilation: np.concatenate([[0.0], _causal(x, w, dilation)[:-1]]),
                "That filter uses samples before t only. A causal layer may use sample t itself (only the "
                "first layer of an "
                "autoregressive model must not).",
            ),
        ),
        hints=(
            "For a kernel of 3 and dilation 1: which samples does output 0 read?",
            "The last tap must meet sample t. How many zeros does that take before the signal?",
        ),
        solution="All `dilation * (K - 1)` zeros go *before* the signal:",
    ),
    BugDrill(
        id="bug-transposed",
        title="Stamps that swallow each other",
        section="Transposed convolution",
        difficulty=1,
        minutes=3,
        prompt="""This 1-D transposed convolution is right while the stride is at least as large as the
kernel, and wrong when it is smaller. Find the bug and fix it.""",
        function="transpose",
        buggy=programs.transpose_overwrites,
        bug="The bug is still there: `=` lets each stamp overwrite the one before it. Overlaps are added.",
        case=_stamp_case,
        reference=_stamps,
        solutions=(programs.transpose_adds, programs.transpose_by_zero_stuffing),
        misconceptions=(
            Misconception(
                "flipped-kernel",
                lambda x, w, stride: _stamps(x, w[::-1].copy(), stride),
                "The stamps add up now, but the kernel is turned round. It is stamped as it stands.",
            ),
            Misconception(
                "overlaps-averaged",
                _averaged,
                "You divide by the number of stamps. A transposed convolution adds; that it gets uneven sums "
                "is the checkerboard.",
                "Checkerboard artefacts",
            ),
            Misconception(
                "stride-ignored",
                lambda x, w, stride: _stamps(x, w, 1),
                "The stride got lost: neighbouring inputs stamp `stride` cells apart.",
            ),
            Misconception(
                "last-stamp-cut",
                lambda x, w, stride: _stamps(x, w, stride)[: len(x) * stride],
                "The end is cut off: the last stamp is as long as the kernel.",
            ),
        ),
        hints=("Which cells get two stamps when the stride is 1?", "`=` replaces, `+=` adds."),
        solution="Where stamps overlap they add up, so the loop must use `+=`:",
    ),
]
