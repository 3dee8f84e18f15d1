"""The ladder bench without a browser: state in, sentences and pictures out."""

from dataclasses import replace

import pytest
from event_loops import in_a_thread

from cnnkit.errors import OptionError
from cnnkit.kernels import vectorized
from cnnkit.kernels.parallel.ladder import LADDER
from cnnkit.roofline import Machine, place, race
from cnnkit.roofline.race import Entry, Problem, Race
from cnnkit.widgets import LadderBench, ladder_bench, ladder_drawing, ladder_text
from cnnkit.widgets.ladder_bench import RUNGS

MACHINE = Machine("float32", 2, 200.0, 20.0, 190.0, 18.0, 256, 2**27, 2**25)
SMALL = {"size": 7, "channels": 3, "filters": 16}


@pytest.fixture(autouse=True)
def known_machine(monkeypatch):
    monkeypatch.setattr(
        ladder_bench,
        "measure_machine",
        lambda dtype, threads: replace(MACHINE, dtype=dtype, threads=threads),
    )
    monkeypatch.setattr(LadderBench, "_machines", {})
    monkeypatch.setattr(race, "MOST_SECONDS", 0.02)
    monkeypatch.setattr(race, "TURNS", 2)


@pytest.fixture
def raced() -> LadderBench:
    bench = LadderBench(**SMALL, guess=RUNGS[-1], guess_factor=100)
    bench.finish()
    return bench


class TestBefore:
    def test_the_layers_arithmetic_is_told_and_no_time(self):
        bench = LadderBench()
        assert bench.work_text == (
            "115,605,504 multiply-adds are 231,211,008 operations, and 1,753,344 bytes have to move: 131.9 "
            "operations a byte. The roof is min(peak, bandwidth × 131.9)."
        )
        assert bench.race is bench.machine is None
        assert bench.placements == {}
        assert bench.summary.startswith("Guess")
        assert "not timed yet" in bench._bars.label

    def test_the_digest_is_the_same_on_every_machine(self, monkeypatch):
        first = LadderBench().digest()
        monkeypatch.setattr(ladder_bench, "most_threads", lambda: 64)
        assert LadderBench().digest() == first
        assert all(f"{index}. {name}" in first for index, name in enumerate(RUNGS, start=1))

    def test_another_layer_is_another_digest_and_picture(self):
        bench = LadderBench(**SMALL)
        digest, picture = bench.digest(), bench._repr_mimebundle_()["image/png"]
        bench.filters = 32
        assert bench.digest() != digest
        assert bench._repr_mimebundle_()["image/png"] != picture
        bench.filters = 16
        assert bench._repr_mimebundle_()["image/png"] == picture

    def test_the_bytes_are_drawn(self):
        bench = LadderBench(size=7, channels=16, filters=16)
        assert "input 0.003, weights 0.009, output 0.003" in bench._roof.label
        bench._roof.cursor = [0, 1]
        assert bench._roof.text == "weights: 0.009 MB"

    def test_without_a_guess_there_is_no_race(self):
        for guess in ({}, {"guess": RUNGS[0]}, {"guess_factor": 10}):
            bench = LadderBench(**SMALL, **guess)
            with pytest.raises(OptionError, match="guess first"):
                bench.finish()
            assert bench.race is None

    def test_the_button_says_what_is_missing(self):
        bench = LadderBench(**SMALL)
        bench._settings.set(run=1)
        assert "guess first" in bench._settings.messages["run"]
        assert not bench.running

    def test_outside_a_notebook_there_is_no_background(self):
        bench = LadderBench(**SMALL, guess=RUNGS[0], guess_factor=10)
        with pytest.raises(OptionError, match="event loop"):
            in_a_thread(bench.run)
        assert not bench.running

    @pytest.mark.parametrize(
        "wrong", [{"threads": 10**6}, {"size": 13}, {"guess": "a rocket"}, {"dtype": "int8"}], ids=str
    )
    def test_what_cannot_be_is_refused(self, wrong):
        with pytest.raises((OptionError, ladder_bench.traitlets.TraitError)):
            LadderBench(**wrong)


