"""The roofline: counts of arithmetic and bytes, where a time stands under the roof, a measured machine."""

import math

import numpy as np
import pytest
from numba import get_num_threads

from cnnkit import figures, roofline
from cnnkit.__main__ import main
from cnnkit.errors import DTypeError, OptionError
from cnnkit.layers import Conv2D, Dense, Flatten
from cnnkit.network import Sequential
from cnnkit.roofline import Machine, Work, loops, machine, measure_machine, place, report, samples
from cnnkit.roofline.placement import Placement, drawing, table

QUIET = Machine("float32", 2, 200.0, 20.0, 190.0, 18.0, 256, 2**27, 2**25)
PLACED = {"slow": place(1e9, 1e9, 1.0, QUIET), "quick": place(1e11, 1e9, 1.0, QUIET)}


def fail_with_one_thread():
    with roofline.using_threads(1):
        raise DTypeError


class TestWork:
    def test_a_convolution_by_hand(self):
        work = roofline.conv2d_work((2, 5, 6, 3), (3, 3, 3, 4), padding=1)
        assert work.flops == 2 * 2 * 5 * 6 * 4 * 27
        assert work.bytes == 4 * (2 * 5 * 6 * 3 + 27 * 4 + 4 + 2 * 5 * 6 * 4)
        assert work.intensity == work.flops / work.bytes

    def test_stride_groups_and_type_count(self):
        work = roofline.conv2d_work((1, 9, 9, 8), (3, 3, 1, 8), stride=2, groups=8, dtype="float64")
        assert work == Work(2 * 4 * 4 * 8 * 9, 8 * (9 * 9 * 8 + 9 * 8 + 8 + 4 * 4 * 8))

    def test_backward_reads_what_forward_moves_and_writes_dx_and_dw(self):
        shapes = (1, 8, 8, 4), (3, 3, 4, 16)
        forward, backward = roofline.conv2d_work(*shapes), roofline.conv2d_backward_work(*shapes)
        assert backward.flops == 2 * forward.flops
        assert backward.bytes - forward.bytes == 4 * (8 * 8 * 4 + 9 * 4 * 16)

    def test_pooling_counts_every_cell_of_every_window(self):
        assert roofline.pool2d_work((1, 6, 6, 2), 3, stride=2) == Work(2 * 2 * 2 * 9, 4 * (72 + 8))

    def test_a_dense_layer_by_hand(self):
        assert roofline.dense_work(5, 7, 11) == Work(2 * 5 * 77, 4 * (35 + 77 + 11 + 55))

    def test_a_network_reads_input_and_parameters_and_writes_its_output(self):
        network = Sequential([Conv2D(4, 3), Flatten(), Dense(10)], input_shape=(6, 6, 2))
        work = roofline.network_work(network, 3)
        assert work.flops == 2 * 3 * network.count_macs()
        assert work.bytes == 4 * (3 * (72 + 10) + network.count_params())

    def test_the_text_has_the_three_numbers(self):
        assert str(Work(2_000_000, 500_000)) == (
            "2.0 million operations, 0.50 MB at least, 4.00 operations a byte"
        )


class TestPlace:
    def test_below_the_ridge_memory_limits(self):
        at = place(1e9, 1e9, 0.1, QUIET)
        assert (at.gflops, at.intensity, at.roof, at.bound) == (10.0, 1.0, 20.0, "memory")
        assert at.percent_of_roof == 50.0

    def test_above_the_ridge_arithmetic_limits(self):
        at = place(*Work(int(1e11), int(1e9)), 2.0, QUIET)
        assert (at.gflops, at.roof, at.bound) == (50.0, 200.0, "compute")
        assert at.percent_of_roof == 25.0

    def test_the_ceilings_meet_at_the_ridge(self):
        assert QUIET.ridge == 10.0
        assert QUIET.roof(10.0) == 200.0
        assert QUIET.roof(9.999) < 200.0 == QUIET.roof(11.0)

    @pytest.mark.parametrize("wrong", [0, -1.0, math.nan, math.inf])
    @pytest.mark.parametrize("name", ["flops", "bytes_moved", "seconds"])
    def test_other_than_positive_numbers_are_refused_by_name(self, name, wrong):
        numbers = {"flops": 1.0, "bytes_moved": 1.0, "seconds": 1.0, name: wrong}
        with pytest.raises(OptionError, match=f"{name} is"):
            place(**numbers, machine=QUIET)


class TestText:
    def test_the_table_names_the_ceiling_of_each(self):
        _, slow, quick = table(PLACED).splitlines()
        assert slow.split() == ["a", "slow", "1.00", "1.0", "20.0", "5%", "memory"]
        assert quick.split() == ["b", "quick", "100.00", "100.0", "200.0", "50%", "arithmetic"]

    def test_the_drawing_has_both_ceilings_and_every_letter(self):
        text = drawing(PLACED, QUIET)
        rows = [line.partition("│")[2] for line in text.splitlines() if "│" in line]
        flat = next(row for row, cells in enumerate(rows) if "─" in cells)
        assert "/" in rows[flat + 2]
        assert "─" not in "".join(rows[flat + 1 :])
        slow, quick = (next((row, r.index(c)) for row, r in enumerate(rows) if c in r) for c in "ab")
        assert slow[0] > quick[0] > flat
        assert slow[1] < quick[1]

    def test_two_letters_in_one_place_become_a_star(self):
        twice = {"one": PLACED["slow"], "two": PLACED["slow"]}
        assert "*" in drawing(twice, QUIET)
        assert "a" not in drawing(twice, QUIET).replace("operations a byte", "")


class TestMeasuring:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_a_machine_has_two_ceilings(self, dtype, monkeypatch):
        monkeypatch.setattr(machine, "RUNS", 2)
        monkeypatch.setattr(machine, "last_level_cache", lambda: 2**20)
        found = measure_machine(dtype, 1)
        assert (found.dtype, found.threads) == (dtype, 1)
        for ceiling, usual in (
            (found.peak_gflops, found.usual_gflops),
            (found.bandwidth_gbs, found.usual_gbs),
        ):
            assert math.isfinite(ceiling)
            assert ceiling >= usual > 0
        assert found.vector_bits in loops.CHAINS
        assert found.array_bytes >= 4 * found.cache_bytes
        assert found.dtype in str(found)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("bits", loops.CHAINS)
    def test_every_lane_of_every_chain_does_its_multiply_adds(self, bits, dtype):
        # Chain number c starts at c and goes to 0.5 * value + 1 each round: 2 + (c - 2) / 2 ** rounds.
        results, rounds = np.zeros(3, dtype), 5
        loops.multiply_adds(results, np.array([0.5, 1.0], dtype), rounds, bits)
        chains, lanes = loops.CHAINS[bits], loops.lanes(bits, results.itemsize)
        expected = lanes * sum(2 + (chain - 2) / 2**rounds for chain in range(chains))
        np.testing.assert_allclose(results, expected, rtol=1e-6)

    def test_the_triad_is_computed(self):
        a, b, c = np.zeros(1000), np.arange(1000.0), np.ones(1000)
        loops.triad(a, b, c, np.array([3.0]))
        np.testing.assert_array_equal(a, b + 3)

    def test_the_number_of_threads_is_as_before(self):
        before = get_num_threads()
        with roofline.using_threads(1) as count:
            assert count == get_num_threads() == 1
        assert get_num_threads() == before

    def test_the_number_of_threads_is_as_before_also_after_an_error(self):
        before = get_num_threads()
        with pytest.raises(DTypeError):
            fail_with_one_thread()
        assert get_num_threads() == before

    @pytest.mark.parametrize("threads", [0, -1, 10**6, 1.5, True])
    def test_a_number_of_threads_that_cannot_be_is_refused(self, threads):
        with pytest.raises(OptionError, match="threads is"):
            measure_machine("float32", threads)

    def test_other_numbers_than_floats_are_refused(self):
        with pytest.raises(DTypeError, match="dtype"):
            measure_machine("int32")

    @pytest.mark.parametrize(("text", "size"), [("32768K", 2**25), ("4M\n", 2**22), ("512", 512)])
    def test_cache_sizes_are_read(self, text, size, monkeypatch, tmp_path):
        (tmp_path / "index0").mkdir()
        (tmp_path / "index0" / "size").write_text(text)
        monkeypatch.setattr(machine, "CACHES", tmp_path)
        assert machine.last_level_cache() == size

    def test_a_system_that_does_not_say_its_cache_is_told_apart(self, monkeypatch, tmp_path):
        monkeypatch.setattr(machine, "CACHES", tmp_path)
        monkeypatch.setattr(machine.platform, "system", lambda: "Windows")
        assert machine.last_level_cache() is None
        assert machine._array_bytes(None) >= machine.LEAST_ARRAY / 4


def test_the_samples_are_calls_of_our_kernels_with_their_work():
    found = {name: (work, call) for name, work, call in samples.samples("float64")}
    assert len(found) >= 8
    for name, (work, call) in found.items():
        assert work.flops > 0 < work.bytes, name
        assert call.args[0].dtype == np.float64
    assert found["max pool 2×2, 112×112×64"][1]().shape == (1, 56, 56, 64)


class TestCommand:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr(report, "measure_machine", lambda dtype, threads: QUIET)
        monkeypatch.setattr(report, "place_samples", lambda machine: PLACED)

    def test_it_prints_table_and_drawing_for_both_types(self, capsys):
        assert main(["roofline"]) == 0
        out = capsys.readouterr().out
        assert out.count(table(PLACED)) == out.count(drawing(PLACED, QUIET)) == 2
        assert "multiply-add counts as two" in out

    def test_it_draws_a_picture(self, tmp_path, capsys):
        target = tmp_path / "roof.png"
        assert main(["roofline", "--save", str(target)]) == 0
        assert target.read_bytes().startswith(b"\x89PNG")
        assert str(target) in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["roof.jpg", "absent/roof.png"])
    def test_a_target_that_cannot_be_is_refused_before_measuring(self, name, tmp_path, capsys):
        assert main(["roofline", "--save", str(tmp_path / name)]) == 1
        shown = capsys.readouterr()
        assert "--save is" in shown.err
        assert not shown.out

    @pytest.mark.parametrize(("load", "said"), [(0.1, False), (3.0, True)])
    def test_a_busy_machine_is_named(self, load, said, monkeypatch):
        monkeypatch.setattr(report.os, "getloadavg", lambda: (load, 0, 0), raising=False)
        assert bool(report.busy_warning()) == said


class TestFigure:
    def test_the_same_numbers_give_the_same_picture(self):
        placed = [(QUIET, PLACED)]
        first = figures.png(figures.draw_rooflines, placed)
        assert first == figures.png(figures.draw_rooflines, placed)
        assert first != figures.png(figures.draw_rooflines, [(QUIET, {})])

    def test_letters_of_close_dots_do_not_meet(self):
        from cnnkit.figures.roofline import LETTER, PANEL, _apart, _letter_spots, _share

        across, up = (0.1, 1000.0), (1.0, 1000.0)
        dots = {letter: Placement(50 + k, 20.0 + k, 200.0, "compute") for k, letter in enumerate("abcde")}
        spots = _letter_spots(dots, across, up)
        at = [
            (
                _share(dots[c].intensity, across) * PANEL[0] + x,
                _share(dots[c].gflops, up) * PANEL[1] + y,
            )
            for c, (x, y) in spots.items()
        ]
        assert min(_apart(a, b) for i, a in enumerate(at) for b in at[:i]) >= LETTER * 0.7
