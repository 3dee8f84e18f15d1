"""Chapter 07's pictures: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnkit import figures


def texts(target):
    return [text.get_text() for axes in target.axes for text in axes.texts if text.get_text()]


def test_the_timeline_has_every_network_and_year_in_order():
    figure = Figure()
    figures.draw_timeline(figures.TIMELINE, figure.subplots())
    found = texts(figure)
    years = [int(text) for text in found if text.isdigit()]
    assert years == sorted(years) == [int(event.year) for event in figures.TIMELINE]
    assert {event.name for event in figures.TIMELINE} <= set(found)


@pytest.mark.parametrize("merge", ["+", "concat"])
def test_a_block_shows_every_layer_of_every_branch_and_where_they_meet(merge):
    figure = Figure()
    block = figures.Block((("1×1, 64",), (), ("3×3 pool", "1×1, 32")), merge, ("ReLU",))
    figures.draw_blocks({"one": block, "two": figures.Block((("3×3",),))}, figure)
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    first = [text.get_text() for text in figure.axes[0].texts]
    assert {"1×1, 64", "3×3 pool", "1×1, 32", merge, "ReLU"} <= set(first)


def test_shares_fill_each_bar_and_are_written_where_they_fit():
    figure = Figure()
    shares = {"net": {"parameters": {"a": 3.0, "b": 96.0, "c": 1.0}, "work": {"a": 1.0, "b": 1.0, "c": 2.0}}}
    figures.draw_cost_shares(shares, figure)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(widths, [0.03, 0.96, 0.01, 0.25, 0.25, 0.5])
    assert texts(figure) == ["96%", "25%", "25%", "50%"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]


def test_the_landscape_names_every_network_at_its_place():
    figure = Figure()
    figures.draw_landscape({"A": (60, 0.7, 56), "B": (25, 4.1, 76)}, figure.subplots())
    (axes,) = figure.axes
    assert texts(figure) == ["A", "B"]
    assert axes.collections[1].get_offsets().tolist() == [[4.1, 76]]
    assert axes.collections[0].get_sizes()[0] / axes.collections[1].get_sizes()[0] == pytest.approx(60 / 25)


def test_degradation_draws_a_mean_line_and_a_dot_a_seed():
    figure = Figure()
    errors = {"plain": np.array([[0.2, 0.4], [0.6, 0.8]]), "residual": np.array([[0.2, 0.2], [0.1, 0.1]])}
    figures.draw_degradation((6, 18), errors, figure.subplots())
    lines = figure.axes[0].lines
    np.testing.assert_allclose(lines[0].get_ydata(), [0.3, 0.7])
    assert len(lines) == 6


def test_channels_are_drawn_a_row_each():
    figure = Figure()
    figures.draw_channels({"first": np.ones((4, 4, 3)), "second": np.ones((2, 2, 9))}, figure, count=4)
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(figure.axes) == 8
    assert len(drawn) == 7
    assert drawn[0].get_ylabel() == "first"
