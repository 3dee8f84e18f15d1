"""Chapter 03 as a learner meets it: the pooling bench by keyboard and pointer, its pixels and sentences."""

import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect

from cnnkit.figures import CMAPS
from cnnkit.widgets import PoolingBench
from cnnkit.widgets.pooling_scenes import MATRIX, MAX_SHIFT

MOST_HIDDEN = 24  # cells below the frame of a window, which is three pixels wide


@pytest.fixture(scope="module")
def chapter(open_in_lab) -> Notebook:
    notebook = open_in_lab(NOTEBOOKS / "03_pooling.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def bench(chapter) -> Locator:
    area = chapter.outputs("PoolingBench(")
    control(area, "scene").locator("select").select_option("camera")
    control(area, "kind").locator("select").select_option("max")
    for name, value in {"window": 3, "stride": 2, "padding": 1, "shift": 1}.items():
        control(area, name).get_by_role("slider").fill(str(value))
    expect(readout(area, "shift_text")).to_have_text(PoolingBench(shift=1).shift_text)
    return area


def canvas(area: Locator, title: str) -> Locator:
    return area.locator(f'canvas[aria-label^="{title}:"]')


def control(area: Locator, name: str) -> Locator:
    return area.locator(f'.cnnkit-control[data-name="{name}"]')


def readout(area: Locator, name: str) -> Locator:
    return control(area, name).locator("output:not(.cnnkit-message)")


def cell_size(view: Locator, values: np.ndarray) -> int:
    """Return the CSS pixels of a cell in a view that is too small for row and column numbers."""
    box = view.bounding_box()
    return int(min((box["width"] - 2) / values.shape[1], (box["height"] - 2) / values.shape[0]))


def expect_cells(view: Locator, values: np.ndarray, cmap: str, limits: tuple[float, float]) -> None:
    """Check the colour of the cells of a view against `values`, beside grid lines; frames may hide a few."""
    pixels, cell = canvas_pixels(view), cell_size(view, values)
    places = np.arange(max(values.shape)) * cell + cell - 2
    seen = pixels[places[: values.shape[0], None], places[: values.shape[1]], :3].astype(int)
    levels = np.clip(np.floor((values - limits[0]) / (limits[1] - limits[0]) * 256), 0, 255).astype(int)
    wanted = CMAPS[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3][levels].astype(int)
    wrong = (np.abs(seen - wanted).max(axis=-1) > 3).sum()
    assert wrong <= MOST_HIDDEN, f"{wrong} of {values.size} cells have another colour"


def expect_output(area: Locator, kind: str, expected: PoolingBench) -> None:
    output = expected.outputs[kind]
    expect_cells(canvas(area, kind), output, "gray", (0.0, float(output.max())))


def test_the_bench_starts_with_the_right_pictures_and_sentences(bench):
    expected = PoolingBench(shift=1)
    expect_output(bench, "max", expected)
    expect_output(bench, "blur", expected)
    expect(readout(bench, "size_text")).to_have_text(expected.size_text)
    change = f"max {expected.changes['max'][1]:.0%}"
    assert change in bench.locator(".cnnkit-chart-stage").get_attribute("aria-label")


def test_the_shift_follows_the_keyboard(bench):
    before = canvas_pixels(canvas(bench, "max"))
    control(bench, "shift").get_by_role("slider").press("ArrowRight")
    expected = PoolingBench(shift=2)
    expect(readout(bench, "shift_text")).to_have_text(expected.shift_text)
    expect_output(bench, "max", expected)
    expect_cells(canvas(bench, "feature map, 24 × 24"), expected.x, "gray", (0.0, float(expected.x.max())))
    assert not np.array_equal(canvas_pixels(canvas(bench, "max")), before)
    with pytest.raises(AssertionError):  # the old picture would be noticed
        expect_output(bench, "max", PoolingBench(shift=1))


def test_the_shift_follows_the_curves_cursor(bench):
    bench.locator(".cnnkit-chart-stage").press("End")
    expected = PoolingBench(shift=MAX_SHIFT)
    expect(readout(bench, "shift_text")).to_have_text(expected.shift_text)
    expect(control(bench, "shift").get_by_role("slider")).to_have_value(str(MAX_SHIFT))
    expect_output(bench, "max", expected)


def test_a_click_on_an_output_shows_its_gradient(bench):
    view, values = canvas(bench, "blur"), PoolingBench(shift=1).outputs["blur"]
    cell = cell_size(view, values)
    view.click(position={"x": 7.5 * cell, "y": 2.5 * cell})
    expected = PoolingBench(shift=1, kind="blur", position=(2, 7))
    expect(readout(bench, "routing")).to_have_text(expected.routing)
    expect(control(bench, "kind").locator("option:checked")).to_have_text("blur")
    reach = float(np.abs(expected.gradient).max())
    expect_cells(canvas(bench, "gradient of blur"), expected.gradient, "signed", (-reach, reach))
    own = bench.page.locator('canvas[aria-label^="blur:"]')
    spoken = bench.locator("figure").filter(has=own).locator("output")
    expect(spoken).to_contain_text(f"row 2, column 7: {values[2, 7]:.3f}"[:-1])


def test_the_arrow_keys_walk_over_the_outputs_and_ties_are_told(bench):
    control(bench, "scene").locator("select").select_option(MATRIX)
    for name, value in {"window": 2, "padding": 0}.items():
        control(bench, name).get_by_role("slider").fill(str(value))
    view = canvas(bench, "max")
    view.focus()
    view.press("Control+Home")
    view.press("ArrowRight")
    expected = PoolingBench(scene=MATRIX, window=2, padding=0, shift=1, position=(0, 1))
    expect(readout(bench, "routing")).to_have_text(expected.routing)
    with_tie = next(
        (i, j)
        for i, j in np.ndindex(4, 4)
        if "a tie" in PoolingBench(scene=MATRIX, window=2, padding=0, shift=1, position=(i, j)).routing
    )
    view.press("Control+Home")
    for key, times in (("ArrowDown", with_tie[0]), ("ArrowRight", with_tie[1])):
        for _ in range(times):
            view.press(key)
    expect(readout(bench, "routing")).to_contain_text("a tie: the first in reading order")


def test_what_does_not_fit_gets_a_sentence(bench):
    control(bench, "window").get_by_role("slider").fill("2")
    control(bench, "padding").get_by_role("slider").fill("2")
    expect(control(bench, "padding").locator(".cnnkit-message")).to_contain_text("less padding")


def test_the_bench_is_accessible_in_both_themes(chapter, bench):
    area = ".cnnkit-chapter-widget"
    assert chapter.axe_violations(area) == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations(area)
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
