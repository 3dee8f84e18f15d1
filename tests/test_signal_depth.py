"""Signals through depth: the measured factors are those of the theory, and dead units are dead."""

import numpy as np
import pytest

from cnnkit.dying_relu import DigitNetwork
from cnnkit.errors import OptionError
from cnnkit.gradcheck import check_gradient
from cnnkit.initializers import fans, glorot_uniform, he_normal
from cnnkit.kernels import vectorized
from cnnkit.signal_depth import FUNCTIONS, SCHEMES, depth_map, propagate, weight_variance

SHAPES = [(300, 200), (3, 3, 32, 64), (5, 1, 16, 24)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("scheme", "draw"), [("He", he_normal), ("Xavier", glorot_uniform)])
def test_the_formulas_are_the_variances_of_the_library_s_initialisers(shape, scheme, draw):
    weights = draw(shape, np.random.default_rng(4), np.float64)
    assert weights.var() == pytest.approx(weight_variance(scheme, *fans(shape)), rel=0.1)


def test_he_keeps_the_variance_behind_a_relu_for_a_convolution():
    rng = np.random.default_rng(0)
    # many filters: each one's mean differs, and they vary more than what moves around them
    a = np.maximum(rng.normal(size=(2, 8, 8, 24)), 0)
    w = rng.normal(size=(3, 3, 24, 900)) * np.sqrt(weight_variance("He", *fans((3, 3, 24, 900))))
    assert vectorized.conv2d(a, w).var() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("function", "scheme", "factor"),
    [
        ("none", "Xavier", 1),
        ("none", "He", 2),
        ("relu", "He", 1),
        ("relu", "Xavier", 0.5),
        ("relu", "twice He", 2),
    ],
)
def test_variance_and_gradient_change_by_the_factor_of_the_theory(function, scheme, factor):
    depth, seeds = 12, range(6)
    runs = [propagate(function, scheme, depth, width=200, batch=64, seed=seed) for seed in seeds]
    growth = np.mean([np.log(run.variances[-1] / run.variances[0]) / (depth - 1) for run in runs])
    back = np.mean([np.log(run.gradients[0] / run.gradients[-1]) * 2 / (depth - 1) for run in runs])
    assert growth == pytest.approx(np.log(factor), abs=0.08)
    assert back == pytest.approx(np.log(factor), abs=0.08)


def test_a_gradient_is_the_gradient_of_the_network():
    # the norm of dz in layer 1 against finite differences of sum(da * a_L)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 5))
    weights = [np.sqrt(weight_variance("He", 5, 5)) * rng.standard_normal((5, 5)) for _ in range(3)]
    da = rng.standard_normal((2, 5))

    def last(z):
        for w in weights[1:]:
            z = np.tanh(z) @ w
        return np.tanh(z)

    z = x @ weights[0]
    h = 1e-6
    dz = np.zeros_like(z)
    for at in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[at] = h
        dz[at] = ((last(z + step) - last(z - step)) * da).sum() / (2 * h)
    run = propagate("tanh", "He", 3, width=5, batch=2, seed=3)
    assert run.gradients[0] == pytest.approx(np.linalg.norm(dz) / np.linalg.norm(da), rel=1e-6)
    assert run.variances[0] == pytest.approx(z.var())


def test_the_map_holds_medians_of_the_single_runs():
    found = depth_map(4, ("relu", "tanh"), ("He", "std 1"), seeds=(0, 1, 2))
    gradients = [propagate("tanh", "std 1", 4, seed=seed).gradients[0] for seed in range(3)]
    assert found.gradient[1, 1] == pytest.approx(np.log10(np.median(gradients)))
    spreads = [propagate("relu", "He", 4, seed=seed).variances[-1] for seed in range(3)]
    assert found.signal[0, 0] == pytest.approx(np.log10(np.median(spreads)) / 2)
    assert "tanh" in str(found)
    assert f"{found.gradient[1, 1]:.1f}" in str(found)


