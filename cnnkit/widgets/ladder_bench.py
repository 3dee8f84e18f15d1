"""LadderBench: every rung of the ladder raced on a layer of one's choice, under this machine's roof."""

import time
from typing import Any, ClassVar

import ipywidgets
import traitlets

from cnnkit.errors import CnnkitError, OptionError
from cnnkit.kernels.parallel.ladder import LADDER
from cnnkit.kernels.parallel.threads import check_threads, most_threads
from cnnkit.roofline import Machine, Placement, measure_machine, place
from cnnkit.roofline.race import Problem, Race
from cnnkit.widgets import ladder_drawing as drawing
from cnnkit.widgets import ladder_text as text
from cnnkit.widgets import svg_plot
from cnnkit.widgets.boxes import flexible, wrapping
from cnnkit.widgets.chapter import ChapterWidget
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.control_kinds import Button, Control, Readout, Select
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.pacing import Pacer

SIZES = (7, 14, 28, 56, 112)
CHANNELS = (3, 16, 32, 64, 128, 256)
FILTERS = (16, 32, 64, 128, 256)
KERNELS = (1, 3, 5)
DTYPES = ("float32", "float64")
RUNGS = tuple(rung.name for rung in LADDER)
FACTORS = (10, 100, 1000, 10_000, 100_000, 1_000_000)
_BREATH, _FRAME = 0.02, 0.25  # seconds: for the notebook between calls, and between pictures


