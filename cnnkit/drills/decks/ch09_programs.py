"""Chapter 09: pieces of the training loop to write."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.drills.kinds import CodeDrill, Draw, Misconception
from cnnkit.drills.programs import ch09 as programs

Array = NDArray[Any]

OPTIMISERS = "Optimisers"
DROPOUT = "Dropout"
NORM = "Batch normalisation"


def _starter(signature: str, shapes: str) -> str:
    return f'def {signature}:\n    """{shapes}"""\n    ...\n'


def _steps_case(draw: Draw) -> dict[str, Any]:
    n = draw.integer(1, 3)
    return {"w": draw.array(n), "gradients": draw.array(draw.integer(1, 4), n), "rate": 0.5, "momentum": 0.25}


def _moved(w: Array, gradients: Array, rate: float, momentum: float, *, share: float = 1.0) -> Array:
    """Return w after all steps; `share` is what of a gradient enters the velocity."""
    velocity = np.zeros(w.shape)
    for gradient in gradients:
        velocity = momentum * velocity + share * gradient
        w = w - rate * velocity
    return w


def _averaging(w: Array, gradients: Array, rate: float, momentum: float) -> Array:
    return _moved(w, gradients, rate, momentum, share=1 - momentum)


def _ahead(w: Array, gradients: Array, rate: float, momentum: float) -> Array:
    velocity = np.zeros(w.shape)
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        w = w - rate * (gradient + momentum * velocity)
    return w


def _last_velocity_only(w: Array, gradients: Array, rate: float, momentum: float) -> Array:
    velocity = np.zeros(w.shape)
    for gradient in gradients:
        velocity = momentum * velocity + gradient
    return w - rate * velocity


def _mask_case(draw: Draw) -> dict[str, Any]:
    shape = draw.integer(1, 3), draw.integer(1, 3)
    return {"x": draw.array(*shape), "u": (draw.array(*shape, low=0, high=9) + 0.5) / 10, "p": 0.2}


def _batch_case(draw: Draw) -> dict[str, Any]:
    n, h, w, c = (draw.integer(1, 2) for _ in range(4))
    case: dict[str, Any] = {"x": draw.array(n + 1, h, w, c)}
    case |= {name: draw.array(c) for name in ("gamma", "beta", "mean")}
    return case | {"var": draw.array(c, low=1, high=9), "eps": 0.25, "training": draw.integer(0, 1)}


def _normed(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float, training: int,
    *, axes: tuple[int, ...] = (0, 1, 2), ddof: int = 0,
) -> Array:  # fmt: skip
    """Return batch norm with statistics over `axes` in training, the stored ones otherwise."""
    if training:
        mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True, ddof=ddof)
    result: Array = gamma * (x - mean) / np.sqrt(var + eps) + beta
    return result


DECK = [
    CodeDrill(
        id="momentum-code",
        title="SGD with momentum",
        section=OPTIMISERS,
        difficulty=1,
        minutes=4,
        prompt=r"""`w` has shape (n,), `gradients` (steps, n). Run SGD with momentum as PyTorch defines it,
$v := \mu v + g$, $w := w - \eta v$, from v = 0 over all gradients, and return the last w. (Here the
gradients are given in advance.)""",
        function="sgd",
        starter=_starter(
            "sgd(w, gradients, rate, momentum)", "w (n,), gradients (steps, n) -> the last w (n,)"
        ),
        case=_steps_case,
        reference=programs.momentum_unrolled,
        solutions=(programs.momentum_run, programs.momentum_unrolled),
        misconceptions=(
            Misconception(
                "no-momentum",
                lambda w, gradients, rate, momentum: w - rate * gradients.sum(axis=0),
                "The velocity is missing: that is plain SGD.",
            ),
            Misconception(
                "weighted-mean",
                _averaging,
                "You weighted the gradient with 1 - momentum. In this form it enters whole.",
            ),
            Misconception("nesterov", _ahead, "That is Nesterov's variant, which looks one step ahead."),
            Misconception(
                "one-update", _last_velocity_only, "The weight moves in every step, not only after the last."
            ),
            Misconception(
                "uphill",
                lambda w, gradients, rate, momentum: _moved(w, -gradients, rate, momentum),
                "The step goes against the gradient.",
            ),
        ),
        hints=("Keep one number of velocity for each weight.",),
        solution="The velocity remembers past gradients with weights that fade by the factor momentum.",
    ),
    CodeDrill(
        id="dropout-code",
        title="Inverted dropout",
        section=DROPOUT,
        difficulty=1,
        minutes=3,
        prompt="""`x` holds activations, `u` random numbers in [0, 1) of the same shape, `p` is the dropout
