"""What the card, the terminal and the memory see of a drill: one question, and one graded answer."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cnnkit.drills.plain import plain_text

KINDS = ("numeric", "code", "formula", "bug", "choice", "explain")


@dataclass(frozen=True)
class Choice:
    """One option of a choice question, with the reason why it is right or wrong (Markdown)."""

    text: str
    why: str
    correct: bool = False
    name: str = ""  # of the mistake behind a wrong option, such as "invariance-for-equivariance"

    @property
    def plain(self) -> str:
        """The option without Markdown and LaTeX, in one line, for terminals."""
        return "; ".join(" ".join(line.split()) for line in plain_text(self.text).splitlines())


@dataclass(frozen=True)
class Grade:
    """The verdict on one answer.

    `counted` is False when the answer could not be read (empty, a typing slip, the wrong form): such an
    answer is neither right nor wrong, its message says what form is expected, and the memory skips it.
    """

    correct: bool
    score: float  # 0..1; between the two only where several points or options are asked for
    message: str  # Markdown; for a wrong answer it names the mistake and where the chapter treats it
    misconception: str | None = None  # the name of the mistake in the drill, such as "ceil-for-floor"
    section: str = ""  # title of the chapter's section that treats it
    counted: bool = True

    @property
    def plain_message(self) -> str:
        """The message without Markdown and LaTeX, for terminals and screen readers."""
        return plain_text(self.message)


@dataclass(frozen=True)
class Question:
    """One drill with its numbers drawn: (drill_id, seed) always gives the same question."""

    drill_id: str
    seed: int
    kind: str  # one of KINDS
    title: str
    chapter: str  # "00" ... "13"
    section: str  # title of the chapter's section that treats it
    difficulty: int  # 1, 2 or 3
    minutes: int
    prompt: str  # Markdown with LaTeX
    answer_form: str  # one plain sentence: what a readable answer looks like
    hints: tuple[str, ...]  # in steps, Markdown
    solution: str  # worked with this question's numbers, Markdown
    choices: tuple[Choice, ...] = ()  # choice only, in the order shown: A, B, C ...
    starter: str = ""  # code and bug only: source text to start from
    rubric: tuple[str, ...] = ()  # explain only: the points of a good answer
    grader: Callable[[object], Grade] = field(kw_only=True, repr=False, compare=False)

    @property
    def plain_prompt(self) -> str:
        """The prompt without Markdown and LaTeX, for terminals."""
        return plain_text(self.prompt)

    @property
    def plain_hints(self) -> tuple[str, ...]:
        """The hints without Markdown and LaTeX, for terminals."""
        return tuple(plain_text(hint) for hint in self.hints)

    @property
    def plain_solution(self) -> str:
        """The worked solution without Markdown and LaTeX, for terminals."""
        return plain_text(self.solution)

    def grade(self, answer: object) -> Grade:
        """Grade `answer`; never raises, whatever the learner gives.

        numeric: text such as "1,626,442", "28x28x64", "3/8", or numbers, tuples, arrays.
        formula: text such as "floor((n + 2p - k) / s) + 1".
        choice: letter, position (from 1) or text of an option, or several separated by commas.
        explain: the numbers (from 1) of the rubric's points that the learner covered, "all" or "none".
        code, bug: source text of the function, or the function itself.
        """
        return self.grader(answer)
