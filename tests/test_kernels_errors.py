"""Bad arguments get an error that names the argument, its value, what was expected and what was meant."""

import numpy as np
import pytest
from kernel_cases import MODULES, name_of

from cnnkit.errors import DTypeError, OptionError, ShapeError

every_module = pytest.mark.parametrize("kernels", MODULES, ids=name_of)


def ones(*shape, dtype=np.float64):
    return np.ones(shape, dtype)


X, W = ones(1, 6, 5, 3), ones(3, 3, 3, 2)


@every_module
@pytest.mark.parametrize("name", ["int64", "uint8", "bool", "float16", "complex128"])
def test_other_numbers_than_floats_are_refused_with_a_way_out(kernels, name):
    wrong = X.astype(name)
    expected = rf"x holds {name} numbers; expected float32 or float64.*x\.astype\(np\.float32\)"
    for operate in (
        lambda: kernels.conv2d(wrong, W),
        lambda: kernels.conv2d_backward(ones(1, 4, 3, 2), wrong, W),
        lambda: kernels.conv2d_transpose(wrong, ones(3, 3, 2, 3)),
        lambda: kernels.max_pool2d(wrong),
        lambda: kernels.max_pool2d_backward(ones(1, 3, 2, 3), wrong),
        lambda: kernels.avg_pool2d(wrong),
        lambda: kernels.dense(wrong[0, 0], ones(3, 2)),
        lambda: kernels.dense_backward(ones(5, 2), wrong[0, 0], ones(3, 2)),
        lambda: kernels.conv1d(wrong[0], ones(2, 3, 2)),
    ):
        with pytest.raises(DTypeError, match=expected):
            operate()
    with pytest.raises(DTypeError, match=f"dy holds {name} numbers"):
        kernels.avg_pool2d_backward(wrong, (1, 12, 10, 3))


@every_module
def test_a_photograph_in_bytes_is_told_to_divide(kernels):
    with pytest.raises(DTypeError, match=r"x\.astype\(np\.float32\) / 255"):
        kernels.conv2d(X.astype(np.uint8), W)


@every_module
def test_mixed_types_are_refused(kernels):
    message = "x is float64, w is float32; expected one type for all"
    with pytest.raises(DTypeError, match=message):
        kernels.conv2d(X, W.astype(np.float32))
    with pytest.raises(DTypeError, match=message):
        kernels.conv1d(X[0], W[0].astype(np.float32))
    with pytest.raises(DTypeError, match="w is float64, b is float32"):
        kernels.dense(ones(5, 3), ones(3, 2), ones(2, dtype=np.float32))
    for operate in (
        lambda dy: kernels.conv2d_backward(dy(1, 4, 3, 2), X, W),
        lambda dy: kernels.max_pool2d_backward(dy(1, 3, 2, 3), X),
        lambda dy: kernels.dense_backward(dy(5, 2), X[0, 0], W[0, 0]),
    ):
        with pytest.raises(DTypeError, match="dy is float32, x is float64"):
            operate(lambda *shape: ones(*shape, dtype=np.float32))


