"""Chapter 02 as a learner meets it: the geometry explorer by keyboard and pointer, the kernels' numbers."""

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect
from widget_page import canvas, cell_corner, control, expect_cells, readout, spoken

from cnnkit.kernels import loops
from cnnkit.widgets import GeometryExplorer


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "02_padding_and_stride.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def explorer(chapter) -> Locator:
    """The first explorer, back in its first example."""
    area = chapter.outputs("GeometryExplorer()")
    control(area, "example").locator("select").select_option("3×3, valid")
    expect(readout(area, "summary")).to_have_text(GeometryExplorer("3×3, valid").summary)
    return area


def choose(area: Locator, example: str) -> GeometryExplorer:
    """Pick an example in the page and return the same one computed here."""
    control(area, "example").locator("select").select_option(example)
    expected = GeometryExplorer(example)
    expect(readout(area, "summary")).to_have_text(expected.summary)
    return expected


def test_the_keyboard_changes_the_stride_and_every_number_follows(explorer):
    before = canvas_pixels(canvas(explorer, "padded input, 7 × 7"))
    control(explorer, "stride_height").get_by_role("slider").press("ArrowRight")
    control(explorer, "stride_width").get_by_role("slider").press("ArrowRight")
    expected = GeometryExplorer("3×3, valid", stride_height=2, stride_width=2)
    expect(readout(explorer, "formula_rows")).to_have_text(
        "rows: ⌊(7 + 0 + 0 − 3) / 2⌋ + 1 = ⌊4 / 2⌋ + 1 = 3"
    )
    expect(readout(explorer, "summary")).to_have_text(expected.summary)
    reads = loops.conv2d_backward(np.ones((3, 3, 1)), np.zeros((7, 7, 1)), np.ones((3, 3, 1, 1)), stride=2)[
        0
    ][..., 0]
    large = canvas(explorer, "padded input, 7 × 7")
    assert not np.array_equal(canvas_pixels(large), before)
    expect_cells(large, reads, "positive")
    expect_cells(canvas(explorer, "output, 3 × 3"), np.full((3, 3), 9.0), "positive")
    expect(control(explorer, "example").locator("select").locator("option:checked")).to_have_text(
        "your own settings"
    )


def test_the_pointer_moves_the_window_and_asks_for_an_explanation(explorer):
    small = canvas(explorer, "output, 5 × 5")
    x, y = cell_corner(small, (5, 5), 3, 1)
    small.click(position={"x": x, "y": y})
    expected = GeometryExplorer("3×3, valid", step=16)
    expect(readout(explorer, "window")).to_have_text(expected.window_text)
    expect(spoken(explorer, "output, 5 × 5")).to_have_text("row 3, column 1: 9")
    large = canvas(explorer, "padded input, 7 × 7")
    x, y = cell_corner(large, (7, 7), 1, 6)
    large.click(position={"x": x, "y": y})
    expect(readout(explorer, "explanation")).to_have_text(
        "Input cell (1, 6) is read twice: its row lies under a tap of output rows 0 and 1, "
        "its column of column 4; 2 × 1 = 2."
    )


def test_the_arrow_keys_walk_over_the_large_grid(explorer):
    large = canvas(explorer, "padded input, 7 × 7")
    large.focus()
    large.press("Control+Home")
    large.press("ArrowDown")
    expected = GeometryExplorer("3×3, valid", cell=(1, 0), explain="cell")
    expect(readout(explorer, "explanation")).to_have_text(expected.explanation)
    expect(spoken(explorer, "padded input, 7 × 7")).to_have_text("row 1, column 0: 2")


def test_an_impossible_setting_explains_itself_and_goes_away_again(explorer):
    expected = choose(explorer, "too large a kernel")
    assert "Impossible" in expected.summary
    expect(canvas(explorer, "output, 1 × 1")).to_be_hidden()
    dilations = [control(explorer, f"dilation_{axis}").get_by_role("slider") for axis in ("height", "width")]
    for slider in dilations:
        slider.press("ArrowLeft")
    expect(readout(explorer, "summary")).to_contain_text("Output 2 × 2.")
    expect(canvas(explorer, "output, 2 × 2")).to_be_visible()


def test_a_dragged_padding_is_a_padding_of_ones_own(explorer):
    slider = control(explorer, "top").get_by_role("slider")
    box = slider.bounding_box()
    slider.drag_to(
        slider,
        source_position={"x": 8, "y": box["height"] / 2},
        target_position={"x": box["width"] / 6, "y": box["height"] / 2},
    )
    top = int(slider.input_value())
    assert top > 0
    expected = GeometryExplorer("3×3, valid", top=top)
    expect(readout(explorer, "formula_rows")).to_have_text(expected.formula.splitlines()[0])
    expect(control(explorer, "padding").locator("select").locator("option:checked")).to_have_text(
        "four numbers of your own"
    )


def test_the_transposed_explorer_shows_the_checkerboard(chapter):
    area = chapter.outputs('GeometryExplorer("transposed, checkerboard")')
    stamps = loops.conv2d_transpose(np.ones((4, 4, 1)), np.ones((3, 3, 1, 1)), stride=2)[..., 0]
    expect_cells(canvas(area, "uncropped output, 9 × 9"), stamps, "positive")
    for axis in ("height", "width"):
        control(area, f"kernel_{axis}").get_by_role("slider").press("ArrowRight")
    expect(readout(area, "summary")).to_contain_text("Away from the border all get the same number.")
    stamps = loops.conv2d_transpose(np.ones((4, 4, 1)), np.ones((4, 4, 1, 1)), stride=2)[..., 0]
    expect_cells(canvas(area, "uncropped output, 10 × 10"), stamps, "positive")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_widgets_are_accessible(chapter, theme):
    chapter.use_theme(theme)
    assert chapter.axe_violations() == []


def test_nothing_went_wrong_and_nothing_left_the_machine(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
