"""Typed formulas mean what they say, cost little, and reach nothing but numbers."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnkit.drills.formula import FormulaError, evaluate, parse

VALUES = {"n": 32, "k": 5, "p": 2, "s": 3, "C_in": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("floor((n + 2p - k)/s) + 1", 11),
        ("⌊(n + 2·p − k)/s⌋ + 1", 11),
        ("(n + 2p - k)//s + 1", 11),
        ("ceil((n + 2p - k)/s) + 1", 12),
        ("⌈n/s⌉", 11),
        ("(n + 2p - k)/s + 1", Fraction(34, 3)),
        ("-2^2", -4),
        ("2^3^2", 512),
        ("2**-1", Fraction(1, 2)),
        ("2*-3", -6),
        ("7 - 2 - 1", 4),
        ("12 / 2 / 3", 2),
        ("n % k", 2),
        ("-7 // 2", -4),
        ("2(n - k)", 54),
        ("(n - k)(n + k)", 27 * 37),
        ("n(k+1)", 192),
        ("2n k", 320),
        ("n²", 1024),
        ("C_in*k^2", 75),
        ("Cin * K²", 75),
        ("max(n, k, 40)", 40),
        ("abs(k - n)", 27),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("1e3", 1000),
        ("2^51 - 1", 2**51 - 1),
    ],
)
def test_values(text, value):
    assert evaluate(text, VALUES) == value


def test_roots_and_logarithms_are_floats():
    assert evaluate("sqrt(2)^2 + log(exp(3)) + log2(8) + 4^0.5") == pytest.approx(10)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "nothing to read"),
        ("n +", "before it is complete"),
        ("(n", "bracket at character 1 is not closed"),
        ("n)", "one too many"),
        ("⌊n", "not closed"),
        ("(n]⌋", "one too many"),
        ("1.5.5", "one too many"),
        ("n 2", "one too many"),
        ("* n", "does not belong there"),
        ("q + 1", "`q` is not a name here; the names are `C_in`, `k`, `n`, `p`, `s`"),
        ("__import__('os')", "not a name"),
        ("n.__class__", "one too many"),
        ("lambda: 1", "not a name"),
        ("n if k else p", "not a name"),
        ("n, k", "one too many"),
        ("floor n", "needs brackets"),
        ("floor(n, k)", "takes one"),
        ("max(n)", "takes several"),
        ("1/0", "divides by zero"),
        ("0^-1", "divides by zero"),
        ("n % 0", "divides by zero"),
        ("sqrt(0 - 1)", "has no value"),
        ("(0-8)^(1/3)", "has no value"),
        ("2^9^9^9", "far too large"),
        ("1e9^1e9", "far too large"),
        ("1e999", "too large"),
        ("exp(9999)", "has no value"),
        ("exp(700)*exp(700)", "has no value"),
        ("n" * 201, "201 characters"),
    ],
)
def test_what_cannot_be_computed_says_why(text, hint):
    with pytest.raises(FormulaError, match=hint.replace("(", r"\(")):
        evaluate(text, VALUES)


@pytest.mark.parametrize("text", ["-" * 199 + "1", "(" * 99 + "1" + ")" * 99, "sqrt(" * 33 + "1" + ")" * 33])
def test_deep_nesting_is_bounded_by_the_length(text):
    assert abs(evaluate(text)) >= 1


def test_names_that_differ_in_case_stay_apart():
    assert evaluate("K - k", {"K": 7, "k": 3}) == 4


@given(st.text(alphabet="nkps()+-*/^%.,⌊⌋ 0123456789eflorcismaxqtb[]²", max_size=60))
def test_any_text_is_computed_or_refused(text):
    with suppress(FormulaError):
        assert isinstance(evaluate(text, VALUES), (int, float, Fraction))


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 9))
def test_arithmetic_agrees_with_python(a, b, c):
    values = {"a": a, "b": b, "c": c}
    assert evaluate("a*b - (a - c)//c + a % c - -b^2", values) == a * b - (a - c) // c + a % c - -(b**2)


def test_parsing_keeps_to_the_names():
    assert parse("n + 1", frozenset({"n"}))
    with pytest.raises(FormulaError, match="only numbers"):
        parse("n + 1")
