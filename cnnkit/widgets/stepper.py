"""Stepper: a kernel slides over a small input, and every product and the sum are shown."""

from fractions import Fraction
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.widgets.boxes import column, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.control_kinds import (
    Button,
    Checkbox,
    Control,
    Matrix,
    Number,
    Range,
    Readout,
    Select,
    Text,
    step_range,
)
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.sliding import Sliding, channel_name, number
from cnnkit.widgets.stepper_examples import examples
from cnnkit.widgets.tensor_view import TensorView, input_window

OWN = "your own numbers"
PADDINGS = (
    ("valid (none)", "valid"),
    ("1 all around", 1),
    ("2 all around", 2),
    ("same", "same"),
    ("full", "full"),
)
MAX_STRIDE, MAX_DILATION = 4, 3
MAX_SIDE = 12
"""Larger inputs have no room for their numbers; the kernel lab shows them."""


class ChannelRow(NamedTuple):
    """The views of one channel from left to right, and the box around them."""

    x: TensorView
    w: TensorView
    products: TensorView
    box: ipywidgets.HBox


class Stepper(ChapterWidget):
    """Slide a kernel over a small input by slider, keyboard or pointer; each product and the sum are shown.

    State, all of it settable: `x` (H, W, C) or (H, W), `w` (KH, KW, C) or (KH, KW), `bias`, `stride`,
    `padding` (a number or a word of ``shapes.PADDING_WORDS``), `dilation`, `flip` (mathematical convolution),
    `step` (which output cell, in reading order), `example`, `predict` (outputs stay hidden until guessed).
    Results: `y` (H_out, W_out), `position`, `products` (KH, KW, C), `value`, `formula`, `equation`,
    `verdict`.

    Raises ShapeError for a kernel that does not fit, channels that differ and inputs too large to read,
    OptionError for unknown examples and for numbers that are not finite.
    """

    x = FloatArray("H", "W", "C").tag(state=True)
    w = FloatArray("KH", "KW", "C").tag(state=True)
    bias = traitlets.Float(0.0, min=-1e6, max=1e6).tag(state=True)
    stride = traitlets.Int(1, min=1, max=MAX_STRIDE).tag(state=True)
    padding = traitlets.Union([traitlets.Int(min=0), traitlets.Unicode()], default_value="valid").tag(
        state=True
    )
    dilation = traitlets.Int(1, min=1, max=MAX_DILATION).tag(state=True)
    flip = traitlets.Bool(False).tag(state=True)
    step = traitlets.Int(0, min=0).tag(state=True)
    example = traitlets.Unicode(OWN).tag(state=True)
    predict = traitlets.Bool(False).tag(state=True)
    _loaded = traitlets.Unicode(OWN).tag(state=True)

    y = FloatArray("H_out", "W_out")
    products = FloatArray("KH", "KW", "C")
    position = traitlets.Tuple((0, 0))
    value = traitlets.Float(0.0)
    formula = traitlets.Unicode()
    equation = traitlets.Unicode()
    verdict = traitlets.Unicode()

    def __init__(self, x: ArrayLike | None = None, w: ArrayLike | None = None, **state: Any) -> None:
        self._examples = examples()
        self._solved: set[int] = set()
        self._sliding = Sliding(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))
        self._rows: dict[int, list[ChannelRow]] = {}
        super().__init__()
        given = {name: value for name, value in (("x", x), ("w", w), *state.items()) if value is not None}
        # Both arrays given: none of an example's options belong to them.
        self.example = given.pop("example", OWN if {"x", "w"} <= given.keys() else next(iter(self._examples)))
        self._load_example()
        for name, value in given.items():
            setattr(self, name, value)
        self._mark_own_numbers()
        self._build()

    # ---- computing

    def update(self) -> None:
        """Compute all outputs, the products at `step`, and hand them to the views."""
        self._load_example()
        self._mark_own_numbers()
        sliding = Sliding(self.x, self.w, self.bias, self.stride, self.padding, self.dilation, self.flip)
        self._check(sliding)
        rows, columns = sliding.y.shape
        self.step = min(self.step, rows * columns - 1)
        i, j = divmod(self.step, columns)
        if not _same(sliding, self._sliding):
            self._solved.clear()
        moved = not _same(sliding, self._sliding) or (i, j) != self.position
        self._sliding = sliding
        self.y, self.products = sliding.y, sliding.products(i, j)
        self.position, self.value = (i, j), float(sliding.y[i, j])
        self.formula = sliding.formula(i, j)
        self.equation = sliding.equation(i, j, solved=self.solved)
        if moved:
            self.verdict = ""
            self._quiz.set(guess="")
        self._show()

    @property
    def solved(self) -> bool:
        """Whether the output at `step` is on display."""
        return not self.predict or self.step in self._solved

    def check(self, guess: str) -> str:
        """Return, and keep in `verdict`, what `guess` ("7", "-0,5", "3/8") is: right, or which mistake."""
        value = _parse(guess)
        row, column = self.position
        if value is None:
            self.verdict = f"“{guess}” is not a number." if guess.strip() else "Type your guess first."
        elif wrong := self._sliding.diagnose(row, column, value):
            self.verdict = f"Not {number(value)}. {wrong}"
        else:
            self.reveal(f"Right: {number(self.value)}.")
        self._quiz.set(verdict=self.verdict)
        return self.verdict

    def reveal(self, verdict: str = "") -> None:
        """Show the output at `step`."""
        self._solved.add(self.step)
        self.verdict = verdict or f"It is {number(self.value)}."
        self.equation = self._sliding.equation(*self.position)
        self._show()

    def _check(self, sliding: Sliding) -> None:
        if self.x.shape[2] != self.w.shape[2]:
            raise ShapeError(
                f"x has {self.x.shape[2]} channels and w has {self.w.shape[2]}; expected the same number"
            )
        if not (np.isfinite(self.x).all() and np.isfinite(self.w).all() and np.isfinite(self.bias)):
            raise OptionError("x, w and bias must be finite here: the equation is written out")
        if max(sliding.padded.shape[:2]) > MAX_SIDE:
            rows, columns = sliding.padded.shape[:2]
            raise ShapeError(
                f"the padded input has {rows} x {columns} cells; "
                f"at most {MAX_SIDE} x {MAX_SIDE} leave room for numbers"
            )

    def _load_example(self) -> None:
        """Take the numbers of a newly chosen example; raises OptionError for an unknown one."""
        if self.example == self._loaded:
            return
        if self.example != OWN:
            if self.example not in self._examples:
                raise OptionError(f"example is {self.example!r}; expected one of {', '.join(self._examples)}")
            chosen = self._examples[self.example]
            self.x, self.w, self.bias, self.step = chosen.x, chosen.w, chosen.bias, 0
            self.stride, self.padding, self.dilation = chosen.stride, chosen.padding, chosen.dilation
        self._loaded = self.example

    def _mark_own_numbers(self) -> None:
        """Call edited numbers the learner's own; choosing the example again brings it back."""
        chosen = self._examples.get(self.example)
        if chosen and not (np.array_equal(chosen.x, self.x) and np.array_equal(chosen.w, self.w)):
            self.example = self._loaded = OWN

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(self._setting_controls(), label="Stepper settings")
        narrow = ipywidgets.Layout(
            max_width="800px", overflow="visible"
        )  # wider, its thumb runs off the views
        self._transport = Controls([step_range(1, 1)], label="Stepper position", layout=narrow)
        self._quiz = Controls(_quiz_controls(), label="Stepper prediction")
        self._sum = Controls(_sum_readouts(), label="Stepper sum")
        self._output = TensorView(
            [[0.0]], title="output y", pointer="click", width=160, height=160, layout=column(166)
        )
        self._inputs = ipywidgets.VBox(layout=ipywidgets.Layout(overflow="visible"))
        views = ipywidgets.HBox([self._inputs, self._output], layout=wrapping())
        self._settings.on_change(self._kernel_edited)
        self._quiz.on_change(self._button_pressed, "check", "show")
        self._output.observe(self._output_pointed_at, "cursor")
        parts = [self._settings, self._transport, views, self._quiz, self._sum]
        self.start([self._settings, self._transport], parts)

    def _setting_controls(self) -> list[Control]:
        extra = () if self.padding in dict(PADDINGS).values() else ((str(self.padding), self.padding),)
        channels = self.w.shape[2]
        kernels = [
            Matrix(f"kernel_{c}", "Kernel w" if channels == 1 else f"Kernel w, {channel_name(c, channels)}")
            for c in range(channels)
        ]
        return [
            Select("example", "Example", (*self._examples, OWN)),
            Range("stride", "Stride", 1, minimum=1, maximum=MAX_STRIDE),
            Select("padding", "Padding", (*PADDINGS, *extra)),
            Range("dilation", "Dilation", 1, minimum=1, maximum=MAX_DILATION),
            Number("bias", "Bias b", 0.0, minimum=-1e6, step=0.5),
            Checkbox("flip", "Flip the kernel", help="On: mathematical convolution. Off: cross-correlation."),
            Checkbox("predict", "Predict first", help="Outputs stay hidden until you have guessed them."),
            *kernels,
        ]

    def _channel_rows(self) -> list[ChannelRow]:
        """Return one row of views per channel, made once for each number of channels."""
        channels = self.x.shape[2]
        if channels not in self._rows:
            self._rows[channels] = [_channel_row(205 if channels == 1 else 180) for _ in range(channels)]
        rows = self._rows[channels]
        if len(self._inputs.children) != channels:
            self._inputs.children = tuple(row.box for row in rows)
        return rows

    def _show(self) -> None:
        """Hand everything computed to the views and the panels."""
        rows, columns = self.y.shape
        cells = set(range(rows * columns))
        hidden = cells - self._solved if self.predict else set()
        self._output.show(self.y, cmap="signed", hidden=hidden)
        self._output.title = f"output y, {rows} × {columns}"
        self._output.cursor = list(self.position)
        for c, row in enumerate(self._channel_rows()):
            self._show_channel(c, row)
        self._show_panels(rows, columns)

    def _show_channel(self, c: int, row: ChannelRow) -> None:
        channels = self.x.shape[2]
        name = "" if channels == 1 else f", {channel_name(c, channels)}"
        sliding, (padding_rows, padding_columns) = self._sliding, self._sliding.geometry.padding
        padded = " with padding" if any((*padding_rows, *padding_columns)) else ""
        image = sliding.padded[..., c]
        with row.x.hold_sync():
            row.x.title = f"input x{name}{padded}"
            row.x.border = [*padding_rows, *padding_columns]
            row.x.show(image, cmap="signed" if self.x.min() < 0 else "positive")
            row.x.link = input_window(
                self._output,
                (self.w.shape[0], self.w.shape[1]),
                stride=(self.stride, self.stride),
                dilation=(self.dilation, self.dilation),
            )
        row.w.title = f"kernel w{name}{', turned' if self.flip else ''}"
        row.w.show(sliding.kernel[..., c], cmap="signed")
        products = self.products[..., c]
        hidden = () if self.solved else range(products.size)
        row.products.title = f"products, sum {number(float(products.sum())) if self.solved else '?'}"
        row.products.show(products, cmap="signed", hidden=hidden)

    def _show_panels(self, rows: int, columns: int) -> None:
        self._settings.replace(self._setting_controls())
        kernels = {f"kernel_{c}": self.w[..., c].tolist() for c in range(self.w.shape[2])}
        self._settings.set(**kernels)
        self._transport.replace([step_range(rows, columns)])
        self._transport.disabled = ["step"] if rows * columns == 1 else []
        self._sum.set(formula=self.formula, equation=self.equation)
        self._quiz.set(verdict=self.verdict)
        self._quiz.layout.display = "" if self.predict else "none"

    def _kernel_edited(self, name: str, value: Any) -> None:
        if self._quiet or not name.startswith("kernel_"):
            return
        w = self.w.copy()
        w[..., int(name.removeprefix("kernel_"))] = value
        self.w = w

    def _button_pressed(self, name: str, count: int) -> None:
        if name == "check":
            self.check(self._quiz["guess"])
        else:
            self.reveal()

    def _output_pointed_at(self, change: Any) -> None:
        row, column = change.new
        if not self._quiet and (row, column) != self.position:
            self.step = row * self.y.shape[1] + column

    # ---- without a browser

    def digest(self) -> str:
        """Return the setting, the sum at `step` and the outputs as text."""
        height, width, channels = self.x.shape
        kind = "convolution, kernel flipped" if self.flip else "cross-correlation"
        rows, columns = self.y.shape
        shown = "hidden: predict first" if self.predict else _matrix_text(self.y)
        return (
            f"Stepper ({self.example}): {kind}, input {height} x {width} x {channels}, "
            f"kernel {self.w.shape[0]} x {self.w.shape[1]} x {channels}, stride {self.stride}, "
            f"padding {self.padding}, dilation {self.dilation}, bias {number(self.bias)}\n"
            f"step {self.step + 1} of {rows * columns}: {self.equation}\n"
            f"output {rows} x {columns}: {shown}"
        )

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture: one row of grids for each channel."""
        return 10.0, 1.0 + 2.3 * self.x.shape[2]

    def draw(self, figure: Any) -> None:
        """Draw input, kernel, products and output at `step`."""
        from cnnkit.figures import draw_stepper

        sliding = self._sliding
        draw_stepper(
            sliding.padded,
            sliding.kernel,
            self.products,
            self.y,
            self.position,
            figure,
            stride=self.stride,
            dilation=self.dilation,
            solved=self.solved,
        )


def _channel_row(input_size: int) -> ChannelRow:
    views = _plain_view(input_size), _plain_view(130), _plain_view(130, title_room=15)
    return ChannelRow(*views, ipywidgets.HBox(views, layout=wrapping()))


def _plain_view(size: int, *, title_room: int = 0) -> TensorView:
    layout = column(size + 6 + title_room)
    return TensorView(
        [[0.0]], title="", pointer="none", readout=False, width=size, height=size, layout=layout
    )


def _quiz_controls() -> list[Control]:
    return [
        Text("guess", "Your guess for this output", submit="check"),
        Button("check", "Check"),
        Button("show", "Show"),
        Readout("verdict", "Verdict", wide=True),
    ]


def _sum_readouts() -> list[Control]:
    return [
        Readout("formula", "Formula", wide=True),
        Readout("equation", "With the numbers", wide=True, lines=2),
    ]


def _parse(text: str) -> float | None:
    try:
        return float(Fraction(text.strip().replace("−", "-").replace(",", ".").replace(" ", "")))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _same(a: Sliding, b: Sliding) -> bool:
    options = [(s.bias, s.stride, s.padding, s.dilation, s.flip) for s in (a, b)]
    return options[0] == options[1] and np.array_equal(a.x, b.x) and np.array_equal(a.w, b.w)


def _matrix_text(matrix: NDArray[np.float64]) -> str:
    return "; ".join(" ".join(number(float(value)) for value in row) for row in matrix)
