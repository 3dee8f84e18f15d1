"""DrawPad: a sheet to draw on by mouse, touch, pen or keys; its cells travel as one byte each."""

from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from cnnkit.errors import DTypeError, ShapeError
from cnnkit.shapes import pair
from cnnkit.widgets.front_end import FrontEnd

HERE = Path(__file__).parent
SIZE = 128
"""Cells a side by default: fine enough for a smooth stroke, 16 KB a message."""


class DrawPad(FrontEnd):
    """A sheet of cells that the learner covers with ink.

    Strokes appear in the browser at once. The whole sheet follows as bytes, one message in flight at a time:
    what is drawn meanwhile goes with the next one. Observe `pixels` to hear of it; read `ink`.

    Attributes:
        pixels: one byte a cell, row by row, 0 for paper and 255 for ink; no bytes for an empty sheet.
        rows, columns: cells of the sheet, fixed from the start.
        pen: width of the pen's line, in cells; the eraser's is twice as wide.
        title: the caption, which is also the accessible name.
        width: CSS pixels that the sheet takes at most.
    """

    _esm = HERE / "draw_pad.js"
    _css = HERE / "draw_pad.css"

    # The browser knows what it sent: an echo would double the traffic. It arrives as a memoryview.
    pixels = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda sent, _: bytes(sent))
    rows = traitlets.Int(SIZE, min=1).tag(sync=True)
    columns = traitlets.Int(SIZE, min=1).tag(sync=True)
    pen = traitlets.Float(11.0, min=0.5).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(256, min=80).tag(sync=True)

    def __init__(
        self, *, size: int | tuple[int, int] = SIZE, title: str = "Draw here", **traits: Any
    ) -> None:
        """Make an empty sheet of `size` cells, one number or (rows, columns)."""
        rows, columns = pair(size, "size")
        super().__init__(rows=rows, columns=columns, title=title, **traits)

    @property
    def ink(self) -> NDArray[np.float32]:
        """The sheet, (rows, columns) float32: 0 for paper, 1 for ink."""
        if not self.pixels:
            return np.zeros((self.rows, self.columns), np.float32)
        cells = np.frombuffer(self.pixels, np.uint8).reshape(self.rows, self.columns)
        return cells.astype(np.float32) / np.float32(255)

    @property
    def empty(self) -> bool:
        """Whether there is no ink at all."""
        return not any(self.pixels)

    def show(self, ink: ArrayLike) -> None:
        """Cover the sheet with `ink` (h, w) in [0, 1]; every value becomes a block of cells, in equal blocks.

        The learner can undo it. Raises ShapeError when the blocks do not fill the sheet, DTypeError for what
        are not finite numbers.
        """
        values = np.asarray(ink)
        if values.dtype.kind not in "buif" or not np.isfinite(values).all():
            raise DTypeError(f"ink holds {values.dtype}, or no finite numbers; expected numbers from 0 to 1")
        if values.ndim != 2 or 0 in values.shape or self.rows % len(values) or self.columns % values.shape[1]:
            raise ShapeError(
                f"ink has shape {values.shape}; expected two axes that divide the sheet's "
                f"{self.rows} x {self.columns} cells"
            )
        block = (self.rows // len(values), self.columns // values.shape[1])
        levels = np.round(255 * np.clip(values.astype(np.float64), 0, 1)).astype(np.uint8)
        self.pixels = np.kron(levels, np.ones(block, np.uint8)).tobytes()

    def clear(self) -> None:
        """Take all ink away."""
        self.pixels = b""

    def digest(self) -> str:
        """Return how much ink there is, in one line, for where no browser runs."""
        return f"{self.title}: {self.rows} x {self.columns} cells, {self.ink.mean():.1%} ink"

    @traitlets.validate("pixels")
    def _check_pixels(self, proposal: Any) -> bytes:
        cells = bytes(proposal.value)
        if cells and len(cells) != self.rows * self.columns:
            raise ShapeError(
                f"pixels has {len(cells)} bytes; expected none, or one for each of "
                f"{self.rows} x {self.columns} cells"
            )
        return cells

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        from cnnkit.figures import draw_view, png

        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        picture = png(draw_view, self.ink, self.title, "gray", (0.0, 1.0), size=(4.0, 4.0))
        return {**data, "image/png": picture, "text/plain": self.digest()}, metadata
