"""Layers: every gradient against finite differences, hand-computed values, shapes and messages."""

import copy

import numpy as np
import pytest

from cnnkit import initializers
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPool2D

RNG = np.random.default_rng


def numeric_gradient(loss, array, step=1e-6):
    """Central differences of the number loss() with respect to every entry of `array`, changed in place."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = loss()
        array[index] = value - step
        gradient[index] = (above - loss()) / (2 * step)
        array[index] = value
    return gradient


def built(layer, input_shape, seed=1, dtype=np.float64):
    layer.build(input_shape, RNG(seed), dtype)
    return layer


CASES = {
    "conv": (Conv2D(3, 3), (5, 6, 2)),
    "conv, all options": (
        Conv2D(4, (3, 2), stride=(2, 1), padding="same", dilation=(1, 2), groups=2),
        (6, 5, 4),
    ),
    "conv, four-sided padding": (Conv2D(2, 2, padding=((1, 0), (2, 1))), (3, 4, 1)),
    "conv, no bias": (Conv2D(2, 2, bias=False), (3, 4, 3)),
    "conv, relu": (Conv2D(3, 3, activation="relu"), (4, 4, 2)),
    "conv, tanh": (Conv2D(2, 3, activation="tanh"), (4, 4, 1)),
    "max pooling": (MaxPool2D(2), (5, 4, 3)),
    "max pooling, overlapping": (MaxPool2D(3, stride=2, padding=1), (6, 7, 2)),
    "flatten": (Flatten(), (2, 3, 4)),
    "dense": (Dense(4), (6,)),
    "dense, softmax": (Dense(4, activation="softmax"), (6,)),
    "dense, sigmoid": (Dense(3, activation="sigmoid"), (5,)),
    "dense, no bias": (Dense(3, bias=False), (5,)),
    "dropout": (Dropout(0.4), (3, 4, 2)),
    **{
        name: (Activation(name), (7,))
        for name in ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softmax")
    },
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("layer", "input_shape"), CASES.values(), ids=CASES)
def test_gradients_are_those_of_finite_differences(layer, input_shape, training):
    layer = built(copy.deepcopy(layer), input_shape)
    x = RNG(2).standard_normal((2, *input_shape))
    weights = RNG(3).standard_normal((2, *layer.output_shape(input_shape)))
    if "b" in layer.params:
        layer.params["b"] += RNG(4).standard_normal(layer.params["b"].shape)

    def loss():
        fresh = copy.copy(layer)  # dropout: the same mask for every evaluation
        fresh._rng = copy.deepcopy(getattr(layer, "_rng", None))
        return float((fresh.forward(x, training=training) * weights).sum())

    expected = {name: numeric_gradient(loss, array) for name, array in layer.params.items()}
    expected_dx = numeric_gradient(loss, x)
    layer.forward(x, training=training)
    np.testing.assert_allclose(layer.backward(weights), expected_dx, rtol=1e-6, atol=1e-8)
    assert layer.grads.keys() == expected.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(layer.grads[name], gradient, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "input_shape"), CASES.values(), ids=CASES)
def test_shapes_dtypes_and_counts(layer, input_shape, dtype):
    layer = built(copy.deepcopy(layer), input_shape, dtype=dtype)
    x = RNG(0).standard_normal((2, *input_shape)).astype(dtype)
    before = x.copy()
    y = layer.forward(x, training=True)
    assert y.shape == (2, *layer.output_shape(input_shape))
    dx = layer.backward(np.ones_like(y))
    assert dx.shape == x.shape
    assert y.dtype == dx.dtype == dtype
    assert {array.dtype for array in (*layer.params.values(), *layer.grads.values())} <= {np.dtype(dtype)}
    assert layer.count_params() == sum(array.size for array in layer.params.values())
    np.testing.assert_array_equal(x, before)


def test_conv_by_hand():
    layer = built(Conv2D(1, 2, activation="relu"), (2, 3, 1))
    layer.params["w"][:] = np.array([[1, 2], [3, 4]])[:, :, None, None]
    layer.params["b"][:] = -20
    x = np.array([[0, 1, 2], [3, 4, 0]], float)[None, :, :, None]
    # 0*1 + 1*2 + 3*3 + 4*4 = 27 and 1*1 + 2*2 + 4*3 + 0*4 = 17, both minus 20, the second one below 0
    assert layer.forward(x).ravel().tolist() == [7, 0]
    assert layer.z.ravel().tolist() == [7, -3]
    assert layer.backward(np.ones((1, 1, 2, 1))).ravel().tolist() == [1, 2, 0, 3, 4, 0]
    assert layer.grads["w"].ravel().tolist() == [0, 1, 3, 4]
    assert layer.grads["b"].tolist() == [1]


def test_counts_of_the_sources_convolutions_and_dense_layers():
    conv = built(Conv2D(64, 3), (31, 31, 32))
    assert (conv.count_params(), conv.count_macs((31, 31, 32))) == (18_496, 29 * 29 * 64 * 3 * 3 * 32)
    dense = built(Dense(128), (12_544,))
    assert (dense.count_params(), dense.count_macs((12_544,))) == (1_605_760, 12_544 * 128)
    grouped = built(Conv2D(8, 3, groups=4, bias=False), (9, 9, 4))
    assert (grouped.count_params(), grouped.count_macs((9, 9, 4))) == (72, 7 * 7 * 8 * 9)
    assert MaxPool2D(2).count_macs((8, 8, 3)) == 0


# ---- dropout ---------------------------------------------------------------------------------------------


def test_dropout_is_inverted():
    layer = built(Dropout(0.25), (100_000,))
    y = layer.forward(np.ones((1, 100_000)), training=True)
    assert np.unique(y).tolist() == [0, 1 / 0.75]
    assert abs((y == 0).mean() - 0.25) < 0.01
    assert abs(y.mean() - 1) < 0.01


def test_dropout_does_nothing_at_inference():
    layer = built(Dropout(0.9), (50,))
    x = RNG(0).standard_normal((3, 50))
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(x), x)


def test_dropout_draws_a_new_mask_each_time():
    layer = built(Dropout(0.5), (200,))
    first, second = (layer.forward(np.ones((1, 200)), training=True) for _ in range(2))
    assert not np.array_equal(first, second)


def test_dropout_rate_zero_keeps_everything():
    layer = built(Dropout(0), (5,))
    assert layer.forward(np.ones((1, 5)), training=True).tolist() == [[1] * 5]


def test_dropout_without_random_numbers_says_so():
    with pytest.raises(OptionError, match="build it, or put it into a network"):
        Dropout(0.5).forward(np.ones((1, 5)), training=True)


# ---- first weights ---------------------------------------------------------------------------------------


def test_fans():
    assert initializers.fans((100, 30)) == (100, 30)
    assert initializers.fans((3, 5, 4, 8)) == (60, 120)


@pytest.mark.parametrize(
    ("draw", "variance", "largest"),
    [
        (initializers.glorot_uniform, 2 / (900 + 2700), (6 / 3600) ** 0.5),
        (initializers.he_normal, 2 / 900, np.inf),
    ],
)
def test_initial_spread(draw, variance, largest):
    w = draw((3, 3, 100, 300), RNG(0), np.float64)
    assert w.dtype == np.float64
    assert abs(w.mean()) < 3 * (variance / w.size) ** 0.5
    np.testing.assert_allclose(w.var(), variance, rtol=0.02)
    assert np.abs(w).max() <= largest
    np.testing.assert_array_equal(draw((3, 3, 100, 300), RNG(0), np.float32), w.astype(np.float32))


def test_activation_chooses_the_initialiser():
    assert initializers.get_initializer(None, "relu") is initializers.he_normal
    assert initializers.get_initializer(None, "softmax") is initializers.glorot_uniform
    assert initializers.get_initializer(None) is initializers.glorot_uniform
    assert initializers.get_initializer("glorot_uniform", "relu") is initializers.glorot_uniform
    with pytest.raises(OptionError, match="initializer is 'xavier'"):
        Dense(3, initializer="xavier")


def test_biases_begin_at_zero():
    assert not built(Conv2D(3, 3), (5, 5, 2)).params["b"].any()
    assert not built(Dense(3), (5,)).params["b"].any()


# ---- messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 3), "out_channels is 0"),
        (lambda: Conv2D(8, 0), "kernel_size is 0"),
        (lambda: Conv2D(8, 3, stride=0), "stride is 0"),
        (lambda: Conv2D(8, 3, activation="rellu"), "activation is 'rellu'"),
        (lambda: Dense(2.5), "out_features is 2.5"),
        (lambda: MaxPool2D(0), "window is 0"),
        (lambda: Dropout(1), "rate is 1"),
        (lambda: Dropout(50), "rate is 50"),
        (lambda: Activation("softplus"), "activation is 'softplus'"),
        (lambda: built(Conv2D(8, 3, groups=2), (5, 5, 3)), "groups is 2"),
        (lambda: built(Conv2D(8, 3, padding="sane"), (5, 5, 3)), "padding is 'sane'"),
    ],
)
def test_meaningless_options(make, message):
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "input_shape", "message"),
    [
        (Dense(3), (4, 4, 2), r"Dense got examples of shape \(4, 4, 2\).*put Flatten\(\) before it"),
        (Conv2D(3, 3), (10,), r"Conv2D got examples of shape \(10,\); expected \(H, W, C\)"),
        (MaxPool2D(2), (10,), "MaxPooling2D got examples"),
        (Conv2D(3, 7), (5, 9, 1), "height: a window of 7"),
    ],
)
def test_shapes_that_do_not_suit(layer, input_shape, message):
    with pytest.raises(ShapeError, match=message):
        built(layer, input_shape)


@pytest.mark.parametrize("layer", [Conv2D(2, 3), MaxPool2D(2), Flatten(), Dense(3), Activation("relu")])
def test_backward_before_forward(layer):
    with pytest.raises(ShapeError, match="backward needs a forward before it"):
        layer.backward(np.ones((1, 2, 2, 2)))


def test_building_twice_is_refused():
    layer = built(Dense(3), (4,))
    with pytest.raises(OptionError, match="use each layer object once"):
        layer.build((4,), RNG(0))
