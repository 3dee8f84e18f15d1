"""What every operator of every kernel module promises about types, memory, batches, NaN and infinity."""

import inspect
import warnings

import numpy as np
import pytest
from kernel_cases import LAYOUTS, MODULES, OPERATORS, in_layout, name_of, numbers, tolerance

NAN, INF = np.nan, np.inf
every_module = pytest.mark.parametrize("kernels", MODULES, ids=name_of)
every_operator = pytest.mark.parametrize("operator", OPERATORS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])

X, W, Y = (2, 6, 5, 3), (3, 2, 3, 4), (2, 4, 4, 4)
WINDOW, POOLED = (3, 2), (2, 2, 3, 3)
POOLING = {"stride": (2, 1), "padding": ((0, 0), (0, 0)), "ceil_mode": False}
ARGUMENTS = {
    "conv2d": [X, W, (4,)],
    "conv2d_backward": [Y, X, W],
    "conv2d_transpose": [Y, W, (3,)],
    "max_pool2d": [X],
    "max_pool2d_backward": [(2, 2, 4, 3), X],
    "avg_pool2d": [X],
    "avg_pool2d_backward": [(2, 2, 4, 3)],
    "dense": [(2, 5), (5, 3), (3,)],
    "dense_backward": [(2, 3), (2, 5), (5, 3)],
    "conv1d": [(2, 9, 3), (4, 3, 2), (2,)],
}
BATCHED = {  # how many leading arguments, and how many leading results, carry the batch axis
    "conv2d": (1, 1),
    "conv2d_backward": (2, 1),
    "conv2d_transpose": (1, 1),
    "max_pool2d": (1, 1),
    "max_pool2d_backward": (2, 1),
    "avg_pool2d": (1, 1),
    "avg_pool2d_backward": (1, 1),
    "dense": (1, 1),
    "dense_backward": (2, 1),
    "conv1d": (1, 1),
}


def arrays_for(operator, dtype):
    return [numbers(seed, shape, dtype) for seed, shape in enumerate(ARGUMENTS[operator])]


def call(kernels, operator, arrays):
    """Run one operator; the results come as a list."""
    function = getattr(kernels, operator)
    if "pool" not in operator:
        result = function(*arrays)
    elif operator == "avg_pool2d_backward":
        batch = arrays[0].shape[:-3]
        result = function(arrays[0], (*batch, *X[1:]), WINDOW, **POOLING)
    else:
        result = function(*arrays, WINDOW, **POOLING)
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_three_modules_have_the_same_signatures(operator):
    oracle, vectorised, parallel = (inspect.signature(getattr(kernels, operator)) for kernels in MODULES)
    options = dict(parallel.parameters)
    if operator == "conv2d":  # the only further option: which of several ways computes the same
        assert options.pop("algorithm").default == "auto"
    assert str(oracle) == str(vectorised) == str(parallel.replace(parameters=list(options.values())))


@every_module
@every_operator
@every_dtype
def test_results_are_new_contiguous_arrays_of_the_input_type(kernels, operator, dtype):
    arrays = arrays_for(operator, dtype)
    for result in call(kernels, operator, arrays):
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert not any(np.shares_memory(result, array) for array in arrays)


@every_module
@every_operator
@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_in_any_memory_layout_give_the_same_result_and_are_not_modified(kernels, operator, layout):
    arrays = arrays_for(operator, np.float64)
    expected = call(kernels, operator, [array.copy() for array in arrays])
    laid_out = [in_layout(array, layout) if array.ndim > 1 else array for array in arrays]
    for array in laid_out:
        array.flags.writeable = False
    results = call(kernels, operator, laid_out)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, **tolerance(np.float64))
        assert result.flags.c_contiguous
    for array, original in zip(laid_out, arrays, strict=True):
        np.testing.assert_array_equal(array, original)


@every_module
@every_operator
def test_an_unbatched_input_gives_what_a_batch_of_one_gives(kernels, operator):
    arrays = arrays_for(operator, np.float64)
    inputs, outputs = BATCHED[operator]
    batch = call(kernels, operator, [a[:1] if index < inputs else a for index, a in enumerate(arrays)])
    single = call(kernels, operator, [a[0] if index < inputs else a for index, a in enumerate(arrays)])
    for index, (alone, among) in enumerate(zip(single, batch, strict=True)):
        np.testing.assert_array_equal(alone, among[0] if index < outputs else among)
        assert alone.flags.c_contiguous


@every_module
@every_operator
def test_a_batch_is_its_examples(kernels, operator):
    arrays = arrays_for(operator, np.float64)
    inputs, outputs = BATCHED[operator]
    together = call(kernels, operator, arrays)[:outputs]
    for example in range(2):
        chosen = [a[example] if index < inputs else a for index, a in enumerate(arrays)]
        for alone, among in zip(call(kernels, operator, chosen), together, strict=False):
            np.testing.assert_allclose(alone, among[example], rtol=1e-12, atol=1e-14)


