"""Winograd's F(4x4, 3x3): its bases, its rounding, and what it does with numbers that are not finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, numbers

from cnnkit.kernels import loops, parallel, vectorized
from cnnkit.kernels.parallel import winograd
from cnnkit.kernels.parallel.region import serial

FLOAT32_BOUND, FLOAT64_BOUND = 2e-5, 4e-14  # of the largest result; measured 7e-6 and 1.2e-14 at most


def change(function, values, results):
    """Apply one change of basis to `values`, a list of numbers: each becomes a vector, lane 0 is read."""
    lanes = 8
    source, target = np.zeros(len(values) * lanes), np.zeros(results * lanes)
    source[::lanes] = values
    compiled = serial(lambda a, b: function(a, 0, lanes, b, 0, lanes))
    compiled(source, target)
    return target[::lanes]


def test_the_changes_of_basis_compute_a_one_dimensional_convolution():
    """``A^T ((G g) * (B^T d))`` is the sum over taps of g[m] * d[i + m], for random d and g."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        d, g = rng.uniform(-1, 1, 6), rng.uniform(-1, 1, 3)
        products = change(winograd.change_weights, g, 6) * change(winograd.change_input, d, 6)
        y = change(winograd.change_back, products, 4)
        np.testing.assert_allclose(y, [g @ d[i : i + 3] for i in range(4)], rtol=0, atol=1e-14)


def test_the_bases_are_those_of_the_paper():
    """Lavin & Gray 2015, section 4.1 for the pattern; the rows are unit vectors changed one by one."""
    b = np.array([change(winograd.change_input, unit, 6) for unit in np.eye(6)]).T
    np.testing.assert_array_equal(b[0], [4, 0, -5, 0, 1, 0])
    np.testing.assert_array_equal(b[1], [0, -4, -4, 1, 1, 0])
    np.testing.assert_array_equal(b[5], [0, 4, 0, -5, 0, 1])
    a = np.array([change(winograd.change_back, unit, 4) for unit in np.eye(6)]).T
    np.testing.assert_array_equal(a[3], [0, 1, -1, 8, -8, 1])


@st.composite
def layers(draw):
    """x, w, b and the padding of a 3x3 layer; sizes that are no whole tiles, vectors or panels."""
    channels = draw(st.sampled_from([1, 3, 7, 8, 9, 15, 16, 17, 40]))
    filters = draw(st.sampled_from([1, 7, 8, 9, 16, 17, 40, 130]))
    size = draw(st.tuples(st.integers(3, 15), st.integers(3, 15)))
    seed, dtype = draw(st.integers(0, 999)), draw(st.sampled_from(["float32", "float64"]))
    side = st.integers(0, 3)
    padding = (draw(st.tuples(side, side)), draw(st.tuples(side, side)))
    x = numbers(seed, (draw(st.integers(1, 3)), *size, channels), dtype)
    return (
        x,
        numbers(seed + 1, (3, 3, channels, filters), dtype),
        numbers(seed + 2, (filters,), dtype),
        padding,
    )


@examples(60)
@given(layers())
def test_layers_of_any_size_agree_with_the_vectorised_kernel(layer):
    x, w, b, padding = layer
    y = parallel.conv2d(x, w, b, padding=padding, algorithm="winograd")
    expected = vectorized.conv2d(x.astype(float), w.astype(float), b.astype(float), padding=padding)
    bound = FLOAT32_BOUND if x.dtype == np.float32 else FLOAT64_BOUND
    assert np.abs(y - expected).max() <= bound * np.abs(expected).max()


@pytest.mark.parametrize(("dtype", "bound"), [("float32", FLOAT32_BOUND), ("float64", FLOAT64_BOUND)])
@pytest.mark.parametrize("channels", [16, 64, 256])
@pytest.mark.parametrize("positive", [False, True])
def test_rounding_stays_under_the_documented_bound(dtype, bound, channels, positive):
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((1, 16, 16, channels))
    w = rng.standard_normal((3, 3, channels, 32)) / np.sqrt(9 * channels)
    if positive:  # after a ReLU
        x = np.maximum(x, 0)
    x, w = x.astype(dtype), w.astype(dtype)
    exact = vectorized.conv2d(x.astype(np.longdouble).astype(float), w.astype(float), padding="same")
    y = parallel.conv2d(x, w, padding="same", algorithm="winograd")
    error = np.abs(y - exact).max() / np.abs(exact).max()
    assert error <= bound


def test_rounding_is_larger_than_the_direct_sum_s():
    """Should this fail, the documentation is too modest: Winograd became as exact as the direct sum."""
    x, w = numbers(0, (1, 16, 16, 64), "float32"), numbers(1, (3, 3, 64, 32), "float32")
    exact = vectorized.conv2d(x.astype(float), w.astype(float))
    errors = [np.abs(parallel.conv2d(x, w, algorithm=name) - exact).max() for name in ("direct", "winograd")]
    assert errors[0] < errors[1] < 100 * errors[0]


def test_one_infinity_reaches_exactly_the_windows_that_hold_it_and_leaves_the_rest_alone():
    x, w = numbers(0, (1, 14, 13, 20), "float32"), numbers(1, (3, 3, 20, 33), "float32")
    clean = parallel.conv2d(x, w, padding="same", algorithm="winograd")
    x[0, 6, 5, 2] = np.inf
    y = parallel.conv2d(x, w, padding="same", algorithm="winograd")
    seen = np.zeros((14, 13), bool)
    seen[5:8, 4:7] = True
    np.testing.assert_array_equal(np.isinf(y[0]), seen[..., None] & np.ones(33, bool))
    np.testing.assert_allclose(y[0][~seen], clean[0][~seen], rtol=1e-3, atol=1e-4)


def test_what_overflows_only_on_the_way_does_not_overflow():
    """The change of basis multiplies by up to 100: finite results must stay finite."""
    x = np.full((8, 8, 16), 1e37, np.float32)
    w = np.zeros((3, 3, 16, 16), np.float32)
    w[1, 1] = np.eye(16, dtype=np.float32)
    np.testing.assert_array_equal(parallel.conv2d(x, w, algorithm="winograd"), x[1:-1, 1:-1])


def test_nothing_but_nan():
    x, w = np.full((1, 9, 9, 17), np.nan), numbers(1, (3, 3, 17, 18), "float64")
    assert np.isnan(parallel.conv2d(x, w, padding="same", algorithm="winograd")).all()


@pytest.mark.parametrize("channels", [1, 3, 15])
def test_few_channels_and_filters_are_right_too(channels):
    x, w = numbers(0, (7, 6, channels), "float32"), numbers(1, (3, 3, channels, 2), "float32")
    y = parallel.conv2d(x, w, algorithm="winograd")
    np.testing.assert_allclose(y, loops.conv2d(x, w), rtol=1e-4, atol=1e-4)
