"""Networks that part and merge: names, counts, results inside, receptive fields, whole-network gradients."""

import copy
import pickle

import numpy as np
import pytest

from cnnkit.errors import OptionError, ShapeError
from cnnkit.gradcheck import check_gradient
from cnnkit.layers import (
    Activation,
    BatchNorm,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    MaxPool2D,
    Residual,
)
from cnnkit.network import Sequential
from cnnkit.optim import Adam
from cnnkit.receptive import path_fields
from cnnkit.shapes import ReceptiveField
from cnnkit.stacks import Parallel, Window

NESTED_SUMMARY = """\
Model: "small"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                      │ (None, 8, 7, 2)             │              20 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ residual (Residual)                  │ (None, 4, 4, 3)             │              81 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ └ conv2d (Conv2D)                    │ (None, 4, 4, 3)             │              54 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ └ batch_normalization                │ (None, 4, 4, 3)             │              12 │
│ (BatchNormalization)                 │                             │                 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ └ residual (Residual)                │ (None, 4, 4, 3)             │               9 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│    └ conv2d (Conv2D)                 │ (None, 4, 4, 3)             │               9 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ └ shortcut/conv2d (Conv2D)           │ (None, 4, 4, 3)             │               6 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ concat (Concat)                      │ (None, 4, 4, 5)             │               8 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ └ branch_0/conv2d (Conv2D)           │ (None, 4, 4, 2)             │               8 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ global_average_pooling2d             │ (None, 5)                   │               0 │
│ (GlobalAveragePooling2D)             │                             │                 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ dense (Dense)                        │ (None, 3)                   │              18 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 127 (1016.00 B)
 Trainable params: 121 (968.00 B)
 Non-trainable params: 6 (48.00 B)
"""


def small(dtype=np.float64):
    """A residual unit with a projection and another one inside, then branches, one of them the identity."""
    unit = Residual(
        [
            Conv2D(3, 3, stride=2, padding=1, bias=False),
            BatchNorm(),
            Residual(Conv2D(3, 1, bias=False), activation="tanh"),
        ],
        Conv2D(3, 1, stride=2, bias=False),
    )
    layers = [
        Conv2D(2, 3, padding="same"),
        unit,
        Concat([Conv2D(2, 1), []]),
        GlobalAvgPool2D(),
        Dense(3, "softmax"),
    ]
    return Sequential(layers, input_shape=(8, 7, 1), dtype=dtype, name="small")


