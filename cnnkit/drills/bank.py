"""All drills of the course, found in `decks`: every file `chNN_topic.py` there holds a list named DECK.

To add a drill, append it to a deck; to add a deck, add a file. Nothing else needs an edit.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from cnnkit.drills import decks
from cnnkit.drills.kinds import Drill
from cnnkit.errors import CnnkitError

__all__ = ["CHAPTERS", "BankError", "Drill", "all_drills", "by_chapter", "check_deck", "get"]

CHAPTERS = tuple(f"{number:02}" for number in range(14))
_DECK_NAME = re.compile(r"ch(\d\d)_\w+")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class BankError(CnnkitError, ValueError):
    """A deck that cannot be loaded, or a drill that does not exist; the message says which and why."""


def all_drills() -> tuple[Drill, ...]:
    """Return every drill of the course, chapter by chapter, the easy ones of a chapter first."""
    return tuple(_bank().values())


def by_chapter(chapter: str) -> tuple[Drill, ...]:
    """Return the drills of one chapter ("00" ... "13"); raises BankError for another name."""
    if chapter not in CHAPTERS:
        raise BankError(f"there is no chapter {chapter!r}; chapters are {CHAPTERS[0]} to {CHAPTERS[-1]}")
    return tuple(drill for drill in all_drills() if drill.chapter == chapter)


def get(drill_id: str) -> Drill:
    """Return the drill named `drill_id`; raises BankError, with the nearest names, when there is none."""
    bank = _bank()
    if drill_id not in bank:
        import difflib

        near = difflib.get_close_matches(str(drill_id), bank, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise BankError(f"there is no drill {drill_id!r}{hint}")
    return bank[drill_id]


def check_deck(name: str, drills: Iterable[object]) -> list[Drill]:
    """Return the drills of the deck file `name` with their chapter filled in.

    Raises BankError for a file name without a chapter, and for a drill with a missing or senseless field.
    """
    match = _DECK_NAME.fullmatch(name)
    if not match or match[1] not in CHAPTERS:
        raise BankError(f"deck {name}: expected a name such as ch01_topic, with a chapter from 00 to 13")
    return [_checked(name, match[1], drill) for drill in drills]


def collect(decks_by_name: Iterable[tuple[str, Iterable[object]]]) -> dict[str, Drill]:
    """Return the drills of several decks by id; raises BankError for an id that occurs twice."""
    bank: dict[str, Drill] = {}
    for name, drills in decks_by_name:
        for drill in check_deck(name, drills):
            if drill.id in bank:
                raise BankError(
                    f"deck {name}: the id {drill.id!r} exists already in chapter {bank[drill.id].chapter}"
                )
            bank[drill.id] = drill
    return bank


def _checked(name: str, chapter: str, drill: object) -> Drill:
    if not isinstance(drill, Drill):
        raise BankError(f"deck {name}: DECK holds {drill!r}; expected drills only")
    problems = drill.problems()
    if not _ID.fullmatch(drill.id):
        problems.append("`id` must be kebab-case, such as conv-output-size")
    if problems:
        raise BankError(f"deck {name}: drill {drill.id!r}: {'; '.join(problems)}")
    return replace(drill, chapter=chapter)


@cache
def _bank() -> dict[str, Drill]:
    names = sorted(module.name for module in pkgutil.iter_modules(decks.__path__))
    bank = collect((name, _deck(name)) for name in names)
    order = sorted(bank.values(), key=lambda drill: (drill.chapter, drill.difficulty))
    return {drill.id: drill for drill in order}


def _deck(name: str) -> Iterable[object]:
    try:
        module = importlib.import_module(f"{decks.__name__}.{name}")
    except TypeError as error:  # what a dataclass says when a field is missing
        raise BankError(f"deck {name}: {error}") from error
    deck = getattr(module, "DECK", None)
    if not isinstance(deck, (list, tuple)):
        raise BankError(f"deck {name}: expected a list named DECK")
    return deck
