"""Networks: Keras' counts and summary, whole-network gradients, training that repeats itself."""

import numpy as np
import pytest

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from cnnkit.losses import softmax_cross_entropy
from cnnkit.network import Sequential
from cnnkit.optim import SGD, Adam

# What Keras 3.6 prints for the source's model.
KERAS_SUMMARY = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                      │ (None, 62, 62, 32)          │             896 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ max_pooling2d (MaxPooling2D)         │ (None, 31, 31, 32)          │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ conv2d_1 (Conv2D)                    │ (None, 29, 29, 64)          │          18,496 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ max_pooling2d_1 (MaxPooling2D)       │ (None, 14, 14, 64)          │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ flatten (Flatten)                    │ (None, 12544)               │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense (Dense)                        │ (None, 128)                 │       1,605,760 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dropout (Dropout)                    │ (None, 128)                 │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense_1 (Dense)                      │ (None, 10)                  │           1,290 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 1,626,442 (6.20 MB)
 Trainable params: 1,626,442 (6.20 MB)
 Non-trainable params: 0 (0.00 B)
"""


def keras_model(**options):
    """The source document's model, line by line."""
    layers = [
        Conv2D(32, (3, 3), activation="relu"),
        MaxPool2D((2, 2)),
        Conv2D(64, (3, 3), activation="relu"),
        MaxPool2D((2, 2)),
        Flatten(),
        Dense(128, activation="relu"),
        Dropout(0.5),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, input_shape=(64, 64, 3), **options)


def small(*, last="softmax", dtype=np.float64, seed=0, dropout=0.0):
    """A network with every kind of layer, small enough for finite differences."""
    layers = [
        Conv2D(3, 3, padding="same", activation="relu"),
        MaxPool2D(3, stride=2),
        Conv2D(4, 2, stride=1, activation="tanh"),
        Flatten(),
        Dropout(dropout),
        Dense(6, activation="relu"),
        Dense(3, activation=last),
    ]
    return Sequential(layers, input_shape=(7, 6, 2), dtype=dtype, seed=seed)


def examples(count=5, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 7, 6, 2)).astype(dtype), rng.integers(0, 3, count)


# ---- counts ----------------------------------------------------------------------------------------------


def test_the_sources_model_has_exactly_its_parameters():
    network = keras_model()
    counts = [layer.count_params() for layer in network.layers]
    assert counts == [896, 0, 18_496, 0, 0, 1_605_760, 0, 1_290]
    assert network.count_params() == 1_626_442
    assert round(100 * 1_605_760 / 1_626_442, 1) == 98.7


def test_the_sources_model_multiply_adds():
    convolutions = 62 * 62 * 32 * 27 + 29 * 29 * 64 * 9 * 32
    assert keras_model().count_macs() == convolutions + 12_544 * 128 + 128 * 10


def test_multiply_adds_of_another_input():
    network = Sequential([Conv2D(8, 3), Conv2D(4, 1)], input_shape=(10, 10, 3))
    assert network.count_macs((6, 7, 3)) == 4 * 5 * 8 * 27 + 4 * 5 * 4 * 8
    with pytest.raises(ShapeError, match=r"layer 5 \(dense\)|layer 0"):
        keras_model().count_macs((2, 2, 3))


def test_summary_is_what_keras_prints(capsys):
    keras_model().summary()
    assert capsys.readouterr().out == KERAS_SUMMARY


