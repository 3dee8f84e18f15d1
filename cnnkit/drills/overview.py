"""Where a learner stands: drills met and mastered per chapter, what is due, which mistakes still happen.

The printed form says only what the table shows: a committed notebook must not depend on anyone's progress,
and a new drill must not change chapter 00. The learner's numbers come when a browser opens the view.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from cnnkit.drills import bank
from cnnkit.drills.database import StoreError
from cnnkit.drills.scheduler import Scheduler, Workload
from cnnkit.drills.store import Answer
from cnnkit.errors import OptionError

TITLES = {
    "00": "Start here",
    "01": "Convolution",
    "02": "Padding and stride",
    "03": "Pooling",
    "04": "Receptive field",
    "05": "Backpropagation",
    "06": "Activations",
    "07": "Architectures",
    "08": "Parallel engine",
    "09": "Training",
    "10": "Transfer learning",
    "11": "Vision tasks",
    "12": "Sequences",
    "13": "Mock interview",
}
CLEARED_AFTER = 2
"""Right answers in a drill after which a mistake made in it no longer counts as weak."""


@dataclass(frozen=True)
class ChapterProgress:
    """One row of the table: counts of drills, and the mistakes that still happen with how often."""

    chapter: str
    drills: int
    seen: int
    mastered: int
    due: int
    weak: tuple[tuple[str, int], ...]

    @property
    def title(self) -> str:
        """The chapter's number and name."""
        return f"{self.chapter} {TITLES[self.chapter]}"


@dataclass(frozen=True)
class Survey:
    """All rows, the date of the interview and the work until then."""

    rows: tuple[ChapterProgress, ...]
    interview: date | None
    workload: Workload | None

    @property
    def due(self) -> int:
        """How many drills are due now, in all chapters."""
        return sum(row.due for row in self.rows)

    @property
    def plan(self) -> str:
        """One sentence: days left and reviews a day, or that no date is set."""
        if self.interview is None or self.workload is None:
            return f"{_count(self.due, 'review')} due now. No interview date is set."
        left = self.workload.days_left
        when = "today" if left == 0 else f"in {_count(left, 'day')}"
        pace = f"It takes about {_count(self.workload.per_day, 'review')} a day until then." if left else ""
        due = f"{_count(self.due, 'review')} due now."
        return f"{due} The interview is {when} ({self.interview}). {pace}".strip()


def survey(scheduler: Scheduler) -> Survey:
    """Return where the learner stands, from the log."""
    drills = bank.all_drills()
    memories, due, weak = scheduler.memories(), set(scheduler.due()), weak_spots(scheduler.store.answers())
    rows = []
    for chapter in bank.CHAPTERS:
        ids = {drill.id for drill in drills if drill.chapter == chapter}
        mistakes: Counter[str] = Counter()
        for (drill_id, name), count in sorted(weak.items()):
            mistakes[name] += count if drill_id in ids else 0
        row = ChapterProgress(
            chapter=chapter,
            drills=len(ids),
            seen=len(ids & memories.keys()),
            mastered=sum(memories[drill_id].mastered for drill_id in ids & memories.keys()),
            due=len(ids & due),
            weak=tuple((+mistakes).most_common(3)),  # the plus drops those of other chapters
        )
        rows.append(row)
    workload = scheduler.workload(drill.id for drill in drills)
    return Survey(tuple(row for row in rows if row.drills), scheduler.interview_date(), workload)


def weak_spots(answers: Iterable[Answer]) -> Counter[tuple[str, str]]:
    """Count the mistakes by (drill, mistake); two right answers in a row in a drill clear its mistakes."""
    weak: Counter[tuple[str, str]] = Counter()
    streak: Counter[str] = Counter()
    for answer in answers:  # in the order of time
        streak[answer.drill_id] = streak[answer.drill_id] + 1 if answer.correct else 0
        if answer.misconception and not answer.correct:
            weak[answer.drill_id, answer.misconception] += 1
        if streak[answer.drill_id] >= CLEARED_AFTER:
            for key in [key for key in weak if key[0] == answer.drill_id]:
                del weak[key]
    return weak


