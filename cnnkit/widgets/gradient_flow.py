"""GradientFlow: which inputs and weights an error reaches, and the whole backward pass step by step."""

from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit.errors import OptionError, ShapeError
from cnnkit.widgets.backward_pass import FUNCTIONS, BackwardPass, sum_text
from cnnkit.widgets.boxes import wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.control_kinds import Control, Matrix, Number, Range, Readout, Select, step_range
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.gradient_examples import EXAMPLES
from cnnkit.widgets.sliding import enclosed, number
from cnnkit.widgets.stepper import MAX_DILATION, MAX_SIDE, MAX_STRIDE, OWN, PADDINGS
from cnnkit.widgets.tensor_view import INDEX_ROOM, TensorView, input_window, window

STEP_LABEL = "Error of output"
ALONE, SO_FAR = "this error alone", "all errors up to this one"
MOST_DIGITS = 12
CELL, MIN_VIEW = 36, 150  # CSS pixels
_FUNCTION_NAMES = {"none": "none: a = z", "relu": "ReLU", "sigmoid": "sigmoid", "tanh": "tanh"}


class GradientFlow(ChapterWidget):
    """Send errors of a convolution back to its inputs and weights, and check them by finite differences.

    ``z = conv(x, w) + b``, ``a = f(z)``, ``J = 1/2 sum (a - t)**2``. Above stand the values of the forward
    pass, below each its gradient.

    State, all of it settable: `x` (H, W), `w` (KH, KW), `bias`, `target`, `activation` ("none", "relu",
    "sigmoid", "tanh"), `stride`, `padding` (a number or a word of ``shapes.PADDING_WORDS``), `dilation`,
    `step` (which output, in reading order), `scope` (that error alone, or all up to it), `probe` ("x" or "w")
    with `cell` (its row and column; of x, in the padded input), `digits` (the step h is 10^-digits) and
    `example`.
    Results: `z`, `delta` (H_out, W_out), `dx` (the padded input's shape) and `dw` (KH, KW) in the scope,
    `loss`, `position`, `chain`, `reach`, `total`, `check`, `analytic`, `numeric`, `error`.

    Raises ShapeError for a kernel that does not fit and inputs too large to read, OptionError for unknown
    examples and numbers that are not finite.
    """

    x = FloatArray("H", "W").tag(state=True)
    w = FloatArray("KH", "KW").tag(state=True)
    bias = traitlets.Float(0.0, min=-100, max=100).tag(state=True)
    target = traitlets.Float(0.0, min=-100, max=100).tag(state=True)
    activation = traitlets.Enum(FUNCTIONS, "none").tag(state=True)
    stride = traitlets.Int(1, min=1, max=MAX_STRIDE).tag(state=True)
    padding = traitlets.Union([traitlets.Int(min=0), traitlets.Unicode()], default_value="valid").tag(
        state=True
    )
    dilation = traitlets.Int(1, min=1, max=MAX_DILATION).tag(state=True)
    step = traitlets.Int(0, min=0).tag(state=True)
    scope = traitlets.Enum((ALONE, SO_FAR), ALONE).tag(state=True)
    probe = traitlets.Enum(("x", "w"), "w").tag(state=True)
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(state=True)
    digits = traitlets.Int(5, min=1, max=MOST_DIGITS).tag(state=True)
    example = traitlets.Unicode(OWN).tag(state=True)
    _loaded = traitlets.Unicode(OWN).tag(state=True)

    z = FloatArray("H_out", "W_out")
    delta = FloatArray("H_out", "W_out")
    dx = FloatArray("H", "W")
    dw = FloatArray("KH", "KW")
    position = traitlets.Tuple((0, 0))
    loss = traitlets.Float(0.0)
    chain = traitlets.Unicode()
    reach = traitlets.Unicode()
    total = traitlets.Unicode()
    check = traitlets.Unicode()
    analytic = traitlets.Float(0.0)
    numeric = traitlets.Float(0.0)
    error = traitlets.Float(0.0)

    def __init__(self, example: str | None = None, **state: Any) -> None:
        self._pass = BackwardPass(np.zeros((1, 1)), np.zeros((1, 1)))
        super().__init__()
        own = {"x", "w"} <= state.keys()
        self.example = example or (OWN if own else next(iter(EXAMPLES)))
        self._load_example()
        for name, value in state.items():
            setattr(self, name, value)
        self._mark_own_numbers()
        self._build()

    # ---- computing

    def update(self) -> None:
        """Compute the forward pass, the gradients in the scope and the difference; hand them to the views."""
        self._load_example()
        self._mark_own_numbers()
        flow = BackwardPass(
            self.x,
            self.w,
            self.bias,
            self.target,
            self.activation,
            self.stride,
            self.padding,
            self.dilation,
        )
        self._check_size(flow)
        rows, columns = flow.z.shape
        self.step = min(self.step, rows * columns - 1)
        i, j = divmod(self.step, columns)
        self._pass, self.position, self.loss = flow, (i, j), flow.loss
        self.z, self.delta = _tidy(flow.z), _tidy(flow.delta)
        shown = flow.share(i, j) if self.scope == ALONE else flow.shares(self.step + 1)
        self.dx, self.dw = (_tidy(array) for array in shown)
        limits = flow.w.shape if self.probe == "w" else flow.padded.shape
        self.cell = (min(max(self.cell[0], 0), limits[0] - 1), min(max(self.cell[1], 0), limits[1] - 1))
        self._tell(i, j)
        self._show()

    def _check_size(self, flow: BackwardPass) -> None:
        if not (np.isfinite(self.x).all() and np.isfinite(self.w).all()):
            raise OptionError("x and w must be finite here: the products are written out")
        if max(flow.padded.shape) > MAX_SIDE:
            rows, columns = flow.padded.shape
            raise ShapeError(
                f"the padded input has {rows} x {columns} cells; "
                f"at most {MAX_SIDE} x {MAX_SIDE} leave room for numbers"
            )

    def _load_example(self) -> None:
        """Take the numbers of a newly chosen example; raises OptionError for an unknown one."""
        if self.example == self._loaded:
            return
        if self.example != OWN:
            if self.example not in EXAMPLES:
                raise OptionError(f"example is {self.example!r}; expected one of {', '.join(EXAMPLES)}")
            self.step, self.cell = 0, (0, 0)
            for name, value in EXAMPLES[self.example].items():
                setattr(self, name, value)
        self._loaded = self.example

    def _mark_own_numbers(self) -> None:
        """Call edited numbers the learner's own; choosing the example again brings it back."""
        chosen = EXAMPLES.get(self.example)
        if chosen and not (np.array_equal(chosen["x"], self.x) and np.array_equal(chosen["w"], self.w)):
            self.example = self._loaded = OWN

    def _tell(self, i: int, j: int) -> None:
        """Write the sentences about the output (i, j) and the probed cell."""
        flow, (row, column) = self._pass, self.cell
        delta = float(self.delta[i, j])
        gap = f"{number(float(flow.a[i, j]))} − {enclosed(self.target)}"
        rule, numbers = "a − t", gap
        if self.activation != "none":
            rule, numbers = "(a − t) · f′(z)", f"({gap}) · {enclosed(float(flow.slope[i, j]))}"
        self.chain = f"δ[{i}, {j}] = {rule} = {numbers} = {number(delta)}"
        self.reach = self._reach_text(i, j)
        if self.probe == "w":
            terms = flow.weight_terms(row, column)
            self.total = f"dw[{row}, {column}] = Σ δ·x = {sum_text(terms)}"
        else:
            terms = flow.input_terms(row, column)
            self.total = f"{self._input_name(row, column)} = Σ δ·w = {sum_text(terms)}"
        self._check_gradient(row, column)

    def _reach_text(self, i: int, j: int) -> str:
        flow = self._pass
        rows, columns = flow.taps(i, j)
        cells = [(int(r), int(c)) for r in rows for c in columns]
        outside = sum(not flow.inside(*cell) for cell in cells)
        into = f"; {outside} of them are padding and are cropped" if outside else ""
        (row, column), delta, weight = cells[0], float(self.delta[i, j]), float(self.w[0, 0])
        value = float(flow.padded[row, column])
        return (
            f"It reaches {len(cells)} cells of the padded input{into}, and all {self.w.size} weights. "
            f"Cell [{row}, {column}] gets δ·w[0, 0] = {_written_product(delta, weight)}; "
            f"w[0, 0] gets δ·x = {_written_product(delta, value)}."
        )

    def _input_name(self, row: int, column: int) -> str:
        (top, _), (left, _) = self._pass.geometry.padding
        if not self._pass.inside(row, column):
            return f"padding cell [{row}, {column}]"
        return f"dx[{row - top}, {column - left}]"

    def _check_gradient(self, row: int, column: int) -> None:
        if self.probe == "x" and not self._pass.inside(row, column):
            self.analytic = self.numeric = self.error = 0.0
            self.check = "A padding cell is a constant, not an input: what arrives there is cropped."
            return
        h = 10.0**-self.digits
        found = self._pass.difference(self.probe, self.cell, h)
        self.analytic, self.numeric, self.error = found.analytic, found.numeric, found.error
        name = f"dw[{row}, {column}]" if self.probe == "w" else self._input_name(row, column)
        # Digits behind the tenth depend on the order of summation, and so on the machine.
        verdict = "below 1e-9" if found.error < 1e-9 else f"{found.error:.0e}"
        self.check = (
            f"h = 1e-{self.digits}: (J(+h) − J(−h)) / 2h = {number(found.numeric)}; the chain rule gives "
            f"{name} = {number(found.analytic)}; relative error {verdict}."
        )

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(self._setting_controls(), label="Gradient flow settings")
        self._transport = Controls([step_range(1, 2, STEP_LABEL)], label="Gradient flow position")
        self._probing = Controls(_probe_controls(), label="Gradient flow check")
        self._texts = Controls(_readouts(), label="Gradient flow sums")
        self._forward = [_view() for _ in range(3)]
        self._backward = [_view() for _ in range(3)]
        for views in (self._forward, self._backward):
            views[0].observe(lambda change: self._probed("x", change), "cursor")
            views[1].observe(lambda change: self._probed("w", change), "cursor")
            views[2].observe(self._output_pointed_at, "cursor")
        self._settings.on_change(self._kernel_edited, "kernel")
        rows = [ipywidgets.HBox(views, layout=wrapping()) for views in (self._forward, self._backward)]
        panels = [self._settings, self._transport, self._probing]
        self.start(panels, [self._settings, self._transport, *rows, self._texts, self._probing])

    def _setting_controls(self) -> list[Control]:
        extra = () if self.padding in dict(PADDINGS).values() else ((str(self.padding), self.padding),)
        names = tuple((_FUNCTION_NAMES[name], name) for name in FUNCTIONS)
        return [
            Select("example", "Example", (*EXAMPLES, OWN)),
            Range("stride", "Stride", 1, minimum=1, maximum=MAX_STRIDE),
            Select("padding", "Padding", (*PADDINGS, *extra)),
            Range("dilation", "Dilation", 1, minimum=1, maximum=MAX_DILATION),
            Select("activation", "Activation f", names),
            Number("bias", "Bias b", 0.0, minimum=-100.0, maximum=100.0, step=0.5),
            Number("target", "Target t", 0.0, minimum=-100.0, maximum=100.0, step=0.5),
            Matrix("kernel", "Kernel w"),
        ]

    def _show(self) -> None:
        """Hand everything computed to the views and the panels."""
        flow, (row, column) = self._pass, self.cell
        (pad_rows, pad_columns), colours = flow.geometry.padding, "signed" if self.x.min() < 0 else "positive"
        border, padded = [*pad_rows, *pad_columns], " with padding" if any((*pad_rows, *pad_columns)) else ""
        note = "of this error" if self.scope == ALONE else f"of {self.step + 1} of {self.delta.size} errors"
        x_view, w_view, z_view = self._forward
        dx_view, dw_view, delta_view = self._backward
        probed = [window(row, column, 1, 1, color="blue", label="probed")]
        for view, values, title, cmap in (
            (x_view, flow.padded, f"input x{padded}", colours),
            (dx_view, self.dx, f"dx{padded} {note}", "signed"),
        ):
            with view.hold_sync():
                _fit(view, values)
                view.title, view.border = title, border
                view.show(values, cmap=cmap)
                view.windows = probed if self.probe == "x" else []
                view.link = self._link(z_view if view is x_view else delta_view)
        for view, values, title in ((w_view, self.w, "kernel w"), (dw_view, self.dw, f"dw {note}")):
            with view.hold_sync():
                _fit(view, values)
                view.title = title
                view.show(values, cmap="signed")
                view.windows = probed if self.probe == "w" else []
        for view, values, title in (
            (z_view, self.z, "z before f"),
            (delta_view, self.delta, "error δ = dJ/dz"),
        ):
            _fit(view, values)
            view.title = f"{title}, {values.shape[0]} × {values.shape[1]}"
            view.show(values, cmap="signed")
            view.cursor = list(self.position)
        self._show_panels()

    def _link(self, source: TensorView) -> dict[str, Any]:
        size, step = (self.w.shape[0], self.w.shape[1]), (self.stride, self.stride)
        return input_window(source, size, stride=step, dilation=(self.dilation, self.dilation))

    def _show_panels(self) -> None:
        self._settings.replace(self._setting_controls())
        self._settings.set(kernel=self.w.tolist())
        self._transport.replace([*_step_controls(*self.z.shape)])
        self._transport.disabled = ["step"] if self.z.size == 1 else []
        self._texts.set(chain=self.chain, reach=self.reach, loss=f"J = {number(self.loss)}")
        self._probing.set(total=self.total, check=self.check)

    def _kernel_edited(self, name: str, value: Any) -> None:
        if not self._quiet:
            self.w = value

    def _probed(self, kind: str, change: Any) -> None:
        if not self._quiet and change.new:
            with self.changing():
                self.probe, self.cell = kind, tuple(change.new)

    def _output_pointed_at(self, change: Any) -> None:
        if not self._quiet and change.new and tuple(change.new) != self.position:
            self.step = change.new[0] * self.z.shape[1] + change.new[1]

    # ---- without a browser

    def digest(self) -> str:
        """Return the setting, the chosen error, the gradients and the check as text."""
        (height, width), (rows, columns) = self.x.shape, self.z.shape
        return (
            f"Gradient flow ({self.example}): input {height} x {width}, kernel {self.w.shape[0]} x "
            f"{self.w.shape[1]}, stride {self.stride}, padding {self.padding}, dilation {self.dilation}, "
            f"activation {self.activation}, target {number(self.target)}, J = {number(self.loss)}\n"
            f"error {self.step + 1} of {rows * columns}: {self.chain}\n{self.reach}\n"
            f"dw of {self.scope}: {_matrix_text(self.dw)}\n{self.total}\n{self.check}"
        )

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 9.5, 5.6

    def draw(self, figure: Any) -> None:
        """Draw the forward values and, below each, its gradient."""
        from cnnkit.figures import draw_gradient_flow

        arrays = (self._pass.padded, self.w, self.z, self.dx, self.dw, self.delta)
        draw_gradient_flow(arrays, self.position, figure, stride=self.stride, dilation=self.dilation)


