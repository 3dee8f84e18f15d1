"""Formulas that a person types, read without `eval`: a small Pratt parser, exact arithmetic, bounded cost.

Grammar: numbers (`2`, `1.5`, `1e6`), the names of the drill, `+ - * / // % ^`, brackets, `⌊x⌋` and `⌈x⌉`,
calls of the functions in `FUNCTIONS`. `^` and `**` are powers (right to left, above the sign: `-2^2` is -4);
`2p` and `2(n - k)` multiply. Whole numbers and fractions stay exact; only sqrt, exp, log and fractional
powers make floats.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from cnnkit.errors import CnnkitError

Value = int | Fraction | float

LONGEST = 200  # characters of one formula; also bounds how deep brackets can nest
_MOST_BITS = 4096  # of a power: 2^51 - 1 passes, 2^9^9^9 does not


class FormulaError(CnnkitError, ValueError):
    """A formula that cannot be read or computed; the message is meant for the learner."""


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: Value


@dataclass(frozen=True)
class Name:
    """A name that the drill defines."""

    text: str


@dataclass(frozen=True)
class Operation:
    """A function or operator of `_OPERATIONS` and its operands."""

    symbol: str
    operands: tuple["Node", ...]


Node = Number | Name | Operation


def parse(text: str, names: frozenset[str] = frozenset()) -> Node:
    """Return the syntax tree of `text`, in which only `names` may stand for values.

    Raises FormulaError, saying what is wrong and where.
    """
    if len(text) > LONGEST:
        raise FormulaError(f"that is {len(text)} characters long; a formula here needs fewer than {LONGEST}")
    return _Parser(text.replace("²", "^2").replace("³", "^3"), names).whole()


def evaluate(text: str, values: Mapping[str, Value] | None = None) -> Value:
    """Return the value of the formula `text` at `values`, exact where the arithmetic is.

    Raises FormulaError for text that cannot be read, a division by zero, or a number too large to hold.
    """
    values = values or {}
    return compute(_parse_once(text, frozenset(values)), values)


def compute(node: Node, values: Mapping[str, Value]) -> Value:
    """Return the value of a parsed formula at `values`; raises FormulaError where it has none."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return values[node.text]
    operands = [compute(operand, values) for operand in node.operands]
    try:
        return _simple(_OPERATIONS[node.symbol](*operands))
    except FormulaError:
        raise
    except ZeroDivisionError:
        raise FormulaError("it divides by zero") from None
    except (OverflowError, ValueError):
        raise FormulaError(f"`{node.symbol}` has no value there") from None


_parse_once = lru_cache(maxsize=4096)(parse)


def _simple(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else value


def _divide(top: Value, bottom: Value) -> Value:
    if isinstance(top, float) or isinstance(bottom, float):
        return top / bottom
    return Fraction(top) / Fraction(bottom)


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(base, float) or not isinstance(exponent, int):
        return math.pow(base, exponent)
    exact = Fraction(base)
    bits = max(abs(exact.numerator), exact.denominator).bit_length()
    if abs(exponent) * bits > _MOST_BITS:
        raise FormulaError("that power is far too large to compute here")
    return exact**exponent


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "abs": abs,
    "min": min,
    "max": max,
}
_SEVERAL = ("min", "max")
_OPERATIONS: dict[str, Callable[..., Value]] = {
    **FUNCTIONS,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "//": lambda a, b: math.floor(_divide(a, b)),
    "%": lambda a, b: a - b * math.floor(_divide(a, b)),
    "^": _power,
    "negative": lambda a: -a,
}
_BINDING = {"+": 10, "-": 10, "*": 20, "/": 20, "//": 20, "%": 20, "^": 40}
_SIGN_BINDING = 30
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<mark>//|\*\*|\S))"
)
_SPELLINGS = {
    "**": "^",
    "×": "*",
    "·": "*",
    "⋅": "*",
    "∗": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    "[": "(",
    "]": ")",
}
_ROUNDING = {"⌊": ("floor", "⌋"), "⌈": ("ceil", "⌉")}


