"""What the training playground shows of a run: curves, filters, maps, and sentences."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.activations import softmax
from cnnkit.widgets import svg_plot
from cnnkit.widgets.network_view import MapLayer
from cnnkit.widgets.sliding import number
from cnnkit.widgets.stages import Stage, run, take_apart
from cnnkit.widgets.tensor_view import window
from cnnkit.widgets.training_run import FILTERS, MEASURE_EVERY, Measurement, TrainingRun

Array = NDArray[Any]

MISTAKES = {
    "raw_inputs": "Inputs not normalised: pixels 0 to 255",
    "shuffled_labels": "Labels of the training digits shuffled",
    "zero_weights": "All weights start at 0",
    "huge_rate": "Learning rate × 1000",
    "kept_gradients": "Gradients never set to zero",
    "softmax_twice": "Softmax twice: in the network and in the loss",
    "test_in_training": "Tests in training mode (try it with dropout)",
    "sorted_examples": "No shuffling: examples sorted by digit",
}
LOSS, ACCURACY = "loss", "accuracy"
_CURVES = {LOSS: ("training", "test", "test, run before"), ACCURACY: ("training", "test", "test, run before")}
_HIGHEST_LOSS, _MOST_POINTS = 6.0, 240
_SIZE = (400, 230)
REACH = 1.2
"""The weights at the ends of the colours of the filters."""
_LIMITS = {"conv 1": 2.5, "conv 2": 4.0, "output": 1.0}
"""The stages that are shown, and the values at the upper end of their colours."""


class Curves:
    """Measurements of a run, and of the one before for comparison, at the same steps and not too many.

    Attributes:
        steps: (P,) equally far apart, at least two of them.
        series: name -> (P,) values; NaN where a run was not measured.
    """

    def __init__(self, kind: str, measured: Sequence[Measurement], before: Sequence[Measurement]) -> None:
        last = max(point.step for point in (*measured, *before))
        every = MEASURE_EVERY * math.ceil((last / MEASURE_EVERY + 1) / _MOST_POINTS)
        self.steps = list(range(0, max(last, every) + 1, every))
        test = f"test_{kind}"
        rows = [(measured, kind), (measured, test), *([(before, test)] if before else [])]
        self.series = {
            name: self._values(points, field)
            for name, (points, field) in zip(_CURVES[kind], rows, strict=False)
        }
        self._kind = kind

    def _values(self, points: Sequence[Measurement], field: str) -> list[float]:
        known = {point.step: float(getattr(point, field)) for point in points}
        return [known.get(step, math.nan) for step in self.steps]

    def place(self, measured: Sequence[Measurement]) -> int:
        """Return the place of the last measurement."""
        last = measured[-1].step
        return max(index for index, step in enumerate(self.steps) if step <= last)

    def limits(self) -> tuple[float, float]:
        """Return the ends of the vertical axis; a loss far above guessing is cut off."""
        if self._kind == ACCURACY:
            return 0.0, 1.0
        finite = [value for values in self.series.values() for value in values if math.isfinite(value)]
        return 0.0, min(max(2.5, *finite) * 1.05, _HIGHEST_LOSS) if finite else 2.5

    def drawing(self, mark: int) -> svg_plot.Drawing:
        """Return the curves with dots at place `mark`."""
        low, high = self.limits()
        return svg_plot.curves(
            [float(step) for step in self.steps],
            self.series,
            mark=mark,
            limits=(low, high),
            xlabel="step",
            label=f"{self._kind} over {self.steps[-1]} steps. {self.spoken(mark)}",
            colors=("blue", "orange", "gray"),
            size=_SIZE,
            written=number if self._kind == LOSS else _percent,
        )

    def spoken(self, mark: int) -> str:
        """Return what stands at place `mark`, in words."""
        written = _rounded if self._kind == LOSS else _percent
        values = [
            f"{name} {written(column[mark])}"
            for name, column in self.series.items()
            if column[mark] == column[mark]
        ]
        return f"step {self.steps[mark]}: {', '.join(values) or 'not a number'}"


def _rounded(value: float) -> str:
    return number(round(value, 3)) if math.isfinite(value) else "infinite"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


# ---- filters and maps


def map_layers(trained: TrainingRun) -> list[MapLayer]:
    """Return how the layers' results are drawn: alike for all runs, so that they can be compared."""
    stages = take_apart(trained.network)
    layers = [MapLayer("input", "a digit that training never saw", (8, 8, 1), (0.0, 1.0), "gray")]
    return [*layers, *(_map_layer(stage) for stage in stages if stage.name in _LIMITS)]


