"""Chapter 04 as a learner meets it: layers by keyboard and pointer, units clicked, three fields compared."""

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect
from widget_page import canvas, cell_corner, control, readout, spoken

from cnnkit import data, receptive, stacks
from cnnkit.figures import lit
from cnnkit.widgets import StackBuilder


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "04_receptive_field.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def builder(chapter) -> Locator:
    """The stack builder, with the stack that it would have by itself."""
    area = chapter.outputs("StackBuilder(")
    for name in ("three 3×3", "conv, pool, conv"):
        choose(area, name)
    return area


def choose(area: Locator, network: str) -> StackBuilder:
    """Pick a network in the page and return the same one computed here."""
    control(area, "network").locator("select").select_option(network)
    return expect_texts(area, StackBuilder(network))


def expect_texts(area: Locator, expected: StackBuilder) -> StackBuilder:
    """Check every sentence of the page against the same state computed here."""
    for name in ("summary", "recurrence", "unit_text", "agreement", "effective"):
        expect(readout(area, name)).to_have_text(getattr(expected, name))
    return expected


def expect_lit(view: Locator, mask: np.ndarray) -> None:
    """Check that a small photograph is bright where `mask` is True, and dark elsewhere."""
    pixels = canvas_pixels(view)[..., :3].astype(float)
    rows, columns = mask.shape
    cell = view.bounding_box()["width"] / columns
    places = (np.arange(rows) * int(cell) + int(cell) // 2, np.arange(columns) * int(cell) + int(cell) // 2)
    seen = pixels[np.ix_(*places)]
    wanted = 255 * lit(data.photo("astronaut", size=rows), mask)
    assert np.abs(seen - wanted).max() < 3


def test_a_click_on_a_unit_shows_its_field_three_times(builder):
    area = canvas(builder, "map of layer 3, 10 × 10")
    x, y = cell_corner(area, (10, 10), 0, 9)
    area.click(position={"x": x, "y": y})
    expected = expect_texts(builder, StackBuilder(unit=(0, 9)))
    assert "columns 18 to 31" in expected.unit_text
    mask = receptive.gradient_field(expected.windows, (32, 32), (0, 9))
    expect_lit(canvas(builder, "by gradient: 196"), mask)
    expect_lit(canvas(builder, "by perturbation: 196"), mask)
    expect(spoken(builder, "map of layer 3")).to_contain_text("row 0, column 9")


def test_the_arrow_keys_walk_over_the_units_and_the_frame_follows(builder):
    before = canvas_pixels(canvas(builder, "field computed"))
    canvas(builder, "map of layer 3").press("ArrowUp")
    expect_texts(builder, StackBuilder(unit=(4, 5)))
    assert not np.array_equal(canvas_pixels(canvas(builder, "field computed")), before)


def test_the_map_shows_what_the_stack_computes(builder):
    gray = data.photo("astronaut", size=32).mean(axis=2, dtype=float)
    wanted = receptive.forward(StackBuilder().windows, gray[..., np.newaxis])[..., 0]
    pixels = canvas_pixels(canvas(builder, "map of layer 3, 10 × 10"))
    view = canvas(builder, "map of layer 3, 10 × 10")
    places = [cell_corner(view, (10, 10), *index) for index in np.ndindex(10, 10)]
    seen = np.array([pixels[y, x, 0] for x, y in places]).reshape(10, 10)
    levels = np.floor((wanted - wanted.min()) / np.ptp(wanted) * 256).clip(0, 255)
    rest = np.ones((10, 10), bool)
    rest[5, 5] = False  # the cursor's frame
    assert np.abs(seen - levels)[rest].max() <= 1


def test_a_layer_is_changed_by_keyboard(builder):
    control(builder, "layer").locator("select").select_option("1. conv 5×5 → 28, field 5")
    control(builder, "dilation").get_by_role("slider").press("ArrowRight")
    windows = (stacks.conv(5, dilation=2), *StackBuilder().windows[1:])
    expect(readout(builder, "summary")).to_contain_text("field 18 × 18, jump 2")
    expect(readout(builder, "recurrence")).to_have_text(
        StackBuilder(windows=windows, image_size=32, layer=1).recurrence
    )
    expect(control(builder, "network").locator("option:checked")).to_have_text("your own stack")


def test_layers_are_added_by_keyboard_and_removed_by_pointer(builder):
    control(builder, "add").get_by_role("button").press("Enter")
    expect(readout(builder, "summary")).to_contain_text("4 layers: field 18 × 18")
    expect(readout(builder, "recurrence")).to_have_text(
        "size 14 + (3 − 1)·2 = 18; start 0 − 1·2 = −2; jump 2·1 = 2"
    )
    expect(canvas(builder, "map of layer 4, 10 × 10")).to_be_visible()
    for left in (3, 2):
        control(builder, "remove").get_by_role("button").click()
        expect(readout(builder, "summary")).to_contain_text(f"{left} layers")
    expect(canvas(builder, "map of layer 2, 14 × 14")).to_be_visible()


def test_a_layer_that_does_not_fit_is_explained(builder):
    choose(builder, "LeNet-5")
    control(builder, "kernel_size").get_by_role("slider").press("ArrowRight")
    message = control(builder, "kernel_size").locator(".cnnkit-message")
    expect(message).to_contain_text("layer 5 reads a map of 5 × 5")
    expect(readout(builder, "summary")).to_have_text(StackBuilder("LeNet-5").summary)


def test_resnet_in_both_conventions(builder):
    for network, size in (("stride in the first unit", 427), ("stride in the last unit before", 483)):
        expected = choose(builder, f"ResNet-50, {network}")
        assert f"field {size} × {size}" in expected.summary
        assert "all three agree" in expected.agreement


def test_the_widgets_are_accessible_in_both_themes(chapter):
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
