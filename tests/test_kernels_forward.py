"""Convolutions and dense layers against onnxruntime and SciPy, which nobody here wrote."""

import numpy as np
import onnx_oracle
import pytest
import scipy.signal
from hypothesis import assume, given
from hypothesis import strategies as st
from kernel_cases import MODULES, WIDE, conv2d_cases, examples, name_of, numbers, tolerance

from cnnkit.errors import ShapeError
from cnnkit.kernels import loops
from cnnkit.kernels.linear import toeplitz_matrix
from cnnkit.kernels.vectorized import im2col
from cnnkit.shapes import PADDING_WORDS, pair, resolve_padding

every_module = pytest.mark.parametrize("kernels", MODULES, ids=name_of)


@every_module
@examples(40)
@given(conv2d_cases(dtypes=("float32",)))
def test_conv2d_agrees_with_onnxruntime(kernels, case):
    expected = onnx_oracle.conv2d(**case.arrays, **case.options)
    np.testing.assert_allclose(
        kernels.conv2d(**case.arrays, **case.options), expected, **tolerance(np.float32)
    )


@every_module
@pytest.mark.parametrize(("word", "auto_pad"), [("same", "SAME_UPPER"), ("same_lower", "SAME_LOWER")])
@examples(25)
@given(case=conv2d_cases(dtypes=("float32",)))
def test_same_padding_agrees_with_onnxruntime(kernels, word, auto_pad, case):
    # onnxruntime knows no dilated auto_pad, and where the stride exceeds the kernel it crops the input; we
    # follow TensorFlow there, which never pads less than nothing.
    stride = tuple(min(sizes) for sizes in zip(case.options["stride"], case.arrays["w"].shape, strict=False))
    options = {**case.options, "padding": word, "dilation": (1, 1), "stride": stride}
    expected = onnx_oracle.conv2d(**case.arrays, **{**options, "padding": auto_pad})
    np.testing.assert_allclose(kernels.conv2d(**case.arrays, **options), expected, **tolerance(np.float32))


