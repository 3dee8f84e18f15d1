"""Optimisers against their formulas, computed by hand."""

import numpy as np
import pytest

from cnnkit.errors import OptionError, ShapeError
from cnnkit.optim import (
    SGD,
    Adam,
    AdamW,
    RMSProp,
    clip_by_norm,
    clip_by_value,
    constant,
    cosine,
    gradient_norm,
    one_cycle,
    step_decay,
    warm_up,
)


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


@pytest.mark.parametrize(
    "make", [lambda: SGD(0.1, momentum=0.9), lambda: SGD(nesterov=True), RMSProp, Adam, AdamW]
)
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


@pytest.mark.parametrize("make", [SGD, RMSProp, Adam, AdamW])
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
        (lambda: Adam(l2=-1), "l2 is -1"),
        (lambda: RMSProp(rho=1), "rho is 1"),
        (lambda: AdamW(weight_decay=-0.1), "weight_decay is -0.1"),
        (lambda: clip_by_norm({}, 0), "most is 0"),
        (lambda: cosine(0, 10), "rate is 0"),
    ],
)
def test_meaningless_options(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_nesterov_by_hand():
    # v = -0.2, p = 1 + 0.5 * -0.2 - 0.2 = 0.7; then v = -0.1 - 0.2 = -0.3, p = 0.7 - 0.15 - 0.2
    np.testing.assert_allclose(run(SGD(0.1, momentum=0.5, nesterov=True), [2, 2]), [0.7, 0.35])


def test_rmsprop_by_hand():
    # s = 0.1 * 16 = 1.6, then 0.9 * 1.6 + 0.1 * 4 = 1.84
    first, second = run(RMSProp(0.1), [4.0, -2.0])
    np.testing.assert_allclose(first, 1 - 0.1 * 4 / np.sqrt(1.6), rtol=1e-6)
    np.testing.assert_allclose(second, first + 0.1 * 2 / np.sqrt(1.84), rtol=1e-6)


def decayed(optimizer, gradient):
    """A weight, a bias that starts alike, after one step with the same gradient."""
    params = {"w": np.array([[2.0]]), "b": np.array([2.0])}
    optimizer.step(params, {"w": np.array([[gradient]]), "b": np.array([gradient])})
    return params["w"].item(), params["b"].item()


def test_l2_and_decoupled_decay_are_the_same_for_sgd_and_differ_for_adam():
    assert decayed(SGD(0.1, l2=0.5), 0.0) == (2 - 0.1 * 0.5 * 2, 2.0)
    # Adam divides the penalty's gradient by itself: any l2 moves the weight by the whole learning rate.
    np.testing.assert_allclose(decayed(Adam(0.1, l2=0.5), 0.0)[0], 1.9, rtol=1e-6)
    np.testing.assert_allclose(decayed(Adam(0.1, l2=0.001), 0.0)[0], 1.9, rtol=1e-4)
    assert decayed(AdamW(0.1, weight_decay=0.5), 0.0) == (2 * (1 - 0.1 * 0.5), 2.0)
    np.testing.assert_allclose(decayed(AdamW(0.1, weight_decay=0.5), 3.0), (1.9 - 0.1, 1.9), rtol=1e-6)


def test_biases_are_not_decayed():
    for make in (SGD, RMSProp, Adam):
        assert decayed(make(0.1, l2=1.0), 0.0)[1] == 2.0


def test_clipping_the_norm_keeps_the_direction():
    grads = {"w": np.array([[3.0]]), "b": np.array([4.0], np.float32)}
    assert gradient_norm(grads) == 5
    assert clip_by_norm(grads, 10.0) == 5
    assert grads["w"].item() == 3
    assert clip_by_norm(grads, 1.0) == 5
    np.testing.assert_allclose([grads["w"].item(), grads["b"].item()], [0.6, 0.8], rtol=1e-6)
    assert grads["b"].dtype == np.float32


def test_clipping_values_cuts_each_number():
    grads = {"w": np.array([-3.0, 0.5, 9.0])}
    clip_by_value(grads, 1.0)
    assert grads["w"].tolist() == [-1, 0.5, 1]


def test_schedules_by_hand():
    assert [step_decay(1.0, 10, 0.5)(step) for step in (0, 9, 10, 25)] == [1, 1, 0.5, 0.25]
    np.testing.assert_allclose([cosine(2.0, 10, end=1.0)(s) for s in (0, 5, 10, 99)], [2, 1.5, 1, 1])
    np.testing.assert_allclose([warm_up(constant(1.0), 4)(s) for s in range(6)], [0.2, 0.4, 0.6, 0.8, 1, 1])
    # behind the rise the schedule starts from its own step 0
    np.testing.assert_allclose(warm_up(cosine(1.0, 10), 3)(8), 0.5)


def test_one_cycle_rises_to_its_peak_and_falls_far_below_its_start():
    rate = one_cycle(1.0, 100, rise=0.3)
    np.testing.assert_allclose(
        [rate(0), rate(15), rate(30), rate(65), rate(100)], [0.04, 0.52, 1, 0.500002, 4e-6]
    )
    rates = [rate(step) for step in range(101)]
    assert np.argmax(rates) == 30
