"""PoolingBench: all poolings of one map side by side, their gradients, and what a shift does to each."""

from functools import partial
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit.errors import ShapeError
from cnnkit.pooling_kinds import KINDS, Pooling, poolings, relative_change, slide
from cnnkit.widgets import pooling_text, svg_plot
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Control, Matrix, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.kernel_choice import resized
from cnnkit.widgets.pooling_scenes import FEATURES, MATRIX, MAX_SHIFT, scene_names, wide_map
from cnnkit.widgets.sliding import number
from cnnkit.widgets.tensor_view import TensorView
from cnnkit.widgets.tensor_view import window as framed

Array = NDArray[np.float64]

ONE, EVERY = "the chosen output", "every output"
# One kernel as a training might leave it: no weight is 0, and they sum to 0.7.
LEARNED = ((0.1, -0.2, 0.2), (-0.3, 0.9, 0.3), (0.1, -0.5, 0.1))
COLORS = ("ink", "orange", "blue", "sky", "green", "gray", "pink", "yellow")  # as in the chapter's figures
SHIFTS = tuple(float(shift) for shift in range(MAX_SHIFT + 1))


class PoolingBench(ChapterWidget):
    """Pool a feature map in seven ways at once, slide the picture, click an output for its gradient.

    State, all of it settable: `scene` (a photograph, or "small matrix with ties"), `feature` (which map of
    the photograph), `window`, `stride`, `padding`, `weights` (window, window) of the strided convolution,
    `shift` (pixels to the right), `kind` (of ``pooling_kinds.KINDS``) and `position` of the chosen output,
    `errors` ("the chosen output" or "every output").
    Results: `x` (H, W), `outputs` (kind -> (H_out, W_out)), `changes` (kind -> (9,), relative to no shift,
    also for "no pooling"), `gradient` (H, W), `size_text`, `routing`, `shift_text`.

    Raises ShapeError for a window that does not fit, OptionError for unknown names.
    """

    scene = traitlets.Unicode("camera").tag(state=True)
    feature = traitlets.Enum(tuple(FEATURES), "vertical edges").tag(state=True)
    window = traitlets.Int(3, min=1, max=4).tag(state=True)
    stride = traitlets.Int(2, min=1, max=4).tag(state=True)
    padding = traitlets.Int(1, min=0, max=2).tag(state=True)
    weights = FloatArray("K", "K").tag(state=True)
    shift = traitlets.Int(0, min=0, max=MAX_SHIFT).tag(state=True)
    kind = traitlets.Enum(KINDS, "max").tag(state=True)
    position = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(4, 3)).tag(state=True)
    errors = traitlets.Enum((ONE, EVERY), ONE).tag(state=True)

    x = FloatArray("H", "W")
    gradient = FloatArray("H", "W")
    outputs = traitlets.Dict()
    changes = traitlets.Dict()
    size_text = traitlets.Unicode()
    routing = traitlets.Unicode()
    shift_text = traitlets.Unicode()

    def __init__(self, **state: Any) -> None:
        self._kinds: dict[str, Pooling] = {}
        self._pooled: dict[str, Array] = {}
        self._views: Array = np.zeros((1, 1, 1, 1))
        self._made_from: tuple[Any, ...] = ()
        self._offered = 0
        self._own_weights = self._fitted = np.zeros((1, 1))
        self._field = pooling_text.Field((0, 0), (0, 0))
        super().__init__(weights=state.pop("weights", LEARNED), **state)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Pool, slide and route back, and hand everything to the views."""
        self._fit_weights()
        self._pool()
        self.x = self._views[self.shift, :, :, 0]
        self.outputs = {kind: pooled[self.shift, :, :, 0] for kind, pooled in self._pooled.items()}
        self._stay_inside()
        self._route()
        self.shift_text = pooling_text.shifted(self.shift, self.changes)
        self.size_text = pooling_text.sizes(
            self.x.shape[0], self.window, self.stride, self.padding, self.outputs["max"].shape[0]
        )
        self._show()

    def _fit_weights(self) -> None:
        """Let the weights follow the window; those that were set must have its shape."""
        size = (self.window, self.window)
        if self.weights is not self._fitted:
            self._own_weights = self.weights
        if self.weights.shape != size and self._good.get("window") != self.window:
            self.weights = resized(self._own_weights, size)
            self._fitted = self.weights
        if self.weights.shape != size or not np.isfinite(self.weights).all():
            raise ShapeError(
                f"weights is {self.weights.tolist()}; expected finite numbers, {size} like the window"
            )

    def _pool(self) -> None:
        """Pool every shifted view, unless only the shift or the chosen output is new."""
        made_from = (self.scene, self.feature, self.window, self.stride, self.padding, self.weights.tobytes())
        if made_from == self._made_from:
            return
        wide = wide_map(self.scene, self.feature)[..., np.newaxis]
        views = slide(wide, wide.shape[1] - MAX_SHIFT, MAX_SHIFT)
        kinds = poolings(self.window, stride=self.stride, padding=self.padding, weights=self.weights)
        pooled = {kind: pooling.forward(views) for kind, pooling in kinds.items()}
        self._views, self._kinds, self._pooled, self._made_from = views, kinds, pooled, made_from
        self.changes = {
            name: relative_change(outputs) for name, outputs in {"no pooling": views, **pooled}.items()
        }

    def _stay_inside(self) -> None:
        rows, columns = self.outputs[self.kind].shape
        if min(self.position) < 0:
            raise ShapeError(f"position is {self.position}; expected a row and a column from 0")
        self.position = (min(self.position[0], rows - 1), min(self.position[1], columns - 1))

    def _route(self) -> None:
        """Send an error of 1 back from the chosen output, or one from every output."""
        output = self.outputs[self.kind]
        dy = np.ones_like(output)
        if self.errors == ONE:
            dy[:] = 0
            dy[self.position] = 1
        x = self._views[self.shift][np.newaxis]
        self.gradient = self._kinds[self.kind].backward(dy[np.newaxis, ..., np.newaxis], x)[0, ..., 0]
        self._field = pooling_text.field(
            self.kind, self.position, self.x.shape, self.window, self.stride, self.padding
        )
        if self.errors == EVERY:
            self.routing = pooling_text.all_errors(self.kind, self.gradient)
        else:
            value = float(output[self.position])
            self.routing = pooling_text.routing(
                self.kind, self.position, value, self.x, self._field, self.window
            )

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            self._setting_controls(), label="Pooling bench settings", layout=flexible("1 1 230px", 290)
        )
        self._slider = Controls(
            [
                Range(
                    "shift",
                    "Slide the picture to the right, pixels",
                    0,
                    maximum=MAX_SHIFT,
                    play=True,
                    wide=True,
                ),
                Readout("shift_text", "What the shift changes", wide=True, lines=3),
            ],
            label="Pooling bench shift",
        )
        self._readouts = Controls(
            [Readout("routing", "Where the gradient goes", wide=True, lines=3)],
            label="Pooling bench gradient",
        )
        self._input = _map_view("feature map", 290, cmap="gray")
        self._gradient = _map_view("gradient", 290, scale=True)
        self._zoomed = _map_view("what the window holds", 190, cmap="gray", readout=False)
        self._zoomed_gradient = _map_view("what it gets back", 190, readout=False)
        self._output_views = {kind: _map_view(kind, 182, cmap="gray", pointer="click") for kind in KINDS}
        self._output_views["global average"].height = 90  # one cell
        self._plot = Chart(title="Change of each output when the picture slides, relative to no shift")
        self._plot.observe(self._shift_pointed_at, "cursor")
        for kind, view in self._output_views.items():
            view.observe(partial(self._pointed_at, kind), "cursor")
        maps = (self._input, self._gradient, self._zoomed, self._zoomed_gradient)
        top = ipywidgets.HBox(maps, layout=wrapping())
        outputs = ipywidgets.HBox(tuple(self._output_views.values()), layout=wrapping())
        right = ipywidgets.VBox(
            [top, self._readouts, self._slider, outputs, self._plot],
            layout=flexible("4 1 420px", 800),
        )
        self.start(
            [self._settings, self._slider], [ipywidgets.HBox([self._settings, right], layout=wrapping())]
        )

    def _setting_controls(self) -> list[Control]:
        return [
            Select("scene", "Picture", tuple(scene_names())),
            Select("feature", "Feature map", tuple(FEATURES)),
            Range("window", "Window", 3, minimum=1, maximum=4),
            Range("stride", "Stride", 2, minimum=1, maximum=4),
            Range("padding", "Padding", 1, minimum=0, maximum=2),
            Matrix(
                "weights",
                "Weights of the strided convolution",
                help=f"Learned in a network. 1/{self.window**2} everywhere is average pooling.",
            ),
            Select("kind", "Gradient of", KINDS),
            Select("errors", "Error of 1 at", (ONE, EVERY)),
            Readout("size_text", "Size of the outputs", wide=True, lines=3),
        ]

    def _show(self) -> None:
        self._show_maps()
        for kind, view in self._output_views.items():
            self._show_output(kind, view)
        self._show_changes()
        if self._offered != self.window:  # the help below the weights names the window's size
            self._offered = self.window
            self._settings.replace(self._setting_controls())
        self._settings.disabled = ["feature"] if self.scene == MATRIX else []
        self._settings.set(size_text=self.size_text)
        self._slider.set(shift_text=self.shift_text)
        self._readouts.set(routing=self.routing)

    def _show_maps(self) -> None:
        """Show the map, the gradient, and both again around the chosen window, large enough for numbers."""
        at, top = self._field, float(self.x.max()) or 1.0
        frame = framed(at.rows[0], at.columns[0], *at.size, color="orange")
        frames = [frame] if self.errors == ONE else []
        self._input.show(self.x, limits=(0, top))
        self._input.title = f"feature map, {self.x.shape[0]} × {self.x.shape[1]}"
        self._input.windows = frames
        self._gradient.show(self.gradient)
        self._gradient.title = f"gradient of {self.kind}"
        self._gradient.windows = frames
        self._zoomed.show(self.x[at.cells], limits=(0, top))
        self._zoomed_gradient.show(self.gradient[at.cells], limits=self._gradient.limits)

    def _show_changes(self) -> None:
        """Draw every output's change over the shift, and say what each is at this one."""
        series = {name: values.tolist() for name, values in self.changes.items()}
        now = ", ".join(f"{name} {curve[self.shift]:.0%}" for name, curve in series.items())
        drawing = svg_plot.curves(
            SHIFTS,
            series,
            mark=self.shift,
            limits=(0.0, max(map(max, series.values())) or 1.0),
            xlabel="shift in pixels",
            label=f"Changes at a shift of {self.shift}: {now}.",
            colors=COLORS,
            size=(780, 260),
            beside=250,
            written="{:.0%}".format,
        )
        # the sentence below the slider already says what stands at the cursor
        self._plot.show(drawing, at=(0, self.shift), text="")

    def _show_output(self, kind: str, view: TensorView) -> None:
        output = self.outputs[kind]
        signed = bool(output.min() < 0)
        # a single number has nothing beside it to compare with, so it keeps the scale of the map
        reach = float(np.abs(self.x if output.size == 1 else output).max()) or 1.0
        chosen = kind == self.kind
        with view.hold_sync():
            view.show(output, cmap="signed" if signed else "gray", limits=(-reach if signed else 0.0, reach))
            # Only the chosen view keeps its cursor, so that a click on the same cell of another one is news.
            view.cursor = list(self.position) if chosen else []
            row, column = self.position
            inside = row < output.shape[0] and column < output.shape[1]
            view.windows = [] if chosen or not inside else [framed(row, column, 1, 1, color="sky")]

    def _pointed_at(self, kind: str, change: Any) -> None:
        if self._quiet or len(change.new) != 2:
            return
        with self.changing():
            self.kind, self.position = kind, tuple(change.new)

    def _shift_pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self.shift = change.new[1]

    # ---- without a browser

    def digest(self) -> str:
        """Return the settings, the change of every output at this shift and at 1, and the routing as text."""
        shown = self.shift or 1
        feature = "" if self.scene == MATRIX else f", {self.feature}"
        changes = "\n".join(f"  {name:<26}{values[shown]:>5.0%}" for name, values in self.changes.items())
        sizes = " x ".join(map(str, self.outputs["max"].shape))
        return (
            f"Pooling bench: {self.scene}{feature}, {self.x.shape[0]} x {self.x.shape[1]}, "
            f"window {self.window}, stride {self.stride}, padding {self.padding}, outputs {sizes}, "
            f"global average {number(float(self.outputs['global average'][0, 0]))}\n"
            f"slid by {shown}, the outputs change by\n{changes}\n{self.routing}"
        )

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 6.4

    def draw(self, figure: Any) -> None:
        """Draw the map, the gradient, all outputs and the curves of change."""
        from cnnkit.figures import draw_pooling_bench

        at = self._field
        frame = (at.rows[0], at.columns[0], *at.size)
        draw_pooling_bench(
            self.x, self.gradient, self.outputs, self.changes, figure, kind=self.kind, frame=frame
        )


def _map_view(title: str, side: int, **traits: Any) -> TensorView:
    return TensorView(
        [[0.0]],
        title=title,
        **{
            "pointer": "hover" if traits.get("readout", True) else "none",
            "width": side,
            "height": side,
            "max_cell": 60,
            "layout": flexible(f"0 1 {side + 6}px", side + 6),
            **traits,
        },
    )
