"""Intervals of means against SciPy's t distribution."""

import numpy as np
import pytest
from scipy import stats

from cnnkit.errors import ShapeError
from cnnkit.intervals import mean_interval


@pytest.mark.parametrize("count", range(2, 32))
def test_against_scipy(count):
    values = np.random.default_rng(count).normal(0.9, 0.1, count)
    mean, half = mean_interval(values)
    low, high = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    np.testing.assert_allclose([mean - half, mean + half], [low, high], rtol=2e-4)


def test_text():
    assert str(mean_interval([0.5, 0.5])) == "50.0% ± 0.0%"


@pytest.mark.parametrize("values", [[0.5], [], [[1.0, 2.0]], np.ones(40)])
def test_too_few_or_too_many(values):
    with pytest.raises(ShapeError, match="expected 2 to 31 runs"):
        mean_interval(values)
