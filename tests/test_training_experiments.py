"""Chapter 09's experiments: what each one claims, on fewer seeds where the chapter takes five."""

import numpy as np
import pytest

from cnnkit import losses, optim, zoo
from cnnkit.digit_training import form_split
from cnnkit.errors import OptionError
from cnnkit.gradcheck import check_gradient
from cnnkit.training_experiments import broken, common, labels, leakage, normalising, overfitting, races
from cnnkit.training_experiments.robustness import fast_gradient_sign, noise_of_the_same_size


def test_few_digits_do_not_share_and_are_drawn_by_the_seed():
    first, again, other = (common.few_digits(100, seed) for seed in (0, 0, 1))
    assert first.x_train.shape == (100, 8, 8, 1)
    assert first.x_test.shape == (600, 8, 8, 1)
    assert first.x_train.dtype == np.float64
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_train, other.x_train)
    longer = common.few_digits(150, 0)
    np.testing.assert_array_equal(longer.x_train[:100], first.x_train)
    np.testing.assert_array_equal(longer.x_test, first.x_test)
    with pytest.raises(OptionError, match="count is 1198"):
        common.few_digits(1198, 0)


def test_wrong_labels_are_wrong_and_as_many_as_asked_for():
    right = np.arange(200) % 10
    changed, wrong = common.with_wrong_labels(right, 0.15, np.random.default_rng(0))
    assert wrong.sum() == 30
    np.testing.assert_array_equal(changed != right, wrong)
    assert set(changed) <= set(range(10))


def test_a_comparison_states_paired_gains():
    comparison = common.Comparison(
        {"a": np.array([0.9, 0.9]), "b": np.array([0.8, 0.8])},
        {"a": np.array([0.5, 0.7]), "b": np.array([0.6, 0.82])},
    )
    np.testing.assert_allclose(comparison.gain("b", "a"), [0.1, 0.12])
    assert "b                           80%    71%     +11 ± 13 points" in str(comparison)


# ---- overfitting -----------------------------------------------------------------------------------------


def test_more_data_helps_and_everything_at_once_underfits():
    result = overfitting.cures(("nothing", "all at full strength", "four times the data"), seeds=(0, 1))
    assert result.train["nothing"].min() > 0.9  # a fifth of these labels is wrong
    assert result.gain("four times the data", "nothing").min() > 0.05
    assert result.gain("all at full strength", "nothing").max() < 0
    assert result.train["all at full strength"].max() < 0.75


def test_the_validation_loss_turns_before_the_end():
    history = overfitting.overfitting_history(epochs=40)
    assert np.argmin(history.validation_loss) < 30
    assert history.loss[-1] < history.loss[20] < history.loss[5]
    assert history.validation_loss[-1] > min(history.validation_loss)


def test_labels_by_dice_are_learned_by_heart():
    seen, fresh = overfitting.random_labels()
    assert seen > 0.98
    assert fresh < 0.2


# ---- races -----------------------------------------------------------------------------------------------


def test_the_valley_is_descended_by_the_formula():
    path = races.valley_path(optim.SGD(0.03), 7)
    np.testing.assert_allclose(path[-1], [-9 * 0.97**7, 1.5 * 0.25**7])
    np.testing.assert_allclose(races.valley_loss(np.array([[2.0, 1.0], [0, 0]])), [2 + 12.5, 0])
    for rate, grows in ((0.079, False), (0.081, True)):
        end = races.valley_path(optim.SGD(rate), 40)[-1]
        assert (abs(end[1]) > 1.5) == grows


def test_momentum_is_ahead_of_plain_sgd_and_the_sweep_is_a_valley():
    makes = {name: races.OPTIMIZERS[name] for name in ("SGD", "SGD, momentum 0.9")}
    race = races.optimizer_race(makes, seeds=(0, 1), epochs=6)
    last = {name: values[:, -1].mean() for name, values in race.losses.items()}
    assert last["SGD, momentum 0.9"] < last["SGD"]
    assert "SGD, momentum 0.9" in str(race)
    sweep = races.learning_rate_sweep((0.001, 0.1, 1.0), seeds=(0,))[0]
    assert sweep.argmin() == 1


# ---- normalising -----------------------------------------------------------------------------------------


def test_curvatures_are_the_hessians_and_a_mean_spoils_them():
    x = np.random.default_rng(0).normal(size=(50, 3))
    rows = np.c_[x, np.ones(50)]
    expected = np.sort(np.linalg.eigvalsh(rows.T @ rows / 50))[::-1]
    np.testing.assert_allclose(normalising.first_curvatures(x), expected)
    spread = (normalising.first_curvatures(x + shift)[0] for shift in (0, 1000))
    assert next(spread) < 3
    assert next(spread) > 1e6


def test_bytes_and_offsets_do_not_train_at_a_rate_that_suits_unit_pixels():
    result = normalising.input_scales()
    assert min(result.test["0 to 1"], result.test["mean 0, std 1"]) > 0.8
    assert max(result.test["0 to 255"], result.test["1000 to 1001"]) < 0.3
    assert result.losses["0 to 255"][0] > 100


def test_batch_norm_fails_in_batches_of_two_where_layer_norm_does_not():
    result = normalising.batch_size_and_norm(seeds=(0, 1))
    assert result[2]["batch"] < result[2]["none"] < result[2]["layer"] + 0.1
    assert result[32]["batch"] >= result[32]["none"]


