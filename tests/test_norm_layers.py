"""Normalising layers: running statistics by hand, and forwards against onnxruntime."""

import numpy as np
import onnx_oracle
import pytest

from cnnkit.errors import ShapeError
from cnnkit.layers import AvgPool2D, BatchNorm, Conv1D, GlobalAvgPool2D, LayerNorm, LocalResponseNorm

RNG = np.random.default_rng


def built(layer, input_shape, dtype=np.float32):
    layer.build(input_shape, RNG(1), dtype)
    for array in layer.params.values():
        array += RNG(2).standard_normal(array.shape).astype(dtype)
    return layer


# ---- batch normalisation: two lives ----------------------------------------------------------------------


def test_training_normalises_by_the_batch_and_inference_by_the_averages():
    layer = BatchNorm(momentum=0.75)
    layer.build((1,), RNG(0), np.float64)
    y = layer.forward(np.array([[1.0], [3.0]]), training=True)
    np.testing.assert_allclose(y.ravel(), [-1, 1], rtol=1e-5)
    # mean 2 and variance 1 (divided by the count), a quarter of each, from 0 and 1
    assert layer.state["running_mean"].tolist() == [0.5]
    assert layer.state["running_var"].tolist() == [1.0]
    layer.forward(np.array([[2.0], [10.0]]), training=True)
    assert layer.state["running_mean"].tolist() == [0.75 * 0.5 + 0.25 * 6]
    assert layer.state["running_var"].tolist() == [0.75 * 1 + 0.25 * 16]
    np.testing.assert_allclose(layer.forward(np.array([[1.875 + 2.17944947]])), [[1]], rtol=1e-5)
    assert layer.state["running_mean"].tolist() == [1.875]  # inference teaches nothing


def test_at_inference_an_example_does_not_depend_on_its_neighbours():
    layer = built(BatchNorm(), (4, 4, 3))
    x = RNG(0).standard_normal((6, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer.forward(x)[:1], layer.forward(x[:1]))
    assert not np.allclose(
        layer.forward(x, training=True)[:2], layer.forward(x[:2], training=True), atol=0.01
    )


def test_one_number_per_channel_teaches_nothing_and_is_refused():
    layer = built(BatchNorm(), (3,))
    with pytest.raises(ShapeError, match=r"shape \(1, 3\), one number per channel.*last batch"):
        layer.forward(np.ones((1, 3), np.float32), training=True)
    assert layer.forward(np.ones((1, 3), np.float32)).shape == (1, 3)


def test_gamma_and_beta_are_trained_and_running_statistics_are_not():
    layer = built(BatchNorm(), (4, 4, 5))
    assert (layer.count_params(), layer.count_state()) == (10, 10)


# ---- against onnxruntime ---------------------------------------------------------------------------------


def test_batch_norm_at_inference():
    layer = built(BatchNorm(epsilon=1e-3), (5, 4, 3))
    layer.state["running_mean"][:] = [0.5, -1, 2]
    layer.state["running_var"][:] = [0.5, 1, 4]
    x = RNG(0).standard_normal((2, 5, 4, 3)).astype(np.float32)
    expected = onnx_oracle.batch_norm(x, *layer.params.values(), *layer.state.values(), epsilon=1e-3)
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_norm_multiplies_the_sum_where_onnx_multiplies_the_mean(size):
    layer = LocalResponseNorm(size, alpha=0.2, beta=0.6, k=1.5)
    x = RNG(0).standard_normal((2, 3, 4, 8)).astype(np.float32)
    expected = onnx_oracle.local_response_norm(x, size=size, alpha=0.2 * size, beta=0.6, bias=1.5)
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-5, atol=1e-6)


def test_an_even_window_of_channels_has_one_more_behind():
    layer = LocalResponseNorm(2, alpha=1.0, beta=1.0, k=1.0)
    y = layer.forward(np.array([[1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(y, [[1 / (1 + 1 + 4), 2 / (1 + 4 + 9), 3 / (1 + 9)]])


def test_layer_norm():
    layer = built(LayerNorm(1e-3), (7, 6))
    x = RNG(0).standard_normal((2, 7, 6)).astype(np.float32)
    expected = onnx_oracle.layer_norm(x, *layer.params.values(), epsilon=1e-3)
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-5, atol=1e-5)


def test_global_average():
    x = RNG(0).standard_normal((2, 5, 3, 4)).astype(np.float32)
    expected = onnx_oracle.global_avg_pool2d(x)
    np.testing.assert_allclose(GlobalAvgPool2D().forward(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count_include_pad", [False, True])
def test_average_pooling(count_include_pad):
    layer = AvgPool2D(3, stride=2, padding=1, count_include_pad=count_include_pad)
    x = RNG(0).standard_normal((2, 7, 6, 2)).astype(np.float32)
    expected = onnx_oracle.avg_pool2d(
        x,
        (3, 3),
        ceil_mode=False,
        count_include_pad=count_include_pad,
        stride=(2, 2),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-5, atol=1e-6)


def test_convolution_over_time_is_a_convolution_of_one_row():
    layer = built(Conv1D(4, 3, padding="causal", dilation=2, groups=2), (9, 6))
    x = RNG(0).standard_normal((2, 9, 6)).astype(np.float32)
    w, b = layer.params.values()
    expected = onnx_oracle.conv2d(
        x[:, None], w[None], b, groups=2, stride=(1, 1), padding=((0, 0), (4, 0)), dilation=(1, 2)
    )
    np.testing.assert_allclose(layer.forward(x), expected[:, 0], rtol=1e-5, atol=1e-5)
