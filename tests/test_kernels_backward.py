"""Gradients: against finite differences in float64, and against the identity that defines an adjoint."""

import numpy as np
import pytest
from hypothesis import assume, given
from kernel_cases import MODULES, WIDE, conv2d_cases, examples, name_of, numbers, tolerance

from cnnkit.errors import ShapeError
from cnnkit.gradcheck import numeric_gradient
from cnnkit.kernels import vectorized

every_module = pytest.mark.parametrize("kernels", MODULES, ids=name_of)
CLOSE = {"rtol": 1e-6, "atol": 1e-9}


def numeric_gradients(forward, arrays, dy):
    """Central differences of sum(forward(x, w, b) * dy) for x, w and b; linear in each, so exact."""
    for position, array in enumerate(arrays):

        def loss(changed, position=position):
            return float(np.sum(forward(*arrays[:position], changed, *arrays[position + 1 :]) * dy))

        yield numeric_gradient(loss, array, h=0.5)


GEOMETRIES = [
    {},
    {"stride": 2},
    {"stride": (3, 1), "padding": ((1, 0), (2, 1))},
    {"padding": "same", "stride": (2, 3)},
    {"padding": "same_lower", "dilation": (1, 2)},
    {"padding": "full", "dilation": 2, "stride": 2},
    {"groups": 2, "padding": 1, "stride": (1, 2)},
    {"groups": 4, "padding": (0, 3), "dilation": (2, 1)},
]