def test_summary_wraps_long_names_as_keras_does(capsys):
    network = Sequential([Conv2D(32, 3)], input_shape=(64, 64, 3), name="mine")
    network.layers[0].name = "a_very_long_layer_name_that_cannot_fit_at_all"
    network.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Model: "mine"'
    assert lines[4:6] == [
        "│ a_very_long_layer_name_that_cannot_… │ (None, 62, 62, 32)          │             896 │",
        "│ (Conv2D)                             │                             │                 │",
    ]
    assert lines[7:] == [
        " Total params: 896 (3.50 KB)",
        " Trainable params: 896 (3.50 KB)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_sizes_count_in_units_of_1024(capsys):
    Sequential([Dense(25)], input_shape=(9,)).summary()
    assert " Total params: 250 (1000.00 B)\n" in capsys.readouterr().out


def test_float64_weights_take_twice_the_room(capsys):
    keras_model(dtype=np.float64).summary()
    assert "1,626,442 (12.41 MB)" in capsys.readouterr().out


# ---- running ---------------------------------------------------------------------------------------------


def test_probabilities_for_a_photo_sized_batch():
    x = np.random.default_rng(0).random((2, 64, 64, 3), dtype=np.float32)
    y = keras_model().predict(x)
    assert y.shape == (2, 10)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("last", ["softmax", None])
def test_a_single_example_needs_no_batch_axis(last):
    network = small(last=last)
    x, _ = examples(1)
    np.testing.assert_array_equal(network.forward(x[0]), network.forward(x)[0])
    np.testing.assert_array_equal(network.predict(x[0]), network.predict(x)[0])
    dy = np.ones(3)
    network.forward(x)
    expected = network.backward(dy[None])[0]
    np.testing.assert_array_equal(network.backward(dy), expected)


def test_predict_in_batches_is_forward():
    network = small(dropout=0.5)
    x, _ = examples(7)
    np.testing.assert_allclose(network.predict(x, batch_size=3), network.forward(x), rtol=1e-12)
    assert network.predict(x[:0]).shape == (0, 3)


def test_activations_hold_every_intermediate_result_in_order():
    network = small()
    x, _ = examples(2)
    results = network.activations(x)
    assert list(results) == [
        "input", "conv2d", "conv2d/relu", "max_pooling2d", "conv2d_1", "conv2d_1/tanh", "flatten", "dropout",
        "dense", "dense/relu", "dense_1", "dense_1/softmax",
    ]  # fmt: skip
    np.testing.assert_array_equal(results["input"], x)
    np.testing.assert_array_equal(results["conv2d/relu"], np.maximum(results["conv2d"], 0))
    np.testing.assert_array_equal(results["dense_1/softmax"], network.forward(x))
    single = network.activations(x[0])
    assert single["max_pooling2d"].shape == network.output_shapes[1]


def test_forward_leaves_the_input_alone():
    network = small()
    x, labels = examples()
    before = x.copy()
    network.fit(x, labels, progress=False)
    np.testing.assert_array_equal(x, before)


# ---- gradients -------------------------------------------------------------------------------------------


def numeric(loss, array, index, step=1e-6):
    value = array[index]
    array[index] = value + step
    above = loss()
    array[index] = value - step
    below = loss()
    array[index] = value
    return (above - below) / (2 * step)


@pytest.mark.parametrize("last", ["softmax", None])
def test_loss_gradients_of_a_whole_network(last):
    network = small(last=last)
    x, labels = examples()
    loss, logits = network.loss_and_gradients(x, labels)
    np.testing.assert_allclose(loss, softmax_cross_entropy(logits, labels)[0])
    grads = {name: gradient.copy() for name, gradient in network.grads.items()}
    assert grads.keys() == network.params.keys()

    def value():
        return network.loss_and_gradients(x, labels)[0]

    for name, array in network.params.items():
        expected = np.array([numeric(value, array, index) for index in np.ndindex(array.shape)])
        np.testing.assert_allclose(grads[name].ravel(), expected, rtol=1e-6, atol=1e-8, err_msg=name)


def test_input_gradient_of_a_whole_network_through_the_softmax():
    network = small()
    x, _ = examples(2)
    weights = np.random.default_rng(5).standard_normal((2, 3))
    network.forward(x)
    dx = network.backward(weights)
    expected = [
        numeric(lambda: float((network.forward(x) * weights).sum()), x, index)
        for index in np.ndindex(x.shape)
    ]
    np.testing.assert_allclose(dx.ravel(), expected, rtol=1e-6, atol=1e-9)


def test_dropout_works_in_training_and_rests_otherwise():
    network = small(dropout=0.5)
    x, labels = examples(20)
    calm = network.loss_and_gradients(x, labels, training=False)[0]
    assert calm == network.loss_and_gradients(x, labels, training=False)[0]
    np.testing.assert_allclose(calm, network.evaluate(x, labels)[0])
    assert network.loss_and_gradients(x, labels)[0] != network.loss_and_gradients(x, labels)[0]


def test_softmax_as_a_layer_of_its_own_trains_alike():
    fused = Sequential([Dense(4, activation="softmax")], input_shape=(5,), dtype=np.float64)
    apart = Sequential([Dense(4), Activation("softmax")], input_shape=(5,), dtype=np.float64)
    x, labels = np.random.default_rng(0).standard_normal((6, 5)), np.arange(6) % 4
    assert fused.loss_and_gradients(x, labels)[0] == apart.loss_and_gradients(x, labels)[0]
    np.testing.assert_array_equal(fused.grads["dense/w"], apart.grads["dense/w"])


def test_confident_mistakes_keep_a_finite_loss():
    network = Sequential([Dense(2, activation="softmax")], input_shape=(1,))
    network.params["dense/w"][:] = [[1000.0, -1000.0]]
    loss, _ = network.loss_and_gradients(np.ones((1, 1), np.float32), np.array([1]))
    assert loss == 2000
    assert network.grads["dense/b"].tolist() == [1, -1]


# ---- training --------------------------------------------------------------------------------------------


def trained(**options):
    network = small(dtype=np.float32, dropout=0.3, seed=options.pop("network_seed", 0))
    history = network.fit(*examples(20, np.float32), 3, 8, progress=False, **options)
    return network, history


def test_training_repeats_itself_for_the_same_seeds():
    (first, history), (again, repeated) = trained(seed=4), trained(seed=4)
    assert history == repeated
    for name, array in first.params.items():
        np.testing.assert_array_equal(array, again.params[name])


@pytest.mark.parametrize("change", [{"seed": 5}, {"seed": 4, "network_seed": 1}])
def test_another_seed_trains_differently(change):
    (first, _), (other, _) = trained(seed=4), trained(**change)
    assert not np.array_equal(first.params["dense/w"], other.params["dense/w"])


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)])
def test_a_network_learns_a_separable_task(optimizer):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    x = rng.standard_normal((60, 4, 4, 1)).astype(np.float32)
    x[:, :, :2, 0] += 3 * labels[:, None, None]
    layers = [Conv2D(4, 3, activation="relu"), Flatten(), Dense(2, activation="softmax")]
    network = Sequential(layers, input_shape=(4, 4, 1))
    history = network.fit(x, labels, 15, 10, optimizer=optimizer, progress=False)
    assert history.loss[-1] < 0.2 * history.loss[0]
    assert network.evaluate(x, labels)[1] > 0.95


