"""Pooling: against onnxruntime, against finite differences, and on the cases where mistakes show."""

import numpy as np
import onnx_oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import MODULES, examples, name_of, numbers, pool_cases, tolerance

from cnnkit.errors import ShapeError
from cnnkit.gradcheck import numeric_gradient
from cnnkit.kernels import vectorized

every_module = pytest.mark.parametrize("kernels", MODULES, ids=name_of)
NAN, INF = np.nan, np.inf


@every_module
@examples(40)
@given(pool_cases(dtypes=("float32",)))
def test_max_pooling_agrees_with_onnxruntime(kernels, case):
    x, window, options = case
    expected = onnx_oracle.max_pool2d(x, window, **options)
    np.testing.assert_array_equal(kernels.max_pool2d(x, window, **options), expected)


@every_module
@examples(40)
@given(pool_cases(dtypes=("float32",)), st.booleans())
def test_average_pooling_agrees_with_onnxruntime(kernels, case, count_include_pad):
    x, window, options = case
    options["count_include_pad"] = count_include_pad
    expected = onnx_oracle.avg_pool2d(x, window, **options)
    np.testing.assert_allclose(kernels.avg_pool2d(x, window, **options), expected, **tolerance(x.dtype))


@every_module
@pytest.mark.parametrize(("word", "auto_pad"), [("same", "SAME_UPPER"), ("same_lower", "SAME_LOWER")])
@pytest.mark.parametrize(("window", "stride"), [((3, 2), (2, 2)), ((4, 3), (3, 1)), ((1, 2), (2, 3))])
def test_same_padding_agrees_with_onnxruntime(kernels, word, auto_pad, window, stride):
    x = numbers(0, (2, 7, 8, 3), np.float32)
    options = {"stride": stride, "ceil_mode": False}
    theirs = {**options, "padding": auto_pad, "dilation": (1, 1)}
    ours = kernels.max_pool2d(x, window, padding=word, **options)
    np.testing.assert_array_equal(ours, onnx_oracle.max_pool2d(x, window, **theirs))
    ours = kernels.avg_pool2d(x, window, padding=word, **options)
    expected = onnx_oracle.avg_pool2d(x, window, **theirs, count_include_pad=False)
    np.testing.assert_allclose(ours, expected, **tolerance(x.dtype))


def distinct(shape):
    """Values at least 1 apart, so that a step of 0.25 changes no maximum."""
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float64)


GEOMETRIES = [
    ((2, 2), {}),
    ((3, 3), {"stride": 2}),  # windows overlap: an assignment in place of += loses errors
    ((3, 2), {"stride": 1, "padding": ((1, 2), (0, 1))}),
    ((2, 3), {"stride": (3, 4)}),
    ((3, 3), {"stride": 2, "ceil_mode": True, "padding": (1, 0)}),
    ((2, 2), {"stride": (2, 1), "dilation": (2, 3), "padding": "same"}),
]


@pytest.mark.parametrize(("window", "options"), GEOMETRIES, ids=str)
def test_max_gradients_agree_with_finite_differences(window, options):
    x = distinct((2, 6, 8, 2))
    dy = numbers(1, vectorized.max_pool2d(x, window, **options).shape, np.float64)
    numeric = numeric_gradient(
        lambda x: float(np.sum(vectorized.max_pool2d(x, window, **options) * dy)), x, h=0.25
    )
    for kernels in MODULES:
        ours = kernels.max_pool2d_backward(dy, x, window, **options)
        np.testing.assert_allclose(ours, numeric, rtol=1e-6, atol=1e-9, err_msg=kernels.__name__)


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize(("window", "options"), GEOMETRIES, ids=str)
def test_average_gradients_agree_with_finite_differences(window, options, count_include_pad):
    options = {**options, "count_include_pad": count_include_pad}
    x = numbers(0, (2, 6, 8, 2), np.float64)
    dy = numbers(1, vectorized.avg_pool2d(x, window, **options).shape, np.float64)
    numeric = numeric_gradient(
        lambda x: float(np.sum(vectorized.avg_pool2d(x, window, **options) * dy)), x, h=0.5
    )
    for kernels in MODULES:
        ours = kernels.avg_pool2d_backward(dy, x.shape, window, **options)
        np.testing.assert_allclose(ours, numeric, rtol=1e-6, atol=1e-9, err_msg=kernels.__name__)


