"""NetworkView: the maps of every layer of a network on one canvas, lighting up, with a cursor on one unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.shapes import ReceptiveField
from cnnkit.widgets.front_end import FrontEnd

HERE = Path(__file__).parent


@dataclass(frozen=True)
class MapLayer:
    """What is drawn of one layer; the first one is the input.

    Attributes:
        name: as the learner reads it, such as "conv 1".
        about: what stands behind the name above the maps.
        shape: (H, W, C) of its maps; a dense layer has C maps of one cell.
        limits: the values at the two ends of the colours.
        cmap: a name of ``figures.CMAPS``.
        windows: (kernel_size, stride, first cell) of the window in the layer below that a unit reads, for
            rows and for columns; None when it reads everything.
        own: whether a unit reads the map of its own number only, as pooling does.
        fields: what a unit sees of the input, for rows and for columns; None when that is everything.
        labels: names of the units of the last layer; given, they are drawn as bars with these names.
    """

    name: str
    about: str
    shape: tuple[int, int, int]
    limits: tuple[float, float]
    cmap: str = "positive"
    windows: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    own: bool = False
    fields: tuple[ReceptiveField, ReceptiveField] | None = None
    labels: tuple[str, ...] = ()

    def description(self) -> dict[str, Any]:
        """Return what the front end draws it from, as JSON."""
        rows, columns, channels = self.shape
        fields = self.fields and [[field.size, field.jump, field.start] for field in self.fields]
        return {
            "name": self.name,
            "about": self.about,
            "rows": rows,
            "columns": columns,
            "channels": channels,
            "low": self.limits[0],
            "high": self.limits[1],
            "cmap": self.cmap,
            "windows": self.windows and [list(window) for window in self.windows],
            "own": self.own,
            "fields": fields,
            "labels": list(self.labels),
        }


class NetworkView(FrontEnd):
    """Show what every layer of a network returns for one input, layer below layer.

    The browser holds all numbers: the cursor, the window that its unit reads and the field that it sees move
    without a round trip. Python hears of the cursor and of maps switched off through the traits.

    Attributes:
        cursor: [layer, row, column, channel].
        off: [layer, channel] of every map that is switched off; the learner's X toggles one.
        fixed: numbers of the layers whose maps cannot be switched off.
        title: the caption, which is also the accessible name.
        text: the result in words, part of what the picture says to those who do not see it.
        width: CSS pixels that the picture takes at most.
    """

    _esm = HERE / "network_view.js"
    _css = HERE / "network_view.css"

    _layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    _values = traitlets.Bytes().tag(sync=True)
    _colors = traitlets.Dict().tag(sync=True)
    cursor = traitlets.List(traitlets.Int(), [0, 0, 0, 0], minlen=4, maxlen=4).tag(sync=True)
    off = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    fixed = traitlets.List(traitlets.Int()).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(660, min=200).tag(sync=True)

    def __init__(self, layers: Sequence[MapLayer], *, title: str, **traits: Any) -> None:
        """Make a dark network of `layers`; raises OptionError for no layers or an unknown colour map."""
        from cnnkit.figures import CMAPS

        unknown = {layer.cmap for layer in layers} - CMAPS.keys()
        if not layers or unknown:
            raise OptionError(
                f"layers holds {len(layers)} layers, with unknown colour maps {sorted(unknown)}; expected at "
                f"least one layer, and colour maps among {', '.join(CMAPS)}"
            )
        self._shapes = [layer.shape for layer in layers]
        self._shown = [np.zeros(shape, np.float32) for shape in self._shapes]
        levels = np.linspace(0, 1, 256)
        tables = {layer.cmap: CMAPS[layer.cmap](levels, bytes=True)[:, :3] for layer in layers}
        super().__init__(
            title=title,
            _layers=[layer.description() for layer in layers],
            _colors={name: np.ascontiguousarray(table).tobytes() for name, table in tables.items()},
            _values=_packed(self._shown),
            **traits,
        )

    @property
    def values(self) -> list[NDArray[np.float32]]:
        """The maps on display, one array (H, W, C) per layer."""
        return self._shown

    def show(self, values: Sequence[NDArray[Any]], *, text: str) -> None:
        """Display the maps `values`, one array (H, W, C) per layer, and say `text`; one message.

        Raises ShapeError for other shapes than those of the layers.
        """
        shapes = [value.shape for value in values]
        if shapes != self._shapes:
            raise ShapeError(f"values has shapes {shapes}; expected {self._shapes}")
        self._shown = [np.asarray(value, np.float32) for value in values]
        with self.hold_sync():
            self._values = _packed(self._shown)
            self.text = text

    def read(self, layer: int, row: int, column: int, channel: int) -> float:
        """Return one unit's value; raises ShapeError for a place that does not exist."""
        place = (row, column, channel)
        inside = 0 <= layer < len(self._shapes)
        if not inside or not all(0 <= at < n for at, n in zip(place, self._shapes[layer], strict=True)):
            raise ShapeError(f"there is no unit {place} in layer {layer}; layers have shapes {self._shapes}")
        return float(self._shown[layer][place])

    def digest(self) -> str:
        """Return every layer with its size and greatest value, for where no browser runs."""
        lines = [
            f"{layer['name']}: {layer['channels']} x {layer['rows']} x {layer['columns']}, "
            f"up to {value.max():.3g}"
            for layer, value in zip(self._layers, self._shown, strict=True)
        ]
        return "\n".join([f"{self.title}: {self.text}", *lines])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": self.digest()}, metadata


def _packed(values: Sequence[NDArray[np.float32]]) -> bytes:
    """Return all maps one after the other, each row by row: the order in which they are drawn."""
    return b"".join(np.ascontiguousarray(value.transpose(2, 0, 1)).tobytes() for value in values)
