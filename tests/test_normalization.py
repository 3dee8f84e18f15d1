"""Batch normalisation against its definition and finite differences in float64."""

import numpy as np
import pytest

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.gradcheck import check_gradient
from cnnkit.normalization import batch_norm, batch_norm_backward, batch_norm_inference, group_norm

RNG = np.random.default_rng(0)
SHAPES = [(6, 3), (2, 3, 4, 2), (1, 2, 5, 3), (4, 5, 1)]


def parameters(channels, dtype=np.float64):
    return RNG.normal(1, 0.5, channels).astype(dtype), RNG.normal(size=channels).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_channel_gets_the_asked_mean_and_spread(shape):
    gamma, beta = parameters(shape[-1])
    y, cache = batch_norm(RNG.normal(3, 2, shape), gamma, beta, eps=1e-12)
    flat = y.reshape(-1, shape[-1])
    np.testing.assert_allclose(flat.mean(axis=0), beta, atol=1e-12)
    np.testing.assert_allclose(flat.std(axis=0), np.abs(gamma), rtol=1e-9)
    assert cache.mean.shape == cache.variance.shape == (shape[-1],)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_gradients_agree_with_finite_differences(shape, eps):
    x, (gamma, beta), dy = RNG.normal(size=shape), parameters(shape[-1]), RNG.normal(size=shape)
    dx, dgamma, dbeta = batch_norm_backward(dy, batch_norm(x, gamma, beta, eps=eps)[1])

    def loss(x, gamma, beta):
        return float((batch_norm(x, gamma, beta, eps=eps)[0] * dy).sum())

    for report in (
        check_gradient(lambda v: loss(v, gamma, beta), x, dx),
        check_gradient(lambda v: loss(x, v, beta), gamma, dgamma),
        check_gradient(lambda v: loss(x, gamma, v), beta, dbeta),
    ):
        assert report, report


def test_the_input_gradient_cannot_move_the_mean_or_the_spread():
    x, (gamma, beta) = RNG.normal(size=(50, 3)), parameters(3)
    _, cache = batch_norm(x, gamma, beta, eps=1e-12)
    dx = batch_norm_backward(RNG.normal(size=x.shape), cache)[0]
    np.testing.assert_allclose(dx.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((dx * cache.x_hat).sum(axis=0), 0, atol=1e-9)


def test_inference_uses_the_stored_statistics():
    x, (gamma, beta) = RNG.normal(size=(4, 2, 2, 3)), parameters(3)
    y, cache = batch_norm(x, gamma, beta)
    stored = batch_norm_inference(x, gamma, beta, cache.mean, cache.variance)
    np.testing.assert_allclose(stored, y)
    alone = batch_norm_inference(x[:1], gamma, beta, cache.mean, cache.variance)
    np.testing.assert_allclose(alone, y[:1])


def test_float32_stays_float32_and_the_input_is_left_alone():
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    kept, (gamma, beta) = x.copy(), parameters(4, np.float32)
    y, cache = batch_norm(x, gamma, beta)
    gradients = batch_norm_backward(y, cache)
    assert {array.dtype for array in (y, *gradients)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(x, kept)


def test_bad_input_is_named():
    x, one = np.ones((3, 2)), np.ones(2)
    with pytest.raises(ShapeError, match="one number per channel"):
        batch_norm(x, np.ones(3), one)
    with pytest.raises(ShapeError, match="the statistics need a batch"):
        batch_norm(np.ones(2), one, one)
    with pytest.raises(OptionError, match="eps is 0"):
        batch_norm(x, one, one, eps=0)
    with pytest.raises(DTypeError, match="one type"):
        batch_norm(x, one.astype(np.float32), one)
    _, cache = batch_norm(x, one, one)
    with pytest.raises(ShapeError, match="the shape of x"):
        batch_norm_backward(np.ones((2, 2)), cache)


@pytest.mark.parametrize(("groups", "axes"), [(1, (1, 2, 3)), (6, (1, 2))])
def test_group_norm_reaches_from_layer_norm_to_instance_norm(groups, axes):
    x = np.random.default_rng(4).normal(2, 3, size=(3, 4, 5, 6))
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(group_norm(x, np.ones(6), np.zeros(6), groups), expected)


def test_group_norm_by_hand_with_scale_and_shift():
    x = np.array([[1.0, 3.0, 10.0, 10.0]])
    y = group_norm(x, np.array([1.0, 2, 3, 4]), np.array([0.0, 0, 5, 6]), 2, eps=1e-12)
    np.testing.assert_allclose(y, [[-1, 2, 5, 6]])


@pytest.mark.parametrize("groups", [0, 4, 2.0])
def test_groups_divide_the_channels(groups):
    with pytest.raises(OptionError, match="expected a divisor of the 6 channels"):
        group_norm(np.ones((1, 2, 6)), np.ones(6), np.zeros(6), groups)
