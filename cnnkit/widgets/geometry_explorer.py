"""GeometryExplorer: where the windows of a convolution, or the stamps of its transpose, lie on the grid."""

from typing import Any

import ipywidgets
import traitlets

from cnnkit.borders import FILLS
from cnnkit.errors import OptionError
from cnnkit.shapes import PADDING_WORDS, resolve_padding, resolve_transpose_padding
from cnnkit.widgets import geometry_controls as controls
from cnnkit.widgets import geometry_text
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.control_kinds import step_range
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.geometry_controls import AXES, CONVOLUTION, CUSTOM, LARGE_CELL, OWN, SIDES, TRANSPOSED
from cnnkit.widgets.geometry_examples import EXAMPLES, PLAIN
from cnnkit.widgets.tensor_view import TensorView, input_window, window
from cnnkit.widgets.window_grid import WindowGrid
from cnnkit.widgets.window_plan import AxisPlan

DEFAULT_TERM = "row.output"


def _whole(value: int, least: int, most: int) -> Any:
    return traitlets.Int(value, min=least, max=most).tag(state=True)


class GeometryExplorer(ChapterWidget):
    """Set size, kernel, stride, dilation and padding of each axis; see every window, count and dropped row.

    The large grid is the padded input of the convolution (in the transposed mode: the output, before it is
    cropped), the small grid has a cell for each window: the output (transposed: the input).

    State, all of it settable: `mode`, `height`, `width`, `kernel_height` ... `dilation_width`, `padding` (a
    word of ``shapes.PADDING_WORDS`` or "custom"), `top`, `bottom`, `left`, `right`, `fill` (one of
    ``borders.FILLS``), `output_padding_height`, `output_padding_width`, `show` ("counts" or "values"), `step`
    (which window, in reading order), `explain` (a number of the formula, such as "row.stride", or "cell"),
    `cell` (row and column in the large grid), `example`.
    Results: `output_size`, `large` and `small` (the numbers of the two grids), `formula`, `summary`,
    `window_text`, `explanation`, `problem` (why the settings are impossible, else empty).
    """

    mode = traitlets.Enum(controls.MODES, CONVOLUTION).tag(state=True)
    height, width = _whole(7, 1, controls.MAX_SIZE), _whole(7, 1, controls.MAX_SIZE)
    kernel_height, kernel_width = _whole(3, 1, controls.MAX_KERNEL), _whole(3, 1, controls.MAX_KERNEL)
    stride_height, stride_width = _whole(1, 1, controls.MAX_STRIDE), _whole(1, 1, controls.MAX_STRIDE)
    dilation_height, dilation_width = _whole(1, 1, controls.MAX_DILATION), _whole(1, 1, controls.MAX_DILATION)
    padding = traitlets.Enum((*PADDING_WORDS, CUSTOM), "same").tag(state=True)
    top, bottom = _whole(0, 0, controls.MAX_PADDING), _whole(0, 0, controls.MAX_PADDING)
    left, right = _whole(0, 0, controls.MAX_PADDING), _whole(0, 0, controls.MAX_PADDING)
    fill = traitlets.Enum(FILLS, "zeros").tag(state=True)
    output_padding_height = _whole(0, 0, controls.MAX_STRIDE - 1)
    output_padding_width = _whole(0, 0, controls.MAX_STRIDE - 1)
    show = traitlets.Enum((controls.COUNTS, controls.VALUES), controls.COUNTS).tag(state=True)
    step = traitlets.Int(0, min=0).tag(state=True)
    explain = traitlets.Unicode(DEFAULT_TERM).tag(state=True)
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(state=True)
    example = traitlets.Unicode(OWN).tag(state=True)
    # The word and the numbers that were last made one: they tell a new word from new numbers.
    _settled = traitlets.Tuple(("", (0, 0, 0, 0, 0, 0))).tag(state=True)
    _loaded = traitlets.Unicode(OWN).tag(state=True)

    large = FloatArray("H", "W")
    small = FloatArray("H_windows", "W_windows")
    output_size = traitlets.Tuple((0, 0))
    formula = traitlets.Unicode()
    summary = traitlets.Unicode()
    window_text = traitlets.Unicode()
    explanation = traitlets.Unicode()
    problem = traitlets.Unicode()

    def __init__(self, example: str | None = None, **state: Any) -> None:
        self._grid: WindowGrid
        super().__init__()
        self.example = example or next(iter(EXAMPLES))
        self._load_example()
        if state.keys() & {side for pair in SIDES for side in pair}:
            state = {"padding": CUSTOM, **state}
        for name, value in state.items():
            setattr(self, name, value)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Compute both grids and all sentences from the state, and hand them to the views."""
        self._load_example()
        self._mark_own_settings()
        self._settle_padding()
        self._grid = WindowGrid(self._plan(0), self._plan(1))
        self.problem = self._grid.problem
        rows, columns = self._grid.plans
        self.formula = "\n".join(geometry_text.formula(plan) for plan in self._grid.plans)
        self.output_size = (0, 0) if self.problem else (rows.output, columns.output)
        self._fill_grids()
        self._stay_inside()
        self.summary = self.problem or self._grid.summary()
        self.window_text = "" if self.problem else geometry_text.small_cell(rows, columns, self.position)
        self.explanation = self._explanation()
        self._show()

    @property
    def position(self) -> tuple[int, int]:
        """The (row, column) of the window at `step` in the small grid."""
        row, column = divmod(self.step, self.small.shape[1])
        return row, column

    def _load_example(self) -> None:
        """Take the settings of a newly chosen example; raises OptionError for an unknown one."""
        if self.example == self._loaded:
            return
        if self.example != OWN:
            if self.example not in EXAMPLES:
                raise OptionError(f"example is {self.example!r}; expected one of {', '.join(EXAMPLES)}")
            for name, value in {**PLAIN, **EXAMPLES[self.example]}.items():
                setattr(self, name, value)
            self._settled = ("", (0, 0, 0, 0, 0, 0))
        self._loaded = self.example

    def _mark_own_settings(self) -> None:
        """Rename a changed example to the learner's own; choosing it again brings it back."""
        chosen = {**PLAIN, **EXAMPLES[self.example]} if self.example != OWN else {}
        shown_only = ("step", "show", "output_padding_height", "output_padding_width")
        if any(getattr(self, name) != value for name, value in chosen.items() if name not in shown_only):
            self.example = self._loaded = OWN

    def _settle_padding(self) -> None:
        """Set the numbers from the word; changed numbers make a padding of the learner's own."""
        word, amounts = self._settled
        compared = 4 if self.mode == CONVOLUTION or word not in ("same", "same_lower") else 6
        if word == self.padding and amounts[:compared] != self._amounts()[:compared]:
            self.padding = CUSTOM
            self.example = self._loaded = OWN
        if self.padding != CUSTOM:
            for axis, sides in enumerate(SIDES):
                for side, amount in zip(sides, self._resolved(axis), strict=True):
                    setattr(self, side, amount)
        self._settled = (self.padding, self._amounts())

    def _resolved(self, axis: int) -> tuple[int, int]:
        """Return the padding (before, after) of one axis that the word stands for."""
        name = AXES[axis]
        # Time runs along the columns.
        word = "valid" if self.padding == "causal" and axis == 0 else self.padding
        size, kernel = getattr(self, name), getattr(self, f"kernel_{name}")
        stride, dilation = getattr(self, f"stride_{name}"), getattr(self, f"dilation_{name}")
        if self.mode == CONVOLUTION:
            return resolve_padding(word, size, kernel, stride, dilation)
        before, after, extra = resolve_transpose_padding(word, size, kernel, stride, dilation)
        if word in ("same", "same_lower"):
            setattr(self, f"output_padding_{name}", extra)  # it fixes the output at size * stride
        return before, after

    def _amounts(self) -> tuple[int, ...]:
        """Return the four paddings and the two output paddings, which "same" fixes as well."""
        extra = (self.output_padding_height, self.output_padding_width)
        return self.top, self.bottom, self.left, self.right, *extra

    def _plan(self, axis: int) -> AxisPlan:
        name, transposed = AXES[axis], self.mode == TRANSPOSED
        before, after = (getattr(self, side) for side in SIDES[axis])
        return AxisPlan(
            name=("row", "column")[axis],
            size=getattr(self, name),
            kernel_size=getattr(self, f"kernel_{name}"),
            stride=getattr(self, f"stride_{name}"),
            dilation=getattr(self, f"dilation_{name}"),
            before=before,
            after=after,
            output_padding=getattr(self, f"output_padding_{name}") if transposed else 0,
            fill="zeros" if transposed else self.fill,
            transposed=transposed,
        )

    def _fill_grids(self) -> None:
        if self.problem:
            self.large, self.small = self._grid.reads * 0, [[0]]
        elif self.show == controls.VALUES:
            self.large, self.small = self._grid.values()
        else:
            self.large, self.small = self._grid.reads, self._grid.inside_taps

    def _stay_inside(self) -> None:
        """Keep step, cell and the number to explain within what there is now."""
        self.step = min(self.step, self.small.size - 1)
        height, width = self.large.shape
        self.cell = (min(self.cell[0], height - 1), min(self.cell[1], width - 1))
        if self.explain not in {LARGE_CELL, *(term.key for term in self._terms())}:
            self.explain = DEFAULT_TERM

    def _explanation(self) -> str:
        if self.explain == LARGE_CELL:
            return self.problem or geometry_text.large_cell(*self._grid.plans, self.cell)
        return {term.key: term.sentence for term in self._terms()}[self.explain]

    def _terms(self) -> list[geometry_text.Term]:
        rows, columns = self._grid.plans
        row_word = "valid" if self.padding == "causal" else self.padding
        return [*geometry_text.terms(rows, row_word), *geometry_text.terms(columns, self.padding)]

    # ---- showing

    def _build(self) -> None:
        self._general = Controls(controls.general_controls(), label="Geometry settings")
        self._axes = [
            Controls(
                controls.axis_controls(axis),
                label=f"Geometry of the {AXES[axis]}",
                layout=flexible("1 1 190px", 230),
            )
            for axis in (0, 1)
        ]
        self._transport = Controls([step_range(1, 2, label="Window")], label="Geometry position")
        self._texts = Controls(controls.text_controls([]), label="Geometry explained")
        self._display = Controls(controls.display_controls(), label="Geometry display")
        self._large_view, self._small_view = _view(310), _view(196)
        self._large_view.observe(self._large_pointed_at, "cursor")
        self._small_view.observe(self._small_pointed_at, "cursor")
        axes = ipywidgets.HBox(self._axes, layout=flexible("1 1 390px", 420))
        beside = ipywidgets.VBox([self._small_view, self._display], layout=flexible("1 1 180px", 210))
        views = ipywidgets.HBox([self._large_view, beside], layout=wrapping(flex="2 1 470px"))
        middle = ipywidgets.HBox([axes, views], layout=wrapping())
        panels = [self._general, self._display, *self._axes, self._transport, self._texts]
        self.start(panels, [self._general, middle, self._transport, self._texts])

    def _show(self) -> None:
        """Hand everything computed to the views and the panels."""
        rows, columns = self._grid.plans
        large_title, small_title = self._titles()
        with self._large_view.hold_sync():
            self._large_view.title = large_title
            self._large_view.border = [rows.before, rows.after, columns.before, columns.after]
            self._large_view.show(self.large, cmap="positive")
            self._large_view.windows = self._frames()
            self._large_view.link = {} if self.problem else self._link()
        with self._small_view.hold_sync():
            self._small_view.title = small_title
            self._small_view.show(self.small, cmap="positive")
            self._small_view.cursor = list(self.position)
        self._small_view.layout.visibility = "hidden" if self.problem else "visible"
        self._show_panels()

    def _show_panels(self) -> None:
        transposed = self.mode == TRANSPOSED
        for name, panel in zip(AXES, self._axes, strict=True):
            panel.disabled = [] if transposed else [f"output_padding_{name}"]
        self._general.disabled = ["fill"] if transposed else []
        rows, columns = self.small.shape
        self._transport.replace([step_range(rows, columns, label="Window")])
        self._transport.disabled = ["step"] if self.small.size == 1 else []
        self._texts.replace(controls.text_controls(self._terms()))
        formula_rows, formula_columns = self.formula.splitlines()
        self._texts.set(
            formula_rows=formula_rows,
            formula_columns=formula_columns,
            summary=self.summary,
            window=self.window_text,
            explanation=self.explanation,
        )

    def _frames(self) -> list[dict[str, Any]]:
        """Return frames around what lies inside the margins, if there are any, and around what is dropped."""
        rows, columns = self._grid.plans
        frames = [window(*band, color="pink", label="dropped") for band in self._dropped_bands()]
        if any(self._amounts()[:4]) and rows.inside > 0 and columns.inside > 0:
            frames.insert(0, window(rows.before, columns.before, rows.inside, columns.inside, color="sky"))
        return frames

    def _link(self) -> dict[str, Any]:
        """Return what lets the cursor of the small grid frame its window in the large one."""
        rows, columns = self._grid.plans
        return input_window(
            self._small_view,
            (rows.kernel_size, columns.kernel_size),
            stride=(rows.stride, columns.stride),
            dilation=(rows.dilation, columns.dilation),
        )

    def _titles(self) -> tuple[str, str]:
        """Return what the large and the small grid are."""
        large, small = (f"{grid.shape[0]} × {grid.shape[1]}" for grid in (self.large, self.small))
        counts = self.show == controls.COUNTS
        if self.mode == TRANSPOSED:
            notes = ("stamps", "taps kept") if counts else ("sums", "values")
            return f"uncropped output, {large}: {notes[0]}", f"input, {small}: {notes[1]}"
        notes = ("times read", "real taps") if counts else ("values", "means")
        return f"padded input, {large}: {notes[0]}", f"output, {small}: {notes[1]}"

    def _dropped_bands(self) -> list[tuple[int, int, int, int]]:
        """Return (row, column, height, width) of the rows and of the columns behind the last window."""
        rows, columns = self._grid.plans
        bands = [
            (rows.fine - rows.dropped, 0, rows.dropped, columns.fine),
            (0, columns.fine - columns.dropped, rows.fine, columns.dropped),
        ]
        return [band for band in bands if band[2] and band[3]]

    def _large_pointed_at(self, change: Any) -> None:
        if not self._quiet and change.new:
            with self.changing():
                self.cell, self.explain = tuple(change.new), LARGE_CELL

    def _small_pointed_at(self, change: Any) -> None:
        if not self._quiet and tuple(change.new) != self.position:
            row, column = change.new
            self.step = row * self.small.shape[1] + column

    # ---- without a browser

    def digest(self) -> str:
        """Return the settings, the formula and every sentence on display as text."""
        large, small = self._titles()
        padding = f"padding {self.padding}, filled with {self.fill}"
        lines = [f"Geometry explorer ({self.example}): {self.mode}, {padding}", self.formula, self.summary]
        if not self.problem:
            lines += [f"{large}; {small}", self.window_text]
        return "\n".join([*lines, self.explanation])

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 9.0, 4.2

    def draw(self, figure: Any) -> None:
        """Draw both grids with one window, the margins and what is dropped."""
        from cnnkit.figures import draw_geometry

        rows, columns = self._grid.plans
        taps = () if self.problem else (rows.taps(self.position[0]), columns.taps(self.position[1]))
        margins = ((rows.before, rows.after), (columns.before, columns.after))
        draw_geometry(
            self.large,
            self.small,
            self._titles(),
            figure,
            margins=margins,
            taps=taps,
            at=self.position,
            dropped=self._dropped_bands(),
            problem=self.problem,
        )


def _view(size: int) -> TensorView:
    return TensorView(
        [[0.0]],
        title="",
        pointer="click",
        width=size,
        height=size,
        layout=flexible(f"1 1 {size - 80}px", size + 6),
    )
