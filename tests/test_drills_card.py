"""The card by plain calls and by the messages of its front end, without a browser."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, datetime, timedelta, timezone

import nbformat
import pytest
from drill_samples import BUG, CHOICE, CODE, EXPLAIN, FORMULA, NUMERIC, SAMPLES
from nbclient import NotebookClient

import cnnkit.drills
from cnnkit.drills import bank, drill
from cnnkit.drills.card import EXAMPLE_SEED, DrillCard
from cnnkit.drills.overview import ProgressView, progress, set_interview_date
from cnnkit.drills.scheduler import Scheduler
from cnnkit.drills.store import Answer, Review, Store
from cnnkit.errors import CnnkitError, OptionError

NOW = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def scheduler(drill_home):
    return Scheduler(Store(), lambda: NOW)


@pytest.fixture
def card(scheduler):
    return DrillCard(NUMERIC, scheduler=scheduler)


def right(card):
    return NUMERIC.drawn(card.question.seed)[1][0]


class Browser:
    """What the front end does: it shows a face and sends messages."""

    def __init__(self, card):
        card._repr_mimebundle_()
        self.widget = card._widget
        self.say("open")

    def say(self, action, value=None, ask=7):
        self.widget._handle_custom_msg({"do": action, "value": value, "ask": ask}, [])
        return self.face

    @property
    def face(self):
        return self.widget.face


# --- plain calls ---


def test_a_drill_is_worked_by_plain_calls(card, scheduler):
    assert repr(card.prompt).startswith("An input of")
    wrong = card.answer(right(card) - 1)
    assert (wrong.correct, wrong.misconception) == (False, "forgot-plus-one")
    assert "You forgot the first position" in repr(wrong)
    assert repr(card.hint()) == "How often does the kernel fit?"
    assert repr(card.hint()) == "n - k + 1"
    assert "last hint" in repr(card.hint())
    assert card.answer(f"{right(card)}").correct
    assert f"= {right(card)}." in repr(card.solution())
    assert scheduler.store.answers() == [], "calls alone keep nothing"
    assert repr(card.rate("good")) == "Rated good: due in 2 days, Wed 4 Mar."
    assert [answer.correct for answer in scheduler.store.answers()] == [False, True]
    assert [review.rating for review in scheduler.store.reviews()] == [3]


def test_what_is_said_typesets_in_a_notebook(card):
    assert "$" in card.prompt._repr_markdown_()
    assert "$" not in repr(card.prompt)


def test_another_one_has_new_numbers(card, scheduler):
    seen = {repr(card.prompt)}
    for _ in range(5):
        seen.add(repr(card.another()))
    assert len(seen) == 2, "unanswered numbers are not used up"
    for _ in range(5):
        card.answer(0)
        card.rate("again")
        seen.add(repr(card.another()))
    assert len(seen) == 6


def test_a_seed_fixes_the_numbers(scheduler):
    first, second = (DrillCard(NUMERIC, 12, scheduler) for _ in range(2))
    assert first.question == second.question == NUMERIC.question(12)
    first.another()
    assert first.question.seed == 13


def test_a_rating_needs_an_answer_and_a_known_word(card, scheduler):
    with pytest.raises(OptionError, match="answer first"):
        card.rate("good")
    card.answer("ten potatoes")
    with pytest.raises(OptionError, match="answer first"):
        card.rate("good")
    card.answer("10")
    with pytest.raises(OptionError, match="again, hard, good, easy"):
        card.rate("great")
    assert scheduler.store.reviews() == []


def test_functions_are_checked_by_call(scheduler):
    verdict = DrillCard(CODE, scheduler=scheduler).check(lambda x: x / 2)
    assert not verdict.correct
    assert "You halved the array" in repr(verdict)
    assert DrillCard(BUG, scheduler=scheduler).check(lambda x: x + x).correct


def test_an_explanation_is_scored_by_call(scheduler):
    card = DrillCard(EXPLAIN, scheduler=scheduler)
    assert repr(card.points()).splitlines()[0] == "- 1. fewer parameters"
    assert card.answer("1, 2").score == pytest.approx(2 / 3)
    assert "graded by" in repr(DrillCard(NUMERIC).points())


def test_the_course_offers_it_by_id():
    assert repr(drill("conv-output-size")) == repr(drill("conv-output-size"))
    with pytest.raises(CnnkitError, match="did you mean conv-output-size"):
        drill("conv-output-sise")
    assert cnnkit.drills.progress is progress
    with pytest.raises(AttributeError):
        cnnkit.drills.nothing  # noqa: B018


def test_without_a_memory_the_card_works_and_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    card = DrillCard(NUMERIC, scheduler=Scheduler(Store(tmp_path / "file" / "home"), lambda: NOW))
    card.answer(0)
    assert "ratings are not kept" in repr(card.rate("good"))
    browser = Browser(card)
    assert "ratings are not kept" in browser.face["notice"]
    assert browser.say("answer", str(right(card)))["verdict"]["correct"]
    assert browser.say("another")["verdict"] is None


# --- what a committed notebook holds ---


@pytest.mark.parametrize("source", SAMPLES, ids=lambda source: source.kind)
def test_the_printed_card_never_depends_on_progress(source, scheduler):
    before = DrillCard(source, scheduler=scheduler)._repr_mimebundle_()
    for seed in range(3):
        scheduler.rate(source.id, seed, "good", [Answer(source.id, seed, True, 1.0)])
    card = DrillCard(source, scheduler=scheduler)
    after = card._repr_mimebundle_()
    for kind in ("text/plain", "text/markdown"):
        assert before[kind] == after[kind]
    assert after["text/plain"] == repr(card)
    assert card.question.seed == EXAMPLE_SEED
    assert {"application/vnd.jupyter.widget-view+json", "text/plain", "text/markdown"} == after.keys()


def test_executing_a_notebook_reads_and_writes_no_memory(drill_home):
    """What nbval and the build do: the same outputs with and without a memory, and the memory untouched."""
    lines = ['drill("conv-output-size")', 'drill("conv-output-size").answer("1x1x1")', "progress()"]
    sources = ["from cnnkit.drills import drill, progress", *lines]

    def outputs():
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        notebook = nbformat.v4.new_notebook(cells=cells)
        NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
        bundles = [output["data"] for cell in notebook.cells for output in cell.outputs]
        assert "application/vnd.jupyter.widget-view+json" in bundles[0]
        return [{kind: data for kind, data in bundle.items() if "text" in kind} for bundle in bundles]

    without = outputs()
    assert not drill_home.exists()
    store = Store()
    store.add_review(Review("conv-output-size", EXAMPLE_SEED, 3), [Answer("conv-output-size", 0, True, 1.0)])
    store.set_interview_date(date.today() + timedelta(days=20))
    before = [(path.name, path.read_bytes()) for path in sorted(drill_home.iterdir())]
    assert outputs() == without
    assert [(path.name, path.read_bytes()) for path in sorted(drill_home.iterdir())] == before


def test_showing_and_answering_by_calls_leaves_no_trace(drill_home):
    for source in (NUMERIC, CHOICE, FORMULA, EXPLAIN):
        card = DrillCard(source)
        card._repr_mimebundle_()
        card.answer("1")
        card.hint()
        card.solution()
    progress()._repr_mimebundle_()
    assert not drill_home.exists()


def test_hints_and_solution_are_folded_in_the_static_form():
    markdown = DrillCard(CHOICE)._repr_mimebundle_()["text/markdown"]
    before, folded = markdown.split("<details>", 1)
    assert "Shift the input" not in before
    assert "equivariant" in before
    assert "<summary>Hint 1 of 1</summary>" in folded
    assert "Then the output would not change" in folded, "every option says why"


def test_an_answers_form_does_not_become_italics():
    assert r"3\*3\*64" in DrillCard(NUMERIC)._repr_mimebundle_()["text/markdown"]


# --- the front end ---


def test_the_first_question_is_the_printed_one_and_later_ones_are_new(card, scheduler):
    browser = Browser(card)
    assert card.question.seed == EXAMPLE_SEED
    assert browser.face["memory"] == "new to you"
    scheduler.store.add_review(Review(NUMERIC.id, EXAMPLE_SEED, 3, at=NOW))
    again = DrillCard(NUMERIC, scheduler=scheduler)
    browser = Browser(again)
    assert again.question.prompt != NUMERIC.question(EXAMPLE_SEED).prompt
    assert browser.face["memory"] == "rated once, due in 2 days, Wed 4 Mar"
    fixed = DrillCard(NUMERIC, EXAMPLE_SEED, scheduler)
    Browser(fixed)
    assert fixed.question.seed == EXAMPLE_SEED


def test_opening_again_keeps_a_question_in_progress(card):
    browser = Browser(card)
    browser.say("hint")
    browser.say("answer", str(right(card)))
    face = browser.say("open")
    assert len(face["hints"]) == 1
    assert face["verdict"]["correct"]


def test_answers_at_the_card_are_kept_at_once(card, scheduler):
    face = Browser(card).say("answer", str(right(card) - 1), ask=41)
    assert face["ask"] == 41
    assert not face["verdict"]["correct"]
    assert "You forgot the first position" in face["verdict"]["html"]
    assert [answer.misconception for answer in scheduler.store.answers()] == ["forgot-plus-one"]


def test_rating_comes_after_the_answer_with_the_next_due_date(card, scheduler):
    browser = Browser(card)
    assert browser.face["ratings"] == []
    assert browser.say("answer", "no number at all")["ratings"] == []
    assert browser.face["verdict"]["counted"] is False
    face = browser.say("answer", str(right(card)))
    assert [rating["due"] for rating in face["ratings"]] == [
        "in 10 minutes", "in 10 minutes", "in 2 days, Wed 4 Mar", "in 8 days, Tue 10 Mar",
    ]  # fmt: skip
    assert face["suggested"] == "good"
    assert browser.say("rate", "easy")["rated"] == "Rated easy: due in 8 days, Tue 10 Mar."
    assert len(scheduler.store.reviews()) == 1


def test_hints_come_one_by_one_and_the_solution_last(card):
    browser = Browser(card)
    assert (browser.face["hints"], browser.face["hintCount"], browser.face["solution"]) == ([], 2, "")
    assert len(browser.say("hint")["hints"]) == 1
    assert "<math>" in browser.say("hint")["hints"][1]
    assert len(browser.say("hint")["hints"]) == 2
    face = browser.say("solution")
    assert "<math>" in face["solution"]
    assert face["suggested"] == "again"


def test_the_solution_after_a_right_answer_costs_nothing(card):
    browser = Browser(card)
    browser.say("answer", str(right(card)))
    assert browser.say("solution")["suggested"] == "good"


def test_another_one_starts_afresh(card):
    browser = Browser(card)
    browser.say("hint")
    browser.say("answer", "1")
    serial = browser.face["serial"]
    face = browser.say("another")
    assert face["serial"] == serial + 1
    assert (face["verdict"], face["hints"], face["ratings"]) == (None, [], [])


def test_calls_and_card_show_the_same_state(card):
    browser = Browser(card)
    card.answer(right(card))
    assert browser.face["verdict"]["correct"]
    card.hint()
    assert len(browser.face["hints"]) == 1


@pytest.mark.parametrize("source", SAMPLES, ids=lambda source: source.kind)
def test_a_face_is_json(source, scheduler):
    face = Browser(DrillCard(source, scheduler=scheduler)).face
    assert json.loads(json.dumps(face)) == face
    assert face["kind"] == source.kind


def test_what_a_learner_types_never_becomes_markup(card):
    html = Browser(card).say("answer", "<img src=x onerror=alert(1)>")["verdict"]["html"]
    assert "<img" not in html


# --- progress ---


def test_progress_prints_the_same_for_everyone_and_fills_in_a_browser(scheduler):
    view = ProgressView(scheduler)
    before = repr(view)
    drill_id = bank.by_chapter("01")[0].id
    scheduler.rate(drill_id, 0, "good", [Answer(drill_id, 0, False, 0.0, "ceil<b>", at=NOW)])
    assert repr(view) == before == view._repr_mimebundle_()["text/plain"]
    assert "  01 Convolution\n" in before
    view._widget._handle_custom_msg({"do": "open"}, [])
    face = view._widget.face
    assert "<td>1</td>" in face["html"]
    assert "ceil&lt;b&gt;" in face["html"]
    assert "0 reviews due now. No interview date is set." in face["message"]
    view._widget._handle_custom_msg({"do": "date", "value": "2026-03-20"}, [])
    assert view._widget.face["date"] == "2026-03-20"
    assert "in 18 days" in view._widget.face["message"]
    view._widget._handle_custom_msg({"do": "date", "value": "2020-01-01"}, [])
    assert "is past" in view._widget.face["message"]
    assert view._widget.face["date"] == "2026-03-20"


def test_progress_without_a_memory_says_why(tmp_path):
    (tmp_path / "file").write_text("")
    view = ProgressView(Scheduler(Store(tmp_path / "file" / "home"), lambda: NOW))
    view._repr_mimebundle_()
    view._widget._handle_custom_msg({"do": "date", "value": "2026-03-20"}, [])
    assert "Make the folder writable" in view._widget.face["message"]
    foreign = Store(tmp_path)
    with closing(sqlite3.connect(foreign.path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
    view = ProgressView(Scheduler(foreign, lambda: NOW))
    view._repr_mimebundle_()
    view._widget._handle_custom_msg({"do": "open"}, [])
    assert "another program" in view._widget.face["message"]


def test_the_interview_date_by_call(drill_home):
    day = date.today() + timedelta(days=12)
    assert "in 12 days" in set_interview_date(day.isoformat())
    assert Store().interview_date() == day
    assert "No interview date" in set_interview_date(None)
    assert Store().interview_date() is None


def test_the_terminal_needs_no_widget_library():
    code = "import sys, cnnkit.drills.session; print({'anywidget', 'ipywidgets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr
