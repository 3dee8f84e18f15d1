"""Optimisers against their formulas, computed by hand."""

import numpy as np
import pytest

from cnnkit.errors import OptionError, ShapeError
from cnnkit.optim import SGD, Adam


def run(optimizer, gradients, start=1.0):
    """The value of one parameter after each of `gradients`."""
    params = {"p": np.array([start])}
    values = []
    for gradient in gradients:
        optimizer.step(params, {"p": np.array([gradient])})
        values.append(params["p"][0])
    return values


def test_sgd_by_hand():
    np.testing.assert_allclose(run(SGD(0.1), [2, -1]), [0.8, 0.9])


def test_momentum_by_hand():
    # v = -0.2, then 0.5 * -0.2 - 0.1 * 2 = -0.3, then 0.5 * -0.3 = -0.15
    np.testing.assert_allclose(run(SGD(0.1, momentum=0.5), [2, 2, 0]), [0.8, 0.5, 0.35])


def test_adam_by_hand():
    # First step: m_hat = g and v_hat = g**2, so the step is the learning rate whatever the gradient's size.
    first, second = run(Adam(0.1), [4.0, -2.0])
    np.testing.assert_allclose(first, 0.9, rtol=1e-8)
    mean = (0.9 * 0.1 * 4 - 0.1 * 2) / (1 - 0.9**2)
    square = (0.999 * 0.001 * 16 + 0.001 * 4) / (1 - 0.999**2)
    np.testing.assert_allclose(second, first - 0.1 * mean / np.sqrt(square), rtol=1e-7)


def test_a_tiny_gradient_is_limited_by_epsilon():
    np.testing.assert_allclose(run(Adam(0.1, epsilon=1e-2), [1e-2]), [1 - 0.1 * 0.5])


@pytest.mark.parametrize("make", [lambda: SGD(0.1, momentum=0.9), Adam])
def test_steps_are_in_place_keep_float32_and_spare_the_gradients(make):
    params = {"w": np.ones((2, 3), np.float32), "b": np.zeros(3, np.float32)}
    arrays = dict(params)
    grads = {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32), "unused": np.ones(1)}
    optimizer = make()
    for _ in range(3):
        optimizer.step(params, grads)
    for name, array in arrays.items():
        assert params[name] is array
        assert array.dtype == np.float32
        assert (array < 1).all()
        assert (grads[name] == 1).all()


@pytest.mark.parametrize("make", [SGD, Adam])
def test_gradients_that_do_not_fit(make):
    with pytest.raises(ShapeError, match="p has no gradient; run forward and backward"):
        make().step({"p": np.ones(2)}, {})
    with pytest.raises(ShapeError, match=r"gradient of p has shape \(3,\); expected \(2,\)"):
        make().step({"p": np.ones(2)}, {"p": np.ones(3)})
    optimizer = make()
    optimizer.step({"p": np.ones(2)}, {"p": np.ones(2)})
    with pytest.raises(ShapeError, match="make a new optimiser for each network"):
        optimizer.step({"p": np.ones(3)}, {"p": np.ones(3)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0), "learning_rate is 0"),
        (lambda: SGD(float("nan")), "learning_rate is nan"),
        (lambda: SGD(momentum=1), "momentum is 1"),
        (lambda: Adam(-1), "learning_rate is -1"),
        (lambda: Adam(beta1=-0.1), "beta1 is -0.1"),
        (lambda: Adam(beta2=1), "beta2 is 1"),
        (lambda: Adam(epsilon=0), "epsilon is 0"),
    ],
)
def test_meaningless_options(make, message):
    with pytest.raises(OptionError, match=message):
        make()
