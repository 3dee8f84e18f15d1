"""A wrong deck says so when it is loaded; a drill is found by its name, or its neighbours are offered."""

from dataclasses import replace

import pytest
from drill_samples import NUMERIC

from cnnkit.drills import bank, decks
from cnnkit.drills.bank import BankError, check_deck, collect
from cnnkit.drills.kinds import Choice, ChoiceDrill, NumericDrill


def test_drills_take_their_chapter_from_the_file():
    assert [drill.chapter for drill in check_deck("ch07_architectures", [NUMERIC])] == ["07"]


@pytest.mark.parametrize("name", ["ch14_more", "chapter01", "ch1_x", "ch01", "other"])
def test_unknown_chapters(name):
    with pytest.raises(BankError, match="from 00 to 13"):
        check_deck(name, [NUMERIC])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "Not Kebab"}, "kebab-case"),
        ({"id": ""}, "`id` is empty"),
        ({"prompt": "  "}, "`prompt` is empty"),
        ({"section": ""}, "`section` is empty"),
        ({"solution": ""}, "`solution` is empty"),
        ({"hints": ()}, "`hints`"),
        ({"hints": ("fine", " ")}, "`hints`"),
        ({"difficulty": 4}, "`difficulty` is 4"),
        ({"minutes": 0}, "`minutes` is 0"),
        ({"misconceptions": NUMERIC.misconceptions[:1] * 2}, "share a name"),
    ],
)
def test_senseless_fields(change, words):
    with pytest.raises(BankError, match="deck ch01_x: drill .*" + words):
        check_deck("ch01_x", [replace(NUMERIC, **change)])


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ((Choice("a", "why"), Choice("b", "why")), "right option"),
        ((Choice("a", "why", True), Choice("b", "why", True)), "wrong one"),
        ((Choice("a", "why", True), Choice("b", "")), "`why`"),
    ],
)
def test_senseless_choices(choices, words):
    drill = ChoiceDrill(
        id="x",
        title="x",
        section="x",
        difficulty=1,
        minutes=1,
        prompt="x",
        hints=("x",),
        solution="x",
        choices=choices,
    )
    with pytest.raises(BankError, match=words):
        check_deck("ch01_x", [drill])


def test_program_drills_need_their_catalogue():
    drill = bank.get("conv2d-loops")
    for change in (
        {"misconceptions": drill.misconceptions[:2]},
        {"solutions": drill.solutions[:1]},
        {"starter": ""},
    ):
        with pytest.raises(BankError, match="drill 'conv2d-loops'"):
            check_deck("ch01_x", [replace(drill, **change)])


def test_duplicate_ids():
    with pytest.raises(BankError, match="'sample-size' exists already in chapter 01"):
        collect([("ch01_a", [NUMERIC]), ("ch02_b", [NUMERIC])])


def test_decks_hold_drills_only():
    with pytest.raises(BankError, match="expected drills only"):
        check_deck("ch01_x", ["no drill"])


@pytest.fixture
def deck_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(decks, "__path__", [str(tmp_path)])
    bank._bank.cache_clear()
    yield tmp_path
    bank._bank.cache_clear()


TEN_LINES = """
from cnnkit.drills.kinds import ExplainDrill
DECK = [
    ExplainDrill(
        id="new-drill", title="New", section="Somewhere", difficulty=1, minutes=1,
        prompt="Why?", hints=("Think.",), solution="Because.",
        rubric=("One.", "Two."),
    ),
]
"""


def test_a_new_deck_is_found_without_any_other_edit(deck_folder):
    (deck_folder / "ch05_found.py").write_text(TEN_LINES)
    assert [drill.id for drill in bank.by_chapter("05")] == ["new-drill"]
    assert bank.get("new-drill").question(0).grade("all").correct


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ch05_incomplete", TEN_LINES.replace('hints=("Think.",), ', ""), "deck ch05_incomplete: .*'hints'"),
        ("ch05_no_deck", "drills = []", "deck ch05_no_deck: expected a list named DECK"),
        ("helpers", TEN_LINES, "deck helpers: expected a name such as ch01_topic"),
    ],
)
def test_decks_that_cannot_be_loaded(deck_folder, name, text, words):
    (deck_folder / f"{name}.py").write_text(text)
    with pytest.raises(BankError, match=words):
        bank.all_drills()


def test_drills_are_found_by_name():
    assert isinstance(bank.get("conv-output-size"), NumericDrill)
    with pytest.raises(BankError, match="did you mean conv-output-size"):
        bank.get("conv-output-siz")
    with pytest.raises(BankError, match=r"there is no drill 'zzz'$"):
        bank.get("zzz")
    with pytest.raises(BankError, match="no chapter '1'"):
        bank.by_chapter("1")


def test_a_chapter_starts_with_its_easy_drills():
    difficulties = [drill.difficulty for drill in bank.by_chapter("01")]
    assert difficulties == sorted(difficulties)