def test_in_training_mode_the_answer_depends_on_the_company():
    answers, alone = normalising.answers_by_company()
    assert answers.max() - answers.min() > 0.03
    assert 0.3 < alone < 0.7


# ---- leakage ---------------------------------------------------------------------------------------------


def test_the_nearest_neighbour_is_the_nearest():
    train = np.array([[0.0, 0], [3, 0], [0, 5]])
    tests = np.array([[1.0, 0], [2, 0], [0, 4]])
    assert leakage.nearest_neighbour(train, np.array([7, 8, 9]), tests).tolist() == [7, 8, 9]


def test_selection_before_the_split_makes_accuracy_out_of_coin_flips():
    leak = leakage.selected_first()
    assert leak.wrong.mean() > 0.75
    assert abs(leak.right.mean() - 0.5) < 0.08
    assert "points invented" in str(leak)


def test_copies_and_known_hands_flatter():
    assert (leakage.augmented_first(seeds=range(4)).wrong > 0.9).all()
    for experiment in (leakage.augmented_first, leakage.by_hand):
        leak = experiment(seeds=range(6))
        assert (leak.wrong - leak.right).mean() > 0.02


def test_statistics_of_everything_hardly_matter_here():
    leak = leakage.standardised_first()
    assert abs((leak.wrong - leak.right).mean()) < 0.02


# ---- labels ----------------------------------------------------------------------------------------------


def test_most_wrong_labels_are_among_the_most_suspicious():
    suspects = labels.find_suspects()
    assert suspects.wrong.sum() == 30
    assert suspects.found(60) >= 27
    assert suspects.found(600) == 30
    assert suspects.found(0) == 0


def test_weighted_cross_entropy_is_the_plain_one_for_equal_weights():
    rng = np.random.default_rng(1)
    logits, y = rng.normal(size=(6, 3)), np.array([0, 1, 1, 2, 1, 0])
    plain, gradient = losses.softmax_cross_entropy(logits, y)
    loss, dlogits = labels.weighted_cross_entropy(logits, y, np.full(3, 5.0))
    np.testing.assert_allclose(loss, plain)
    np.testing.assert_allclose(dlogits, gradient)
    weights = np.array([1.0, 4.0, 0.5])
    _, dlogits = labels.weighted_cross_entropy(logits, y, weights)
    assert check_gradient(lambda z: labels.weighted_cross_entropy(z, y, weights)[0], logits, dlogits)


def test_a_rare_class_is_missed_unless_it_is_weighted():
    recalls = []
    for weighted in (False, True):
        scores, truth = labels.rare_class(weighted=weighted)
        assert 0.02 < truth.mean() < 0.04
        recalls.append(((scores > 0.5) & truth).sum() / truth.sum())
    assert recalls[0] < 0.2
    assert recalls[1] > 0.5


# ---- broken runs -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen():
    return {case: broken.symptoms(case) for case in broken.CASES}


def test_every_case_shows_what_its_diagnosis_says(seen):
    log_10 = np.log(10)
    assert seen["A"].train == 1
    assert seen["A"].test < 0.9
    assert seen["B"].first_loss > 100
    assert seen["C"].train < 0.9
    assert seen["D"].train > 0.9 > seen["D"].test
    assert seen["E"].train == 1
    assert seen["E"].test < 0.7
    assert seen["F"].test < 0.15
    for case in "GJ":
        assert abs(seen[case].first_loss - log_10) < 1e-9
        assert seen[case].dead == 1
    assert np.ptp(seen["H"].losses) < 0.01
    assert seen["H"].gradient_norm > 0.1
    assert seen["I"].train > 0.8
    assert seen["I"].losses.min() > np.log(np.e + 9) - 1


def test_symptoms_and_diagnoses_are_told_in_words(seen):
    assert "ln 10 = 2.30" in str(seen["A"])
    assert broken.diagnosis("C").startswith("C: A 2x2 kernel with stride 4")
    for function in (broken.symptoms, broken.diagnosis):
        with pytest.raises(OptionError, match="case is 'Z'; expected one of A, B"):
            function("Z")


def test_the_stride_of_case_c_leaves_three_quarters_unseen():
    network = broken.CASES["C"].network()
    x = np.ones((1, 8, 8, 1))
    network.forward(x)
    used = network.backward(np.ones((1, 10)))[0, :, :, 0] != 0
    assert used.sum() <= 16


# ---- robustness ------------------------------------------------------------------------------------------


def test_the_attack_is_worse_than_noise_of_its_size():
    network, split = zoo.trained_digits(), form_split()
    x, y = split.x_test, split.y_test
    attacked = fast_gradient_sign(network, x, y, 0.1)
    noisy = noise_of_the_same_size(x, 0.1, np.random.default_rng(0))
    for changed in (attacked, noisy):
        assert changed.dtype == x.dtype
        assert np.abs(changed - x).max() < 0.1 + 1e-6
        assert (changed.min(), changed.max()) == (0, 1)
    assert network.evaluate(attacked, y)[1] < 0.75 < 0.9 < network.evaluate(noisy, y)[1]
    np.testing.assert_array_equal(fast_gradient_sign(network, x, y, 0.0), x)