CONV2D = [
    ({"x": ones(6, 5)}, r"x has shape \(6, 5\); expected \(H, W, C\).*x\[\.\.\., None\]"),
    ({"x": ones(1, 1, 6, 5, 3)}, r"x has shape \(1, 1, 6, 5, 3\)"),
    ({"x": ones(1, 0, 5, 3)}, r"x has shape \(1, 0, 5, 3\); expected at least one row"),
    ({"w": ones(3, 3)}, r"w has shape \(3, 3\); expected \(KH, KW, C/groups, F\).*w\[:, :, None, None\]"),
    ({"w": ones(3, 0, 3, 2)}, r"w has shape \(3, 0, 3, 2\); expected no empty axis"),
    ({"w": ones(3, 3, 4, 2)}, r"x has 3 channels \(last axis of \(1, 6, 5, 3\)\).*reads 4; expected 3"),
    ({"w": ones(2, 3, 5, 5)}, r"w looks like \(F, C, KH, KW\).*oihw_to_hwio"),
    ({"x": ones(1, 3, 6, 5)}, r"x looks like \(N, C, H, W\).*nchw_to_nhwc"),
    ({"w": ones(3, 3, 1, 6)}, r"reads 1; expected 3\. They would fit with groups=3"),
    ({"b": ones(3)}, r"b has shape \(3,\); expected \(2,\), one bias per filter"),
    ({"b": ones(2, 1)}, r"b has shape \(2, 1\)"),
    ({"groups": 2}, "groups is 2; expected a divisor of C = 3 and of F = 2"),
    ({"groups": 0}, "groups is 0; expected a whole number >= 1"),
    ({"groups": 1.0}, "groups is 1.0"),
    ({"stride": 0}, "stride is 0; expected a whole number >= 1"),
    ({"stride": (1, -1)}, r"stride\[1\] is -1"),
    ({"stride": (1, 2, 2, 1)}, r"stride is \(1, 2, 2, 1\); expected one number or a pair"),
    ({"stride": 1.5}, "stride is 1.5"),
    ({"dilation": 0}, "dilation is 0; expected a whole number >= 1; 1 is the ordinary kernel"),
    ({"padding": "SAME"}, "padding is 'SAME'; expected one of valid.*lower-case"),
    ({"padding": "mirror"}, "padding is 'mirror'"),
    ({"padding": "causal"}, "'causal', which is for 1-D sequences"),
    ({"padding": -1}, "padding is -1; expected a whole number >= 0"),
    ({"padding": (1, 2, 3, 4)}, r"padding is \(1, 2, 3, 4\).*\(\(top, bottom\), \(left, right\)\)"),
    ({"padding": ((1, 2, 3), 0)}, r"padding is \(1, 2, 3\)"),
    ({"padding": None}, "padding is None"),
    ({"w": ones(7, 3, 3, 2)}, r"height: a window of 7 with dilation 1 spans 7 cells, but the input has 6"),
    ({"dilation": (1, 3)}, r"width: a window of 3 with dilation 3 spans 7 cells, but the input has 5"),
]


@every_module
@pytest.mark.parametrize(
    ("changes", "message"), CONV2D, ids=lambda value: value if isinstance(value, str) else ""
)
def test_conv2d(kernels, changes, message):
    arguments = {"x": X, "w": W, **changes}
    with pytest.raises(ShapeError, match=message):
        kernels.conv2d(**arguments)
    if "b" not in changes:
        with pytest.raises(ShapeError, match=message):
            kernels.conv2d_backward(dy=ones(1, 4, 3, 2), **arguments)


@every_module
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": ones(1, 4, 4, 3)}, r"x has 3 channels but w has shape \(3, 3, 3, 2\), which makes 2 filters"),
        ({"b": ones(2)}, r"b has shape \(2,\); expected \(3,\), one bias per channel of y"),
        ({"groups": 3}, "groups is 3; expected a divisor of the 2 filters"),
        ({"groups": 0}, "groups is 0"),
        ({"output_padding": 1}, r"output_padding is 1; expected less than the stride \(1\)"),
        ({"output_padding": -1}, "output_padding is -1"),
        ({"x": ones(1, 1, 4, 2), "padding": ((2, 1), 0)}, r"height: the padding crops 2 \+ 1 of the 3 cells"),
        ({"padding": "causal"}, "'causal'"),
    ],
)
def test_conv2d_transpose(kernels, changes, message):
    with pytest.raises(ShapeError, match=message):
        kernels.conv2d_transpose(**{"x": ones(1, 4, 4, 2), "w": W, **changes})


@every_module
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": ones(9)}, r"x has shape \(9,\); expected \(L, C\) or \(N, L, C\).*x\[:, None\]"),
        ({"w": ones(3, 3)}, r"w has shape \(3, 3\); expected \(K, C/groups, F\)"),
        ({"w": ones(3, 0, 2)}, "expected no empty axis"),
        ({"w": ones(3, 4, 2)}, r"x has 3 channels \(last axis of \(9, 3\)\).*reads 4; expected 3"),
        ({"b": ones(3)}, r"b has shape \(3,\); expected \(2,\)"),
        ({"groups": 2}, "groups is 2; expected a divisor of C = 3"),
        ({"stride": (1, 2)}, r"stride is \(1, 2\); expected a whole number"),
        ({"dilation": 0}, "dilation is 0"),
        ({"padding": ((1, 1), (1, 1))}, r"padding\[0\] is \(1, 1\)"),
        ({"padding": "left"}, "padding is 'left'"),
        ({"dilation": 5}, "a window of 3 with dilation 5 spans 11 cells, but the input has 9"),
    ],
)
def test_conv1d(kernels, changes, message):
    with pytest.raises(ShapeError, match=message):
        kernels.conv1d(**{"x": ones(9, 3), "w": ones(3, 3, 2), **changes})


