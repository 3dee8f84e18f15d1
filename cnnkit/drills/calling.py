"""One call of a learner's function: what came back, what was printed, what it changed."""

import contextlib
import inspect
import io
import linecache
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

ANSWER_FILE = "<your answer>"
_MOST_CELLS = 1_000_000
_MOST_PRINTED = 2_000

VALUE, NOTHING, FOREIGN, ERROR, ENDLESS, SIGNATURE, DIED = (
    "value", "nothing", "foreign", "error", "endless", "signature", "died",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one call did: `kind` is one of the constants above, `detail` says more in words."""

    kind: str
    value: NDArray[Any] = field(default_factory=lambda: np.zeros(0))  # only where kind is VALUE
    detail: str = ""
    printed: str = ""
    changed: tuple[int, ...] = ()  # positions of the arguments that the call modified
    steps: int = 0  # lines of the function's file that were executed, where that was asked for


class TimeUp(BaseException):
    """Raised inside a live function whose time is up; no Exception, so that its handlers let it pass."""


class Printed(io.TextIOBase):
    """Standard output of a learner's function; it keeps the beginning, so endless printing costs nothing."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keep `text` while there is room."""
        self.text += text[: _MOST_PRINTED - len(self.text)]
        return len(text)


class _Steps:
    """Counts the lines of one file that Python executes: a loop over an array's cells shows in them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def _trace(self, frame: FrameType, event: str, argument: object) -> "Callable[..., Any] | None":
        if frame.f_code.co_filename != self.file:
            return None
        self.count += 1
        return self._trace


def call(
    function: Callable[..., object], arguments: Sequence[object], *, count_steps: bool = False
) -> Outcome:
    """Return what `function(*arguments)` did; all it raises becomes an Outcome, save an interrupt."""
    given = [np.copy(item) if isinstance(item, np.ndarray) else item for item in arguments]
    if not _accepts(function, given):
        return Outcome(SIGNATURE, detail=f"it cannot be called with {len(given)} arguments")
    printed, steps = Printed(), _Steps(_file_of(function))
    try:
        with (
            steps if count_steps else contextlib.nullcontext(),
            contextlib.redirect_stdout(printed),
            np.errstate(all="ignore"),
        ):
            outcome = _outcome(function(*given))
    except (KeyboardInterrupt, TimeUp):
        raise
    except BaseException as error:
        outcome = Outcome(ERROR, detail=describe(error, _file_of(function)))
    pairs = enumerate(zip(arguments, given, strict=True))
    changed = tuple(position for position, (before, after) in pairs if _differ(before, after))
    return Outcome(outcome.kind, outcome.value, outcome.detail, printed.text, changed, steps.count)


def describe(error: BaseException, file: str) -> str:
    """Return the type and message of `error` and the last line of `file` that it passed."""
    text = f"{type(error).__name__}: {_words_of(error)}".removesuffix(": ")
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"{text}, in line {error.lineno}: `{(error.text or '').strip()}`"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames:
        return text
    return f"{text}, in line {frames[-1].lineno}: `{(frames[-1].line or '').strip()}`"


def _words_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    try:
        return " ".join(str(error).split())[:300]
    except Exception:  # the learner's own exception class, whose text cannot even be made
        return ""


def load(source: str, name: str) -> Callable[..., Any] | str:
    """Return the function `name` that `source` defines, or the only one there is, else why there is none."""
    linecache.cache[ANSWER_FILE] = (len(source), None, source.splitlines(keepends=True), ANSWER_FILE)
    namespace: dict[str, Any] = {"np": np, "numpy": np, "__name__": "answer"}
    try:
        with contextlib.redirect_stdout(Printed()):
            exec(compile(source, ANSWER_FILE, "exec"), namespace)
    except (Exception, SystemExit) as error:
        return f"Python could not run the text of your answer: {describe(error, ANSWER_FILE)}."
    own = {
        key: item
        for key, item in namespace.items()
        if inspect.isfunction(item) and _file_of(item) == ANSWER_FILE
    }
    if name not in own and len(own) != 1:
        found = ", ".join(f"`{key}`" for key in own) or "no function"
        return f"A function named `{name}` is expected; your text defines {found}."
    function: Callable[..., Any] = own.get(name) or next(iter(own.values()))
    return function


def _accepts(function: Callable[..., object], arguments: Sequence[object]) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # some built-in functions have no signature to ask
        return True
    return True


def _outcome(result: object) -> Outcome:
    if result is None:
        return Outcome(NOTHING)
    try:
        value = np.array(result)
    except (ValueError, TypeError):
        return Outcome(FOREIGN, detail=f"a {type(result).__name__} whose rows have different lengths")
    if value.dtype.kind not in "biufc":
        return Outcome(FOREIGN, detail=f"a {type(result).__name__} that does not hold numbers")
    if value.size > _MOST_CELLS:
        return Outcome(FOREIGN, detail=f"an array of shape {value.shape}, far too large")
    return Outcome(VALUE, value)


def _file_of(function: object) -> str:
    inner = function if hasattr(function, "__code__") else type(function).__call__
    code = getattr(inner, "__code__", None)
    return code.co_filename if code is not None else ""


def _differ(before: object, after: object) -> bool:
    if not isinstance(before, np.ndarray) or not isinstance(after, np.ndarray):
        return False
    return before.shape != after.shape or not np.array_equal(before, after, equal_nan=True)
