"""Every generated question is right, complete and diagnosable, for hundreds of seeds."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnkit.drills import bank
from cnnkit.drills.answers import as_numbers
from cnnkit.drills.formula import evaluate
from cnnkit.drills.grading import same_numbers
from cnnkit.drills.kinds import ChoiceDrill, FormulaDrill, NumericDrill
from cnnkit.drills.mathml import unknown_commands
from cnnkit.drills.plain import plain_text
from cnnkit.drills.question import KINDS
from cnnkit.drills.template import show

DRILLS = bank.all_drills()
COMPUTED = [drill for drill in DRILLS if isinstance(drill, (NumericDrill, FormulaDrill))]
SEEDS = range(-(-10_000 // len(COMPUTED)))  # ten thousand generated questions, each checked in a second way
CHAPTERS = Path(__file__).parent.parent / "notebooks" / "src"


def of_kind(kind):
    return pytest.mark.parametrize(
        "drill", [drill for drill in DRILLS if isinstance(drill, kind)], ids=lambda drill: drill.id
    )


def texts(question):
    choices = [text for choice in question.choices for text in (choice.text, choice.why)]
    return [question.title, question.prompt, question.solution, *question.hints, *choices, *question.rubric]


@of_kind(NumericDrill)
def test_an_independent_computation_gives_the_answer(drill):
    prompts = set()
    for seed in SEEDS:
        question = drill.question(seed)
        values, answer, _ = drill.drawn(seed)
        again = as_numbers(drill.check(SimpleNamespace(**values)))
        assert same_numbers(again, answer, 1e-9 if drill.tolerance else 0.0), (seed, values, answer, again)
        assert question.grade(list(again)).correct
        prompts.add(question.prompt)
    assert len(prompts) >= 6


@of_kind(FormulaDrill)
def test_an_independent_computation_gives_the_value_of_the_formula(drill):
    for seed in SEEDS:
        assert drill.question(seed).grade(drill.answer).correct
        point = drill.drawn(seed)[seed % drill.points]
        wanted = drill.check(SimpleNamespace(**point))
        assert float(evaluate(drill.answer, point)) == pytest.approx(float(wanted), rel=1e-9), point


@of_kind(NumericDrill)
def test_no_mistake_gives_the_right_answer_and_each_is_named(drill):
    named = set()
    for seed in SEEDS[:100]:
        question = drill.question(seed)
        _, answer, slips = drill.drawn(seed)
        assert question.grade(list(answer)).correct
        for slip in slips:
            grade = question.grade(list(slip.values))
            assert not grade.correct
            assert grade.counted
            assert slip.says.split("@")[0].split("$")[0][:20] in grade.message
            named.add(grade.misconception)
    if drill.id != "conv-output-size":  # small paddings: some slips always share a value, both are named then
        assert named == {misconception.name for misconception in drill.misconceptions}


@of_kind(NumericDrill)
def test_the_prompt_holds_the_numbers(drill):
    code = getattr(drill.answer, "__code__", None)
    names = set(code.co_names) if code else set(re.findall(r"[A-Za-z]\w*", " ".join(drill.answer)))
    for seed in SEEDS[:20]:
        values, _, _ = drill.drawn(seed)
        prompt = drill.question(seed).prompt
        for name in names & set(values):
            assert show(values[name]) in prompt, (name, prompt)


@of_kind(NumericDrill)
def test_a_typed_answer_is_read_back(drill):
    for seed in SEEDS[:50]:
        question = drill.question(seed)
        typed = re.fullmatch(r"Right: (.*)\.", question.grade(list(drill.drawn(seed).answer)).message)[1]
        assert question.grade(typed).correct, typed
        assert typed in plain_text(question.solution) or "\n" in plain_text(question.solution)


@of_kind(FormulaDrill)
def test_wrong_formulas_are_named_whatever_the_seed(drill):
    for seed in SEEDS[:30]:
        question = drill.question(seed)
        assert question.grade(drill.answer).correct
        for misconception in drill.misconceptions:
            grade = question.grade(misconception.wrong)
            assert (grade.correct, grade.misconception) == (False, misconception.name)


@of_kind(ChoiceDrill)
def test_choices_differ_and_exactly_the_right_ones_pass(drill):
    orders = set()
    for seed in SEEDS:
        question = drill.question(seed)
        shown = [choice.plain for choice in question.choices]
        assert len(set(shown)) == len(shown)
        orders.add(tuple(choice.correct for choice in question.choices))
        right = [letter for letter, choice in zip("ABCDEF", question.choices, strict=False) if choice.correct]
        assert question.grade(right).correct
        for letter, choice in zip("ABCDEF", question.choices, strict=False):
            grade = question.grade(letter)
            assert grade.correct == (choice.correct and len(right) == 1)
            assert choice.correct or (choice.why in grade.message and grade.misconception)
    assert len(orders) > 1, "the options are never shuffled"


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.id)
def test_every_question_is_complete(drill):
    for seed in SEEDS[:25]:
        question = drill.question(seed)
        assert question == drill.question(seed)
        assert (question.drill_id, question.seed, question.kind) == (drill.id, seed, drill.kind)
        assert question.kind in KINDS
        assert question.answer_form.strip()
        assert all(text.strip() for text in texts(question))
        for text in texts(question):
            # "@" multiplies matrices in the programs that are shown; elsewhere it is a number not filled in.
            assert "@" not in text.split("```")[0], text
            assert not unknown_commands("".join(re.findall(r"\$+([^$]*)\$+", text))), text
            assert "\\" not in plain_text(text).split("    def ")[0], text


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.id)
def test_sections_stand_in_the_chapter(drill):
    chapters = list(CHAPTERS.glob(f"{drill.chapter}_*.py"))
    titles = {
        line[5:].strip() for path in chapters for line in path.read_text().splitlines() if line[:5] == "# ## "
    }
    sections = {drill.section, *(item.section for item in drill.misconceptions if item.section)}
    assert chapters
    assert sections <= titles


def test_the_chapters_ask_for_drills_that_exist():
    asked = [
        name
        for path in CHAPTERS.glob("*.py")
        for name in re.findall(r'^drill\("([^"]+)"', path.read_text(), re.M)
    ]
    assert asked
    assert [bank.get(name).id for name in asked] == asked


def test_chapter_01_has_enough_of_every_kind():
    deck = bank.by_chapter("01")
    assert len(deck) >= 20
    assert {drill.kind for drill in deck} == set(KINDS)
    assert sum(isinstance(drill, NumericDrill) for drill in deck) >= len(deck) / 2


def test_randomness_depends_on_the_seed_alone():
    drill = bank.get("correlation-by-hand")
    first = drill.question(12345).prompt
    assert first == bank.get("correlation-by-hand").question(12345).prompt
    assert first != drill.question(12346).prompt
