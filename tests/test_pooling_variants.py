"""Poolings beyond maximum and average: against ONNX's operators, finite differences and plain arithmetic."""

import numpy as np
import onnx_oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnkit import gradcheck
from cnnkit import pooling_variants as variants
from cnnkit.errors import CnnkitError, OptionError, ShapeError
from cnnkit.kernels import vectorized

RNG = np.random.default_rng(8)
MAPS = RNG.normal(size=(2, 7, 6, 3))
BOXES = [
    {"window": 2},
    {"window": (3, 2), "stride": (2, 1)},
    {"window": 3, "stride": 2, "padding": 1},
    {"window": 2, "stride": 3},
    {"window": (2, 3), "stride": 1, "padding": ((1, 0), (2, 1))},
]


def weighted(forward, dy):
    """Return the sum of a pooling's outputs, each with a weight of its own."""
    return lambda x: float((forward(x) * dy).sum())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 1), st.sampled_from([1, 2, 3]),
    st.integers(0, 10**6),
)  # fmt: skip
def test_lp_pooling_agrees_with_onnx(height, width, stride, pad, p, seed):
    pad = min(pad, height - 1, width - 1)
    x = np.random.default_rng(seed).normal(size=(2, height + 3, width + 4, 2)).astype(np.float32)
    expected = onnx_oracle._run(
        "LpPool",
        [np.moveaxis(x, -1, 1)],
        kernel_shape=(height, width),
        p=p,
        strides=(stride, stride),
        pads=(pad, pad, pad, pad),
    )
    y = variants.lp_pool2d(x, (height, width), p=float(p), stride=stride, padding=pad)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=1e-6)


def test_lp_pooling_runs_from_the_sum_to_the_maximum():
    np.testing.assert_allclose(
        variants.lp_pool2d(MAPS, 3, p=1), 9 * vectorized.avg_pool2d(np.abs(MAPS), 3), rtol=1e-12
    )
    np.testing.assert_array_equal(
        variants.lp_pool2d(MAPS, 3, p=np.inf), vectorized.max_pool2d(np.abs(MAPS), 3)
    )
    np.testing.assert_allclose(
        variants.lp_pool2d(MAPS, 3, p=400), variants.lp_pool2d(MAPS, 3, p=np.inf), rtol=0.01
    )


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_lp_pooling_neither_overflows_nor_vanishes(scale):
    np.testing.assert_allclose(
        variants.lp_pool2d(MAPS * scale, 2, p=3) / scale, variants.lp_pool2d(MAPS, 2, p=3), rtol=1e-12
    )


def test_lp_pooling_of_nan_and_infinity():
    x = np.ones((4, 4, 1))
    x[0, 0], x[3, 3] = np.nan, np.inf
    y = variants.lp_pool2d(x, 2)[..., 0]
    assert np.isnan(y[0, 0])
    assert y[1, 1] == np.inf
    assert y[0, 1] == y[1, 0] == 2


@pytest.mark.parametrize("box", BOXES, ids=str)
@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_lp_gradients_are_those_of_finite_differences(box, p):
    y = variants.lp_pool2d(MAPS, p=p, **box)
    dy = RNG.normal(size=y.shape)
    dx = variants.lp_pool2d_backward(dy, MAPS, p=p, **box)
    numeric = gradcheck.numeric_gradient(weighted(lambda x: variants.lp_pool2d(x, p=p, **box), dy), MAPS)
    np.testing.assert_allclose(dx, numeric, rtol=1e-6, atol=1e-7)


def test_a_window_of_zeros_passes_nothing_back():
    dx = variants.lp_pool2d_backward(np.ones((1, 2, 1)), np.array([[0, 0, 3, 4.0]] * 2)[..., None], 2)
    np.testing.assert_allclose(dx[0, :, 0], np.array([0, 0, 3, 4]) / np.sqrt(50))


def test_global_average_is_a_mean_per_map_and_shares_its_error():
    y = variants.global_avg_pool2d(MAPS)
    np.testing.assert_allclose(y, vectorized.avg_pool2d(MAPS, (7, 6))[:, 0, 0])
    dy = RNG.normal(size=y.shape)
    dx = variants.global_avg_pool2d_backward(dy, MAPS.shape)
    np.testing.assert_allclose(dx, np.ones(MAPS.shape) * dy[:, None, None] / 42)
    np.testing.assert_array_equal(variants.global_avg_pool2d(MAPS[0]), y[0])
    np.testing.assert_array_equal(variants.global_avg_pool2d_backward(dy[0], MAPS[0].shape), dx[0])


