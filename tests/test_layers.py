"""Layers: every gradient against finite differences, hand-computed values, shapes and messages."""

import copy

import numpy as np
import pytest

from cnnkit import initializers
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalMaxPool1D,
    LayerNorm,
    LocalResponseNorm,
    MaxPool2D,
    Residual,
)

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


def leaves(layer):
    """The layer itself, or all plain layers inside of a container."""
    inside = layer.sublayers()
    return [leaf for part in inside for leaf in leaves(part)] if inside else [layer]


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
    "average pooling": (AvgPool2D(2), (5, 4, 3)),
    "average pooling, overlapping": (AvgPool2D(3, stride=2, padding=1, ceil_mode=True), (6, 7, 2)),
    "average pooling, padding counted": (AvgPool2D(3, padding=1, count_include_pad=True), (5, 4, 2)),
    "global average": (GlobalAvgPool2D(), (3, 4, 2)),
    "conv over time": (Conv1D(3, 3, activation="relu"), (7, 2)),
    "conv over time, all options": (
        Conv1D(4, 2, stride=2, padding="causal", dilation=3, groups=2, bias=False),
        (8, 4),
    ),
    "conv over time, same": (Conv1D(2, 4, padding="same", stride=2), (7, 1)),
    "average over time": (GlobalAvgPool1D(), (5, 3)),
    "maximum over time": (GlobalMaxPool1D(), (5, 3)),
    "batch norm": (BatchNorm(), (3, 2, 4)),
    "batch norm of rows": (BatchNorm(momentum=0.5, epsilon=0.1), (4,)),
    "layer norm": (LayerNorm(), (3, 5)),
    "layer norm of rows": (LayerNorm(0.1), (6,)),
    "local response": (LocalResponseNorm(alpha=0.3, k=1.0), (2, 3, 7)),
    "local response, even": (LocalResponseNorm(4, alpha=0.5, beta=1.5), (2, 2, 3)),
    "residual": (Residual([Conv2D(2, 3, padding=1)]), (4, 3, 2)),
    "residual, projected": (
        Residual([Conv2D(3, 3, padding=1, stride=2), BatchNorm()], Conv2D(3, 1, stride=2), "tanh"),
        (4, 5, 2),
    ),
    "residual inside of residual": (
        Residual(
            [Residual([BatchNorm(), Activation("relu"), Conv2D(2, 1)], activation=None)], activation=None
        ),
        (2, 3, 2),
    ),
    "branches": (
        Concat([Conv2D(2, 1), [Conv2D(1, 1), Conv2D(3, 3, padding=1, activation="relu")], [], MaxPool2D(1)]),
        (3, 3, 2),
    ),
    "branches of rows": (Concat([Dense(2), []]), (3,)),
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
    for leaf in leaves(layer):
        for array in (*leaf.params.values(), *leaf.state.values()):
            array += 0.5 * RNG(4).random(array.shape)

    def loss():
        fresh = copy.copy(layer)  # dropout: the same mask for every evaluation
        fresh._rng = copy.deepcopy(getattr(layer, "_rng", None))
        return float((fresh.forward(x, training=training) * weights).sum())

    arrays = {(leaf, name): array for leaf in leaves(layer) for name, array in leaf.params.items()}
    expected = {place: numeric_gradient(loss, array) for place, array in arrays.items()}
    expected_dx = numeric_gradient(loss, x)
    layer.forward(x, training=training)
    np.testing.assert_allclose(layer.backward(weights), expected_dx, rtol=1e-6, atol=1e-8)
    check_grads(layer, expected)
    for leaf in leaves(layer):
        leaf.grads = {}
    layer.fill_grads(weights)  # without dx: the same gradients
    check_grads(layer, expected)


def check_grads(layer, expected):
    assert {(leaf, name) for leaf in leaves(layer) for name in leaf.grads} == set(expected)
    for (leaf, name), gradient in expected.items():
        np.testing.assert_allclose(leaf.grads[name], gradient, rtol=1e-6, atol=1e-8)


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
    arrays = [array for leaf in leaves(layer) for array in (*leaf.params.values(), *leaf.grads.values())]
    states = [array for leaf in leaves(layer) for array in leaf.state.values()]
    assert {array.dtype for array in arrays + states} <= {np.dtype(dtype)}
    assert layer.count_params() == sum(array.size for leaf in leaves(layer) for array in leaf.params.values())
    assert layer.count_state() == sum(array.size for array in states)
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
        (lambda: AvgPool2D(0), "window is 0"),
        (lambda: BatchNorm(momentum=1), "momentum is 1; expected a number from 0"),
        (lambda: BatchNorm(epsilon=0), "epsilon is 0; expected a positive"),
        (lambda: LayerNorm(-1), "epsilon is -1"),
        (lambda: LocalResponseNorm(0), "size is 0"),
        (lambda: LocalResponseNorm(k=0), "k is 0"),
        (lambda: Conv1D(4, (3, 3)), r"kernel_size is \(3, 3\)"),
        (lambda: Residual([]), "layers is empty"),
        (lambda: Concat([]), "branches is empty"),
        (lambda: Residual(["relu"]), "a layer is 'relu'; expected a Layer"),
        (lambda: Dense(3).named("a/b"), "name is 'a/b'"),
        (lambda: built(Conv1D(3, 3, groups=2), (8, 4)), "groups is 2"),
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
        (Conv1D(3, 7), (5, 2), "a window of 7"),
        (Conv1D(3, 3), (5, 5, 2), r"expected \(L, C\)"),
        (GlobalAvgPool2D(), (5,), r"expected \(H, W, C\)"),
        (GlobalMaxPool1D(), (5,), r"expected \(L, C\)"),
        (
            Residual(Conv2D(3, 3, padding=1)),
            (5, 5, 2),
            r"\(5, 5, 3\) and the shortcut into \(5, 5, 2\).*Conv2D\(3, 1",
        ),
        (Residual([Conv2D(2, 1), Conv2D(2, 9)]), (5, 5, 2), r"layer 1 \(Conv2D\): height"),
        (Concat([Conv2D(3, 3), []]), (5, 5, 2), r"\(3, 3, 3\), \(5, 5, 2\); expected the same size"),
    ],
)
def test_shapes_that_do_not_suit(layer, input_shape, message):
    with pytest.raises(ShapeError, match=message):
        built(layer, input_shape)


@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(2, 3),
        MaxPool2D(2),
        AvgPool2D(2),
        Flatten(),
        Dense(3),
        Activation("relu"),
        BatchNorm(),
        LayerNorm(),
    ],
)
def test_backward_before_forward(layer):
    with pytest.raises(ShapeError, match="backward needs a forward before it"):
        layer.backward(np.ones((1, 2, 2, 2)))


def test_nothing_is_kept_at_inference():
    layer = built(Residual([Conv2D(2, 1, activation="relu"), Dropout(0.5)]), (3, 3, 2))
    x = RNG(0).standard_normal((1, 3, 3, 2))
    np.testing.assert_array_equal(layer.infer(x), layer.forward(x))
    layer.backward(x)
    layer.infer(x)
    with pytest.raises(ShapeError, match="backward needs a forward before it"):
        layer.backward(x)


def test_building_twice_is_refused():
    layer = built(Dense(3), (4,))
    with pytest.raises(OptionError, match="use each layer object once"):
        layer.build((4,), RNG(0))
