"""The pictures of chapter 05: drawn from any arrays, the same bytes every time."""

import numpy as np
import pytest

from cnnkit import figures

RNG = np.random.default_rng(1)
GRID, SMALL, VECTOR = RNG.normal(size=(5, 6)), RNG.normal(size=(2, 3)), RNG.normal(size=10)
RUNS = {"plain": 10.0 ** -RNG.random((3, 8)), "skip": np.ones((2, 8))}
STEPS = [0.1, 0.01, 0.001]
STAGES = [("x", GRID), ("z", SMALL), ("p", VECTOR)]
PICTURES = [
    (figures.draw_chain, [[("w", 2.0, -9.0), ("J", 4.5, 1.0)]], {}),
    (figures.draw_backward_flow, [STAGES, STAGES], {}),
    (figures.draw_full_convolution, [GRID, SMALL, GRID[:4, :4]], {}),
    (figures.draw_stamps_sum, [[("one", GRID), ("two", -GRID)], GRID * 0], {}),
    (figures.draw_error_sweep, [STEPS, {"float64": [1e-3, 0.0, 1e-9]}], {"marks": {"best": 1e-2}}),
    (figures.draw_depth_norms, [RUNS], {}),
    (figures.draw_checkpointing, [[1, 2, 4], [4, 3, 4], [4, 6, 7]], {}),
    (figures.draw_gradient_flow, [[GRID, SMALL, SMALL, GRID, SMALL, SMALL], (1, 1)], {"dilation": 2}),
]


@pytest.mark.parametrize(
    ("draw", "arguments", "options"), PICTURES, ids=[row[0].__name__ for row in PICTURES]
)
def test_the_same_arrays_give_the_same_picture(draw, arguments, options):
    first = figures.png(draw, *arguments, **options)
    assert first.startswith(b"\x89PNG")
    assert first == figures.png(draw, *arguments, **options)


def test_other_numbers_give_another_picture():
    other = [(name, array + 1) for name, array in STAGES]
    assert figures.png(figures.draw_backward_flow, STAGES, STAGES) != figures.png(
        figures.draw_backward_flow, STAGES, other
    )