@every_module
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 0}, "window is 0"),
        ({"window": (2, 2, 2)}, r"window is \(2, 2, 2\); expected one number or a pair"),
        ({"window": (2, 6)}, "width: a window of 6 .* spans 6 cells, but the input has 5"),
        ({"stride": 0}, "stride is 0"),
        ({"padding": "reflect"}, "padding is 'reflect'"),
        ({"padding": 3}, "window 0 lies in the padding entirely.*expected less padding than the window"),
        ({"dilation": (4, 6)}, "width: a window of 2 with dilation 6"),
    ],
)
def test_pooling(kernels, changes, message):
    options = {"window": 2, **changes}
    dy = ones(1, 3, 2, 3)
    for operate in (
        lambda: kernels.max_pool2d(X, **options),
        lambda: kernels.avg_pool2d(X, **options),
        lambda: kernels.max_pool2d_backward(dy, X, **options),
        lambda: kernels.avg_pool2d_backward(dy, X.shape, **options),
    ):
        with pytest.raises(ShapeError, match=message):
            operate()


@every_module
def test_a_gradient_must_have_the_shape_of_the_forward_result(kernels):
    message = r"dy has shape \(1, 9, 9, 2\); expected \(1, {}\), the shape of the forward result"
    dy = ones(1, 9, 9, 2)
    for operate, expected in (
        (lambda: kernels.conv2d_backward(dy, X, W), "4, 3, 2"),
        (lambda: kernels.max_pool2d_backward(dy, X), "3, 2, 3"),
        (lambda: kernels.avg_pool2d_backward(dy, X.shape), "3, 2, 3"),
    ):
        with pytest.raises(ShapeError, match=message.format(expected)):
            operate()
    with pytest.raises(ShapeError, match=r"dy has shape \(4, 3, 2\); expected \(1, 4, 3, 2\)"):
        kernels.conv2d_backward(ones(4, 3, 2), X, W)
    with pytest.raises(ShapeError, match=r"dy has shape \(3,\); expected \(4, 3\)"):
        kernels.dense_backward(ones(3), ones(4, 5), ones(5, 3))


@every_module
@pytest.mark.parametrize(
    ("x_shape", "message"),
    [
        (X, r"x_shape is an array of shape \(1, 6, 5, 3\).*pass x\.shape, not x"),
        (6, r"x_shape is 6; expected the shape \(H, W, C\)"),
        ((6, 5), r"x_shape is \(6, 5\)"),
        ((1, 6.5, 5, 3), "x_shape, H is 6.5"),
        ((1, 6, 5, 0), "x_shape, C is 0"),
    ],
)
def test_average_gradient_needs_the_shape_of_images(kernels, x_shape, message):
    with pytest.raises(ShapeError, match=message):
        kernels.avg_pool2d_backward(ones(1, 3, 2, 3), x_shape)


@every_module
@pytest.mark.parametrize(
    ("x", "w", "b", "message"),
    [
        (ones(2, 3, 4), ones(4, 2), None, r"x has shape \(2, 3, 4\).*x\.reshape\(len\(x\), -1\)"),
        (ones(2, 3), ones(2, 3), None, r"w has shape \(2, 3\); expected \(3, out\).*\(out, in\).*w\.T"),
        (ones(2, 3), ones(4, 5), None, r"w has shape \(4, 5\); expected \(3, out\) to fit x$"),
        (ones(2, 3), ones(3), None, r"w has shape \(3,\)"),
        (ones(2, 3), ones(3, 2), ones(3), r"b has shape \(3,\); expected \(2,\), one bias per output"),
    ],
)
def test_dense(kernels, x, w, b, message):
    with pytest.raises(ShapeError, match=message):
        kernels.dense(x, w, b)


@every_module
def test_the_errors_are_built_in_ones_too(kernels):
    with pytest.raises(ValueError, match="stride is 0"):
        kernels.conv2d(X, W, stride=0)
    with pytest.raises(TypeError, match="int64"):
        kernels.conv2d(X.astype(int), W)
    assert issubclass(OptionError, ShapeError)
