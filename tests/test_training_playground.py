"""The training playground by its traits: runs that repeat, mistakes that show, and a loop left free."""

import math

import numpy as np
import pytest
import traitlets

from cnnkit.errors import OptionError
from cnnkit.gradcheck import check_gradient
from cnnkit.widgets import TrainingPlayground
from cnnkit.widgets import playground_views as views
from cnnkit.widgets.playground_views import MISTAKES, Curves
from cnnkit.widgets.training_run import (
    Measurement,
    Settings,
    TrainingRun,
    _InOrder,
    _KeptGradients,
    _loss_of_probabilities,
)


def trained(steps, rate=0.003, **settings):
    run = TrainingRun(Settings(**settings), rate)
    for _ in range(steps):
        run.step()
    return run


def weights(run):
    return {name: array.copy() for name, array in run.network.params.items()}


# ---- runs


def test_a_run_learns_and_repeats_itself():
    first, again = trained(60), trained(60)
    assert first.measured == again.measured
    assert [point.step for point in first.measured] == [0, 10, 20, 30, 40, 50, 60]
    assert first.measured[0].loss == pytest.approx(math.log(10), abs=0.3)
    assert first.measured[-1].test_accuracy > 0.7
    for name, array in weights(first).items():
        np.testing.assert_array_equal(array, again.network.params[name])


def test_a_learning_rate_that_changes_on_the_way():
    run = trained(3)
    before = weights(run)
    run.set_learning_rate(1e-12)
    run.step()
    for name, array in weights(run).items():
        np.testing.assert_allclose(array, before[name], atol=1e-8)


def test_every_setting_makes_another_run():
    plain = trained(4).measured[0], weights(trained(4))
    for change in (
        {"optimizer": "SGD"},
        {"optimizer": "SGD with momentum"},
        {"optimizer": "RMSProp"},
        {"batch_size": 8},
        {"examples": 50},
        {"batch_norm": True},
        {"dropout": 0.5},
        {"weight_decay": 0.1},
        {"seed": 1},
        *({name: True} for name in MISTAKES if name != "test_in_training"),
    ):
        other = weights(trained(4, **change))
        same = other.keys() == plain[1].keys() and all(
            np.array_equal(array, plain[1][name]) for name, array in other.items()
        )
        assert not same, change


def test_unknown_optimisers_are_refused():
    with pytest.raises(OptionError, match="optimizer is 'Adagrad'"):
        TrainingRun(Settings(optimizer="Adagrad"), 0.01)


# ---- mistakes and their symptoms


def test_raw_pixels_start_far_above_guessing():
    assert trained(0, raw_inputs=True).measured[0].loss > 20


def test_shuffled_labels_are_not_learnt():
    last = trained(60, shuffled_labels=True).measured[-1]
    assert last.test_accuracy < 0.25
    assert last.loss > 2


def test_zero_weights_stay_alike():
    run = trained(30, zero_weights=True)
    assert not run.network.params["hidden/w"].any()
    assert run.measured[-1].loss == pytest.approx(math.log(10), abs=0.02)
    assert run.dead_share() == 1


def test_a_thousandfold_rate_kills():
    run = trained(40, huge_rate=True)
    assert run.measured[1].loss > 3
    assert run.trainer.optimizer.learning_rate == pytest.approx(3)


def test_gradients_that_are_kept_add_up():
    class Recorder:
        learning_rate = 0.1

        def __init__(self):
            self.seen = []

        def step(self, params, grads):
            self.seen.append({name: np.array(array) for name, array in grads.items()})

    recorder = Recorder()
    kept = _KeptGradients(recorder)
    for gradient in (1.0, 2.0, 4.0):
        kept.step({}, {"w": np.array([gradient])})
    assert [float(seen["w"][0]) for seen in recorder.seen] == [1, 3, 7]
    kept.learning_rate = 0.2
    assert (kept.learning_rate, recorder.learning_rate) == (0.2, 0.2)


def test_softmax_twice_cannot_get_below_its_floor():
    """The best that softmax can make of a probability of 1 is e / (e + 9)."""
    assert trained(100, softmax_twice=True).measured[-1].loss > -math.log(math.e / (math.e + 9))
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((3, 4)), np.array([0, 3, 1])
    _, gradient = _loss_of_probabilities(logits, labels)
    assert check_gradient(lambda z: _loss_of_probabilities(z, labels)[0], logits, gradient)


def test_tests_in_training_mode_lose_accuracy_to_dropout():
    right, wrong = (trained(80, dropout=0.6, test_in_training=mode).measured[-1] for mode in (False, True))
    assert wrong.test_loss > right.test_loss
    assert wrong.test_accuracy < right.test_accuracy


def test_sorted_examples_arrive_in_their_order():
    assert _InOrder(np.random.PCG64(0)).permutation(4).tolist() == [0, 1, 2, 3]
    run = trained(1, sorted_examples=True)
    assert run.trainer.losses[0] != trained(1).trainer.losses[0]
    assert run.measured[0].accuracy == trained(0).measured[0].accuracy  # measured on the same digits


def test_a_loss_that_is_no_number_ends_the_run():
    run = trained(1)
    run.network.params["logits/b"][:] = np.nan
    run.step()
    assert run.diverged
    steps = run.steps
    run.step()
    assert run.steps == steps
    assert "not a number any more" in views.summary(run)
    assert "the loss is not a number" in views.digest(run)
    assert all(np.isfinite(values).all() for values in views.maps(run, 3))


