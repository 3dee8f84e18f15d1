"""The pictures of fields show what `receptive` computes."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cnnkit import figures, receptive
from cnnkit.stacks import conv, max_pool, same_convs


def cells(stack, size, unit):
    """Return the colours of a tower's cells by (level, place along the input)."""
    ax = Figure().subplots()
    figures.draw_tower(stack, size, unit, ax)
    return {
        (round(box.get_y() + 0.17), box.get_x() + 0.42): to_hex(box.get_facecolor()).upper()
        for box in ax.patches
    }


@pytest.mark.parametrize(
    ("stack", "size", "unit"),
    [
        (same_convs((1, 1, 1)), 11, 5),
        (same_convs((2, 2, 2)), 15, 1),
        ((conv(5), max_pool(2, 2), conv(3, 2, 1)), 24, 2),
    ],
)
def test_the_blue_cells_of_a_tower_are_the_field(stack, size, unit):
    units = receptive.map_sizes(stack, (size, size))[-1][0]
    read = receptive.computed_field(stack, (size, size), (unit, units // 2)).any(axis=1)
    colours = cells(stack, size, unit)
    blue = [
        place for (level, place), colour in colours.items() if level == 0 and colour == figures.PALETTE["sky"]
    ]
    assert sorted(round(place) for place in blue) == np.flatnonzero(read).tolist()
    top = [place for (level, place), colour in colours.items() if colour == figures.PALETTE["orange"]]
    assert top == [receptive.center(receptive.fields(stack)[-1], unit)]


def test_padding_that_is_read_is_grey():
    colours = cells(same_convs((1, 1)), 7, 0)
    assert colours[(0, -1.0)] == "#BBBBBB"
    assert (0, -2.0) not in colours  # what lies in the padding of a map reads nothing


def test_a_photograph_is_dark_outside_of_a_field():
    photo, mask = np.ones((2, 2, 3)), np.array([[True, False], [False, True]])
    shown = figures.lit(photo, mask)
    assert (shown[mask] == 1).all()
    assert (shown[~mask] < 0.3).all()
