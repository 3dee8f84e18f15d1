"""Look at a chapter as a learner sees it: run it in JupyterLab and save pictures of everything that it shows.

    python tests/browser/look.py notebooks/01_convolution.ipynb OUTDIR
    python tests/browser/look.py notebooks/01_convolution.ipynb OUTDIR --dark     the dark theme
    python tests/browser/look.py notebooks/01_convolution.ipynb OUTDIR --stored   nothing run

OUTDIR receives ``page-01.png``, ``page-02.png`` ... (the notebook from top to bottom) and ``cell-07-1.png``
... (the first output of the seventh code cell). Folded boxes are opened. Prints console errors, requests to
other hosts and what axe-core finds in the widgets; the exit status is 1 if there was any.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from harness import WIDGET_AREA, JupyterServer, Notebook, find_chromium, launch_browser, open_notebook
from playwright.sync_api import sync_playwright

WINDOW = {"width": 1100, "height": 1400}
OVERLAP_PIXELS = 60


def save_pages(notebook: Notebook, folder: Path) -> None:
    """Save the whole notebook, one window after the other."""
    panel = notebook.page.locator(".jp-WindowedPanel-outer").first
    height = panel.evaluate("panel => panel.clientHeight")
    total = panel.evaluate("panel => panel.scrollHeight")
    for number, top in enumerate(range(0, total, height - OVERLAP_PIXELS), start=1):
        panel.evaluate("(panel, top) => { panel.scrollTop = top }", top)
        panel.screenshot(path=folder / f"page-{number:02}.png")


def save_outputs(notebook: Notebook, folder: Path) -> None:
    """Save every output of every code cell."""
    code_cells = notebook.page.locator(".jp-Notebook .jp-CodeCell")
    for cell in range(code_cells.count()):
        outputs = code_cells.nth(cell).locator(".jp-OutputArea-output")
        for number in range(outputs.count()):
            if outputs.nth(number).is_visible():
                outputs.nth(number).screenshot(path=folder / f"cell-{cell + 1:02}-{number + 1}.png")


def look(notebook: Notebook, folder: Path, *, dark: bool, stored: bool) -> list[str]:
    """Save the pictures into ``folder`` and return what is wrong, one line each."""
    notebook.page.set_viewport_size(WINDOW)
    if dark:
        notebook.use_theme("Dark")
    if not stored:
        notebook.run_all()
    notebook.page.locator(".jp-Notebook details").evaluate_all(
        "boxes => boxes.forEach(box => { box.open = true })"
    )
    save_pages(notebook, folder)
    save_outputs(notebook, folder)
    problems = [f"console: {text}" for text in notebook.console_errors]
    problems += [f"request: {url}" for url in notebook.foreign_requests]
    if notebook.page.locator(WIDGET_AREA).count():
        problems += [f"axe: {text}" for text in notebook.axe_violations()]
    return problems


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Save pictures of everything that a chapter shows.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dark", action="store_true", help="use the dark theme")
    parser.add_argument("--stored", action="store_true", help="show the committed outputs, run nothing")
    options = parser.parse_args()
    executable = find_chromium()
    if executable is None:
        parser.error("no Chromium or Chrome found; set CNNKIT_CHROMIUM to its path")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = launch_browser(playwright, executable)
        server = JupyterServer(Path(scratch))
        try:
            with open_notebook(browser, server, server.add(options.notebook)) as notebook:
                problems = look(notebook, options.folder, dark=options.dark, stored=options.stored)
        finally:
            server.stop()
            browser.close()
    print("\n".join(problems) or "no console error, no request to another host, no axe violation in a widget")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
