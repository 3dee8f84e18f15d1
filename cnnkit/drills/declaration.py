"""What every drill declares, and how its texts and numbers become a question."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cnnkit.drills.draw import Draw
from cnnkit.drills.grading import Place
from cnnkit.drills.question import Grade, Question
from cnnkit.drills.template import render

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Misconception:
    """A mistake that real people make: its name, the wrong value or program it produces, what to say to them.

    `wrong` is a Computation in a numeric drill, a formula in a formula drill, a function (or several variants
    of it) in a code or bug drill. `section` is the chapter's section that treats the mistake, where it is not
    the drill's own.
    """

    name: str
    wrong: Any
    says: str
    section: str = ""


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What every kind declares. `chapter` comes from the name of the deck's file and is set by the bank."""

    kind: ClassVar[str]

    id: str
    title: str
    section: str  # title of the chapter's section that treats it
    difficulty: int
    minutes: int
    prompt: str
    hints: tuple[str, ...]
    solution: str
    misconceptions: tuple[Misconception, ...] = ()
    chapter: str = ""

    def question(self, seed: int) -> Question:
        """Return the question that `seed` draws; the same seed always gives the same question."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """Return what is wrong with the declaration, one sentence each."""
        texts = ("id", "title", "section", "prompt", "solution")
        found = [f"`{name}` is empty" for name in texts if not getattr(self, name).strip()]
        if not self.hints or not all(hint.strip() for hint in self.hints):
            found.append("`hints` needs at least one step, none of them empty")
        if self.difficulty not in (1, 2, 3):
            found.append(f"`difficulty` is {self.difficulty}; expected 1, 2 or 3")
        if self.minutes < 1:
            found.append(f"`minutes` is {self.minutes}; expected 1 or more")
        names = [misconception.name for misconception in self.misconceptions]
        if len(set(names)) < len(names):
            found.append("two misconceptions share a name")
        return found

    @property
    def place(self) -> Place:
        """Where the drill's subject is treated."""
        return Place(self.chapter, self.section)

    def _question(
        self, seed: int, values: Values, form: str, grader: Callable[[object], Grade], **extra: Any
    ) -> Question:
        """Return the question with the texts rendered; `extra` are the fields of one kind."""
        texts = {"solution": render(self.solution, values)} | extra
        return Question(
            drill_id=self.id,
            seed=seed,
            kind=self.kind,
            title=self.title,
            chapter=self.chapter,
            section=self.section,
            difficulty=self.difficulty,
            minutes=self.minutes,
            prompt=render(self.prompt, values),
            answer_form=form,
            hints=tuple(render(hint, values) for hint in self.hints),
            grader=grader,
            **texts,
        )

    def _draw(self, seed: int, *more: object) -> Draw:
        return Draw.seeded("/".join(map(str, (self.id, seed, *more))))
