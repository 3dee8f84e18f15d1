"""Drills whose answer is a program: one to write, or one to repair."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from cnnkit.drills.declaration import Drill, Misconception, Values
from cnnkit.drills.draw import Draw
from cnnkit.drills.question import Question
from cnnkit.drills.trial import Mutant, Task, grade_code


@dataclass(frozen=True, kw_only=True)
class CodeDrill(Drill):
    """A function that the learner writes; `case` draws its arguments, `reference` says what it must return.

    `solutions` are right programs of different style (the first is shown), `misconceptions` hold wrong ones.
    `growing` is for answers that must not loop over positions: the arguments for an input of a given size.
    """

    kind: ClassVar[str] = "code"

    function: str
    case: Callable[[Draw], Values]
    reference: Callable[..., object]
    solutions: tuple[Callable[..., object], ...]
    starter: str = ""
    growing: Callable[[int], Values] | None = None

    def question(self, seed: int) -> Question:
        """Return the question; `seed` draws the inputs on which answers are tried."""
        task = Task(
            place=self.place,
            function=self.function,
            case=self.case,
            reference=self.reference,
            mutants=[mutant for item in self.mistakes() for mutant in _mutants(item)],
            seed=f"{self.id}/{seed}",
            growing=self.growing,
        )
        form = f"The Python source of a function named {self.function}; NumPy is there as np."
        program = self.shown(self.solutions[0])
        return self._question(
            seed,
            {},
            form,
            lambda answer: grade_code(answer, task),
            starter=self.beginning(),
            solution=f"{self.solution}\n\n```python\n{program}```",
        )

    def mistakes(self) -> tuple[Misconception, ...]:
        """Return the wrong programs that a wrong answer is compared with."""
        return self.misconceptions

    def beginning(self) -> str:
        """Return the source text that the learner starts from."""
        return self.starter

    def shown(self, program: Callable[..., object]) -> str:
        """Return the source of `program` under the name that the drill asks for."""
        return _source(program).replace(f"def {program.__name__}(", f"def {self.function}(", 1)

    def problems(self) -> list[str]:
        """Return what is wrong with the declaration."""
        found = super().problems()
        if len(self.mistakes()) < 3:
            found.append("at least three wrong programs are needed among `misconceptions`")
        if len(self.solutions) < 2:
            found.append("at least two right programs of different style are needed in `solutions`")
        if not self.beginning().strip():
            found.append("`starter` is empty")
        return found


@cache
def _source(program: Callable[..., object]) -> str:
    return textwrap.dedent(inspect.getsource(program))


def _mutants(mistake: Misconception) -> list[Mutant]:
    """Return the wrong programs of one mistake: one function, or several variants of it."""
    variants = mistake.wrong if isinstance(mistake.wrong, tuple) else (mistake.wrong,)
    return [Mutant(mistake.name, variant, mistake.says, mistake.section) for variant in variants]


@dataclass(frozen=True, kw_only=True)
class BugDrill(CodeDrill):
    """A program with a bug to find and fix: the bug itself is the first misconception."""

    kind: ClassVar[str] = "bug"

    buggy: Callable[..., object]
    bug: str  # one sentence for a learner whose answer still has it

    def mistakes(self) -> tuple[Misconception, ...]:
        """Return the bug and the other wrong programs."""
        return (Misconception("bug-still-there", self.buggy, self.bug), *self.misconceptions)

    def beginning(self) -> str:
        """Return the program with the bug."""
        return self.shown(self.buggy)
