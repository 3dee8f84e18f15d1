"""One question from the first look to the rating, the same for the card, the terminal and plain calls."""

from dataclasses import dataclass, field
from datetime import datetime

from cnnkit.drills.database import StoreError
from cnnkit.drills.question import Grade, Question
from cnnkit.drills.scheduler import Memory, Rating, Scheduler, suggest_rating
from cnnkit.drills.store import Answer

# Not strftime: its names follow the machine's language, the course is in English.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass
class Attempt:
    """What a learner has done with one question so far.

    An answer is kept as soon as it is given when ``keep_answers`` is set (a person sits at the card or the
    terminal), else only together with its rating (calls in a notebook, which the build executes too).
    """

    question: Question
    scheduler: Scheduler
    keep_answers: bool = False
    hints_open: int = 0
    solution_open: bool = False
    gave_up: bool = False
    tries: int = 0
    grade: Grade | None = None
    rated: Memory | None = None
    notices: list[str] = field(default_factory=list)
    _unkept: list[Answer] = field(default_factory=list)

    @property
    def untouched(self) -> bool:
        """Whether the learner has done nothing with this question yet."""
        return not (self.hints_open or self.solution_open or self.grade or self.rated)

    @property
    def answered(self) -> bool:
        """Whether an answer was graded (an unreadable one does not count)."""
        return self.tries > 0

    @property
    def hints_left(self) -> int:
        """How many hints are still folded."""
        return len(self.question.hints) - self.hints_open

    @property
    def suggestion(self) -> Rating:
        """The rating that the course so far suggests."""
        correct = self.grade is not None and self.grade.correct
        return suggest_rating(
            correct=correct, tries=self.tries, hints=self.hints_open, solution_seen=self.gave_up
        )

    def hint(self) -> str | None:
        """Open the next hint and return it as Markdown; None when all are open."""
        if not self.hints_left:
            return None
        self.hints_open += 1
        return self.question.hints[self.hints_open - 1]

    def open_solution(self) -> str:
        """Open the worked solution and return it as Markdown; before a right answer it means giving up."""
        self.gave_up = self.gave_up or self.grade is None or not self.grade.correct
        self.solution_open = True
        return self.question.solution

    def answer(self, value: object) -> Grade:
        """Grade an answer and note it for the log; an unreadable one is neither right nor wrong."""
        grade = self.question.grade(value)
        if not grade.counted:
            return grade
        self.grade = grade
        self.tries += 1
        self._unkept.append(
            Answer(
                self.question.drill_id,
                self.question.seed,
                grade.correct,
                grade.score,
                grade.misconception,
                self.hints_open,
                at=self.scheduler.clock(),
            )
        )
        if self.keep_answers:
            self._keep()
        return grade

    def rate(self, rating: object) -> Memory | None:
        """Append the rating to the log and return what follows; None when the memory cannot be written."""
        try:
            self.rated = self.scheduler.rate(
                self.question.drill_id, self.question.seed, rating, tuple(self._unkept)
            )
        except StoreError as problem:
            self._tell(str(problem))
            return None
        self._unkept.clear()
        self._tell(*self.scheduler.store.take_notices())
        return self.rated

    def _keep(self) -> None:
        try:
            self.scheduler.store.append(self._unkept, [])
        except StoreError as problem:
            self._tell(str(problem))
        else:
            self._unkept.clear()
            self._tell(*self.scheduler.store.take_notices())

    def _tell(self, *messages: str) -> None:
        self.notices += [message for message in messages if message not in self.notices]


def when(due: datetime, now: datetime) -> str:
    """Return a due moment in words: "in 10 minutes", "tomorrow", "in 5 days, Sat 7 Mar"."""
    days = (due.date() - now.date()).days
    if due <= now:
        return "now"
    if days == 0:
        minutes = max(1, round((due - now).total_seconds() / 60))
        return f"in {minutes} minute{'s' if minutes > 1 else ''}"
    if days == 1:
        return "tomorrow"
    return f"in {days} days, {_DAYS[due.weekday()]} {due.day} {_MONTHS[due.month - 1]}"
