"""Chapter 08's ladder bench as a learner meets it: guess, race in the background, read it off the roof."""

import re

import nbformat
import pytest
from harness import Notebook
from playwright.sync_api import Locator, expect
from widget_page import control, readout

from cnnkit.kernels.parallel.ladder import LADDER
from cnnkit.widgets import LadderBench

SMALL, LARGE = {"size": 14, "channels": 16, "filters": 32}, {"size": 112, "channels": 256, "filters": 256}
CELLS = [
    "from cnnkit.widgets import LadderBench",
    f"bench = LadderBench(**{SMALL})\nbench",
    f"large = LadderBench(**{LARGE}, guess={LADDER[-1].name!r}, guess_factor=1000)\nlarge",
    'print("running:", large.running)',
]


@pytest.fixture(scope="module")
def chapter(open_in_lab, tmp_path_factory) -> Notebook:
    path = tmp_path_factory.mktemp("made") / "ladder.ipynb"
    # Without a kernel's name JupyterLab asks for one and waits.
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    notebook = open_in_lab(path)
    notebook.run_all()
    return notebook


@pytest.fixture
def bench(chapter) -> Locator:
    return chapter.outputs("bench = LadderBench")


@pytest.fixture
def large(chapter) -> Locator:
    return chapter.outputs("large = LadderBench")


def button(area: Locator, name: str) -> Locator:
    return control(area, name).get_by_role("button")


def bars(area: Locator) -> Locator:
    return area.locator(".cnnkit-chart-stage").first


def choose(area: Locator, name: str, option: str) -> None:
    control(area, name).locator("select").select_option(option)


def test_it_begins_with_arithmetic_and_no_speed(bench):
    expect(readout(bench, "work_text")).to_have_text(LadderBench(**SMALL).work_text)
    expect(bars(bench)).to_have_attribute("aria-label", re.compile("not timed yet"))
    expect(button(bench, "stop")).to_be_disabled()


def test_a_race_needs_a_guess_first(bench):
    button(bench, "run").click()
    expect(control(bench, "run")).to_contain_text("guess first")
    expect(bars(bench)).to_have_attribute("aria-label", re.compile("not timed yet"))


def test_a_guess_and_a_race_by_keyboard(bench):
    choose(bench, "guess", LADDER[-1].name)
    choose(bench, "guess_factor", "1,000 times as much")
    button(bench, "run").press("Enter")
    expect(readout(bench, "summary")).to_contain_text("The quickest is", timeout=120_000)
    expect(readout(bench, "summary")).to_contain_text(re.compile(r"You named (the right|another) rung"))
    expect(bars(bench)).not_to_have_attribute("aria-label", re.compile("not timed yet"))
    expect(readout(bench, "work_text")).to_contain_text("GFLOP/s, with")
    expect(button(bench, "run")).to_be_enabled()


def test_the_rungs_are_read_by_keyboard_and_pointer(bench):
    bars(bench).press("ArrowDown")
    expect(readout(bench, "rung_text")).to_contain_text(f"{LADDER[1].name}: ")
    expect(readout(bench, "rung_text")).to_contain_text("GFLOP/s")
    bars(bench).scroll_into_view_if_needed()
    box = bars(bench).bounding_box()
    bars(bench).click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.2})
    expect(readout(bench, "rung_text")).to_contain_text(f"{LADDER[0].name}: ")


def test_the_roof_is_read_by_keyboard(bench):
    roof = bench.locator(".cnnkit-chart").filter(has_text="The roof of this machine")
    stage = roof.locator(".cnnkit-chart-stage")
    stage.press("Home")
    expect(roof.locator("output")).to_contain_text("limited by memory")
    stage.press("End")
    expect(roof.locator("output")).to_contain_text("limited by arithmetic")


def test_cells_run_beside_a_race_and_it_can_be_stopped(chapter, large):
    button(large, "run").click()
    expect(button(large, "stop")).to_be_enabled()
    cell = chapter.page.locator(".jp-CodeCell").last
    cell.locator(".jp-InputArea-editor").click()
    chapter.command("notebook:run-cell")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text("running: True", timeout=60_000)
    button(large, "stop").click()
    expect(readout(large, "summary")).to_contain_text("Stopped", timeout=60_000)
    expect(button(large, "run")).to_be_enabled()


def test_another_layer_takes_the_results_away(bench):
    choose(bench, "filters", "64")
    expect(bars(bench)).to_have_attribute("aria-label", re.compile("not timed yet"))
    expect(readout(bench, "work_text")).to_have_text(LadderBench(**{**SMALL, "filters": 64}).work_text)


def test_it_is_accessible_in_both_themes(chapter, bench, large):
    assert chapter.axe_violations() == []
    chapter.use_theme("Dark")
    violations = chapter.axe_violations()
    chapter.use_theme("Light")
    assert violations == []


def test_nothing_went_wrong_and_no_other_host_was_asked(chapter):
    assert chapter.console_errors == []
    assert chapter.foreign_requests == []
