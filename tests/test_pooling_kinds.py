"""The poolings under one form, the sliding views, and the two measurements of chapter 03."""

import numpy as np
import pytest

from cnnkit import data, gradcheck
from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels import loops
from cnnkit.pooling_experiments import (
    TEXTURES,
    footprint_survey,
    rectified_maps,
    shift_survey,
    texture_test,
)
from cnnkit.pooling_kinds import KINDS, poolings, relative_change, shift_changes, slide

X = np.random.default_rng(4).normal(size=(2, 6, 7, 2))
WEIGHTS = np.array([[1.0, -2, 0], [0, 0.5, 3], [1, 1, -1]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("box", [{"window": 2}, {"window": 3, "stride": 2, "padding": 1}], ids=str)
def test_shapes_agree_and_gradients_are_those_of_finite_differences(kind, box):
    pooling = poolings(**box)[kind]
    y = pooling.forward(X)
    assert y.shape == ((2, 1, 1, 2) if kind == "global average" else poolings(**box)["max"].forward(X).shape)
    dy = np.random.default_rng(5).normal(size=y.shape)
    numeric = gradcheck.numeric_gradient(lambda x: float((pooling.forward(x) * dy).sum()), X)
    np.testing.assert_allclose(pooling.backward(dy, X), numeric, rtol=1e-6, atol=1e-8)


def test_the_kinds_are_what_they_are_called():
    kinds = poolings(3, stride=2, padding=1, weights=WEIGHTS)
    box = {"stride": 2, "padding": 1}
    np.testing.assert_allclose(kinds["max"].forward(X), loops.max_pool2d(X, 3, **box))
    np.testing.assert_allclose(kinds["average"].forward(X), loops.avg_pool2d(X, 3, **box))
    counted = loops.avg_pool2d(X, 3, count_include_pad=True, **box)
    np.testing.assert_allclose(kinds["average, padding counted"].forward(X), counted)
    each = [loops.conv2d(X[..., c : c + 1], WEIGHTS[..., None, None], **box) for c in range(2)]
    np.testing.assert_allclose(kinds["strided convolution"].forward(X), np.concatenate(each, axis=-1))
    np.testing.assert_allclose(kinds["global average"].forward(X)[:, 0, 0], X.mean(axis=(1, 2)))


def test_the_strided_convolution_subsamples_unless_told_otherwise():
    np.testing.assert_array_equal(poolings(2)["strided convolution"].forward(X), X[:, :6:2, :6:2])
    mean = poolings(2, weights=np.full((2, 2), 0.25))
    np.testing.assert_allclose(mean["strided convolution"].forward(X), mean["average"].forward(X))
    with pytest.raises(ShapeError, match=r"weights has shape \(3, 3\); expected \(2, 2\)"):
        poolings(2, weights=WEIGHTS)


def test_sliding_moves_to_the_right_and_brings_new_content():
    wide = np.arange(14.0).reshape(2, 7, 1)
    views = slide(wide, 4, 3)
    assert views.shape == (4, 2, 4, 1)
    for shift in range(1, 4):
        np.testing.assert_array_equal(views[shift][:, 1:], views[shift - 1][:, :-1])
    np.testing.assert_array_equal(views[:, 0, 0, 0], [3, 2, 1, 0])
    with pytest.raises(ShapeError, match="7 columns; expected 5"):
        slide(wide, 5, 3)


def test_the_relative_change_is_a_euclidean_norm():
    np.testing.assert_allclose(relative_change(np.array([[3.0, 4], [3, 4], [3, -1], [0, 0]])), [0, 0, 1, 1])
    with pytest.raises(OptionError, match="0 everywhere"):
        relative_change(np.zeros((2, 3)))


def test_the_signal_of_the_chapter_changes_under_max_pooling_and_less_with_a_blur():
    wide = np.tile([0.0, 0, 1, 1], (4, 5))[..., None]
    changes = shift_changes(wide, 16, 4, poolings(2))
    assert changes["max"][1] == 1  # 0101 -> 1111: as much as there was
    assert changes["max"][2] == pytest.approx(np.sqrt(2))  # 0101 -> 1010: moved by one, equivariant
    assert changes["max"][4] == changes["no pooling"][4] == 0
    assert changes["blur"][1] < 0.4
    assert changes["global average"].max() == 0


def test_the_survey_says_what_the_chapter_says():
    survey = {kind: changes[:, 1] for kind, changes in shift_survey().items()}
    photos = len(data.photo_names())
    assert all(changes.shape == (photos,) for changes in survey.values())
    assert (survey["max"] < survey["no pooling"]).all()
    assert (survey["blur"] < survey["max"]).all()
    assert (survey["global average"] < 0.3 * survey["max"]).all()
    assert survey["max"].mean() > 0.4  # reduced, by no means removed
    assert survey["strided convolution"].mean() > 0.9 * survey["no pooling"].mean()


def test_the_survey_is_refused_where_the_photographs_end():
    with pytest.raises(OptionError, match="at most 94 fit"):
        shift_survey(width=90, shifts=8)


def test_averages_of_maps_tell_textures_apart_better_than_pixels():
    result = texture_test(seeds=(0, 1, 2))
    means, pixels = result.accuracy["one mean per map"], result.accuracy["all pixels"]
    assert means.min() > 0.9 > pixels.max() > 1 / len(TEXTURES)
    assert list(result.numbers.values()) == [10, 8, 1024, 1024, 1]
    assert str(result) == str(texture_test(seeds=(0, 1, 2)))
    assert "10 numbers: " in str(result)


def test_what_the_pixels_know_is_brightness_and_the_maps_do_without_it():
    accuracy = {name: values.mean() for name, values in texture_test().accuracy.items()}
    assert accuracy["pixels less their mean"] == pytest.approx(1 / len(TEXTURES), abs=0.02)
    assert accuracy["mean brightness"] > accuracy["all pixels"]
    assert accuracy["zero-sum kernels only"] > 0.95


def test_at_an_equal_footprint_the_blur_is_not_ahead():
    survey = {kind: changes[:, 1].mean() for kind, changes in footprint_survey().items()}
    assert survey["max 2×2"] > survey["max 3×3"] > survey["max 2×2 and blur"]
    assert survey["max 2×2 and blur"] > survey["average 4×4"] > survey["max 4×4"]
    np.testing.assert_array_equal(footprint_survey()["max 2×2"], shift_survey()["max"])


def test_rectified_maps_are_convolutions_after_relu():
    photo, kernel = np.random.default_rng(0).random((5, 6)), np.array([[0, -1.0], [2, 0]])
    expected = loops.conv2d(photo[..., None], kernel[..., None, None], padding="same").clip(0)
    np.testing.assert_allclose(rectified_maps(photo, [kernel]), expected)