def test_blur_kernels_are_rows_of_pascals_triangle():
    np.testing.assert_array_equal(variants.blur_kernel(3) * 16, np.outer([1, 2, 1], [1, 2, 1]))
    np.testing.assert_array_equal(variants.blur_kernel(5)[0] * 256, [1, 4, 6, 4, 1])
    assert all(variants.blur_kernel(size).sum() == 1 for size in range(1, 8))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_blur_pooling_by_hand(size, stride):
    row = np.sqrt(np.diag(variants.blur_kernel(size)))
    x = MAPS[0, :, :, 0]
    expected = np.zeros((-(-7 // stride), -(-6 // stride)))
    for i, j in np.ndindex(expected.shape):
        total = weight = 0.0
        for m, n in np.ndindex(size, size):
            at = i * stride + m - (size - 1) // 2, j * stride + n - (size - 1) // 2
            if 0 <= at[0] < 7 and 0 <= at[1] < 6:
                total, weight = total + x[at] * row[m] * row[n], weight + row[m] * row[n]
        expected[i, j] = total / weight
    np.testing.assert_allclose(variants.blur_pool2d(MAPS, size, stride=stride)[0, :, :, 0], expected)


def test_blur_pooling_keeps_a_constant_map_up_to_its_border():
    np.testing.assert_allclose(variants.blur_pool2d(np.full((5, 4, 2), 3.0), 5), 3.0)


@pytest.mark.parametrize("options", [{}, {"size": 5, "stride": 3}, {"size": 2, "stride": 1}], ids=str)
def test_blur_gradients_are_those_of_finite_differences(options):
    dy = RNG.normal(size=variants.blur_pool2d(MAPS, **options).shape)
    dx = variants.blur_pool2d_backward(dy, MAPS.shape, **options)
    numeric = gradcheck.numeric_gradient(weighted(lambda x: variants.blur_pool2d(x, **options), dy), MAPS)
    np.testing.assert_allclose(dx, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_anti_aliased_max_pooling_has_max_poolings_shape_and_its_own_gradient(box):
    y = variants.max_blur_pool2d(MAPS, **box)
    assert y.shape == vectorized.max_pool2d(MAPS, **box).shape
    dy = RNG.normal(size=y.shape)
    dx = variants.max_blur_pool2d_backward(dy, MAPS, **box)
    numeric = gradcheck.numeric_gradient(weighted(lambda x: variants.max_blur_pool2d(x, **box), dy), MAPS)
    np.testing.assert_allclose(dx, numeric, rtol=1e-6, atol=1e-8)


def test_without_a_blur_it_is_max_pooling():
    box = {"window": 3, "stride": 2, "padding": 1}
    expected = vectorized.max_pool2d(MAPS, **box)
    np.testing.assert_allclose(variants.max_blur_pool2d(MAPS, size=1, **box), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_stays_and_inputs_are_not_changed(dtype):
    x = MAPS.astype(dtype)
    kept = x.copy()
    y = variants.lp_pool2d(x)
    results = [
        y,
        variants.lp_pool2d_backward(y, x),
        variants.global_avg_pool2d(x),
        variants.max_blur_pool2d(x),
        variants.max_blur_pool2d_backward(y, x),
    ]
    assert {result.dtype for result in results} == {np.dtype(dtype)}
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: variants.lp_pool2d(MAPS, p=0.5), OptionError, "p is 0.5"),
        (lambda: variants.lp_pool2d(MAPS, p=True), OptionError, "p is True"),
        (lambda: variants.lp_pool2d_backward(MAPS, MAPS, p=np.inf), OptionError, "max_pool2d_backward"),
        (lambda: variants.lp_pool2d(MAPS, 9), ShapeError, "9"),
        (lambda: variants.global_avg_pool2d(MAPS[0, 0]), ShapeError, r"\(6, 3\)"),
        (lambda: variants.global_avg_pool2d_backward(np.ones(3), MAPS.shape), ShapeError, r"\(2, 3\)"),
        (lambda: variants.blur_kernel(0), OptionError, "size is 0"),
        (lambda: variants.max_blur_pool2d(MAPS, 2, stride=0), CnnkitError, "stride"),
    ],
)
def test_bad_arguments_get_a_clear_error(call, error, words):
    with pytest.raises(error, match=words):
        call()
