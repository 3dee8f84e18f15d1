"""The drawn digit: its layers against the network's own, a unit's arithmetic, switched-off maps, shifts."""

import numpy as np
import pytest

from cnnkit import data, zoo
from cnnkit.errors import OptionError, ShapeError
from cnnkit.figures import png
from cnnkit.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Residual
from cnnkit.network import Sequential
from cnnkit.widgets import DrawDigit
from cnnkit.widgets.digit_layers import bundled
from cnnkit.widgets.draw_digit import DRAWN
from cnnkit.widgets.stages import arithmetic, run, shifted, take_apart


@pytest.fixture(scope="module")
def network():
    return zoo.trained_digits()


def a_stroke(rows=slice(20, 110), columns=slice(58, 70)):
    ink = np.zeros((128, 128), np.float32)
    ink[rows, columns] = 1
    return ink


def various():
    """A network with every kind of layer that can be taken apart."""
    layers = [
        Conv2D(4, (3, 2), padding="same", bias=False),
        BatchNorm(),
        MaxPool2D(3, stride=2, padding=1),
        Conv2D(6, 3, stride=2, dilation=2, padding=2, groups=2, activation="relu"),
        AvgPool2D(2, stride=1, padding=((1, 0), (0, 1))),
        Dropout(0.5),
        Flatten(),
        Dense(5, activation="tanh"),
        Dense(3, activation="softmax"),
    ]
    return Sequential(layers, (9, 7, 2), seed=1)


# ---- the stages


def test_stages_return_what_the_network_returns(network):
    x = data.digits()[0][:4, ..., np.newaxis]
    results = run(take_apart(network), x)
    kept = network.activations(x)
    for name, stage in zip(("conv2d/relu", "conv2d_1/relu", "max_pooling2d"), results[1:4], strict=True):
        np.testing.assert_array_equal(stage, kept[name])
    np.testing.assert_array_equal(results[4][:, 0, 0], kept["dense/relu"])
    np.testing.assert_array_equal(results[5][:, 0, 0], network.forward(x))


def test_every_unit_of_every_kind_of_layer_is_the_sum_that_is_shown():
    network = various()
    stages = take_apart(network)
    assert [stage.name for stage in stages] == ["conv 1", "pool 1", "conv 2", "pool 2", "dense 1", "output"]
    x = np.random.default_rng(0).normal(size=(1, 9, 7, 2)).astype(np.float32)
    results = [result[0] for result in run(stages, x)]
    kept = network.activations(x)
    before_functions = [
        kept["conv2d"][0],
        results[2],
        kept["conv2d_1"][0],
        results[4],
        kept["dense"].reshape(1, 1, -1),
        kept["dense_1"].reshape(1, 1, -1),
    ]
    for stage, source, expected in zip(stages, results, before_functions, strict=False):
        for place in np.ndindex(expected.shape):
            assert arithmetic(stage, source, place).total == pytest.approx(float(expected[place]), abs=2e-5)
    assert stages[0].functions == ["batch norm"]
    assert stages[3].about == "mean of 2 × 2, 6 maps of 3 × 2"


def test_fields_are_those_of_the_network(network):
    stages = take_apart(network)
    assert stages[2].fields[0] == network.receptive_field()
    assert stages[2].fields[0].size == 6
    assert stages[3].fields is None


def test_a_network_with_branches_is_refused():
    branched = Sequential([Residual([Conv2D(1, 3, padding="same")])], (4, 4, 1))
    with pytest.raises(OptionError, match="expected a row of"):
        take_apart(branched)
    with pytest.raises(OptionError, match="begins with batch_norm"):
        take_apart(Sequential([BatchNorm(), Conv2D(1, 3)], (4, 4, 1)))


def test_shifting():
    x = np.arange(6.0).reshape(2, 3, 1)
    right, up, away, still = shifted(x, [(0, 1), (-1, 0), (2, 0), (0, 0)])[..., 0]
    np.testing.assert_array_equal(right, [[0, 0, 1], [0, 3, 4]])
    np.testing.assert_array_equal(up, [[3, 4, 5], [0, 0, 0]])
    np.testing.assert_array_equal(away, np.zeros((2, 3)))
    np.testing.assert_array_equal(still, x[..., 0])


# ---- the widget


