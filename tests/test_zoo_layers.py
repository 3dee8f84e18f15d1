"""Attention and LeNet's own layers: gradients against finite differences, values by hand, messages."""

import copy
import math

import numpy as np
import pytest

from cnnkit import activations, gradcheck
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import vectorized
from cnnkit.layers import (
    ClassToken,
    Conv2D,
    MultiHeadAttention,
    PatchEmbedding,
    PositionEmbedding,
    RBFOutput,
    ScaledTanh,
    Subsampling,
    TableConv2D,
    TakeToken,
    TokenDense,
    encoder_block,
)
from cnnkit.network import Sequential
from cnnkit.zoo.lenet import C3_TABLE
from cnnkit.zoo.prototypes import prototypes

RNG = np.random.default_rng

CASES = {
    "patches": (PatchEmbedding(5, 2), (4, 6, 3)),
    "class token": (ClassToken(), (3, 4)),
    "positions": (PositionEmbedding(), (3, 4)),
    "one head": (MultiHeadAttention(1), (4, 3)),
    "three heads": (MultiHeadAttention(3), (4, 6)),
    "a dense layer on tokens": (TokenDense(5, "gelu"), (3, 4)),
    "one token": (TakeToken(1), (3, 4)),
    "scaled tanh": (ScaledTanh(), (3, 2)),
    "subsampling": (Subsampling(2), (4, 7, 3)),
    "subsampling, oblong": (Subsampling((3, 2)), (6, 5, 2)),
    "connection table": (TableConv2D([(0, 2), (1,), (0, 1, 2)], (3, 2)), (5, 4, 3)),
    "distances": (RBFOutput([[1, -1, 1, 1], [-1, 0.5, 2, -1], [0, 0, 0, 0]]), (4,)),
}


def ready(layer, input_shape, dtype=np.float64):
    layer = copy.deepcopy(layer)
    layer.build(input_shape, RNG(1), dtype)
    for number, array in enumerate(layer.params.values()):
        array += RNG(number).standard_normal(array.shape).astype(dtype) / 3
    return layer


@pytest.mark.parametrize(("layer", "input_shape"), CASES.values(), ids=CASES)
def test_gradients_are_those_of_finite_differences(layer, input_shape):
    layer = ready(layer, input_shape)
    x = RNG(2).standard_normal((2, *input_shape))
    dy = RNG(3).standard_normal((2, *layer.output_shape(input_shape)))

    def with_weights(name):
        def loss(values):
            changed = copy.deepcopy(layer)
            changed.params[name][...] = values
            return (changed.forward(x) * dy).sum()

        return loss

    assert layer.forward(x).shape == dy.shape
    assert gradcheck.check_gradient(lambda v: (layer.forward(v) * dy).sum(), x, layer.backward(dy))
    assert layer.grads.keys() == layer.params.keys()
    layer.forward(x)  # the check above ran others
    layer.backward(dy)
    grads = dict(layer.grads)
    for name, gradient in grads.items():
        report = gradcheck.check_gradient(with_weights(name), layer.params[name].copy(), gradient)
        assert report, f"{name}: {report}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("layer", "input_shape"), CASES.values(), ids=CASES)
def test_dtypes_stay_and_inputs_are_not_touched(layer, input_shape, dtype):
    layer = ready(layer, input_shape, dtype)
    x = RNG(0).standard_normal((2, *input_shape)).astype(dtype)
    before = x.copy()
    y = layer.forward(x)
    assert y.dtype == layer.backward(np.ones_like(y)).dtype == dtype
    assert {array.dtype for array in (*layer.params.values(), *layer.grads.values())} <= {np.dtype(dtype)}
    np.testing.assert_array_equal(x, before)


# ---- attention


