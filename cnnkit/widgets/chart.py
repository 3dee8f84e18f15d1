"""Chart: curves or a named map, drawn by Python, over which pointer and arrow keys move a cursor."""

from pathlib import Path
from typing import Any

import traitlets

from cnnkit.widgets.front_end import FrontEnd
from cnnkit.widgets.svg_plot import Drawing

HERE = Path(__file__).parent
EMPTY = Drawing(
    '<svg viewBox="0 0 1 1" aria-hidden="true"></svg>', "empty", 1, 1, 1, (0.0, 0.0, 1.0, 1.0), cells=True
)


class Chart(FrontEnd):
    """Show a `Drawing` and let the learner move a cursor over its places.

    A press, a drag and the arrow keys move `cursor` in the browser without a round trip; Python hears of it
    through the trait and answers with `show()`.

    Attributes:
        cursor: [row, column] of the place; curves have one row, and a column for each point.
        title: the caption, which is also the accessible name.
        text: a line below, spoken when it changes: what stands at the cursor.
    """

    _esm = HERE / "chart.js"
    _css = HERE / "chart.css"

    _drawing = traitlets.Dict(EMPTY.description()).tag(sync=True)
    cursor = traitlets.List(traitlets.Int(), [0, 0], minlen=2, maxlen=2).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)

    def show(self, drawing: Drawing, *, at: tuple[int, int], text: str) -> None:
        """Display `drawing` with the cursor at (row, column), and say `text`; one message."""
        with self.hold_sync():
            self._drawing = drawing.description()
            self.cursor = list(at)
            self.text = text

    @property
    def label(self) -> str:
        """What the drawing says to those who do not see it."""
        label: str = self._drawing["label"]
        return label

    def digest(self) -> str:
        """Return title, label and text, for where no browser runs."""
        return f"{self.title}: {self.label} {self.text}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": self.digest()}, metadata
