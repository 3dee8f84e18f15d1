"""Who makes the classic mistakes on purpose is told each time which one it was, and where to read."""

import numpy as np
import pytest
from drill_samples import NUMERIC
from hypothesis import given
from hypothesis import strategies as st

from cnnkit.drills import bank
from cnnkit.drills.draw import Draw
from cnnkit.drills.kinds import Misconception, NumericDrill
from cnnkit.drills.plain import plain_text
from cnnkit.drills.template import render, show

TYPED = [drill for drill in bank.all_drills() if drill.kind in ("numeric", "formula", "choice", "explain")]


def fixed(answer, *, misconceptions=(), tolerance=0.0, unit="", **values):
    """Return a numeric question without randomness, so that answers can be written down."""
    return NumericDrill(
        id="fixed", title="Fixed", section="Here", difficulty=1, minutes=1, prompt="?", hints=("!",),
        solution="@answer", chapter="01", draw=lambda draw: values, answer=answer, check=lambda v: 0,
        misconceptions=misconceptions, tolerance=tolerance, unit=unit,
    ).question(0)  # fmt: skip


def test_the_classic_output_size_mistakes():
    question = bank.get("conv-output-size").question(
        3
    )  # 118 x 118 x 3, 64 filters of 3 x 3, padding 3, stride 3
    assert "118" in question.prompt
    assert question.grade("41x41x64").correct
    told = {
        "42x42x64": "You rounded up",
        "39 x 39 x 64": "left out the padding",
        "(40, 40, 64)": "Or:",  # two mistakes with one value are both named
        "122×122×64": "slid by one cell",
        "41 41 3": "one channel for each *filter*",
    }
    for typed, words in told.items():
        grade = question.grade(typed)
        assert not grade.correct
        assert words in grade.message, typed
        assert f"See “{grade.section}” in chapter 01." in grade.message
    assert question.grade("41x41x3").section == "Channels: many in, many out"


def test_an_unknown_wrong_answer_says_what_is_right_so_far():
    grade = bank.get("conv-output-size").question(3).grade("41x7x64")
    assert (grade.correct, grade.misconception) == (False, None)
    assert "none of the usual slips" in grade.message
    assert "number 1 and 3" in grade.message


def test_exact_counts_want_all_digits():
    question = fixed("n", n=1_626_442)
    assert question.grade("1,626,442 parameters").correct
    for typed in ("1.6M", "1.63e6", "about 1,626,000", 1.626e6):
        grade = question.grade(typed)
        assert (grade.correct, grade.counted) == (False, False), typed
        assert "all its digits" in grade.message
    assert question.grade("2M").counted
    assert question.grade("1,626,443").counted


def test_tolerances_are_relative():
    question = fixed("n / 7", n=100, tolerance=0.01)
    assert all(question.grade(typed).correct for typed in ("14.2857", "100/7", "14.4", 14.15))
    assert not any(question.grade(typed).correct for typed in ("14.5", "14", "-14.2857"))
    assert "1 %" in question.answer_form


def test_other_readings_of_one_number_are_asked_about():
    assert not fixed("n", n=28).grade("28x28").counted
    assert "one side" in fixed("n", n=28).grade("28x28").message
    assert fixed("n", n=784).grade("28x28").correct
    comma = fixed("n / 1000", n=1626, tolerance=0.001).grade("1,626")
    assert (comma.counted, "point" in comma.message) == (False, True)
    share = fixed("n", n=12, unit="%", tolerance=0.01)
    assert share.grade("12 %").correct
    assert not share.grade("0.12").counted


def test_mistakes_that_equal_the_answer_are_not_named():
    question = fixed(
        "n // 2",
        n=8,
        misconceptions=(Misconception("up", "ceil(n / 2)", "Up."), Misconception("whole", "n", "Whole.")),
    )
    assert question.grade(4).correct
    assert question.grade(8).misconception == "whole"


def formula(text):
    return bank.get("output-size-formula").question(1).grade(text)


@pytest.mark.parametrize(
    "text",
    [
        "floor((n + 2p - d(k - 1) - 1)/s) + 1",
        "(n + 2*p - d*(k-1) - 1)//s + 1",
        "⌊(n − d·k + d + 2p − 1 + s) / s⌋",
        "1 + floor((2p + n - 1 - d*k + d)/s)",
        "ceil((n + 2p - d(k-1))/s)",
    ],
)
def test_equivalent_formulas(text):
    assert formula(text).correct


def test_wrong_formulas_come_with_a_point_to_check():
    grade = formula("n - k")
    assert (grade.correct, grade.misconception, grade.counted) == (False, None, True)
    assert "At `n = " in grade.message
    assert "yours gives" in grade.message


def test_formulas_that_cannot_be_read_do_not_count():
    for text in ("n +", "q + 1", "", None, 3, "2^9^9^9" * 40):
        assert not formula(text).counted, text


def test_a_formula_without_a_value_somewhere_is_wrong():
    grade = formula("floor((n + 2p - d(k - 1) - 1)/(s - s)) + 1")
    assert (grade.correct, grade.counted) == (False, True)
    assert "divides by zero" in grade.message


def test_choices_with_several_right_options():
    question = bank.get("statements-on-conv-layers").question(4)
    letters = "ABCDE"
    right = [letter for letter, choice in zip(letters, question.choices, strict=True) if choice.correct]
    wrong = [letter for letter in letters if letter not in right]
    assert question.grade(",".join(right)).correct
    assert question.grade(list(reversed(right))).correct
    half = question.grade(right[0])
    assert (half.correct, half.score) == (False, 0.8)
    assert "missing" in half.message
    assert question.choices[letters.index(wrong[0])].why in question.grade([*right, wrong[0]]).message


def test_one_right_option_means_one_answer():
    grade = bank.get("top-edge-kernel").question(4).grade("a, b")
    assert (grade.correct, grade.counted) == (False, False)


def test_explanations_are_scored_by_their_points():
    question = bank.get("explain-weight-sharing").question(0)
    assert len(question.rubric) == 4
    assert (question.grade("all").correct, question.grade("all").score) == (True, 1)
    assert (question.grade("1 2 3").correct, question.grade("1 2 3").score) == (True, 0.75)
    assert (question.grade("1").correct, question.grade("1").score) == (False, 0.25)
    assert question.rubric[3] in question.grade("1 2 3").message
    assert not question.grade("The weights are shared.").counted


junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.binary(max_size=5),
    st.complex_numbers(),
    st.lists(st.one_of(st.integers(), st.text(max_size=5), st.none()), max_size=4), st.just(object()),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)  # fmt: skip


@given(st.sampled_from(TYPED), junk)
def test_no_answer_raises(drill, answer):
    grade = drill.question(0).grade(answer)
    assert grade.message
    assert 0 <= grade.score <= 1
    assert grade.section


def test_templates_write_numbers_as_people_do():
    values = {"n": 1626442, "half": 0.5, "shape": (28, 28, 64)}
    assert render("@n, $@n$, @{n / 2}, @half, @shape and `a @ b`", values) == (
        "1,626,442, $1{,}626{,}442$, 813,221, 0.5, 28 × 28 × 64 and `a @ b`"
    )
    assert show(NUMERIC.drawn(0).values["n"]) in NUMERIC.question(0).prompt
    with pytest.raises(KeyError):
        render("@missing", {})
    with pytest.raises(TypeError, match="dict"):
        show({})


def test_matrices_in_templates_and_in_plain_text():
    latex = render("$@w$", {"w": np.array([[1.0, -2], [0, 3]])})
    assert latex == r"$\begin{bmatrix} 1 & -2 \\ 0 & 3 \end{bmatrix}$"
    assert plain_text(latex) == "[ 1  -2]\n  [ 0   3]"
    assert show(np.array([1.0, 2])) == "[1, 2]"


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        (r"A $3 \times 3$ **kernel** is *small*.", "A 3 × 3 kernel is small."),
        (r"$\lfloor (n + 2p - k) / s \rfloor + 1$", "floor((n + 2p - k) / s) + 1"),
        (r"$\frac{1}{C_{out}} + \frac{1}{k^2}$", "1/C_out + 1/k^2"),
        ("2*3*4 and `x[i] * y`", "2*3*4 and x[i] * y"),
        ("one\nsentence\n\n- a\n- b", "one sentence\n\n- a\n- b"),
        ("```python\nx = 1\n  y = 2\n```", "x = 1\n      y = 2"),
    ],
)
def test_plain_text(markdown, plain):
    assert plain_text(markdown) == plain


def test_draws_stay_in_range():
    draw = Draw.seeded("s")
    assert {draw.integer(1, 3) for _ in range(50)} == {1, 2, 3}
    assert {draw.choice("ab") for _ in range(50)} == {"a", "b"}
    assert sorted(draw.shuffled(range(5))) == list(range(5))
    array = draw.array(4, 5, low=-2, high=1)
    assert array.shape == (4, 5)
    assert set(array.ravel()) <= {-2, -1, 0, 1}