def test_patches_are_a_convolution_whose_stride_is_its_kernel():
    layer = ready(PatchEmbedding(5, 4), (8, 12, 3))
    x = RNG(0).standard_normal((2, 8, 12, 3))
    maps = vectorized.conv2d(x, layer.params["w"], layer.params["b"], stride=4)
    np.testing.assert_allclose(layer.forward(x), maps.reshape(2, 6, 5), atol=1e-12)
    assert layer.count_macs((8, 12, 3)) == 6 * 4 * 4 * 3 * 5


def test_attention_by_the_formula_one_token_at_a_time():
    layer = ready(MultiHeadAttention(2), (3, 4))
    x = RNG(5).standard_normal((1, 3, 4))
    q, k, v = np.split(x[0] @ layer.params["w_qkv"] + layer.params["b_qkv"], 3, axis=-1)
    mixed = np.zeros((3, 4))
    for head in (slice(0, 2), slice(2, 4)):
        for token in range(3):
            scores = np.array([q[token, head] @ k[other, head] for other in range(3)]) / math.sqrt(2)
            for share, other in zip(activations.softmax(scores), range(3), strict=True):
                mixed[token, head] += share * v[other, head]
    expected = mixed @ layer.params["w_out"] + layer.params["b_out"]
    np.testing.assert_allclose(layer.forward(x)[0], expected, atol=1e-12)
    np.testing.assert_allclose(layer.weights.sum(axis=-1), 1)
    assert layer.weights.shape == (1, 2, 3, 3)


def test_attention_follows_any_order_of_tokens_until_positions_are_added():
    layer, order = ready(MultiHeadAttention(2), (5, 4)), [3, 0, 4, 1, 2]
    x = RNG(5).standard_normal((1, 5, 4))
    np.testing.assert_allclose(layer.forward(x)[:, order], layer.forward(x[:, order]), atol=1e-12)
    placed = ready(PositionEmbedding(), (5, 4))
    moved = layer.forward(placed.forward(x[:, order]))
    assert np.abs(layer.forward(placed.forward(x))[:, order] - moved).max() > 0.01


def test_costs_of_attention():
    layer = MultiHeadAttention(12)
    layer.plan((197, 768))
    assert layer.count_params() == 4 * 768 * 768 + 4 * 768 == 2_362_368
    assert layer.count_macs((197, 768)) == 4 * 197 * 768**2 + 2 * 197**2 * 768
    assert layer.count_activations((197, 768)) == 5 * 197 * 768 + 12 * 197**2


def test_an_encoder_block_with_its_last_matrices_at_zero_passes_tokens_through():
    network = Sequential(encoder_block(8, 2, 16), input_shape=(5, 8))
    for name, array in network.params.items():
        if "w_out" in name or name.endswith("token_dense_1/w"):
            array[:] = 0
    x = RNG(0).standard_normal((2, 5, 8)).astype(np.float32)
    np.testing.assert_array_equal(network.forward(x), x)


@pytest.mark.parametrize(
    ("layer", "input_shape", "words"),
    [
        (PatchEmbedding(4, 3), (9, 10, 1), "9 × 10"),
        (MultiHeadAttention(3), (4, 8), "multiple of heads"),
        (TakeToken(3), (3, 4), "3 tokens"),
        (ClassToken(), (4, 4, 4), "tokens"),
        (TableConv2D([(0, 6)], 3), (5, 5, 6), "channel 6"),
        (RBFOutput([[1.0, 1.0]]), (3,), "2 numbers"),
    ],
)
def test_shapes_that_do_not_suit_are_named(layer, input_shape, words):
    with pytest.raises(ShapeError, match=words):
        layer.build(input_shape, RNG(0))


