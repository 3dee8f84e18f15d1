"""TrainingPlayground: a small network that learns digits while the learner watches, or breaks it."""

import time
from typing import Any

import ipywidgets
import traitlets

from cnnkit.errors import OptionError
from cnnkit.shapes import whole_number
from cnnkit.widgets import playground_views as views
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Button, Checkbox, Control, Number, Range, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.network_view import NetworkView
from cnnkit.widgets.pacing import Pacer
from cnnkit.widgets.tensor_view import TensorView
from cnnkit.widgets.training_run import OPTIMIZERS, Measurement, Settings, TrainingRun

RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
BATCHES = (8, 32, 128)
EXAMPLES = (50, 200, 1000)
DROPOUTS = (0.0, 0.3, 0.6)
DECAYS = (0.0, 0.001, 0.01, 0.1, 1.0)
PACES = {"as fast as it goes": 0, "50 steps a second": 50, "5 steps a second": 5}
AT_MOST = 1000
"""Steps after which a run pauses by itself."""
START = 200
_FRAME, _SLICE, _BREATH = 0.15, 0.08, 0.03  # seconds: between pictures, of work at a time, for the others
_SPOKEN_EVERY = 100  # steps between sentences while it runs: a screen reader cannot follow every picture


class TrainingPlayground(ChapterWidget):
    """Train a small convolutional network on digits; watch losses, filters and maps; break it and diagnose.

    State, all of it settable: `learning_rate` (of RATES), which works at once; the fields of
    `training_run.Settings`, each of which starts a new network, the mistakes among them; `digit`, the one
    whose maps are shown; `pace`, steps a second, 0 for as many as can be.
    Actions, each with its button: `run()`, `pause()`, `step()`, `restart()`; without a notebook `train(n)`.
    Results: `running`; `trained`, the `TrainingRun`; `before`, the measurements of the run before; `summary`.
    Equal state and number of steps give equal results. It begins after `steps` steps.
    """

    learning_rate = traitlets.Enum(RATES, 0.003).tag(state=True)
    optimizer = traitlets.Enum(OPTIMIZERS, "Adam").tag(state=True)
    batch_size = traitlets.Enum(BATCHES, 32).tag(state=True)
    examples = traitlets.Enum(EXAMPLES, 1000).tag(state=True)
    batch_norm = traitlets.Bool(False).tag(state=True)
    dropout = traitlets.Enum(DROPOUTS, 0.0).tag(state=True)
    weight_decay = traitlets.Enum(DECAYS, 0.0).tag(state=True)
    seed = traitlets.Int(0, min=0).tag(state=True)
    raw_inputs = traitlets.Bool(False).tag(state=True)
    shuffled_labels = traitlets.Bool(False).tag(state=True)
    zero_weights = traitlets.Bool(False).tag(state=True)
    huge_rate = traitlets.Bool(False).tag(state=True)
    kept_gradients = traitlets.Bool(False).tag(state=True)
    softmax_twice = traitlets.Bool(False).tag(state=True)
    test_in_training = traitlets.Bool(False).tag(state=True)
    sorted_examples = traitlets.Bool(False).tag(state=True)
    digit = traitlets.Int(3, min=0, max=9).tag(state=True)
    pace = traitlets.Enum(tuple(PACES.values()), 0).tag(state=True)

    running = traitlets.Bool(False)
    summary = traitlets.Unicode()

    def __init__(self, steps: int = START, **state: Any) -> None:
        super().__init__(**state)
        self.before: list[Measurement] = []
        self._news = (
            "It has learnt a little already; Start again begins with new weights."
            if steps
            else "A new network."
        )
        self._until = 0
        self._told = -_SPOKEN_EVERY  # the step of the last sentence
        self._pacer = Pacer(self._frame, self._stopped)
        self.trained = TrainingRun(Settings.of(self), self.learning_rate)
        self._marks: dict[str, int | None] = {views.LOSS: None, views.ACCURACY: None}
        for _ in range(whole_number(steps, "steps", least=0)):
            self.trained.step()
        self._build()

    # ---- training

    def run(self) -> None:
        """Train in the background, at most AT_MOST steps; raises OptionError where there is no notebook."""
        if self._pacer.running:
            return
        self._check_goes_on()
        self._pacer.start()
        self._until = self.trained.steps + AT_MOST
        self.running, self._news, self._told = True, "Training.", -_SPOKEN_EVERY
        self._refresh()

    def pause(self) -> None:
        """Stop after the step that is under way; nothing is lost."""
        self._pacer.stop()

    def step(self) -> None:
        """Take one step, and wait."""
        self.pause()
        self.train(1)

    def restart(self) -> None:
        """Begin again with new weights from the same seed; a run that is under way goes on from there."""
        self._renew("A new network.")
        self._refresh()

    def train(self, steps: int) -> None:
        """Take `steps` steps at once; raises OptionError when the loss is not a number any more."""
        for _ in range(whole_number(steps, "steps", least=1)):
            self._check_goes_on()
            self.trained.step()
        self._news = "One step." if steps == 1 else f"{steps} steps."
        self._refresh()

    def close(self) -> None:
        """Stop training and take the widget away."""
        self.pause()
        super().close()

    def _check_goes_on(self) -> None:
        if self.trained.diverged:
            raise OptionError("the loss is not a number any more; start again")

    def _frame(self) -> float | None:
        """Take the steps that are due, show them, and return when the next ones are."""
        began = time.perf_counter()
        due = max(1, round(self.pace * _FRAME)) if self.pace else AT_MOST
        while due and self.trained.steps < self._until and not self.trained.diverged:
            self.trained.step()
            due -= 1
            if time.perf_counter() - began > _SLICE:
                break
        self._refresh()
        if self.trained.steps >= self._until or self.trained.diverged:
            return None
        interval = max(_FRAME, 1 / self.pace) if self.pace else _FRAME
        return max(_BREATH, interval - (time.perf_counter() - began))

    def _stopped(self, error: Exception | None) -> None:
        self.running = False
        self._news = "Paused."
        if error is not None:
            self._news = f"Stopped by an error, {type(error).__name__}: {error}"
        elif self.trained.steps >= self._until:
            self._news = f"Paused after {AT_MOST} steps; Run goes on."
        self._refresh()

    def _renew(self, news: str) -> None:
        if self.trained.steps:
            self.before = self.trained.measured
        self.trained = TrainingRun(Settings.of(self), self.learning_rate)
        self._until = AT_MOST
        self._news, self._told = news, -_SPOKEN_EVERY
        self._marks = dict.fromkeys(self._marks)

    # ---- computing

    def update(self) -> None:
        """Start a new network where a setting other than the learning rate has changed, and show."""
        if self.trained.settings != Settings.of(self):
            self._renew("Other settings, a new network.")
        self.trained.set_learning_rate(self.learning_rate)
        if not self.running or not 0 <= self.trained.steps - self._told < _SPOKEN_EVERY:
            self.summary = f"{self._news} {views.summary(self.trained)}"
            self._told = self.trained.steps
        self._show()

    # ---- showing

    def _build(self) -> None:
        self._actions = Controls(_action_controls(), label="Training")
        self._settings = Controls(_setting_controls(), label="Settings")
        self._mistakes = Controls(
            [Checkbox(name, text, wide=True) for name, text in views.MISTAKES.items()],
            label="Break it",
        )
        self._texts = Controls([Readout("summary", "How it goes", wide=True, lines=3)], label="How it goes")
        self._charts = {kind: Chart(layout=flexible("1 1 290px", 410)) for kind in self._marks}
        for kind, chart in self._charts.items():
            chart.title = f"{kind.capitalize()}, step by step"
            chart.observe(lambda change, kind=kind: self._pointed_at(kind, change.new[1]), "cursor")
        self._filters = TensorView(
            views.filters(self.trained),
            title="First-layer filters",
            limits=(-views.REACH, views.REACH),
            windows=views.filter_frames(),
            numbers=False,
            width=430,
            max_cell=16,
        )
        layers = views.map_layers(self.trained)
        self._maps = NetworkView(
            layers,
            title="What every layer returns for one digit",
            fixed=list(range(len(layers))),
        )
        self._actions.on_change(self._press, "run", "pause", "step", "restart")
        charts = ipywidgets.HBox([*self._charts.values()], layout=wrapping())
        heading = ipywidgets.HTML("<strong>Break it</strong>")
        left = ipywidgets.VBox([self._settings, heading, self._mistakes], layout=flexible("1 1 210px", 260))
        right = ipywidgets.VBox([charts, self._filters, self._maps], layout=flexible("4 1 420px", 860))
        panels = [self._actions, self._settings, self._mistakes]
        self.start(panels, [self._actions, self._texts, ipywidgets.HBox([left, right], layout=wrapping())])

    def _press(self, name: str, _count: Any) -> None:
        try:
            getattr(self, name)()
            self._actions.messages = {}
        except OptionError as error:
            self._actions.say(name, str(error))

    def _pointed_at(self, kind: str, place: int) -> None:
        """Keep a cursor where the learner put it; at the end it follows the run."""
        if not self._quiet:
            last = self._curves(kind).place(self.trained.measured)
            self._marks[kind] = None if place >= last else place
            self._refresh()

    def _curves(self, kind: str) -> views.Curves:
        return views.Curves(kind, self.trained.measured, self.before)

    def _show(self) -> None:
        for kind, chart in self._charts.items():
            curves = self._curves(kind)
            last = curves.place(self.trained.measured)
            kept = self._marks[kind]
            mark = last if kept is None else min(kept, last)
            moving = self.running and kept is None
            text = "It moves with the run." if moving else curves.spoken(mark)
            chart.show(curves.drawing(mark), at=(0, mark), text=text)
        self._filters.show(views.filters(self.trained), limits=(-views.REACH, views.REACH))
        values = views.maps(self.trained, self.digit)
        self._maps.show(values, text=views.answer(values, self.digit))
        self._texts.set(summary=self.summary)

    # ---- without a browser

    def digest(self) -> str:
        """Return settings, mistakes and results as text."""
        return views.digest(self.trained)

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 5.2

    def draw(self, figure: Any) -> None:
        """Draw the curves, the first layer's filters, and the maps of the chosen digit."""
        from cnnkit.figures import draw_training_playground

        curves = {kind: self._curves(kind) for kind in self._charts}
        panels = {kind: (curve.steps, curve.series, curve.limits()) for kind, curve in curves.items()}
        layers = views.map_layers(self.trained)
        titles = [f"{layer.name}: {layer.about}" for layer in layers]
        looks = [(layer.cmap, layer.limits) for layer in layers]
        values = views.maps(self.trained, self.digit)
        draw_training_playground(
            panels,
            views.kernels(self.trained),
            views.REACH,
            list(zip(titles, values, looks, strict=True)),
            figure,
        )


def _action_controls() -> list[Control]:
    return [
        Button("run", "Run"),
        Button("pause", "Pause"),
        Button("step", "One step"),
        Button("restart", "Start again"),
        Select("pace", "Pace", tuple(PACES.items())),
        Range("digit", "Digit on show", 3, maximum=9),
    ]


def _setting_controls() -> list[Control]:
    def named(values: tuple[float, ...]) -> tuple[tuple[str, float], ...]:
        return tuple(("none" if not value else str(value), value) for value in values)

    return [
        Select("learning_rate", "Learning rate (works at once)", RATES, 0.003),
        Select("optimizer", "Optimiser", OPTIMIZERS, "Adam"),
        Select("batch_size", "Batch size", BATCHES, 32),
        Select("examples", "Digits to learn from", EXAMPLES, 1000),
        Select("dropout", "Dropout", named(DROPOUTS)),
        Select("weight_decay", "Weight decay", named(DECAYS)),
        Checkbox("batch_norm", "Batch normalisation"),
        Number("seed", "Seed", 0, minimum=0, maximum=9999),
    ]
