"""Chapter 09 as a learner meets it: a network that trains while the notebook stays usable, and breaks."""

import re

import nbformat
import numpy as np
import pytest
from builder import NOTEBOOKS
from harness import Notebook, canvas_pixels
from playwright.sync_api import Locator, expect
from widget_page import canvas, control, readout

from cnnkit.widgets import TrainingPlayground


@pytest.fixture(scope="module")
def chapter(open_in_lab, tmp_path_factory) -> Notebook:
    """The chapter without its trainings of many seconds, and a cell more to run while the network trains."""
    made = nbformat.read(NOTEBOOKS / "09_training.ipynb", as_version=4)
    made.cells = [cell for cell in made.cells if cell.cell_type == "markdown" or is_needed(cell.source)]
    made.cells.append(nbformat.v4.new_code_cell('print("still", "there")'))
    path = tmp_path_factory.mktemp("made") / "09_training.ipynb"
    nbformat.write(made, path)
    notebook = open_in_lab(path)
    notebook.run_all()
    return notebook


def is_needed(source: str) -> bool:
    return "from cnnkit.widgets import" in source or "TrainingPlayground()" in source


@pytest.fixture
def playground(chapter) -> Locator:
    return chapter.outputs("TrainingPlayground()")


def button(area: Locator, name: str) -> Locator:
    return control(area, name).get_by_role("button")


def loss_curve(area: Locator) -> Locator:
    return area.locator(".cnnkit-chart-stage").first


def run_last_cell(chapter: Notebook) -> Locator:
    """Run the added cell anew, and return what it printed."""
    cell = chapter.page.locator(".jp-CodeCell").last
    cell.locator(".jp-InputArea-editor").click()
    chapter.command("notebook:clear-cell-output")
    chapter.command("notebook:run-cell")
    return cell.locator(".jp-OutputArea-output")


def steps_shown(area: Locator) -> int:
    """Return over how many steps the loss is drawn."""
    return int(re.search(r"loss over (\d+) steps", loss_curve(area).get_attribute("aria-label"))[1])


def expect_same(area: Locator, wanted: TrainingPlayground) -> None:
    """Check that the page shows what a playground of this process shows after the same steps."""
    numbers = wanted.summary[wanted.summary.index("Step ") :]
    expect(readout(area, "summary")).to_contain_text(numbers)


def test_it_trains_by_pointer_while_cells_still_run(chapter, playground):
    filters = canvas_pixels(canvas(playground, "First-layer filters"))
    control(playground, "pace").locator("select").select_option("50 steps a second")
    button(playground, "run").click()
    expect(loss_curve(playground)).not_to_have_attribute("aria-label", re.compile("over 2[0-2]0 steps"))
    expect(run_last_cell(chapter)).to_have_text("still there\n")
    expect(readout(playground, "summary")).to_contain_text("Training.")
    then = steps_shown(playground)
    expect(loss_curve(playground)).not_to_have_attribute("aria-label", re.compile(f"over {then} steps"))
    button(playground, "pause").click()
    expect(readout(playground, "summary")).to_contain_text("Paused.")
    taken = int(re.search(r"Step (\d+)", readout(playground, "summary").inner_text())[1])
    wanted = TrainingPlayground(steps=taken)
    expect_same(playground, wanted)
    expect(loss_curve(playground)).to_have_attribute("aria-label", wanted._charts["loss"].label)
    assert not np.array_equal(canvas_pixels(canvas(playground, "First-layer filters")), filters)


def test_it_is_broken_and_stepped_by_keyboard(playground):
    control(playground, "zero_weights").get_by_role("checkbox").press("Space")
    expect(readout(playground, "summary")).to_contain_text("Other settings, a new network. Step 0")
    maps = canvas_pixels(canvas(playground, "What every layer returns"))
    wanted = TrainingPlayground(steps=0, zero_weights=True)
    for _ in range(2):
        button(playground, "step").press("Enter")
        wanted.step()
        expect_same(playground, wanted)
    expect(readout(playground, "summary")).to_contain_text("100 % of the hidden units are 0")
    control(playground, "zero_weights").get_by_role("checkbox").press("Space")
    expect(readout(playground, "summary")).to_contain_text("Step 0")
    assert not np.array_equal(canvas_pixels(canvas(playground, "What every layer returns")), maps)


def test_settings_and_the_digit_on_show(playground):
    control(playground, "dropout").locator("select").select_option("0.6")
    control(playground, "dropout").locator("select").select_option("none")
    control(playground, "optimizer").locator("select").select_option("SGD with momentum")
    control(playground, "digit").get_by_role("slider").press("Home")
    wanted = TrainingPlayground(steps=0, optimizer="SGD with momentum", digit=0)
    expect_same(playground, wanted)
    expect(canvas(playground, "What every layer returns for one digit: a 0, taken for")).to_be_visible()
    assert control(playground, "dropout").locator(".cnnkit-message").inner_text() == ""
    button(playground, "restart").click()
    expect(readout(playground, "summary")).to_contain_text("A new network.")


def test_it_is_accessible_in_both_themes(chapter, playground):
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