rate. A cell is dropped when its `u` is below `p`. Return what inverted dropout gives in training.""",
        function="dropout",
        starter=_starter("dropout(x, u, p)", "x and u of one shape -> y of that shape"),
        case=_mask_case,
        reference=lambda x, u, p: x * (u >= p) / (1 - p),
        solutions=(programs.dropped, programs.dropped_by_cells),
        misconceptions=(
            Misconception(
                "not-scaled",
                lambda x, u, p: x * (u >= p),
                "The kept activations must be scaled by 1/(1 - p).",
            ),
            Misconception(
                "scaled-down",
                lambda x, u, p: x * (u >= p) * (1 - p),
                "Dividing by 1 - p keeps the expected value; multiplying lowers it twice.",
            ),
            Misconception(
                "divided-by-the-rate", lambda x, u, p: x * (u >= p) / p, "Divide by the share that is kept."
            ),
            Misconception(
                "keeps-the-dropped", lambda x, u, p: x * (u < p) / (1 - p), "u below p means: drop."
            ),
        ),
        hints=("A mask of zeros and 1/(1 - p).",),
        solution="""The mask is 0 or 1/(1 - p), so that the expected output is x; the backward pass uses
the same mask.""",
    ),
    CodeDrill(
        id="batch-norm-code",
        title="Batch norm, both ways",
        section=NORM,
        difficulty=2,
        minutes=6,
        prompt="""`x` is (N, H, W, C); `gamma`, `beta`, and the running `mean` and `var` are (C,). Return
batch norm's output: with the batch's statistics when `training` is 1, with the running ones when it is 0.
(Leave the running ones as they are.)""",
        function="batch_norm",
        starter=_starter(
            "batch_norm(x, gamma, beta, mean, var, eps, training)",
            "x (N, H, W, C), gamma, beta, mean and var (C,) -> (N, H, W, C)",
        ),
        case=_batch_case,
        reference=_normed,
        solutions=(programs.normalised, programs.normalised_by_channels),
        misconceptions=(
            Misconception(
                "always-the-batch",
                lambda x, gamma, beta, mean, var, eps, training: _normed(x, gamma, beta, mean, var, eps, 1),
                "In evaluation the running statistics count: the answer for one image must not depend on its "
                "neighbours.",
            ),
            Misconception(
                "always-running",
                lambda x, gamma, beta, mean, var, eps, training: _normed(x, gamma, beta, mean, var, eps, 0),
                "In training the batch's own statistics count.",
            ),
            Misconception(
                "per-position",
                lambda *case: _normed(*case, axes=(0,)),
                "Average over the positions too: a channel is one feature, wherever it is.",
            ),
            Misconception(
                "per-image",
                lambda *case: _normed(*case, axes=(1, 2)),
                "Averaging over H and W of each image alone is instance norm.",
            ),
            Misconception(
                "over-channels",
                lambda *case: _normed(*case, axes=(0, 1, 2, 3)),
                "Each channel has statistics of its own.",
            ),
            Misconception(
                "sample-variance",
                lambda *case: _normed(*case, ddof=1),
                "Divide the squares by their number, not by one less.",
            ),
        ),
        hints=("Which axes does a channel's mean run over?",),
        solution="""Mean and variance over N, H and W in training, the stored ones otherwise; then scale
and shift.""",
    ),
]