def _map_layer(stage: Stage) -> MapLayer:
    rows, columns, channels = stage.shape
    last = stage.name == "output"
    size = f"{channels} units" if rows * columns == 1 else f"{channels} maps of {rows} × {columns}"
    return MapLayer(
        stage.name,
        "what softmax makes of the logits" if last else size,
        stage.shape,
        (0.0, _LIMITS[stage.name]),
        windows=_windows(stage),
        own=stage.pools,
        fields=stage.fields,
        labels=tuple(map(str, range(10))) if last else (),
    )


def _windows(stage: Stage) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    geometry = stage.geometry
    if geometry is None:
        return None
    rows, columns = (
        (geometry.kernel_size[axis], geometry.stride[axis], -geometry.padding[axis][0]) for axis in (0, 1)
    )
    return rows, columns


def kernels(trained: TrainingRun) -> Array:
    """Return the first layer's kernels, (3, 3, FILTERS); what is not a number is 0."""
    return np.nan_to_num(trained.network.layers[0].params["w"][:, :, 0])


def filters(trained: TrainingRun) -> Array:
    """Return the first layer's kernels side by side, (3, 3 * FILTERS)."""
    return np.concatenate(np.moveaxis(kernels(trained), -1, 0), axis=1)


def filter_frames() -> list[dict[str, Any]]:
    """Return a frame around each kernel of `filters`."""
    return [window(0, 3 * number, 3, 3, color="gray") for number in range(FILTERS)]


def maps(trained: TrainingRun, digit: int) -> list[Array]:
    """Return the maps of the first test digit of a kind, input first, probabilities last, as `map_layers`."""
    x = trained.x_test[int(np.argmax(trained.y_test == digit))][np.newaxis]
    stages = take_apart(trained.network)
    with np.errstate(all="ignore"):
        results = run(stages, x)
        results[-1] = softmax(results[-1])
    shown = [x / 255 if trained.settings.raw_inputs else x]
    shown += [result for stage, result in zip(stages, results[1:], strict=True) if stage.name in _LIMITS]
    return [np.nan_to_num(result[0]) for result in shown]


def answer(values: Sequence[Array], digit: int) -> str:
    """Return what the network makes of the digit."""
    shares = values[-1].ravel()
    best = int(shares.argmax())
    return f"a {digit}, taken for a {best} ({_percent(float(shares[best]))})"


# ---- sentences


def summary(trained: TrainingRun) -> str:
    """Return how far the run is, and the numbers that a diagnosis begins with."""
    last, settings = trained.measured[-1], trained.settings
    passes = trained.steps * settings.batch_size / settings.examples
    if trained.diverged:
        return f"Step {trained.steps}: the loss is not a number any more, and no step mends that."
    parts = [
        f"Step {trained.steps}, {number(round(passes, 1))} passes over {settings.examples} digits. At step "
        f"{last.step} the loss is {_rounded(last.loss)} in training, {_rounded(last.test_loss)} in the test "
        f"(guessing: ln 10 = 2.303); {_percent(last.accuracy)} of the training digits and "
        f"{_percent(last.test_accuracy)} of the test digits are right."
    ]
    if trained.steps:
        parts.append(f"Gradient norm {number(float(f'{trained.gradient_norm:.2g}'))}.")
    parts.append(f"{_percent(trained.dead_share())} of the hidden units are 0 for every test digit.")
    return " ".join(parts)


def digest(trained: TrainingRun) -> str:
    """Return the run as text, in figures so coarse that rounding on another machine does not change them."""
    chosen = trained.settings
    first, last = trained.measured[0], trained.measured[-1]
    wrong = [text for name, text in MISTAKES.items() if getattr(chosen, name)]
    lines = [
        f"Training playground: {chosen.optimizer}, batches of {chosen.batch_size}, {chosen.examples} digits, "
        f"batch norm {'on' if chosen.batch_norm else 'off'}, dropout {number(chosen.dropout)}, weight decay "
        f"{number(chosen.weight_decay)}, seed {chosen.seed}",
        f"mistakes: {'; '.join(wrong) or 'none'}",
        f"before training: loss {first.loss:.1f}, {_coarse(first.test_accuracy)} of the test digits right",
    ]
    if trained.diverged:
        lines.append(f"after {trained.steps} steps: the loss is not a number")
    elif trained.steps:
        lines.append(f"after {trained.steps} steps: {_coarse(last.test_accuracy)} of the test digits right")
    return "\n".join(lines)


def _coarse(share: float) -> str:
    tenths = math.floor(10 * share)
    return f"at least {10 * tenths} %" if tenths else "less than 10 %"
