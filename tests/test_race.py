"""A race on one layer: nobody's call takes long, what is extrapolated is known, who refuses is out."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from numba import get_num_threads

from cnnkit.errors import ShapeError
from cnnkit.kernels import vectorized
from cnnkit.roofline import conv2d_work, race
from cnnkit.roofline.race import Entry, Problem, Race

LAYER = Problem(8, 4, 16)


class Clocked:
    """A rung that moves the race's clock by what a multiply-add of its kind would take."""

    def __init__(self, clock, name, seconds_each, first_extra=0.0):
        self.clock, self.name, self.each, self.extra = clock, name, seconds_each, first_extra
        self.pieces = []

    def function(self, x, w, b):
        self.pieces.append((x.shape[1], x.shape[2], w.shape[3]))
        self.clock.now += self.each * x.shape[1] * x.shape[2] * w.size + self.extra
        self.extra = 0.0
        assert b.shape == w.shape[3:]
        return x


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(race.time, "perf_counter", lambda: clock.now)
    return clock


def run(layer, *rungs):
    made = Race(layer, rungs)
    steps = 0
    while made.step():
        steps += 1
    return made, steps


class TestProblem:
    def test_its_work_is_the_convolutions(self):
        assert LAYER.work == conv2d_work((1, 8, 8, 4), (3, 3, 4, 16), padding="same")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_arrays_fit_each_other_and_are_the_same_each_time(self, dtype):
        layer, again = Problem(6, 3, 5, dtype=dtype), Problem(6, 3, 5, dtype=dtype)
        for one, other in zip(layer.arrays, again.arrays, strict=True):
            assert one.dtype == dtype
            np.testing.assert_array_equal(one, other)
        assert vectorized.conv2d(*layer.arrays, padding="same").shape == (1, 6, 6, 5)

    @pytest.mark.parametrize("layer", [LAYER, Problem(112, 64, 256), Problem(7, 3, 16), Problem(1, 1, 1)])
    def test_pieces_grow_step_by_step_to_the_whole(self, layer):
        pieces = list(layer.pieces())
        sizes = [np.prod(piece) for piece in pieces]
        assert pieces[-1] == layer.whole
        assert all(1 < after / before <= race.GROWTH for before, after in pairwise(sizes))

    def test_a_piece_is_a_convolution_of_its_own(self):
        x, w, b = LAYER.part((2, 3, 5))
        assert vectorized.conv2d(x, w, b, padding="same").shape == (1, 2, 3, 5)
        assert x.flags.c_contiguous
        assert w.flags.c_contiguous


class TestRace:
    def test_quick_rungs_are_timed_on_the_whole_layer(self, clock):
        rung = Clocked(clock, "quick", 1e-9)
        made, _ = run(LAYER, rung)
        (entry,) = made.entries
        assert entry.share == 1
        assert len(entry.turns) == race.TURNS
        assert entry.seconds == pytest.approx(1e-9 * 64 * 9 * 4 * 16)
        assert entry.gflops == pytest.approx(2.0)

    def test_slow_rungs_get_a_piece_and_their_time_is_extrapolated(self, clock):
        rung = Clocked(clock, "slow", 1e-5)
        made, _ = run(LAYER, rung)
        (entry,) = made.entries
        assert entry.share < 1
        assert max(entry.turns) <= race.MOST_SECONDS
        assert entry.seconds == pytest.approx(1e-5 * 64 * 9 * 4 * 16)

    def test_compiling_does_not_make_a_rung_slow(self, clock):
        made, _ = run(LAYER, Clocked(clock, "compiled", 1e-9, first_extra=5.0))
        assert made.entries[0].share == 1
        assert max(made.entries[0].turns) < 1e-3

    def test_everyone_has_a_turn_before_anyone_has_two(self, clock):
        order = []
        rungs = [Clocked(clock, name, 1e-9) for name in "AB"]
        for rung in rungs:
            rung.function = lambda *arrays, name=rung.name, inner=rung.function: (
                order.append(name) or inner(*arrays)
            )
        made, steps = run(LAYER, *rungs)
        assert "".join(order[-2 * race.TURNS :]) == "AB" * race.TURNS
        assert steps == len(order)
        assert made.winner() in made.entries

    def test_who_refuses_is_out_with_the_reason(self, clock):
        def refuse(*_):
            raise ShapeError("only for large images")

        good = Clocked(clock, "good", 1e-9)
        made, _ = run(LAYER, SimpleNamespace(name="picky", function=refuse), good)
        picky, other = made.entries
        assert (picky.reason, picky.seconds, picky.gflops) == ("only for large images", None, None)
        assert made.winner() is other

    def test_it_says_what_it_is_doing_until_the_end(self, clock):
        made = Race(LAYER, [Clocked(clock, "A", 1e-9)])
        said = {made.doing}
        while made.step():
            said.add(made.doing)
        assert any("turn 5 of 5" in text for text in said)
        assert made.doing == ""
        assert not made.step()

    def test_nothing_is_known_before(self):
        entry = Entry(SimpleNamespace(name="A"), LAYER)
        assert entry.seconds is entry.gflops is None
        assert Race(LAYER, []).winner() is None

    def test_the_number_of_threads_holds_inside_only(self):
        before, seen = get_num_threads(), []
        rung = SimpleNamespace(name="A", function=lambda *_: seen.append(get_num_threads()))
        made = Race(LAYER, [rung], threads=1)
        while made.step():
            continue
        assert set(seen) == {1}
        assert get_num_threads() == before
