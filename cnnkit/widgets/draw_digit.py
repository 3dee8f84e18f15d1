"""DrawDigit: draw a digit and see every layer of a trained LeNet light up."""

from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit import data, zoo
from cnnkit.errors import OptionError
from cnnkit.widgets import digit_text
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Button, Checkbox, Control, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.digit_layers import EXAMPLES, bundled, map_layers
from cnnkit.widgets.digit_text import REACH, SHIFTS, STILL
from cnnkit.widgets.draw_pad import DrawPad
from cnnkit.widgets.network_view import NetworkView
from cnnkit.widgets.stages import Arithmetic, arithmetic, equation, one_off, run, shifted, take_apart
from cnnkit.widgets.tensor_view import TensorView

DRAWN = -1
DETAIL = 208  # CSS pixels

Array = NDArray[Any]
Unit = tuple[int, int, int, int]


class DrawDigit(ChapterWidget):
    """Draw a digit, or take a bundled one, and see what every layer of a trained LeNet returns for it.

    State, all of it settable: `ink` (H, W), the drawing, 0 for paper and 1 for ink; `digit` and `example`,
    which bundled digit, or `DRAWN` for the drawing; `shift` (down, right) of the input in pixels; `off`, a
    tuple of (layer, map) that are switched off; `unit` (layer, row, column, map), the one that is explained,
    layer 0 being the input; `source`, which map below it is shown.
    Results: `x` (8, 8), what the network gets; `maps`, every layer's result (H, W, C), the input first;
    `probabilities` (10,); `predictions` (49,), the digit found at each shift; and the sentences `prediction`,
    `effect`, `equation`, `field`, `movement`, `importance`.

    Raises OptionError for a digit, shift or unit that does not exist, ShapeError for ink of a wrong shape.
    """

    ink = FloatArray("H", "W", dtype=np.float32).tag(state=True)
    digit = traitlets.Int(3, min=DRAWN, max=9).tag(state=True)
    example = traitlets.Int(0, min=0, max=EXAMPLES - 1).tag(state=True)
    shift = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(state=True)
    off = traitlets.Tuple().tag(state=True)
    unit = traitlets.Tuple(*[traitlets.Int(min=0)] * 4, default_value=(1, 3, 3, 0)).tag(state=True)
    source = traitlets.Int(0, min=0).tag(state=True)

    x = FloatArray("H", "W", dtype=np.float32)
    maps: Any = traitlets.List()
    probabilities = FloatArray("digits", dtype=np.float32)
    predictions: Any = traitlets.List(traitlets.Int())
    prediction = traitlets.Unicode()
    effect = traitlets.Unicode()
    equation = traitlets.Unicode()
    field = traitlets.Unicode()
    movement = traitlets.Unicode()
    importance = traitlets.Unicode()

    def __init__(self, digit: int = 3, **state: Any) -> None:
        super().__init__()
        self.network = zoo.trained_digits()
        self.stages = take_apart(self.network)
        self.digit = digit
        self._drawn = self.ink
        self._on_pad: Any = None
        for name, value in state.items():
            setattr(self, name, value)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Run the network on the input, its shifts and without the switched-off maps; explain the unit."""
        if self.ink is not self._drawn:
            self.digit, self._drawn = DRAWN, self.ink
        self._check()
        still = self._input()[..., np.newaxis]
        results = run(self.stages, shifted(still, SHIFTS), self.off)
        self.maps = [result[SHIFTS.index(self.shift)] for result in results]
        self.x, self.probabilities = self.maps[0][..., 0], self.maps[-1].ravel()
        self._shares = results[-1].reshape(len(SHIFTS), -1)
        self.predictions = [int(digit) for digit in self._shares.argmax(axis=1)]
        self._tell([result[STILL] for result in results])
        self._explain()
        self._show(still)

    def _check(self) -> None:
        if self.shift not in SHIFTS:
            raise OptionError(f"shift is {self.shift}; expected two numbers from {-REACH} to {REACH}")
        shapes = [(*self.network.input_shape[:2], 1), *(stage.shape for stage in self.stages)]
        layer, *place = self.unit
        if layer >= len(shapes) or any(at >= n for at, n in zip(place, shapes[layer], strict=True)):
            raise OptionError(f"unit is {self.unit}; expected (layer, row, column, map) in layers {shapes}")
        for number, channel in self.off:
            if not 0 < number < len(shapes) - 1 or not 0 <= channel < shapes[number][2]:
                raise OptionError(f"off holds {(number, channel)}; expected (layer, map) of a hidden layer")

    def _input(self) -> NDArray[np.float32]:
        drawn = self.digit == DRAWN
        return data.bitmap_to_digit(self.ink) if drawn else bundled(self.digit, self.example)

    def _tell(self, still: list[Array]) -> None:
        """Write the sentences about the answer, what the changes did to it, and the moved maps."""
        self.prediction = digit_text.prediction_text(self.probabilities)
        if not self.x.any():
            self.prediction = f"An empty sheet, and yet an answer: {self.prediction}"
        intact = run(self.stages, still[0][np.newaxis])[-1].ravel() if self.off else self._shares[STILL]
        changed = [] if self.shift == (0, 0) else [digit_text.shift_text(self.shift)]
        changed += [digit_text.off_text(self.stages, self.off)] if self.off else []
        if changed:
            self.effect = f"{'; '.join(changed)}. Before: {digit_text.prediction_text(intact)}."
        else:
            self.effect = "Nothing is moved or switched off."
        self.movement = digit_text.equivariance(self.stages, still, self.maps, self.shift)

    def _explain(self) -> None:
        """Write the arithmetic of the chosen unit, and where its field lies."""
        layer, *place = self.unit
        value = float(self.maps[layer][tuple(place)])
        if layer == 0:
            self._sums: Arithmetic | None = None
            self.equation = f"A pixel of the input: {value:.4g}, for {round(16 * value)} of 16 cells of ink."
            self.field = "A pixel sees itself."
            self._weigh()
            return
        stage = self.stages[layer - 1]
        self._sums = arithmetic(stage, self.maps[layer - 1], (place[0], place[1], place[2]))
        self.source = min(self.source, self._sums.window.shape[2] - 1)
        self.equation = equation(stage, self._sums, self._unablated(value))
        if (layer, place[2]) in self._off():
            self.equation += " It is switched off: 0 goes on."
        self.field = digit_text.field_text(stage, (place[0], place[1]), self.x.shape)
        self._weigh()

    def _weigh(self) -> None:
        """Write which map of the chosen layer the answer needs most: each one is switched off alone."""
        layer = self.unit[0]
        if layer in (0, len(self.stages)):
            self.importance = "Choose a unit between input and output, to see which maps of its layer matter."
            return
        shares = one_off(self.stages, layer, self.maps[layer], self.off)
        self.importance = digit_text.importance_text(self.stages[layer - 1], self.probabilities, shares)

    def _off(self) -> set[tuple[int, int]]:
        return {(layer, channel) for layer, channel in self.off}

    def _unablated(self, value: float) -> float:
        """Return what the unit would pass on, were its map not switched off."""
        layer, row, column, channel = self.unit
        if (layer, channel) not in self._off():
            return value
        others = [pair for pair in self.off if tuple(pair) != (layer, channel)]
        return float(
            run(self.stages, self.x[np.newaxis, ..., np.newaxis], others)[layer][0, row, column, channel]
        )

    # ---- changing

    def toggle(self) -> None:
        """Switch the chosen unit's map off, or on again. Raises OptionError for the input and the output."""
        layer, _, _, channel = self.unit
        others = tuple(pair for pair in self.off if tuple(pair) != (layer, channel))
        self.off = others if len(others) < len(self.off) else (*self.off, (layer, channel))

    # ---- showing

    def _build(self) -> None:
        self._pad = DrawPad(title="Draw a digit", layout=flexible("0 0 auto", 262))
        self._view = NetworkView(
            map_layers(self.network, self.stages),
            title="Every layer, from the input to the answer",
            fixed=[0, len(self.stages)],
            layout=flexible("1 1 420px", 690),
        )
        self._settings = Controls(self._setting_controls(), label="Which digit")
        self._switches = Controls(_switch_controls(1), label="The chosen unit")
        self._shift_view = Chart(title="Answers to the moved input")
        self._texts = Controls(
            [
                Readout("prediction", "The network's answer", wide=True),
                Readout("effect", "Changed", wide=True),
                Readout("movement", "Equivariance", wide=True, lines=3),
            ],
            label="Answer",
        )
        self._sentences = Controls(
            [
                Readout("equation", "This unit", wide=True, lines=3),
                Readout("field", "Its field", wide=True),
                Readout("importance", "Its layer", wide=True),
            ],
            label="Arithmetic of the chosen unit",
        )
        self._details = [_detail("positive"), _detail("signed"), _detail("signed")]
        self._listen()
        left = ipywidgets.VBox(
            [self._pad, self._settings, self._shift_view, self._switches], layout=flexible("0 1 280px", 280)
        )
        right = ipywidgets.VBox([self._texts, self._view], layout=flexible("1 1 420px", 700))
        details = ipywidgets.HBox(self._details, layout=wrapping())
        rows = [ipywidgets.HBox([left, right], layout=wrapping()), details, self._sentences]
        self.start([self._settings, self._switches], rows)

    def _listen(self) -> None:
        self._pad.observe(self._drew, "pixels")
        self._view.observe(self._pointed_at, "cursor")
        self._view.observe(self._switched, "off")
        self._shift_view.observe(self._moved, "cursor")
        self._switches.on_change(self._pressed, "off_here", "restore")

    def _setting_controls(self) -> list[Control]:
        digits = [("your drawing", DRAWN), *((f"a bundled {n}", n) for n in range(10))]
        return [
            Select("digit", "Digit", tuple(digits)),
            Range("example", "Which of them", 0, maximum=EXAMPLES - 1),
        ]

    def _show(self, still: Array) -> None:
        """Hand everything computed to the views and the panels."""
        self._show_on_pad(still)
        with self._view.hold_sync():
            self._view.show(self.maps, text=self.prediction)
            self._view.off = [list(pair) for pair in self.off]
            self._view.cursor = list(self.unit)
        self._shift_view.show(
            digit_text.shift_map(self._shares, self.predictions[STILL]),
            at=(self.shift[0] + REACH, self.shift[1] + REACH),
            text=f"{digit_text.shift_text(self.shift)}: {digit_text.best_text(self.probabilities)}",
        )
        self._texts.set(prediction=self.prediction, effect=self.effect, movement=self.movement)
        self._settings.disabled = ["example"] if self.digit == DRAWN else []
        self._show_unit()

    def _show_on_pad(self, still: Array) -> None:
        """Put what Python chose onto the pad; what the learner drew there is there already."""
        wanted = (DRAWN, id(self.ink)) if self.digit == DRAWN else (self.digit, self.example)
        if wanted != self._on_pad:
            self._pad.show(self.ink if self.digit == DRAWN else still[..., 0])
        self._on_pad = wanted

    def _show_unit(self) -> None:
        """Show the window, the weights and the products of the chosen unit; a pixel has none."""
        layer, *_, channel = self.unit
        self._sentences.set(equation=self.equation, field=self.field, importance=self.importance)
        maps = 1 if self._sums is None else self._sums.window.shape[2]
        self._switches.replace(_switch_controls(maps))
        blocked = [*(["off_here"] if layer in self._view.fixed else []), *(["source"] if maps == 1 else [])]
        self._switches.disabled = blocked
        self._switches.set(off_here=(layer, channel) in self._off())
        for view in self._details:
            view.layout.visibility = "hidden" if self._sums is None else "visible"
        if self._sums is None:
            return
        stage, below = self.stages[layer - 1], "the input" if layer == 1 else self.stages[layer - 2].name
        arrays = digit_text.detail_arrays(stage, below, self._sums, self.source)
        for view, (title, values) in zip(self._details, arrays.items(), strict=True):
            with view.hold_sync():
                view.title = title
                view.show(values)
                rows, columns = values.shape
                row, column = view.cursor or [0, 0]
                view.cursor = [min(row, rows - 1), min(column, columns - 1)]

    # ---- what the learner does

    def _drew(self, change: Any) -> None:
        if not self._quiet:
            with self.changing():
                self.ink = self._pad.ink
                self._on_pad = (DRAWN, id(self.ink))

    def _pointed_at(self, change: Any) -> None:
        if not self._quiet and tuple(change.new) != self.unit:
            self.unit = tuple(change.new)

    def _switched(self, change: Any) -> None:
        if not self._quiet:
            self.off = tuple(tuple(pair) for pair in change.new)

    def _moved(self, change: Any) -> None:
        if not self._quiet:
            self.shift = (change.new[0] - REACH, change.new[1] - REACH)

    def _pressed(self, name: str, _value: Any) -> None:
        if name == "restore":
            self.off = ()
        elif not self._quiet:
            self.toggle()

    # ---- without a browser

    def digest(self) -> str:
        """Return the input, the answer, what was changed, and the unit's arithmetic as text."""
        what = "a drawing" if self.digit == DRAWN else f"bundled {self.digit}, number {self.example}"
        layer, row, column, channel = self.unit
        name = "input" if layer == 0 else self.stages[layer - 1].name
        side = 2 * REACH + 1
        rows = [
            " ".join(map(str, self.predictions[start : start + side])) for start in range(0, side**2, side)
        ]
        return "\n".join(
            [
                f"Draw a digit: {what}; {digit_text.shift_text(self.shift)}. Answer: {self.prediction}",
                self.effect,
                self.movement,
                f"{name}, map {channel}, row {row}, column {column}: {self.equation} {self.field}",
                f"answers when moved by up to {REACH} pixels: {' | '.join(rows)}",
            ]
        )

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 9.0, 6.0

    def draw(self, figure: Any) -> None:
        """Draw the maps of every layer below each other, and the probabilities as bars."""
        from cnnkit.figures import draw_network_maps

        layers = map_layers(self.network, self.stages)
        titles = [f"{layer.name}: {layer.about}" for layer in layers]
        looks = [(layer.cmap, layer.limits) for layer in layers]
        draw_network_maps(list(zip(titles, self.maps, looks, strict=True)), figure, unit=self.unit)


def _switch_controls(maps: int) -> list[Control]:
    return [
        Checkbox("off_here", "Switch this unit's map off (X)"),
        Button("restore", "Switch all maps on"),
        Range("source", "Map that it reads, shown below", 0, maximum=max(1, maps - 1)),
    ]


def _detail(cmap: str) -> TensorView:
    return TensorView(
        [[0.0]],
        title="detail",
        cmap=cmap,
        width=DETAIL,
        height=DETAIL,
        max_cell=60,
        pointer="click",
        layout=flexible(f"1 1 {DETAIL - 30}px", DETAIL + 8),
    )
