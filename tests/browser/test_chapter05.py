"""Chapter 05 as a learner meets it: errors flow back by keyboard and pointer, with cnnkit's numbers."""

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect
from test_chapter01 import canvas, cell_corner, control, expect_cells, readout

from cnnkit.widgets import GradientFlow
from cnnkit.widgets.gradient_flow import SO_FAR


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "05_backpropagation.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def flow(chapter) -> Locator:
    return chapter.outputs("GradientFlow()")


def expect_state(area: Locator, expected: GradientFlow) -> None:
    expect(readout(area, "chain")).to_have_text(expected.chain)
    expect(readout(area, "check")).to_have_text(expected.check)
    expect_cells(canvas(area, "dx"), expected.dx, "signed")
    expect_cells(canvas(area, "dw"), expected.dw, "signed")


def test_the_gradients_follow_keyboard_and_pointer(flow):
    expect_state(flow, GradientFlow())
    before = canvas_pixels(canvas(flow, "dx"))
    step = control(flow, "step").get_by_role("slider")
    step.press("ArrowRight")
    step.press("ArrowRight")
    expect_state(flow, GradientFlow(step=2))
    assert not np.array_equal(canvas_pixels(canvas(flow, "dx")), before)
    control(flow, "scope").locator("select").select_option(SO_FAR)
    expect(canvas(flow, "dw of 3 of 8 errors")).to_be_visible()
    expect_state(flow, GradientFlow(step=2, scope=SO_FAR))
    errors = canvas(flow, "error δ")
    x, y = cell_corner(errors, (2, 4), 1, 2)
    errors.click(position={"x": x, "y": y})
    expect(canvas(flow, "dw of 7 of 8 errors")).to_be_visible()
    expect_state(flow, GradientFlow(step=6, scope=SO_FAR))


def test_a_clicked_weight_is_checked_by_finite_differences(flow):
    weights = canvas(flow, "kernel w")
    x, y = cell_corner(weights, (3, 3), 2, 1)
    weights.click(position={"x": x, "y": y})
    expected = GradientFlow(probe="w", cell=(2, 1))
    expect(readout(flow, "total")).to_have_text(expected.total)
    expect(readout(flow, "check")).to_have_text(expected.check)
    control(flow, "digits").get_by_role("slider").press("Home")
    expect(readout(flow, "check")).to_contain_text("h = 1e-1:")


def test_the_widget_is_accessible_in_both_themes(chapter, flow):
    expect(canvas(flow, "dx")).to_be_visible()
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
