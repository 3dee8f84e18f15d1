"""Chapter 01 as a learner meets it: run all, move controls by keyboard and pointer, see cnnkit's numbers."""

import io
import re

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from PIL import Image
from playwright.sync_api import Locator, expect

from cnnkit import data, famous_kernels
from cnnkit.figures import CMAPS, color_limits
from cnnkit.kernels import vectorized
from cnnkit.widgets import Stepper

INDEX_MARGIN, MAX_CELL = 18, 44  # CSS pixels: how a small view numbers its rows and sizes its cells


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "01_convolution.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def stepper(chapter) -> Locator:
    return chapter.outputs("Stepper()")


@pytest.fixture
def lab(chapter) -> Locator:
    area = chapter.outputs("KernelLab()")
    control(area, "photo").locator("select").select_option("camera")
    control(area, "bias").get_by_role("slider").fill("0")
    control(area, "stride").get_by_role("slider").fill("1")
    expect(canvas(area, "feature map, 512 × 512")).to_be_visible()
    expect(readout(area, "equation")).to_contain_text("+ bias 0 =")
    return area


def canvas(area: Locator, title: str) -> Locator:
    return area.locator(f'canvas[aria-label^="{title}"]')


def spoken(area: Locator, title: str) -> Locator:
    """Return the sentence that a view says about the cell under its cursor."""
    return (
        area.locator("figure")
        .filter(has=area.page.locator(f'canvas[aria-label^="{title}"]'))
        .locator("output")
    )


def control(area: Locator, name: str) -> Locator:
    return area.locator(f'.cnnkit-control[data-name="{name}"]')


def readout(area: Locator, name: str) -> Locator:
    return control(area, name).locator("output:not(.cnnkit-message)")


def colours(values: np.ndarray, cmap: str, limits: tuple[float, float]) -> np.ndarray:
    """Return the colour of each value: (..., 3) uint8."""
    low, high = limits
    levels = np.clip(np.floor((values - low) / (high - low) * 256), 0, 255).astype(int)
    return CMAPS[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3][levels]


def cell_corner(view: Locator, shape: tuple[int, int], row: int, column: int) -> tuple[int, int]:
    """Return a point (x, y) inside a cell of a small view, beside its number and its frame."""
    box = view.bounding_box()
    rows, columns = shape
    room = min(
        (box["width"] - INDEX_MARGIN - 2) / columns, (box["height"] - INDEX_MARGIN - 2) / rows, MAX_CELL
    )
    return tuple(INDEX_MARGIN + index * int(room) + 6 for index in (column, row))


def expect_cells(view: Locator, values: np.ndarray, cmap: str) -> None:
    """Check the colour of every cell of a small view against `values`."""
    pixels = canvas_pixels(view)
    places = [cell_corner(view, values.shape, *index) for index in np.ndindex(values.shape)]
    seen = np.array([pixels[y, x, :3] for x, y in places]).reshape(*values.shape, 3)
    np.testing.assert_allclose(seen, colours(values, cmap, color_limits(values, cmap)), atol=1)


def expect_photo(view: Locator, values: np.ndarray) -> None:
    """Check a scaled-down feature map against `values`; only the cursor is drawn over it."""
    reach = float(np.abs(values).max())
    wanted = Image.fromarray(colours(values, "signed", (-reach, reach)))
    seen = Image.fromarray(canvas_pixels(view)[..., :3])
    small = [np.asarray(picture.resize((24, 24), Image.Resampling.BOX), float) for picture in (wanted, seen)]
    assert np.median(np.abs(small[0] - small[1])) < 2


def feature_map(**options) -> np.ndarray:
    """Return what the kernel lab starts with, by the vectorised kernel: (H_out, W_out)."""
    bias = np.array([options.pop("bias", 0.0)], np.float32)
    photo = data.photo("camera", mode="gray")[..., np.newaxis]
    kernel = famous_kernels.sobel_x().astype(np.float32)[..., np.newaxis, np.newaxis]
    return vectorized.conv2d(photo, kernel, bias, padding="same", **options)[..., 0]


