"""ReluRescue: a small network whose ReLU units the learner kills, counts and brings back."""

from typing import Any

import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray

from cnnkit.dying_relu import DigitNetwork
from cnnkit.errors import OptionError
from cnnkit.widgets import svg_plot
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Button, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.sliding import number

Array = NDArray[np.float64]

RATES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SLOPES = (0.0, 0.01, 0.1)
BIASES = (0.0, 1.0, -1.0, -2.0, -3.0)
STEPS, MOST_STEPS = 50, 1000
HIDDEN = 32
_BARS_REACH, _MOST_LOSS = 4.0, 10.0


class ReluRescue(ChapterWidget):
    """Train on 300 digits with a learning rate of one's choice, watch hidden units die, raise their biases.

    State, all of it settable: `learning_rate` (one of RATES), `first_bias` (of BIASES), `alpha` (of SLOPES),
    which both start a new network; `lift`, what `revive()` adds to the bias of every dead unit.
    Actions, each with its button: `train()`, `revive()`, `restart()`.
    Results: `network` (a `DigitNetwork`), `largest` (each unit's largest z), `dead`, `summary`.
    """

    learning_rate = traitlets.Enum(RATES, 3.0).tag(state=True)
    first_bias = traitlets.Enum(BIASES, 0.0).tag(state=True)
    alpha = traitlets.Enum(SLOPES, 0.0).tag(state=True)
    lift = traitlets.Float(3.0, min=0.5, max=6).tag(state=True)

    dead = traitlets.Int()
    summary = traitlets.Unicode()

    def __init__(self, **state: Any) -> None:
        self.network = DigitNetwork(hidden=HIDDEN)
        self.largest: Array = np.zeros(HIDDEN)
        self._made_with: tuple[float, float] = (0.0, 0.0)
        self._news = "A new network."
        super().__init__(**state)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Start again where the first bias or the slope is new, measure, and show."""
        if self._made_with != (self.first_bias, self.alpha):
            self.network = DigitNetwork(hidden=HIDDEN, bias=self.first_bias, alpha=self.alpha)
            self._made_with = (self.first_bias, self.alpha)
            self._news = "A new network."
        self.largest = self.network.pre_activations().max(axis=0)
        self.dead = int(self.network.dead().sum())
        self.summary = f"{self._news} {self.network}."
        self._show()

    def train(self, steps: int = STEPS) -> None:
        """Take `steps` steps of gradient descent; raises OptionError when the network has had its fill."""
        if len(self.network.losses) + steps > MOST_STEPS:
            raise OptionError(f"it has trained for {len(self.network.losses)} steps; start again")
        self.network.train(steps, self.learning_rate)
        self._news = f"{steps} steps with learning rate {number(self.learning_rate)}."
        self._refresh()

    def revive(self) -> None:
        """Raise the bias of every dead unit by `lift`."""
        before = self.dead
        alive = self.network.revive(self.lift)
        self._news = (
            f"Biases of {before} dead units raised by {number(self.lift)}: {alive} of them live again."
        )
        self._refresh()

    def restart(self) -> None:
        """Begin with a new network."""
        self._made_with = (np.nan, np.nan)
        self._refresh()

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            [
                Select("first_bias", "First bias of the hidden units", BIASES),
                Select("alpha", "Slope on the left (0: ReLU)", SLOPES),
                Button("restart", "Start again"),
                Select("learning_rate", "Learning rate", RATES),
                Button("train", f"Train {STEPS} steps"),
                Range("lift", "Raise dead biases by", 3.0, minimum=0.5, maximum=6.0, step=0.5),
                Button("revive", "Raise them"),
                Readout("summary", "What happened", wide=True, lines=5),
            ],
            label="ReLU rescue",
            layout=flexible("1 1 210px", 260),
        )
        self._course, self._units = (Chart(layout=flexible("1 1 300px", 400)) for _ in range(2))
        self._settings.on_change(self._press, "train", "revive", "restart")
        for chart in (self._course, self._units):
            chart.observe(self._pointed_at, "cursor")
        charts = ipywidgets.HBox([self._course, self._units], layout=wrapping(flex="4 1 320px"))
        self.start([self._settings], [ipywidgets.HBox([self._settings, charts], layout=wrapping())])

    def _press(self, name: str, _count: Any) -> None:
        try:
            getattr(self, name)()
            self._settings.messages = {}
        except OptionError as error:
            self._settings.say(name, str(error))

    def _show(self) -> None:
        self._show_course(min(self._course.cursor[1], max(len(self.network.losses), 1)))
        self._show_units(self._units.cursor[1])
        self._settings.set(summary=self.summary)

    def _show_course(self, at: int) -> None:
        losses = [*self.network.losses, self.network.loss]
        shares = [count / HIDDEN for count in (*self.network.dead_counts, self.dead)]
        if len(losses) == 1:
            losses, shares = losses * 2, shares * 2
        drawing = svg_plot.curves(
            [float(step) for step in range(len(losses))],
            {"loss": losses, "dead share": shares},
            mark=at,
            limits=(0.0, min(max(*losses, 2.5) * 1.05, _MOST_LOSS)),
            xlabel="step",
            label=f"Loss from {losses[0]:.2f} to {losses[-1]:.2f}, {self.dead} of {HIDDEN} units dead.",
            size=(380, 270),
        )
        self._course.title = "Loss, and the share of dead units"
        text = f"step {at}: loss {losses[at]:.2f}, {round(shares[at] * HIDDEN)} dead"
        self._course.show(drawing, at=(0, at), text=text)

    def _show_units(self, at: int) -> None:
        drawing = svg_plot.bars(
            [""] * HIDDEN,
            self.largest.tolist(),
            limits=(-_BARS_REACH, _BARS_REACH),
            label=f"Largest z of each unit: {self.dead} of {HIDDEN} at or below 0.",
            xlabel="hidden unit",
            numbers=False,
            size=(380, 270),
        )
        self._units.title = "Each unit's largest z over all digits"
        state = "alive" if self.largest[at] > 0 else "dead"
        self._units.show(
            drawing, at=(0, at), text=f"unit {at}: {number(round(float(self.largest[at]), 2))}, {state}"
        )

    def _pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self._refresh()

    # ---- without a browser

    def digest(self) -> str:
        """Return what happened as text."""
        top = ", ".join(number(round(float(value), 2)) for value in np.sort(self.largest)[::-1][:3])
        return f"ReLU rescue: {self.summary} Largest z of the liveliest units: {top}"

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 2.8

    def draw(self, figure: Any) -> None:
        """Draw the course of the training and every unit's largest z."""
        from cnnkit.figures import draw_dying_relu

        losses = [*self.network.losses, self.network.loss]
        counts = [*self.network.dead_counts, self.dead]
        draw_dying_relu(losses, counts, self.largest, figure)
