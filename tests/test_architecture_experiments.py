"""Chapter 07's experiments: deeper plain networks fit worse, and the counterexamples hold exactly."""

import numpy as np
import pytest

from cnnkit import architecture_experiments as experiments
from cnnkit.data import digits
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import vectorized
from cnnkit.layers import Conv2D, Dense, Flatten, MaxPool2D
from cnnkit.losses import softmax_cross_entropy
from cnnkit.network import Sequential

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def study():
    return experiments.degradation(depths=(6, 24), seeds=(0, 1))


def test_the_deeper_plain_network_fits_its_own_training_pictures_worse(study):
    plain, residual = study.errors["plain"], study.errors["residual"]
    assert (plain[1] > plain[0] + 0.05).all()
    assert (residual[1] < residual[0]).all()
    assert (plain[1] > residual[1] + 0.3).all()


def test_its_gradients_have_not_vanished(study):
    assert (study.gradients["plain"][1] > study.gradients["plain"][0]).all()


def test_both_kinds_start_from_the_same_weights():
    plain, residual = (experiments.deep_network(kind, 8, seed=3) for kind in experiments.KINDS)
    assert plain.count_params() == residual.count_params()
    for mine, theirs in zip(plain.params.values(), residual.params.values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_study_prints_a_row_a_depth(study):
    assert str(study).count("\n") == 2
    assert f"{study.params[1]:,}" in str(study)


def test_depths_and_kinds_that_mean_nothing_are_refused():
    for make in (
        lambda: experiments.deep_network("skipped", 8),
        lambda: experiments.deep_network("plain", 7),
        lambda: experiments.degradation(depths=()),
    ):
        with pytest.raises(OptionError, match="expected"):
            make()


def test_a_deeper_network_can_copy_the_shallow_one_exactly():
    layers = [Conv2D(6, 3, padding=1, activation="relu"), MaxPool2D(2), Flatten(), Dense(10)]
    shallow = Sequential(layers, input_shape=(8, 8, 1))
    deeper = experiments.with_identities(shallow, 20)
    x = digits()[0][:50, ..., np.newaxis]
    assert len(deeper.layers) == len(layers) + 20
    np.testing.assert_array_equal(deeper.predict(x), shallow.predict(x))
    with pytest.raises(ShapeError, match="expected Conv2D"):
        experiments.with_identities(Sequential([Flatten()], input_shape=(2, 2, 1)), 1)


@pytest.mark.parametrize(("first", "second"), [((3, 3), (3, 3)), ((2, 3), (3, 1)), ((5, 5), (3, 3))])
def test_a_stack_of_linear_kernels_is_one_kernel(first, second):
    w1, w2 = RNG(1).standard_normal((*first, 2, 4)), RNG(2).standard_normal((*second, 4, 3))
    x = RNG(3).standard_normal((2, 9, 8, 2))
    both = experiments.composed_kernel(w1, w2)
    np.testing.assert_allclose(
        vectorized.conv2d(x, both), vectorized.conv2d(vectorized.conv2d(x, w1), w2), atol=1e-12
    )
    assert both.shape[:2] == (first[0] + second[0] - 1, first[1] + second[1] - 1)
    with pytest.raises(ShapeError, match="expected"):
        experiments.composed_kernel(w1, w1)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_the_fast_gradient_sign_raises_the_loss_and_moves_no_pixel_further(activation):
    network = Sequential([Flatten(), Dense(10, activation)], input_shape=(8, 8, 1), dtype=np.float64)
    x, labels = digits()[0][:20, ..., np.newaxis].astype(float), digits()[1][:20]

    def loss(pictures):
        return softmax_cross_entropy(pictures.reshape(20, -1) @ network.params["dense/w"], labels)[0]

    moved = experiments.fast_gradient_sign(network, x, labels, 0.1)
    assert loss(moved) > loss(x)
    assert np.abs(moved - x).max() <= 0.1 + 1e-12
    assert moved.min() >= 0
    assert moved.max() <= 1
