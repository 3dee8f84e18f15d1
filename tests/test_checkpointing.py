"""Checkpointing: the same gradients, fewer numbers kept, more layers run."""

import numpy as np
import pytest

from cnnkit.activations import tanh, tanh_grad
from cnnkit.checkpointing import backward_with_checkpoints
from cnnkit.errors import OptionError, ShapeError
from cnnkit.gradcheck import check_gradient

RNG = np.random.default_rng(2)
DEPTH, WIDTH = 12, 5
WEIGHTS = RNG.normal(0, 0.6, size=(DEPTH, WIDTH, WIDTH))
STEPS = [(lambda x, w=w: tanh(x @ w), lambda dy, x, w=w: (dy * tanh_grad(x @ w)) @ w.T) for w in WEIGHTS]
X, DY = RNG.normal(size=WIDTH), RNG.normal(size=WIDTH)


@pytest.mark.parametrize("every", range(1, DEPTH + 3))
def test_gradient_peak_and_work(every):
    run = backward_with_checkpoints(STEPS, X, DY, every)
    segments = -(-DEPTH // every)
    np.testing.assert_array_equal(run.dx, backward_with_checkpoints(STEPS, X, DY, 1).dx)
    assert run.forward_calls == DEPTH + DEPTH - segments
    starts = range(0, DEPTH, every)
    held = [number + min(every, DEPTH - start) for number, start in enumerate(starts)]
    assert run.peak == WIDTH * max(held)


def test_the_gradient_is_right():
    def loss(x):
        for forward, _ in STEPS:
            x = forward(x)
        return float(x @ DY)

    report = check_gradient(loss, X, backward_with_checkpoints(STEPS, X, DY, 3).dx)
    assert report, report


def test_bad_input_is_named():
    with pytest.raises(ShapeError, match="steps is empty"):
        backward_with_checkpoints([], X, DY, 1)
    with pytest.raises(OptionError, match="every is 0"):
        backward_with_checkpoints(STEPS, X, DY, 0)
