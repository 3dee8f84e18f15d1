"""Interview drills: a bank of questions, graders that name the mistake, and a memory.

`drill("conv-output-size")` shows a card, `progress()` where the learner stands; `python -m cnnkit drill` does
both in a terminal.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnkit.drills.card import drill
    from cnnkit.drills.overview import progress, set_interview_date

__all__ = ["drill", "progress", "set_interview_date"]

_HOMES = {"drill": "card", "progress": "overview", "set_interview_date": "overview"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the card's widget library is not needed in a terminal."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
