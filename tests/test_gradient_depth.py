"""Gradients through depth: the measurement against a network made by hand, and what it must show."""

import numpy as np
import pytest

from cnnkit.activations import relu
from cnnkit.errors import OptionError
from cnnkit.gradcheck import numeric_gradient
from cnnkit.gradient_depth import gradient_norms
from cnnkit.initializers import he_normal
from cnnkit.kernels import vectorized

DEPTH = 20


@pytest.mark.parametrize("skip", [False, True])
def test_the_norms_are_those_of_finite_differences(skip):
    depth, channels, size = 2, 2, 3
    rng = np.random.default_rng(7)
    kernels = [0.8 * he_normal((3, 3, channels, channels), rng, np.float64) for _ in range(depth)]
    x, dy = rng.normal(size=(size, size, channels)), rng.normal(size=(size, size, channels))

    def loss(signal):
        for w in kernels:
            conv = vectorized.conv2d(relu(signal) if skip else signal, w, padding="same")
            signal = signal + conv if skip else relu(conv)
        return float((signal * dy).sum())

    wanted = np.linalg.norm(numeric_gradient(loss, x)) / np.linalg.norm(dy)
    found = gradient_norms(depth, gain=0.8, skip=skip, seeds=[7], channels=channels, size=size)
    assert found[0, 0] == pytest.approx(wanted, rel=1e-6)
    assert found[0, -1] == 1


def test_a_plain_gradient_scales_with_the_gain_to_the_power_of_the_depth():
    one, small = gradient_norms(DEPTH), gradient_norms(DEPTH, gain=0.5)
    np.testing.assert_allclose(small[:, 0], one[:, 0] * 0.5**DEPTH, rtol=1e-9)


def test_a_small_branch_on_a_skip_keeps_the_gradient():
    runs = gradient_norms(DEPTH, gain=1 / np.sqrt(DEPTH), skip=True)
    assert ((runs > 0.5) & (runs < 5)).all()


def test_full_branches_on_skips_explode():
    assert (gradient_norms(DEPTH, skip=True)[:, 0] > 100).all()


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="seeds is empty"):
        gradient_norms(3, seeds=())
    with pytest.raises(OptionError, match="depth is 0"):
        gradient_norms(0)
