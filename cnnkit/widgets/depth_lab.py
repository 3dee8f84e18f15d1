"""DepthLab: what depth, initialisation and activation do to gradients, as one map and as curves."""

from typing import Any

import ipywidgets
import numpy as np
import traitlets

from cnnkit.signal_depth import FUNCTIONS, SCHEMES, DepthMap, Signals, depth_map, propagate
from cnnkit.widgets import svg_plot
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.sliding import number

GRADIENT, SIGNAL = "gradient in the first layer", "signal in the last layer"
ROWS, COLUMNS = tuple(FUNCTIONS), tuple(SCHEMES)
DEPTHS = (2, 5, 10, 20, 30, 40, 50)
SEED = 0
GONE, MUCH = -3.0, 3.0
"""Powers of ten at which we say that a gradient has vanished or exploded."""
MAP_REACH = 12.0
_SMALLEST = 1e-300


class DepthLab(ChapterWidget):
    """Choose a depth, read every initialisation with every activation off one map, open one as curves.

    State, all of it settable: `depth` (one of DEPTHS, layers), `function` and `scheme` (names of
    ``signal_depth.FUNCTIONS`` and ``SCHEMES``), `layer` (from 1), `shown` (what the map shows).
    Results: `map` (a `DepthMap`), `signals` (a `Signals`), `verdict`.

    Raises OptionError for an unknown name.
    """

    depth = traitlets.Enum(DEPTHS, 20).tag(state=True)
    function = traitlets.Enum(ROWS, "relu").tag(state=True)
    scheme = traitlets.Enum(COLUMNS, "He").tag(state=True)
    layer = traitlets.Int(1, min=1, max=DEPTHS[-1]).tag(state=True)
    shown = traitlets.Enum((GRADIENT, SIGNAL), GRADIENT).tag(state=True)

    verdict = traitlets.Unicode()

    def __init__(self, **state: Any) -> None:
        self.map: DepthMap
        self.signals: Signals
        super().__init__(**state)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Measure every pair at this depth and hand the results to the views."""
        self.layer = min(self.layer, self.depth)
        self.map = depth_map(self.depth, seeds=(SEED,))
        self.signals = propagate(self.function, self.scheme, self.depth, seed=SEED)
        self.verdict = self._verdict()
        self._show()

    def at(self, function: str, scheme: str) -> tuple[float, float]:
        """Return log10 of the last layer's signal and of the first layer's gradient for one pair."""
        place = ROWS.index(function), COLUMNS.index(scheme)
        return float(self.map.signal[place]), float(self.map.gradient[place])

    def _verdict(self) -> str:
        signal, gradient = self.at(self.function, self.scheme)
        fate = (
            "arrives" if GONE < gradient < MUCH else ("has vanished" if gradient <= GONE else "has exploded")
        )
        rate = 10 ** (gradient / self.depth)
        return (
            f"{self.function} with {self.scheme}, {self.depth} layers: in the first layer the gradient is "
            f"{_size(gradient)} of what it was at the end, about ×{number(float(f'{rate:.2g}'))} a "
            f"layer: it {fate}. The last layer's signal has standard deviation {_size(signal)}."
        )

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            [
                Select("depth", "Layers", DEPTHS),
                Select("function", "Activation", ROWS),
                Select("scheme", "Initialisation", COLUMNS),
                Select("shown", "The map shows the", (GRADIENT, SIGNAL)),
                Readout("verdict", "This network", wide=True, lines=6),
            ],
            label="Depth lab settings",
            layout=flexible("1 1 210px", 260),
        )
        self._map_chart = Chart(layout=flexible("2 1 380px", 570))
        self._curves = Chart(layout=flexible("1 1 300px", 470))
        self._map_chart.observe(self._map_pointed_at, "cursor")
        self._curves.observe(self._layer_pointed_at, "cursor")
        charts = ipywidgets.HBox([self._map_chart, self._curves], layout=wrapping(flex="4 1 320px"))
        self.start([self._settings], [ipywidgets.HBox([self._settings, charts], layout=wrapping())])

    def _show(self) -> None:
        self._show_map()
        self._show_curves()
        self._settings.set(verdict=self.verdict)

    def _show_map(self) -> None:
        values = self.map.gradient if self.shown == GRADIENT else self.map.signal
        place = ROWS.index(self.function), COLUMNS.index(self.scheme)
        low, high = (f"{_size(float(end))}" for end in (values.min(), values.max()))
        label = f"The {self.shown}, as powers of ten, for {len(ROWS)} activations by {len(COLUMNS)} schemes."
        drawing = svg_plot.named_map(
            values, ROWS, COLUMNS, reach=MAP_REACH, label=f"{label} From {low} to {high}."
        )
        self._map_chart.title = f"{self.shown} of {self.depth}, log10"
        text = f"{self.function} with {self.scheme}: {_size(float(values[place]))}"
        self._map_chart.show(drawing, at=place, text=text)

    def _show_curves(self) -> None:
        spread, gradient = self.logs()
        layers = [float(layer) for layer in range(1, self.depth + 1)]
        mark = self.layer - 1
        ends = f"signal from {_size(spread[0])} to {_size(spread[-1])}"
        label = f"{self.function} with {self.scheme}, layers 1 to {self.depth}: {ends}, gradient from "
        drawing = svg_plot.curves(
            layers,
            {"std of z": spread, "gradient dz": gradient},
            mark=mark,
            limits=self._limits(spread + gradient),
            xlabel="layer",
            label=f"{label}{_size(gradient[0])} to {_size(gradient[-1])}.",
            size=(460, 330),
        )
        self._curves.title = f"{self.function} with {self.scheme}, layer by layer, log10"
        std, norm = (number(float(f"{10 ** v[mark]:.2g}")) for v in (spread, gradient))
        self._curves.show(drawing, at=(0, mark), text=f"layer {self.layer}: std of z {std}, gradient {norm}")

    def logs(self) -> tuple[list[float], list[float]]:
        """Return log10 of the standard deviation of z, and of the gradient, layer by layer."""
        spread = np.log10(np.maximum(self.signals.variances, _SMALLEST)) / 2
        gradient = np.log10(np.maximum(self.signals.gradients, _SMALLEST))
        return spread.tolist(), gradient.tolist()

    def _limits(self, values: list[float]) -> tuple[float, float]:
        """Return the ends of the vertical axis: at least two powers of ten, at most those that fit."""
        return max(min(*values, -2.0) * 1.05, -90.0), min(max(*values, 2.0) * 1.05, 50.0)

    def _map_pointed_at(self, change: Any) -> None:
        if not self._quiet:
            with self.changing():
                self.function, self.scheme = ROWS[change.new[0]], COLUMNS[change.new[1]]

    def _layer_pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self.layer = change.new[1] + 1

    # ---- without a browser

    def digest(self) -> str:
        """Return the map and the verdict as text."""
        return f"Depth lab, gradient in the first layer of {self.depth}, log10\n{self.map}\n{self.verdict}"

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 3.8

    def draw(self, figure: Any) -> None:
        """Draw the map and the chosen network's curves."""
        from cnnkit.figures import draw_depth_lab

        values = self.map.gradient if self.shown == GRADIENT else self.map.signal
        place = ROWS.index(self.function), COLUMNS.index(self.scheme)
        draw_depth_lab(
            values, ROWS, COLUMNS, place, self.signals, figure, title=f"{self.shown} of {self.depth}"
        )


def _size(power: float) -> str:
    """Return a number by its power of ten: written out from a thousandth to a thousand."""
    if abs(power) < MUCH:
        return number(float(f"{10**power:.2g}"))
    return f"10^{power:.1f}".replace("-", "−")