@every_module
@every_operator
@every_dtype
def test_an_empty_batch_gives_an_empty_result_and_zero_gradients(kernels, operator, dtype):
    arrays = arrays_for(operator, dtype)
    inputs, outputs = BATCHED[operator]
    full = call(kernels, operator, arrays)
    empty = call(kernels, operator, [a[:0] if index < inputs else a for index, a in enumerate(arrays)])
    for index, (result, template) in enumerate(zip(empty, full, strict=True)):
        if index < outputs:
            assert result.shape == (0, *template.shape[1:])
        else:
            np.testing.assert_array_equal(result, np.zeros_like(template))
        assert result.dtype == dtype


@every_module
@every_operator
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_nan_and_infinity_go_where_the_literal_sum_sends_them_and_quietly(kernels, operator, value):
    """One strange number in each array in turn, the oracle says which results it reaches."""
    for position in range(len(ARGUMENTS[operator])):
        arrays = arrays_for(operator, np.float64)
        arrays[position].flat[arrays[position].size // 2] = value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            results = call(kernels, operator, arrays)
        for result, wanted in zip(results, call(MODULES[0], operator, arrays), strict=True):
            np.testing.assert_allclose(result, wanted, rtol=1e-10, atol=1e-12)


@every_module
def test_one_nan_pixel_reaches_exactly_the_outputs_whose_window_holds_it(kernels):
    x, w = numbers(0, (5, 5, 1), np.float32), numbers(1, (3, 3, 1, 2), np.float32)
    x[0, 4] = NAN
    spoilt = np.zeros((3, 3, 2), bool)
    spoilt[0, 2] = True
    np.testing.assert_array_equal(np.isnan(kernels.conv2d(x, w)), spoilt)


@every_module
def test_opposite_infinities_and_infinity_times_zero_are_nan(kernels):
    x = np.array([INF, -INF, 1.0]).reshape(1, 3, 1)
    w = np.array([1.0, 1.0]).reshape(1, 2, 1, 1)
    np.testing.assert_array_equal(kernels.conv2d(x, w)[0, :, 0], [NAN, -INF])
    np.testing.assert_array_equal(kernels.conv2d(x, np.zeros_like(w))[0, :, 0], [NAN, NAN])


@every_module
def test_padding_cells_are_real_zeros_so_an_infinite_weight_on_them_gives_nan(kernels):
    x = np.ones((1, 3, 1))
    w = np.array([INF, 1.0, 1.0]).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(kernels.conv2d(x, w, padding="same")[0, :, 0], [NAN, INF, INF])
    np.testing.assert_array_equal(kernels.conv1d(x[0], w[0], padding="same")[:, 0], [NAN, INF, INF])
    dy = np.array([INF, 0.0, 0.0]).reshape(1, 3, 1)
    _, dw, _ = kernels.conv2d_backward(dy, x, np.ones_like(w), padding="same")
    np.testing.assert_array_equal(dw[0, :, 0, 0], [NAN, INF, INF])


@every_module
def test_an_infinite_error_does_not_leak_into_cells_that_no_window_reads(kernels):
    dy = np.full((1, 2, 1), INF)
    dx, _, _ = kernels.conv2d_backward(dy, np.ones((1, 5, 1)), np.ones((1, 1, 1, 1)), stride=(1, 3))
    np.testing.assert_array_equal(dx[0, :, 0], [INF, 0, 0, INF, 0])
    y = kernels.conv2d_transpose(dy, np.ones((1, 1, 1, 1)), stride=(1, 3))
    np.testing.assert_array_equal(y[0, :, 0], [INF, 0, 0, INF])


@every_module
def test_float64_keeps_what_float32_cannot(kernels):
    x = np.array([1.0, 2.0**-40]).reshape(1, 2, 1)
    w = np.ones((1, 2, 1, 1))
    assert kernels.conv2d(x, w).item() == 1 + 2.0**-40
    assert kernels.avg_pool2d(x, (1, 2)).item() == (1 + 2.0**-40) / 2
    assert kernels.dense(x.ravel(), w.reshape(2, 1)).item() == 1 + 2.0**-40


@every_module
def test_one_pixel_one_channel(kernels):
    x, w = np.full((1, 1, 1), 3.0), np.full((1, 1, 1, 1), 2.0)
    assert kernels.conv2d(x, w, np.ones(1)).tolist() == [[[7]]]
    assert kernels.conv2d_transpose(x, w).tolist() == [[[6]]]
    assert kernels.max_pool2d(x, 1).tolist() == kernels.avg_pool2d(x, 1).tolist() == [[[3]]]
    assert kernels.conv2d(x, np.ones((3, 3, 1, 1)), padding="same").tolist() == [[[3]]]