def scipy_conv2d(x, w, b, *, stride, padding, dilation, groups):
    """Correlate channel by channel with zero-stuffed kernels, in float64, then keep every stride-th cell."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    spread = np.zeros((*[d * (k - 1) + 1 for d, k in zip(dilation, w.shape, strict=False)], *w.shape[2:]))
    spread[:: dilation[0], :: dilation[1]] = w
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    channels, filters = w.shape[2], w.shape[3] // groups
    outputs = [
        sum(
            scipy.signal.correlate(
                image[..., k // filters * channels + c], spread[..., c, k], "valid", "direct"
            )
            for c in range(channels)
        )
        for image in padded
        for k in range(w.shape[3])
    ]
    y = np.array(outputs).reshape(len(x), w.shape[3], *outputs[0].shape)[:, :, :: stride[0], :: stride[1]]
    return np.moveaxis(y, 1, -1) + b


@every_module
@examples(40)
@given(conv2d_cases())
def test_conv2d_agrees_with_scipy(kernels, case):
    y = kernels.conv2d(**case.arrays, **case.options)
    np.testing.assert_allclose(
        y, scipy_conv2d(**case.arrays, **case.options), **tolerance(case.arrays["x"].dtype)
    )


@pytest.mark.parametrize("kernels", MODULES[1:], ids=name_of)
@pytest.mark.parametrize(("channels", "filters", "kernel", "options"), WIDE)
def test_more_channels_than_a_register_block_agree_with_scipy(kernels, channels, filters, kernel, options):
    groups = options.get("groups", 1)
    x = numbers(0, (2, 13, 11, channels), np.float64)
    w, b = numbers(1, (*kernel, channels // groups, filters), np.float64), numbers(2, (filters,), np.float64)
    stride, dilation = (pair(options.get(name, 1), name) for name in ("stride", "dilation"))
    padding = tuple(
        resolve_padding(options.get("padding", "valid"), size, k, s, d)
        for size, k, s, d in zip(x.shape[1:3], kernel, stride, dilation, strict=True)
    )
    expected = scipy_conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    np.testing.assert_allclose(kernels.conv2d(x, w, b, **options), expected, rtol=1e-10, atol=1e-12)
    single = [array.astype(np.float32) for array in (x, w, b)]
    np.testing.assert_allclose(kernels.conv2d(*single, **options), expected, rtol=1e-4, atol=1e-4)


@every_module
@pytest.mark.parametrize(
    ("padding", "four_sided"),
    [
        ("valid", ((0, 0), (0, 0))),
        ("same", ((1, 2), (1, 1))),
        ("same_lower", ((2, 1), (1, 1))),
        ("full", ((3, 3), (4, 4))),
        (2, ((2, 2), (2, 2))),
        ((1, 0), ((1, 1), (0, 0))),
        ([(1, 0), (0, 3)], ((1, 0), (0, 3))),
        ((3, (0, 2)), ((3, 3), (0, 2))),
        (("causal", "same"), ((3, 0), (1, 1))),
    ],
    ids=str,
)
def test_every_form_of_padding_is_a_four_sided_one(kernels, padding, four_sided):
    x, w = numbers(0, (2, 8, 9, 2), np.float64), numbers(1, (4, 3, 2, 3), np.float64)
    options = {"stride": (1, 3), "dilation": (1, 2), "groups": 1}
    expected = scipy_conv2d(x, w, 0, padding=four_sided, **options)
    np.testing.assert_allclose(kernels.conv2d(x, w, padding=padding, **options), expected, rtol=1e-10)


@every_module
def test_full_padding_with_a_flipped_kernel_is_the_convolution_of_mathematics(kernels):
    x, w = numbers(0, (6, 5, 1), np.float64), numbers(1, (3, 2, 1, 1), np.float64)
    expected = scipy.signal.convolve2d(x[..., 0], w[..., 0, 0], "full")
    np.testing.assert_allclose(kernels.conv2d(x, w[::-1, ::-1], padding="full")[..., 0], expected, rtol=1e-12)


@every_module
@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(1, 1, 1), (1, 1, 3), (3, 3, 2), (9, 2, 5), (7, 4, 1)]
)
def test_edge_geometries(kernels, size, kernel, stride):
    x, w = numbers(0, (2, size, size + 1, 3), np.float64), numbers(1, (kernel, kernel, 3, 2), np.float64)
    options = {"stride": (stride, stride), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    np.testing.assert_allclose(
        kernels.conv2d(x, w, stride=stride), scipy_conv2d(x, w, 0, **options), rtol=1e-10
    )


@every_module
@examples(40)
@given(conv2d_cases(dtypes=("float32",)), st.integers(0, 4), st.integers(0, 4))
def test_conv2d_transpose_agrees_with_onnxruntime(kernels, case, extra_rows, extra_cols):
    options = case.options
    w, groups = case.arrays["w"], options["groups"]
    x = numbers(7, (*case.arrays["x"].shape[:3], w.shape[3]), np.float32)
    b = numbers(8, (w.shape[2] * groups,), np.float32)
    sizes = [
        (x.shape[axis + 1] - 1) * options["stride"][axis]
        + options["dilation"][axis] * (w.shape[axis] - 1)
        + 1
        - sum(options["padding"][axis])
        for axis in (0, 1)
    ]
    assume(min(sizes) > 0)
    stride = options["stride"]
    output_padding = min(extra_rows, stride[0] - 1), min(extra_cols, stride[1] - 1)
    y = kernels.conv2d_transpose(x, w, b, **options, output_padding=output_padding)
    expected = onnx_oracle.conv2d_transpose(x, w, b, **options, output_padding=output_padding)
    np.testing.assert_allclose(y, expected, **tolerance(np.float32))


@every_module
@pytest.mark.parametrize("word", ["same", "same_lower"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (4, 3), (2, 2), (1, 3), (2, 5), (5, 1)])
def test_transposed_same_is_the_gradient_of_the_forward_pass(kernels, word, kernel, stride):
    w = numbers(0, (kernel, kernel + 1, 2, 3), np.float64)
    x = numbers(1, (2, 3, 4, 3), np.float64)
    y = kernels.conv2d_transpose(x, w, stride=stride, padding=word)
    assert y.shape == (2, 3 * stride, 4 * stride, 2)
    dx, _, _ = kernels.conv2d_backward(x, np.zeros_like(y), w, stride=stride, padding=word)
    np.testing.assert_allclose(y, dx, rtol=1e-12, atol=1e-14)


@every_module
@examples(25)
@given(conv2d_cases())
def test_conv1d_is_a_row_of_conv2d(kernels, case):
    x, w, b = case.arrays["x"][:, 0], case.arrays["w"][0], case.arrays["b"]
    stride, padding, dilation = (case.options[name][1] for name in ("stride", "padding", "dilation"))
    groups = case.options["groups"]
    y = kernels.conv1d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    options = {
        "stride": (1, stride),
        "padding": ((0, 0), padding),
        "dilation": (1, dilation),
        "groups": groups,
    }
    expected = scipy_conv2d(x[:, None], w[None], b, **options)
    np.testing.assert_allclose(y, expected[:, 0], **tolerance(x.dtype))


@every_module
@pytest.mark.parametrize("word", PADDING_WORDS)
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (4, 2, 1), (2, 3, 4), (1, 2, 1)])
def test_conv1d_understands_every_padding_word(kernels, word, kernel, stride, dilation):
    x, w = numbers(0, (2, 9, 2), np.float64), numbers(1, (kernel, 2, 3), np.float64)
    padding = resolve_padding(word, 9, kernel, stride, dilation)
    y = kernels.conv1d(x, w, stride=stride, dilation=dilation, padding=word)
    np.testing.assert_array_equal(y, kernels.conv1d(x, w, stride=stride, dilation=dilation, padding=padding))


@every_module
def test_conv1d_agrees_with_scipy_and_causal_output_ignores_the_future(kernels):
    x, w = numbers(0, (12, 1), np.float64), numbers(1, (3, 1, 1), np.float64)
    expected = scipy.signal.lfilter(w[::-1, 0, 0], [1.0], x[:, 0])
    np.testing.assert_allclose(kernels.conv1d(x, w, padding="causal")[:, 0], expected, rtol=1e-12)
    later = x.copy()
    later[8:] += 5
    dilated = {"padding": "causal", "dilation": 2}
    np.testing.assert_array_equal(
        kernels.conv1d(later, w, **dilated)[:8], kernels.conv1d(x, w, **dilated)[:8]
    )


@every_module
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_agrees_with_scipy(kernels, dtype):
    x, w, b = numbers(0, (4, 7), dtype), numbers(1, (7, 3), dtype), numbers(2, (3,), dtype)
    expected = scipy.linalg.blas.dgemm(1.0, x, w) + b
    np.testing.assert_allclose(kernels.dense(x, w, b), expected, **tolerance(dtype))
    np.testing.assert_allclose(kernels.dense(x[1], w), expected[1] - b, **tolerance(dtype))


@examples(25)
@given(conv2d_cases())
def test_im2col_turns_a_convolution_into_a_matrix_product(case):
    x, w, b = case.arrays.values()
    options = {name: value for name, value in case.options.items() if name != "groups"}
    x = x[..., : w.shape[2]]
    columns = im2col(x, w.shape[:2], **options)
    y = scipy_conv2d(x, w, b, **options, groups=1)
    assert columns.shape == (y[..., 0].size, w[..., 0].size)
    assert columns.flags.c_contiguous
    assert columns.flags.writeable
    np.testing.assert_allclose(
        (columns @ w.reshape(-1, w.shape[3]) + b).reshape(y.shape), y, **tolerance(x.dtype)
    )


@examples(25)
@given(conv2d_cases(batch=1))
def test_toeplitz_matrix_is_the_convolution_and_its_transpose_the_gradient(case):
    x, w = case.arrays["x"][0], case.arrays["w"]
    options = {name: value for name, value in case.options.items() if name != "groups"}
    x = x[..., : w.shape[2]]
    matrix = toeplitz_matrix(w, x.shape[:2], **options)
    y = scipy_conv2d(x[None], w, 0, **options, groups=1)[0]
    assert matrix.dtype == w.dtype
    np.testing.assert_allclose((matrix @ x.ravel()).reshape(y.shape), y, **tolerance(x.dtype))
    dx, _, _ = loops.conv2d_backward(y.astype(x.dtype), x, w, **options)
    np.testing.assert_allclose((matrix.T @ y.ravel()).reshape(dx.shape), dx, rtol=1e-4, atol=1e-4)


def test_toeplitz_matrix_of_a_small_kernel_can_be_read():
    matrix = toeplitz_matrix(np.array([1.0, 2, 3]).reshape(1, 3, 1, 1), (1, 4), padding=(0, 1))
    np.testing.assert_array_equal(matrix, [[2, 3, 0, 0], [1, 2, 3, 0], [0, 1, 2, 3], [0, 0, 1, 2]])


def test_toeplitz_matrix_refuses_a_size_with_channels():
    with pytest.raises(ShapeError, match=r"input_size is \(4, 4, 1\); expected \(H, W\)"):
        toeplitz_matrix(np.ones((3, 3, 1, 1)), (4, 4, 1))