def _written_product(delta: float, factor: float) -> str:
    return f"{number(delta)}·{enclosed(factor)} = {number(delta * factor)}"


def _tidy(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values without the crumbs of 1e-16 that sums leave, and without a negative zero."""
    return values.round(12) + 0.0


def _view() -> TensorView:
    return TensorView([[0.0]], title="", pointer="click", readout=False, max_cell=CELL)


def _fit(view: TensorView, values: NDArray[Any]) -> None:
    """Give a view the room that its cells and the title above them need, no more."""
    rows, columns = values.shape
    view.width, view.height = max(MIN_VIEW, columns * CELL + INDEX_ROOM), rows * CELL + INDEX_ROOM
    view.layout.width = f"{view.width + 6}px"
    view.layout.flex, view.layout.overflow = f"0 0 {view.width + 6}px", "visible"


def _step_controls(rows: int, columns: int) -> list[Control]:
    return [
        step_range(rows, columns, STEP_LABEL),
        Select("scope", "Gradients below are", (ALONE, SO_FAR), wide=True),
    ]


def _probe_controls() -> list[Control]:
    texts = tuple(f"1e-{digits}" for digits in range(1, MOST_DIGITS + 1))
    return [
        Readout("total", "Probed cell, all errors", wide=True, lines=2),
        Range("digits", "Step h", 5, minimum=1, maximum=MOST_DIGITS, texts=texts),
        Readout("check", "Finite difference", wide=True, lines=2),
    ]


def _readouts() -> list[Control]:
    return [
        Readout("loss", "Loss"),
        Readout("chain", "This error", wide=True),
        Readout("reach", "Where it goes", wide=True, lines=3),
    ]


def _matrix_text(matrix: NDArray[np.float64]) -> str:
    return "; ".join(" ".join(number(float(value)) for value in row) for row in matrix)
