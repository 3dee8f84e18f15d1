"""A drill where no kernel runs: as plain text, and as Markdown with hints and solution folded away.

Both depend on the question alone, never on a learner's progress, so that a committed notebook stays as it is.
"""

import re
from string import ascii_uppercase

from cnnkit.drills.plain import plain_text
from cnnkit.drills.question import Question

_CALLS = {
    "code": "check(your_function)",
    "bug": "check(your_function)",
    "explain": 'points(), d.answer("1 3")',
}
_MARKS = re.compile(r"([*_`$])")  # an answer's form is plain text; 3*3*64 must not become italics


class Said:
    """A sentence for the learner: its repr is the message, a notebook typesets its formulas."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown

    def __repr__(self) -> str:
        return plain_text(self.markdown)

    def __str__(self) -> str:
        return plain_text(self.markdown)

    def _repr_markdown_(self) -> str:
        return self.markdown


def facts(question: Question) -> str:
    """Return kind, difficulty and time in one line."""
    minutes = "a minute" if question.minutes == 1 else f"{question.minutes} minutes"
    return f"{question.kind} · difficulty {question.difficulty} of 3 · about {minutes}"


def letters(question: Question) -> list[str]:
    """Return the letters of the options: A, B, C ..."""
    return list(ascii_uppercase[: len(question.choices)])


def plain_question(question: Question) -> str:
    """Return prompt, options or starter code, and what an answer looks like, for a terminal."""
    parts = [question.plain_prompt]
    if question.choices:
        pairs = zip(letters(question), question.choices, strict=True)
        parts.append("\n".join(f"  {letter}. {choice.plain}" for letter, choice in pairs))
    if question.starter:
        parts.append("\n".join(f"    {line}" for line in question.starter.rstrip().splitlines()))
    if question.answer_form:
        parts.append(question.answer_form)
    return "\n\n".join(parts)


def plain_card(question: Question) -> str:
    """Return the whole card as text: the question, and how to answer it by calls."""
    calls = {
        "code": "check(your_function)",
        "bug": "check(your_function)",
        "explain": 'points(), d.answer("1 3")',
    }
    call = calls.get(question.kind, 'answer("...")')
    return (
        f"{question.title} ({facts(question)})\n\n{plain_question(question)}\n\n"
        f'd = drill("{question.drill_id}"); d.{call}, d.hint(), d.solution(), d.rate("good"), d.another()'
    )


def markdown_card(question: Question) -> str:
    """Return the card as Markdown: what GitHub shows of a committed notebook."""
    parts = [f"**{question.title}** ({facts(question)})", question.prompt]
    if question.choices:
        pairs = zip(letters(question), question.choices, strict=True)
        parts.append("\n".join(f"- **{letter}.** {choice.text}" for letter, choice in pairs))
    if question.starter:
        parts.append(f"```python\n{question.starter.rstrip()}\n```")
    if question.answer_form:
        parts.append(_MARKS.sub(r"\\\1", question.answer_form))
    total = len(question.hints)
    for number, hint in enumerate(question.hints, start=1):
        parts.append(_folded(f"Hint {number} of {total}", hint))
    parts.append(_folded("Worked solution", solution_markdown(question)))
    return "\n\n".join(parts) + "\n"


def solution_markdown(question: Question) -> str:
    """Return the worked solution, with the reason for every option and the points of a good answer."""
    parts = [question.solution]
    pairs = zip(letters(question), question.choices, strict=True)
    parts.append("\n".join(f"- **{letter}.** {choice.why}" for letter, choice in pairs if choice.why))
    parts.append("\n".join(f"- {point}" for point in question.rubric))
    return "\n\n".join(part for part in parts if part)


def _folded(summary: str, body: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"
