"""The experiments on effective fields: what they promise holds, and they repeat."""

import numpy as np
import pytest

from cnnkit import effective_field, receptive
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import Conv2D, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.stacks import conv, max_pool, same_convs


def test_linear_random_networks_spread_like_the_number_of_paths():
    energy = effective_field.random_energy(4, draws=60, activation=None)
    assert energy.shape == (9, 9)
    assert energy.sum() == pytest.approx(1)
    paths = receptive.gradient_share(same_convs((1,) * 4), (9, 9), (4, 4))
    assert np.corrcoef(energy.ravel(), paths.ravel())[0, 1] > 0.95
    assert receptive.measured_sigma(energy) == pytest.approx(np.sqrt(8 / 3), rel=0.07)


def test_the_spread_grows_with_the_root_of_the_depth():
    growth = effective_field.growth((3, 12), (0, 1), draws=8)
    assert growth.measured.shape == (2, 2)
    ratio = growth.measured[1].mean() / growth.measured[0].mean()
    assert 1.8 < ratio < 2.3  # the root of 4
    assert growth.sizes.tolist() == [7, 25]
    assert "7" in str(growth).splitlines()[1]


def test_experiments_repeat():
    first, again, other = (effective_field.random_energy(3, draws=3, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_answer_of_far_dots_lies_on_the_outermost_rings():
    pictures, labels = effective_field.far_dots(200, seed=1)
    assert pictures.shape == (200, effective_field.SIDE, effective_field.SIDE, 1)
    inner = pictures[:, 2:-2, 2:-2, 0]
    assert np.abs(inner).max() < 1
    strongest = pictures.reshape(200, -1)[np.arange(200), np.abs(pictures).reshape(200, -1).argmax(axis=1)]
    np.testing.assert_array_equal(strongest > 0, labels == 1)


def test_training_widens_the_effective_field_where_the_answer_is_far():
    training = effective_field.before_and_after((0,))
    assert training.accuracy[0] > 0.9
    assert training.sigmas("after")[0] > 1.3 * training.sigmas("before")[0]
    assert training.before[0].sum() == pytest.approx(1)
    assert "before" in str(training)


def test_poison_finds_the_field_of_a_real_network():
    layers = [Conv2D(3, 3, activation="relu"), MaxPool2D(2), Conv2D(2, 2, activation="relu")]
    network = Sequential(layers, input_shape=(6, 7, 2), seed=1)
    image = np.random.default_rng(0).normal(size=(6, 7, 2)).astype(np.float32)
    found = effective_field.changed_pixels(network, image)
    assert network.output_shapes[-1][:2] == (1, 1)
    expected = receptive.computed_field((conv(3), max_pool(2, 2), conv(2)), (6, 7), (0, 0))
    np.testing.assert_array_equal(found, expected)
    assert not found.all()  # the last column is never read


def test_bad_input_is_named():
    network = effective_field.plain_network(2)
    with pytest.raises(ShapeError, match=r"expected \(5, 5, 1\)"):
        effective_field.changed_pixels(network, np.zeros((4, 5, 1), np.float32))
    with pytest.raises(OptionError, match="depth is 0"):
        effective_field.plain_network(0)
    with pytest.raises(OptionError, match="draws is 0"):
        effective_field.random_energy(2, draws=0)
    with pytest.raises(OptionError, match="seeds is empty"):
        effective_field.before_and_after(())
    with pytest.raises(OptionError, match="gradient is 0"):
        effective_field.energy(network, np.zeros((1, 5, 5, 1), np.float32), np.zeros((1, 1, 8)))
    training = effective_field.Training(np.ones((1, 2, 2)), np.ones((1, 2, 2)), np.ones(1))
    with pytest.raises(OptionError, match="when is 'later'"):
        training.sigmas("later")
