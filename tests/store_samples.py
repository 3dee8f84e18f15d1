"""A filled memory for the tests of the store and of its exports."""

from datetime import UTC, datetime, timedelta

from cnnkit.drills.store import Answer, Review

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def fill(store, drills=("conv-output-size", "conv-params"), days=3):
    for day in range(days):
        for drill_id in drills:
            moment = NOON + timedelta(days=day)
            answers = [
                Answer(drill_id, day, False, 0.0, "ceil-for-floor", 1, at=moment),
                Answer(drill_id, day, True, 1.0, hints=1, at=moment + timedelta(minutes=1)),
            ]
            store.add_review(Review(drill_id, day, 3, at=moment + timedelta(minutes=2)), answers)


def content(store):
    return store.answers(), store.reviews(), store.interview_setting()
