"""The checkers checked: no wrong program passes, no right one is refused, every mistake gets its name."""

import time

import numpy as np
import pytest
from drill_programs import CONV2D, SUBMISSIONS, changed

from cnnkit.drills import bank, sandbox, trial
from cnnkit.drills.kinds import CodeDrill

PROGRAM_DRILLS = [drill for drill in bank.all_drills() if isinstance(drill, CodeDrill)]
MUTANTS = [
    pytest.param(drill, mistake.name, function, id=f"{drill.id}:{mistake.name}:{number}")
    for drill in PROGRAM_DRILLS
    for mistake in drill.mistakes()
    for number, function in enumerate(mistake.wrong if isinstance(mistake.wrong, tuple) else (mistake.wrong,))
]
SOLUTIONS = [
    pytest.param(drill, solution, id=f"{drill.id}:{solution.__name__}")
    for drill in PROGRAM_DRILLS
    for solution in drill.solutions
]


def conv2d_question(seed=0):
    return bank.get("conv2d-loops").question(seed)


@pytest.mark.parametrize(("drill", "name", "function"), MUTANTS)
def test_every_mistake_of_the_deck_is_caught_and_named(drill, name, function):
    grade = drill.question(7).grade(function)
    assert (grade.correct, grade.counted, grade.misconception) == (False, True, name)
    assert "Not yet." in grade.message
    assert "in chapter" in grade.message
    assert "expected" in grade.message


@pytest.mark.parametrize(("drill", "solution"), SOLUTIONS)
def test_every_solution_of_the_deck_passes_live(drill, solution):
    assert drill.question(7).grade(solution).correct


@pytest.mark.parametrize("drill", PROGRAM_DRILLS, ids=lambda drill: drill.id)
def test_the_shown_solution_passes_as_text(drill):
    question = drill.question(3)
    program = question.solution.split("```python\n")[1].split("```")[0]
    assert question.grade(program).correct


@pytest.mark.parametrize(
    ("drill_id", "mistake", "source"),
    SUBMISSIONS,
    ids=[f"{row[0]}:{row[1]}:{n}" for n, row in enumerate(SUBMISSIONS)],
)
def test_submissions_that_people_write(drill_id, mistake, source):
    grade = bank.get(drill_id).question(11).grade(source)
    assert (grade.correct, grade.misconception) == (mistake is None, mistake), grade.message


def test_every_program_drill_meets_three_wrong_and_two_right_submissions():
    for drill in PROGRAM_DRILLS:
        mistakes = [mistake for drill_id, mistake, _ in SUBMISSIONS if drill_id == drill.id]
        assert mistakes.count(None) >= 2, drill.id
        assert len(set(mistakes) - {None}) >= 3, drill.id


def test_unchanged_starters_are_wrong():
    for drill in PROGRAM_DRILLS:
        grade = drill.question(1).grade(drill.beginning())
        expected = "bug-still-there" if drill.kind == "bug" else "returns-none"
        assert (grade.correct, grade.misconception) == (False, expected), drill.id


def test_the_smallest_failing_input_is_small():
    source = changed(CONV2D, "w[m, n, c, k]", "w[KH - 1 - m, KW - 1 - n, c, k]")
    message = conv2d_question().grade(source).message
    shapes = [tuple(map(int, part.split(")")[0].split(", "))) for part in message.split("shape (")[1:3]]
    assert np.prod(shapes[0]) == 2
    assert np.prod(shapes[1]) == 2


def test_the_failing_input_can_be_pasted_and_checked():
    grade = conv2d_question().grade(changed(CONV2D, "                y[i, j, k] += b[k]\n", ""))
    lines = dict(line.split(" = ", 1) for line in grade.message.splitlines() if " = " in line)
    values = {name: np.array(eval(text.split("  shape")[0])) for name, text in lines.items()}
    assert values["b"] == [1]
    assert values["expected"] - values["yours"] == 1


def faults(source, drill_id="conv2d-loops"):
    return bank.get(drill_id).question(5).grade(source)


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        ("return None", "returns-none", "returned None"),
        ("print(x.sum())", "returns-none", "return it"),
        ("return 'map'", "foreign-result", "str that does not hold numbers"),
        ("return [[1, 2], [3]]", "foreign-result", "different lengths"),
        ("return np.zeros((2000, 2000))", "foreign-result", "far too large"),
        ("return x.ravel()", "wrong-shape", "shape"),
        ("return x[100]", "raises", "IndexError: index 100 is out of bounds"),
        ("raise ValueError('mine')", "raises", "ValueError: mine, in line 2: `raise ValueError('mine')`"),
        ("return conv2d(x, w, b, stride)", "raises", "RecursionError"),
        ("import sys; sys.exit()", "raises", "SystemExit"),
        ("import os; os._exit(1)", "process-ended", "ended the whole Python process"),
        ("return input()", "raises", "EOFError"),
    ],
)
def test_programs_that_go_wrong_in_their_own_way(body, name, words):
    grade = faults(f"def conv2d(x, w, b, stride):\n    {body}\n")
    assert (grade.correct, grade.counted, grade.misconception) == (False, True, name)
    assert words in grade.message
    assert "Traceback" not in grade.message


