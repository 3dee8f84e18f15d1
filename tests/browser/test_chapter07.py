"""Chapter 07 as a learner meets it: digits drawn by mouse and keys, units clicked, networks browsed."""

import math
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect
from widget_page import canvas, control, readout

from cnnkit import data, zoo
from cnnkit.figures import CMAPS
from cnnkit.widgets import ArchitectureBrowser, DrawDigit
from cnnkit.widgets.digit_text import prediction_text

LABEL, BELOW, GAP, SLOT = 19, 9, 6, 46  # CSS pixels: how the network view lays out its maps
VIEW = "Every layer"
SECONDS = 20
NEARLY = 4 / 16  # of a block's ink: whether a cell half covered is ink hangs on rounding


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "07_architectures.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def digit(chapter) -> Locator:
    """The widget to draw on, showing the bundled 3 that it begins with, nothing moved or switched off."""
    area = chapter.outputs("DrawDigit()")
    control(area, "restore").get_by_role("button").click()
    shifts(area).press("Shift+ArrowUp")
    shifts(area).press("Shift+ArrowLeft")
    press(shifts(area), "ArrowDown", 3)
    press(shifts(area), "ArrowRight", 3)
    choose(area, "a bundled 3")
    expect(readout(area, "effect")).to_have_text("Nothing is moved or switched off.")
    expect(readout(area, "prediction")).to_have_text(DrawDigit().prediction)
    return area


def choose(area: Locator, text: str) -> None:
    control(area, "digit").locator("select").select_option(text)


def press(place: Locator, key: str, times: int) -> None:
    for _ in range(times):
        place.press(key)


def pad(area: Locator) -> Locator:
    return canvas(area, "Draw a digit")


def shifts(area: Locator) -> Locator:
    return area.locator(".cnnkit-chart-stage")


def spoken(area: Locator, part: str) -> Locator:
    """Return the sentence that the pad or the network view speaks."""
    return area.locator(f".cnnkit-{part} output")


# ---- where the maps of the network view lie


