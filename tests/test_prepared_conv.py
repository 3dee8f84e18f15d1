"""PreparedConv2D: weights packed once; bias, shortcut, ReLU and pooling done before the result is stored."""

import threading

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, in_layout, numbers

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels import parallel, vectorized
from cnnkit.kernels.parallel import PreparedConv2D

ALGORITHMS = ("auto", "direct", "winograd", "im2col")


def step_by_step(x, w, b, shortcut, activation, pool, **options):
    y = vectorized.conv2d(x, w, b, **options)
    if shortcut is not None:
        y = y + shortcut
    if activation == "relu":
        y = np.maximum(y, 0)
    return y if pool is None else vectorized.max_pool2d(y, pool)


@st.composite
def cases(draw):
    """A convolution with everything that can be fused to it."""
    three = draw(st.booleans())
    kernel = (3, 3) if three else draw(st.tuples(st.integers(1, 4), st.integers(1, 3)))
    options = {"padding": draw(st.sampled_from(["same", "valid", ((1, 0), (2, 1))]))}
    if not three:
        options |= {"stride": draw(st.sampled_from([1, 2])), "groups": draw(st.sampled_from([1, 2]))}
    groups = options.get("groups", 1)
    channels, filters = draw(st.integers(1, 20)), draw(st.sampled_from([1, 3, 5, 16, 17, 33, 140]))
    seed, dtype = draw(st.integers(0, 999)), draw(st.sampled_from(["float32", "float64"]))
    size = draw(st.tuples(st.integers(5, 14), st.integers(5, 14)))
    x = numbers(seed, (draw(st.integers(1, 3)), *size, channels * groups), dtype)
    w = numbers(seed + 1, (*kernel, channels, filters * groups), dtype)
    b = numbers(seed + 2, (filters * groups,), dtype) if draw(st.booleans()) else None
    shape = vectorized.conv2d(x, w, **options).shape
    shortcut = numbers(seed + 3, shape, dtype) if draw(st.booleans()) else None
    pool = draw(st.sampled_from([None, 2])) if min(shape[1:3]) >= 2 else None
    algorithm = draw(st.sampled_from(ALGORITHMS if three else ("auto", "direct", "im2col")))
    return x, w, b, shortcut, draw(st.sampled_from([None, "relu"])), pool, options, algorithm


