"""Losses against their definitions, gradients against finite differences, extremes against limits."""

import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.gradcheck import check_gradient
from cnnkit.losses import (
    binary_cross_entropy_with_logits,
    mean_squared_error,
    soft_cross_entropy,
    softmax_cross_entropy,
)

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def batch(seed, n, k, dtype=np.float64, scale=3.0):
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal((n, k))).astype(dtype), rng.integers(k, size=n)


@examples(40)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 5), st.sampled_from([0, 0.1, 0.5]))
def test_cross_entropy_is_its_definition_and_its_gradient(seed, n, k, smoothing):
    logits, labels = batch(seed, n, k)
    loss, dlogits = softmax_cross_entropy(logits, labels, label_smoothing=smoothing)
    targets = (1 - smoothing) * np.eye(k)[labels] + smoothing / k
    expected = -np.mean(np.sum(targets * scipy.special.log_softmax(logits, axis=1), axis=1))
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-14)

    def mean_loss(x):
        return softmax_cross_entropy(x, labels, label_smoothing=smoothing)[0]

    report = check_gradient(mean_loss, logits, dlogits)
    assert report, str(report)


def test_label_smoothing_of_one_example_by_hand():
    """Three equal logits: log 3 whatever the smoothing; the gradient is 1/3 minus the smoothed target."""
    loss, dlogits = softmax_cross_entropy(np.zeros((1, 3)), np.array([1]), label_smoothing=0.3)
    np.testing.assert_allclose(loss, np.log(3))
    np.testing.assert_allclose(dlogits, [[1 / 3 - 0.1, 1 / 3 - 0.8, 1 / 3 - 0.1]])


def test_one_example_without_a_batch_axis_is_a_batch_of_one():
    logits, labels = batch(0, 1, 4)
    loss, dlogits = softmax_cross_entropy(logits[0], labels[0])
    batched_loss, batched = softmax_cross_entropy(logits, labels)
    assert loss == batched_loss
    np.testing.assert_array_equal(dlogits, batched[0])


@both_types
def test_cross_entropy_of_extreme_logits(dtype):
    logits = np.array([[1e30, 0], [0, 1000], [-np.inf, 0]], dtype)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        right, dright = softmax_cross_entropy(logits, np.array([0, 1, 1]))
        wrong, dwrong = softmax_cross_entropy(logits[1:2], np.array([0]))
        masked, _ = softmax_cross_entropy(logits[2:], np.array([0]))
    assert (right, wrong, masked) == (0, 1000, np.inf)
    np.testing.assert_array_equal(dright, 0)
    np.testing.assert_array_equal(dwrong, [[-1, 1]])


def test_a_confident_loss_keeps_its_digits():
    loss, _ = softmax_cross_entropy(np.array([[40.0, 0.0]]), np.array([0]))
    np.testing.assert_allclose(loss, np.exp(-40.0), rtol=1e-12)


def random_pair(seed, shape, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (4 * rng.standard_normal(shape)).astype(dtype), rng.random(shape).astype(dtype)


PAIRED = {"predictions": mean_squared_error, "logits": binary_cross_entropy_with_logits}
every_paired = pytest.mark.parametrize("name", PAIRED)


@examples(30)
@given(st.integers(0, 999), st.sampled_from([(3,), (2, 3), (2, 1, 4), ()]))
def test_losses_of_pairs_are_their_definitions_and_their_gradients(seed, shape):
    values, targets = random_pair(seed, shape)
    s = scipy.special.expit(values)
    expected = {
        "predictions": np.mean((values - targets) ** 2),
        "logits": np.mean(-scipy.special.xlogy(targets, s) - scipy.special.xlogy(1 - targets, 1 - s)),
    }
    for name, loss_of in PAIRED.items():
        loss, gradient = loss_of(values, targets)
        np.testing.assert_allclose(loss, expected[name], rtol=1e-9)
        report = check_gradient(lambda v, loss_of=loss_of: loss_of(v, targets)[0], values, gradient)
        assert report, str(report)


@both_types
def test_binary_cross_entropy_of_extreme_logits(dtype):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for z, t, expected, slope in [
            (1e30, 1, 0, 0),
            (-1e30, 0, 0, 0),
            (1000, 0, 1000, 1),
            (-1000, 1, 1000, -1),
            (np.inf, 1, 0, 0),
            (-np.inf, 0, 0, 0),
            (np.inf, 0.5, np.inf, 0.5),
            (0, 1, np.log(2), -0.5),
        ]:
            loss, gradient = binary_cross_entropy_with_logits(np.array([z], dtype), np.array([t], dtype))
            np.testing.assert_allclose([loss, gradient[0]], [expected, slope], rtol=1e-6)


@both_types
def test_types_are_kept_and_nothing_is_modified(dtype):
    logits, labels = batch(0, 4, 3, dtype)
    values, targets = random_pair(0, (4, 3), dtype)
    arrays = (logits, labels, values, targets)
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    for loss, gradient in (
        softmax_cross_entropy(logits, labels, label_smoothing=0.1),
        *(loss_of(values, targets) for loss_of in PAIRED.values()),
    ):
        assert (loss.dtype, gradient.dtype, np.ndim(loss)) == (dtype, dtype, 0)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_nan_reaches_the_loss():
    assert np.isnan(softmax_cross_entropy(np.array([[np.nan, 0.0]]), np.array([1]))[0])
    for loss_of in PAIRED.values():
        assert np.isnan(loss_of(np.array([np.nan]), np.array([0.0]))[0])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 3], OptionError, "labels hold 3; expected 0 to 2.*start at 1"),
        ([-1, 0], OptionError, "labels hold -1; expected 0 to 2"),
        ([0.0, 1.0], DTypeError, "labels hold float64"),
        ([True, False], DTypeError, "labels hold bool"),
        ([[1, 0, 0], [0, 1, 0]], ShapeError, "look one-hot"),
        ([[1.0, 0, 0], [0, 1.0, 0]], DTypeError, "look one-hot"),
        ([0, 1, 2], ShapeError, r"labels has shape \(3,\); expected \(2,\)"),
        (0, ShapeError, r"labels has shape \(\); expected \(2,\)"),
    ],
)
def test_wrong_labels_are_refused_and_named(labels, error, message):
    with pytest.raises(error, match=message):
        softmax_cross_entropy(np.zeros((2, 3)), np.array(labels))


