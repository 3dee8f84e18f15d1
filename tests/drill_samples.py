"""One small drill of every kind, so that card and terminal are tested apart from the decks."""

from dataclasses import replace

import numpy as np

from cnnkit.drills.kinds import (
    BugDrill,
    Choice,
    ChoiceDrill,
    CodeDrill,
    Drill,
    ExplainDrill,
    FormulaDrill,
    Misconception,
    NumericDrill,
)


def _double(x):
    return x + x


def _double_by_product(x):
    return 2 * x


def _half(x):
    return x / 2


def _square(x):
    return x * x


def _same(x):
    return x


def _array(draw):
    return {"x": draw.array(3)}


_PROGRAMS = (
    Misconception("halved", _half, "You halved the array."),
    Misconception("squared", _square, "You squared the array."),
    Misconception("unchanged", _same, "You returned the array as it came."),
)

NUMERIC = NumericDrill(
    id="sample-size",
    title="Output size",
    section="Output size",
    difficulty=1,
    minutes=1,
    prompt=r"An input of $@n \times @n$ meets a $@k \times @k$ kernel, *valid*. How many rows?",
    hints=("How often does the kernel fit?", r"$n - k + 1$"),
    solution=r"$@n - @k + 1 = @answer$.",
    draw=lambda draw: {"n": draw.integer(6, 40), "k": draw.integer(2, 5)},
    answer="n - k + 1",
    check=lambda v: len(range(v.n - v.k + 1)),
    misconceptions=(Misconception("forgot-plus-one", "n - k", "You forgot the first position: add 1."),),
)
FORMULA = FormulaDrill(
    id="sample-formula",
    title="Size as a formula",
    section="Output size",
    difficulty=2,
    minutes=2,
    prompt="Write the output size for input `n`, kernel `k`.",
    hints=("Try a small case.",),
    solution=r"$n - k + 1$",
    names={"n": (5, 30), "k": (1, 5)},
    answer="n - k + 1",
    check=lambda v: v.n - v.k + 1,
    misconceptions=(Misconception("forgot-plus-one", "n - k", "You forgot the first position: add 1."),),
)
CHOICE = ChoiceDrill(
    id="sample-choice",
    title="Equivariance",
    section="Translation",
    difficulty=1,
    minutes=1,
    prompt="A convolution without padding is ...",
    hints=("Shift the input and look.",),
    solution="The output shifts with the input.",
    choices=(
        Choice("translation *equivariant*", "The output shifts with the input.", correct=True),
        Choice("translation *invariant*", "Then the output would not change at all."),
        Choice("neither", "Shift an image by a pixel: the map shifts too."),
    ),
)
EXPLAIN = ExplainDrill(
    id="sample-explain",
    title="Why share weights?",
    section="Why convolution",
    difficulty=2,
    minutes=2,
    prompt="Explain in 30 seconds why a convolution shares its weights.",
    hints=("Think of parameters.",),
    solution="Fewer parameters, and the same detector everywhere.",
    rubric=("fewer parameters", "the same detector at every position", "equivariance"),
)
CODE = CodeDrill(
    id="sample-code",
    title="Double an array",
    section="Arrays",
    difficulty=1,
    minutes=2,
    prompt="Write `double(x)`, which returns twice the array.",
    hints=("Add it to itself.",),
    solution="Addition is elementwise.",
    function="double",
    case=_array,
    reference=lambda x: np.asarray(x) * 2,
    solutions=(_double, _double_by_product),
    starter="def double(x):\n    ...\n",
    misconceptions=_PROGRAMS,
)
BUG = BugDrill(
    id="sample-bug",
    title="Find the bug",
    section="Arrays",
    difficulty=1,
    minutes=2,
    prompt="`double(x)` should return twice the array. Fix it.",
    hints=("Run it on 3.",),
    solution="It squared.",
    function="double",
    case=_array,
    reference=lambda x: np.asarray(x) * 2,
    solutions=(_double, _double_by_product),
    misconceptions=(*_PROGRAMS[:1], *_PROGRAMS[2:]),
    buggy=_square,
    bug="It still squares.",
)

SAMPLES: tuple[Drill, ...] = tuple(
    replace(drill, chapter="01") for drill in (NUMERIC, CHOICE, FORMULA, EXPLAIN, CODE, BUG)
)