@examples(120)
@given(cases())
def test_what_is_fused_equals_one_step_after_the_other(case):
    x, w, b, shortcut, activation, pool, options, algorithm = case
    expected = step_by_step(x, w, b, shortcut, activation, pool, **options)
    prepared = PreparedConv2D(
        w,
        b,
        input_shape=x.shape[1:],
        activation=activation,
        pool=pool,
        algorithm=algorithm,
        batch=len(x),
        **options,
    )
    assert prepared.output_shape == expected.shape[1:]
    y = prepared.run(x, shortcut=shortcut)
    tolerance = 2e-4 if x.dtype == np.float32 else 1e-11
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    out = np.full_like(y, np.nan)
    assert prepared.run(x, out=out, shortcut=shortcut) is out
    np.testing.assert_array_equal(out, y)
    alone = prepared.run(x[0], shortcut=None if shortcut is None else shortcut[0])
    np.testing.assert_array_equal(alone, y[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("pool", [None, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_relu_and_pooling_keep_nan_and_hide_no_infinity(algorithm, pool, value):
    """Minus infinity becomes 0 in the ReLU: it has to be noticed before."""
    x, w = numbers(0, (1, 8, 9, 17), "float64"), numbers(1, (3, 3, 17, 18), "float64")
    x[0, 3, 4, 5] = value
    prepared = PreparedConv2D(
        w, input_shape=(8, 9, 17), padding="same", activation="relu", pool=pool, algorithm=algorithm
    )
    with np.errstate(invalid="ignore"):
        expected = step_by_step(x, w, None, None, "relu", pool, padding="same")
    np.testing.assert_allclose(prepared.run(x), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights_are_copied_and_inputs_left_alone(algorithm):
    x, w, b = numbers(0, (8, 8, 16), "float32"), numbers(1, (3, 3, 16, 16), "float32"), np.ones(16, "f4")
    prepared = PreparedConv2D(w, b, input_shape=x.shape, algorithm=algorithm)
    before, x_before = prepared.run(x), x.copy()
    w[:], b[:] = 0, 0
    np.testing.assert_array_equal(prepared.run(x), before)
    np.testing.assert_array_equal(x, x_before)


def test_the_shortcut_may_be_the_result():
    x, w = numbers(0, (2, 8, 8, 16), "float32"), numbers(1, (3, 3, 16, 16), "float32")
    prepared = PreparedConv2D(w, input_shape=(8, 8, 16), padding="same", activation="relu")
    expected = prepared.run(x, shortcut=x)
    out = x.copy()
    np.testing.assert_array_equal(prepared.run(x, out=out, shortcut=out), expected)


def test_a_batch_may_have_any_size_and_memory_is_kept_between_calls():
    w = numbers(1, (3, 3, 16, 32), "float32")
    prepared = PreparedConv2D(w, input_shape=(9, 9, 16))
    assert prepared.scratch_bytes == 0
    assert prepared.run(np.ones((0, 9, 9, 16), np.float32)).shape == (0, 7, 7, 32)
    for images in (5, 1, 3):
        x = numbers(images, (images, 9, 9, 16), "float32")
        np.testing.assert_allclose(prepared.run(x), vectorized.conv2d(x, w), rtol=1e-4, atol=1e-4)
    kept = prepared.scratch_bytes
    assert kept > 0
    prepared.run(numbers(0, (1, 9, 9, 16), "float32"))
    assert prepared.scratch_bytes == kept


@pytest.mark.parametrize("algorithm", ["direct", "winograd", "im2col"])
def test_bits_do_not_depend_on_threads_or_neighbours(algorithm):
    x, w = numbers(0, (3, 29, 31, 20), "float32"), numbers(1, (3, 3, 20, 72), "float32")
    prepared = PreparedConv2D(w, input_shape=(29, 31, 20), padding="same", algorithm=algorithm)
    threads = numba.get_num_threads()
    expected = prepared.run(x)
    try:
        for count in range(1, threads + 1):
            numba.set_num_threads(count)
            np.testing.assert_array_equal(prepared.run(x), expected)
            np.testing.assert_array_equal(prepared.run(x[1]), expected[1])
    finally:
        numba.set_num_threads(threads)


def test_many_python_threads_share_one_prepared_convolution():
    w = numbers(1, (3, 3, 16, 40), "float32")
    prepared = PreparedConv2D(w, input_shape=(12, 12, 16), padding="same", activation="relu")
    inputs = [numbers(seed, (seed % 3 + 1, 12, 12, 16), "float32") for seed in range(6)]
    expected = [prepared.run(x) for x in inputs]
    wrong = []

    def work(index):
        results = [prepared.run(inputs[index]) for _ in range(20)]
        wrong.extend(index for result in results if not np.array_equal(result, expected[index]))

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(inputs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("layout", ["fortran", "reversed", "every other", "channels first"])
def test_inputs_in_any_layout(layout):
    x, w = numbers(0, (2, 6, 7, 5), "float64"), numbers(1, (2, 3, 5, 9), "float64")
    prepared = PreparedConv2D(in_layout(w, layout), input_shape=(6, 7, 5))
    np.testing.assert_allclose(prepared.run(in_layout(x, layout)), vectorized.conv2d(x, w), atol=1e-13)


W = np.ones((3, 3, 4, 8), np.float32)
GOOD = {"w": W, "input_shape": (6, 6, 4)}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"activation": "gelu"}, OptionError, "activation is 'gelu'; expected None or 'relu'"),
        ({"pool": 3}, OptionError, "pool is 3; expected None or 2"),
        ({"algorithm": "fastest"}, OptionError, "algorithm is 'fastest'"),
        ({"algorithm": "winograd", "stride": 2}, OptionError, r"stride \(2, 2\)"),
        ({"input_shape": (2, 6, 6, 4)}, ShapeError, r"input_shape is \(2, 6, 6, 4\); expected \(H, W, C\)"),
        ({"input_shape": (6, 6, 5)}, ShapeError, "x has 5 channels"),
        ({"input_shape": (3, 9, 4), "pool": 2}, ShapeError, r"the result has size \(1, 7\); pool=2 needs"),
        ({"b": np.ones(7, np.float32)}, ShapeError, r"b has shape \(7,\); expected \(8,\)"),
        ({"b": np.ones(8)}, DTypeError, "b is float64"),
        ({"w": W.astype(int)}, DTypeError, "w holds int64 numbers"),
    ],
)
def test_bad_arguments_are_refused_when_preparing(changes, error, message):
    arguments = {**GOOD, **changes}
    with pytest.raises(error, match=message):
        PreparedConv2D(arguments.pop("w"), arguments.pop("b", None), **arguments)


X, OUT = np.ones((2, 6, 6, 4), np.float32), np.zeros((2, 4, 4, 8), np.float32)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": X[:, :5]}, ShapeError, r"x has shape \(2, 5, 6, 4\); expected images of shape \(6, 6, 4\)"),
        ({"x": X.astype(float)}, DTypeError, "x is float64, w is float32"),
        ({"out": OUT[:1]}, ShapeError, r"out has shape \(1, 4, 4, 8\); expected \(2, 4, 4, 8\)"),
        ({"out": OUT.astype(float)}, DTypeError, "out holds float64 numbers; expected float32"),
        ({"out": np.zeros((2, 4, 4, 16), np.float32)[..., ::2]}, ShapeError, "out is a view or read-only"),
        ({"out": X.reshape(-1)[:256].reshape(2, 4, 4, 8)}, ShapeError, "out shares memory with x"),
        ({"shortcut": OUT[0]}, ShapeError, r"shortcut has shape \(4, 4, 8\); expected \(2, 4, 4, 8\)"),
        ({"shortcut": OUT.astype(float)}, DTypeError, "shortcut is float64"),
    ],
)
def test_bad_arguments_are_refused_when_running(arguments, error, message):
    prepared = PreparedConv2D(**GOOD)
    with pytest.raises(error, match=message):
        prepared.run(**{"x": X, **arguments})


def test_the_choice_may_depend_on_the_batch():
    w = np.zeros((3, 3, 16, 16), np.float32)
    shape = (7, 7, 16)
    assert PreparedConv2D(w, input_shape=shape, padding="same").algorithm == "direct"
    assert PreparedConv2D(w, input_shape=shape, padding="same", batch=8).algorithm == "winograd"
    assert parallel.PreparedConv2D is PreparedConv2D
