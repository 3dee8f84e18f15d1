"""What a person types is read as a person means it, and what cannot be read says why."""

from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnkit.drills.answers import (
    AnswerFormError,
    looks_rounded,
    parse_choices,
    parse_numbers,
    parse_points,
    second_readings,
)

SELF_CONTAINING: list[object] = []
SELF_CONTAINING.append(SELF_CONTAINING)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1,626,442", 1626442),
        ("1 626 442", 1626442),
        ("1\u202f626\u202f442", 1626442),
        ("1_626_442", 1626442),
        ("1.626.442", 1626442),
        ("1'626'442", 1626442),
        ("3/8", Fraction(3, 8)),
        ("½", Fraction(1, 2)),
        ("1.5e6", 1_500_000),
        ("15.47 G", 15_470_000_000),
        ("15.47 GMACs", 15_470_000_000),
        ("1.6 million parameters", 1_600_000),
        ("12k", 12_000),
        ("12 %", Fraction(3, 25)),
        ("2^51-1", 2**51 - 1),
        ("3*3*64 + 64", 640),
        ("5 × 5 × 3 x 32", 2400),
        ("7²", 49),
        ("= 28.", 28),
        ("about 8.4x", Fraction(42, 5)),
        ("8.4 times fewer", Fraction(42, 5)),
        ("2,432 parameters", 2432),
        ("−3", -3),
        ("３２", 32),
        (28, 28),
        (28.0, 28),
        (0.125, 0.125),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.array([[7]]), 7),
    ],
)
def test_one_number(typed, value):
    assert parse_numbers(typed) == (value,)


@pytest.mark.parametrize(
    "typed",
    ["28x28x64", "28×28×64", "28 x 28 x 64", "(28, 28, 64)", "[28,28,64]", "28 28 64", "28 by 28 by 64",
     "28*28*64", "28x28x64 units", (28, 28, 64), [28, 28, 64], np.array([28, 28, 64]), ["28", "28", "64"]],
)  # fmt: skip
def test_a_shape(typed):
    assert parse_numbers(typed, count=3) == (28, 28, 64)


@pytest.mark.parametrize("typed", ["1,022x1,022x40", "1,022, 1,022, 40", "1022,1022,40", "1,022 1,022 40"])
def test_thousands_inside_a_shape(typed):
    assert parse_numbers(typed, count=3) == (1022, 1022, 40)


@pytest.mark.parametrize(
    "typed", ["1 2; 3 -4", "[[1, 2], [3, -4]]", "1, 2, 3, -4", np.array([[1, 2], [3, -4.0]])]
)
def test_a_small_map_row_by_row(typed):
    assert parse_numbers(typed, count=4) == (1, 2, 3, -4)


def test_percent_means_what_the_question_asks_for():
    assert parse_numbers("12 %", unit="%") == parse_numbers("12", unit="%") == (12,)
    assert parse_numbers("12 %") == (Fraction(12, 100),)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("banana", "cannot be read"),
        ("10 apples", "apples"),
        ("1,5", "two ways"),
        ("1.626,5", "two ways"),
        ("0,125", "0.125"),
        ("28 28", "cannot be read"),
        ("1/0", "divides by zero"),
        ("2^9^9^9", "far too large"),
        ("9" * 4000, "4000 characters"),
        ("(28", "not closed"),
        ("nan", "cannot be read"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (None, "nothing"),
        (True, "bool"),
        (1 + 2j, "complex"),
        ({}, "dict"),
        ([1, 2], "was 2"),
        (SELF_CONTAINING, "nested"),
    ],
)
def test_what_cannot_be_read_says_why(typed, hint):
    with pytest.raises(AnswerFormError, match=hint):
        parse_numbers(typed)


def test_a_shape_with_another_number_of_axes_is_asked_for_again():
    with pytest.raises(AnswerFormError, match="3 numbers such as `28x14x64`"):
        parse_numbers("28x28", count=3)


@given(st.text(max_size=40), st.integers(1, 4))
def test_any_text_is_read_or_refused(text, count):
    with suppress(AnswerFormError):
        assert len(parse_numbers(text, count=count)) == count


def test_second_readings_find_what_was_meant():
    assert [value for value, _ in second_readings("1,626")] == [Fraction(813, 500)]
    assert [value for value, _ in second_readings("28x28")] == [28]
    assert [value for value, _ in second_readings("0.12", "%")] == [12]
    assert second_readings("28") == []


def test_rounded_answers_are_recognised():
    assert all(map(looks_rounded, ["1.6M", "1.5e6", "about 3,000", "12 k", 1.5]))
    assert not any(map(looks_rounded, ["1,626,442", "28x28", 1626442]))


OPTIONS = ("4 × 9", "$9 \\times 4$", "It *is* linear.")


@pytest.mark.parametrize(
    ("typed", "positions"),
    [
        ("a", {0}), ("B)", {1}), ("(c)", {2}), ("option 2", {1}), (2, {1}), ("2.", {1}),
        ("4 x 9", {0}), ("9 × 4", {1}), ("it is linear", {2}), ("a, c", {0, 2}), ("1 and 3", {0, 2}),
        (["a", 3], {0, 2}),
    ],
)  # fmt: skip
def test_choices(typed, positions):
    assert parse_choices(typed, OPTIONS) == positions


def test_the_text_of_an_option_goes_before_its_position():
    assert parse_choices("2", ("3", "2", "1")) == {1}
    assert parse_choices("3", ("3", "2", "1")) == {0}


@pytest.mark.parametrize("typed", ["", "d", "4", "abc", "a d", None, 1.5, object(), [None], []])
def test_what_is_no_choice(typed):
    with pytest.raises(AnswerFormError, match="from A to C"):
        parse_choices(typed, OPTIONS)


@pytest.mark.parametrize(
    ("typed", "points"),
    [
        ("1 3", {0, 2}), ("1,3", {0, 2}), ("all", {0, 1, 2, 3}), ("none", set()), ([1, 2], {0, 1}), (3, {2}),
        ([], set()), ([True, False, True, False], {0, 2}),
    ],
)  # fmt: skip
def test_ticked_points(typed, points):
    assert parse_points(typed, 4) == points


@pytest.mark.parametrize("typed", ["", "I said that", "5", "0", [0], [True], None, 1.5, "1-3", "9" * 50])
def test_what_ticks_no_points(typed):
    with pytest.raises(AnswerFormError, match="4 key points"):
        parse_points(typed, 4)
