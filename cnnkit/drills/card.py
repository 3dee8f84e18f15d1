"""The drill as a card in the notebook, and the same drill by plain function calls.

Nothing is read from or written to the learner's memory until a browser has opened the card or the learner
rates: executing a notebook (its build, nbval) leaves no trace and always shows the example's numbers.
"""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from cnnkit.drills import bank
from cnnkit.drills.database import StoreError
from cnnkit.drills.markup import inline_html, to_html
from cnnkit.drills.practice import Attempt, when
from cnnkit.drills.printed import Said, facts, letters, markdown_card, plain_card, solution_markdown
from cnnkit.drills.question import Grade, Question
from cnnkit.drills.scheduler import Scheduler, draw_seed, parse_rating
from cnnkit.errors import OptionError

HERE = Path(__file__).parent
EXAMPLE_SEED = 0
"""The numbers that a committed notebook shows, and that a learner meets first."""


def drill(drill_id: str, seed: int | None = None) -> "DrillCard":
    """Return the drill as a card: shown by a notebook, or answered by calls.

    ``seed`` fixes the numbers; without it the first ones are the example's, later ones are new.

    Raises OptionError for an unknown id (with the nearest known ones).
    """
    return DrillCard(bank.get(drill_id), seed)


class Verdict(Said):
    """A graded answer: its repr is the diagnosis."""

    def __init__(self, grade: Grade) -> None:
        super().__init__(grade.message)
        self.correct = grade.correct
        self.score = grade.score
        self.misconception = grade.misconception


class CardWidget(anywidget.AnyWidget):
    """The card's front end: ``face`` is all that it shows, messages are all that it asks."""

    _esm = HERE / "card.js"
    _css = HERE / "card.css"
    face = traitlets.Dict().tag(sync=True)


class ProgressWidget(CardWidget):
    """The front end of the progress table (see `overview`)."""

    _esm = HERE / "overview.js"
    _css = HERE / "overview.css"


