"""Chapter 06 as a learner meets it: cursors over curves and map, dead units raised by hand."""

import re

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect
from widget_page import control, readout

from cnnkit import activations
from cnnkit.dying_relu import DigitNetwork
from cnnkit.signal_depth import propagate
from cnnkit.widgets import ActivationExplorer, DepthLab
from cnnkit.widgets.sliding import number


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "06_activations.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def explorer(chapter) -> Locator:
    return chapter.outputs('ActivationExplorer(function="sigmoid"')


@pytest.fixture
def lab(chapter) -> Locator:
    return chapter.outputs("DepthLab()")


@pytest.fixture
def rescue(chapter) -> Locator:
    return chapter.outputs("rescue = ReluRescue()")


def chart(area: Locator, title: str) -> Locator:
    return area.locator(".cnnkit-chart").filter(has_text=title)


def stage(figure: Locator) -> Locator:
    return figure.locator(".cnnkit-chart-stage")


def click_share(view: Locator, across: float, down: float) -> None:
    """Click at a place given in shares of a view's width and height."""
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    view.click(position={"x": across * box["width"], "y": down * box["height"]})


def test_the_explorer_follows_the_keyboard(explorer):
    figure = chart(explorer, "sigmoid: ")
    before = figure.locator("svg").inner_html()
    stage(figure).press("ArrowRight")
    expected = activations.sigmoid(np.array(3.05))
    expect(figure.locator("output")).to_have_text(f"f(3.05) = {number(float(expected))}")
    slope = chart(explorer, "its derivative").locator("output")
    expect(slope).to_have_text(f"f'(3.05) = {number(float(activations.sigmoid_grad(np.array(3.05))))}")
    assert figure.locator("svg").inner_html() != before
    stage(figure).press("Home")
    expect(slope).to_contain_text("f'(−6) =")


def test_the_explorer_follows_the_pointer(explorer):
    figure = chart(explorer, "its derivative")
    click_share(stage(figure), 0.5, 0.5)
    expect(readout(explorer, "slope_text")).not_to_contain_text("f(−6)")
    text = readout(explorer, "slope_text").inner_text()
    x = float(re.match(r"f\((−?[\d.]+)\)", text)[1].replace("−", "-"))
    assert abs(x) < 1
    wanted = ActivationExplorer(function="sigmoid", x=x)
    assert text == wanted.slope_text
    assert figure.locator("output").inner_text() == f"f'({number(x)}) = {number(wanted.slope)}"


def test_temperature_changes_bars_and_jacobian(explorer):
    canvas = explorer.locator('canvas[aria-label^="Jacobian"]')
    before = canvas_pixels(canvas)
    control(explorer, "temperature").get_by_role("slider").press("End")
    expected = ActivationExplorer(temperature=10.0)
    expect(readout(explorer, "softmax_text")).to_have_text(expected.softmax_text)
    bars = explorer.locator('[aria-label^="Probabilities"]')
    expect(bars).to_have_attribute("aria-label", expected._bars.label)
    assert not np.array_equal(canvas_pixels(canvas), before)


def test_the_depth_lab_follows_the_pointer_on_its_map(lab):
    figure = chart(lab, "gradient in the first layer of 20")
    click_share(stage(figure), 0.95, 0.95)
    wanted = DepthLab(function="silu", scheme="std 1")
    expect(readout(lab, "verdict")).to_have_text(wanted.verdict)
    expect(chart(lab, "silu with std 1, layer by layer")).to_be_visible()
    curves = chart(lab, "layer by layer")
    stage(curves).press("End")
    run = propagate("silu", "std 1", 20)
    spread = number(float(f"{np.sqrt(run.variances[-1]):.2g}"))
    expect(curves.locator("output")).to_contain_text(f"layer 20: std of z {spread}")


def test_the_depth_lab_follows_the_keyboard(lab):
    figure = chart(lab, "gradient in the first layer of")
    stage(figure).press("Home")
    expect(figure.locator("output")).to_contain_text("std 0.01")
    stage(figure).press("ArrowUp")
    control(lab, "depth").locator("select").select_option("50")
    expect(readout(lab, "verdict")).to_contain_text("50 layers")
    wanted = DepthLab(function="gelu", scheme="std 0.01", depth=50)
    expect(readout(lab, "verdict")).to_have_text(wanted.verdict)
    assert figure.locator("svg rect").count() == 48


def test_dead_units_are_raised_and_trained_by_hand(rescue):
    network = DigitNetwork().train(50, 3.0)
    expect(readout(rescue, "summary")).to_contain_text(f"{int(network.dead().sum())} of 32 hidden units dead")
    control(rescue, "revive").get_by_role("button").press("Enter")
    alive = network.revive(3.0)
    expect(readout(rescue, "summary")).to_contain_text(f"{alive} of them live again")
    control(rescue, "learning_rate").locator("select").select_option("0.3")
    control(rescue, "train").get_by_role("button").click()
    network.train(50, 0.3)
    expect(readout(rescue, "summary")).to_contain_text(f"{network}".strip())
    units = chart(rescue, "Each unit's largest z")
    click_share(stage(units), 0.5, 0.5)
    expect(units.locator("output")).to_contain_text("unit 1")


def test_the_widgets_are_accessible_in_both_themes(chapter, explorer, lab, rescue):
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