class LadderBench(ChapterWidget):
    """Choose a layer, guess which rung is quickest and by how much, then race them all on this machine.

    State, all of it settable: `size` (pixels a side), `channels`, `filters` and `kernel_size` of a
    convolution with stride 1 and padding "same"; `dtype`; `threads` (0: all cores); `guess` (a name of
    RUNGS, "" for none yet) and `guess_factor` (of FACTORS, 0 for none yet: how many times the first rung's
    speed); `chosen`, the rung that is explained. Another layer, type or number of threads clears the results.
    Actions, each with its button: `run()`, which works in the background of a notebook, and `stop()`;
    without a notebook `finish()`, which returns when all is timed.
    Results: `running`, `race` (a `Race`, None before), `machine` (a `Machine`, None before), `placements`,
    and the sentences `work_text`, `summary`, `rung_text`.

    Raises OptionError for unknown names, for more threads than there are, and for a run without a guess.
    """

    size = traitlets.Enum(SIZES, 56).tag(state=True)
    channels = traitlets.Enum(CHANNELS, 64).tag(state=True)
    filters = traitlets.Enum(FILTERS, 64).tag(state=True)
    kernel_size = traitlets.Enum(KERNELS, 3).tag(state=True)
    dtype = traitlets.Enum(DTYPES, "float32").tag(state=True)
    threads = traitlets.Int(0, min=0).tag(state=True)
    guess = traitlets.Enum(("", *RUNGS), "").tag(state=True)
    guess_factor = traitlets.Enum((0, *FACTORS), 0).tag(state=True)
    chosen = traitlets.Enum(RUNGS, RUNGS[0]).tag(state=True)

    running = traitlets.Bool(False)
    work_text = traitlets.Unicode()
    summary = traitlets.Unicode()
    rung_text = traitlets.Unicode()

    # Two seconds each, and they stay what they are.
    _machines: ClassVar[dict[tuple[str, int], Machine]] = {}

    def __init__(self, **state: Any) -> None:
        self.problem = Problem(0, 1, 1)
        self.race: Race | None = None
        self.machine: Machine | None = None
        self._asked: tuple[Any, ...] = ()
        self._guessed: tuple[str, int] = ("", 0)
        self._news, self._shown_at = "", 0.0
        self._pacer = Pacer(self._turn, self._ended)
        super().__init__(**state)
        self._build()

    # ---- computing

    def update(self) -> None:
        """Describe the layer, drop results of another one, and show."""
        if self.threads:
            check_threads(self.threads)
        problem = Problem(self.size, self.channels, self.filters, self.kernel_size, self.dtype)
        if (problem, self.threads) != self._asked:
            self._asked = problem, self.threads
            self._pacer.stop()
            self.race = self.machine = None
            self._news = ""
            self.problem = problem
        self._show()

    def run(self) -> None:
        """Race all rungs in the background; raises OptionError without a guess or outside a notebook."""
        self._prepare()
        self._pacer.start()
        self.running = True
        self._show()

    def stop(self) -> None:
        """Stop the race; what has been timed stays."""
        self._pacer.stop()

    def finish(self) -> None:
        """Race all rungs now, and return when it is over; raises OptionError without a guess."""
        self._prepare()
        while self._turn() is not None:
            continue
        self._show()

    def _prepare(self) -> None:
        if not (self.guess and self.guess_factor):
            raise OptionError(
                "guess first: which rung is quickest, and how many times the first one's speed?"
            )
        self._pacer.stop()
        self._guessed = self.guess, self.guess_factor
        self.race = Race(self.problem, LADDER, self._thread_count())
        self.machine = None
        self._news = "Measuring this machine's roof; kernels that are not there yet are compiled."

    def _turn(self) -> float | None:
        """Do one thing that does not take long; return the pause after it, None when all is done."""
        assert self.race is not None
        if self.machine is None:
            self.machine = self._measured()
            self._show_roof(drawing.nearest_column(self.machine, self.problem.work))
            return _BREATH
        if not self.race.step():
            self._news = ""
            return None
        self._news = f"Racing: {self.race.doing}."
        if time.monotonic() - self._shown_at > _FRAME:
            self._show()
        return _BREATH

    def _ended(self, error: Exception | None) -> None:
        self.running = False
        if error is not None:
            self._news = f"The race ended with an error: {error}"
        elif self.race is not None and self.race.doing:
            self._news = "Stopped; what was timed so far stands."
        self._show()

    def _measured(self) -> Machine:
        key = self.dtype, self._thread_count()
        if key not in self._machines:
            self._machines[key] = measure_machine(*key)
        return self._machines[key]

    def _thread_count(self) -> int:
        return self.threads or most_threads()

    @property
    def placements(self) -> dict[str, Placement]:
        """Where each rung that has been timed stands under the roof."""
        if self.race is None or self.machine is None:
            return {}
        work, machine = self.problem.work, self.machine
        return {
            entry.rung.name: place(*work, entry.seconds, machine)
            for entry in self.race.entries
            if entry.seconds is not None
        }

    # ---- showing

    def _build(self) -> None:
        self._settings = Controls(
            self._setting_controls(), label="Ladder bench", layout=flexible("1 1 230px", 290)
        )
        self._bars = Chart(layout=flexible("3 1 420px", 660))
        self._roof = Chart(layout=flexible("2 1 300px", 450))
        self._texts = Controls(
            [
                Readout("summary", "The race", wide=True, lines=3),
                Readout("rung_text", "This rung", wide=True, lines=3),
                Readout("work_text", "The layer", wide=True, lines=2),
            ],
            label="Ladder bench results",
        )
        self._bars.observe(self._rung_pointed_at, "cursor")
        self._roof.observe(self._roof_pointed_at, "cursor")
        self._settings.on_change(self._pressed, "run", "stop")
        charts = ipywidgets.HBox([self._bars, self._roof], layout=wrapping())
        right = ipywidgets.VBox([charts, self._texts], layout=flexible("4 1 420px", 1120))
        self.start([self._settings], [ipywidgets.HBox([self._settings, right], layout=wrapping())])

    def _setting_controls(self) -> list[Control]:
        counts = [count for count in (1, 2, 4, 8, 16, 32, 64) if count < most_threads()]
        return [
            Select("size", "Image, pixels a side", tuple((f"{n} × {n}", n) for n in SIZES)),
            Select("channels", "Channels", CHANNELS),
            Select("filters", "Filters", FILTERS),
            Select("kernel_size", "Kernel", tuple((f"{n} × {n}", n) for n in KERNELS)),
            Select("dtype", "Numbers", DTYPES),
            Select("threads", "Threads", (("all cores", 0), *counts)),
            Select("guess", "Your guess: the quickest is", (("choose a rung", ""), *RUNGS)),
            Select(
                "guess_factor",
                f"... and does, compared with “{RUNGS[0]}”",
                (("choose a factor", 0), *((f"{factor:,} times as much", factor) for factor in FACTORS)),
            ),
            Button("run", "Race"),
            Button("stop", "Stop"),
        ]

    def _pressed(self, name: str, _count: Any) -> None:
        try:
            self.stop() if name == "stop" else self.run()
            self._settings.messages = {}
        except CnnkitError as error:
            self._settings.say(name, str(error))

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        self.work_text = text.layer(self.problem, self.machine)
        self.summary = self._news or text.verdict(self.race, self.machine, self._guessed)
        self.rung_text = text.rung(self._explained(), self.race, self.machine)
        self._show_bars()
        self._show_roof(self._roof.cursor[1])
        self._settings.disabled = ["run"] if self.running else ["stop"]
        self._texts.set(summary=self.summary, rung_text=self.rung_text, work_text=self.work_text)

    def _explained(self) -> Any:
        return LADDER[RUNGS.index(self.chosen)]

    def _show_bars(self) -> None:
        entries = text.entries(self.race, self.problem, LADDER)
        roof = None if self.machine is None else self.machine.roof(self.problem.work.intensity)
        self._bars.title = "The ladder: speed and share of the roof; outlined bars are extrapolated"
        label = text.bars_label(entries, roof)
        # The sentence on the rung stands below, so that the chart need not say it too.
        at = (RUNGS.index(self.chosen), 0)
        self._bars.show(drawing.rung_bars(entries, roof, label=label), at=at, text="")

    def _show_roof(self, column: int) -> None:
        work = self.problem.work
        if self.machine is None:
            sizes = text.megabytes(self.problem)
            column = min(column, len(sizes) - 1)
            name, value = list(sizes.items())[column]
            self._roof.title = "What has to move at least, in megabytes"
            made = svg_plot.bars(
                list(sizes),
                list(sizes.values()),
                limits=(0.0, max(sizes.values()) * 1.2),
                label=text.bytes_label(self.problem),
                size=(430, 250),
            )
            self._roof.show(made, at=(0, column), text=f"{name}: {value:.3f} MB")
            return
        placements, machine = self.placements, self.machine
        self._roof.title = f"The roof of this machine, {self.dtype}"
        made = drawing.roof_plot(machine, placements, work, label=text.roof_label(machine, work))
        at = drawing.intensity_at(column, machine, work)
        self._roof.show(made, at=(0, column), text=text.under_the_roof(at, machine))

    def _rung_pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self.chosen = RUNGS[change.new[0]]

    def _roof_pointed_at(self, change: Any) -> None:
        if not self._quiet:
            self._show_roof(change.new[1])

    # ---- without a browser

    def digest(self) -> str:
        """Return what can be said without a clock: the layer's arithmetic, the roof's formula, the rungs.

        After a race, also what was measured.
        """
        lines = [
            f"Ladder bench: {self.kernel_size} x {self.kernel_size} convolution, {self.filters} filters, of "
            f"{self.size} x {self.size} x {self.channels}, {self.dtype}",
            text.layer(self.problem, None),
        ]
        lines += [f"{index}. {rung.name}" for index, rung in enumerate(LADDER, start=1)]
        if self.placements:
            lines += [self.summary, text.bars_label(text.entries(self.race, self.problem, LADDER), None)]
        return "\n".join(lines)

    def picture_size(self) -> tuple[float, float]:
        """Return the inches of the static picture."""
        return 10.0, 4.0

    def draw(self, figure: Any) -> None:
        """Draw the rungs and what has to move; after a race, the speeds and the roof."""
        from cnnkit.figures import draw_ladder_bench

        draw_ladder_bench(
            list(RUNGS),
            text.megabytes(self.problem),
            self.problem.work.intensity,
            self.machine,
            self.placements,
            figure,
        )
