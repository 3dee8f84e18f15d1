"""ActivationExplorer: a function beside its derivative under one cursor, and softmax with its temperature."""

from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit import activations
from cnnkit.errors import OptionError, ShapeError
from cnnkit.widgets import svg_plot
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget, FloatArray
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Matrix, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.sliding import number
from cnnkit.widgets.tensor_view import TensorView

Array = NDArray[np.float64]

REACH, STEPS_PER_UNIT = 6, 20
X: Array = np.arange(-REACH * STEPS_PER_UNIT, REACH * STEPS_PER_UNIT + 1) / STEPS_PER_UNIT
FUNCTIONS = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu")
FORMULAS = {
    "relu": "max(0, x)",
    "leaky_relu": "x where x > 0, else α x",
    "elu": "x where x > 0, else α (exp(x) − 1)",
    "sigmoid": "1 / (1 + exp(−x))",
    "tanh": "2 σ(2x) − 1",
    "gelu": "x Φ(x)",
    "silu": "x σ(x)",
}
LIMITS = {"sigmoid": (-0.25, 1.25), "tanh": (-1.25, 1.25)}
WITH_ALPHA = ("leaky_relu", "elu")
LAYERS = 10
_STEP = 1e-5
MOST_LOGITS = 8


class ActivationExplorer(ChapterWidget):
    """Move x under a function and its derivative; heat and cool a softmax.

    State, all of it settable: `function` (one of FUNCTIONS), `x` (-6 to 6, in twentieths), `alpha` (of leaky
    ReLU and ELU), `logits` (1, K), `temperature`.
    Results: `value` f(x), `slope` f'(x), `difference` (a central difference that knows no calculus),
    `probabilities` (K,), `jacobian` (K, K) of the probabilities with respect to the logits.

    Raises OptionError for logits that are not finite, ShapeError for more than one row or over 8 of them.
    """

    function = traitlets.Enum(FUNCTIONS, "relu").tag(state=True)
    x = traitlets.Float(1.0, min=-REACH, max=REACH).tag(state=True)
    alpha = traitlets.Float(0.1, min=0, max=2).tag(state=True)
    logits = FloatArray("1", "K").tag(state=True)
    temperature = traitlets.Float(1.0, min=0.1, max=10).tag(state=True)

    value = traitlets.Float()
    slope = traitlets.Float()
    difference = traitlets.Float()
    probabilities = FloatArray("K")
    jacobian = FloatArray("K", "K")

    def __init__(self, **state: Any) -> None:
        super().__init__(logits=state.pop("logits", [[2.0, 1.0, 0.0, -1.0]]), **state)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Read the function, its derivative and the softmax, and hand them to the views."""
        if self.logits.shape[0] != 1 or self.logits.shape[1] > MOST_LOGITS:
            raise ShapeError(f"logits has shape {self.logits.shape}; expected (1, K), K up to {MOST_LOGITS}")
        if not np.isfinite(self.logits).all():
            raise OptionError(f"logits holds {self.logits}; expected finite numbers")
        self.x = round(self.x * STEPS_PER_UNIT) / STEPS_PER_UNIT
        point = np.array([self.x, self.x + _STEP, self.x - _STEP])
        at, ahead, behind = self._function()(point)
        self.value, self.slope = float(at), float(self._derivative()(point[:1])[0])
        self.difference = float((ahead - behind) / (2 * _STEP))
        scaled = self.logits[0] / self.temperature
        self.probabilities = activations.softmax(scaled)
        self.jacobian = activations.softmax_grad(scaled) / self.temperature
        self._show()

    def _function(self) -> Callable[[Array], Array]:
        return self._with_alpha(getattr(activations, self.function))

    def _derivative(self) -> Callable[[Array], Array]:
        return self._with_alpha(getattr(activations, f"{self.function}_grad"))

    def _with_alpha(self, function: Callable[..., Array]) -> Callable[[Array], Array]:
        if self.function in WITH_ALPHA:
            return lambda x: function(x, self.alpha)
        return function

    @property
    def entropy(self) -> float:
        """The uncertainty of the probabilities in bits: 0 when one of them is 1."""
        p = self.probabilities[self.probabilities > 0]
        return float(-(p * np.log2(p)).sum() + 0.0)

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            [
                Select("function", "Function", FUNCTIONS),
                Range("x", "x", 1.0, minimum=-float(REACH), maximum=float(REACH), step=1 / STEPS_PER_UNIT),
                Range("alpha", "α (leaky ReLU, ELU)", 0.1, minimum=0.0, maximum=2.0, step=0.05),
            ],
            label="Activation explorer settings",
            layout=flexible("1 1 200px", 250),
        )
        self._heat = Controls(
            [
                Matrix("logits", "Logits", help="Arrow keys walk, typing replaces."),
                Range("temperature", "Temperature", 1.0, minimum=0.1, maximum=10.0, step=0.1),
                Readout("softmax_text", "Softmax", wide=True, lines=4),
            ],
            label="Softmax settings",
            layout=flexible("1 1 200px", 250),
        )
        self._readouts = Controls([Readout("slope_text", "At the cursor", wide=True, lines=3)], label="Slope")
        self._curve, self._slope_curve, self._bars = (
            Chart(layout=flexible("1 1 280px", 390)) for _ in range(3)
        )
        self._matrix = TensorView(
            [[0.0]],
            title="Jacobian",
            readout=True,
            width=250,
            height=250,
            max_cell=56,
            layout=flexible("1 1 200px", 256),
        )
        for chart in (self._curve, self._slope_curve):
            chart.observe(self._pointed_at, "cursor")
        self._bars.observe(self._bar_pointed_at, "cursor")
        plots = ipywidgets.VBox(
            [ipywidgets.HBox([self._curve, self._slope_curve], layout=wrapping()), self._readouts],
            layout=flexible("3 1 300px", 810),
        )
        above = ipywidgets.HBox([self._settings, plots], layout=wrapping())
        right = ipywidgets.HBox([self._bars, self._matrix], layout=wrapping(flex="3 1 300px"))
        below = ipywidgets.HBox([self._heat, right], layout=wrapping())
        self.start([self._settings, self._heat], [above, below])

    def _show(self) -> None:
        self._show_curves()
        self._show_softmax()
        self._settings.disabled = [] if self.function in WITH_ALPHA else ["alpha"]
        self._readouts.set(slope_text=self.slope_text)

    def _show_curves(self) -> None:
        mark = round((self.x + REACH) * STEPS_PER_UNIT)
        steepest = max(1.25, self.alpha + 0.25) if self.function in WITH_ALPHA else 1.25
        panels = (
            (self._curve, "f", self._function(), self.value, LIMITS.get(self.function, (-2.0, 6.0))),
            (self._slope_curve, "f'", self._derivative(), self.slope, (-0.25, steepest)),
        )
        for chart, name, function, value, limits in panels:
            values = function(X)
            low, high = number(float(values.min())), number(float(values.max()))
            label = f"{name} of {self.function} for x from −{REACH} to {REACH}: values from {low} to {high}."
            drawing = svg_plot.curves(
                X.tolist(),
                {name: values.tolist()},
                mark=mark,
                limits=limits,
                xlabel="x",
                label=label,
                colors=("blue",) if name == "f" else ("orange",),
            )
            chart.title = f"{self.function}: {FORMULAS[self.function]}" if name == "f" else "its derivative"
            chart.show(drawing, at=(0, mark), text=f"{name}({number(self.x)}) = {number(value)}")

    def _show_softmax(self) -> None:
        names = [f"z = {number(float(z))}" for z in self.logits[0]]
        p = self.probabilities
        label = "; ".join(f"{name}: {number(float(v))}" for name, v in zip(names, p, strict=True))
        at = min(self._bars.cursor[1], len(p) - 1)
        drawing = svg_plot.bars(names, p.tolist(), limits=(0.0, 1.12), label=f"Probabilities. {label}.")
        self._bars.title = f"softmax(z / T), T = {number(self.temperature)}"
        self._bars.show(drawing, at=(0, at), text=f"{names[at]} gets {number(float(p[at]))}")
        self._matrix.show(self.jacobian.round(3) + 0.0)
        self._matrix.title = "Jacobian ∂p/∂z"
        self._heat.set(softmax_text=self.softmax_text)

    @property
    def slope_text(self) -> str:
        """What stands at the cursor, in words."""
        kink = (
            " x = 0 is a kink: the two sides disagree, and the left one is taken." if self._at_kink() else ""
        )
        product = number(self.slope**LAYERS)
        return (
            f"f({number(self.x)}) = {number(self.value)}, f'({number(self.x)}) = {number(self.slope)}; "
            f"central difference {number(round(self.difference, 6))}.{kink} "
            f"Through {LAYERS} layers with this slope a gradient is multiplied by {product}."
        )

    def _at_kink(self) -> bool:
        jumps = self.function == "relu" or (self.function in WITH_ALPHA and self.alpha != 1)
        return self.x == 0 and jumps

    @property
    def softmax_text(self) -> str:
        """The probabilities in words."""
        largest = float(self.probabilities.max())
        steepest = float(np.abs(self.jacobian).max())
        total = number(round(float(self.probabilities.sum()), 9))
        most = number(round(float(np.log2(len(self.probabilities))), 4))
        return (
            f"They sum to {total}; the largest is {number(largest)}. "
            f"Entropy {number(round(self.entropy, 4))} "
            f"of {most} bits. Largest slope {number(round(steepest, 6))}."
        )

    def _pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self.x = change.new[1] / STEPS_PER_UNIT - REACH

    def _bar_pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self._refresh()

    # ---- without a browser

    def digest(self) -> str:
        """Return the readings as text."""
        p = ", ".join(f"{value:.4f}" for value in self.probabilities)
        logits = ", ".join(number(float(z)) for z in self.logits[0])
        return (
            f"Activation explorer: {self.function}, {FORMULAS[self.function]}\n{self.slope_text}\n"
            f"softmax of ({logits}) at temperature {number(self.temperature)}: {p}"
        )

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 3.0

    def draw(self, figure: Any) -> None:
        """Draw the function, its derivative and the probabilities."""
        from cnnkit.figures import draw_activation_explorer

        values = (self._function()(X), self._derivative()(X))
        draw_activation_explorer(
            X, *values, self.x, self.logits[0], self.probabilities, figure, name=self.function
        )