@every_module
@examples(40)
@given(pool_cases(), st.booleans(), st.booleans())
def test_every_error_arrives_and_the_modules_agree(kernels, case, count_include_pad, with_ties):
    x, window, options = case
    x = np.round(x * 2) / 2 if with_ties else x
    dy = numbers(9, kernels.max_pool2d(x, window, **options).shape, x.dtype)
    dx = kernels.max_pool2d_backward(dy, x, window, **options)
    np.testing.assert_allclose(
        dx, MODULES[0].max_pool2d_backward(dy, x, window, **options), **tolerance(x.dtype)
    )
    np.testing.assert_allclose(dx.sum(axis=(1, 2)), dy.sum(axis=(1, 2)), **tolerance(x.dtype))
    options["count_include_pad"] = count_include_pad
    dx = kernels.avg_pool2d_backward(dy, x.shape, window, **options)
    oracle = MODULES[0].avg_pool2d_backward(dy, x.shape, window, **options)
    np.testing.assert_allclose(dx, oracle, **tolerance(x.dtype))
    inner = np.vdot(kernels.avg_pool2d(x, window, **options).astype(np.float64), dy)
    np.testing.assert_allclose(np.vdot(x.astype(np.float64), dx), inner, **tolerance(x.dtype))


def column(*values):
    return np.array(values, np.float64).reshape(1, len(values), 1, 1)


@every_module
@pytest.mark.parametrize(
    ("values", "largest", "winner"),
    [
        ((1, 3, 3, 2), 3, 1),
        ((3, 3, 3, 3), 3, 0),
        ((-INF, -INF, -INF, -INF), -INF, 0),
        ((-INF, -5, 2, INF), INF, 3),
        ((4, NAN, 9, NAN), NAN, 1),
        ((INF, 1, 2, NAN), NAN, 3),
        ((NAN, NAN, NAN, NAN), NAN, 0),
        ((-0.0, 0.0, -1, -1), 0, 0),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_infinities_and_nan(kernels, values, largest, winner, dtype):
    x = column(*values).astype(dtype)
    window = (4, 1)
    np.testing.assert_array_equal(kernels.max_pool2d(x, window), np.array(largest, dtype).reshape(1, 1, 1, 1))
    dx = kernels.max_pool2d_backward(np.full((1, 1, 1, 1), 7, dtype), x, window)
    np.testing.assert_array_equal(dx[0, :, 0, 0], np.eye(4)[winner] * 7)


@every_module
def test_the_first_maximum_is_the_first_row_by_row(kernels):
    x = np.array([[0.0, 5], [5, 5]]).reshape(2, 2, 1)
    dx = kernels.max_pool2d_backward(np.ones((1, 1, 1)), x)
    np.testing.assert_array_equal(dx[..., 0], [[0, 1], [0, 0]])


@every_module
@pytest.mark.parametrize(
    "options", [{"padding": 1}, {"padding": "full"}, {"stride": 2, "padding": ((1, 0), (0, 0))}]
)
def test_padding_never_wins_not_even_against_minus_infinity(kernels, options):
    x = np.full((3, 3, 2), -INF)
    y = kernels.max_pool2d(x, 2, **options)
    assert (y == -INF).all()
    dx = kernels.max_pool2d_backward(np.ones_like(y), x, 2, **options)
    assert dx.sum() == y.size


@every_module
def test_averages_of_infinities_and_nan(kernels):
    x = column(INF, 1, INF, -INF, NAN, 2)
    np.testing.assert_array_equal(kernels.avg_pool2d(x, (2, 1))[0, :, 0, 0], [INF, NAN, NAN])


@every_module
def test_corners_divide_by_what_they_count(kernels):
    x = np.ones((5, 5, 1))
    inside = kernels.avg_pool2d(x, 3, stride=2, padding=1)
    np.testing.assert_allclose(inside, 1)
    padded = kernels.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=True)[..., 0]
    np.testing.assert_allclose(padded, np.outer([2 / 3, 1, 2 / 3], [2 / 3, 1, 2 / 3]))
    overhang = kernels.avg_pool2d(x, 2, padding=((1, 0), (1, 0)), ceil_mode=True, count_include_pad=True)[
        ..., 0
    ]
    np.testing.assert_allclose(overhang, np.outer([0.5, 1, 1], [0.5, 1, 1]))
    overhang = kernels.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=True)
    np.testing.assert_allclose(overhang, 1)  # cells behind the padded input never count


@every_module
@pytest.mark.parametrize("operator", ["max_pool2d", "avg_pool2d"])
def test_a_window_of_padding_only_is_refused(kernels, operator):
    with pytest.raises(ShapeError, match=r"height: with padding .* window 0 lies in the padding entirely"):
        getattr(kernels, operator)(np.ones((4, 4, 1)), 2, padding=((2, 0), (0, 0)))
