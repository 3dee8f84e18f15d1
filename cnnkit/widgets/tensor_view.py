"""TensorView: an array as a grid of coloured cells, drawn by the browser from raw bytes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from cnnkit.errors import DTypeError, OptionError, ShapeError
from cnnkit.widgets.front_end import FrontEnd

HERE = Path(__file__).parent
MAX_STAGE, MAX_CELL, INDEX_ROOM = 320, 44, 22  # CSS pixels
MAX_FLOAT_CELLS = 4096
"""Larger pictures travel as one byte a cell: nobody reads their numbers off the picture."""


class TensorView(FrontEnd):
    """Show an array ``(H, W)``, or a colour picture ``(H, W, 3)`` in [0, 1], as cells that a cursor visits.

    Numbers stand in the cells when they fit. The pointer and the arrow keys move `cursor` in the browser,
    without a round trip; Python hears of it through the trait. `windows` frames cells; `link` lets another
    view's cursor frame the input window that it is computed from.

    Attributes:
        cursor: [row, column], or [] before the first visit.
        windows: frames, see `window()`.
        hidden: flat indices of cells shown as a question mark; their values never reach the browser.
        border: [top, bottom, left, right] cells of padding around the array's own cells.
        numbers: whether cells carry their numbers when they fit.
        scale: whether a bar below shows the colours with both limits.
        readout: a line that says where the cursor is, and on what; without it the view is a plain picture.
        pointer: what moves the cursor: "hover" (a click holds it), "click" (or drag), or "none".
        title: the caption, which is also the accessible name.
        width, height: CSS pixels that the stage takes at most, by default what the first array needs.
    """

    _esm = HERE / "tensor_view.js"
    _css = HERE / "tensor_view.css"

    _frame = traitlets.Dict().tag(sync=True)
    _colors = traitlets.Bytes().tag(sync=True)
    _exact = traitlets.Dict().tag(sync=True)
    cursor = traitlets.List(traitlets.Int()).tag(sync=True)
    windows = traitlets.List(traitlets.Dict()).tag(sync=True)
    link = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)
    border = traitlets.List(traitlets.Int(), [0, 0, 0, 0], minlen=4, maxlen=4).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(MAX_STAGE, min=40).tag(sync=True)
    height = traitlets.Int(MAX_STAGE, min=40).tag(sync=True)
    max_cell = traitlets.Int(MAX_CELL, min=4).tag(sync=True)
    numbers = traitlets.Bool(True).tag(sync=True)
    scale = traitlets.Bool(False).tag(sync=True)
    readout = traitlets.Bool(True).tag(sync=True)
    pointer = traitlets.Enum(["hover", "click", "none"], "hover").tag(sync=True)

    def __init__(
        self,
        values: ArrayLike,
        *,
        title: str,
        cmap: str = "signed",
        limits: tuple[float, float] | None = None,
        **traits: Any,
    ) -> None:
        self._values: NDArray[Any] = np.zeros((1, 1))
        self._cmap = ""
        super().__init__(title=title, **{**_natural_size(_checked(values)), **traits})
        self.show(values, cmap=cmap, limits=limits)
        self.observe(lambda _: self._report_exact(), "cursor")

    @property
    def values(self) -> NDArray[Any]:
        """The array on display, ``(H, W)`` or ``(H, W, 3)``."""
        return self._values

    @property
    def cmap(self) -> str:
        """The colour map's name, a key of ``figures.CMAPS``."""
        return self._cmap

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the two ends of the colour map."""
        return self._frame["low"], self._frame["high"]

    def show(
        self,
        values: ArrayLike,
        *,
        cmap: str | None = None,
        limits: tuple[float, float] | None = None,
        hidden: Iterable[int] = (),
    ) -> None:
        """Display another array ``(H, W)``, or ``(H, W, 3)`` with values in [0, 1]; one message, old cursor.

        `limits` None spans the array's own range (around zero for "signed"). `hidden` lists flat indices of
        cells whose value stays in Python. Raises ShapeError for other shapes, DTypeError for what are not
        real numbers, OptionError for an unknown colour map or limits out of order.
        """
        from cnnkit.figures import CMAPS, color_limits

        array = _checked(values)
        cmap = cmap or self._cmap
        if cmap not in CMAPS:
            raise OptionError(f"cmap is {cmap!r}; expected one of {', '.join(CMAPS)}")
        unknown = sorted(set(hidden))
        visible = array.copy() if unknown else array
        visible.reshape(-1)[unknown] = 0
        low, high = limits or ((0.0, 1.0) if array.ndim == 3 else color_limits(visible, cmap))
        if not (np.isfinite([low, high]).all() and low < high):
            raise OptionError(f"limits are ({low}, {high}); expected two finite numbers, the lower one first")
        with self.hold_sync():
            self._values = array
            if cmap != self._cmap:
                self._cmap = cmap
                table = CMAPS[cmap](np.linspace(0, 1, 256), bytes=True)
                self._colors = np.ascontiguousarray(table[:, :3]).tobytes()
            self._frame = {**_encoded(visible, low, high), "low": low, "high": high, "hidden": unknown}
            self._report_exact()

    def read(self, row: int, column: int) -> float | tuple[float, ...]:
        """Return a cell: a number, or (red, green, blue). Raises ShapeError outside the array."""
        rows, columns = self._values.shape[:2]
        if not (0 <= row < rows and 0 <= column < columns):
            raise ShapeError(f"cell ({row}, {column}) is outside the array of {rows} x {columns} cells")
        cell = self._values[row, column]
        return float(cell) if self._values.ndim == 2 else tuple(float(v) for v in cell)

    def digest(self) -> str:
        """Return the array's shape and range in one line, for where no browser runs."""
        size = " x ".join(str(n) for n in self._values.shape)
        finite = self._values[np.isfinite(self._values)]
        if not finite.size:
            return f"{self.title}: {size}, no finite value"
        return f"{self.title}: {size}, from {spoken(finite.min())} to {spoken(finite.max())}"

    def _report_exact(self) -> None:
        """Send the value at the cursor: of a large picture the browser holds 256 levels only."""
        rows, columns = self._values.shape[:2]
        inside = len(self.cursor) == 2 and 0 <= self.cursor[0] < rows and 0 <= self.cursor[1] < columns
        if not inside or self._frame["kind"] == "float32" or self._frame["hidden"]:
            self._exact = {}
            return
        row, column = self.cursor
        cell = np.atleast_1d(self._values[row, column])
        self._exact = {"row": row, "column": column, "text": ", ".join(spoken(v) for v in cell)}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        from cnnkit.figures import draw_view, png

        picture = png(draw_view, self._values, self.title, self._cmap, self.limits, size=(4.0, 4.0))
        return {**data, "image/png": picture, "text/plain": self.digest()}, metadata