def unit_places(view: Locator, shapes: list[tuple[int, int, int]]) -> list[np.ndarray]:
    """Return for each layer but the last the middle (x, y) of every unit, (H, W, C, 2)."""
    width = view.evaluate("canvas => canvas.parentElement.clientWidth")
    top, places = 0, []
    for index, (rows, columns, channels) in enumerate(shapes[:-1]):
        gap = 2 if rows * columns == 1 else GAP
        tallest = 112 if index == 0 else 84
        for cell in (14, 12, 11, 10, 9, 8, 7, 6, 5, 4):
            across = max(1, (width + gap) // (columns * cell + gap))
            height = math.ceil(channels / across) * (cell * rows + gap)
            if cell * rows <= tallest and height <= 50 + 14 * rows:
                break
        across = min(channels, across)
        i, j, c = np.mgrid[:rows, :columns, :channels]
        x = c % across * (columns * cell + gap) + (j + 0.5) * cell
        y = top + LABEL + c // across * (rows * cell + gap) + (i + 0.5) * cell
        places.append(np.stack([x, y], axis=-1))
        top += LABEL + height - gap + BELOW
    return places


def expect_maps(area: Locator, expected: DrawDigit) -> None:
    """Check the colour of every unit on the canvas, from the input to the last hidden layer."""
    view = canvas(area, VIEW)
    pixels = canvas_pixels(view)
    described = expected._view._layers
    for layer, places in enumerate(unit_places(view, [maps.shape for maps in expected.maps])):
        low, high = described[layer]["low"], described[layer]["high"]
        levels = np.clip(np.floor((expected.maps[layer] - low) / (high - low) * 256), 0, 255).astype(int)
        wanted = CMAPS[described[layer]["cmap"]](np.linspace(0, 1, 256), bytes=True)[levels][..., :3]
        x, y = np.moveaxis(places.astype(int), -1, 0)
        assert np.abs(pixels[y, x, :3].astype(int) - wanted).max() <= 3, described[layer]["name"]


def shown_input(area: Locator) -> np.ndarray:
    """Return the input as the canvas shows it, (8, 8), in sixteenths."""
    view = canvas(area, VIEW)
    x, y = np.moveaxis(unit_places(view, [(8, 8, 1), (1, 1, 1)])[0][:, :, 0].astype(int), -1, 0)
    return np.round(canvas_pixels(view)[y, x, 0] / 16) / 16


def expect_input(area: Locator, wanted: np.ndarray) -> None:
    """Wait until the input on display is `wanted`, nearly; check that the answer is the network's to it."""
    deadline = time.monotonic() + SECONDS
    while np.abs(shown_input(area) - wanted).max() > NEARLY:
        assert time.monotonic() < deadline, f"the input on display is\n{shown_input(area)}\nnot\n{wanted}"
        time.sleep(0.1)
    answer = zoo.trained_digits().forward(shown_input(area)[..., np.newaxis].astype(np.float32))
    expect(readout(area, "prediction")).to_have_text(prediction_text(answer))


def line(first: tuple[float, float], last: tuple[float, float]) -> np.ndarray:
    """Return a sheet with one straight stroke of the pad's pen from (row, column) to another."""
    at = np.stack(np.mgrid[:128, :128], axis=-1) + 0.5
    along = np.subtract(last, first)
    share = np.clip((at - first) @ along / (along @ along), 0, 1)
    distance = np.linalg.norm(at - first - share[..., np.newaxis] * along, axis=-1)
    return (distance <= 5.5).astype(np.float32)


# ---- drawing


def test_a_digit_drawn_by_mouse_is_read_and_lights_up_the_layers(digit):
    digit.get_by_role("button", name="Clear", exact=True).click()
    expect(readout(digit, "prediction")).to_contain_text("An empty sheet, and yet an answer")
    box = pad(digit).bounding_box()
    mouse = digit.page.mouse
    mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=12)
    mouse.up()
    expect(readout(digit, "prediction")).to_contain_text("1, with")
    expect(spoken(digit, "pad")).to_have_text("Stroke drawn.")
    expect(control(digit, "digit").locator("option:checked")).to_have_text("your drawing")
    drawn = data.bitmap_to_digit(line((25.6, 64), (102.4, 64)))
    expect_input(digit, drawn)
    middle = canvas_pixels(pad(digit))[:, int(box["width"] / 2)]
    assert 0.6 <= np.mean(middle[:, :3].max(axis=1) < 60) <= 0.75


def test_a_digit_drawn_by_keys_undone_erased_and_cleared(digit):
    sheet = pad(digit)
    sheet.press("Escape")
    expect(spoken(digit, "pad")).to_have_text("Cleared. Undo brings it back.")
    expect(sheet).to_have_attribute("aria-label", "Draw a digit: empty")
    press(sheet, "Shift+ArrowUp", 5)
    sheet.press("Space")
    press(sheet, "Shift+ArrowDown", 10)
    sheet.press("Enter")
    expect(spoken(digit, "pad")).to_contain_text("Pen up:")
    expect(readout(digit, "prediction")).to_contain_text("1, with")
    drawn = data.bitmap_to_digit(line((24, 64), (104, 64)))
    expect_input(digit, drawn)
    sheet.press("e")
    sheet.press("Space")
    expect(spoken(digit, "pad")).to_contain_text("Eraser down:")
    press(sheet, "Shift+ArrowUp", 4)
    sheet.press("Space")
    sheet.press("e")
    expect(spoken(digit, "pad")).to_have_text("Pen.")
    sheet.press("Backspace")
    expect(spoken(digit, "pad")).to_have_text("Undone.")
    expect(readout(digit, "prediction")).to_contain_text("1, with")
    expect_input(digit, drawn)
    digit.get_by_role("button", name="Undo").press("Enter")
    expect(sheet).to_have_attribute("aria-label", "Draw a digit: empty")
    expect(readout(digit, "prediction")).to_contain_text("An empty sheet")


