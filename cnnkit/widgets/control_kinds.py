"""The kinds of native inputs that `Controls` builds: what each one is, holds and accepts."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from cnnkit.errors import OptionError

MAX_UPLOAD_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Control:
    """A named and labelled input; the subclasses say what it holds.

    Attributes:
        name: the key of its value in `Controls.values`.
        label: the visible and accessible name.
        help: one sentence below the input, read out with it.
        wide: takes the whole width of the panel.
    """

    kind: ClassVar[str]
    name: str
    label: str
    help: str = field(default="", kw_only=True)
    wide: bool = field(default=False, kw_only=True)

    def check(self, value: Any) -> Any:
        """Return `value` as this control holds it; raises OptionError when it cannot."""
        raise NotImplementedError

    def initial(self) -> Any:
        """Return the value that the control starts with; raises OptionError for one it does not accept."""
        return self.check(getattr(self, "value", None))

    def description(self) -> dict[str, Any]:
        """Return what the front end builds it from, as JSON."""
        return {**asdict(self), "kind": self.kind}

    def refuse(self, value: Any, expected: str) -> OptionError:
        """Return the error that names this control, the value and what was expected."""
        return OptionError(f"control {self.name!r} got {value!r}; expected {expected}")


@dataclass(frozen=True)
class Number(Control):
    """A number field, whole numbers when minimum and step are whole."""

    kind = "number"
    value: float = 0
    minimum: float = field(default=-1e6, kw_only=True)
    maximum: float = field(default=1e6, kw_only=True)
    step: float = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        if not self.minimum < self.maximum:
            raise OptionError(
                f"control {self.name!r} spans {self.minimum} to {self.maximum}; expected minimum < maximum"
            )
        if not self.step > 0:
            raise OptionError(f"control {self.name!r} has step {self.step}; expected a number above 0")

    def check(self, value: Any) -> float:
        """Return the number, a whole one as int; raises OptionError outside minimum..maximum."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.refuse(value, "a finite number")
        if not self.minimum <= value <= self.maximum:
            raise self.refuse(value, f"a number from {self.minimum} to {self.maximum}")
        whole = isinstance(self.minimum, int) and isinstance(self.step, int)
        if whole and value != int(value):
            raise self.refuse(value, "a whole number")
        return int(value) if whole else float(value)


@dataclass(frozen=True)
class Range(Number):
    """A slider with its value in view.

    Attributes:
        texts: what each step is called, from minimum on; the numbers themselves when empty.
        play: adds a button that moves the slider step by step, and a choice of speed.
    """

    kind = "range"
    minimum: float = field(default=0, kw_only=True)
    maximum: float = field(default=10, kw_only=True)
    texts: tuple[str, ...] = field(default=(), kw_only=True)
    play: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Select(Control):
    """One of several options; `options` are the values, or pairs (text, value)."""

    kind = "select"
    options: tuple[Any, ...] = ()
    value: Any = None

    def pairs(self) -> list[tuple[str, Any]]:
        """Return the options as (text, value)."""
        return [option if isinstance(option, tuple) else (str(option), option) for option in self.options]

    def initial(self) -> Any:
        """Return the chosen value, by default the first option's."""
        if not self.options:
            raise OptionError(f"control {self.name!r} has no options; expected at least one")
        return self.pairs()[0][1] if self.value is None else self.check(self.value)

    def check(self, value: Any) -> Any:
        """Return the value; raises OptionError when it is none of the options."""
        # A browser writes 1.0 as 1; True, which equals 1 too, is another value.
        for _, known in self.pairs():
            if isinstance(known, bool) == isinstance(value, bool) and known == value:
                return known
        raise self.refuse(value, f"one of {', '.join(repr(known) for _, known in self.pairs())}")

    def description(self) -> dict[str, Any]:
        """Return what the front end builds it from, as JSON."""
        return {**super().description(), "options": [list(option) for option in self.pairs()]}


@dataclass(frozen=True)
class Checkbox(Control):
    """A yes or no."""

    kind = "checkbox"
    value: bool = False

    def check(self, value: Any) -> bool:
        """Return the boolean; raises OptionError for anything else."""
        if not isinstance(value, bool):
            raise self.refuse(value, "True or False")
        return value


@dataclass(frozen=True)
class Button(Control):
    """A push button; its value counts the presses."""

    kind = "button"

    def initial(self) -> int:
        """Return 0: not pressed yet."""
        return 0

    def check(self, value: Any) -> int:
        """Return the count; raises OptionError for other than whole numbers from 0."""
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.refuse(value, "how often it was pressed")
        return value


@dataclass(frozen=True)
class Text(Control):
    """A line of text; Enter also presses the button named `submit`."""

    kind = "text"
    value: str = ""
    submit: str = field(default="", kw_only=True)
    max_length: int = field(default=200, kw_only=True)

    def check(self, value: Any) -> str:
        """Return the text; raises OptionError for anything else and for a text over `max_length`."""
        if not isinstance(value, str) or len(value) > self.max_length:
            raise self.refuse(value, f"at most {self.max_length} characters of text")
        return value


@dataclass(frozen=True)
class Matrix(Control):
    """A grid of numbers to edit: arrow keys walk, typing replaces, fractions such as 1/9 are welcome."""

    kind = "matrix"
    value: Any = ((0.0,),)

    def check(self, value: Any) -> list[list[float]]:
        """Return rows of floats of equal length; raises OptionError for anything else."""
        expected = "rows of equal length, of finite numbers"
        rows = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(rows, (list, tuple)) or not all(isinstance(row, (list, tuple)) for row in rows):
            raise self.refuse(value, expected)
        numbers = [cell for row in rows for cell in row]
        if not numbers or len({len(row) for row in rows}) != 1:
            raise self.refuse(value, expected)
        if not all(isinstance(cell, (int, float)) and math.isfinite(cell) for cell in numbers):
            raise self.refuse(value, expected)
        return [[float(cell) for cell in row] for row in rows]


@dataclass(frozen=True)
class File(Control):
    """A file to bring along; its bytes go to the handlers of `Controls.on_file`, its value is the name."""

    kind = "file"
    accept: str = field(default="", kw_only=True)
    max_bytes: int = field(default=MAX_UPLOAD_BYTES, kw_only=True)

    def initial(self) -> str:
        """Return an empty name: no file yet."""
        return ""

    def check(self, value: Any) -> str:
        """Return the file's name; raises OptionError for other than text."""
        if not isinstance(value, str):
            raise self.refuse(value, "a file name")
        return value


@dataclass(frozen=True)
class Readout(Control):
    """A line of text that Python writes and the browser shows and speaks; `lines` keeps room for it."""

    kind = "readout"
    value: str = ""
    lines: int = field(default=1, kw_only=True)

    def check(self, value: Any) -> str:
        """Return the text; raises OptionError for anything else."""
        if not isinstance(value, str):
            raise self.refuse(value, "text")
        return value


def step_range(rows: int, columns: int, label: str = "Step") -> Range:
    """Return the slider "step", called `label`, with a play button, over a grid's cells in reading order."""
    count = rows * columns
    texts = tuple(f"{k + 1} of {count}: row {k // columns}, column {k % columns}" for k in range(count))
    return Range("step", label, 0, maximum=max(count - 1, 1), texts=texts, play=True, wide=True)
