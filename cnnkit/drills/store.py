"""The learner's memory on disk: an append-only log of answers and ratings.

Only what happened is stored. What follows from it (memory state, due dates, weak spots) is computed from
the log whenever it is needed, so that no crash can leave the two in disagreement.
"""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from cnnkit.drills.database import HOME_VARIABLE, Database, new_id

FILE_NAME = "drills.sqlite3"


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Answer:
    """One submitted answer: which numbers were asked, how it was graded, how many hints were open."""

    drill_id: str
    seed: int
    correct: bool
    score: float
    misconception: str | None = None
    hints: int = 0
    at: datetime = field(default_factory=utc_now)
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Review:
    """One rating of a drill by its learner: 1 again, 2 hard, 3 good, 4 easy."""

    drill_id: str
    seed: int
    rating: int
    at: datetime = field(default_factory=utc_now)
    id: str = field(default_factory=new_id)


def store_home() -> Path:
    """Return the folder that holds the memory: ``CNNKIT_HOME``, or the platform's user data directory."""
    chosen = os.environ.get(HOME_VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_data_path("cnnkit", appauthor=False)


class Store:
    """The answers, ratings and settings of one learner, in ``<home>/drills.sqlite3``."""

    def __init__(self, home: Path | str | None = None) -> None:
        self.home = Path(home) if home is not None else store_home()
        self.path = self.home / FILE_NAME
        self._database = Database(self.path)

    def add_answer(self, answer: Answer) -> None:
        """Append one answer; on return it is on disk."""
        self.append([answer], [])

    def add_review(self, review: Review, answers: Sequence[Answer] = ()) -> None:
        """Append one rating, and the answers it is about, in one transaction; on return both are on disk."""
        self.append(answers, [review])

    def append(self, answers: Sequence[Answer], reviews: Sequence[Review]) -> tuple[int, int]:
        """Append rows whose id is not known yet, all or none, and return how many of each were new."""
        return self._database.write(lambda db: (_insert_answers(db, answers), _insert_reviews(db, reviews)))

    def answers(self, drill_id: str | None = None) -> list[Answer]:
        """Return the answers in the order of their time, of one drill or of all."""
        columns = "drill_id, seed, correct, score, misconception, hints, at, id"
        return [_answer(row) for row in self._select(columns, "answers", drill_id)]

    def reviews(self, drill_id: str | None = None) -> list[Review]:
        """Return the ratings in the order of their time, of one drill or of all."""
        return [_review(row) for row in self._select("drill_id, seed, rating, at, id", "reviews", drill_id)]

    def used_seeds(self, drill_id: str) -> list[int]:
        """Return the seeds this learner has met in a drill, the one met longest ago first."""
        query = (
            "SELECT seed, MAX(at) AS latest FROM (SELECT seed, at FROM answers WHERE drill_id = :drill "
            "UNION ALL SELECT seed, at FROM reviews WHERE drill_id = :drill) "
            "GROUP BY seed ORDER BY latest, seed"
        )
        return [row[0] for row in self._database.read(query, {"drill": drill_id})]

    def interview_date(self) -> date | None:
        """Return the date of the interview, or None when none was set."""
        rows = self._database.read("SELECT value FROM settings WHERE name = 'interview_date'")
        return date.fromisoformat(rows[0][0]) if rows and rows[0][0] else None

    def interview_setting(self) -> tuple[str, datetime] | None:
        """Return the stored date ("" when it was cleared) and when it was set, for export and merging."""
        rows = self._database.read("SELECT value, at FROM settings WHERE name = 'interview_date'")
        return (rows[0][0], datetime.fromisoformat(rows[0][1])) if rows else None

    def set_interview_date(self, day: date | None, *, at: datetime | None = None) -> None:
        """Keep the date of the interview (None clears it); a setting made later than ``at`` stays."""
        value = day.isoformat() if day else ""
        query = (
            "INSERT INTO settings VALUES ('interview_date', ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET value = excluded.value, at = excluded.at WHERE excluded.at >= settings.at"
        )
        self._database.write(lambda db: db.execute(query, (value, _stamp(at or utc_now()))))

    def reset(self, drill_id: str | None = None) -> int:
        """Delete the log of one drill, or of all, and return how many ratings went; the date stays."""
        if not self.path.exists():
            return 0
        where, values = ("", ()) if drill_id is None else (" WHERE drill_id = ?", (drill_id,))

        def delete(db: sqlite3.Connection) -> int:
            db.execute(f"DELETE FROM answers{where}", values)
            return db.execute(f"DELETE FROM reviews{where}", values).rowcount

        return self._database.write(delete)

    def take_notices(self) -> list[str]:
        """Return what the learner should be told (a damaged file was put aside), once."""
        return self._database.take_notices()

    def _select(self, columns: str, table: str, drill_id: str | None) -> list[sqlite3.Row]:
        where = "" if drill_id is None else " WHERE drill_id = :drill"
        return self._database.read(
            f"SELECT {columns} FROM {table}{where} ORDER BY at, rowid", {"drill": drill_id}
        )


def _insert_answers(db: sqlite3.Connection, answers: Sequence[Answer]) -> int:
    rows = [
        (a.id, a.drill_id, a.seed, _stamp(a.at), int(a.correct), a.score, a.misconception, a.hints)
        for a in answers
    ]
    query = "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
    return db.executemany(query, rows).rowcount


def _insert_reviews(db: sqlite3.Connection, reviews: Sequence[Review]) -> int:
    rows = [(r.id, r.drill_id, r.seed, _stamp(r.at), r.rating) for r in reviews]
    query = "INSERT INTO reviews VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
    return db.executemany(query, rows).rowcount


def _answer(row: sqlite3.Row) -> Answer:
    drill_id, seed, correct, score, misconception, hints, at, row_id = row
    moment = datetime.fromisoformat(at)
    return Answer(drill_id, seed, bool(correct), score, misconception, hints, moment, row_id)


def _review(row: sqlite3.Row) -> Review:
    drill_id, seed, rating, at, row_id = row
    return Review(drill_id, seed, rating, datetime.fromisoformat(at), row_id)


def _stamp(moment: datetime) -> str:
    """Write a moment in UTC with a fixed number of digits, so that text order is the order of time."""
    if moment.tzinfo is None:
        raise ValueError(f"at={moment!r} has no time zone; pass an aware datetime, e.g. datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