# ---- looking into the layers


def test_a_bundled_digit_chosen_by_keyboard_shows_what_cnnkit_computes(digit):
    choose(digit, "a bundled 7")
    press(control(digit, "example").get_by_role("slider"), "ArrowRight", 2)
    expected = DrawDigit(7, example=2)
    expect(readout(digit, "prediction")).to_have_text(expected.prediction)
    expect_maps(digit, expected)
    press(control(digit, "example").get_by_role("slider"), "ArrowLeft", 2)


def test_a_clicked_unit_is_explained(digit):
    view, expected = canvas(digit, VIEW), DrawDigit(unit=(2, 3, 1, 7))
    x, y = unit_places(view, [maps.shape for maps in expected.maps])[2][3, 1, 7]
    view.click(position={"x": x, "y": y})
    expect(readout(digit, "equation")).to_have_text(expected.equation)
    expect(readout(digit, "field")).to_have_text(expected.field)
    value = f"{expected.maps[2][3, 1, 7]:.4g}"
    expect(spoken(digit, "network")).to_have_text(f"conv 2, map 7, row 3, column 1: {value}")
    control(digit, "source").get_by_role("slider").press("End")
    expect(canvas(digit, "conv 1, map 15")).to_be_visible()
    expected.source = 15
    cells = canvas(digit, "products").get_attribute("aria-label")
    numbers = [float(word) for word in re.findall(r"-?\d[\d.e-]*", cells.split("Row 0:")[1])[:3]]
    np.testing.assert_allclose(numbers, expected._details[2].values[0], rtol=1e-3, atol=1e-9)
    control(digit, "source").get_by_role("slider").press("Home")


def test_keys_walk_through_the_units_and_switch_maps_off(digit):
    view = canvas(digit, VIEW)
    view.click(position={"x": 5, "y": LABEL + 5})
    expect(spoken(digit, "network")).to_have_text(f"input, row 0, column 0: {DrawDigit().x[0, 0]:g}")
    view.press("x")  # the input stays on
    view.press("PageDown")
    view.press("End")
    expect(spoken(digit, "network")).to_contain_text("conv 1, map 15, row")
    view.press("ArrowDown")
    view.press("x")
    expect(spoken(digit, "network")).to_contain_text("switched off")
    expected = DrawDigit(off=((1, 15),))
    expect(readout(digit, "effect")).to_have_text(expected.effect)
    expect(readout(digit, "prediction")).to_have_text(expected.prediction)
    expect(control(digit, "off_here").get_by_role("checkbox")).to_be_checked()
    control(digit, "off_here").get_by_role("checkbox").press("Space")
    expect(readout(digit, "effect")).to_have_text("Nothing is moved or switched off.")


def test_the_input_is_moved_by_keys_and_by_pointer(digit):
    shifts(digit).press("ArrowRight")
    expected = DrawDigit(shift=(0, 1))
    expect(readout(digit, "movement")).to_have_text(expected.movement)
    expect(readout(digit, "prediction")).to_have_text(expected.prediction)
    expect_maps(digit, expected)
    box = shifts(digit).bounding_box()
    shifts(digit).click(position={"x": box["width"] - 10, "y": box["height"] - 10})
    expect(readout(digit, "effect")).to_have_text(DrawDigit(shift=(3, 3)).effect)


# ---- the architecture browser


@pytest.fixture
def networks(chapter) -> Iterator[Locator]:
    area = chapter.outputs("ArchitectureBrowser()")
    yield area
    pick(area, other="none", size="as published", width="× 1")
    pick(area, network="VGG-16")
    press(table(area, 0), "Shift+ArrowUp", 3)
    table(area, 2).press("Shift+ArrowUp")