@dataclass(frozen=True)
class _Token:
    kind: str  # "number", "name", "mark" or "end"
    text: str
    place: int


def _tokens(text: str) -> list[_Token]:
    found = [_token(match) for match in _TOKEN.finditer(text)]
    return [*found, _Token("end", "", len(text))]


def _token(match: re.Match[str]) -> _Token:
    kind = match.lastgroup or "mark"
    text = match[kind]
    return _Token(kind, _SPELLINGS.get(text, text), match.start(kind))


class _Parser:
    """A Pratt parser over one formula."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.tokens = _tokens(text)
        self.names = {_loose(name): name for name in names} | {name: name for name in names}
        self.index = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.index]

    def take(self) -> _Token:
        token = self.next
        self.index += token.kind != "end"
        return token

    def whole(self) -> Node:
        if self.next.kind == "end":
            raise FormulaError("there is nothing to read")
        node = self.expression(0)
        if self.next.kind != "end":
            raise FormulaError(f"`{self.next.text}` at character {self.next.place + 1} is one too many")
        return node

    def expression(self, binding: int) -> Node:
        node = self.operand()
        while True:
            symbol = self.infix()
            if _BINDING.get(symbol, 0) <= binding:
                return node
            if self.next.text == symbol:
                self.take()
            # A power takes its right-hand side first, hence the weaker binding there.
            node = Operation(symbol, (node, self.expression(_BINDING[symbol] - (symbol == "^"))))

    def infix(self) -> str:
        """Return the operator that comes next: `*` too where two factors stand side by side."""
        token = self.next
        if token.kind == "name" or token.text in ("(", *_ROUNDING):
            return "*"
        return token.text if token.text in _BINDING else ""

    def operand(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return Number(_literal(token.text))
        if token.kind == "name":
            return self.named(token)
        if token.text == "-":
            return Operation("negative", (self.expression(_SIGN_BINDING),))
        if token.text == "+":
            return self.expression(_SIGN_BINDING)
        if token.text == "(":
            return self.closed(")", token)
        if token.text in _ROUNDING:
            function, closing = _ROUNDING[token.text]
            return Operation(function, (self.closed(closing, token),))
        if token.kind == "end":
            raise FormulaError("it stops before it is complete")
        raise FormulaError(f"`{token.text}` at character {token.place + 1} does not belong there")

    def named(self, token: _Token) -> Node:
        name = self.names.get(token.text) or self.names.get(_loose(token.text))
        if name:
            return Name(name)
        if token.text in FUNCTIONS:
            return self.call(token)
        raise FormulaError(f"`{token.text}` is not a name here; {self.known()}")

    def known(self) -> str:
        if not self.names:
            return "only numbers are"
        return "the names are " + ", ".join(f"`{name}`" for name in sorted(set(self.names.values())))

    def call(self, token: _Token) -> Node:
        opening = self.take()
        if opening.text != "(":
            raise FormulaError(f"`{token.text}` needs brackets: `{token.text}(...)`")
        arguments = [self.expression(0)]
        while self.next.text == ",":
            self.take()
            arguments.append(self.expression(0))
        self.close(")", opening)
        if (len(arguments) == 1) == (token.text in _SEVERAL):
            raise FormulaError(
                f"`{token.text}` takes {'several numbers' if token.text in _SEVERAL else 'one'}"
            )
        return Operation(token.text, tuple(arguments))

    def closed(self, closing: str, opening: _Token) -> Node:
        node = self.expression(0)
        self.close(closing, opening)
        return node

    def close(self, closing: str, opening: _Token) -> None:
        if self.take().text != closing:
            raise FormulaError(f"the bracket at character {opening.place + 1} is not closed")


def _loose(name: str) -> str:
    """Return `name` as a hasty person may type it: `Cin`, `c_in` and `C_in` are one name."""
    return name.replace("_", "").lower()


def _literal(text: str) -> Value:
    if text.isdecimal():
        return int(text)
    if abs(float(text)) > 1e300:
        raise FormulaError("a number in it is too large")
    return _simple(Fraction(text))
