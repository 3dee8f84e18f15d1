"""The learner's memory as one JSON file: for a second machine, a backup, or a look at what is kept.

An import merges: every row has a random id, so rows that are already known are not added again. A file
that is foreign, damaged or impossible is refused as a whole, before anything is written.
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from cnnkit.drills.database import StoreError, new_id
from cnnkit.drills.store import Answer, Review, Store, utc_now

FORMAT = "cnnkit-drills"
FORMAT_VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
_MAX_INTEGER = 2**63 - 1  # SQLite's largest

Row = TypeVar("Row", Answer, Review)


class _ImpossibleValueError(ValueError):
    """A value in an import file that cannot be right; the text says which."""


@dataclass(frozen=True)
class Imported:
    """How many rows an import added, and how many were known already."""

    answers: int
    reviews: int
    known: int

    def __str__(self) -> str:
        return f"{self.reviews} ratings and {self.answers} answers added, {self.known} were known already."


def export_json(store: Store, path: Path | str) -> Path:
    """Write the whole memory to a new file and return its path; an existing file is never overwritten."""
    target = Path(path).expanduser()
    if target.exists():
        raise StoreError(f"{target} exists already and was left untouched; choose another name.")
    setting = store.interview_setting()
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "exported_at": utc_now().isoformat(),
        "interview_date": {"value": setting[0], "at": setting[1].isoformat()} if setting else None,
        "answers": [_as_dict(row) for row in store.answers()],
        "reviews": [_as_dict(row) for row in store.reviews()],
    }
    partial = target.with_name(f"{target.name}.{new_id()[:8]}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise StoreError(f"The export could not be written to {target}: {problem}.") from problem
    return target


def import_json(store: Store, path: Path | str) -> Imported:
    """Merge an exported file into the memory, all of it or nothing; raise StoreError when it is not sound."""
    source = Path(path).expanduser()
    content = _load(source)
    try:
        answers = _rows(content, "answers", _answer)
        reviews = _rows(content, "reviews", _review)
        setting = _setting(content.get("interview_date"))
    except _ImpossibleValueError as problem:
        raise StoreError(f"{source} was not imported: {problem}. The memory is unchanged.") from problem
    new_answers, new_reviews = store.append(answers, reviews)
    if setting:
        store.set_interview_date(setting[0], at=setting[1])
    known = len(answers) + len(reviews) - new_answers - new_reviews
    return Imported(new_answers, new_reviews, known)


def _as_dict(row: Answer | Review) -> dict[str, Any]:
    return {**vars(row), "at": row.at.isoformat()}


def _load(source: Path) -> dict[str, Any]:
    try:
        size = source.stat().st_size
        text = source.read_text(encoding="utf-8") if size <= MAX_BYTES else ""
        content = json.loads(text) if text else None
    except OSError as problem:
        raise StoreError(f"{source} cannot be read: {problem}.") from problem
    except (ValueError, RecursionError) as problem:
        raise StoreError(
            f"{source} is not a whole JSON file: {problem}. The memory is unchanged."
        ) from problem
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise StoreError(f"{source} is not an export of cnnkit's drills. The memory is unchanged.")
    if content.get("version") != FORMAT_VERSION:
        raise StoreError(
            f"{source} has export format {content.get('version')!r}; this cnnkit reads {FORMAT_VERSION}. "
            "Update cnnkit to import it. The memory is unchanged."
        )
    return content


def _rows(content: dict[str, Any], name: str, build: Callable[[dict[str, Any]], Row]) -> list[Row]:
    entries = content.get(name)
    if not isinstance(entries, list):
        raise _ImpossibleValueError(f"it has no list of {name}")
    rows = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise _ImpossibleValueError(f"entry {number} of {name} is not an object")
        try:
            rows.append(build(entry))
        except _ImpossibleValueError as problem:
            raise _ImpossibleValueError(f"entry {number} of {name}: {problem}") from problem
    return rows


def _answer(entry: dict[str, Any]) -> Answer:
    correct, misconception = entry.get("correct"), entry.get("misconception")
    if not isinstance(correct, bool):
        raise _ImpossibleValueError(f"correct={correct!r} is neither true nor false")
    return Answer(
        drill_id=_text(entry, "drill_id"),
        seed=_integer(entry, "seed", 0, _MAX_INTEGER),
        correct=correct,
        score=_score(entry.get("score")),
        misconception=None if misconception is None else _text(entry, "misconception"),
        hints=_integer(entry, "hints", 0, 1000),
        at=_moment(entry.get("at")),
        id=_text(entry, "id"),
    )


def _review(entry: dict[str, Any]) -> Review:
    return Review(
        drill_id=_text(entry, "drill_id"),
        seed=_integer(entry, "seed", 0, _MAX_INTEGER),
        rating=_integer(entry, "rating", 1, 4),
        at=_moment(entry.get("at")),
        id=_text(entry, "id"),
    )


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise _ImpossibleValueError(f"{name}={value!r:.60} is not a short line of text")
    return value


def _integer(entry: dict[str, Any], name: str, low: int, high: int) -> int:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _ImpossibleValueError(f"{name}={value!r:.60} is not an integer from {low} to {high}")
    return value


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _ImpossibleValueError(f"score={value!r:.60} is not a number")
    if not 0 <= value <= 1:
        raise _ImpossibleValueError(f"score={value!r:.60} is not between 0 and 1")
    return float(value)


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        utc = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise _ImpossibleValueError(
            f"at={value!r:.60} is no moment with a time zone (2026-03-01T18:30:00+00:00)"
        )
    return utc


def _setting(entry: object) -> tuple[date | None, datetime] | None:
    if entry is None:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("value"), str):
        raise _ImpossibleValueError("interview_date is not an object with a value")
    try:
        day = date.fromisoformat(entry["value"]) if entry["value"] else None
    except ValueError as problem:
        raise _ImpossibleValueError(f"interview_date={entry['value']!r:.60} is not a date") from problem
    return day, _moment(entry.get("at"))
