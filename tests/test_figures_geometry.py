"""The pictures of chapter 02 show the numbers that they were given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cnnkit import figures
from cnnkit.shapes import conv_output_size


def texts(ax):
    return [text.get_text() for text in ax.texts]


def numbers(ax):
    return [
        float(text.replace("−", "-"))
        for text in texts(ax)
        if text.replace("−", "").replace(".", "").isdigit()
    ]


@pytest.mark.parametrize(("padding", "dilation", "stride"), [("same", 1, 1), ((0, 2), 1, 3), ("full", 2, 2)])
def test_an_axis_has_a_cell_for_each_padded_cell_and_a_line_for_each_window(padding, dilation, stride):
    ax = Figure().subplots()
    figures.draw_axis(8, 3, ax, stride=stride, padding=padding, dilation=dilation)
    outputs = conv_output_size(8, 3, stride=stride, padding=padding, dilation=dilation)
    assert [text for text in texts(ax) if text.startswith("y[")] == [f"y[{i}]" for i in range(outputs)]
    assert numbers(ax) == list(range(8))
    assert len(ax.lines) == 2 * outputs
    taps = ax.lines[2 * outputs - 1].get_xdata()
    assert np.array_equal(np.diff(taps), [dilation, dilation])


def test_cells_that_nobody_reads_are_hatched():
    ax = Figure().subplots()
    figures.draw_axis(8, 3, ax, stride=3)
    hatched = [round(patch.get_x() + 0.46) for patch in ax.patches if patch.get_hatch()]
    assert hatched == [6, 7]


@pytest.mark.parametrize("dilations", [(2, 2, 2), (1, 2, 4), (1, 2, 9), (3,)])
def test_the_tree_counts_the_cells_that_are_read(dilations):
    ax = Figure().subplots()
    figures.draw_tap_tree(dilations, 3, ax)
    read = {0}
    for dilation in dilations:
        read = {cell + dilation * tap for cell in read for tap in (-1, 0, 1)}
    field = 2 * max(read) + 1
    assert ax.get_title().endswith(f": {len(read)} of {field} cells are read")
    bottom = [
        line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_ydata()[0] == -len(dilations)
    ]
    filled = {line.get_xdata()[0] for line in bottom if line.get_markerfacecolor() != "white"}
    assert filled == read
    assert len(bottom) == field


def test_stamps_add_up_in_the_last_row():
    ax = Figure().subplots()
    x, w = np.array([2.0, 1, 3]), np.array([1.0, 2, -1])
    figures.draw_stamps(x, w, 2, ax)
    assert numbers(ax)[-7:] == [2, 4, -1, 2, 2, 6, -3]


def test_counts_share_one_scale_and_padded_matrices_are_framed():
    figure = Figure()
    figures.draw_counts({"a": np.ones((2, 3)), "b": np.full((2, 2), 9.0)}, figure)
    assert [ax.images[0].get_clim() for ax in figure.axes] == [(0, 9), (0, 9)]
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    figure = Figure()
    figures.draw_padded({"zeros": np.zeros((5, 6))}, 1, figure)
    frame = figure.axes[0].patches[0]
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((0.5, 0.5), 4, 3)


def test_profiles_are_drawn_as_they_are():
    figure = Figure()
    picture = np.full((4, 4), 0.5)
    figures.draw_border_profiles(
        {"crop": picture, "blur": picture}, {"zeros": np.array([0.5, 0.75])}, figure, ylabel="share"
    )
    curve = figure.axes[-1]
    assert curve.lines[0].get_ydata().tolist() == [0.5, 0.75]
    assert curve.get_ylabel() == "share"
    assert len(figure.axes) == 3


def test_a_state_of_the_explorer_frames_taps_inside_the_margins():
    figure = Figure()
    figures.draw_geometry(
        np.ones((5, 6)), np.ones((2, 2)), ("large", "small"), figure,
        margins=((1, 0), (2, 1)), taps=([0, 2], [1]), at=(1, 0), dropped=[(4, 0, 1, 6)],
    )  # fmt: skip
    left, right = figure.axes
    orange = figures.PALETTE["orange"].lower()

    taps = [patch.get_xy() for patch in left.patches if to_hex(patch.get_edgecolor()) == orange]
    assert taps == [(2.5, 0.5), (2.5, 2.5)]
    assert [patch.get_xy() for patch in right.patches] == [(-0.5, 0.5)]
    assert (left.get_title(), right.get_title()) == ("large", "small")


def test_a_problem_is_written_out():
    figure = Figure()
    figures.draw_geometry(
        np.zeros((3, 3)), np.zeros((1, 1)), ("large", "small"), figure,
        margins=((0, 0), (0, 0)), taps=(), at=(0, 0), problem="It does not fit.",
    )  # fmt: skip
    assert texts(figure.axes[1]) == ["It does not fit."]
    assert not figure.axes[1].images