def test_a_bundled_digit_lights_up_every_layer(network):
    widget = DrawDigit(7, example=2)
    x = bundled(7, 2)
    np.testing.assert_array_equal(widget.x, x)
    np.testing.assert_allclose(widget.probabilities, network.forward(x[..., np.newaxis]), rtol=1e-4)
    assert widget.prediction.startswith(f"{widget.probabilities.argmax()}, with ")
    kept = network.activations(x[..., np.newaxis])
    np.testing.assert_allclose(widget._view.values[2], kept["conv2d_1/relu"], atol=1e-5)
    np.testing.assert_array_equal(widget._view.values[-1].ravel(), widget.probabilities)
    np.testing.assert_allclose(widget._pad.ink[::16, ::16], x, atol=1 / 255)


def test_bundled_digits_are_not_those_of_the_training():
    images, labels = data.digits()
    unseen = images[data.digit_forms() > 10]
    for digit in range(10):
        found = np.flatnonzero((images == bundled(digit, 5)).all(axis=(1, 2)))
        assert labels[found[0]] == digit
        assert (unseen == bundled(digit, 5)).all(axis=(1, 2)).any()


def test_a_drawing_on_the_pad_is_prepared_as_the_data_were(network):
    widget = DrawDigit()
    cells = (255 * a_stroke()).astype(np.uint8).tobytes()
    widget._pad.set_state({"pixels": memoryview(cells)})
    assert widget.digit == DRAWN
    assert widget._settings["digit"] == DRAWN
    assert widget._settings.disabled == ["example"]
    np.testing.assert_array_equal(widget.x, data.bitmap_to_digit(a_stroke()))
    assert widget.probabilities.argmax() == 1
    assert widget._pad.pixels == cells  # what the learner drew is left alone
    widget.digit = 4
    np.testing.assert_array_equal(widget.x, bundled(4, 0))
    assert widget._pad.pixels != cells


def test_ink_from_python_stands_on_the_pad():
    widget = DrawDigit(ink=a_stroke())
    assert widget.digit == DRAWN
    np.testing.assert_array_equal(widget._pad.ink, a_stroke())
    with pytest.raises(ShapeError, match="divide the sheet"):
        widget.ink = np.zeros((100, 3))
    np.testing.assert_array_equal(widget._pad.ink, a_stroke())


def test_an_empty_sheet_is_answered_and_says_so():
    widget = DrawDigit(DRAWN)
    assert not widget.x.any()
    assert widget.prediction.startswith("An empty sheet, and yet an answer: ")


def test_a_clicked_unit_is_explained(network):
    widget = DrawDigit(5)
    widget._view.cursor = [2, 3, 1, 7]
    assert widget.unit == (2, 3, 1, 7)
    w, b = network.params["conv2d_1/w"], network.params["conv2d_1/b"]
    window = widget.maps[1][3:6, 1:4]
    products = window * w[..., 7]
    assert f"z = {float(f'{products.sum() + b[7]:.3g}'):g}"[:7].replace("-", "−") in widget.equation
    assert "144 products" in widget.equation
    assert widget.field == "It sees 5 × 5 pixels: rows 2 to 6 and columns 0 to 4 of the input."
    widget._switches.set(source=4)
    np.testing.assert_allclose(widget._details[0].values, window[..., 4])
    np.testing.assert_array_equal(widget._details[1].values, w[..., 4, 7])
    np.testing.assert_allclose(widget._details[2].values, products[..., 4], rtol=1e-6)
    assert widget._details[0].title == "conv 1, map 4"


def test_the_window_of_a_pooling_names_its_winner():
    widget = DrawDigit(5, unit=(3, 1, 1, 2))
    window = widget.maps[2][2:4, 2:4, 2]
    np.testing.assert_array_equal(widget._details[0].values, window)
    assert widget._details[1].values.flat[window.argmax()] == 1
    assert widget.maps[3][1, 1, 2] == window.max()
    assert widget.equation.startswith("max(")


def test_pixels_and_dense_units_are_explained_too():
    widget = DrawDigit(5, unit=(0, 2, 2, 0))
    assert "A pixel of the input" in widget.equation
    assert widget._details[0].layout.visibility == "hidden"
    widget.unit = (5, 0, 0, 5)
    assert widget._details[0].layout.visibility == "visible"
    assert widget._details[0].title == "the 120 units of dense 1"
    assert widget._details[0].values.shape == (10, 12)
    assert "softmax" in widget.equation
    assert widget.field == "It sees the whole input, 8 × 8."


