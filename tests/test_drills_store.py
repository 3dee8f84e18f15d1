"""The memory on disk: nothing that was acknowledged is lost, nothing foreign is harmed."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import date, datetime, timedelta

import platformdirs
import pytest
from store_samples import NOON, content, fill

from cnnkit.drills import database
from cnnkit.drills.database import APPLICATION_ID, MIGRATIONS, StoreError
from cnnkit.drills.store import Answer, Review, Store, store_home


@pytest.fixture
def store(drill_home):
    return Store()


# --- what is kept ---


def test_the_log_returns_what_was_appended_in_the_order_of_time(store):
    late = Review("a", 2, 4, at=NOON + timedelta(hours=1))
    early = Review("a", 1, 1, at=NOON)
    store.add_review(late)
    store.add_review(early, [Answer("a", 1, False, 0.25, "flipped-kernel", 2, at=NOON)])
    assert store.reviews() == [early, late]
    (answer,) = store.answers("a")
    assert (answer.correct, answer.score, answer.misconception, answer.hints) == (
        False,
        0.25,
        "flipped-kernel",
        2,
    )
    assert store.reviews("b") == []


def test_seeds_are_listed_longest_ago_first_and_once(store):
    for minute, seed in enumerate([5, 7, 5, 9]):
        store.add_answer(Answer("a", seed, True, 1.0, at=NOON + timedelta(minutes=minute)))
    store.add_review(Review("a", 7, 3, at=NOON + timedelta(hours=1)))
    assert store.used_seeds("a") == [5, 9, 7]
    assert store.used_seeds("b") == []


def test_the_interview_date_can_be_set_changed_and_cleared(store):
    assert store.interview_date() is None
    store.set_interview_date(date(2026, 4, 1))
    store.set_interview_date(date(2026, 4, 2))
    assert store.interview_date() == date(2026, 4, 2)
    store.set_interview_date(None)
    assert store.interview_date() is None


def test_reset_forgets_one_drill_or_all_and_keeps_the_date(store):
    fill(store)
    store.set_interview_date(date(2026, 4, 1))
    assert store.reset("conv-params") == 3
    assert {review.drill_id for review in store.reviews()} == {"conv-output-size"}
    assert store.answers("conv-params") == []
    assert store.reset() == 3
    assert (store.reviews(), store.answers(), store.interview_date()) == ([], [], date(2026, 4, 1))


def test_a_moment_without_time_zone_is_refused(store):
    with pytest.raises(ValueError, match="no time zone"):
        store.add_review(Review("a", 0, 3, at=datetime(2026, 3, 2)))
    assert store.reviews() == []


def test_the_log_is_append_only_and_its_values_are_checked(store):
    fill(store)
    with closing(sqlite3.connect(store.path)) as db:
        for table, change in (("reviews", "rating = 4"), ("answers", "correct = 1")):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(f"UPDATE {table} SET {change}")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("INSERT INTO reviews VALUES ('x', 'a', 0, '2026', 5)")


def test_a_rating_and_its_answers_are_kept_together_or_not_at_all(store):
    store.add_answer(Answer("a", 0, True, 1.0))
    with pytest.raises(StoreError):
        store.add_review(Review("a", 1, 9), [Answer("a", 1, True, 2.0)])
    assert len(store.answers()) == 1


# --- where it is kept ---


def test_reading_never_creates_the_file(drill_home):
    store = Store()
    assert store.reviews() == store.answers() == store.used_seeds("a") == []
    assert store.interview_date() is None
    assert store.reset() == 0
    assert not drill_home.exists()


def test_home_is_the_variable_or_the_users_data_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNKIT_HOME", str(tmp_path / "mine"))
    assert store_home() == tmp_path / "mine"
    for value in ("", "  "):
        monkeypatch.setenv("CNNKIT_HOME", value)
        assert store_home() == platformdirs.user_data_path("cnnkit", appauthor=False)


def test_no_test_sees_the_real_home(drill_home):
    assert Store().path.is_relative_to(drill_home)
    assert store_home() != platformdirs.user_data_path("cnnkit", appauthor=False)


def test_an_unusable_home_is_explained(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    store = Store(tmp_path / "file" / "home")
    with pytest.raises(StoreError, match=r"ratings are not kept.*CNNKIT_HOME"):
        store.add_review(Review("a", 0, 3))


def test_a_read_only_database_is_explained(store, monkeypatch):
    fill(store)

    def read_only(path, **options):
        return sqlite3_connect(f"file:{path}?mode=ro", uri=True, **options)

    sqlite3_connect = sqlite3.connect
    monkeypatch.setattr(database.sqlite3, "connect", read_only)
    with pytest.raises(StoreError, match=r"readonly.*Make the folder writable"):
        store.add_review(Review("a", 0, 3))


# --- formats ---


def test_a_new_database_is_marked_as_ours_and_uses_wal(store):
    fill(store)
    with closing(sqlite3.connect(store.path)) as db:
        values = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert values == [APPLICATION_ID, len(MIGRATIONS)]


def test_an_older_database_is_migrated_and_keeps_its_rows(store, monkeypatch):
    fill(store)
    before = content(store)
    monkeypatch.setattr(
        database,
        "MIGRATIONS",
        (*MIGRATIONS, "CREATE TABLE notes (text TEXT);\nINSERT INTO notes VALUES ('a;b');\n"),
    )
    assert content(Store()) == before
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert db.execute("SELECT text FROM notes").fetchall() == [("a;b",)]


def test_a_migration_that_fails_halfway_changes_nothing(store, monkeypatch):
    fill(store)
    before = content(store)
    broken = (*MIGRATIONS, "CREATE TABLE notes (text TEXT);\nINSERT INTO nowhere VALUES (1);\n")
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", broken)
        with pytest.raises(StoreError, match="nowhere"):
            Store().reviews()
    assert content(Store()) == before


def test_a_newer_database_is_refused_and_left_untouched(store):
    fill(store)
    with closing(sqlite3.connect(store.path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = store.path.read_bytes()
    for use in (Store().reviews, lambda: Store().add_review(Review("a", 0, 3)), Store().reset):
        with pytest.raises(StoreError, match=r"newer cnnkit.*Update cnnkit"):
            use()
    assert store.path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_untouched(store):
    store.home.mkdir(parents=True)
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
        db.commit()
    before = store.path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        store.add_review(Review("a", 0, 3))
    assert store.path.read_bytes() == before


# --- damage ---


@pytest.mark.parametrize("harm", ["text", "head", "middle"])
def test_a_damaged_database_is_put_aside_and_a_new_one_started(store, harm):
    fill(store, days=60)
    raw = bytearray(store.path.read_bytes())
    if harm == "text":
        raw[:] = b"this was never a database " * 40
    elif harm == "head":
        raw[:64] = b"\xff" * 64
    else:
        raw[4096 : len(raw) - 4096] = random.Random(0).randbytes(len(raw) - 8192)
    store.path.write_bytes(raw)
    fresh = Store()
    fresh.add_review(Review("a", 0, 3))
    assert [review.drill_id for review in fresh.reviews()] == ["a"]
    (aside,) = store.home.glob("drills.damaged-*.sqlite3")
    assert aside.read_bytes() == raw
    (notice,) = fresh.take_notices()
    assert "damaged" in notice
    assert aside.name in notice
    assert fresh.take_notices() == []


def test_a_sound_database_is_never_put_aside(store, monkeypatch):
    """A second kernel may have replaced the damaged file already: what is there now must stay."""
    fill(store)
    monkeypatch.setattr(database, "_is_damage", lambda problem: False)
    store._database._put_aside()
    assert len(store.reviews()) == 6
    assert store.take_notices() == []


# --- several writers, and sudden ends ---

WRITER = """
import sys
from cnnkit.drills.store import Review, Store
store = Store()
print("ready", flush=True)
for seed in range(int(sys.argv[2])):
    review = Review(sys.argv[1], seed, 3)
    store.add_review(review)
    print(review.id, flush=True)  # the acknowledgement: only after the commit
