"""The view of a whole network without a browser: what travels, what is refused, what is said."""

import numpy as np
import pytest

from cnnkit.errors import OptionError, ShapeError
from cnnkit.figures import CMAPS
from cnnkit.shapes import ReceptiveField
from cnnkit.widgets import NetworkView
from cnnkit.widgets.network_view import MapLayer

FIELD = ReceptiveField(3, 1, -1)
LAYERS = [
    MapLayer("input", "2 × 3", (2, 3, 1), (0, 1), "gray"),
    MapLayer("conv 1", "two maps", (2, 3, 2), (-1, 1), "signed", ((3, 1, -1),) * 2, fields=(FIELD, FIELD)),
    MapLayer("output", "two units", (1, 1, 2), (0, 1), labels=("cat", "dog")),
]


def maps():
    rng = np.random.default_rng(0)
    return [rng.normal(size=layer.shape).astype(np.float32) for layer in LAYERS]


def test_all_maps_travel_as_one_buffer_map_after_map():
    view = NetworkView(LAYERS, title="a net")
    values = maps()
    view.show(values, text="cat")
    sent = np.frombuffer(view._values, np.float32)
    expected = [values[0][..., 0], values[1][..., 0], values[1][..., 1], values[2][..., 0], values[2][..., 1]]
    np.testing.assert_array_equal(sent, np.concatenate([part.ravel() for part in expected]))
    assert view.read(1, 1, 2, 1) == values[1][1, 2, 1]


def test_colours_are_those_of_the_figures():
    view = NetworkView(LAYERS, title="a net")
    assert set(view._colors) == {"gray", "signed", "positive"}
    table = np.frombuffer(view._colors["signed"], np.uint8).reshape(256, 3)
    np.testing.assert_array_equal(table, CMAPS["signed"](np.linspace(0, 1, 256), bytes=True)[:, :3])


def test_the_browser_knows_windows_and_fields():
    described = NetworkView(LAYERS, title="a net")._layers
    assert described[0]["windows"] is None
    assert described[1]["windows"] == [[3, 1, -1], [3, 1, -1]]
    assert described[1]["fields"] == [[3, 1, -1], [3, 1, -1]]
    assert described[2]["labels"] == ["cat", "dog"]


def test_digest_names_every_layer():
    view = NetworkView(LAYERS, title="a net")
    view.show([np.full(layer.shape, 0.5) for layer in LAYERS], text="cat, 50 %")
    assert view.digest().splitlines() == [
        "a net: cat, 50 %",
        "input: 1 x 2 x 3, up to 0.5",
        "conv 1: 2 x 2 x 3, up to 0.5",
        "output: 2 x 1 x 1, up to 0.5",
    ]


def test_wrong_shapes_layers_and_places_are_refused():
    view = NetworkView(LAYERS, title="a net")
    with pytest.raises(ShapeError, match="values has shapes"):
        view.show(maps()[:2], text="")
    with pytest.raises(ShapeError, match="no unit"):
        view.read(1, 2, 0, 0)
    with pytest.raises(ShapeError, match="no unit"):
        view.read(3, 0, 0, 0)
    with pytest.raises(OptionError, match="holds 0 layers"):
        NetworkView([], title="")
    with pytest.raises(OptionError, match="jet"):
        NetworkView([MapLayer("x", "", (1, 1, 1), (0, 1), "jet")], title="")