def test_what_the_chapter_says_about_the_map():
    found = depth_map(20)
    column = dict(zip(found.schemes, found.gradient.T, strict=True))
    row = dict(zip(found.functions, found.gradient, strict=True))
    assert (row["sigmoid"] < -1.5).all()
    assert (column["std 0.01"] < -20).all()
    assert (np.delete(column["std 1"], 1) > 5).all()
    relu = dict(zip(found.schemes, row["relu"], strict=True))
    assert abs(relu["He"]) < 0.7
    assert relu["Xavier"] == pytest.approx(-3, abs=0.7)
    assert np.isfinite(found.signal).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("swish", "He", 3), "function is 'swish'"),
        (("relu", "Kaiming", 3), "scheme is 'Kaiming'"),
        (("relu", -1.0, 3), "scheme is -1.0"),
        (("relu", "He", 0), "depth"),
    ],
)
def test_what_cannot_be_propagated(arguments, words):
    with pytest.raises(OptionError, match=words):
        propagate(*arguments)


def test_a_map_needs_a_seed():
    with pytest.raises(OptionError, match="seeds is empty"):
        depth_map(3, seeds=())


def test_a_scheme_can_be_a_standard_deviation():
    assert weight_variance(0.5, 3, 4) == 0.25
    named, given = propagate("relu", "std 1", 3), propagate("relu", 1.0, 3)
    np.testing.assert_array_equal(named.variances, given.variances)
    assert set(SCHEMES) >= {"He", "Xavier"}
    assert len(FUNCTIONS) == 8


# ---- dead units


@pytest.mark.parametrize("name", ["w1", "b1", "w2", "b2"])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_the_gradients_of_the_digit_network(name, alpha):
    network = DigitNetwork(hidden=4, alpha=alpha, seed=2)
    parameter = getattr(network, name)
    rows = slice(20, 23) if name == "w1" else slice(None)

    def loss(values):
        before = parameter[rows].copy()
        parameter[rows] = values
        result = network.gradients()[0]
        parameter[rows] = before
        return result

    gradient = network.gradients()[1][name][rows]
    assert check_gradient(loss, parameter[rows].copy(), gradient, tolerance=1e-4)


def test_a_large_rate_kills_and_a_small_one_cannot_help():
    network = DigitNetwork().train(50, 3.0)
    silent = network.dead()
    assert silent.sum() >= 28
    _, grads = network.gradients()
    assert not grads["w1"][:, silent].any()
    assert not grads["b1"][silent].any()
    before = network.w1[:, silent].copy()
    network.train(30, 0.1)
    np.testing.assert_array_equal(network.w1[:, silent], before)
    assert network.loss > 2


def test_raised_biases_bring_units_back_and_the_network_learns():
    network = DigitNetwork().train(50, 3.0)
    silent, biases = network.dead(), network.b1.copy()
    before = int(silent.sum())
    alive = network.revive(3.0)
    np.testing.assert_array_equal(network.b1, np.where(silent, biases + 3, biases))
    assert alive >= 10
    assert int(network.dead().sum()) == before - alive
    assert network.train(150, 0.3).accuracy > 0.95


def test_a_gentle_rate_kills_nearly_nobody():
    network = DigitNetwork().train(150, 0.3)
    assert network.dead().sum() <= 4
    assert network.accuracy > 0.95
    assert len(network.losses) == len(network.dead_counts) == 150
    assert network.losses[-1] < network.losses[0]


def test_a_bad_bias_kills_and_the_usual_leak_is_too_small_to_help_soon():
    assert DigitNetwork(bias=-3.0).dead().all()
    assert DigitNetwork(bias=-3.0, alpha=0.01).train(150, 0.3).accuracy < 0.3
    assert DigitNetwork(bias=-3.0, alpha=0.3).train(150, 0.3).accuracy > 0.9


@pytest.mark.parametrize(
    ("options", "words"),
    [({"hidden": 0}, "hidden"), ({"alpha": -0.1}, "alpha is -0.1"), ({"alpha": 2}, "alpha")],
)
def test_networks_that_cannot_be(options, words):
    with pytest.raises(OptionError, match=words):
        DigitNetwork(**options)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_rates_that_cannot_be(rate):
    with pytest.raises(OptionError, match="learning_rate"):
        DigitNetwork().train(1, rate)
