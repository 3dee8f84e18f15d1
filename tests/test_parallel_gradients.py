"""Gradients, pooling and dense layers of the parallel kernels where paths part: phases, bands, panels."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_cases import examples, numbers

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels import loops, parallel, vectorized
from cnnkit.kernels.parallel import gradient, pooling_loops, region
from cnnkit.kernels.parallel.gradient import conv2d_weight_gradients

INF, NAN = np.inf, np.nan


def close(dtype):
    return {"rtol": 1e-4, "atol": 2e-4} if np.dtype(dtype) == np.float32 else {"rtol": 1e-11, "atol": 1e-11}


@pytest.fixture(autouse=True)
def _divide_small_work(monkeypatch):
    monkeypatch.setattr(region, "SMALL_WORK", 0)


pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
edges = st.tuples(st.integers(0, 4), st.integers(0, 4))


@st.composite
def convolutions(draw, kinds=("plain", "grouped", "depthwise")):
    """Arguments of a convolution, and errors that fit its result."""
    kind = draw(st.sampled_from(kinds))
    groups = {"plain": 1, "grouped": draw(st.integers(2, 3)), "depthwise": draw(st.integers(2, 40))}[kind]
    channels = 1 if kind == "depthwise" else draw(st.integers(1, 20))
    filters = draw(st.integers(1, 3)) if kind == "depthwise" else draw(st.integers(1, 40))
    dtype, seed = draw(st.sampled_from(["float32", "float64"])), draw(st.integers(0, 999))
    size = draw(st.tuples(st.integers(1, 2), st.integers(1, 23), st.integers(1, 23)))
    x = numbers(seed, (*size, channels * groups), dtype)
    w = numbers(seed + 1, (*draw(pairs), channels, filters * groups), dtype)
    options = {
        "stride": draw(pairs),
        "dilation": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": (draw(edges), draw(edges)),
        "groups": groups,
    }
    try:
        y = vectorized.conv2d(x, w, **options)
    except ShapeError:
        assume(False)
    return numbers(seed + 2, y.shape, dtype), x, w, options


@examples(120)
@given(convolutions())
def test_all_gradients_agree_with_the_vectorised_kernels(case):
    dy, x, w, options = case
    expected = vectorized.conv2d_backward(dy, x, w, **options)
    gradients = parallel.conv2d_backward(dy, x, w, **options)
    for name, ours, theirs in zip(("dx", "dw", "db"), gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, err_msg=name, **close(x.dtype))
    for ours, same in zip(conv2d_weight_gradients(dy, x, w, **options), gradients[1:], strict=True):
        np.testing.assert_array_equal(ours, same)


@examples(60)
@given(convolutions(kinds=("depthwise",)))
def test_depthwise_agrees_with_the_vectorised_kernel(case):
    _, x, w, options = case
    b = numbers(7, (w.shape[3],), x.dtype)
    expected = vectorized.conv2d(x, w, b, **options)
    np.testing.assert_allclose(parallel.conv2d(x, w, b, **options), expected, **close(x.dtype))


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (0, 3, 2, 1), (0, 5, 5, 2)])
@pytest.mark.parametrize("which", ["dy", "x", "w"])
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("groups", [1, 3])
def test_bad_numbers_in_gradients_go_where_the_literal_sums_send_them(place, which, bad, groups):
    """Also into the products with padding, which the fast paths leave out: 0 * NaN is NaN."""
    channels = 9
    arrays = {
        "dy": numbers(0, (1, 6, 6, 9), np.float64),
        "x": numbers(1, (1, 6, 6, channels), np.float64),
        "w": numbers(2, (3, 3, channels // groups, 9), np.float64),
    }
    arrays[which][tuple(np.minimum(place, np.array(arrays[which].shape) - 1))] = bad
    options = {"padding": 1, "groups": groups}
    expected = loops.conv2d_backward(**arrays, **options)
    for ours, theirs in zip(parallel.conv2d_backward(**arrays, **options), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [9, 40])  # below and above the tiles from which Winograd serves
def test_a_large_map_hands_back_the_same_errors_by_any_path(size):
    x, w = numbers(0, (1, size, size, 20), np.float64), numbers(1, (3, 3, 20, 24), np.float64)
    dy = numbers(2, (1, size, size, 24), np.float64)
    assert (size // 4) ** 2 < gradient.ENOUGH_TILES or size == 40
    dx, dw, _ = parallel.conv2d_backward(dy, x, w, padding="same")
    expected = vectorized.conv2d_backward(dy, x, w, padding="same")
    np.testing.assert_allclose(dx, expected[0], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(dw, expected[1], rtol=1e-10, atol=1e-11)


def test_a_float32_sum_over_many_positions_keeps_its_digits():
    x, dy = np.full((1, 300, 300, 8), 0.1, np.float32), np.full((1, 300, 300, 16), 0.1, np.float32)
    dw, db = conv2d_weight_gradients(dy, x, np.zeros((1, 1, 8, 16), np.float32))
    np.testing.assert_allclose(dw, 900, rtol=2e-5)
    np.testing.assert_allclose(db, 9000, rtol=2e-5)


@st.composite
def pools(draw):
    """x with ties and perhaps NaN, taller than a band, and the options of a pooling."""
    channels, dtype = (
        draw(st.sampled_from([1, 5, 8, 16, 19, 33])),
        draw(st.sampled_from(["float32", "float64"])),
    )
    shape = (draw(st.integers(1, 2)), draw(st.integers(3, 3 * pooling_loops.BAND)), draw(st.integers(3, 9)))
    x = np.round(numbers(draw(st.integers(0, 999)), (*shape, channels), dtype) * 3)
    if draw(st.booleans()):
        x.flat[:: draw(st.integers(7, 50))] = NAN
    options = {
        "window": draw(pairs),
        "stride": draw(pairs),
        "padding": (draw(edges), draw(edges)),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "ceil_mode": draw(st.booleans()),
    }
    return x, options


@examples(120)
@given(pools(), st.booleans())
def test_pooling_agrees_across_bands_and_tails(case, count_include_pad):
    x, options = case
    try:
        expected = vectorized.max_pool2d(x, **options)
    except ShapeError:
        assume(False)
    np.testing.assert_array_equal(parallel.max_pool2d(x, **options), expected)
    dy = numbers(3, expected.shape, x.dtype)
    wanted = vectorized.max_pool2d_backward(dy, x, **options)
    np.testing.assert_allclose(parallel.max_pool2d_backward(dy, x, **options), wanted, rtol=1e-4, atol=1e-5)
    options["count_include_pad"] = count_include_pad
    wanted = vectorized.avg_pool2d(x, **options)
    np.testing.assert_allclose(parallel.avg_pool2d(x, **options), wanted, rtol=1e-4, atol=1e-5)
    wanted = vectorized.avg_pool2d_backward(dy, x.shape, **options)
    ours = parallel.avg_pool2d_backward(dy, x.shape, **options)
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)


sizes = st.sampled_from([1, 3, 6, 7, 16, 40, 129, 300])


@examples(80)
@given(st.sampled_from([0, 1, 2, 6, 13, 400]), sizes, sizes, st.sampled_from(["float32", "float64"]))
def test_dense_and_prepared_dense_are_the_matrix_product(rows, terms, columns, dtype):
    x, w, b = (
        numbers(0, (rows, terms), dtype),
        numbers(1, (terms, columns), dtype),
        numbers(2, (columns,), dtype),
    )
    y = x @ w + b
    np.testing.assert_allclose(parallel.dense(x, w, b), y, **close(dtype))
    np.testing.assert_allclose(parallel.PreparedDense(w, b).run(x), y, **close(dtype))
    relu = parallel.PreparedDense(w, b, activation="relu")
    np.testing.assert_allclose(relu.run(x), np.maximum(y, 0), **close(dtype))
    dy = numbers(3, y.shape, dtype)
    dx, dw, db = parallel.dense_backward(dy, x, w)
    np.testing.assert_allclose(dx, dy @ w.T, **close(dtype))
    np.testing.assert_allclose(dw, x.T @ dy, **close(dtype))
    np.testing.assert_allclose(db, dy.sum(axis=0), **close(dtype))


@pytest.mark.parametrize("rows", [1, 8])
def test_prepared_dense_keeps_nan_and_fills_what_it_is_given(rows):
    w = numbers(0, (5, 20), np.float32)
    layer = parallel.PreparedDense(w, activation="relu")
    w[:] = 0  # a copy was taken
    x = numbers(1, (rows, 5), np.float32)
    out = np.empty((rows, 20), np.float32)
    assert layer.run(x, out) is out
    assert (out > 0).any()
    x[0, 2] = NAN
    assert np.isnan(layer.run(x)[0]).all()
    assert layer.run(x[0]).shape == layer.output_shape == (20,)


def test_prepared_dense_says_what_does_not_fit():
    w = np.ones((5, 20), np.float32)
    layer = parallel.PreparedDense(w)
    with pytest.raises(OptionError, match=r"activation is 'tanh'; expected None or 'relu'"):
        parallel.PreparedDense(w, activation="tanh")
    with pytest.raises(ShapeError, match=r"x has shape \(4,\); expected \(5,\) or \(N, 5\)"):
        layer.run(np.ones(4, np.float32))
    with pytest.raises(DTypeError, match="x is float64"):
        layer.run(np.ones(5))
    with pytest.raises(ShapeError, match=r"out has shape \(3,\); expected \(20,\)"):
        layer.run(np.ones(5, np.float32), np.empty(3, np.float32))
    with pytest.raises(DTypeError, match="out holds float64"):
        layer.run(np.ones(5, np.float32), np.empty(20))
    with pytest.raises(ShapeError, match="out is a view"):
        layer.run(np.ones(5, np.float32), np.empty(40, np.float32)[::2])


def test_small_work_runs_on_one_thread(monkeypatch):
    seen = []
    monkeypatch.setattr(region, "SMALL_WORK", 1000)
    monkeypatch.setattr(region, "set_num_threads", seen.append)
    monkeypatch.setattr(region, "get_num_threads", lambda: 7)
    x = np.ones((10, 10, 2), np.float32)
    parallel.max_pool2d(x)  # 5 * 5 windows of 4 cells in 2 channels: 200
    parallel.max_pool2d(np.ones((40, 40, 2), np.float32))
    assert seen == [1, 7, 7, 7]