def progress_text(found: Survey) -> str:
    """Return the learner's table for a terminal."""
    lines = [f"{'chapter':24} {'drills':>6} {'seen':>5} {'mastered':>8} {'due':>4}  still happens"]
    for row in found.rows:
        weak = ", ".join(_spoken(name, count) for name, count in row.weak)
        lines.append(
            f"{row.title:24} {row.drills:6} {row.seen:5} {row.mastered:8} {row.due:4}  {weak}".rstrip()
        )
    return "\n".join([*lines, "", found.plan])


def parse_date(text: str) -> date | None:
    """Read a date as 2026-05-31; "none" and "" mean that there is none.

    Raises OptionError for anything else.
    """
    if text.strip().lower() in ("", "none"):
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as problem:
        raise OptionError(f"interview date {text!r} is not a date such as 2026-05-31") from problem


def set_interview_date(day: str | date | None, scheduler: Scheduler | None = None) -> str:
    """Aim the reviews at the day of the interview ("2026-05-31", a date, or None) and say what follows.

    Raises OptionError for a day that is past or no date.
    """
    scheduler = scheduler or Scheduler()
    scheduler.set_interview_date(day if isinstance(day, date) else parse_date(day or ""))
    return survey(scheduler).plan


def progress() -> "ProgressView":
    """Return the table of chapters: drills seen, mastered and due, weak spots, days to the interview."""
    return ProgressView(Scheduler())


class ProgressView:
    """The table, live for the learner in a notebook; its printed form is the same for everyone."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._widget: Any = None

    def __repr__(self) -> str:
        lines = [f"  {chapter} {title}" for chapter, title in TITLES.items()]
        head = "Your progress by chapter: drills seen, mastered and due, mistakes that still happen."
        return "\n".join([head, *lines, "Run this cell to see your own numbers."])

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Return the live table for a kernel, and what stands in its place without one."""
        if self._widget is None:
            from cnnkit.drills.card import ProgressWidget

            self._widget = ProgressWidget(face={"html": "", "date": "", "message": repr(self)})
            self._widget.on_msg(lambda _widget, content, _buffers: self._hear(content))
        view = self._widget._repr_mimebundle_()
        return {**(view[0] if view else {}), "text/plain": repr(self)}

    def _hear(self, content: dict[str, Any]) -> None:
        """Show the learner's numbers; set the date first when the front end asks for that."""
        problem = ""
        try:
            if content.get("do") == "date":
                self._scheduler.set_interview_date(parse_date(str(content.get("value", ""))))
        except (OptionError, StoreError) as error:
            problem = str(error)
        self._widget.face = self._face(problem)

    def _face(self, problem: str) -> dict[str, str]:
        try:
            found = survey(self._scheduler)
        except StoreError as error:
            return {"html": "", "date": "", "message": str(error)}
        notices = self._scheduler.store.take_notices()
        day = found.interview.isoformat() if found.interview else ""
        message = " ".join([problem or found.plan, *notices])
        return {"html": _table(found), "date": day, "message": message}


def _table(found: Survey) -> str:
    names = ("Chapter", "Drills", "Seen", "Mastered", "Due", "Still happens")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_table_row, found.rows))}</tbody></table>"
    )


def _table_row(row: ChapterProgress) -> str:
    weak = ", ".join(_spoken(name, count) for name, count in row.weak)
    numbers = "".join(f"<td>{count}</td>" for count in (row.drills, row.seen, row.mastered, row.due))
    share = f"{100 * row.mastered / row.drills:.0f}%"
    title = f'<th scope="row" style="--share: {share}">{escape(row.title)}</th>'
    return f"<tr>{title}{numbers}<td>{escape(weak)}</td></tr>"


def _spoken(name: str, count: int) -> str:
    words = name.replace("-", " ")
    return words if count == 1 else f"{words} ({count} times)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