def test_positions_are_learned_for_one_size():
    layer = ready(PositionEmbedding(), (5, 4))
    with pytest.raises(ShapeError, match="interpolated"):
        layer.output_shape((6, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: MultiHeadAttention(0),
        lambda: PatchEmbedding(0, 2),
        lambda: PositionEmbedding(spread=-1),
        lambda: TableConv2D([(0,), ()], 3),
        lambda: TableConv2D([(0, 0)], 3),
        lambda: TakeToken(-1),
        lambda: RBFOutput([1.0, 2.0]),
    ],
)
def test_meaningless_options_are_refused(make):
    with pytest.raises(ShapeError):  # OptionError is one
        make()
    assert issubclass(OptionError, ShapeError)


# ---- LeNet


def test_subsampling_starts_as_average_pooling_and_learns_two_numbers_a_map():
    layer = Subsampling(2)
    layer.build((28, 28, 6), RNG(0), np.float64)
    x = RNG(0).standard_normal((2, 28, 28, 6))
    np.testing.assert_allclose(layer.forward(x), vectorized.avg_pool2d(x, 2), atol=1e-12)
    assert layer.count_params() == 12
    layer.params["w"][:], layer.params["b"][:] = 0.5, 1
    four = np.array([1.0, 2, 3, 4]).reshape(1, 2, 2, 1)
    small = Subsampling(2)
    small.build((2, 2, 1), RNG(0), np.float64)
    small.params["w"][:], small.params["b"][:] = 0.5, 1
    assert small.forward(four).item() == 0.5 * 10 + 1


def test_the_connection_table_is_that_of_the_paper():
    assert [len(row) for row in C3_TABLE] == [3] * 6 + [4] * 9 + [6]
    # every map of S2 is read ten times, as the rows of table I show
    assert np.bincount([c for row in C3_TABLE for c in row]).tolist() == [10] * 6
    assert C3_TABLE[6:12] == (
        (0, 1, 2, 3),
        (1, 2, 3, 4),
        (2, 3, 4, 5),
        (0, 3, 4, 5),
        (0, 1, 4, 5),
        (0, 1, 2, 5),
    )
    layer = TableConv2D(C3_TABLE, 5)
    layer.plan((14, 14, 6))
    assert layer.count_params() == 60 * 25 + 16 == 1_516
    assert layer.count_macs((14, 14, 6)) + 16 * 100 == 151_600  # the paper's connections, biases included


def test_a_table_that_names_every_channel_is_a_plain_convolution():
    table, plain = ready(TableConv2D([(0, 1)] * 3, 3), (5, 6, 2)), Conv2D(3, 3)
    plain.build((5, 6, 2), RNG(0), np.float64)
    plain.put("w", table.params["w"].reshape(3, 2, 3, 3).transpose(2, 3, 1, 0))
    plain.put("b", table.params["b"])
    x = RNG(1).standard_normal((2, 5, 6, 2))
    np.testing.assert_allclose(table.forward(x), plain.forward(x), atol=1e-12)


def test_a_missing_connection_is_missing():
    layer = ready(TableConv2D([(0,), (1,)], 3), (4, 4, 2))
    x = RNG(1).standard_normal((1, 4, 4, 2))
    other = x.copy()
    other[..., 1] += 1
    assert np.array_equal(layer.forward(x)[..., 0], layer.forward(other)[..., 0])
    assert not np.array_equal(layer.forward(x)[..., 1], layer.forward(other)[..., 1])


def test_scaled_tanh_keeps_one_near_one():
    y = ScaledTanh().forward(np.array([[-1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(y, [[-1, 0, 1]], atol=1e-4)


def test_a_perfect_match_scores_zero_and_is_the_best():
    table = prototypes()
    assert len(table) == 10
    assert {len(row) for row in table} == {84}
    assert {value for row in table for value in row} == {1.0, -1.0}
    layer = RBFOutput(table)
    layer.build((84,), RNG(0), np.float64)
    scores = layer.forward(np.array(table))
    assert np.diag(scores).tolist() == [0] * 10
    assert (scores.argmax(axis=1) == np.arange(10)).all()
    assert layer.count_params() == 0
    assert layer.count_state() == 840
    assert prototypes(3) == prototypes(3)