def test_other_wrong_arguments_are_refused_and_named():
    zeros, labels = np.zeros((2, 3)), np.array([0, 1])
    for smoothing in (1, -0.1, np.nan):
        with pytest.raises(OptionError, match="label_smoothing"):
            softmax_cross_entropy(zeros, labels, label_smoothing=smoothing)
    for shape in ((0, 3), (2, 0), (2, 3, 4), ()):
        with pytest.raises(ShapeError, match="logits has shape"):
            softmax_cross_entropy(np.zeros(shape), labels)
    with pytest.raises(DTypeError, match="logits holds int64"):
        softmax_cross_entropy(np.zeros((2, 3), np.int64), labels)
    for target in (-0.1, 1.1):
        with pytest.raises(OptionError, match="probabilities from 0 to 1"):
            binary_cross_entropy_with_logits(np.zeros(1), np.array([target]))


@every_paired
def test_pairs_that_do_not_belong_together_are_refused(name):
    loss_of = PAIRED[name]
    with pytest.raises(ShapeError, match=r"targets has shape \(3,\); expected \(3, 1\)"):
        loss_of(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(ShapeError, match="at least one value"):
        loss_of(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(DTypeError, match="one type for all"):
        loss_of(np.zeros(3, np.float32), np.zeros(3))
    with pytest.raises(DTypeError, match=f"{name} holds int64"):
        loss_of(np.zeros(3, np.int64), np.zeros(3))


def test_soft_targets_extend_the_hard_ones():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(5, 4))
    labels = np.array([0, 3, 1, 1, 2])
    hard, gradient = softmax_cross_entropy(logits, labels)
    soft, soft_gradient = soft_cross_entropy(logits, np.eye(4)[labels])
    np.testing.assert_allclose(soft, hard)
    np.testing.assert_allclose(soft_gradient, gradient)


def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses():
    logits = np.array([[2.0, -1.0, 0.5]])
    parts = [softmax_cross_entropy(logits, np.array([k]))[0] for k in (0, 2)]
    mixed, gradient = soft_cross_entropy(logits, np.array([[0.7, 0, 0.3]]))
    np.testing.assert_allclose(mixed, 0.7 * parts[0] + 0.3 * parts[1])
    assert check_gradient(lambda z: soft_cross_entropy(z, np.array([[0.7, 0, 0.3]]))[0], logits, gradient)


@pytest.mark.parametrize("targets", [[[0.5, 0.6]], [[1.5, -0.5]], [[0.0, 0.0]]])
def test_soft_targets_are_probabilities(targets):
    with pytest.raises(OptionError, match="expected probabilities"):
        soft_cross_entropy(np.zeros((1, 2)), np.array(targets))


def test_soft_targets_are_rows():
    with pytest.raises(ShapeError, match=r"expected \(N, K\)"):
        soft_cross_entropy(np.zeros(2), np.array([0.5, 0.5]))
