"""Activations against SciPy, their derivatives against finite differences, their extremes against limits."""

import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_cases import examples

from cnnkit import activations
from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.gradcheck import check_gradient, numeric_gradient

ELEMENTWISE = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu")
PER_AXIS = ("softmax", "log_softmax")
EVERY = [name + suffix for name in (*ELEMENTWISE, *PER_AXIS) for suffix in ("", "_grad")]

every_elementwise = pytest.mark.parametrize("name", ELEMENTWISE)
every_function = pytest.mark.parametrize("name", EVERY)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def function(name):
    return getattr(activations, name)


def published(name, x):
    """The function in float64, from SciPy or from its definition where that is safe."""
    x = np.asarray(x, np.float64)
    return {
        "relu": lambda: np.where(x > 0, x, 0),
        "leaky_relu": lambda: np.where(x > 0, x, 0.01 * x),
        "elu": lambda: np.where(x > 0, x, scipy.special.expm1(np.minimum(x, 0))),
        "sigmoid": lambda: scipy.special.expit(x),
        "tanh": lambda: np.sinh(x) / np.cosh(x),
        "gelu": lambda: x * scipy.special.ndtr(x),
        "silu": lambda: x * scipy.special.expit(x),
        "softmax": lambda: scipy.special.softmax(x, axis=-1),
        "log_softmax": lambda: scipy.special.log_softmax(x, axis=-1),
    }[name]()


def floats(dtype, largest=30.0):
    return hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=5),
        elements=st.floats(-largest, largest, width=np.dtype(dtype).itemsize * 8),
    )


@both_types
@pytest.mark.parametrize("name", [*ELEMENTWISE, *PER_AXIS])
@examples(40)
@given(data=st.data())
def test_values_agree_with_scipy(name, dtype, data):
    x = data.draw(floats(dtype))
    y = function(name)(x)
    assert y.dtype == dtype
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    # SciPy's log_softmax itself is off by an eps of float64 where a probability rounds to 1.
    atol = 1e-15 if name == "log_softmax" else float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(y, published(name, x), rtol=rtol, atol=atol)


@every_elementwise
@examples(30)
@given(x=floats(np.float64, largest=4.0))
def test_derivatives_agree_with_finite_differences(name, x):
    x = np.where(np.abs(x) < 1e-3, 0.5, x)  # away from the kinks
    report = check_gradient(lambda x: function(name)(x).sum(), x, function(f"{name}_grad")(x))
    assert report, str(report)


@pytest.mark.parametrize("name", PER_AXIS)
@pytest.mark.parametrize(("shape", "axis"), [((4,), -1), ((3, 4), 1), ((3, 4), 0), ((2, 3, 2), 1), ((1,), 0)])
def test_jacobians_agree_with_finite_differences(name, shape, axis):
    x = np.random.default_rng(0).normal(size=shape)
    jacobian = function(f"{name}_grad")(x, axis=axis)
    outputs = np.moveaxis(x, axis, -1)
    assert jacobian.shape == (*outputs.shape, outputs.shape[-1])
    for i in range(shape[axis]):

        def output_i(x, i=i):
            return function(name)(x, axis=axis).take(i, axis=axis).sum()

        expected = np.moveaxis(numeric_gradient(output_i, x), axis, -1)
        np.testing.assert_allclose(jacobian[..., i, :], expected, atol=1e-9)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@examples(30)
@given(x=floats(np.float64, largest=4.0))
def test_both_forms_of_gelu_have_their_own_derivative(approximate, x):
    def f(x):
        return activations.gelu(x, approximate=approximate).sum()

    report = check_gradient(f, x, activations.gelu_grad(x, approximate=approximate))
    assert report, str(report)


def test_the_tanh_form_of_gelu_is_the_papers_and_close_to_the_exact_one():
    x = np.linspace(-6, 6, 2001)
    approximation = activations.gelu(x, approximate="tanh")
    paper = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(approximation, paper, atol=1e-14)
    largest = np.abs(approximation - activations.gelu(x)).max()
    assert 4e-4 < largest < 5e-4


