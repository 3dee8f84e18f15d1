"""Numeric gradients of functions whose derivatives are known, and checks that must fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_cases import examples

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.gradcheck import check_gradient, numeric_gradient, relative_error
from cnnkit.kernels import vectorized

values = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), elements=st.floats(-3, 3, width=32)
)


@examples(40)
@given(values)
def test_gradient_of_a_known_function(x):
    gradient = numeric_gradient(lambda x: np.sum(np.sin(x) + x**2), x)
    assert gradient.shape == x.shape
    np.testing.assert_allclose(gradient, np.cos(x) + 2 * x, atol=1e-8)


def test_entries_that_influence_each_other():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    gradient = numeric_gradient(lambda x: x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0], x)
    np.testing.assert_allclose(gradient, [[4, -3], [-2, 1]], rtol=1e-9)


def test_the_input_is_neither_modified_nor_shared():
    x = np.arange(4.0)[::-1]
    x.flags.writeable = False

    def destroys_its_argument(v):
        total = v.sum()
        v[:] = np.nan
        return total

    np.testing.assert_allclose(numeric_gradient(destroys_its_argument, x), 1)
    np.testing.assert_array_equal(x, [3, 2, 1, 0])


def test_the_step_decides_between_curvature_and_rounding():
    """For exp at 1 the error falls with h**2 down to about 1e-5, then rises with eps / h."""
    x = np.ones(1)
    errors = {h: abs(numeric_gradient(np.exp, x, h=h)[0] - np.e) for h in (1e-1, 1e-2, 1e-5, 1e-12)}
    np.testing.assert_allclose(errors[1e-1], np.e / 6 * 1e-2, rtol=1e-2)
    np.testing.assert_allclose(errors[1e-2], np.e / 6 * 1e-4, rtol=1e-2)
    assert errors[1e-5] < 1e-9 < 1e-6 < errors[1e-12]


def test_the_step_is_the_one_really_taken():
    """At 1e6 a step of 1e-5 lands on a neighbouring double: dividing by h itself would be 1e-6 off."""
    gradient = numeric_gradient(lambda x: x.sum(), np.array([1e6 + 0.1]))
    assert abs(gradient[0] - 1) < 1e-12


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1.0, 1.0, 0.0),
        (1.0, 2.0, 0.5),
        (-1.0, 1.0, 2.0),
        (0.0, 0.0, 0.0),
        (0.0, 1e-12, 1e-4),
        (1e-300, -1e-300, 2e-292),
        (1e308, -1e308, np.inf),
        (np.inf, np.inf, 0.0),
        (np.inf, 1.0, np.inf),
        (np.inf, -np.inf, np.inf),
        (np.nan, 1.0, np.nan),
        (np.nan, np.nan, np.nan),
        (np.inf, np.nan, np.nan),
    ],
)
def test_relative_error_at_its_edges(a, b, expected):
    for left, right in ((a, b), (b, a)):
        with np.errstate(all="raise"):
            error = relative_error(np.array([left]), np.array([right]))
        np.testing.assert_allclose(error, [expected])


def test_relative_error_works_on_numbers_and_takes_a_floor():
    assert relative_error(3.0, 4.0) == 0.25
    assert relative_error(0.0, 0.5, floor=10.0) == 0.05
    with pytest.raises(ShapeError, match=r"\(2,\) and b \(3,\)"):
        relative_error(np.zeros(2), np.zeros(3))


def cube(x):
    return (x**3).sum()


def test_a_right_gradient_passes_and_reports_its_figures():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    report = check_gradient(cube, x, 3 * x**2)
    assert report
    assert report.passed
    assert 0 <= report.max_relative_error < 1e-8
    assert "gradients agree" in str(report)


def test_a_wrong_entry_is_found_and_named():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    wrong = 3 * x**2
    wrong[1, 0] *= -1
    report = check_gradient(cube, x, wrong)
    assert not report
    assert report.worst_index == (1, 0)
    np.testing.assert_allclose([report.analytic, report.numeric], [-0.75, 0.75], rtol=1e-8)
    np.testing.assert_allclose(report.max_relative_error, 2.0, rtol=1e-8)
    assert "DIFFER" in str(report)
    assert "(1, 0)" in str(report)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_never_passes(bad):
    x = np.ones(3)
    report = check_gradient(cube, x, np.array([3.0, bad, 3.0]))
    assert not report
    assert report.worst_index == (1,)
    assert not check_gradient(lambda x: np.nan * x.sum(), x, np.ones(3))


def test_entries_that_cancel_to_nearly_nothing_do_not_fail_a_right_gradient():
    """Their central difference is rounding noise of the large entries."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 6, 6, 2))
    w, dy = rng.normal(size=(3, 3, 2, 4)), 100 * rng.normal(size=(1, 4, 4, 4))
    w[:, :, 1] *= 1e-9
    dx, _, _ = vectorized.conv2d_backward(dy, x, w)
    report = check_gradient(lambda x: (vectorized.conv2d(x, w) * dy).sum(), x, dx)
    assert report, str(report)
    dx[0, 3, 3, 0] *= 1.001
    assert not check_gradient(lambda x: (vectorized.conv2d(x, w) * dy).sum(), x, dx)


def test_the_tolerance_is_the_callers():
    x = np.ones(2)
    assert not check_gradient(cube, x, np.array([3.0, 3.01]))
    assert check_gradient(cube, x, np.array([3.0, 3.01]), tolerance=1e-2)


def test_single_precision_is_refused_unless_wanted():
    x = np.array([1.0, 2.0], np.float32)
    for check in (lambda: numeric_gradient(cube, x), lambda: check_gradient(cube, x, 3 * x**2)):
        with pytest.raises(DTypeError, match=r"astype\(np.float64\)"):
            check()
    seen = []

    def noting(x):
        seen.append(x.dtype)
        return cube(x)

    gradient = numeric_gradient(noting, x, h=1e-2, allow_float32=True)
    assert gradient.dtype == np.float64
    assert set(seen) == {np.dtype(np.float32)}
    error = np.abs(relative_error(gradient, 3 * x.astype(np.float64) ** 2)).max()
    assert 1e-8 < error < 1e-3
    assert check_gradient(cube, x, 3 * x**2, h=1e-2, tolerance=1e-3, allow_float32=True)


def test_wrong_arguments_are_refused_and_named():
    x = np.ones(3)
    for h in (0, -1e-5, np.nan, np.inf):
        with pytest.raises(OptionError, match="h is"):
            numeric_gradient(cube, x, h=h)
    with pytest.raises(OptionError, match="too small"):
        numeric_gradient(cube, x, h=1e-20)
    with pytest.raises(ShapeError, match="reduce it first"):
        numeric_gradient(lambda x: x, x)
    with pytest.raises(DTypeError, match="x holds int64"):
        numeric_gradient(cube, np.arange(3))
    with pytest.raises(ShapeError, match="analytic has shape"):
        check_gradient(cube, x, np.ones((3, 1)))
    with pytest.raises(ShapeError, match="not empty"):
        check_gradient(cube, x[:0], x[:0])