def pick(area: Locator, **choices: str) -> None:
    for name, text in choices.items():
        control(area, name).locator("select").select_option(text)


def table(area: Locator, side: int) -> Locator:
    return area.locator(".cnnkit-chart-stage").nth(side)


def expect_browser(area: Locator, expected: ArchitectureBrowser) -> None:
    """Check every sentence and every word and bar of the tables against the same state computed here."""
    for name in ("summary", "scaling", "layer_text"):
        expect(readout(area, name)).to_have_text(getattr(expected, name))
    for side, rows in enumerate((expected.rows, expected.other_rows)):
        if not rows:
            continue
        wanted = expected._tables[side]._drawing["svg"]
        texts = table(area, side).locator("svg text")
        expect(texts).to_have_text(re.findall(r"<text[^>]*>([^<]*)<", wanted))
        widths = (
            table(area, side)
            .locator("svg rect")
            .evaluate_all("bars => bars.map((bar) => bar.getAttribute('width'))")
        )
        assert widths == re.findall(r'<rect[^>]* width="([\d.]+)"', wanted)


def test_layers_are_walked_by_keys_and_by_pointer(networks):
    expect_browser(networks, ArchitectureBrowser())
    press(table(networks, 0), "ArrowDown", 2)
    expect_browser(networks, ArchitectureBrowser(layer=2))
    box = table(networks, 0).bounding_box()
    table(networks, 0).click(position={"x": 60, "y": box["height"] - 50})
    expected = ArchitectureBrowser(layer=19)
    expect_browser(networks, expected)
    assert "102,764,544" in expected.layer_text
    press(table(networks, 2), "ArrowDown", 1)
    expect(networks.locator(".cnnkit-chart output").nth(2)).to_contain_text(
        "VGG-16, multiply-adds: 15,470,264,320"
    )


def test_another_size_and_a_refused_one(networks):
    pick(networks, network="AlexNet", size="448 × 448")
    expected = ArchitectureBrowser("AlexNet", size=448)
    expect(readout(networks, "scaling")).to_have_text(expected.scaling)
    assert "no longer fit where a ✱ stands (dense)" in expected.scaling
    pick(networks, size="as published", width="× 0.5")
    expect(readout(networks, "scaling")).to_have_text(ArchitectureBrowser("AlexNet", width=0.5).scaling)
    pick(networks, size="448 × 448", width="× 1")
    expect(readout(networks, "scaling")).to_have_text(expected.scaling)
    pick(networks, size="32 × 32")
    expect(control(networks, "size").locator(".cnnkit-message")).to_contain_text("max_pooling2d_2")
    expect(control(networks, "size").locator("option:checked")).to_have_text("448 × 448")


def test_a_block_is_opened_beside_another_network(networks):
    pick(networks, network="ResNet-50", other="GoogLeNet")
    press(table(networks, 0), "ArrowDown", 4)
    expect(readout(networks, "layer_text")).to_contain_text("projected 1×1-3×3-1×1: 56×56×64")
    control(networks, "open").get_by_role("button").press("Enter")
    expected = ArchitectureBrowser("ResNet-50", other="GoogLeNet", layer=4, opened=("residual",))
    expect(table(networks, 0).locator("svg text", has_text="▾")).to_have_count(1)
    expect(readout(networks, "layer_text")).to_have_text(expected.layer_text)
    expect(readout(networks, "comparison")).to_have_text(expected.comparison)
    expect_browser(networks, expected)
    table(networks, 1).press("ArrowDown")
    expect(readout(networks, "other_text")).to_contain_text("max pool 3×3, stride 2: 112×112×64 → 56×56×64")
    control(networks, "open").get_by_role("button").press("Enter")
    expect(table(networks, 0).locator("svg text", has_text="▾")).to_have_count(0)


def test_the_widgets_are_accessible_in_both_themes(chapter):
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