def test_history_counts_every_example_alike():
    """7 examples in batches of 4: the second batch has 3, and must weigh 3/7, not one half."""
    network = small(dtype=np.float64)
    x, labels = examples(7)
    expected, _ = network.loss_and_gradients(x, labels)
    history = network.fit(
        x, labels, batch_size=4, optimizer=SGD(1e-12), progress=False, validation=(x, labels)
    )
    np.testing.assert_allclose(history.loss, [expected], rtol=1e-9)
    np.testing.assert_allclose(history.validation_loss, [expected], rtol=1e-9)
    np.testing.assert_allclose(network.evaluate(x, labels, batch_size=2)[0], expected, rtol=1e-9)
    assert history.accuracy == history.validation_accuracy


def test_progress_prints_a_line_per_epoch(capsys):
    x, labels = examples()
    small().fit(x, labels, 2, validation=(x, labels))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2 [##########..........] loss ")
    assert lines[1].startswith("epoch 2/2 [####################] loss ")
    assert "; validation " in lines[1]


# ---- messages --------------------------------------------------------------------------------------------


def test_a_shape_that_does_not_suit_names_its_layer():
    with pytest.raises(ShapeError, match=r"layer 1 \(dense\): Dense got examples of shape \(6, 6, 4\)"):
        Sequential([Conv2D(4, 3), Dense(2)], input_shape=(8, 8, 1))
    with pytest.raises(ShapeError, match=r"layer 2 \(conv2d_1\): height: a window of 5"):
        Sequential([Conv2D(4, 3), MaxPool2D(2), Conv2D(4, 5)], input_shape=(8, 8, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential([], (3,)), "layers is empty"),
        (lambda: Sequential([Dense(2)], (0,)), "input_shape is 0"),
        (lambda: Sequential([layer := Flatten(), Dense(2), layer], (3,)), "stands in the list twice"),
        (lambda: small().fit(*examples(), 0), "epochs is 0"),
        (lambda: small().fit(*examples(), batch_size=2.5), "batch_size is 2.5"),
        (lambda: small(last="relu").fit(*examples()), "last layer ends in relu; expected softmax"),
    ],
)
def test_meaningless_options(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_inputs_that_do_not_fit():
    network = small()
    x, labels = examples()
    with pytest.raises(DTypeError, match=r"x holds float32 numbers and the network float64.*astype"):
        network.forward(x.astype(np.float32))
    with pytest.raises(DTypeError, match="x holds int64"):
        network.forward(np.ones((1, 7, 6, 2), int))
    with pytest.raises(DTypeError, match="float32 or float64"):
        Sequential([Dense(2)], (3,), dtype=np.float16)
    with pytest.raises(ShapeError, match=r"x has shape \(5, 6, 7, 2\); expected"):
        network.forward(x.swapaxes(1, 2))
    with pytest.raises(ShapeError, match="5 examples and labels has 4"):
        network.fit(x, labels[:4])
    with pytest.raises(ShapeError, match="no examples"):
        network.fit(x[:0], labels[:0])
