"""A drill's card in JupyterLab, worked by keyboard alone; the mistake is named, and axe finds nothing."""

import nbformat
import pytest
from harness import Notebook
from playwright.sync_api import Locator, expect

from cnnkit.drills import bank
from cnnkit.drills.card import EXAMPLE_SEED

CELLS = [
    "from cnnkit.drills import drill, progress",
    'drill("conv-output-size")',
    'drill("conv2d-loops")',
    'drill("equivariance-or-invariance")',
    'drill("explain-weight-sharing")',
    "progress()",
]
SOLUTION = """
def conv2d(x, w, b, stride):
    KH, KW = w.shape[:2]
    rows, columns = x.shape[0] - KH + 1, x.shape[1] - KW + 1
    y = np.zeros((rows, columns, w.shape[3])) + b
    for m in range(KH):
        for n in range(KW):
            y += x[m : m + rows, n : n + columns] @ w[m, n]
    return y[::stride, ::stride]
"""


@pytest.fixture(scope="module")
def notebook(open_in_lab, tmp_path_factory) -> Notebook:
    path = tmp_path_factory.mktemp("made") / "drills.ipynb"
    # Without a kernel's name JupyterLab asks for one and waits.
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    notebook = open_in_lab(path)
    notebook.run_all()
    return notebook


def card(notebook: Notebook, drill_id: str) -> Locator:
    return notebook.outputs(f'drill("{drill_id}")').locator(".cnnkit-drill")


def tab_to(notebook: Notebook, target: Locator) -> None:
    """Press Tab until ``target`` has the focus, as someone without a mouse does."""
    for _ in range(40):
        notebook.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("Tab does not reach it")


def test_a_card_is_answered_by_keyboard_alone_wrong_then_right(notebook):
    source = bank.get("conv-output-size")
    _, right, slips = source.drawn(EXAMPLE_SEED)
    (slip,) = [slip for slip in slips if slip.name == "ceil-for-floor"]
    shown, keys = card(notebook, source.id), notebook.page.keyboard
    answer = shown.get_by_label("Your answer")
    verdict = shown.locator(".cnnkit-verdict")

    notebook.page.locator(".jp-CodeCell .cm-content", has_text=source.id).focus()
    keys.press("Escape")  # from the cell's editor to the cell, as in any notebook
    tab_to(notebook, answer)
    keys.type("x".join(map(str, slip.values)))
    keys.press("Enter")
    expect(verdict).to_have_attribute("data-kind", "wrong")
    expect(verdict).to_contain_text(source.question(EXAMPLE_SEED).grade(list(slip.values)).plain_message[:40])
    expect(answer).to_be_focused()

    tab_to(notebook, shown.get_by_role("button", name="Answer", exact=True))
    keys.press("h")
    expect(shown.locator(".cnnkit-hints > div")).to_have_count(1)
    keys.press("Shift+Tab")
    expect(answer).to_be_focused()
    keys.press("Control+A")
    keys.type("x".join(map(str, right)))
    keys.press("Enter")
    expect(verdict).to_have_attribute("data-kind", "right")
    hard = shown.get_by_role("button", name="hard")
    expect(hard).to_be_focused()
    expect(hard).to_contain_text("suggested")

    keys.press("3")
    expect(shown.locator(".cnnkit-rated")).to_contain_text("Rated good: due in 2 days")
    expect(shown.get_by_role("button", name="Another one")).to_be_focused()
    before = shown.locator(".cnnkit-prompt").inner_text()
    keys.press("n")
    expect(shown.locator(".cnnkit-prompt")).not_to_have_text(before)
    expect(answer).to_be_focused()
    expect(answer).to_have_value("")


def test_code_is_typed_in_the_card_and_tab_is_no_trap(notebook):
    shown, keys = card(notebook, "conv2d-loops"), notebook.page.keyboard
    area = shown.get_by_label("Your function")
    area.focus()
    keys.press("Control+A")
    keys.insert_text(SOLUTION.strip().replace("[m, n]", "[-1 - m, -1 - n]"))
    keys.press("Control+Enter")
    verdict = shown.locator(".cnnkit-verdict")
    expect(verdict).to_contain_text("flip", timeout=60_000)
    area.focus()
    keys.press("Control+A")
    keys.type("def conv2d(x, w, b):\ny = ")  # Enter keeps the line break and indents after a colon
    expect(area).to_have_value("def conv2d(x, w, b):\n    y = ")
    keys.press("Tab")
    expect(area).to_have_value("def conv2d(x, w, b):\n    y =     ")
    keys.press("Escape")
    keys.press("Tab")
    expect(shown.get_by_role("button", name="Check")).to_be_focused()
    area.focus()
    keys.press("Control+A")
    keys.insert_text(SOLUTION.strip())
    keys.press("Control+Enter")
    expect(verdict).to_have_attribute("data-kind", "right", timeout=60_000)


def test_options_are_chosen_by_letter_and_points_ticked(notebook):
    choice, keys = card(notebook, "equivariance-or-invariance"), notebook.page.keyboard
    options = bank.get("equivariance-or-invariance").question(EXAMPLE_SEED).choices
    right = [option.correct for option in options].index(True)
    choice.get_by_role("radio").first.focus()
    keys.press("abcdef"[right])
    expect(choice.get_by_role("radio").nth(right)).to_be_checked()
    keys.press("Enter")
    expect(choice.locator(".cnnkit-verdict")).to_have_attribute("data-kind", "right")

    talk = card(notebook, "explain-weight-sharing")
    talk.get_by_role("button", name="Compare with the points").press("Enter")
    expect(talk.get_by_role("checkbox").first).to_be_focused()
    keys.press("Space")
    keys.press("Enter")
    expect(talk.locator(".cnnkit-verdict")).to_contain_text("1 of ")


def test_formulas_are_drawn_and_buttons_are_large_enough(notebook):
    shown = card(notebook, "conv-output-size")
    box = shown.locator(".cnnkit-prompt math").first.bounding_box()
    assert box["width"] > 2 * box["height"] > 10
    for button in shown.get_by_role("button").all():
        size = button.bounding_box()
        assert min(size["width"], size["height"]) >= 24


def test_progress_shows_the_learners_own_numbers(notebook):
    table = notebook.outputs("progress()")
    table.get_by_role("button", name="Refresh").click()
    expect(table.get_by_role("row", name="01 Convolution").get_by_role("cell").nth(1)).to_have_text("1")
    table.get_by_label("Date of the interview").fill("2020-01-01")
    table.get_by_role("button", name="Set the date").click()
    expect(table.get_by_role("status")).to_contain_text("is past")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_nothing_is_wrong_for_axe_the_console_or_other_hosts(notebook, theme):
    notebook.use_theme(theme)
    shown = card(notebook, "conv-output-size")
    for state in ("fresh", "answered"):
        if state == "fresh":
            shown.get_by_role("button", name="Another one").click()
            expect(shown.locator(".cnnkit-solution")).to_be_empty()
        else:
            shown.get_by_role("button", name="Solution").click()
            expect(shown.locator(".cnnkit-solution math").first).to_be_visible()
        assert notebook.axe_violations(".cnnkit-drill") == []
        assert notebook.axe_violations(".cnnkit-progress") == []
    assert notebook.console_errors == []
    assert notebook.foreign_requests == []
