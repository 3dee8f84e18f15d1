"""The stack builder's fields against the recurrence and the measurements, its layers, its sentences."""

import numpy as np
import pytest

from cnnkit import data, receptive, shapes, stacks
from cnnkit.errors import OptionError, ShapeError
from cnnkit.figures import png
from cnnkit.stacks import NETWORKS, Window, conv
from cnnkit.widgets import StackBuilder
from cnnkit.widgets.stack_builder import MAX_LAYERS, OWN


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_shows_its_field_and_the_three_ways_agree(name):
    builder = StackBuilder(name)
    expected = shapes.receptive_field(NETWORKS[name].windows)
    assert builder.seen.field == builder.fields[-1] == expected
    assert f"field {expected.size} × {expected.size}, jump {expected.jump}" in builder.summary
    assert builder.seen.agree
    assert "all three agree" in builder.agreement
    assert builder._photo.title == f"field computed: {expected.size} × {expected.size}"


def test_what_is_shown_is_what_receptive_computes():
    builder = StackBuilder("AlexNet", layer=3, unit=(2, 20))
    below, size = stacks.alexnet()[:3], (227, 227)
    np.testing.assert_array_equal(builder.seen.gradient, receptive.gradient_field(below, size, (2, 20)))
    np.testing.assert_array_equal(builder.seen.perturbed, receptive.perturbed_field(below, size, (2, 20)))
    np.testing.assert_array_equal(builder.seen.computed, receptive.computed_field(below, size, (2, 20)))
    gray = data.photo("astronaut", size=227).mean(axis=2, dtype=float)
    np.testing.assert_allclose(builder._map.values, receptive.forward(below, gray[..., None])[..., 0])
    bright = builder._gradient.values.sum(axis=2) >= 0.9 * data.photo("astronaut", size=227).sum(axis=2)
    np.testing.assert_array_equal(bright[builder.seen.gradient], True)
    assert builder._share.values.max() == 1


def test_the_frame_follows_the_cursor_in_the_browser():
    builder = StackBuilder("VGG-16", layer=10)
    link = builder._photo.link
    field = builder.fields[10]
    assert link["source"] is builder._map
    assert (link["kernel_size"], link["stride"], link["padding"]) == (
        [field.size] * 2,
        [field.jump] * 2,
        [-field.start] * 2,
    )


def test_clicking_a_unit():
    builder = StackBuilder()
    builder._map.cursor = [0, 9]
    assert builder.unit == (0, 9)
    assert "rows 0 + 0·2 = 0 to 13, columns 18 to 31; middle at (6.5, 24.5)" in builder.unit_text
    rows, columns = (np.flatnonzero(builder.seen.gradient.any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (0, 13, 18, 31)


def test_fields_that_hang_over_the_edge_say_so():
    builder = StackBuilder("ResNet-50, stride in the first unit", unit=(0, 0))
    assert "rows −213 + 0·32 = −213 to 213" in builder.unit_text
    assert "Inside the image: 214 × 214, from (0, 0)" in builder.unit_text


def test_gridding_is_named():
    assert "gridding" in StackBuilder("dilated 2, 2, 2").agreement
    assert "gridding" not in StackBuilder("dilated 1, 2, 4, 8").agreement


def test_layers_are_added_and_removed():
    builder = StackBuilder()
    builder.layer = 1
    builder.add()
    assert builder.windows == (conv(5), conv(3, padding=1), *NETWORKS["conv, pool, conv"].windows[1:])
    assert (builder.layer, builder.kernel_size, builder.padding, builder.network) == (2, 3, 1, OWN)
    assert [field.size for field in builder.fields] == [1, 5, 7, 8, 16]
    builder.remove()
    assert builder.windows == NETWORKS["conv, pool, conv"].windows
    assert builder.layer == 1
    builder.remove()
    assert (builder.windows, builder.layer) == (NETWORKS["conv, pool, conv"].windows[1:], 0)


def test_a_stack_can_be_emptied_and_built_again():
    builder = StackBuilder("three 3×3")
    for _ in range(3):
        builder.remove()
    assert (builder.windows, builder.fields[-1].size) == ((), 1)
    assert "A pixel sees itself" in builder.recurrence
    assert builder._settings.disabled
    builder.add()
    assert builder.fields[-1].size == 3
    assert not builder._settings.disabled


def test_changing_a_layer():
    builder = StackBuilder("dilated 2, 2, 2", layer=1)
    builder.dilation = 1
    assert builder.network == OWN
    assert builder.windows[0] == Window(3, 1, 2, 1)
    assert builder.fields[-1].size == 11
    builder.layer = 2
    assert builder.dilation == 2
    builder.network = "LeNet-5"
    assert builder.windows == stacks.lenet5()
    assert (builder.layer, builder.image_size) == (5, 32)


def test_the_recurrence_is_written_with_the_layers_numbers():
    builder = StackBuilder("VGG-16", layer=18)
    assert builder.recurrence == "size 196 + (2 − 1)·16 = 212; start −90 − 0·16 = −90; jump 16·2 = 32"
    builder = StackBuilder("dilated 1, 2, 4, 8", layer=2)
    assert builder.recurrence.startswith("size 3 + 2·(3 − 1)·1 = 7; start −1 − 2·1 = −3")


def test_buttons_and_inputs_of_the_browser():
    builder = StackBuilder()
    settings = builder._settings
    settings.set(add=1)
    assert len(builder.windows) == 4
    settings.set(remove=1)
    assert len(builder.windows) == 3
    settings.set(layer=1)
    assert builder.layer == 1
    settings.set(kernel_size=3)
    assert builder.windows[0].kernel_size == 3
    settings.set(network="AlexNet")
    assert builder.image_size == 227
    assert any("conv 11×11, s 4 → 55, field 11" in text for text in builder._listed)


def test_refused_states_are_taken_back_and_explained():
    builder = StackBuilder("LeNet-5", layer=5)
    before = builder.digest()
    builder._settings.set(kernel_size=7)
    assert "layer 5 reads a map of 5 × 5" in builder._settings.messages["kernel_size"]
    assert builder.digest() == before
    assert builder._settings["kernel_size"] == 5
    with pytest.raises(ShapeError):
        builder.image_size = 16
    assert builder.digest() == before
    builder.layer = 0
    with pytest.raises(OptionError, match="the image itself"):
        builder.remove()
    builder._settings.set(remove=1)
    assert "the image itself" in builder._settings.messages["remove"]
    with pytest.raises(OptionError, match="network is 'VGG'"):
        builder.network = "VGG"
    with pytest.raises(OptionError, match="'nobody'; expected one of astronaut"):
        builder.photo = "nobody"
    with pytest.raises(OptionError, match="layer 1 is"):
        builder.windows = (Window((3, 1)),)
    assert builder.windows == stacks.lenet5()


def test_there_is_a_largest_stack():
    builder = StackBuilder(windows=(conv(1),) * MAX_LAYERS)
    with pytest.raises(OptionError, match=f"at most {MAX_LAYERS}"):
        builder.add()


def test_own_windows_from_python():
    builder = StackBuilder(windows=(conv(7, 2, 3), conv(3)), image_size=64)
    assert builder.network == OWN
    assert [field.size for field in builder.fields] == [1, 7, 11]


def test_digest_and_picture_are_the_same_each_time():
    first, second = StackBuilder("AlexNet"), StackBuilder("AlexNet")
    assert first.digest() == second.digest()
    assert png(first.draw, size=first.picture_size()) == png(second.draw, size=second.picture_size())
    assert "field 195 × 195" in first.digest()
