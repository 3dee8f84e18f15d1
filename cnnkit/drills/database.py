"""One SQLite file that survives kills, second kernels, damage and newer versions of this course.

- Every write is one short ``BEGIN IMMEDIATE`` transaction. ``synchronous=FULL`` makes the commit wait for
  the disk: what was acknowledged survives a killed kernel and a power cut. At the pace of a person
  answering, the few milliseconds are not felt.
- WAL mode lets a second kernel read while the first writes; two writers wait for each other.
- A connection lives for one call only. Nothing stays locked by an idle notebook, and threads and forked
  processes share nothing.
- Reading never creates the file: a notebook that is merely executed leaves no trace.
"""

import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cnnkit.errors import DataError

APPLICATION_ID = 0x434E4E6B  # "CNNk": tells our file from any other SQLite database
BUSY_SECONDS = 10.0
HOME_VARIABLE = "CNNKIT_HOME"

_VERSION_1 = """
CREATE TABLE answers (
    id TEXT PRIMARY KEY,
    drill_id TEXT NOT NULL,
    seed INTEGER NOT NULL,
    at TEXT NOT NULL,
    correct INTEGER NOT NULL CHECK (correct IN (0, 1)),
    score REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
    misconception TEXT,
    hints INTEGER NOT NULL CHECK (hints >= 0)
);
CREATE TABLE reviews (
    id TEXT PRIMARY KEY,
    drill_id TEXT NOT NULL,
    seed INTEGER NOT NULL,
    at TEXT NOT NULL,
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 4)
);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX answers_by_drill ON answers (drill_id, at);
CREATE INDEX reviews_by_drill ON reviews (drill_id, at);
CREATE TRIGGER answers_are_final BEFORE UPDATE ON answers
    BEGIN SELECT RAISE(ABORT, 'the log of answers is append-only'); END;
CREATE TRIGGER reviews_are_final BEFORE UPDATE ON reviews
    BEGIN SELECT RAISE(ABORT, 'the log of ratings is append-only'); END;
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1,)
"""Step k takes a database from version k to version k + 1; released steps are never edited."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

Result = TypeVar("Result")


class StoreError(DataError):
    """The drill memory cannot be read or written; the message says why and what to do."""


def new_id() -> str:
    """Return a random id for one row of the log; it lets two exports merge without duplicates."""
    return uuid.uuid4().hex


class Database:
    """The drill memory's file: opens it, keeps its format up to date and explains what goes wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked = False
        self._notices: list[str] = []

    def take_notices(self) -> list[str]:
        """Return what the learner should be told (a damaged file was put aside), once."""
        notices, self._notices = self._notices, []
        return notices

    def read(self, query: str, values: dict[str, str | None] | None = None) -> list[sqlite3.Row]:
        """Return the rows of a query; none when there is no file yet."""
        if not self.path.exists():
            return []
        return self._run(lambda db: db.execute(query, values or {}).fetchall())

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do ``work`` in one transaction, all or nothing; on return it is on disk."""
        return self._run(lambda db: _in_transaction(db, work))

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do ``work`` on a fresh connection; when the file proves damaged, put it aside and start again."""
        try:
            return self._attempt(work)
        except sqlite3.DatabaseError as problem:
            if not _is_damage(problem):
                raise self._explain(problem) from problem
            self._put_aside()
        try:
            return self._attempt(work)
        except sqlite3.Error as problem:
            raise self._explain(problem) from problem

    def _attempt(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise self._unwritable(problem) from problem
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            self._check(db)
            _migrate(db)
            return work(db)

    def _check(self, db: sqlite3.Connection) -> None:
        """Refuse a file that is newer than this code or not ours, before anything is written to it."""
        version, owner = _version(db), _pragma(db, "application_id")
        if owner != APPLICATION_ID and (owner or version or _pragma(db, "schema_version")):
            raise StoreError(
                f"{self.path} is an SQLite database of another program; it was left untouched. "
                f"Move it away, or set {HOME_VARIABLE} to another folder."
            )
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{self.path} was written by a newer cnnkit (format {version}, this one reads up to "
                f"{len(MIGRATIONS)}); it was left untouched. Update cnnkit to go on with it."
            )
        if not self._checked:
            _require_sound(db)
            self._checked = True

    def _put_aside(self) -> None:
        """Rename the damaged file and its journals, so that it can be rescued, and say so."""
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        aside = self.path.with_name(f"drills.damaged-{stamp}-{new_id()[:4]}.sqlite3")
        self._checked = False
        if not _damaged(self.path):  # a second kernel has put it aside and started a new one meanwhile
            return
        try:
            for suffix in ("", "-wal", "-shm"):
                part = Path(f"{self.path}{suffix}")
                if part.exists():
                    part.rename(f"{aside}{suffix}")
        except OSError as problem:
            raise self._unwritable(problem) from problem
        self._notices.append(
            f"The drill memory {self.path} was damaged. It is kept as {aside.name} beside it, "
            "and a new, empty memory was started. Import your last export to go on from there."
        )

    def _explain(self, problem: sqlite3.Error) -> StoreError:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        if code in _BUSY:
            return StoreError(
                f"Another program has held {self.path} for more than {BUSY_SECONDS:.0f} seconds; "
                "nothing was written. Close it, or try again."
            )
        return self._unwritable(problem)

    def _unwritable(self, problem: Exception) -> StoreError:
        return StoreError(
            f"The drill memory {self.path} cannot be used ({problem}). Drills work without it, but "
            f"ratings are not kept. Make the folder writable, or set {HOME_VARIABLE} to another one."
        )


def _in_transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the database to the current version, step by step, in one transaction."""
    if _version(db) == len(MIGRATIONS):
        return
    _use_wal(db)

    def steps(db: sqlite3.Connection) -> None:
        for number in range(_version(db), len(MIGRATIONS)):  # read again: a second kernel may have been first
            for statement in _statements(MIGRATIONS[number]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    _in_transaction(db, steps)


def _statements(script: str) -> list[str]:
    """Split a script at the statements' ends (``executescript`` would commit the transaction)."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait for a second kernel that does the same, so try again here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _version(db: sqlite3.Connection) -> int:
    return _pragma(db, "user_version")


def _require_sound(db: sqlite3.Connection) -> None:
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        problem = sqlite3.DatabaseError(verdict)
        problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise problem


def _damaged(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as db:
            _require_sound(db)
    except sqlite3.DatabaseError as problem:
        return _is_damage(problem)
    return False


def _is_damage(problem: sqlite3.DatabaseError) -> bool:
    return getattr(problem, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
