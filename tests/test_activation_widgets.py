"""Activation explorer, depth lab and ReLU rescue by their traits, and the charts that they draw on."""

import re

import numpy as np
import pytest
import traitlets

from cnnkit import activations
from cnnkit.errors import CnnkitError, OptionError, ShapeError
from cnnkit.gradcheck import numeric_gradient
from cnnkit.signal_depth import depth_map, propagate
from cnnkit.widgets import ActivationExplorer, Chart, DepthLab, ReluRescue, svg_plot
from cnnkit.widgets.activation_explorer import FUNCTIONS
from cnnkit.widgets.relu_rescue import HIDDEN, MOST_STEPS

# ---- drawings and charts


def curve(values, mark=0, limits=(-1.0, 1.0)):
    x = [float(n) for n in range(len(values))]
    return svg_plot.curves(x, {"f": values}, mark=mark, limits=limits, xlabel="x", label="a curve")


def test_curves_have_a_place_for_every_point():
    drawing = curve([0.0, 1.0, 0.5, -1.0], mark=2)
    assert (drawing.rows, drawing.columns, drawing.cells) == (1, 4, False)
    assert drawing.svg.count("<circle") == 1
    assert "polyline" in drawing.svg


def test_a_curve_is_cut_where_it_leaves_the_picture():
    assert curve([5.0, 5.0, 5.0, 0.0, 5.0, 5.0, 5.0]).svg.count("<polyline") == 1
    assert curve([9.0, 9.0, 9.0]).svg.count("<polyline") == 0
    assert "<circle" not in curve([9.0, 0.0]).svg


def test_curves_are_where_their_values_are_and_a_legend_beside_them_says_these():
    drawing = svg_plot.curves(
        [0.0, 1, 2],
        {"a < b": [0.0, 0.5, 1.0]},
        mark=1,
        limits=(0, 1),
        xlabel="x",
        label="",
        size=(500, 200),
        beside=150,
        written="{:.0%}".format,
    )
    points = [
        [float(n) for n in point.split(",")]
        for point in re.search(r'points="([^"]+)"', drawing.svg)[1].split()
    ]
    assert points[1] == [(points[0][0] + points[2][0]) / 2, (points[0][1] + points[2][1]) / 2]
    assert [drawing.box[0] * 500, drawing.box[2] * 500] == pytest.approx(
        [points[0][0], points[2][0]], abs=0.1
    )
    assert points[2][0] < 500 - 150
    assert ">a &lt; b: 50%<" in drawing.svg
    assert ">100%<" in drawing.svg


def test_every_curve_has_its_own_colour_and_dashes():
    drawing = svg_plot.curves(
        [0.0, 1], {name: [0.0, 1.0] for name in svg_plot.DASHES}, mark=0, limits=(0, 1), xlabel="", label=""
    )
    strokes = re.findall(r'<polyline .*?stroke="([^"]+)".*?dasharray="([^"]*)"', drawing.svg)
    assert len(strokes) == 8
    assert [len(set(kinds)) for kinds in zip(*strokes, strict=True)] == [8, 8]
    assert "currentColor" in dict(strokes)


