"""The trainer: the steps of fit, one at a time; augmentation, accumulation, early stopping, interruption."""

import numpy as np
import pytest

from cnnkit import train
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten
from cnnkit.losses import softmax_cross_entropy
from cnnkit.network import Sequential
from cnnkit.optim import SGD, Adam, cosine
from cnnkit.train import Trainer, find_learning_rate


def data(count=24, seed=0):
    """Pictures of two bright spots, whose place is the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    x = 0.3 * rng.normal(size=(count, 4, 4, 1))
    x[np.arange(count), labels, labels] += 1.5
    return x, labels


def network(*, dropout=0.0, norm=False, seed=0):
    layers = [Conv2D(4, 3, padding="same", activation="relu"), Flatten(), Dropout(dropout)]
    layers += [BatchNorm()] if norm else []
    return Sequential([*layers, Dense(3)], input_shape=(4, 4, 1), seed=seed, dtype=np.float64)


def weights(net):
    return {name: array.copy() for name, array in (net.params | net.state).items()}


def assert_same(one, other, **tolerance):
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], **(tolerance or {"rtol": 0, "atol": 0}))


def test_a_run_is_fit_bit_for_bit():
    x, labels = data()
    by_fit, by_run = network(dropout=0.3, norm=True), network(dropout=0.3, norm=True)
    fitted = by_fit.fit(x, labels, 3, 10, validation=data(9, 1), seed=5, progress=False)
    trainer = Trainer(by_run, x, labels, batch_size=10, validation=data(9, 1), seed=5)
    history = trainer.run(3)
    assert_same(weights(by_fit), weights(by_run))
    assert history == fitted
    assert (trainer.epochs, history.steps, trainer.steps_per_epoch) == (3, 9, 3)


def test_steps_make_an_epoch():
    x, labels = data(25)
    trainer = Trainer(network(), x, labels, batch_size=10)
    losses = [trainer.step() for _ in range(3)]
    assert trainer.epochs == 1
    # the last batch has 5 examples: the epoch's mean weighs examples, not batches
    np.testing.assert_allclose(trainer.history.loss[0], np.average(losses, weights=[10, 10, 5]))
    assert trainer.losses == losses
    trainer.step()
    assert trainer.epochs == 1
    trainer.epoch()
    assert trainer.epochs == 2
    assert len(trainer.losses) == 6


def test_accumulated_batches_are_one_large_batch():
    x, labels = data(24)
    large, small = network(), network()
    Trainer(large, x, labels, optimizer=SGD(0.1), batch_size=12, seed=1).run(2)
    trainer = Trainer(small, x, labels, optimizer=SGD(0.1), batch_size=5, accumulate=3, seed=1)
    assert trainer.steps_per_epoch == 2
    alike = network()
    Trainer(alike, x, labels, optimizer=SGD(0.1), batch_size=15, seed=1).run(2)
    trainer.run(2)
    assert_same(weights(alike), weights(small), rtol=1e-10)
    assert any(not np.allclose(array, weights(small)[name]) for name, array in weights(large).items())


def test_clipping_limits_the_step_and_notes_the_norm():
    x, labels = data()
    net = network()
    before = weights(net)
    trainer = Trainer(net, x, labels, optimizer=SGD(1.0), batch_size=24, clip_norm=0.01)
    trainer.step()
    moved = np.sqrt(sum(((array - before[name]) ** 2).sum() for name, array in net.params.items()))
    np.testing.assert_allclose(moved, 0.01)
    assert trainer.gradient_norms[0] > 0.01


def test_the_schedule_sets_the_rate_of_every_step():
    x, labels = data()
    optimizer = SGD(5.0)
    trainer = Trainer(network(), x, labels, optimizer=optimizer, batch_size=12, schedule=cosine(0.2, 4))
    rates = []
    for _ in range(4):
        trainer.step()
        rates.append(optimizer.learning_rate)
    np.testing.assert_allclose(rates, [cosine(0.2, 4)(step) for step in range(4)])


def test_augmentation_sees_every_batch_anew():
    x, labels = data(8)
    seen = []

    def remember(batch, rng):
        seen.append((batch.copy(), rng.random()))
        return batch

    Trainer(network(), x, labels, batch_size=4, augment=remember).run(2)
    assert [batch.shape for batch, _ in seen] == [(4, 4, 4, 1)] * 4
    assert len({number for _, number in seen}) == 4


def test_mixup_trains_and_leaves_the_data_alone():
    x, labels = data(60)
    before = x.copy()
    net = network()
    Trainer(net, x, labels, optimizer=Adam(0.02), mixup=0.4).run(20)
    assert net.evaluate(*data(60, 2))[1] > 0.8
    np.testing.assert_array_equal(x, before)


def test_another_loss():
    def doubled(logits, labels):
        loss, dlogits = softmax_cross_entropy(logits, labels)
        return 2 * loss, 2 * dlogits

    x, labels = data()
    once, twice = network(), network()
    Trainer(once, x, labels, optimizer=SGD(0.2)).step()
    Trainer(twice, x, labels, optimizer=SGD(0.1), loss=doubled).step()
    assert_same(weights(once), weights(twice), rtol=1e-12)


def test_early_stopping_goes_back_to_the_best_epoch():
    x, labels = data(12)
    wrong = (data(12, 7)[0], (data(12, 7)[1] + 1) % 3)  # the better the network, the worse on these
    net = network(norm=True)
    states = {}
    trainer = Trainer(net, x, labels, optimizer=Adam(0.05), validation=wrong, patience=3)
    original = trainer._end_epoch

    def remember():
        original()
        states[trainer.epochs] = weights(net)

    trainer._end_epoch = remember
    history = trainer.run(50)
    best = 1 + int(np.argmin(history.validation_loss))
    assert trainer.best_epoch == best
    assert len(history.loss) == best + 3
    assert f"back to epoch {best}" in trainer.stopped
    assert_same(states[best], weights(net))


def test_a_diverged_run_stops_and_says_why(capsys):
    x, labels = data()
    trainer = Trainer(network(), x * 1e3, labels, optimizer=SGD(1e200))
    with np.errstate(all="ignore"):
        history = trainer.run(30, progress=True)
    assert len(history.loss) < 30
    assert "try a lower learning rate" in trainer.stopped
    assert trainer.stopped in capsys.readouterr().out


def test_an_interrupt_leaves_the_network_after_its_last_whole_step():
    x, labels = data()
    net = network(norm=True)

    class Interrupted(Adam):
        def step(self, params, grads):
            super().step(params, grads)
            if self.steps == 3:
                raise KeyboardInterrupt

    trainer = Trainer(net, x, labels, optimizer=Interrupted(), batch_size=8)
    trainer.step()
    trainer.step()
    before = weights(net)
    with pytest.raises(KeyboardInterrupt):
        trainer.step()
    assert_same(before, weights(net))
    assert (trainer.history.steps, len(trainer.losses)) == (2, 2)
    trainer.step()
    assert trainer.epochs == 1


def test_snapshots_hold_running_statistics_too():
    net = network(norm=True)
    before = train.snapshot(net)
    Trainer(net, *data()).run(2)
    assert not before["batch_normalization/running_mean"].any()
    assert net.state["batch_normalization/running_mean"].any()
    train.restore(net, before)
    assert_same(before, weights(net))


def test_the_finder_scans_and_leaves_everything_as_it_was():
    x, labels = data(60)
    net, optimizer = network(norm=True), SGD(0.123)
    before = weights(net)
    with np.errstate(all="ignore"):
        scan = find_learning_rate(net, x, labels, optimizer=optimizer, low=1e-4, high=1e4, steps=60)
    assert_same(before, weights(net))
    assert optimizer.learning_rate == 0.123
    assert len(scan.rates) == len(scan.losses) < 60  # it blew up before the end
    np.testing.assert_allclose(scan.rates[1:] / scan.rates[:-1], 1e8 ** (1 / 59))
    assert 1e-3 < scan.suggestion < 10
    assert scan.losses[0] > scan.losses.min()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patience": 2}, OptionError, "patience needs validation"),
        ({"batch_size": 0}, ShapeError, "batch_size is 0"),
        ({"accumulate": 0}, ShapeError, "accumulate is 0"),
    ],
)
def test_meaningless_options(options, error, message):
    with pytest.raises(error, match=message):
        Trainer(network(), *data(), **options)
    with pytest.raises(OptionError, match="expected 0 < low < high"):
        find_learning_rate(network(), *data(), low=1.0, high=0.1)
    with pytest.raises(ShapeError, match="one label each"):
        Trainer(network(), data()[0], data()[1][:3])