"""


def start_writer(name, count):
    command = [sys.executable, "-c", WRITER, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_lines(process, lines):
    thread = threading.Thread(target=lambda: lines.extend(process.stdout))
    thread.start()
    return thread


def run_and_kill(count, enough):
    """Start two writers, kill both as soon as ``enough(acknowledged)``; return what each acknowledged."""
    writers = [start_writer(name, count) for name in ("left", "right")]
    acknowledged = [[], []]
    threads = [read_lines(*pair) for pair in zip(writers, acknowledged, strict=True)]
    deadline = time.monotonic() + 30
    while not enough(acknowledged) and time.monotonic() < deadline:
        time.sleep(0.001)
    for writer in writers:
        writer.kill()  # SIGKILL: no handler, no clean-up
    for writer, thread in zip(writers, threads, strict=True):
        writer.wait()
        thread.join()
        writer.stdout.close()
    # The kill may cut the last line; an acknowledgement counts when it came whole.
    return [{line.strip() for line in lines if line.endswith("\n")} - {"ready"} for lines in acknowledged]


def test_no_acknowledged_rating_is_lost_when_two_writers_are_killed(drill_home):
    left, right = run_and_kill(500, lambda lines: min(map(len, lines)) > 40 and sum(map(len, lines)) > 200)
    assert left
    assert right
    kept = {review.id for review in Store().reviews()}
    assert left | right <= kept
    assert len(kept) <= len(left | right) + 2, "at most one unacknowledged rating a writer"
    with closing(sqlite3.connect(Store().path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    Store().add_review(Review("after", 0, 3))


def test_a_kill_while_the_file_is_being_made_leaves_a_usable_memory(drill_home):
    for _ in range(3):
        acknowledged = run_and_kill(20, lambda lines: all(lines))
        kept = {review.id for review in Store().reviews()}
        assert set.union(*acknowledged) <= kept
    Store().add_review(Review("after", 0, 3))


def test_two_writers_that_finish_keep_every_rating(drill_home):
    writers = [start_writer(name, 60) for name in ("left", "right")]
    acknowledged = [writer.communicate(timeout=60)[0].split()[1:] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {review.id for review in Store().reviews()} == {*acknowledged[0], *acknowledged[1]}
    assert len(Store().reviews()) == 120


def test_threads_share_a_store(store):
    threads = [threading.Thread(target=fill, args=(store, (f"drill-{i}",), 5)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.reviews()) == 20


def test_a_database_that_stays_locked_is_explained(store, monkeypatch):
    fill(store)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert len(store.reviews()) == 6, "reading goes on"
        with pytest.raises(StoreError, match=r"Another program has held .* try again"):
            store.add_review(Review("a", 0, 3))