def window(
    row: int,
    column: int,
    height: int,
    width: int,
    *,
    color: str = "orange",
    label: str = "",
    dilation: tuple[int, int] = (1, 1),
) -> dict[str, Any]:
    """Return a frame for `TensorView.windows`: `height` x `width` taps, `dilation` apart, from (row, column).

    `color` is a name of ``figures.PALETTE``; raises OptionError for another one.
    """
    return {
        "row": row,
        "column": column,
        "height": height,
        "width": width,
        "dilation": list(dilation),
        "color": palette_color(color),
        "label": label,
    }


def input_window(
    source: TensorView,
    kernel_size: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    color: str = "orange",
    label: str = "",
) -> dict[str, Any]:
    """Return a `TensorView.link`: the cursor of `source` frames the taps that its cell is computed from.

    `padding` is (top, left). Output cell (i, j) reads rows ``i*stride - top + m*dilation``. Raises
    OptionError for a colour that is not in ``figures.PALETTE``.
    """
    return {
        "source": source,
        "kernel_size": list(kernel_size),
        "stride": list(stride),
        "dilation": list(dilation),
        "padding": list(padding),
        "color": palette_color(color),
        "label": label,
    }


def palette_color(name: str) -> str:
    """Return the palette's colour as ``#RRGGBB``; raises OptionError for a name that is not in it."""
    from cnnkit.figures import PALETTE

    if name not in PALETTE:
        raise OptionError(f"color is {name!r}; expected one of {', '.join(PALETTE)}")
    return PALETTE[name]


def spoken(value: float) -> str:
    """Return a number as the browser writes it: four digits, a plain hyphen for minus."""
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else ("infinity" if value > 0 else "minus infinity")
    rounded = float(f"{float(value):.4g}") + 0.0
    if rounded.is_integer() and abs(rounded) < 1e16:
        return str(int(rounded))
    return repr(rounded)


def _checked(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise DTypeError(f"values holds {array.dtype}; expected real numbers")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape:
        raise ShapeError(
            f"values has shape {array.shape}; expected (H, W) or (H, W, 3), at least one cell. "
            "Pick one image and one channel, for example y[0, :, :, 0]"
        )
    return array.astype(np.float32 if array.dtype.kind in "bui" else array.dtype)


def _natural_size(array: NDArray[Any]) -> dict[str, int]:
    """Return the width and height that cells of 44 pixels need, within 320 pixels, indices included."""
    rows, columns = array.shape[:2]
    cell = min(MAX_CELL, (MAX_STAGE - INDEX_ROOM) / max(rows, columns))
    return {
        "width": max(40, round(columns * cell) + INDEX_ROOM),
        "height": max(40, round(rows * cell) + INDEX_ROOM),
    }


def _encoded(array: NDArray[Any], low: float, high: float) -> dict[str, Any]:
    """Return the cells as bytes: numbers when they may be read, otherwise 256 levels from low to high.

    Levels have no code for NaN and infinity, so an array that holds one travels as numbers.
    """
    rows, columns = array.shape[:2]
    head = {"rows": rows, "columns": columns, "channels": array.size // (rows * columns)}
    if rows * columns <= MAX_FLOAT_CELLS or not np.isfinite(array).all():
        return {**head, "kind": "float32", "data": array.astype(np.float32).tobytes()}
    levels = array.astype(np.float32)
    levels *= 255 / (high - low)
    levels += 0.5 - low * 255 / (high - low)
    np.clip(levels, 0, 255, out=levels)
    return {**head, "kind": "uint8", "data": levels.astype(np.uint8).tobytes()}
