"""The course's look: one style sheet, one palette, one way to make a PNG."""

import inspect
import io
from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

PALETTE = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "yellow": "#E69F00",
    "sky": "#56B4E9",
    "ink": "#222222",
    "gray": "#777777",
    "pale": "#EEEEEE",
}
"""Colours that stay apart for every common kind of colour blindness (Okabe & Ito, 2008)."""

CMAPS: dict[str, Colormap] = {
    "signed": LinearSegmentedColormap.from_list(
        "signed", ["#0B4F8A", "#5B9FCF", "#F7F7F7", "#E9975B", "#A8430A"]
    ),
    "positive": mpl.colormaps["cividis"],
    "gray": mpl.colormaps["gray"],
}
"""Colour maps by what the numbers mean: signed around zero, zero upwards, brightness of a photograph."""


def use_style() -> None:
    """Apply the course's style sheet to every figure made from now on."""
    with as_file(files("cnnkit.figures") / "cnnkit.mplstyle") as path:
        matplotlib.style.use(path)


def png(
    draw: Callable[..., None], *args: Any, size: tuple[float, float] = (6.0, 3.0), **options: Any
) -> bytes:
    """Return the PNG that ``draw(*args, figure, **options)`` paints on an empty figure of `size` inches.

    A `draw` whose parameter is called ``ax`` gets the figure's only axes instead. The bytes depend on nothing
    but the arguments: no date, no software name, no global figure state.
    """
    with as_file(files("cnnkit.figures") / "cnnkit.mplstyle") as path, matplotlib.style.context(path):
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        target = figure.subplots() if "ax" in inspect.signature(draw).parameters else figure
        draw(*args, target, **options)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def color_limits(values: np.ndarray[Any, Any], cmap: str) -> tuple[float, float]:
    """Return the (lowest, highest) value that the colour map spans: symmetric around zero when signed.

    A signed map of over 1000 values leaves out the largest 0.5 %, lest a few strong edges make the rest pale.
    """
    finite = values[np.isfinite(values)]
    if cmap == "signed" and finite.size > 1000:
        reach = float(np.percentile(np.abs(finite), 99.5)) or float(np.abs(finite).max()) or 1.0
        return -reach, reach
    if not finite.size:
        return (-1.0, 1.0) if cmap == "signed" else (0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    if cmap == "signed":
        reach = max(abs(low), abs(high)) or 1.0
        return -reach, reach
    if cmap == "positive":
        low = min(low, 0.0)
    return (low, high) if high > low else (low, low + 1.0)