def test_switching_maps_off(network):
    widget = DrawDigit(8)
    before = widget.probabilities
    widget.unit = (2, 0, 0, 5)
    widget._switches.set(off_here=True)
    assert widget.off == ((2, 5),)
    assert not widget.maps[2][..., 5].any()
    maps = network.activations(bundled(8, 0)[np.newaxis, ..., np.newaxis])["conv2d_1/relu"].copy()
    maps[..., 5] = 0
    for layer in network.layers[2:]:
        maps = layer.infer(maps)
    np.testing.assert_allclose(widget.probabilities, maps[0], rtol=1e-5)
    assert "off: conv 2 map 5. Before: 8" in widget.effect
    widget._view.off = [[2, 5], [1, 0]]  # X in the browser
    assert widget.off == ((2, 5), (1, 0))
    widget._switches.set(restore=1)
    assert widget.off == ()
    np.testing.assert_array_equal(widget.probabilities, before)
    assert widget.effect == "Nothing is moved or switched off."


def test_a_switched_off_unit_still_shows_what_it_would_pass_on():
    widget = DrawDigit(3, unit=(1, 3, 3, 0))
    alive = widget.maps[1][3, 3, 0]
    assert alive > 0
    text = widget.equation
    widget.toggle()
    assert widget.equation == f"{text} It is switched off: 0 goes on."


@pytest.mark.parametrize(("layer", "what", "maps"), [(2, "map", 32), (4, "unit", 120)])
def test_the_map_that_the_answer_needs_most(layer, what, maps):
    widget = DrawDigit(9, example=4, unit=(layer, 0, 0, 0), off=((1, 3),))
    best, said = widget.probabilities.argmax(), widget.importance
    inputs = bundled(9, 4)[np.newaxis, ..., np.newaxis]
    shares = [run(widget.stages, inputs, [(1, 3), (layer, channel)])[-1].ravel() for channel in range(maps)]
    worst = int(np.argmin([share[best] for share in shares]))
    changed = sum(share.argmax() != best for share in shares)
    assert said.startswith(f"{widget.stages[layer - 1].name}: without {what} {worst} the {best} gets ")
    assert said.endswith(f"{changed} of {maps} {what}s, switched off alone, change the answer.")
    widget.unit = (0, 0, 0, 0)
    assert widget.importance.startswith("Choose a unit between")


def test_input_and_output_cannot_be_switched_off():
    widget = DrawDigit(unit=(5, 0, 0, 3))
    assert "off_here" in widget._switches.disabled
    with pytest.raises(OptionError, match="expected \\(layer, map\\) of a hidden layer"):
        widget.toggle()
    assert widget.off == ()


def test_moving_the_input_moves_the_maps_of_the_convolutions(network):
    widget = DrawDigit(3, shift=(0, 1))
    (x,) = shifted(bundled(3, 0)[..., np.newaxis], [(0, 1)])
    np.testing.assert_array_equal(widget.x, x[..., 0])
    assert "conv 1 by (0, 1) cells, exactly (30 units that see no edge)" in widget.movement
    assert "pool 1 by (0, 0.5) cells: no whole move" in widget.movement
    still = network.activations(bundled(3, 0)[..., np.newaxis])["conv2d/relu"]
    np.testing.assert_allclose(widget.maps[1][1:-1, 2:-1], still[1:-1, 1:-2], atol=1e-6)
    widget.shift = (0, 2)
    assert "pool 1 by (0, 1) cells, but every unit sees an edge" in widget.movement


def test_answers_at_every_shift(network):
    widget = DrawDigit(2)
    for (rows, columns), found in (((-3, -3), 0), ((0, 0), 24), ((1, -2), 29), ((3, 3), 48)):
        (x,) = shifted(bundled(2, 0)[..., np.newaxis], [(rows, columns)])
        assert widget.predictions[found] == network.forward(x).argmax()
    widget._shift_view.cursor = [4, 1]
    assert widget.shift == (1, -2)
    assert widget._shift_view.text.startswith("down 1, left 2: ")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"shift": (4, 0)}, "shift is"),
        ({"unit": (1, 8, 0, 0)}, "unit is"),
        ({"unit": (6, 0, 0, 0)}, "unit is"),
        ({"off": ((0, 0),)}, "off holds"),
        ({"off": ((1, 16),)}, "off holds"),
    ],
)
def test_refused_states_are_taken_back(state, message):
    widget = DrawDigit()
    before = widget.digest()
    (name, value), *_ = state.items()
    with pytest.raises(OptionError, match=message):
        setattr(widget, name, value)
    assert widget.digest() == before


def test_digest_and_picture_are_the_same_each_time():
    first, second = DrawDigit(6, shift=(1, 0), off=((1, 2),)), DrawDigit(6, shift=(1, 0), off=((1, 2),))
    assert first.digest() == second.digest()
    assert "bundled 6, number 0; down 1. Answer: " in first.digest()
    assert png(first.draw, size=first.picture_size()) == png(second.draw, size=second.picture_size())