# ---- what is shown


def point(step, loss=1.0, accuracy=0.5):
    return Measurement(step, loss, 2 * loss, accuracy, accuracy / 2)


def test_curves_of_two_runs_share_their_steps():
    curves = Curves("loss", [point(0), point(10, 0.5)], [point(0, 3.0), point(10), point(20)])
    assert curves.steps == [0, 10, 20]
    assert curves.series["training"][:2] == [1.0, 0.5]
    assert math.isnan(curves.series["training"][2])
    assert curves.series["test, run before"] == [6.0, 2.0, 2.0]
    assert curves.place([point(0), point(10)]) == 1
    assert curves.spoken(1) == "step 10: training 0.5, test 1, test, run before 2"
    assert curves.spoken(2) == "step 20: test, run before 2"
    assert curves.limits()[1] == 6
    svg = curves.drawing(1).svg
    assert svg.count("<polyline") == 3
    assert "nan" not in svg


def test_a_single_measurement_is_a_picture_too():
    curves = Curves("accuracy", [point(0)], [])
    assert curves.steps == [0, 10]
    assert curves.drawing(0).svg.count("<circle") == 2


def test_long_runs_are_thinned_at_equal_distances():
    measured = [point(step) for step in range(0, 10_010, 10)]
    curves = Curves("loss", measured, [])
    assert len(curves.steps) <= 240
    assert len(set(np.diff(curves.steps))) == 1
    assert not np.isnan(curves.series["training"]).any()


def test_filters_and_maps_are_those_of_the_network():
    run = trained(2)
    w = run.network.params["conv2d/w"]
    np.testing.assert_array_equal(views.filters(run)[:, 3:6], w[:, :, 0, 1])
    values = views.maps(run, 7)
    x = run.x_test[np.argmax(run.y_test == 7)]
    np.testing.assert_array_equal(values[0], x)
    inside = run.network.activations(x)
    np.testing.assert_allclose(values[1], inside["conv2d/relu"], rtol=1e-5, atol=1e-6)
    logits = inside["logits"].astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(values[-1].ravel(), shares, rtol=1e-4)
    assert [value.shape for value in values] == [layer.shape for layer in views.map_layers(run)]
    np.testing.assert_allclose(views.maps(trained(0, raw_inputs=True), 7)[0], x, atol=1e-6)


# ---- the widget


def test_settings_start_a_new_network_and_the_rate_does_not():
    playground = TrainingPlayground(steps=12)
    first = playground.trained
    playground.learning_rate = 0.01
    assert playground.trained is first
    assert first.trainer.optimizer.learning_rate == 0.01
    playground.digit = 5
    assert playground.trained is first
    playground.raw_inputs = True
    assert playground.trained is not first
    assert playground.trained.steps == 0
    assert playground.before is first.measured
    playground.restart()  # nothing was trained: the run worth comparing with stays
    assert playground.before is first.measured
    with pytest.raises(traitlets.TraitError):
        playground.batch_size = 33


def test_steps_by_hand_and_at_once_give_the_same():
    by_hand, at_once = TrainingPlayground(steps=0), TrainingPlayground(steps=12)
    for _ in range(10):
        by_hand.step()
    by_hand.train(2)
    assert by_hand.trained.measured == at_once.trained.measured
    assert by_hand.digest() == at_once.digest()
    assert by_hand.summary.startswith("2 steps. Step 12")
    np.testing.assert_array_equal(by_hand._filters.values, at_once._filters.values)


def test_the_digest_says_what_is_wrong_in_figures_that_last():
    playground = TrainingPlayground(steps=0, huge_rate=True, sorted_examples=True)
    assert playground.digest().splitlines()[1:] == [
        "mistakes: Learning rate × 1000; No shuffling: examples sorted by digit",
        "before training: loss 2.4, less than 10 % of the test digits right",
    ]
    assert TrainingPlayground(steps=200).digest().splitlines()[-1] == (
        "after 200 steps: at least 90 % of the test digits right"
    )


def test_the_static_picture_is_the_same_every_time():
    first, second = (TrainingPlayground(steps=10)._repr_mimebundle_() for _ in range(2))
    bundles = [bundle[0] if isinstance(bundle, tuple) else bundle for bundle in (first, second)]
    assert bundles[0]["image/png"] == bundles[1]["image/png"]
    assert bundles[0]["text/plain"] == bundles[1]["text/plain"]
    assert bundles[0]["image/png"].startswith(b"\x89PNG")


def test_a_diverged_run_says_so_below_the_button():
    playground = TrainingPlayground(steps=1)
    playground.trained.network.params["logits/b"][:] = np.nan
    playground.step()
    playground._press("step", 2)
    assert "not a number any more; start again" in playground._actions.messages["step"]
    playground._press("restart", 1)
    assert playground._actions.messages == {}
    assert playground.trained.steps == 0


def test_a_cursor_stays_where_it_was_put_and_follows_at_the_end():
    playground = TrainingPlayground(steps=50)
    chart = playground._charts["loss"]
    assert chart.cursor == [0, 5]
    chart.cursor = [0, 2]
    assert chart.text.startswith("step 20: ")
    playground.train(20)
    assert chart.cursor == [0, 2]
    chart.cursor = [0, 7]
    playground.train(10)
    assert chart.cursor == [0, 8]
