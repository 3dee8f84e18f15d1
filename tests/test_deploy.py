"""Deployment: batch norm folded away, bytes for floats, weights and filters taken out."""

import numpy as np
import pytest
from engine_networks import batch, branching, plain, settled
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, numbers

from cnnkit import deploy
from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.kernels import vectorized
from cnnkit.kernels.parallel.integer import LONGEST, matmul_int8, pack_int8
from cnnkit.layers import (
    Activation,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from cnnkit.network import Sequential
from cnnkit.normalization import batch_norm_inference

# ---- folding ----


def test_folding_is_the_formula():
    w, b = numbers(0, (3, 3, 2, 5), "float64"), numbers(1, (5,), "float64")
    gamma, beta, mean = (numbers(seed, (5,), "float64") for seed in (2, 3, 4))
    variance = np.abs(numbers(5, (5,), "float64")) + 0.1
    x = numbers(6, (2, 6, 7, 2), "float64")
    for bias in (b, None):
        folded = deploy.fold_arrays(w, bias, gamma, beta, mean, variance, 1e-3)
        expected = batch_norm_inference(vectorized.conv2d(x, w, bias), gamma, beta, mean, variance, eps=1e-3)
        np.testing.assert_allclose(vectorized.conv2d(x, *folded), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ShapeError, match=r"gamma has shape \(4,\); expected \(5,\)"):
        deploy.fold_arrays(w, b, gamma[:4], beta, mean, variance, 1e-3)


@pytest.mark.parametrize(("dtype", "close"), [("float32", 2e-6), ("float64", 1e-13)])
def test_a_folded_network_computes_the_same_with_fewer_layers(dtype, close):
    network = branching(dtype)
    x = batch(network)
    before = {name: array.copy() for name, array in network.params.items()}
    folded = deploy.fold_batch_norm(network)
    np.testing.assert_allclose(folded.predict(x), network.predict(x), rtol=0, atol=close)
    assert [type(layer).__name__ for layer in folded.walk()].count(
        "BatchNorm"
    ) == 1  # the one before its layer
    for name, array in network.params.items():
        np.testing.assert_array_equal(array, before[name])
        assert not any(np.shares_memory(array, other) for other in folded.params.values())


def test_sequences_fold_too_and_activations_in_between_forbid_it():
    layers = [Conv1D(6, 3), BatchNorm(), Conv1D(4, 1, activation="relu"), BatchNorm()]
    network = settled(Sequential(layers, (9, 3), dtype="float64"))
    folded = deploy.fold_batch_norm(network)
    assert [type(layer) for layer in folded.layers] == [Conv1D, Conv1D, BatchNorm]
    x = batch(network)
    np.testing.assert_allclose(folded.predict(x), network.predict(x), rtol=1e-12, atol=1e-12)


# ---- the integer product ----


@examples(40)
@given(st.integers(0, 9), st.integers(0, 70), st.integers(1, 150), st.integers(0, 99))
def test_the_product_of_bytes_is_exact(rows, depth, columns, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(-128, 128, (rows, depth)).astype(np.int8)
    b = rng.integers(-128, 128, (depth, columns)).astype(np.int8)
    product = matmul_int8(a, pack_int8(b), columns)
    assert product.dtype == np.int32
    np.testing.assert_array_equal(product, a.astype(np.int64) @ b.astype(np.int64))


def test_the_longest_sum_of_bytes_still_fits_and_a_longer_one_is_refused():
    a = np.full((1, LONGEST), -128, np.int8)
    assert matmul_int8(a, pack_int8(a.T), 1).item() == LONGEST * 128 * 128
    with pytest.raises(ShapeError, match="could overflow int32"):
        pack_int8(np.zeros((LONGEST + 1, 1), np.int8))
    with pytest.raises(DTypeError, match="a is int16"):
        matmul_int8(a.astype(np.int16), pack_int8(a.T), 1)
    with pytest.raises(ShapeError, match="a has shape"):
        matmul_int8(a[:, 1:], pack_int8(a.T), 1)


# ---- codes ----


@examples(40)
@given(st.integers(0, 999), st.sampled_from(["symmetric", "affine"]), st.booleans(), st.floats(-3, 3))
def test_codes_are_off_by_half_a_step_at_most(seed, scheme, per_channel, centre):
    values = numbers(seed, (6, 5, 4), "float64") * [0.01, 1, 10, 100] + centre
    chosen = deploy.choose_quantization(values, scheme=scheme, per_channel=per_channel)
    codes = chosen.quantize(values)
    assert codes.dtype == np.int8
    error = np.abs(chosen.dequantize(codes, np.float64) - values)
    # affine: the zero point is rounded, which may push an end out of the range by another half step
    assert np.all(error <= chosen.scale * (1.0 if scheme == "affine" else 0.5) + 1e-12)
    np.testing.assert_array_equal(chosen.dequantize(chosen.quantize(np.zeros(4))), 0)  # padding stays exact


def test_ranges_by_hand():
    symmetric = deploy.choose_quantization(np.array([-1.0, 0.5, 2.54]))
    assert symmetric.scale == pytest.approx(0.02)
    assert symmetric.quantize(np.array([-1.0, 0.03, 2.54, 9.0])).tolist() == [-50, 2, 127, 127]
    affine = deploy.choose_quantization(np.array([-1.0, 4.1]), scheme="affine")
    assert (affine.scale, affine.zero_point) == (pytest.approx(0.02), -78)
    assert affine.quantize(np.array([-1.0, 0.0, 4.1])).tolist() == [-128, -78, 127]
    assert deploy.choose_quantization(np.zeros(3)).quantize(np.zeros(3)).tolist() == [0, 0, 0]


def test_ignoring_outliers_buys_finer_steps():
    values = np.append(np.linspace(-1, 1, 999), 100.0)
    coarse = deploy.choose_quantization(values)
    fine = deploy.choose_quantization(values, percentile=99.5)
    assert fine.scale < coarse.scale / 90
    assert fine.dequantize(fine.quantize(values), np.float64)[-1] == pytest.approx(1.0, abs=0.01)


def test_nonsense_has_no_codes():
    chosen = deploy.choose_quantization(np.ones(2))
    with pytest.raises(ShapeError, match="NaN"):
        chosen.quantize(np.array([np.nan]))
    with pytest.raises(ShapeError, match="finite"):
        deploy.choose_quantization(np.array([np.inf]))
    with pytest.raises(OptionError, match="scheme is 'binary'"):
        deploy.choose_quantization(np.ones(2), scheme="binary")
    with pytest.raises(OptionError, match="percentile is 0"):
        deploy.choose_quantization(np.ones(2), percentile=0)


def test_decibels():
    assert deploy.signal_to_noise(np.array([10.0, 0.0]), np.array([9.0, 0.0])) == pytest.approx(20)
    assert deploy.signal_to_noise(np.ones(3), np.ones(3)) == np.inf
    with pytest.raises(ShapeError, match="approximation has shape"):
        deploy.signal_to_noise(np.ones(3), np.ones(4))


# ---- whole networks in bytes ----


def in_floats(layer, x):
    """What an integer layer must return: its codes turned back into floats, convolved in float64."""
    inputs = layer.inputs.dequantize(layer.inputs.quantize(x), np.float64)
    weights = layer.weights.dequantize(layer.codes, np.float64)
    return inputs, weights


@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_an_integer_convolution_is_the_convolution_of_its_codes(scheme, per_channel):
    options = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
    network = settled(Sequential([Conv2D(7, (3, 2), **options)], (9, 11, 5), dtype="float64"))
    x = batch(network)
    quantized = deploy.quantize_network(network, x, scheme=scheme, per_channel=per_channel)
    inputs, weights = in_floats(quantized.layers[0], x)
    expected = vectorized.conv2d(inputs, weights, network.layers[0].params["b"], **options)
    np.testing.assert_allclose(quantized.predict(x), expected, rtol=1e-12, atol=1e-12)
    assert isinstance(quantized.layers[0], deploy.IntegerConv2D)


def test_an_integer_dense_layer_is_the_product_of_its_codes():
    network = settled(Sequential([Dense(7)], (20,), dtype="float64"))
    x = batch(network)
    quantized = deploy.quantize_network(network, x)
    inputs, weights = in_floats(quantized.layers[0], x)
    expected = inputs @ weights + network.layers[0].params["b"]
    np.testing.assert_allclose(quantized.predict(x), expected, rtol=1e-12, atol=1e-12)


def test_networks_in_bytes_are_near_and_small():
    for network, smaller in ((plain(), 3.6), (branching(), 2)):
        x = batch(network, 40)
        quantized = deploy.quantize_network(network, x)
        error = np.abs(quantized.predict(x) - network.predict(x)).max()
        assert 1e-4 < error < 0.05  # of probabilities
        assert deploy.count_bytes(network) > smaller * deploy.count_bytes(quantized)


def test_a_scale_for_each_filter_helps_filters_of_different_size():
    network = settled(Sequential([Conv2D(16, 3), Flatten()], (12, 12, 4)))
    network.layers[0].params["w"] *= np.geomspace(0.01, 1, 16, dtype=np.float32)
    x = batch(network, 8)
    z = network.predict(x).reshape(-1, 16)[:, 0].copy()
    errors = []
    for per_channel in (True, False):
        y = deploy.quantize_network(network, x, per_channel=per_channel).predict(x)
        errors.append(np.abs(y.reshape(-1, 16)[:, 0] - z).max())
    assert errors[0] < errors[1] / 10


def test_what_cannot_be_quantised_says_so():
    network = plain()
    with pytest.raises(ShapeError, match="examples is empty"):
        deploy.quantize_network(network, batch(network, 0))
    quantized = deploy.quantize_network(network, batch(network))
    with pytest.raises(OptionError, match="not saved"):
        quantized.layers[0].config()
    grouped = Sequential([Conv2D(4, 1, groups=2)], (3, 3, 2))
    kept = deploy.quantize_network(grouped, batch(grouped))
    np.testing.assert_array_equal(kept.predict(batch(grouped)), grouped.predict(batch(grouped)))
    with pytest.raises(OptionError, match="groups = 2"):
        deploy.IntegerConv2D(grouped.layers[0], deploy.choose_quantization(np.ones(2)))


# ---- pruning ----


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_the_smallest_weights_go(scope):
    network = branching()
    pruned = deploy.prune_magnitude(network, 0.6, scope=scope)
    assert deploy.count_zeros(network) == 0
    assert deploy.count_zeros(pruned) == pytest.approx(0.6, abs=0.01)
    masks = deploy.magnitude_masks(network, 0.6, scope=scope)
    gone = {name: np.abs(network.params[name][~kept]) for name, kept in masks.items()}
    stay = {name: np.abs(network.params[name][kept]) for name, kept in masks.items()}
    if scope == "global":
        assert max(w.max() for w in gone.values() if w.size) <= min(w.min() for w in stay.values() if w.size)
    for name in masks:
        assert scope == "global" or gone[name].max() <= stay[name].min()
        assert scope == "global" or gone[name].size == int(0.6 * masks[name].size)
        np.testing.assert_array_equal(pruned.params[name] == 0, ~masks[name])


def test_masks_hold_through_training():
    network = plain()
    masks = deploy.magnitude_masks(network, 0.5)
    x, labels = batch(network, 8), np.arange(8)
    for _ in range(2):
        network.fit(x, labels, progress=False)
        deploy.apply_masks(network, masks)
    assert deploy.count_zeros(network) == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ShapeError, match="masks belong to one network"):
        deploy.apply_masks(network, {"conv2d/w": np.ones(3, bool)})
    for sparsity, scope in ((1.0, "global"), (-0.1, "layer"), (0.5, "channel")):
        with pytest.raises(OptionError, match=r"sparsity is|scope is"):
            deploy.magnitude_masks(network, sparsity, scope=scope)


@pytest.mark.parametrize("end", [Flatten, GlobalAvgPool2D])
def test_taking_out_dead_filters_changes_nothing(end):
    layers = [
        Conv2D(8, 3, activation="relu"),
        BatchNorm(),
        MaxPool2D(),
        Dropout(0.2),
        Conv2D(6, 3, padding="same"),
        Activation("relu"),
        end(),
        Dense(10, "softmax"),
    ]
    network = settled(Sequential(layers, (14, 15, 3)))
    first, norm, second = network.layers[0], network.layers[1], network.layers[4]
    for layer, dead in ((first, [1, 4]), (second, [3])):
        layer.params["w"][..., dead] = 0
        layer.params["b"][dead] = 0
    norm.params["beta"][[1, 4]] = (norm.state["running_mean"] * norm.params["gamma"])[[1, 4]] / np.sqrt(
        norm.state["running_var"][[1, 4]] + norm.epsilon
    )  # so that a dead filter stays 0 behind the batch norm
    slim = deploy.prune_channels(network, 0.25)
    assert slim.params["conv2d/w"].shape == (3, 3, 3, 6)
    assert slim.params["conv2d_1/w"].shape == (3, 3, 6, 5)
    x = batch(network)
    np.testing.assert_allclose(slim.predict(x), network.predict(x), rtol=1e-4, atol=1e-6)
    assert slim.count_macs() < 0.75 * network.count_macs()


def test_filters_stay_where_rows_merge_and_one_always_stays():
    network = branching()
    slim = deploy.prune_channels(network, 0.5)
    assert slim.output_shapes == network.output_shapes
    assert slim.params["residual/conv2d/w"].shape[3] == 4  # read inside its own row only
    assert slim.params["residual/conv2d_1/w"].shape[3] == 8  # its channels are added to others
    assert slim.predict(batch(network)).shape == (5, 10)
    least = deploy.prune_channels(plain(), 0.999)
    assert least.params["conv2d/w"].shape[3] == 1
    with pytest.raises(OptionError, match="share is 1"):
        deploy.prune_channels(network, 1)