# f and f' far out and at 0, from their limits: -inf, a huge negative, 0, a huge positive, +inf.
LIMITS = {
    "relu": ([0, 0, 0, 1e30, np.inf], [0, 0, 0, 1, 1]),
    "leaky_relu": ([-np.inf, -1e28, 0, 1e30, np.inf], [0.01, 0.01, 0.01, 1, 1]),
    "elu": ([-1, -1, 0, 1e30, np.inf], [0, 0, 1, 1, 1]),
    "sigmoid": ([0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
    "tanh": ([-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
    "gelu": ([0, 0, 0, 1e30, np.inf], [0, 0, 0.5, 1, 1]),
    "silu": ([0, 0, 0, 1e30, np.inf], [0, 0, 0.5, 1, 1]),
}


@both_types
@every_elementwise
def test_limits_are_reached(name, dtype):
    x = np.array([-np.inf, -1e30, 0, 1e30, np.inf], dtype)
    values, slopes = LIMITS[name]
    np.testing.assert_allclose(function(name)(x), np.array(values, dtype), rtol=1e-6)
    np.testing.assert_allclose(function(f"{name}_grad")(x), np.array(slopes, dtype), rtol=1e-6)


@both_types
def test_the_tanh_form_of_gelu_reaches_the_same_limits(dtype):
    x = np.array([-np.inf, -1e30, 0, 1e30, np.inf], dtype)
    values, slopes = LIMITS["gelu"]
    np.testing.assert_allclose(activations.gelu(x, approximate="tanh"), np.array(values, dtype), rtol=1e-6)
    np.testing.assert_allclose(activations.gelu_grad(x, approximate="tanh"), slopes)


def test_digits_far_out_are_kept():
    """Where the textbook forms give 0, 1 or NaN."""
    with np.errstate(under="ignore"):
        np.testing.assert_allclose(activations.sigmoid(np.array(-720.0)), np.exp(-720.0), rtol=1e-9)
    np.testing.assert_allclose(activations.sigmoid(np.float32(-80.0)), np.exp(np.float64(-80)), rtol=1e-5)
    np.testing.assert_allclose(activations.sigmoid_grad(np.array(50.0)), np.exp(-50.0), rtol=1e-12)
    np.testing.assert_allclose(activations.tanh_grad(np.array(-30.0)), 4 * np.exp(-60.0), rtol=1e-12)
    np.testing.assert_allclose(activations.gelu(np.array(-30.0)), -30 * scipy.special.ndtr(-30.0), rtol=1e-12)


def test_relu_and_its_relatives_take_the_slope_from_the_left_at_their_kink():
    zero = np.zeros(1)
    assert activations.relu_grad(zero) == 0
    assert activations.leaky_relu_grad(zero, alpha=0.3) == 0.3
    assert activations.elu_grad(zero, alpha=0.3) == 0.3


def test_alpha_is_the_slope_or_the_depth_below_zero():
    x = np.array([-np.inf, -2.0, 3.0])
    np.testing.assert_array_equal(activations.leaky_relu(x, alpha=0.5), [-np.inf, -1, 3])
    np.testing.assert_array_equal(activations.leaky_relu(x, alpha=0), [0, 0, 3])
    np.testing.assert_allclose(activations.elu(x, alpha=2.0), [-2, 2 * np.expm1(-2), 3])
    np.testing.assert_allclose(activations.elu_grad(x, alpha=2.0), [0, 2 * np.exp(-2), 1])
    single = activations.leaky_relu(x.astype(np.float32), alpha=np.float64(0.5))
    assert single.dtype == np.float32


@both_types
def test_softmax_of_huge_logits_is_exact(dtype):
    x = np.array([[1000, 0], [-1e30, 1e30], [1e30, 1e30]], dtype)
    np.testing.assert_array_equal(activations.softmax(x), [[1, 0], [0, 1], [0.5, 0.5]])
    logs = activations.log_softmax(x)
    np.testing.assert_allclose(logs, [[0, -1000], [-2e30, 0], [-np.log(2), -np.log(2)]], rtol=1e-6)
    np.testing.assert_array_equal(activations.softmax_grad(x)[0], np.zeros((2, 2)))


def test_minus_infinity_masks_and_what_has_no_softmax_is_nan():
    x = np.array([[-np.inf, 0, 0], [-np.inf, -np.inf, -np.inf], [np.inf, 0, 0]])
    np.testing.assert_array_equal(activations.softmax(x), [[0, 0.5, 0.5], [np.nan] * 3, [np.nan] * 3])
    masked = activations.log_softmax(x)
    np.testing.assert_allclose(masked[0], [-np.inf, -np.log(2), -np.log(2)])
    assert np.isnan(masked[1:]).all()


@pytest.mark.parametrize("name", PER_AXIS)
def test_softmax_does_not_see_a_constant_and_works_along_any_axis(name):
    x = np.random.default_rng(1).normal(size=(3, 4, 5))
    np.testing.assert_allclose(function(name)(x + 100.0), function(name)(x), rtol=1e-11)
    for axis in (-3, -2, 0, 1, 2):
        moved = function(name)(np.moveaxis(x, axis, -1))
        np.testing.assert_allclose(function(name)(x, axis=axis), np.moveaxis(moved, -1, axis), rtol=1e-14)
    np.testing.assert_allclose(np.exp(activations.log_softmax(x, axis=1)).sum(axis=1), 1.0)


@both_types
@every_function
def test_nan_stays_nan_and_stays_alone(name, dtype):
    x = np.array([[-1.0, np.nan], [0.5, 2.0]], dtype)
    y = function(name)(x)
    assert y.dtype == dtype
    alone = np.isnan(y[0]) if "softmax" not in name else np.isnan(y[0]).any(axis=-1)
    np.testing.assert_array_equal(alone, [False, True] if "softmax" not in name else True)
    assert np.isfinite(y[1]).all()


@both_types
@every_function
def test_nothing_is_modified_and_nothing_warns(name, dtype):
    x = np.array([[-np.inf, -1e30, -800, -90, -1, -0.0], [0, 1e-40, 1, 90, 800, np.nan]]).astype(dtype)
    before = x.copy()
    x.flags.writeable = False
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        y = function(name)(x)
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(x, y)


@every_elementwise
def test_numbers_empty_arrays_and_strided_views_are_welcome(name):
    f = function(name)
    assert np.ndim(f(0.5)) == 0
    assert isinstance(f(0.5), float)
    assert f(np.zeros((0, 3), np.float32)).shape == (0, 3)
    x = np.linspace(-2, 2, 24).reshape(4, 6)
    np.testing.assert_array_equal(f(x.T[::-2]), f(np.ascontiguousarray(x.T[::-2])))


@every_function
@pytest.mark.parametrize("values", [np.arange(3), np.zeros(3, np.float16), [True], np.zeros(3, complex)])
def test_other_numbers_than_floats_are_refused(name, values):
    with pytest.raises(DTypeError, match="expected float32 or float64"):
        function(name)(values)


@pytest.mark.parametrize("name", [*PER_AXIS, *(f"{name}_grad" for name in PER_AXIS)])
def test_an_axis_that_is_not_there_is_refused(name):
    with pytest.raises(ShapeError, match="axis is 2"):
        function(name)(np.zeros((2, 3)), axis=2)
    with pytest.raises(ShapeError, match="axis is -3"):
        function(name)(np.zeros((2, 3)), axis=-3)
    with pytest.raises(ShapeError, match="0 axes"):
        function(name)(1.0, axis=0)
    with pytest.raises(ShapeError, match="empty"):
        function(name)(np.zeros((2, 0)))
    with pytest.raises(OptionError, match="axis"):
        function(name)(np.zeros((2, 3)), axis=None)


def test_meaningless_options_are_refused():
    for f in (activations.leaky_relu, activations.leaky_relu_grad, activations.elu, activations.elu_grad):
        with pytest.raises(OptionError, match="alpha is nan"):
            f(np.zeros(3), alpha=np.nan)
    for f in (activations.gelu, activations.gelu_grad):
        with pytest.raises(OptionError, match="'none' or 'tanh'"):
            f(np.zeros(3), approximate="Tanh")
