"""The shuffled-pixels experiment: what it claims, exactly where it is exact and measured where it is not."""

import numpy as np
import pytest

from cnnkit import experiments
from cnnkit.data import digits
from cnnkit.errors import OptionError, ShapeError
from cnnkit.layers import Dense, Flatten
from cnnkit.network import Sequential


@pytest.fixture(scope="module")
def result():
    return experiments.shuffled_pixels((0, 1))


def test_the_cnn_leads_and_loses_its_lead_when_neighbours_are_lost(result):
    dense, cnn = result.accuracy["dense"], result.accuracy["CNN"]
    assert (cnn["original"] > dense["original"]).all()
    assert (result.drop("CNN") > 0.01).all()
    assert (np.abs(result.drop("dense")) < 0.01).all()


def test_both_networks_have_the_same_size(result):
    assert result.params == {"dense": 14_410, "CNN": 14_378}


def test_the_table_says_what_was_measured(result):
    lines = str(result).splitlines()
    assert lines[0].split() == ["test", "accuracy", "original", "shuffled"]
    mean = result.accuracy["CNN"]["shuffled"].mean()
    assert lines[2].startswith("CNN, 14,378 parameters")
    assert lines[2].endswith(f"{mean:.0%}")
    assert lines[3] == "means over 2 seeds, 1,597 unseen digits each"


def test_the_experiment_repeats_itself():
    first, again = (experiments.shuffled_pixels((3,), epochs=1) for _ in range(2))
    assert str(first) == str(again)
    for network in first.accuracy:
        np.testing.assert_array_equal(
            first.accuracy[network]["shuffled"], again.accuracy[network]["shuffled"]
        )


def test_shuffling_reorders_every_picture_alike_and_loses_nothing():
    images, _ = digits()
    permutation = experiments.shuffled_pixels((0,), epochs=1).permutation
    shuffled = experiments.shuffle_pixels(images, permutation)
    np.testing.assert_array_equal(shuffled.reshape(-1, 64)[:, 7], images.reshape(-1, 64)[:, permutation[7]])
    np.testing.assert_array_equal(experiments.shuffle_pixels(shuffled, np.argsort(permutation)), images)
    assert not np.array_equal(shuffled, images)


def test_a_dense_network_with_its_weights_reordered_too_computes_the_same():
    images, labels = digits()
    x, order = images[:100].astype(np.float64)[..., None], np.random.default_rng(1).permutation(64)
    plain, reordered = (
        Sequential([Flatten(), Dense(20, "relu"), Dense(10, "softmax")], (8, 8, 1), dtype=np.float64)
        for _ in range(2)
    )
    reordered.params["dense/w"][:] = plain.params["dense/w"][order]
    plain.fit(x, labels[:100], 3, progress=False)
    reordered.fit(experiments.shuffle_pixels(x, order), labels[:100], 3, progress=False)
    np.testing.assert_allclose(
        reordered.predict(experiments.shuffle_pixels(x, order)), plain.predict(x), rtol=1e-6
    )


def test_meaningless_arguments():
    with pytest.raises(ShapeError, match=r"permutation has shape \(63,\); expected \(64,\)"):
        experiments.shuffle_pixels(np.zeros((1, 8, 8)), np.arange(63))
    for train_count in (0, 1797, 5000):
        with pytest.raises(OptionError, match=f"train_count is {train_count}"):
            experiments.shuffled_pixels((0,), train_count=train_count)
    with pytest.raises(OptionError, match="seeds is empty"):
        experiments.shuffled_pixels(())
