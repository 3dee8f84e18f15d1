"""The engine: the source's three methods done right, and whole networks equal to `predict`."""

import gc
import weakref

import numpy as np
import pytest
from engine_networks import batch, branching, plain
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import examples, numbers

from cnnkit import activations, engine
from cnnkit.engine.plan import Plan
from cnnkit.errors import ClosedError, DTypeError, OptionError, ShapeError
from cnnkit.kernels import loops, vectorized
from cnnkit.layers import Conv2D, Dense, Flatten, Layer
from cnnkit.network import Sequential

# Weights that are packed, and batch norms that are folded in, round differently from layer by layer.
CLOSE = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


@pytest.fixture(scope="module")
def running():
    with engine.InferenceEngine() as made:
        yield made


# ---- the three methods of the source ----


def java_convolution(input, kernel, biases, stride):
    """The Java class, line by line."""
    rows = (len(input) - len(kernel)) // stride + 1
    columns = (len(input[0]) - len(kernel[0])) // stride + 1
    y = np.zeros((rows, columns, len(biases)), input.dtype)
    for oh, ow, f in np.ndindex(y.shape):
        window = input[oh * stride : oh * stride + len(kernel), ow * stride : ow * stride + len(kernel[0])]
        z = (window * kernel[..., f]).sum() + biases[f]
        y[oh, ow, f] = z if z > 0.0 else 0.0
    return y


@examples(20)
@given(st.integers(0, 99), st.integers(1, 3), st.sampled_from(["float32", "float64"]))
def test_convolution_returns_what_the_java_class_returns(running, seed, stride, dtype):
    rng = np.random.default_rng(seed)
    height, width, channels, filters = rng.integers(5, 11, 2).tolist() + rng.integers(1, 12, 2).tolist()
    kernel_size = rng.integers(1, 5, 2).tolist()
    x, w = (
        numbers(seed, (height, width, channels), dtype),
        numbers(seed + 1, (*kernel_size, channels, filters), dtype),
    )
    b = numbers(seed + 2, (filters,), dtype)
    y = running.forward_convolution_2d(x, w, b, stride)
    assert y.dtype == dtype
    expected = java_convolution(x, w, b, stride)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4 if dtype == "float32" else 1e-12)


@examples(20)
@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 4))
def test_max_pooling_returns_what_the_loops_return(running, seed, pool_size, stride):
    x = numbers(seed, (7, 9, 5), "float64")
    y = running.forward_max_pooling_2d(x, pool_size, stride)
    np.testing.assert_array_equal(y, loops.max_pool2d(x, pool_size, stride=stride))
    assert y.shape == ((7 - pool_size) // stride + 1, (9 - pool_size) // stride + 1, 5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dense_takes_a_row_for_each_target_and_ends_in_a_sigmoid(running, dtype):
    x, w, b = numbers(0, (4, 7), dtype), numbers(1, (3, 7), dtype), numbers(2, (3,), dtype)
    expected = [
        [1 / (1 + np.exp(-(row @ neuron + bias))) for neuron, bias in zip(w, b, strict=True)] for row in x
    ]
    np.testing.assert_allclose(running.forward_dense(x, w, b), expected, rtol=1e-5)
    assert running.forward_dense(x, w, b).dtype == dtype


def test_lists_of_numbers_and_batches_are_welcome(running):
    assert running.forward_dense([[1.0, 2.0]], [[0.0, 0.0]], [0.0]).tolist() == [[0.5]]
    x, w, b = (
        numbers(0, (3, 6, 5, 2), "float32"),
        numbers(1, (2, 2, 2, 4), "float32"),
        np.zeros(4, np.float32),
    )
    one_by_one = np.stack([running.forward_convolution_2d(image, w, b, 2) for image in x])
    np.testing.assert_array_equal(running.forward_convolution_2d(x, w, b, 2), one_by_one)
    np.testing.assert_array_equal(running.forward_max_pooling_2d(x, 2, 2), vectorized.max_pool2d(x, 2))


def test_nan_and_infinity_come_through_where_java_loses_them(running):
    w, b = np.ones((1, 1, 1, 1)), np.zeros(1)
    y = running.forward_convolution_2d(np.array([[[np.nan], [-1.0], [np.inf]]]), w, b, 1)
    np.testing.assert_array_equal(y.ravel(), [np.nan, 0, np.inf])
    for value in (np.nan, -np.inf):
        pooled = running.forward_max_pooling_2d(np.full((2, 2, 1), value), 2, 2)
        np.testing.assert_array_equal(pooled.ravel(), [value])


def test_a_sigmoid_far_out_neither_overflows_nor_warns(running, recwarn):
    ends = running.forward_dense(np.array([[-1000.0], [1000.0], [-700.0]]), np.ones((1, 1)), np.zeros(1))
    np.testing.assert_allclose(ends.ravel(), [0, 1, np.exp(-700)], rtol=1e-12)
    assert not recwarn.list


X, W, B = np.zeros((5, 6, 3)), np.zeros((3, 2, 3, 4)), np.zeros(4)
WRONG_CONVOLUTIONS = {
    "more channels in the kernel": ((X, np.zeros((3, 2, 4, 4)), B, 1), ShapeError, "reads 4 channels.*has 3"),
    "PyTorch's layout": ((X, np.zeros((8, 3, 2, 2)), B, 1), ShapeError, "looks like .F, C, KH, KW."),
    "a kernel larger than the input": (
        (X, np.zeros((6, 2, 3, 4)), B, 1),
        ShapeError,
        "kernel covers 6.*height",
    ),
    "a negative stride": ((X, W, B, -1), OptionError, "stride is -1"),
    "no stride": ((X, W, B, 0), OptionError, "stride is 0"),
    "a broken stride": ((X, W, B, 1.5), OptionError, "stride is 1.5"),
    "too few biases": ((X, W, np.zeros(3), 1), ShapeError, r"biases has shape \(3,\); expected \(4,\)"),
    "too many biases": ((X, W, np.zeros(5), 1), ShapeError, r"biases has shape \(5,\)"),
    "whole numbers": ((X.astype(int), W, B, 1), DTypeError, "input holds int64"),
    "two types": ((X, W.astype(np.float32), B, 1), DTypeError, "kernel is float32"),
    "a gray image": ((X[..., 0], W, B, 1), ShapeError, "channel axis"),
    "ragged rows": (([[[1.0], [2.0]], [[3.0]]], W, B, 1), ShapeError, "input is ragged"),
    "a flat kernel": ((X, np.zeros((3, 2)), B, 1), ShapeError, "kernel has shape"),
    "nothing": ((np.zeros((0, 4, 3)), W, B, 1), ShapeError, "at least 1"),
}


@pytest.mark.parametrize("case", WRONG_CONVOLUTIONS)
def test_what_the_java_class_lets_through_is_refused(running, case):
    arguments, error, message = WRONG_CONVOLUTIONS[case]
    with pytest.raises(error, match=message):
        running.forward_convolution_2d(*arguments)


def test_pooling_and_dense_refuse_what_does_not_fit(running):
    for pool_size, stride, message in (
        (7, 1, "pool_size covers 7"),
        (0, 1, "pool_size is 0"),
        (2, -2, "stride is -2"),
    ):
        with pytest.raises(ShapeError, match=message):
            running.forward_max_pooling_2d(X, pool_size, stride)
    rows = np.zeros((2, 3))
    with pytest.raises(ShapeError, match=r"pass weights\.T"):
        running.forward_dense(rows, np.zeros((3, 4)), np.zeros(4))
    with pytest.raises(ShapeError, match=r"inputs\[None\]"):
        running.forward_dense(rows[0], np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(ShapeError, match="one per target neuron"):
        running.forward_dense(rows, np.zeros((4, 3)), np.zeros(3))


# ---- opening and closing ----


def test_after_closing_every_call_says_so():
    made, network = engine.InferenceEngine(), plain()
    made.close()
    made.close()
    assert made.closed
    assert repr(made) == "<InferenceEngine: closed>"
    for call in (
        lambda: made.forward_convolution_2d(X, W, B, 1),
        lambda: made.forward_max_pooling_2d(X, 2, 2),
        lambda: made.forward_dense(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(1)),
        lambda: made.run(network, batch(network)),
        made.__enter__,
    ):
        with pytest.raises(ClosedError, match="this engine is closed"):
            call()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_leaving_by_an_exception_closes(error):
    with pytest.raises(error), engine.InferenceEngine() as made:
        raise error
    assert made.closed


def test_a_call_that_fails_leaves_the_engine_usable(running, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    network = plain()
    with monkeypatch.context() as patch:
        patch.setattr(Plan, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            running.run(network, batch(network))
    np.testing.assert_allclose(
        running.run(network, batch(network)), network.predict(batch(network)), rtol=1e-5
    )


def test_threads_are_counted_and_given_back():
    import numba

    before = numba.get_num_threads()
    with engine.InferenceEngine(threads=1) as one:
        assert one.threads == 1
        seen = []
        network = Sequential([_Spy(seen)], (2, 2, 1))
        one.run(network, batch(network))
    assert seen == [1]
    assert numba.get_num_threads() == before
    with pytest.raises(OptionError, match="threads is 4096; expected at most"):
        engine.InferenceEngine(threads=4096)
    with pytest.raises(OptionError, match="threads is 0"):
        engine.InferenceEngine(threads=0)


class _Spy(Layer):
    """Notes how many threads Numba would use."""

    kind = "Spy"

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x, *, training=False):
        import numba

        self.seen.append(numba.get_num_threads())
        return x


# ---- whole networks ----


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [plain, branching])
def test_a_run_is_what_predict_returns(running, make, dtype):
    network = make(dtype)
    x = batch(network)
    before = x.copy()
    y = running.run(network, x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, network.predict(x), **CLOSE[dtype])
    np.testing.assert_allclose(running.run(network, x[0]), network.predict(x[0]), **CLOSE[dtype])
    assert running.run(network, x[:0]).shape == (0, 10)
    np.testing.assert_array_equal(x, before)
    reversed_view = x[:, ::-1]
    np.testing.assert_allclose(
        running.run(network, reversed_view), network.predict(reversed_view), **CLOSE[dtype]
    )


def test_the_same_input_gives_the_same_bits_whatever_ran_before(running):
    network = branching()
    x, other = batch(network), batch(network, seed=9)
    y = running.run(network, x)
    running.run(network, other[:2])
    np.testing.assert_array_equal(running.run(network, x), y)
    assert not np.shares_memory(running.run(network, x), running.run(network, x))


def test_a_large_batch_is_run_in_parts(running, monkeypatch):
    network = plain()
    x = batch(network, examples=7)
    whole = running.run(network, x)
    monkeypatch.setattr("cnnkit.engine.plan.MEMORY", 3 * Plan(network).bytes_per_example)
    np.testing.assert_allclose(running.run(network, x), whole, rtol=1e-5)


def test_a_plain_row_takes_two_buffers_in_turns():
    plan = Plan(plain())
    assert plan.buffers == 2
    assert len(plan.steps) == 5  # two convolutions with all that is fused, flatten, two dense layers


def test_a_residual_block_fuses_batch_norm_sum_and_relu():
    layers = branching().layers[4:5]
    plan = Plan(Sequential([Conv2D(8, 1), *_fresh(layers)], (9, 9, 8)))
    assert [type(step).__name__ for step in plan.steps] == ["Convolve"] * 3
    assert plan.buffers == 3


def _fresh(layers):
    from cnnkit.layers.base import restore

    return [restore(layer.describe()) for layer in layers]


WAYS_TO_CHANGE = {
    "one weight of a convolution": lambda net: net.layers[0].params["w"].__setitem__((0, 0, 0, 0), 9.0),
    "a dense layer": lambda net: net.layers[-1].params["w"].__imul__(2),
    "a running mean": lambda net: net.layers[1].state["running_mean"].__iadd__(1),
    "another array": lambda net: net.layers[0].params.__setitem__("w", -net.layers[0].params["w"]),
    "a batch norm inside": lambda net: net.layers[4].layers[1].params["gamma"].__imul__(3),
    "a layer in place of another": lambda net: net.layers[4].layers.__setitem__(2, _sigmoid()),
}


def _sigmoid():
    from cnnkit.layers import Activation

    return Activation("sigmoid")


@pytest.mark.parametrize("way", WAYS_TO_CHANGE)
def test_changed_weights_are_noticed(running, way):
    network = branching()
    x = batch(network)
    before = running.run(network, x)
    WAYS_TO_CHANGE[way](network)
    after = running.run(network, x)
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(after, network.predict(x), **CLOSE["float32"])


def test_a_single_changed_number_among_many_is_noticed():
    network = Sequential([Conv2D(256, 3), Flatten(), Dense(2)], (4, 4, 64))
    w = network.layers[0].params["w"]
    assert w.nbytes > 1 << 18  # too large to be compared in full
    plan = Plan(network)
    assert plan.fits(network)
    for place in (0, w.size // 2, w.size - 1):
        old = w.flat[place]
        w.flat[place] = np.nextafter(old, np.float32(9))
        assert not plan.fits(network)
        w.flat[place] = old
    assert plan.fits(network)


def test_weights_promised_to_be_unchanged_are_not_looked_at(running):
    network = plain()
    x = batch(network)
    before = running.run(network, x, frozen=True)
    network.layers[0].params["w"] *= 2
    np.testing.assert_array_equal(running.run(network, x, frozen=True), before)
    assert not np.array_equal(running.run(network, x), before)


def test_training_in_between_is_not_disturbed(running):
    """The engine runs layers without a path of their own on twins: backward finds what forward kept."""
    network = branching()
    x = batch(network)
    dy = np.ones((5, 10), np.float32)
    network.forward(x)
    network.backward(dy)
    expected = {name: grad.copy() for name, grad in network.grads.items()}
    network.forward(x)
    running.run(network, batch(network, seed=5))
    network.backward(dy)
    for name, grad in network.grads.items():
        np.testing.assert_array_equal(grad, expected[name])


def test_networks_are_forgotten_when_nobody_else_holds_them():
    with engine.InferenceEngine() as made:
        network = plain()
        x = batch(network)
        made.run(network, x)
        made.forget(network)
        made.forget(network)
        made.run(network, x)
        gone = weakref.ref(network)
        del network
        gc.collect()
        assert gone() is None


def test_a_batch_that_does_not_fit_is_refused(running):
    network = plain()
    with pytest.raises(DTypeError, match=r"batch\.astype\(np.float32\)"):
        running.run(network, batch(network).astype(np.float64))
    with pytest.raises(ShapeError, match=r"expected examples of shape \(19, 17, 3\)"):
        running.run(network, np.zeros((2, 17, 19, 3), np.float32))


def test_nan_goes_through_a_network(running):
    network = plain()
    x = batch(network)
    x[2, 3, 3, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(running.run(network, x)), np.isnan(network.predict(x)))


def test_a_slow_first_call_says_why_and_only_once(capsys, monkeypatch):
    import threading
    import time

    from cnnkit.engine import cold

    monkeypatch.setattr(cold, "_said", threading.Event())
    with cold.announced_if_slow(patience=0.01):
        time.sleep(0.2)
    assert capsys.readouterr().err.count("compiles kernels") == 1
    with cold.announced_if_slow(patience=0.01):
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_sigmoid_is_that_of_the_activations(running):
    z = np.linspace(-40, 40, 9)[:, None]
    y = running.forward_dense(z, np.ones((1, 1)), np.zeros(1))
    np.testing.assert_array_equal(y, activations.sigmoid(z))
