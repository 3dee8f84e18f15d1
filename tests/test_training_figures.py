"""Pictures of training: drawn, with what they must show on them."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from cnnkit import figures


def test_the_valley_has_a_panel_for_each_path():
    figure = Figure()
    path = np.array([[-9.0, 1.5], [-3, 0.5]])
    figures.draw_valley(lambda points: (points**2).sum(axis=-1), {"a": path, "b": path}, figure)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xydata(), path)


def test_a_race_draws_means_and_names_them():
    ax = Figure().subplots()
    figures.draw_race({"x": np.array([[1.0, 0.5], [3.0, 1.5]])}, ax)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [2, 1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["x"]


def test_learning_curves_mark_the_best_epoch():
    figure = Figure()
    figures.draw_learning_curves(([2, 1], [0.1, 0.5]), ([2, 3], [0.2, 0.1]), figure, best=1)
    assert [ax.get_title() for ax in figure.axes] == ["loss", "accuracy"]
    assert all(ax.lines[2].get_xdata()[0] == 1 for ax in figure.axes)


def test_a_scan_is_logarithmic_with_its_suggestion():
    ax = Figure().subplots()
    figures.draw_scan(np.array([0.1, 1.0]), np.array([2.0, 1.0]), 0.3, ax)
    assert ax.get_xscale() == "log"
    assert ax.lines[1].get_xdata()[0] == 0.3


def test_runs_stand_beside_their_interval():
    ax = Figure().subplots()
    figures.draw_runs({"nothing": np.array([0.5, 0.7]), "cure": np.array([0.8, 0.9])}, ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["nothing", "cure"]
    assert ax.yaxis_inverted()


@pytest.mark.parametrize(("panel", "blue"), [(0, 4), (1, 6), (2, 3), (3, 1)])
def test_norm_groups_color_the_maps_that_share(panel, blue):
    figure = Figure()
    figures.draw_norm_groups(figure)
    colors = [patch.get_facecolor() for patch in figure.axes[panel].patches]
    assert len(colors) == 24
    assert sum(color == colors[0] for color in colors) == blue
