"""How long a learner waits: the kernel lab on the 512 x 512 photograph against a bare slider in the same run.

    python tests/browser/latency.py [ROUNDS]

Both are measured inside the page, in turns. Bare: a stock slider moves, Python answers with a sentence, the
sentence stands in the page. Lab: a control moves, Python computes the feature map, its pixels stand on the
canvas. Prints the medians and their ratio; the goal is at most 2. A benchmark, not a test: a busy machine
proves nothing.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from harness import JupyterServer, find_chromium, launch_browser, open_notebook
from playwright.sync_api import sync_playwright

CELLS = [
    "import ipywidgets\nfrom cnnkit.widgets import KernelLab",
    "slider = ipywidgets.IntSlider(value=5, max=10)\n"
    "answer = ipywidgets.HTML('5')\n"
    "slider.observe(lambda change: setattr(answer, 'value', str(change.new)), 'value')\n"
    "ipywidgets.VBox([slider, answer])",
    "KernelLab()",
]

# A move is over when the sentence has changed, or the canvas was painted with other pixels than before.
SCRIPT = """
async (rounds) => {
  const output = (text) => [...document.querySelectorAll(".jp-CodeCell")]
    .find((cell) => cell.querySelector(".jp-InputArea-editor").textContent.includes(text))
    .querySelector(".jp-OutputArea-output");
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  const handle = output("IntSlider").querySelector("[role=slider]");
  const sentence = output("IntSlider").querySelector(".widget-html-content");
  const moveSlider = (round) => new Promise((done) => {
    const begin = performance.now();
    new MutationObserver((_, observer) => {
      observer.disconnect();
      done(performance.now() - begin);
    }).observe(sentence, { childList: true, characterData: true, subtree: true });
    const key = round % 2 ? "ArrowLeft" : "ArrowRight";
    handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  });

  const lab = output("KernelLab()");
  const canvas = lab.querySelector('canvas[aria-label^="feature map"]');
  const bias = lab.querySelector('[data-name="bias"] input');
  const corner = () => canvas.getContext("2d").getImageData(20, 20, 8, 8).data.join();
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  const moveLab = () => new Promise((done) => {
    const before = corner();
    let begin;
    CanvasRenderingContext2D.prototype.drawImage = function (...parts) {
      draw.apply(this, parts);
      if (this.canvas !== canvas) return;
      const end = performance.now();
      if (corner() === before) return;
      CanvasRenderingContext2D.prototype.drawImage = draw;
      done(end - begin);
    };
    bias.value = bias.valueAsNumber === 1 ? -1 : 1;
    begin = performance.now();
    bias.dispatchEvent(new Event("input", { bubbles: true }));
  });

  const times = { bare: [], lab: [] };
  for (let round = 0; round < rounds; round++) {
    times.bare.push(await moveSlider(round));
    await pause(80);
    times.lab.push(await moveLab());
    await pause(80);
  }
  return times;
}
"""


def main() -> int:
    """Measure, print, and return 0 when the goal is met."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    executable = find_chromium()
    if executable is None:
        sys.exit("no Chromium or Chrome found; set CNNKIT_CHROMIUM to its path")
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        path = Path(scratch) / "latency.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
        browser = launch_browser(playwright, executable)
        server = JupyterServer(Path(scratch) / "home")
        try:
            with open_notebook(browser, server, server.add(path)) as notebook:
                notebook.run_all()
                notebook.page.evaluate(SCRIPT, 5)  # warm
                times = notebook.page.evaluate(SCRIPT, rounds)
        finally:
            server.stop()
            browser.close()
    bare, lab = (statistics.median(times[name]) for name in ("bare", "lab"))
    print(f"bare slider {bare:.1f} ms, kernel lab {lab:.1f} ms, ratio {lab / bare:.2f} (median of {rounds})")
    return 0 if lab <= 2 * bare else 1


if __name__ == "__main__":
    sys.exit(main())