def expect_value_at_cursor(area: Locator, title: str, values: np.ndarray) -> None:
    """Check the spoken number of the cell under the cursor against `values`."""
    found = re.match(r"row (\d+), column (\d+): ([-\d.e]+)", spoken(area, title).inner_text())
    assert float(found[3]) == pytest.approx(values[int(found[1]), int(found[2])], rel=1e-3, abs=1e-5)


def test_the_stepper_follows_the_keyboard(stepper):
    before = canvas_pixels(canvas(stepper, "products"))
    control(stepper, "step").get_by_role("slider").press("ArrowRight")
    expected = Stepper(step=1)
    expect(readout(stepper, "equation")).to_have_text(expected.equation)
    assert not np.array_equal(canvas_pixels(canvas(stepper, "products")), before)
    expect_cells(canvas(stepper, "products"), expected.products[..., 0], "signed")


def test_the_stepper_follows_the_pointer(stepper):
    output = canvas(stepper, "output y")
    x, y = cell_corner(output, (3, 3), 2, 1)
    output.click(position={"x": x, "y": y})
    expected = Stepper(step=7)
    expect(readout(stepper, "equation")).to_have_text(expected.equation)
    expect_cells(canvas(stepper, "products"), expected.products[..., 0], "signed")
    by_hand = vectorized.conv2d(expected.x, expected.w[..., np.newaxis], np.array([expected.bias]))[..., 0]
    expect(spoken(stepper, "output y")).to_contain_text(f"row 2, column 1: {by_hand[2, 1]:.0f}")


def test_the_kernel_lab_starts_with_the_right_picture(lab):
    expect_photo(canvas(lab, "feature map"), feature_map())
    expect_value_at_cursor(lab, "feature map", feature_map())


def test_the_kernel_lab_follows_the_keyboard(lab):
    control(lab, "bias").get_by_role("slider").press("End")
    expect(readout(lab, "equation")).to_contain_text("+ bias 2 =")
    values = feature_map(bias=2.0)
    expect_photo(canvas(lab, "feature map"), values)
    expect_value_at_cursor(lab, "feature map", values)
    with pytest.raises(AssertionError):  # the picture did change: the old one would be noticed
        expect_photo(canvas(lab, "feature map"), feature_map())


def test_the_kernel_lab_follows_the_pointer(lab):
    stride = control(lab, "stride").get_by_role("slider")
    box = stride.bounding_box()
    places = [{"x": share * box["width"], "y": box["height"] / 2} for share in (0.03, 0.3)]
    stride.drag_to(stride, source_position=places[0], target_position=places[1])
    chosen = int(stride.input_value())
    assert chosen > 1
    values = feature_map(stride=chosen)
    view = canvas(lab, f"feature map, {values.shape[0]} × {values.shape[1]}:")
    expect(view).to_be_visible()
    expect_photo(view, values)
    size = view.bounding_box()
    view.click(position={"x": size["width"] / 4, "y": size["height"] / 3})
    expect(spoken(lab, "feature map")).to_contain_text("held")
    expect(spoken(lab, "feature map")).not_to_contain_text("about")  # Python's number, not the colour's
    expect_value_at_cursor(lab, "feature map", values)


def test_own_images_are_shown_and_a_broken_one_gets_a_message(lab):
    upload = control(lab, "upload").locator("input")
    upload.set_input_files({"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    expect(control(lab, "upload").locator(".cnnkit-message")).to_contain_text("broken.png")
    picture = io.BytesIO()
    Image.new("P", (30, 20), 3).save(picture, "png")
    upload.set_input_files({"name": "own.png", "mimeType": "image/png", "buffer": picture.getvalue()})
    expect(canvas(lab, "input, 20 × 30")).to_be_visible()
    expect(canvas(lab, "feature map, 20 × 30")).to_be_visible()


def test_the_widgets_are_accessible_in_both_themes(chapter, stepper, lab):
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
