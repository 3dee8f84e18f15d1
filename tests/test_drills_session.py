"""The terminal session, driven by typed lines alone."""

import os
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone

import pytest
from drill_samples import BUG, CHOICE, CODE, EXPLAIN, FORMULA, NUMERIC, SAMPLES

from cnnkit.drills import bank, session
from cnnkit.drills.overview import parse_date, progress_text, survey, weak_spots
from cnnkit.drills.scheduler import Rating, Scheduler
from cnnkit.drills.store import Answer, Review, Store
from cnnkit.drills.terminal import Session
from cnnkit.errors import CnnkitError, OptionError

NOW = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=1)))


@pytest.fixture
def typed(monkeypatch):
    """Set what the learner types; ``next(lines)`` runs out with the end of input."""

    def feed(*lines):
        rest = iter(lines)

        def answer(prompt=""):
            print(prompt, end="")
            try:
                return next(rest)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", answer)

    return feed


@pytest.fixture
def clock():
    moment = [NOW]

    def read():
        return moment[0]

    read.forward = lambda **step: moment.__setitem__(0, moment[0] + timedelta(**step))
    return read


@pytest.fixture
def practice(clock, drill_home):
    return Session(Scheduler(Store(), clock), seed=None)


def right_answer(drill, seed=0):
    return str(drill.drawn(seed)[1][0])


# --- one question ---


def test_a_wrong_answer_is_diagnosed_then_a_right_one_is_rated(practice, typed, capsys):
    right = int(right_answer(NUMERIC))
    typed(str(right - 1), "h", str(right), "3")
    practice.run([NUMERIC], new=5, minutes=None)
    out = capsys.readouterr().out
    assert "You forgot the first position" in out
    assert "How often does the kernel fit?" in out
    assert "rating [hard]>" in out, "a hint and a second try suggest hard"
    assert "Due in 2 days, Wed 4 Mar." in out
    assert "1 answered, 1 right at the end. Everything is kept." in out
    answers, (review,) = practice.scheduler.store.answers(), practice.scheduler.store.reviews()
    assert [(answer.correct, answer.misconception, answer.hints) for answer in answers] == [
        (False, "forgot-plus-one", 0),
        (True, None, 1),
    ]
    assert review.rating == Rating.Good


def test_enter_after_a_wrong_answer_goes_on_and_suggests_again(practice, typed, capsys):
    typed("1", "", "")
    practice.run([NUMERIC], new=5, minutes=None)
    assert "rating [again]> Due in 10 minutes." in capsys.readouterr().out
    assert [review.rating for review in practice.scheduler.store.reviews()] == [Rating.Again]


def test_an_unreadable_answer_does_not_count(practice, typed, capsys):
    typed("one million", "q")
    practice.run([NUMERIC], new=5, minutes=None)
    assert "0 answered" in capsys.readouterr().out
    assert practice.scheduler.store.answers() == []


def test_enter_alone_says_what_an_answer_looks_like(practice, typed, capsys):
    typed("", "q")
    practice.run([NUMERIC], new=5, minutes=None)
    assert "An exact number" in capsys.readouterr().out


def test_the_solution_counts_as_giving_up(practice, typed, capsys):
    typed("s", "")
    practice.run([NUMERIC], new=5, minutes=None)
    out = capsys.readouterr().out
    assert f"= {right_answer(NUMERIC)}." in out
    assert "rating [again]>" in out


def test_a_rating_that_cannot_be_read_is_asked_again(practice, typed, capsys):
    typed(right_answer(NUMERIC), "splendid", "easy")
    practice.run([NUMERIC], new=5, minutes=None)
    assert "is not one of again, hard, good, easy" in capsys.readouterr().out
    assert [review.rating for review in practice.scheduler.store.reviews()] == [Rating.Easy]


def test_options_are_lettered_and_answered_by_letter(practice, typed, capsys):
    options = CHOICE.question(0).choices
    letter = "ABC"[[option.correct for option in options].index(True)]
    typed(letter.lower(), "")
    practice.run([CHOICE], new=5, minutes=None)
    out = capsys.readouterr().out
    assert f"{letter}. translation equivariant" in out
    assert "1 answered, 1 right" in out


def test_a_formula_may_begin_with_an_equals_sign(practice, typed, capsys):
    typed("= n - k + 1", "")
    practice.run([FORMULA], new=5, minutes=None)
    assert "1 answered, 1 right" in capsys.readouterr().out


def test_an_explanation_is_scored_by_its_points(practice, typed, capsys):
    typed("It has fewer weights.", "1 3", "2")
    practice.run([EXPLAIN], new=5, minutes=None)
    out = capsys.readouterr().out
    assert out.index("Say it aloud") < out.index("1. fewer parameters") < out.index("2 of 3 key points")
    (answer,) = practice.scheduler.store.answers()
    assert answer.score == pytest.approx(2 / 3)


