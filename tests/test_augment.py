"""Augmentations: known changes by hand, and the rules that hold for all of them."""

from functools import partial

import numpy as np
import pytest

from cnnkit import augment
from cnnkit.errors import DTypeError, OptionError, ShapeError

ALL = {
    "flip": augment.flip,
    "vertical flip": partial(augment.flip, axis="vertical"),
    "shift": augment.shift,
    "rotate": augment.rotate,
    "zoom": augment.zoom,
    "affine": partial(augment.affine, degrees=9, scale=0.2, stretch=0.2, shear=0.3, offset=1.0),
    "brightness": augment.brightness,
    "contrast": augment.contrast,
    "noise": augment.noise,
    "cutout": augment.cutout,
}


@pytest.fixture
def x():
    return np.random.default_rng(3).uniform(0.2, 0.8, size=(6, 7, 9, 2))


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("step", ALL.values(), ids=ALL)
def test_same_shape_and_type_seeded_and_the_original_is_spared(step, dtype, x):
    images = x.astype(dtype)
    before = images.copy()
    changed = step(images, rng())
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(changed, step(images, rng()))
    assert not np.array_equal(changed, images)
    # one draw per image, not one for the batch
    differences = (changed - images).reshape(len(images), -1)
    assert len(np.unique(differences.round(6), axis=0)) > 1


@pytest.mark.parametrize("step", ALL.values(), ids=ALL)
def test_all_refuse_one_image_and_bytes(step, x):
    with pytest.raises(ShapeError, match="expected a batch of images"):
        step(x[0], rng())
    with pytest.raises(DTypeError):
        step((x * 255).astype(np.uint8), rng())


def test_flips_mirror_the_chosen_axis(x):
    np.testing.assert_array_equal(augment.flip(x, rng(), probability=1), x[:, :, ::-1])
    np.testing.assert_array_equal(augment.flip(x, rng(), axis="vertical", probability=1), x[:, ::-1])
    np.testing.assert_array_equal(augment.flip(x, rng(), probability=0), x)


def test_a_shifted_image_is_cut_off_and_filled_with_zeros():
    one = np.zeros((200, 5, 5, 1))
    one[:, 2, 2] = 1
    moved = augment.shift(one, rng(), 2)
    where = np.argwhere(moved[..., 0] == 1)
    assert set(where[:, 1]) == set(where[:, 2]) == {0, 1, 2, 3, 4}
    far = augment.shift(np.ones((50, 5, 5, 1)), rng(), 2)
    assert (far.sum(axis=(1, 2, 3)) < 25).any()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rotations_by_quarters_are_exact_and_anticlockwise(quarters):
    x = rng().normal(size=(2, 6, 6, 3))
    turned = augment.rotate(x, rng(), (90.0 * quarters, 90.0 * quarters))
    np.testing.assert_allclose(turned, np.rot90(x, quarters, axes=(1, 2)), atol=1e-12)


def test_zooming_in_doubles_the_distance_from_the_centre():
    x = np.zeros((1, 9, 9, 1))
    x[0, 4, 5] = 1
    grown = augment.zoom(x, rng(), (2.0, 2.0))
    assert grown[0, 4, 6, 0] == 1
    assert grown[0, 4, 5, 0] == 0.5  # half way between the pixel and its empty neighbour


def test_the_map_of_affine_is_shear_then_stretch_then_turn_then_move():
    """A white pixel lands where the forward map puts it."""
    x = np.zeros((1, 41, 41, 1))
    x[0, 20 - 8, 20 + 4] = 1  # 8 up, 4 to the right
    options = {"degrees": 30.0, "scale": 1.2, "stretch": 1.5, "shear": 0.25}
    fixed = {name: (value, value) for name, value in options.items()}
    picture = augment.affine(x, rng(), **fixed, offset=(2.0, 2.0))[0, :, :, 0]
    right, up = 4 + 0.25 * 8, 8.0
    right, up = right * 1.2 * 1.5, up * 1.2
    angle = np.deg2rad(30)
    right, up = right * np.cos(angle) - up * np.sin(angle), right * np.sin(angle) + up * np.cos(angle)
    rows, columns = np.mgrid[:41, :41]
    centre = [(rows * picture).sum() / picture.sum(), (columns * picture).sum() / picture.sum()]
    np.testing.assert_allclose(centre, [20 - up + 2, 20 + right + 2], atol=0.35)


