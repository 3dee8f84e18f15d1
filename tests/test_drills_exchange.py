"""Export and import: everything is carried, nothing twice, and no unsound file changes anything."""

import json
from datetime import date, timedelta

import pytest
from store_samples import NOON, content, fill

from cnnkit.drills.database import StoreError
from cnnkit.drills.exchange import export_json, import_json
from cnnkit.drills.store import Store


@pytest.fixture
def store(drill_home):
    return Store()


def test_export_and_import_carry_everything(store, tmp_path):
    fill(store)
    store.set_interview_date(date(2026, 4, 1))
    path = export_json(store, tmp_path / "mine.json")
    other = Store(tmp_path / "other")
    report = import_json(other, path)
    assert content(other) == content(store)
    assert (report.answers, report.reviews, report.known) == (12, 6, 0)
    assert "6 ratings" in str(report)


def test_importing_twice_adds_nothing_and_two_machines_merge(store, tmp_path):
    other = Store(tmp_path / "other")
    fill(store)
    fill(other, ("stride",), 2)
    for number in range(2):
        import_json(store, export_json(other, tmp_path / f"other-{number}.json"))
        import_json(other, export_json(store, tmp_path / f"mine-{number}.json"))
    assert set(other.reviews()) == set(store.reviews())
    assert set(other.answers()) == set(store.answers())
    assert len(store.reviews()) == 8


def test_the_date_set_last_wins(store, tmp_path):
    other = Store(tmp_path / "other")
    other.set_interview_date(date(2026, 5, 1), at=NOON)
    store.set_interview_date(date(2026, 6, 1), at=NOON + timedelta(days=1))
    import_json(store, export_json(other, tmp_path / "old.json"))
    import_json(other, export_json(store, tmp_path / "new.json"))
    assert store.interview_date() == other.interview_date() == date(2026, 6, 1)


def test_an_export_never_overwrites_a_file(store, tmp_path):
    (tmp_path / "thesis.json").write_text("important")
    with pytest.raises(StoreError, match="left untouched"):
        export_json(store, tmp_path / "thesis.json")
    assert (tmp_path / "thesis.json").read_text() == "important"
    with pytest.raises(StoreError, match="could not be written"):
        export_json(store, tmp_path / "nowhere" / "file.json")


def broken(change):
    def apply(tree):
        change(tree)
        return json.dumps(tree)

    return apply


BAD_FILES = {
    "empty": lambda tree: "",
    "cut": lambda tree: json.dumps(tree)[:-40],
    "list": lambda tree: "[1, 2]",
    "deep": lambda tree: "[" * 100_000,
    "foreign": broken(lambda tree: tree.update(format="anki")),
    "newer": broken(lambda tree: tree.update(version=2)),
    "no reviews": broken(lambda tree: tree.pop("reviews")),
    "rating 5": broken(lambda tree: tree["reviews"][-1].update(rating=5)),
    "rating true": broken(lambda tree: tree["reviews"][-1].update(rating=True)),
    "huge seed": broken(lambda tree: tree["reviews"][-1].update(seed=2**63)),
    "no zone": broken(lambda tree: tree["reviews"][-1].update(at="2026-03-01T10:00:00")),
    "no time": broken(lambda tree: tree["reviews"][-1].update(at=12)),
    "end of time": broken(lambda tree: tree["reviews"][-1].update(at="9999-12-31T23:59:59-23:00")),
    "score nan": broken(lambda tree: tree["answers"][-1].update(score=float("nan"))),
    "score 2": broken(lambda tree: tree["answers"][-1].update(score=2)),
    "no id": broken(lambda tree: tree["answers"][-1].pop("id")),
    "long id": broken(lambda tree: tree["answers"][-1].update(id="x" * 1000)),
    "text entry": broken(lambda tree: tree["answers"].append("x")),
    "bad date": broken(lambda tree: tree.update(interview_date={"value": "soon", "at": NOON.isoformat()})),
    "date as text": broken(lambda tree: tree.update(interview_date="2026-04-01")),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_not_sound_is_refused_as_a_whole(store, tmp_path, name):
    fill(store)
    before = content(store)
    other = Store(tmp_path / "other")
    fill(other, ("stride",))
    tree = json.loads(export_json(other, tmp_path / "good.json").read_text())
    bad = tmp_path / "bad.json"
    bad.write_text(BAD_FILES[name](tree))
    with pytest.raises(StoreError, match=r"bad\.json"):
        import_json(store, bad)
    assert content(store) == before


def test_a_missing_or_binary_file_is_refused(store, tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        import_json(store, tmp_path / "none.json")
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(StoreError, match="not a whole JSON"):
        import_json(store, tmp_path / "photo.json")