def examples(count=4, dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((count, 8, 7, 1)).astype(dtype), rng.integers(0, 3, count)


# ---- names and counts ------------------------------------------------------------------------------------


def test_names_say_what_lies_inside_what():
    network = small()
    assert list(network.params) == [
        "conv2d/w",
        "conv2d/b",
        "residual/conv2d/w",
        "residual/batch_normalization/gamma",
        "residual/batch_normalization/beta",
        "residual/residual/conv2d/w",
        "residual/shortcut/conv2d/w",
        "concat/branch_0/conv2d/w",
        "concat/branch_0/conv2d/b",
        "dense/w",
        "dense/b",
    ]
    assert list(network.state) == [
        "residual/batch_normalization/running_mean",
        "residual/batch_normalization/running_var",
    ]
    assert [layer.kind for layer in network.walk()] == [
        "Conv2D", "Conv2D", "BatchNormalization", "Conv2D", "Conv2D", "Conv2D",
        "GlobalAveragePooling2D", "Dense",
    ]  # fmt: skip


def test_chosen_names_stay_and_the_others_are_counted():
    network = Sequential([Dense(2), Dense(2).named("middle"), Dense(2), Dense(2)], (2,))
    assert [layer.name for layer in network.layers] == ["dense", "middle", "dense_1", "dense_2"]
    with pytest.raises(OptionError, match="two layers are named 'dense'"):
        Sequential([Dense(2), Dense(2).named("dense")], (2,))


def test_counts_add_up_through_containers():
    network = small()
    assert network.count_params() == 20 + (54 + 6 + 9 + 6) + 8 + 18
    assert network.count_params() == sum(array.size for array in network.params.values())
    pixels = 4 * 4
    macs = 56 * 18 + pixels * (54 + 9 + 6) + pixels * 6 + 15
    assert network.count_macs() == macs
    inside = pixels * (3 + 3 + 3 + 3 + 3 + 3)  # two layers, the inner one and its sum, projection, sum
    assert network.count_activations() == 56 * 2 + inside + pixels * (2 + 5) + 5 + 3
    assert network.count_activations((4, 4, 1)) == 16 * 2 + inside // 4 + 4 * (2 + 5) + 5 + 3


def test_flatten_and_dropout_leave_nothing_in_memory():
    network = Sequential([MaxPool2D(2), Flatten(), Dropout(0.5), Dense(4, "relu")], (4, 4, 3))
    assert network.count_activations() == 12 + 4


def test_summary_accounts_for_what_is_inside(capsys):
    small().summary()
    assert capsys.readouterr().out == NESTED_SUMMARY
    small().summary(expand_nested=False)
    short = capsys.readouterr().out
    assert "└ " not in short
    assert short.splitlines()[-3:] == NESTED_SUMMARY.splitlines()[-3:]


# ---- running ---------------------------------------------------------------------------------------------


def test_a_container_merges_what_its_rows_return():
    network = small()
    x, _ = examples()
    results = network.activations(x)
    inner = results["residual/batch_normalization"] + results["residual/residual/conv2d"]
    np.testing.assert_array_equal(results["residual/residual"], inner)
    np.testing.assert_array_equal(results["residual/residual/tanh"], np.tanh(inner))
    total = results["residual/residual/tanh"] + results["residual/shortcut/conv2d"]
    np.testing.assert_array_equal(results["residual"], total)
    np.testing.assert_array_equal(results["residual/relu"], np.maximum(total, 0))
    np.testing.assert_array_equal(results["concat"][..., :2], results["concat/branch_0/conv2d"])
    np.testing.assert_array_equal(results["concat"][..., 2:], results["residual/relu"])
    np.testing.assert_array_equal(list(results.values())[-1], network.predict(x))
    assert list(results) == [
        "input", "conv2d", "residual/conv2d", "residual/batch_normalization", "residual/residual/conv2d",
        "residual/residual", "residual/residual/tanh", "residual/shortcut/conv2d", "residual",
        "residual/relu", "concat/branch_0/conv2d", "concat", "global_average_pooling2d",
        "dense", "dense/softmax",
    ]  # fmt: skip


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_a_whole_network_that_parts_and_merges(training):
    network = small()
    x, labels = examples()
    network.state["residual/batch_normalization/running_var"][:] = [0.5, 1, 2]

    def loss():
        return network.loss_and_gradients(x, labels, training=training)[0]

    loss()
    grads = dict(network.grads)
    assert grads.keys() == network.params.keys()
    for name, array in network.params.items():
        saved = array.copy()

        def at(values, array=array):
            array[...] = values
            return loss()

        report = check_gradient(at, saved, grads[name])
        array[...] = saved
        assert report, f"{name}: {report}"


def test_input_gradient_of_a_whole_network():
    network = small()
    x, _ = examples(2)
    dy = np.random.default_rng(5).standard_normal((2, 3))
    network.forward(x)
    dx = network.backward(dy)
    assert check_gradient(lambda values: (network.forward(values) * dy).sum(), x, dx)


def test_training_stops_at_the_first_weights_and_backward_does_not(monkeypatch):
    network = Sequential([MaxPool2D(1), Conv2D(2, 3), Flatten(), Dense(3)], (8, 7, 1), dtype=np.float64)
    x, labels = examples()
    loss, _ = network.loss_and_gradients(x, labels)
    grads = dict(network.grads)
    first, second = network.layers[:2]
    monkeypatch.setattr(
        first, "backward", lambda dy: pytest.fail("nobody asked for the gradient of the data")
    )
    monkeypatch.setattr(
        second, "backward", lambda dy: pytest.fail("nobody asked for dx of the first weights")
    )
    assert network.loss_and_gradients(x, labels)[0] == loss
    for name, gradient in network.grads.items():
        np.testing.assert_array_equal(gradient, grads[name])
    monkeypatch.undo()
    assert network.backward(np.ones((4, 3))).shape == x.shape


def test_a_sequence_network_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    x = rng.standard_normal((40, 12, 1)).astype(np.float32)
    x[:, ::2, 0] += 2 * labels[:, None]
    layers = [Conv1D(4, 3, padding="causal", activation="relu"), GlobalAvgPool1D(), Dense(2)]
    network = Sequential(layers, (12, 1))
    network.fit(x, labels, 20, 10, optimizer=Adam(0.02), progress=False)
    assert network.evaluate(x, labels)[1] > 0.9


# ---- receptive fields ------------------------------------------------------------------------------------


def test_field_of_a_network_whose_branches_see_differently():
    same, wide = Conv2D(2, 3, padding="same"), Conv2D(2, 5, padding=2)
    layers = [
        Conv2D(2, 3, stride=2, padding=1),
        Concat([Conv2D(2, 1), same, [wide, MaxPool2D(3, stride=1, padding=1)]]),
    ]
    network = Sequential([*layers, MaxPool2D(2), Flatten(), Dense(2)], (32, 32, 1))
    nodes = [
        Window(3, 2, 1),
        Parallel(((Window(1),), (Window(3, 1, 1),), (Window(5, 1, 2), Window(3, 1, 1)))),
        Window(2, 2),
    ]
    assert network.receptive_field() == path_fields(nodes)[-1] == ReceptiveField(17, 4, -7)


def test_fields_that_are_not_centred_are_joined():
    """One branch looks left, one looks right: the unit sees what both see, more than the larger one."""
    left, right = Conv1D(1, 3, padding=(2, 0)), Conv1D(1, 3, padding=(0, 2))
    network = Sequential([Concat([left, right])], (9, 1))
    assert network.receptive_field() == ReceptiveField(5, 1, -2)


def test_field_of_a_skip_connection_is_that_of_its_layers():
    unit = Residual([Conv2D(1, 3, padding=1), Conv2D(1, 3, padding=1)])
    network = Sequential([unit, BatchNorm(), Activation("relu"), GlobalAvgPool2D()], (9, 9, 1))
    assert network.receptive_field() == ReceptiveField(5, 1, -2)


def test_field_on_each_axis_and_with_same_padding():
    layers = [Conv2D(1, (3, 5), stride=(2, 1), padding="same"), Conv2D(1, (1, 2), dilation=(1, 3))]
    network = Sequential(layers, (8, 9, 1))
    assert network.receptive_field() == ReceptiveField(3, 2, 0)  # an even size pads at the end only
    assert network.receptive_field(axis=1) == ReceptiveField(8, 1, -2)
    with pytest.raises(OptionError, match="axis is 2"):
        network.receptive_field(axis=2)


def test_fields_that_have_no_answer():
    with pytest.raises(OptionError, match="first layer, flatten, sees the whole input"):
        Sequential([Flatten(), Dense(2)], (4, 4, 1)).receptive_field()
    uneven = Concat([MaxPool2D(2), [Conv2D(1, 3, stride=1), Conv2D(1, 2)]])
    with pytest.raises(ShapeError, match=r"concat: rows merge with jumps \[1, 2\]"):
        Sequential([uneven], (6, 6, 1)).receptive_field()


# ---- weights are drawn late ------------------------------------------------------------------------------


def test_counting_draws_no_weights_and_looking_draws_all_in_order(monkeypatch):
    def network():
        return Sequential([Dense(3), Dropout(0.5), Residual(Dense(3)), Dense(2)], (3,), seed=7)

    early, late = network(), network()
    early.layers[0].params  # noqa: B018
    monkeypatch.setattr(np.random, "default_rng", lambda seed: pytest.fail("drawn while counting"))
    late.summary()
    assert late.count_params() == 12 + 12 + 8
    monkeypatch.undo()
    expected = np.random.default_rng(7)
    for leaf in early.walk():
        fresh = Dropout(0.5) if leaf.kind == "Dropout" else Dense(leaf.output_shape((3,))[0])
        fresh.build((3,), expected)
        for name, array in fresh.params.items():
            np.testing.assert_array_equal(leaf.params[name], array)
    for name, array in early.params.items():
        np.testing.assert_array_equal(late.params[name], array)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
@pytest.mark.parametrize("drawn", [False, True])
def test_a_copy_has_the_same_weights_of_its_own(copied, drawn):
    original = small()
    if drawn:
        original.params["dense/w"][:] = 1
    other = copied(original)
    for name, array in original.params.items():
        np.testing.assert_array_equal(other.params[name], array)
        assert not np.shares_memory(other.params[name], array)


def test_a_generator_is_used_at_once_because_it_serves_others_too():
    rng = np.random.default_rng(3)
    network = Sequential([Dense(4)], (4,), seed=rng)
    after = rng.random()
    again = np.random.default_rng(3)
    w = Sequential([Dense(4)], (4,), seed=again).params["dense/w"]
    assert again.random() == after
    np.testing.assert_array_equal(network.params["dense/w"], w)


def test_a_layer_object_serves_once_also_inside():
    shared = Dense(3)
    with pytest.raises(OptionError, match="stands in the list twice"):
        Sequential([shared, Residual(shared)], (3,))
    Sequential([shared], (3,))
    with pytest.raises(OptionError, match="has its weights already"):
        Sequential([Residual(shared)], (3,))


def test_a_shape_that_does_not_suit_is_found_inside():
    layers = [Conv2D(2, 3), Concat([[Conv2D(2, 1), Residual(Conv2D(3, 1))]])]
    message = r"layer 1 \(concat\): layer 1 \(concat/branch_0/residual\): the layers turn \(6, 6, 2\) into"
    with pytest.raises(ShapeError, match=message):
        Sequential(layers, (8, 8, 1))