@pytest.mark.parametrize(
    ("x", "series"),
    [
        ([0.0, 1.0], {"f": [0.0]}),
        ([0.0, 1.0], {"f": [0.0, 1.0, 2.0]}),
        ([0.0], {"f": [1.0]}),
        ([0.0, 1.0], {str(n): [0.0, 1.0] for n in range(9)}),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(x, series):
    with pytest.raises(ShapeError, match=r"curve '[f0]' has"):
        svg_plot.curves(x, series, mark=0, limits=(0, 1), xlabel="", label="")


def test_names_are_escaped_and_must_fit():
    drawing = svg_plot.bars(["a<b", "c"], [0.5, -0.5], limits=(-1, 1), label="two bars")
    assert "a&lt;b" in drawing.svg
    assert drawing.svg.count("<rect") == 2
    with pytest.raises(ShapeError, match="one for each of 1 names"):
        svg_plot.bars(["a"], [1.0, 2.0], limits=(0, 2), label="")
    with pytest.raises(ShapeError, match=r"expected \(1, 2\)"):
        svg_plot.named_map(np.zeros((2, 2)), ["a"], ["b", "c"], reach=1, label="")


def test_a_map_says_its_numbers_in_ink_that_can_be_read():
    drawing = svg_plot.named_map(
        np.array([[-9.0, 0.04], [9.0, -0.04]]), ["a", "b"], ["c", "d"], reach=9, label="m"
    )
    assert drawing.svg.count('fill="#fff"') == 2
    assert drawing.svg.count(">0.0<") == 2
    assert "−9.0" in drawing.svg
    assert (drawing.rows, drawing.columns, drawing.cells) == (2, 2, True)


def test_a_chart_says_what_is_on_it():
    chart = Chart()
    chart.title = "curve"
    chart.show(curve([0.0, 1.0]), at=(0, 1), text="f(1) = 1")
    assert chart.cursor == [0, 1]
    assert chart.digest() == "curve: a curve f(1) = 1"
    assert chart._repr_mimebundle_()[0]["text/plain"] == chart.digest()


# ---- activation explorer


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("x", [-2.5, -0.75, 0.3, 4.0])
def test_value_and_slope_are_the_library_s_and_agree_with_a_difference(function, x):
    explorer = ActivationExplorer(function=function, x=x)
    options = {"alpha": 0.1} if function in ("leaky_relu", "elu") else {}
    f = getattr(activations, function)
    assert explorer.value == pytest.approx(float(f(np.array(x), **options)))
    numeric = numeric_gradient(lambda z: f(z, **options).sum(), np.array([x]))
    assert explorer.slope == pytest.approx(numeric[0], abs=1e-7)
    assert explorer.difference == pytest.approx(explorer.slope, abs=1e-6)
    assert not explorer._at_kink()


def test_a_kink_is_named():
    explorer = ActivationExplorer(function="relu", x=0.0)
    assert (explorer.slope, round(explorer.difference, 6)) == (0, 0.5)
    assert "kink" in explorer.slope_text
    explorer.function = "gelu"
    assert "kink" not in explorer.slope_text


@pytest.mark.parametrize("chart", ["_curve", "_slope_curve"])
def test_both_cursors_move_x_and_stay_together(chart):
    explorer = ActivationExplorer()
    getattr(explorer, chart).cursor = [0, 30]
    assert explorer.x == -4.5
    assert explorer._curve.cursor == explorer._slope_curve.cursor == [0, 30]
    assert explorer._settings["x"] == -4.5
    explorer._settings.set(x=2.0)
    assert explorer._curve.cursor == [0, 160]
    assert explorer._curve.text == "f(2) = 2"


def test_alpha_belongs_to_two_functions():
    explorer = ActivationExplorer(function="leaky_relu", x=-1.0, alpha=0.25)
    assert (explorer.value, explorer.slope) == (-0.25, 0.25)
    assert explorer._settings.disabled == []
    explorer.function = "relu"
    assert explorer._settings.disabled == ["alpha"]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_probabilities_and_jacobian_at_a_temperature(temperature):
    logits = np.array([2.0, 1.0, 0.0, -1.0])
    explorer = ActivationExplorer(temperature=temperature)
    e = np.exp(logits / temperature)
    np.testing.assert_allclose(explorer.probabilities, e / e.sum())
    columns = [
        numeric_gradient(lambda z, i=i: activations.softmax(z / temperature)[i], logits) for i in range(4)
    ]
    np.testing.assert_allclose(explorer.jacobian, columns, atol=1e-8)


def test_huge_logits_are_no_danger_and_entropy_is_in_bits():
    explorer = ActivationExplorer(logits=[[1000.0, 0.0]])
    np.testing.assert_array_equal(explorer.probabilities, [1, 0])
    assert explorer.entropy == 0
    explorer.logits = [[1.0, 1.0, 1.0, 1.0]]
    assert explorer.entropy == pytest.approx(2)
    assert explorer._bars._drawing["columns"] == 4
    explorer._bars.cursor = [0, 2]
    assert explorer._bars.text == "z = 1 gets 0.25"


@pytest.mark.parametrize("logits", [[[np.inf, 0.0]], [[1.0] * 9], [[1.0], [2.0]]])
def test_logits_that_are_refused(logits):
    explorer = ActivationExplorer()
    with pytest.raises(CnnkitError, match="logits"):
        explorer.logits = logits
    np.testing.assert_array_equal(explorer.logits, [[2, 1, 0, -1]])


@pytest.mark.parametrize("state", [{"x": 7.0}, {"temperature": 0.0}, {"function": "softplus"}])
def test_states_out_of_range(state):
    with pytest.raises(traitlets.TraitError):
        ActivationExplorer(**state)


# ---- depth lab


def test_the_depth_lab_shows_what_the_library_measures():
    lab = DepthLab(depth=10, function="tanh", scheme="Xavier", layer=3)
    measured = depth_map(10, seeds=(0,))
    np.testing.assert_array_equal(lab.map.gradient, measured.gradient)
    run = propagate("tanh", "Xavier", 10)
    spread, gradient = lab.logs()
    np.testing.assert_allclose(10 ** np.array(spread), np.sqrt(run.variances))
    np.testing.assert_allclose(10 ** np.array(gradient), run.gradients)
    assert lab.at("tanh", "Xavier")[1] == pytest.approx(gradient[0])
    assert f"the gradient is {10 ** gradient[0]:.2g} of what" in lab.verdict
    deep = DepthLab(depth=20, function="sigmoid", scheme="He")
    assert f"the gradient is 10^{deep.logs()[1][0]:.1f} of what".replace("-", "−") in deep.verdict


@pytest.mark.parametrize(
    ("function", "scheme", "fate"),
    [("relu", "He", "arrives"), ("sigmoid", "Xavier", "vanished"), ("none", "std 1", "exploded")],
)
def test_verdicts(function, scheme, fate):
    assert fate in DepthLab(function=function, scheme=scheme).verdict


def test_a_cell_of_the_map_opens_its_network():
    lab = DepthLab(depth=5)
    lab._map_chart.cursor = [1, 5]
    assert (lab.function, lab.scheme) == ("sigmoid", "std 1")
    assert lab._settings["scheme"] == "std 1"
    assert "sigmoid with std 1" in lab._curves.title
    lab._curves.cursor = [0, 3]
    assert lab.layer == 4
    assert lab._curves.text.startswith("layer 4:")
    lab._settings.set(function="relu")
    assert lab._map_chart.cursor == [3, 5]


def test_the_layer_stays_inside_a_shallower_network():
    lab = DepthLab(depth=20, layer=18)
    lab.depth = 5
    assert lab.layer == 5
    assert lab._curves._drawing["columns"] == 5


def test_the_map_can_show_the_signal():
    lab = DepthLab(depth=5)
    gradient = lab._map_chart._drawing["svg"]
    lab.shown = "signal in the last layer"
    assert lab._map_chart._drawing["svg"] != gradient
    assert "signal in the last layer" in lab._map_chart.title


# ---- ReLU rescue


def test_kill_count_and_revive_by_buttons():
    rescue = ReluRescue()
    assert rescue.dead == 2
    rescue._settings.set(train=1)
    assert len(rescue.network.losses) == 50
    assert rescue.dead == rescue.network.dead().sum() >= 28
    rescue._settings.set(revive=1)
    assert rescue.dead <= 20
    assert "live again" in rescue._settings["summary"]
    rescue._settings.set(learning_rate=0.3, train=2)
    assert rescue.network.accuracy > 0.9
    assert rescue._course._drawing["columns"] == 101


def test_a_new_bias_or_slope_starts_a_new_network():
    rescue = ReluRescue()
    rescue.train()
    rescue.first_bias = -3.0
    assert (len(rescue.network.losses), rescue.dead) == (0, HIDDEN)
    rescue.train()
    rescue.alpha = 0.1
    assert (len(rescue.network.losses), rescue.network.alpha) == (0, 0.1)
    rescue.train()
    rescue.restart()
    assert len(rescue.network.losses) == 0


def test_the_bars_are_the_largest_pre_activations():
    rescue = ReluRescue()
    np.testing.assert_array_equal(rescue.largest, rescue.network.pre_activations().max(axis=0))
    rescue._units.cursor = [0, 5]
    assert rescue._units.text.startswith("unit 5: ")


def test_training_has_an_end_that_is_said():
    rescue = ReluRescue()
    with pytest.raises(OptionError, match="start again"):
        rescue.train(MOST_STEPS + 1)
    rescue.network.losses.extend([0.0] * MOST_STEPS)
    rescue._settings.set(train=1)
    assert "start again" in rescue._settings.messages["train"]


# ---- without a browser


@pytest.mark.parametrize("make", [ActivationExplorer, lambda: DepthLab(depth=5), ReluRescue])
def test_the_text_twin_and_the_picture_are_the_same_every_time(make):
    first, second = (make()._repr_mimebundle_() for _ in range(2))
    assert first["text/plain"] == second["text/plain"]
    assert first["image/png"] == second["image/png"]
    assert any(character.isdigit() for character in first["text/plain"])