def test_code_is_pasted_and_ended_by_a_full_stop(practice, typed, capsys):
    typed("def double(x):", "    return x * x", ".", "def double(x):", "    return 2 * x", ".", "4")
    practice.run([CODE], new=5, minutes=None)
    out = capsys.readouterr().out
    assert "You squared the array" in out
    assert "1 answered, 1 right" in out


def test_code_comes_from_a_file(practice, typed, capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def double(x):\n    return x + x\n")
    typed(str(tmp_path / "no such.py"), f'"{path}"', "")
    practice.run([BUG], new=5, minutes=None)
    out = " ".join(capsys.readouterr().out.split())  # the terminal wraps long paths, also in mid-sentence
    assert "cannot be read" in out
    assert "1 answered, 1 right" in out


# --- which question ---


def test_due_reviews_come_before_new_drills_and_with_new_numbers(practice, typed, capsys, clock):
    typed(right_answer(NUMERIC), "3")
    practice.run([NUMERIC], new=1, minutes=None)
    clock.forward(days=3)
    typed("n", "n")
    practice.run([CHOICE, NUMERIC], new=1, minutes=None)
    out = capsys.readouterr().out
    assert out.index("1 left)") < out.index("Equivariance  (choice")
    prompts = [line for line in out.splitlines() if line.startswith("An input of")]
    assert len(set(prompts)) == 2


def test_a_drill_rated_again_returns_when_its_ten_minutes_are_over(
    practice, typed, capsys, clock, monkeypatch
):
    typed("1", "", "1", right_answer(NUMERIC, 1), "3")
    shown = practice.ask

    def slowly(drill, reason):
        shown(drill, reason)
        clock.forward(minutes=11)

    monkeypatch.setattr(practice, "ask", slowly)
    practice.run([NUMERIC], new=1, minutes=None)
    assert [review.rating for review in practice.scheduler.store.reviews()] == [1, 3]


def test_new_drills_and_minutes_are_limited(practice, typed, capsys, clock):
    typed(*"nnnnnn")
    practice.run(SAMPLES, new=2, minutes=None)
    assert capsys.readouterr().out.count("; new)") == 2
    practice.scheduler.clock = lambda: clock.forward(minutes=1) or clock()
    typed(*"nnnnnn")
    practice.run(SAMPLES, new=9, minutes=5)
    out = capsys.readouterr().out
    assert "5 minutes are over." in out
    assert out.count("; new)") < 6


def test_leaving_keeps_every_answer(practice, typed, capsys):
    typed("1")  # then the input ends
    practice.run(SAMPLES, new=5, minutes=None)
    assert "1 answered, 0 right at the end. Everything is kept." in capsys.readouterr().out
    assert [answer.correct for answer in practice.scheduler.store.answers()] == [False]


def test_without_a_memory_practice_goes_on(typed, capsys, tmp_path, clock):
    (tmp_path / "file").write_text("")
    practice = Session(Scheduler(Store(tmp_path / "file" / "home"), clock))
    typed(right_answer(NUMERIC), "3", "n")
    practice.run([NUMERIC, CHOICE], new=5, minutes=None)
    out = capsys.readouterr().out
    assert out.count("ratings are not kept") == 1
    assert "1 answered, 1 right" in out
    assert "Everything is kept" not in out


def test_colour_only_where_it_is_wanted(practice, typed, capsys):
    typed("q")
    practice.run([NUMERIC], new=5, minutes=None)
    assert "\x1b" not in capsys.readouterr().out
    typed("q")
    practice.colour = True
    practice.run([NUMERIC], new=5, minutes=None)
    assert "\x1b[1m" in capsys.readouterr().out


# --- the command line ---


def run(*options, stdin="", **environment):
    return subprocess.run(
        [sys.executable, "-m", "cnnkit", "drill", *options],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env=os.environ | environment,
    )


def test_piped_input_drives_a_whole_session(drill_home):
    done = run("conv-output-size", "--seed", "3", stdin="1x1x1\n\n\n", FORCE_COLOR="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "1 answered, 0 right" in done.stdout
    assert "\x1b" not in done.stdout
    (review,) = Store().reviews()
    assert (review.drill_id, review.seed, review.rating) == ("conv-output-size", 3, 1)


def test_a_console_without_our_letters_does_not_fail(drill_home):
    done = run("conv-output-size", stdin="q\n", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr


def test_unknown_options_and_drills_are_explained():
    done = run("conv-outputsize")
    assert done.returncode == 1
    assert "did you mean conv-output-size" in done.stderr
    assert "Traceback" not in done.stderr
    assert run("--minutes", "-3").returncode == 2


def test_filters_apply_and_an_empty_choice_is_refused(typed, capsys):
    typed("q")
    assert session.main(["--chapter", "1", "--kind", "explain"]) == 0
    assert "explain ·" in capsys.readouterr().out
    with pytest.raises(CnnkitError, match="chapter '77'"):
        session.main(["--chapter", "77"])
    with pytest.raises(OptionError, match="no drill fits"):
        session.main(["conv-output-size", "--kind", "explain"])


def test_export_and_import_by_command(capsys, tmp_path, drill_home, monkeypatch):
    Store().add_review(Review("conv-output-size", 0, 3))
    assert session.main(["--export", str(tmp_path / "mine.json")]) == 0
    monkeypatch.setenv("CNNKIT_HOME", str(tmp_path / "other"))
    assert session.main(["--import", str(tmp_path / "mine.json")]) == 0
    assert "1 ratings and 0 answers added" in capsys.readouterr().out
    assert len(Store().reviews()) == 1


def test_reset_asks_before_it_forgets_everything(typed, capsys, drill_home):
    store = Store()
    for drill_id in ("conv-output-size", "gone-from-the-bank"):
        store.add_review(Review(drill_id, 0, 3))
    assert session.main(["--reset", "gone-from-the-bank"]) == 0
    assert [review.drill_id for review in store.reviews()] == ["conv-output-size"]
    with pytest.raises(CnnkitError, match="there is no drill"):
        session.main(["--reset", "never-was"])
    typed("yes")
    assert session.main(["--reset"]) == 1
    typed()
    assert session.main(["--reset"]) == 1
    assert len(store.reviews()) == 1
    typed("reset")
    assert session.main(["--reset"]) == 0
    assert store.reviews() == []


def test_the_interview_date_by_command(capsys, drill_home):
    day = date.today() + timedelta(days=30)
    assert session.main(["--interview-date", day.isoformat()]) == 0
    assert "in 30 days" in capsys.readouterr().out
    assert Store().interview_date() == day
    assert session.main(["--interview-date", "none"]) == 0
    assert Store().interview_date() is None
    for text in ("soon", "2020-01-01"):
        with pytest.raises(OptionError, match=r"is past|is not a date"):
            session.main(["--interview-date", text])


def test_a_damaged_memory_is_reported_after_the_command(capsys, drill_home):
    Store().add_review(Review("conv-output-size", 0, 3))
    Store().path.write_text("nonsense " * 900)
    assert session.main(["--progress"]) == 0
    captured = capsys.readouterr()
    assert "was damaged" in captured.err
    assert "chapter" in captured.out


# --- where one stands ---


def test_progress_counts_what_was_seen_mastered_due_and_still_happens(practice, clock):
    first, second = (drill.id for drill in bank.by_chapter("01")[:2])
    scheduler = practice.scheduler
    scheduler.rate(first, 0, "easy", [Answer(first, 0, False, 0.0, "ceil-for-floor", at=clock())])
    scheduler.rate(second, 0, "again")
    clock.forward(days=8)
    scheduler.rate(first, 1, "good")
    (row,) = [row for row in survey(scheduler).rows if row.chapter == "01"]
    assert (row.drills, row.seen, row.mastered, row.due) == (len(bank.by_chapter("01")), 2, 1, 1)
    assert row.weak == (("ceil-for-floor", 1),)
    scheduler.set_interview_date(clock().date() + timedelta(days=10))
    text = progress_text(survey(scheduler))
    assert "01 Convolution" in text
    assert "1 review due now. The interview is in 10 days" in text
    assert "reviews a day until then" in text


def test_two_right_answers_in_a_row_clear_a_mistake():
    def answer(correct, mistake=None, drill_id="a"):
        return Answer(drill_id, 0, correct, float(correct), mistake)

    slip = answer(False, "flipped")
    assert weak_spots([slip, slip]) == {("a", "flipped"): 2}
    assert weak_spots([slip, answer(True), answer(False, "bias"), answer(True)]) == {
        ("a", "flipped"): 1,
        ("a", "bias"): 1,
    }
    assert weak_spots([slip, answer(True), answer(True)]) == {}
    assert weak_spots([slip, answer(True, drill_id="b"), answer(True, drill_id="b")]) == {("a", "flipped"): 1}


def test_dates_are_read_strictly():
    assert parse_date(" 2026-05-31 ") == date(2026, 5, 31)
    assert parse_date("None") is None
    with pytest.raises(OptionError, match="is not a date"):
        parse_date("31.5.2026")
