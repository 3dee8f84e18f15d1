"""Training that is interrupted: the network is as after a whole step, and the history says which."""

import signal

import numpy as np
import pytest

from cnnkit.layers import BatchNorm, Conv2D, Dense, Flatten
from cnnkit.network import Sequential
from cnnkit.optim import Adam


def network():
    layers = [Conv2D(2, 3), BatchNorm(), Flatten(), Dense(3, "softmax")]
    return Sequential(layers, (5, 5, 1), seed=1)


def examples():
    rng = np.random.default_rng(2)
    return rng.standard_normal((12, 5, 5, 1)).astype(np.float32), np.arange(12) % 3


def arrays_of(made):
    return {name: array.copy() for name, array in (made.params | made.state).items()}


class Interrupted(Adam):
    """Adam that is interrupted in a step: after moving only the first of all arrays."""

    def __init__(self, whole_steps, interrupt):
        super().__init__(0.01)
        self.left, self.interrupt = whole_steps, interrupt

    def step(self, params, grads):
        self.left -= 1
        if self.left < 0:
            first = dict(list(params.items())[:1])
            super().step(first, grads)
            self.interrupt()
        super().step(params, grads)


def from_the_keyboard():
    signal.raise_signal(signal.SIGINT)


def by_an_error():
    raise MemoryError


@pytest.mark.parametrize(
    ("interrupt", "raised"), [(from_the_keyboard, KeyboardInterrupt), (by_an_error, MemoryError)]
)
def test_an_interrupted_step_is_taken_back(interrupt, raised):
    """Batches of 4 make 3 steps an epoch: 5 whole steps are an epoch and two steps of the next one."""
    interrupted = network()
    with pytest.raises(raised):
        interrupted.fit(*examples(), 4, 4, optimizer=Interrupted(5, interrupt), seed=3, progress=False)
    plain = network()
    steps_of(plain, 5)
    for name, array in arrays_of(plain).items():
        np.testing.assert_array_equal(array, arrays_of(interrupted)[name], err_msg=name)
    assert interrupted.history.steps == 5
    assert len(interrupted.history.loss) == len(interrupted.history.accuracy) == 1
    assert interrupted.history.validation_loss == []


def steps_of(made, count):
    """Take `count` steps by hand, in the order in which fit would."""
    x, labels = examples()
    rng, optimizer = np.random.default_rng(3), Adam(0.01)
    batches = [
        order[start : start + 4]
        for order in (rng.permutation(12), rng.permutation(12))
        for start in (0, 4, 8)
    ]
    for batch in batches[:count]:
        made.loss_and_gradients(x[batch], labels[batch])
        optimizer.step(made.params, made.grads)


def test_an_interrupt_before_the_step_leaves_the_running_statistics_alone(monkeypatch):
    made = network()
    before = arrays_of(made)
    dense = made.layers[-1]
    monkeypatch.setattr(dense, "backward_from_z", lambda dz: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        made.fit(*examples(), progress=False)
    for name, array in arrays_of(made).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert (made.history.steps, made.history.loss) == (0, [])


def test_an_interrupted_network_goes_on():
    made = network()
    with pytest.raises(KeyboardInterrupt):
        made.fit(*examples(), 1, 4, optimizer=Interrupted(1, from_the_keyboard), progress=False)
    history = made.fit(*examples(), 30, 4, optimizer=Adam(0.02), progress=False)
    assert made.history is history
    assert history.steps == 90
    assert made.evaluate(*examples())[1] > 0.9


def test_an_interrupted_drawing_of_weights_is_repeated(monkeypatch):
    made = network()
    dense = made.layers[-1]
    monkeypatch.setattr(dense, "draw", lambda rng: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        made.predict(examples()[0])
    monkeypatch.undo()
    for name, array in network().params.items():
        np.testing.assert_array_equal(made.params[name], array)