class DrillCard:
    """One drill: ``prompt``, ``answer``, ``check``, ``hint``, ``solution``, ``rate``, ``another``."""

    def __init__(
        self, source: bank.Drill, seed: int | None = None, scheduler: Scheduler | None = None
    ) -> None:
        self._source = source
        self._fixed = seed is not None
        self._scheduler = scheduler if scheduler is not None else Scheduler()
        self._attempt = self._start(EXAMPLE_SEED if seed is None else seed)
        self._serial = 0
        self._person = False  # whether a browser has opened the card
        self._asked = 0
        self._verdict: Grade | None = None
        self._widget: CardWidget | None = None

    @property
    def question(self) -> Question:
        """The question with its present numbers."""
        return self._attempt.question

    @property
    def prompt(self) -> Said:
        """What is asked."""
        return Said(self.question.prompt)

    def answer(self, value: object) -> Verdict:
        """Grade an answer, of the form that the drill's kind takes, and say which mistake it was."""
        self._verdict = self._attempt.answer(value)
        self._refresh()
        return Verdict(self._verdict)

    def check(self, function: object) -> Verdict:
        """Try the learner's own function (or its source text) against the reference."""
        return self.answer(function)

    def hint(self) -> Said:
        """Open the next hint."""
        hint = self._attempt.hint()
        self._refresh()
        return Said(hint or "That was the last hint; the worked solution is `solution()`.")

    def solution(self) -> Said:
        """Open the worked solution with the present numbers."""
        self._attempt.open_solution()
        self._refresh()
        return Said(solution_markdown(self.question))

    def points(self) -> Said:
        """Return the numbered points of a good answer, to score a spoken one: `answer("1 3")`."""
        if not self.question.rubric:
            return Said("This drill is graded by `answer`, not by points.")
        return Said("\n".join(f"- **{i}.** {point}" for i, point in enumerate(self.question.rubric, start=1)))

    def rate(self, rating: str | int) -> Said:
        """Rate how well it went: "again", "hard", "good" or "easy"; this is what schedules the next review.

        Raises OptionError for any other word, and before the question was answered.
        """
        chosen = parse_rating(rating)
        if not (self._attempt.answered or self._attempt.solution_open):
            raise OptionError(f"rating={rating!r} comes too early: answer first, or open the solution")
        self._attempt.rate(chosen)
        self._refresh()
        return Said("\n\n".join([self._rated(), *self._attempt.notices]).strip())

    def another(self) -> Said:
        """Draw new numbers, such as this learner has not met yet, and return the new prompt."""
        seed = self.question.seed + 1 if self._fixed else self._fresh_seed(avoid=self.question.seed)
        self._attempt = self._start(seed)
        self._attempt.keep_answers = self._person
        self._verdict = None
        self._serial += 1
        self._refresh()
        return self.prompt

    def __repr__(self) -> str:
        return plain_card(self.question)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Return the card for a kernel, and what stands in its place without one."""
        if self._widget is None:
            self._widget = CardWidget(face=self._face())
            self._widget.on_msg(lambda _widget, content, _buffers: self._hear(content))
        view = self._widget._repr_mimebundle_()
        return {
            **(view[0] if view else {}),
            "text/plain": plain_card(self.question),
            "text/markdown": markdown_card(self.question),
        }

    def _start(self, seed: int) -> Attempt:
        return Attempt(self._source.question(seed), self._scheduler)

    def _fresh_seed(self, avoid: int | None = None) -> int:
        try:
            used = self._scheduler.store.used_seeds(self._source.id)
        except StoreError as problem:
            self._attempt.notices.append(str(problem))
            used = []
        return draw_seed(self._source.question, used, avoid)

    def _hear(self, content: dict[str, Any]) -> None:
        """Do what the front end asks; everything it can ask is here."""
        self._asked = int(content.get("ask", 0))
        action, value = content.get("do"), content.get("value")
        if action == "open":
            self._open()
        elif action == "answer":
            self.answer(value)
        elif action == "hint":
            self.hint()
        elif action == "solution":
            self.solution()
        elif action == "another":
            self.another()
        elif action == "rate":
            self.rate(str(value))

    def _open(self) -> None:
        """Keep what the person at the card answers, and do not show them numbers that they have met."""
        self._person = self._attempt.keep_answers = True
        if self._attempt.untouched and not self._fixed:
            seed = self._fresh_seed()
            if seed != self.question.seed:
                self._attempt = self._start(seed)
                self._attempt.keep_answers = True
                self._serial += 1
        self._refresh()

    def _refresh(self) -> None:
        if self._widget is not None:
            self._widget.face = self._face()

    def _face(self) -> dict[str, Any]:
        question, attempt = self.question, self._attempt
        pairs = zip(letters(question), question.choices, strict=True)
        opened = attempt.solution_open or attempt.answered
        return {
            "serial": self._serial,
            "ask": self._asked,
            "id": question.drill_id,
            "kind": question.kind,
            "title": question.title,
            "facts": facts(question),
            "memory": self._memory() if self._person else "",
            "prompt": to_html(question.prompt),
            "form": "" if question.rubric else question.answer_form,
            "choices": [{"letter": letter, "html": inline_html(choice.text)} for letter, choice in pairs],
            "several": sum(choice.correct for choice in question.choices) > 1,
            "starter": question.starter,
            "rubric": [inline_html(point) for point in question.rubric],
            "hints": [to_html(hint) for hint in question.hints[: attempt.hints_open]],
            "hintCount": len(question.hints),
            "verdict": self._verdict_face(),
            "solution": to_html(solution_markdown(question)) if attempt.solution_open else "",
            "ratings": self._ratings() if opened and self._person else [],
            "suggested": attempt.suggestion.name.lower(),
            "rated": self._rated(),
            "notice": " ".join(attempt.notices),
        }

    def _verdict_face(self) -> dict[str, Any] | None:
        grade = self._verdict
        if grade is None:
            return None
        return {
            "correct": grade.correct,
            "counted": grade.counted,
            "html": to_html(grade.message),
        }

    def _ratings(self) -> list[dict[str, str]]:
        try:
            due = self._scheduler.preview(self._source.id)
        except StoreError as problem:
            self._attempt.notices[:] = [str(problem)]
            return []
        now = self._scheduler.clock()
        return [{"name": rating.name.lower(), "due": when(moment, now)} for rating, moment in due.items()]

    def _rated(self) -> str:
        memory = self._attempt.rated
        if memory is None:
            return ""
        return f"Rated {memory.last_rating.name.lower()}: due {when(memory.due, self._scheduler.clock())}."

    def _memory(self) -> str:
        try:
            memory = self._scheduler.memory(self._source.id)
        except StoreError as problem:
            self._attempt.notices[:] = [str(problem)]
            return ""
        if memory is None:
            return "new to you"
        times = "once" if memory.ratings == 1 else f"{memory.ratings} times"
        return f"rated {times}, due {when(memory.due, self._scheduler.clock())}"