@pytest.mark.parametrize("options", GEOMETRIES, ids=str)
def test_conv2d_gradients_agree_with_finite_differences(options):
    x = numbers(0, (2, 6, 5, 4), np.float64)
    w = numbers(1, (3, 2, 4 // options.get("groups", 1), 4), np.float64)
    b = numbers(2, (4,), np.float64)
    dy = numbers(3, vectorized.conv2d(x, w, b, **options).shape, np.float64)
    numeric = list(numeric_gradients(lambda x, w, b: vectorized.conv2d(x, w, b, **options), (x, w, b), dy))
    for kernels in MODULES:
        gradients = kernels.conv2d_backward(dy, x, w, **options)
        for name, ours, expected in zip(("dx", "dw", "db"), gradients, numeric, strict=True):
            np.testing.assert_allclose(ours, expected, err_msg=f"{name} of {kernels.__name__}", **CLOSE)


@every_module
@examples(40)
@given(conv2d_cases())
def test_gradients_are_the_adjoint_of_the_forward_pass(kernels, case):
    """<conv(x, w), dy> = <x, dx> = <w, dw> for every dy, since the sum is linear in x and in w."""
    x, w, options = case.arrays["x"], case.arrays["w"], case.options
    y = kernels.conv2d(x, w, **options)
    dy = numbers(9, y.shape, x.dtype)
    dx, dw, db = kernels.conv2d_backward(dy, x, w, **options)
    assert (dx.shape, dw.shape, db.shape) == (x.shape, w.shape, (w.shape[3],))
    inner = np.vdot(y.astype(np.float64), dy)
    for array, gradient in ((x, dx), (w, dw)):
        np.testing.assert_allclose(np.vdot(array.astype(np.float64), gradient), inner, **tolerance(x.dtype))
    np.testing.assert_allclose(db, dy.sum(axis=(0, 1, 2), dtype=np.float64), **tolerance(x.dtype))


@every_module
@examples(40)
@given(conv2d_cases())
def test_the_three_modules_return_the_same_gradients(kernels, case):
    x, w, options = case.arrays["x"], case.arrays["w"], case.options
    dy = numbers(9, kernels.conv2d(x, w, **options).shape, x.dtype)
    for ours, oracle in zip(
        kernels.conv2d_backward(dy, x, w, **options),
        MODULES[0].conv2d_backward(dy, x, w, **options),
        strict=True,
    ):
        np.testing.assert_allclose(ours, oracle, **tolerance(x.dtype))
        assert ours.dtype == oracle.dtype == x.dtype


@pytest.mark.parametrize("kernels", MODULES[1:], ids=name_of)
@pytest.mark.parametrize(("channels", "filters", "kernel", "options"), WIDE)
def test_more_channels_than_a_register_block_are_adjoint_too(kernels, channels, filters, kernel, options):
    x = numbers(0, (2, 13, 11, channels), np.float64)
    w = numbers(1, (*kernel, channels // options.get("groups", 1), filters), np.float64)
    dy = numbers(2, kernels.conv2d(x, w, **options).shape, np.float64)
    dx, dw, db = kernels.conv2d_backward(dy, x, w, **options)
    for seed in (3, 4):
        other_x, other_w = numbers(seed, x.shape, np.float64), numbers(seed + 10, w.shape, np.float64)
        expected = np.vdot(kernels.conv2d(other_x, w, **options), dy)
        np.testing.assert_allclose(np.vdot(other_x, dx), expected, rtol=1e-9)
        expected = np.vdot(kernels.conv2d(x, other_w, **options), dy)
        np.testing.assert_allclose(np.vdot(other_w, dw), expected, rtol=1e-9)
    np.testing.assert_allclose(db, dy.sum(axis=(0, 1, 2)), rtol=1e-10)


@every_module
@examples(40)
@given(conv2d_cases())
def test_conv2d_transpose_is_the_input_gradient(kernels, case):
    x, w, options = case.arrays["x"], case.arrays["w"], case.options
    y = kernels.conv2d(x, w, **options)
    dropped = [
        (
            x.shape[axis + 1]
            + sum(options["padding"][axis])
            - options["dilation"][axis] * (w.shape[axis] - 1)
            - 1
        )
        % options["stride"][axis]
        for axis in (0, 1)
    ]
    try:
        transposed = kernels.conv2d_transpose(y, w, **options, output_padding=tuple(dropped))
    except ShapeError:
        assume(False)
    dx, _, _ = kernels.conv2d_backward(y, x, w, **options)
    np.testing.assert_allclose(transposed, dx, **tolerance(x.dtype))


@every_module
def test_cells_that_the_stride_drops_get_no_gradient(kernels):
    x, w = numbers(0, (1, 6, 7, 1), np.float64), np.ones((2, 2, 1, 1))
    dy = np.ones((1, 2, 2, 1))
    dx, _, _ = kernels.conv2d_backward(dy, x, w, stride=(4, 3))
    expected = np.zeros((6, 7))
    expected[np.ix_([0, 1, 4, 5], [0, 1, 3, 4])] = 1
    np.testing.assert_array_equal(dx[0, :, :, 0], expected)


@every_module
def test_dense_gradients_agree_with_finite_differences(kernels):
    x, w, b = numbers(0, (4, 5), np.float64), numbers(1, (5, 3), np.float64), numbers(2, (3,), np.float64)
    dy = numbers(3, (4, 3), np.float64)
    numeric = numeric_gradients(vectorized.dense, (x, w, b), dy)
    for ours, expected in zip(kernels.dense_backward(dy, x, w), numeric, strict=True):
        np.testing.assert_allclose(ours, expected, **CLOSE)


@every_module
def test_gradients_of_an_unbatched_example_have_its_shape(kernels):
    x, w = numbers(0, (5, 4, 2), np.float64), numbers(1, (2, 3, 2, 3), np.float64)
    dy = numbers(2, kernels.conv2d(x, w).shape, np.float64)
    batched = kernels.conv2d_backward(dy[None], x[None], w)
    single = kernels.conv2d_backward(dy, x, w)
    np.testing.assert_allclose(single[0], batched[0][0], rtol=1e-12)
    for ours, theirs in zip(single[1:], batched[1:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    rows, weights, errors = (
        numbers(3, (5,), np.float64),
        numbers(4, (5, 2), np.float64),
        numbers(5, (2,), np.float64),
    )
    dx, dw, db = kernels.dense_backward(errors, rows, weights)
    np.testing.assert_allclose(dx, weights @ errors, rtol=1e-12)
    np.testing.assert_allclose(dw, np.outer(rows, errors), rtol=1e-12)
    np.testing.assert_array_equal(db, errors)