def right(x, w, b, stride):
    return bank.get("conv2d-loops").solutions[0](x, w, b, stride)


def test_nearly_right_functions_are_told_what_is_wrong():
    def nan(x, w, b, stride):
        return right(x, w, b, stride) * np.nan

    def integer(x, w, b, stride):
        return right(x, w, b, stride).astype(int)

    def complex_(x, w, b, stride):
        return right(x, w, b, stride) + 0j

    def greedy(x, w, b, stride):
        y = right(x, w, b, stride)
        x *= 2
        return y

    names = [faults(function).misconception for function in (nan, integer, complex_, greedy)]
    assert names == ["nan-result", "integer-result", "complex-result", "changes-its-input"]
    assert "modifies its argument `x`" in faults(greedy).message


def test_a_right_answer_in_float32_or_as_nested_lists_passes():
    assert faults(lambda x, w, b, stride: right(x, w, b, stride).astype(np.float32)).correct
    assert faults(lambda x, w, b, stride: right(x, w, b, stride).tolist()).correct


def test_the_line_of_a_live_functions_error_is_shown():
    def conv2d(x, w, b, stride):
        return x.no_such_name

    assert "`return x.no_such_name`" in faults(conv2d).message


def test_a_function_that_changes_its_mind_is_wrong():
    calls = []

    def moody(x, w, b, stride):
        calls.append(1)
        return right(x, w, b, stride) + (len(calls) % 7 == 0)

    grade = faults(moody)
    assert (grade.correct, grade.misconception) == (False, "wrong-values")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "source text"),
        ("   \n", "source text"),
        (None, "source text"),
        (42, "source text"),
        ("def conv2d(x:", "SyntaxError: '(' was never closed, in line 1"),
        ("conv2d = 3", "defines no function"),
        ("def f(x): ...\ndef g(x): ...", "defines `f`, `g`"),
        ("1 / 0", "ZeroDivisionError: division by zero, in line 1: `1 / 0`"),
        ("import os\nos._exit(0)", "ended the whole Python process"),
        ("def conv2d(image, kernel): return image", "must accept the call `conv2d(x, w, b, stride)`"),
        (lambda x: x, "must accept the call `conv2d(x, w, b, stride)`"),
    ],
)
def test_what_is_no_program_is_asked_for_again(answer, words):
    grade = conv2d_question().grade(answer)
    assert (grade.correct, grade.counted) == (False, False)
    assert words in grade.message


def test_a_function_of_another_name_is_taken_when_it_is_the_only_one():
    assert conv2d_question().grade(CONV2D.replace("def conv2d", "def my_conv")).correct


@pytest.fixture
def short_patience(monkeypatch):
    monkeypatch.setattr(sandbox, "CALL_SECONDS", 0.4)


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize(
    "body", ["while True: pass", "while True: print('again')", "import time; time.sleep(60)"]
)
def test_endless_text_is_stopped(body):
    grade = faults(f"def conv2d(x, w, b, stride):\n    {body}\n")
    assert (grade.correct, grade.misconception) == (False, "endless-loop")
    assert "a loop that never ends?" in grade.message


@pytest.mark.usefixtures("short_patience")
def test_an_endless_live_function_is_stopped_and_the_process_stays_well():
    def endless(x, w, b, stride):
        while True:
            pass

    def deaf(x, w, b, stride):
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    assert faults(endless).misconception == "endless-loop"
    assert faults(deaf).misconception == "endless-loop"
    time.sleep(0.1)  # a late exception of the watchdog would arrive in here
    assert faults(right).correct


def test_text_that_never_finishes_loading_is_stopped(monkeypatch):
    monkeypatch.setattr(sandbox, "START_SECONDS", 1.5)
    grade = conv2d_question().grade("while True: pass")
    assert (grade.counted, "before its function could be called" in grade.message) == (False, True)


def test_live_and_text_answers_get_the_same_verdict():
    source = changed(CONV2D, "for c in range(C)", "for c in range(1)")
    namespace = {"np": np}
    exec(source, namespace)
    live, text = conv2d_question().grade(namespace["conv2d"]), conv2d_question().grade(source)
    assert (live.misconception, live.message) == (text.misconception, text.message)


def test_a_slow_answer_is_judged_on_what_was_tried(monkeypatch):
    monkeypatch.setattr(trial, "_TOTAL_SECONDS", 0.0)
    assert faults(right).correct
    assert not faults(lambda x, w, b, stride: right(x, w, b, stride) + 1).correct


def test_the_search_leaves_no_files_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert faults(right).correct
    assert list(tmp_path.iterdir()) == []