class TestAfter:
    def test_every_rung_that_serves_the_layer_is_placed_under_the_roof(self, raced):
        assert raced.race is not None
        assert list(raced.placements) == [e.rung.name for e in raced.race.entries if not e.reason]
        for entry in raced.race.entries:
            if not entry.reason:
                expected = place(*raced.problem.work, entry.seconds, raced.machine)
                assert raced.placements[entry.rung.name] == expected

    def test_the_verdict_is_on_the_guess(self, raced):
        winner = raced.race.winner().rung.name
        assert raced.summary.startswith(f"The quickest is {winner}:")
        right = "You named the right rung." if raced.guess == winner else "You named another rung."
        assert right in raced.summary

    def test_it_says_what_each_rung_changes_and_how_it_did(self, raced):
        for rung, entry in zip(LADDER, raced.race.entries, strict=True):
            raced.chosen = rung.name
            assert rung.why in raced.rung_text
            assert ("GFLOP/s" in raced.rung_text) != bool(entry.reason)
        assert "the speed of the rung before" in raced.rung_text

    def test_pointing_at_a_bar_explains_its_rung(self, raced):
        raced._bars.cursor = [1, 0]
        assert raced.chosen == RUNGS[1]
        assert LADDER[1].why in raced.rung_text

    def test_the_roofs_cursor_begins_at_the_layer(self, raced):
        column = ladder_drawing.nearest_column(MACHINE, raced.problem.work)
        assert raced._roof.cursor == [0, column]

    def test_the_roofs_cursor_says_what_an_intensity_allows(self, raced):
        raced._roof.cursor = [0, 0]
        assert "limited by memory" in raced._roof.text
        raced._roof.cursor = [0, ladder_drawing.PLACES - 1]
        assert raced._roof.text.endswith("at most 200 GFLOP/s, limited by arithmetic")

    def test_the_picture_shows_the_result(self, raced):
        before = LadderBench(**SMALL)._repr_mimebundle_()["image/png"]
        assert raced._repr_mimebundle_()["image/png"] != before
        assert raced.summary in raced.digest()

    @pytest.mark.parametrize("change", [{"filters": 32}, {"dtype": "float64"}, {"threads": 1}], ids=str)
    def test_another_layer_takes_the_results_away(self, raced, change):
        for name, value in change.items():
            setattr(raced, name, value)
        assert raced.race is raced.machine is None
        assert raced.summary.startswith("Guess")

    def test_the_machine_is_measured_once_for_each_type_and_number_of_threads(self, raced, monkeypatch):
        calls = []
        monkeypatch.setattr(
            ladder_bench, "measure_machine", lambda *key: calls.append(key) or replace(MACHINE, threads=1)
        )
        raced.finish()
        assert calls == []
        raced.threads = 1
        raced.finish()
        assert calls == [("float32", 1)]


class TestLadder:
    def test_every_rung_is_the_same_convolution(self):
        x, w, b = Problem(9, 4, 32, dtype="float64").arrays
        expected = vectorized.conv2d(x, w, b, padding="same")
        for rung in LADDER:
            assert abs(rung.function(x, w, b) - expected).max() < 1e-11, rung.name


class TestWords:
    layer = Problem(8, 4, 16)

    def made(self, *seconds: float) -> Race:
        made = Race(self.layer, LADDER[: len(seconds)])
        for entry, value in zip(made.entries, seconds, strict=True):
            entry.piece, entry.turns = self.layer.whole, [value]
        return made

    @pytest.mark.parametrize(
        ("factor", "said"),
        [
            (100, "Your 100 times is the nearest of the choices."),
            (10, "Your 10 times was too low, by a factor of 10."),
            (10_000, "Your 10,000 times was too high, by a factor of 100."),
        ],
    )
    def test_a_guessed_factor_is_judged_by_powers_of_ten(self, factor, said):
        text = ladder_text.verdict(self.made(1.0, 0.01), MACHINE, (RUNGS[1], factor))
        assert f"100 times the speed of {RUNGS[0]}. You named the right rung. {said}" in text

    def test_an_extrapolated_time_says_so(self):
        made = self.made(1.0)
        made.entries[0].piece = (1, 8, 8)
        said = ladder_text.rung(LADDER[0], made, MACHINE)
        assert "Extrapolated from 1 × 8 outputs of 8 filters, 1/16." in said
        assert said.startswith(f"{RUNGS[0]}: 16 s, ")

    def test_a_rung_that_is_out_says_why(self):
        made = self.made(1.0)
        made.entries[0].reason = "needs 3 x 3."
        assert ladder_text.rung(LADDER[0], made, MACHINE).startswith(f"{RUNGS[0]}: Out: needs 3 x 3.")
        assert f"{RUNGS[0]} is out" in ladder_text.bars_label(made.entries, None)


class TestDrawing:
    def test_a_bar_ends_where_its_speed_is_and_the_roof_stands_above(self):
        layer = TestWords.layer
        entries = [Entry(rung, layer, layer.whole, [1e-3 / 10**k]) for k, rung in enumerate(LADDER[:3])]
        made = ladder_drawing.rung_bars(entries, 200.0, label="bars")
        widths = [float(part.split('width="')[1].split('"')[0]) for part in made.svg.split("<rect")[1:]]
        assert widths[1] - widths[0] == pytest.approx(widths[2] - widths[1], abs=0.2)
        assert "roof: 200" in made.svg
        assert (made.rows, made.columns) == (3, 1)

    def test_an_extrapolated_bar_is_an_outline(self):
        layer = TestWords.layer
        whole, piece = Entry(LADDER[0], layer, layer.whole, [1.0]), Entry(LADDER[0], layer, (1, 8, 8), [1.0])
        assert 'fill="none"' not in ladder_drawing.rung_bars([whole], None, label="").svg
        assert 'fill="none"' in ladder_drawing.rung_bars([piece], None, label="").svg

    def test_the_roofs_places_are_intensities(self):
        for layer in (Problem(7, 3, 16), Problem(56, 64, 64), Problem(112, 256, 256, 5)):
            work = layer.work
            column = ladder_drawing.nearest_column(MACHINE, work)
            assert 0 <= column < ladder_drawing.PLACES
            assert ladder_drawing.intensity_at(column, MACHINE, work) == pytest.approx(
                work.intensity, rel=0.15
            )
            low, high = ladder_drawing.intensity_limits(MACHINE, work)
            assert low < MACHINE.ridge < high
