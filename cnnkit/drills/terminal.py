"""One practice session in a terminal: questions, hints, answers and ratings by keyboard alone.

It works with piped input too. Every answer and rating is kept at once, so leaving at any moment (q, Ctrl+C,
Ctrl+D) loses nothing.
"""

import contextlib
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cnnkit.drills.database import StoreError
from cnnkit.drills.kinds import Drill
from cnnkit.drills.plain import plain_text
from cnnkit.drills.practice import Attempt, when
from cnnkit.drills.printed import facts, plain_question, solution_markdown
from cnnkit.drills.question import Question
from cnnkit.drills.scheduler import Rating, Scheduler, draw_seed, parse_rating
from cnnkit.errors import OptionError

WIDTH = 88
END_OF_CODE = "."
COMMANDS = "h hint, s solution, n next, q quit"
_ITEM = re.compile(
    r"\s*(?:(?:-|\w{1,2}\.) )?"
)  # what stands before an item's text; its next lines start below it
_COLOURS = {"title": "1", "right": "32", "wrong": "33", "quiet": "2"}


class _Quit(Exception):  # noqa: N818  (not an error: the learner has had enough)
    """The learner leaves the session."""


class Session:
    """One run over due and new drills; input and output are the process's own."""

    def __init__(self, scheduler: Scheduler, *, colour: bool = False, seed: int | None = None) -> None:
        self.scheduler = scheduler
        self.colour = colour
        self.seed = seed
        self.answered = self.right = 0
        self._told: set[str] = set()

    def run(self, drills: Sequence[Drill], *, new: int, minutes: float | None) -> None:
        """Ask what is due among ``drills``, then at most ``new`` that were not met yet."""
        self._through(self._queue(drills, new), minutes)

    def run_through(self, drills: Sequence[Drill], *, minutes: float | None) -> None:
        """Ask these drills in this order, due or not."""
        self._through(((drill, "chosen") for drill in drills), minutes)

    def _through(self, queue: Iterable[tuple[Drill, str]], minutes: float | None) -> None:
        """Ask until nothing is left, the minutes are over or the learner quits; then say how it went."""
        start = self.scheduler.clock()
        try:
            for drill, reason in queue:
                if minutes and (self.scheduler.clock() - start).total_seconds() >= 60 * minutes:
                    self.say(f"{minutes:g} minutes are over.")
                    break
                self.ask(drill, reason)
            else:
                self.say("\nThat was all: nothing more is due, and no new drill is left for this session.")
        except (_Quit, KeyboardInterrupt, EOFError):
            self.say("")
        kept = "Everything is kept." if self.answered and not self._told else ""
        self.say(f"{self.answered} answered, {self.right} right at the end. {kept}".strip(), "title")

    def ask(self, drill: Drill, reason: str) -> None:
        """Put one question, take answers until the learner rates it or goes on."""
        attempt = Attempt(drill.question(self._seed(drill)), self.scheduler, keep_answers=True)
        question = attempt.question
        self.say(f"\n{question.title}  ({facts(question)}; {reason})", "title")
        self.say(f"\n{plain_question(question)}\n")
        if self._answers(attempt):
            self._rate(attempt)

    def say(self, text: str, look: str = "") -> None:
        """Print text, folded to the width, in colour where that is wanted."""
        folded = "\n".join(_fold(line) for line in text.split("\n"))
        print(f"\x1b[{_COLOURS[look]}m{folded}\x1b[0m" if self.colour and look else folded)

    def _queue(self, drills: Sequence[Drill], new: int) -> Iterator[tuple[Drill, str]]:
        """Yield what is due, looking again each time (an "again" returns), then drills not met yet."""
        wanted, asked = {drill.id: drill for drill in drills}, set[str]()
        fresh = 0
        while True:
            due, met = self._due(), self._met()
            waiting = [drill_id for drill_id in due if drill_id in wanted and drill_id not in asked]
            unmet = [drill_id for drill_id in wanted if drill_id not in met and drill_id not in asked]
            if waiting:
                drill_id, reason = waiting[0], f"due, {len(waiting)} left"
            elif unmet and fresh < new:
                drill_id, reason = unmet[0], "new"
                fresh += 1
            else:
                return
            asked.add(drill_id)
            yield wanted[drill_id], reason
            if self._again(drill_id):
                asked.discard(drill_id)

    def _again(self, drill_id: str) -> bool:
        memory = None
        with self._memory():
            memory = self.scheduler.memory(drill_id)
        return memory is not None and memory.last_rating == Rating.Again

    def _due(self) -> list[str]:
        with self._memory():
            return self.scheduler.due()
        return []

    def _met(self) -> set[str]:
        with self._memory():
            return set(self.scheduler.memories())
        return set()

    def _seed(self, drill: Drill) -> int:
        if self.seed is not None:
            return self.seed
        used: list[int] = []
        with self._memory():
            used = self.scheduler.store.used_seeds(drill.id)
        return draw_seed(drill.question, used)

    @contextlib.contextmanager
    def _memory(self) -> Iterator[None]:
        """Go on without the memory when it cannot be used, and say so once."""
        try:
            yield
        except StoreError as problem:
            self._tell(str(problem))
        for notice in self.scheduler.store.take_notices():
            self._tell(notice)

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.say(message, "wrong")

    def _answers(self, attempt: Attempt) -> bool:
        """Take commands and answers; return whether the question can be rated now."""
        if attempt.question.kind == "explain":
            self._talk(attempt.question)
        while True:
            line = self._read(_invitation(attempt)).rstrip()
            command = line.strip().lower()
            if command in ("q", "quit"):
                raise _Quit
            if command in ("n", "next", "skip"):
                return False
            if command in ("h", "hint"):
                self._hint(attempt)
            elif command in ("s", "solution"):
                self._solution(attempt)
                return True
            elif not command:
                if attempt.answered:
                    return True
                self.say(f"{attempt.question.answer_form}\n({COMMANDS})", "quiet")
            elif self._grade(attempt, line):
                return True

    def _grade(self, attempt: Attempt, line: str) -> bool:
        """Grade what was typed and return whether it was right."""
        code = attempt.question.kind in ("code", "bug")
        value = self._code(line) if code else line.strip().removeprefix("=")
        if value is None:
            return False
        grade = attempt.answer(value)
        self._tell_all(attempt)
        look = "right" if grade.correct else "wrong"
        self.say(f"\n{grade.plain_message}\n", look)
        if grade.counted and attempt.tries == 1:
            self.answered += 1
        self.right += grade.correct
        if attempt.question.kind == "explain" and grade.counted:
            self._solution(attempt)
            return True
        return grade.correct

    def _code(self, line: str) -> str | None:
        """Return the source in the file that ``line`` names, or what is pasted from this line on."""
        name = line.strip().strip("\"'")
        if name.endswith(".py"):
            try:
                return Path(name).expanduser().read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as problem:
                self.say(f"{name} cannot be read: {problem}", "wrong")
                return None
        lines = [line]
        with contextlib.suppress(EOFError):
            while (more := input()).strip() != END_OF_CODE:
                lines.append(more)
        return "\n".join(lines) + "\n"

    def _talk(self, question: Question) -> None:
        """Let the learner speak, then show the points to score by."""
        self._read("Say it aloud (or type it), then press Enter: ")
        points = "\n".join(f"  {i}. {plain_text(point)}" for i, point in enumerate(question.rubric, start=1))
        self.say(f"\nWhich of these points did you cover?\n{points}\n")

    def _hint(self, attempt: Attempt) -> None:
        hint = attempt.hint()
        self.say(f"\n{plain_text(hint)}\n" if hint else "That was the last hint; s shows the solution.")

    def _solution(self, attempt: Attempt) -> None:
        attempt.open_solution()
        self.say(f"\n{plain_text(solution_markdown(attempt.question))}\n")

    def _rate(self, attempt: Attempt) -> None:
        due = {}
        with self._memory():
            due = self.scheduler.preview(attempt.question.drill_id)
        now, suggestion = self.scheduler.clock(), attempt.suggestion
        names = [
            f"{int(rating)} {rating.name.lower()}" + (f" ({when(due[rating], now)})" if due else "")
            for rating in Rating
        ]
        self.say("How well did it go?  " + "   ".join(names))
        while True:
            line = self._read(f"rating [{suggestion.name.lower()}]> ").strip()
            if line.lower() in ("q", "quit"):
                raise _Quit
            if line.lower() in ("s", "solution"):
                self._solution(attempt)
                continue
            try:
                rating = parse_rating(line) if line else suggestion
            except OptionError as problem:
                self.say(str(problem), "wrong")
                continue
            memory = attempt.rate(rating)
            self._tell_all(attempt)
            if memory:
                self.say(f"Due {when(memory.due, now)}.")
            return

    def _tell_all(self, attempt: Attempt) -> None:
        for notice in attempt.notices:
            self._tell(notice)

    def _read(self, prompt: str) -> str:
        return input(prompt)


def _invitation(attempt: Attempt) -> str:
    if attempt.answered:
        return "again, or Enter to go on> "
    if attempt.question.kind in ("code", "bug"):
        return "a .py file, or paste and end with a line of one full stop> "
    return "points> " if attempt.question.kind == "explain" else "answer> "


def _fold(line: str) -> str:
    """Fold a long line of prose; code and matrices (indented) stay as they are."""
    if len(line) <= WIDTH or line.startswith("    "):
        return line
    mark = _ITEM.match(line)
    indent = " " * (mark.end() if mark else 0)
    return "\n".join(
        textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )
