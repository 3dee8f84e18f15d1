"""The pictures of chapter 08 show the numbers that they are given."""

import pytest
from matplotlib.figure import Figure

from cnnkit import figures
from cnnkit.engine.source import balanced_chunks, source_chunks


def bars(panel):
    return sorted(
        (round(bar.get_y() + bar.get_height() / 2), bar.get_x(), bar.get_width()) for bar in panel.patches
    )


def texts(panel):
    return [text.get_text() for text in panel.texts]


def test_chunks_are_boxes_and_cores_without_one_are_idle():
    figure = Figure()
    shares = {"rounded up": source_chunks(9, 8), "balanced": balanced_chunks(9, 8)}
    figures.draw_chunks(shares, 8, figure)
    rounded, balanced = figure.axes
    assert texts(rounded).count("idle") == 3
    assert texts(balanced).count("idle") == 0
    for panel in figure.axes:
        assert sorted(text for text in texts(panel) if text != "idle") == [str(row) for row in range(9)]
        assert max(x + width for _, x, width in bars(panel)) == 2


def test_amdahls_curves_end_where_the_formula_says():
    ax = Figure().subplots()
    figures.draw_amdahl((0.05, 0.2), ax)
    ends = [line.get_ydata()[-1] for line in ax.lines]
    assert ends == pytest.approx([64, 1 / (0.05 + 0.95 / 64), 1 / (0.2 + 0.8 / 64)])


def test_a_ladder_has_a_bar_for_each_rung_and_the_peak():
    ax = Figure().subplots()
    figures.draw_ladder({"loops": 0.0014, "blocked": 33.0}, 50.0, ax)
    assert [bar.get_width() for bar in ax.patches] == [0.0014, 33.0]
    assert texts(ax) == ["peak", "0.0014", "33"]
    assert list(ax.lines[0].get_xdata()) == [50.0, 50.0]


def test_waiting_is_drawn_in_milliseconds_a_row_for_each_client():
    figure = Figure()
    figures.draw_waiting({"one": [(0, 0.0, 0.25)], "two": [(0, 0.0, 0.1), (1, 0.05, 0.2)]}, figure)
    assert bars(figure.axes[0]) == [(0, 0.0, 250.0)]
    assert bars(figure.axes[1]) == [(0, 0.0, 100.0), (1, 50.0, pytest.approx(150.0))]


def test_a_trade_is_a_marked_line_for_each_curve():
    ax = Figure().subplots()
    figures.draw_trade(
        (0.0, 0.5), {"global": [0.98, 0.97], "layer": [0.98, 0.9]}, ax, xlabel="zeros", ylabel="right"
    )
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.98, 0.97], [0.98, 0.9]]
    assert ax.get_xlabel() == "zeros"