def test_doing_nothing_changes_nothing(x):
    np.testing.assert_allclose(augment.affine(x, rng()), x, atol=1e-12)


def test_brightness_and_contrast_by_hand():
    x = np.array([0.2, 0.4, 0.6, 0.8]).reshape(1, 2, 2, 1)
    twice = augment.contrast(x, rng(), (2.0, 2.0))
    np.testing.assert_allclose(twice.ravel(), [0, 0.3, 0.7, 1])  # -0.1 and 1.1 are cut
    changes = augment.brightness(np.full((500, 1, 1, 1), 0.5), rng(), 0.2) - 0.5
    assert -0.2 <= changes.min() < -0.18
    assert 0.18 < changes.max() <= 0.2
    assert augment.brightness(np.ones((50, 1, 1, 1)), rng(), 0.5).max() == 1


def test_noise_has_the_given_spread_and_differs_for_each_pixel():
    grain = augment.noise(np.zeros((4, 50, 50, 1)), rng(), 0.3)
    assert abs(grain.std() - 0.3) < 0.01
    assert abs(grain.mean()) < 0.02


def test_cutout_blanks_one_square_per_image():
    holes = augment.cutout(np.ones((300, 6, 7, 2)), rng(), 3, fill=0.25)
    assert ((holes == 0.25).sum(axis=(1, 2, 3)) == 3 * 3 * 2).all()
    assert (holes[:, 0, 0, 0] == 0.25).any()
    assert (holes[:, -1, -1, 0] == 0.25).any()


def test_mixup_mixes_images_and_targets_by_the_same_share():
    x = np.arange(4.0).reshape(4, 1, 1, 1)
    mixed, targets = augment.mixup(x, np.eye(4), rng(), alpha=1.0)
    np.testing.assert_allclose(targets.sum(axis=1), 1)
    np.testing.assert_allclose(mixed.ravel(), targets @ np.arange(4.0))
    assert ((targets > 0).sum(axis=1) == 2).any()


def test_compose_applies_in_order(x):
    both = augment.compose(augment.cutout, partial(augment.flip, probability=1.0))
    stream = rng()
    np.testing.assert_array_equal(
        both(x, rng()), augment.flip(augment.cutout(x, stream), stream, probability=1.0)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: augment.flip(x, rng(), axis="x"), "axis is 'x'"),
        (lambda x: augment.flip(x, rng(), probability=2), "probability is 2"),
        (lambda x: augment.shift(x, rng(), 7), "most is 7"),
        (lambda x: augment.rotate(x, rng(), -3), "degrees is -3"),
        (lambda x: augment.zoom(x, rng(), 1.0), "can be 0; expected it above 0"),
        (lambda x: augment.noise(x, rng(), -1), "std is -1"),
        (lambda x: augment.cutout(x, rng(), 8), "size is 8"),
        (lambda x: augment.mixup(x, np.ones((6, 2)) / 2, rng(), 0), "alpha is 0"),
    ],
)
def test_meaningless_options(call, message, x):
    with pytest.raises(OptionError, match=message):
        call(x)


def test_maps_and_targets_must_fit(x):
    with pytest.raises(ShapeError, match="one map per image"):
        augment.warp(x, np.zeros((2, 2)), np.zeros((6, 2)))
    with pytest.raises(ShapeError, match="a row of probabilities per image"):
        augment.mixup(x, np.eye(4), rng())
