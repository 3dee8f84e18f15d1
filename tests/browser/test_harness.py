"""The browser harness notices what it is there to notice, tried on a made notebook with stock widgets."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from builder import build
from harness import Notebook, canvas_pixels
from playwright.sync_api import expect

SLIDER = """
slider = widgets.IntSlider(value=3, max=10)
shown = widgets.HTML("3 squared is 9")
slider.observe(lambda change: setattr(shown, "value", f"{change.new} squared is {change.new**2}"), "value")
widgets.VBox([slider, shown])
"""
PAINT = """
display(Javascript('''
  const pen = document.querySelector(".swatch").getContext("2d");
  pen.fillStyle = "#e69f00";
  pen.fillRect(0, 0, 3, 2);
'''))
"""
CELLS = [
    "import ipywidgets as widgets\nfrom IPython.display import HTML, Javascript, display",
    SLIDER,
    "display(HTML('<canvas class=swatch width=3 height=2></canvas>'))",
    PAINT,
]
BOXES = "\n\n".join(f"> [!{kind}]\n> **bold** and $x^2$" for kind in build.BOXES)
BAD_CELLS = [
    "from IPython.display import HTML, Javascript, display",
    'display(HTML(\'<img alt="" src="http://example.org/tracker.png">\'))',
    "display(Javascript(\"console.error('a made error')\"))",
    "1 / 0",
]


def made_notebook(path: Path, cells: list[str]) -> Path:
    # Without a kernel's name JupyterLab asks for one and waits.
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    made = [nbformat.v4.new_code_cell(source.strip()) for source in cells]
    made.append(nbformat.v4.new_markdown_cell(build.expand_boxes(BOXES)))
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
    return path


@pytest.fixture(scope="module")
def good(open_in_lab, tmp_path_factory) -> Notebook:
    notebook = open_in_lab(made_notebook(tmp_path_factory.mktemp("made") / "good.ipynb", CELLS))
    notebook.run_all()
    return notebook


def test_a_key_press_reaches_python_and_its_answer_reaches_the_page(good):
    output = good.outputs("IntSlider")
    output.get_by_role("slider").press("ArrowRight")
    output.get_by_text("4 squared is 16").wait_for()


def test_canvas_pixels_come_back_exactly(good):
    pixels = canvas_pixels(good.outputs("class=swatch").locator("canvas"))
    assert pixels.shape == (2, 3, 4)
    np.testing.assert_array_equal(np.unique(pixels.reshape(-1, 4), axis=0), [[0xE6, 0x9F, 0x00, 0xFF]])


def test_axe_finds_the_stock_sliders_nameless_handle(good):
    assert any(line.startswith("aria-input-field-name") for line in good.axe_violations())


def test_boxes_keep_their_colours_render_what_is_inside_and_fold_the_spoken_answer(good):
    boxes = good.page.locator(".jp-MarkdownCell").locator("blockquote, details")
    expect(boxes.locator("mjx-container")).to_have_count(len(build.BOXES))
    expect(boxes.locator("strong", has_text="bold")).to_have_count(len(build.BOXES))
    fills = boxes.evaluate_all("boxes => boxes.map((box) => getComputedStyle(box).backgroundColor)")
    assert fills == [f"rgba({box.rgb}, 0.1)" for box in build.BOXES.values()]
    answer = good.page.locator("details")
    expect(answer.get_by_text("bold")).to_be_hidden()
    answer.locator("summary").click()
    expect(answer.get_by_text("bold")).to_be_visible()


def test_axe_refuses_to_check_nothing(good):
    with pytest.raises(AssertionError, match="nothing on the page"):
        good.axe_violations(".no-such-class")


def test_a_quiet_notebook_has_no_console_error_and_asks_no_other_host(good):
    assert good.console_errors == []
    assert good.foreign_requests == []


def test_console_errors_foreign_requests_and_a_cell_that_raises_are_noticed(open_in_lab, tmp_path):
    bad = open_in_lab(made_notebook(tmp_path / "bad.ipynb", BAD_CELLS))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        bad.run_all()
    assert any("a made error" in line for line in bad.console_errors)
    assert set(bad.foreign_requests) == {"http://example.org/tracker.png"}
