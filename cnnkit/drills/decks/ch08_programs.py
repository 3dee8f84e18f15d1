"""Chapter 08: two steps of deployment to write."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch08 as programs

Array = NDArray[Any]

FOLDING = "Folding batch normalisation"
EIGHT_BITS = "Eight-bit integers"


def _starter(signature: str, shapes: str) -> str:
    return f'def {signature}:\n    """{shapes}"""\n    ...\n'


def _fold_case(draw: Draw) -> dict[str, Any]:
    kh, kw, c, f = (draw.integer(1, 2) for _ in range(4))
    case: dict[str, Any] = {"w": draw.array(kh, kw, c, f)}
    case |= {name: draw.array(f) for name in ("b", "gamma", "beta", "mean")}
    return case | {"var": draw.array(f, low=1, high=9), "eps": 0.25}


def _fold(w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
    """Return the folded convolution from what both layers do to the zero input and to each single weight."""

    def both(z: Array) -> Any:
        return gamma * (z - mean) / (var + eps) ** 0.5 + beta

    offset = both(b)
    return np.concatenate([(both(w + b) - offset).ravel(), offset])


def _fold_slip(scale: Any, offset: Any) -> Any:
    """Return a wrong fold: ``scale(gamma, var, eps)`` and ``offset(scale, b, beta, mean)``."""

    def fold(w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
        factor = scale(gamma, var, eps)
        return np.concatenate([(w * factor).ravel(), offset(factor, b, beta, mean)])

    return fold


def _right_scale(gamma: Array, var: Array, eps: float) -> Any:
    return gamma / np.sqrt(var + eps)


def _right_offset(scale: Array, b: Array, beta: Array, mean: Array) -> Array:
    return (b - mean) * scale + beta


def _codes_case(draw: Draw) -> dict[str, Any]:
    kh, kw, c, f = (draw.integer(1, 2) for _ in range(4))
    w = draw.array(kh, kw, c, f, low=-90, high=90)
    # The largest of every filter, so that no code lies halfway.
    w[0, 0, 0] = draw.choice((101, -101))
    return {"w": w * np.array([1.0, 7.0])[:f]}


def _whole(largest: Any) -> Any:
    """Return `largest`, 1 where it is 0: a filter of zeros."""
    return np.where(largest > 0, largest, 1)


def _codes(w: Array, codes: int = 127, rounding: Any = np.rint) -> Any:
    return rounding(w * codes / _whole(np.abs(w).max(axis=(0, 1, 2))))


DECK = [
    CodeDrill(
        id="fold-batch-norm-code",
        title="Fold batch normalisation",
        section=FOLDING,
        difficulty=2,
        minutes=6,
        prompt=r"""`w` has shape (KH, KW, C, F); `b`, `gamma`, `beta`, `mean` and `var` have shape (F,). The
network computes conv2d, then batch norm with these running statistics and `eps`. Return the folded weights,
flattened, followed by the folded biases: one array of KH·KW·C·F + F numbers.""",
        function="fold",
        starter=_starter(
            "fold(w, b, gamma, beta, mean, var, eps)",
            "w (KH, KW, C, F), the others (F,) -> (KH*KW*C*F + F,)",
        ),
        case=_fold_case,
        reference=_fold,
        solutions=(programs.folded, programs.folded_by_filters),
        misconceptions=(
            Misconception(
                "bias-dropped",
                _fold_slip(_right_scale, lambda scale, b, beta, mean: beta - mean * scale),
                "The convolution's own bias is missing.",
            ),
            Misconception(
                "bias-not-scaled",
                _fold_slip(_right_scale, lambda scale, b, beta, mean: b - mean * scale + beta),
                "The convolution's bias must be scaled, like everything that enters the normalisation.",
            ),
            Misconception(
                "divided-by-variance",
                _fold_slip(lambda gamma, var, eps: gamma / (var + eps), _right_offset),
                "Divide by the standard deviation, the root of the variance.",
            ),
            Misconception(
                "epsilon-outside-the-root",
                _fold_slip(lambda gamma, var, eps: gamma / (np.sqrt(var) + eps), _right_offset),
                "Epsilon belongs under the root.",
            ),
            Misconception(
                "gamma-forgotten",
                _fold_slip(lambda gamma, var, eps: 1 / np.sqrt(var + eps), _right_offset),
                "gamma is missing.",
            ),
        ),
        hints=("Batch norm at inference is z * scale + shift, for each filter.", "Put z = conv + b into it."),
        solution=r"""$s = \gamma / \sqrt{\text{var} + \epsilon}$ for each filter; $w' = w s$ along the last
axis, $b' = (b - \text{mean}) s + \beta$.""",
    ),
    CodeDrill(
        id="quantise-code",
        title="Eight bits, one scale a filter",
        section=EIGHT_BITS,
        difficulty=2,
        minutes=5,
        prompt="""`w` has shape (KH, KW, C, F). Quantise it symmetrically to int8 codes, with one scale for
each filter: its largest magnitude becomes 127. Return the codes, rounded to nearest, as an array of floats
with the shape of `w`. A filter of zeros has the codes 0.""",
        function="quantise",
        starter=_starter("quantise(w)", "(KH, KW, C, F) -> codes of the same shape"),
        case=_codes_case,
        reference=_codes,
        solutions=(programs.quantised, programs.quantised_by_filters),
        misconceptions=(
            Misconception(
                "one-scale-for-all",
                lambda w: np.rint(w * 127 / _whole(np.abs(w).max())),
                "You used one scale for the whole tensor: filters with small weights lose their digits.",
            ),
            Misconception(
                "truncated",
                lambda w: _codes(w, rounding=np.trunc),
                "You cut the fractions off instead of rounding.",
            ),
            Misconception(
                "largest-not-magnitude",
                (
                    lambda w: np.rint(w * 127 / _whole(w.max(axis=(0, 1, 2)))),
                    lambda w: np.rint(w / _whole(w.max(axis=(0, 1, 2)) / 127)),
                ),
                "The largest *magnitude* sets the scale, not the largest number.",
            ),
            Misconception(
                "codes-of-128",
                lambda w: _codes(w, codes=128),
                "The largest magnitude should become 127; int8 has no 128.",
            ),
            Misconception(
                "scaled-back",
                lambda w: (
                    np.rint(w * 127 / np.abs(w).max(axis=(0, 1, 2))) * np.abs(w).max(axis=(0, 1, 2)) / 127
                ),
                "You scaled the codes back. The codes themselves are asked for.",
            ),
        ),
        hints=("Over which axes does a filter's maximum run?", "What must not be divided by?"),
        solution="""A filter's scale is its largest magnitude over 127 (anything for a filter of zeros); the
codes are `np.rint(w / scale)`.""",
    ),
]
