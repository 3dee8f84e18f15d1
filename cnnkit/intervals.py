"""Intervals for means of a few runs: how much of a difference may be luck."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import ShapeError

__all__ = ["MeanInterval", "mean_interval"]

# The 97.5 % points of Student's t distribution for 1 to 30 degrees of freedom.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


class MeanInterval(NamedTuple):
    """A mean of n runs with the half width of its 95 % interval."""

    mean: float
    half_width: float

    def __str__(self) -> str:
        return f"{self.mean:.1%} ± {self.half_width:.1%}"


def mean_interval(values: Sequence[float] | NDArray[Any]) -> MeanInterval:
    """Return the mean of `values` (n,) and ``t * s / sqrt(n)``, its 95 % interval by Student's t.

    s is the standard deviation with n - 1. The interval is about the mean over such runs (seeds, splits), not
    about one run. Raises ShapeError for fewer than 2 or more than 31 values.
    """
    runs = np.asarray(values, np.float64)
    if runs.ndim != 1 or not 2 <= len(runs) <= len(_T) + 1:
        raise ShapeError(f"values has shape {runs.shape}; expected 2 to {len(_T) + 1} runs")
    return MeanInterval(
        float(runs.mean()), float(_T[len(runs) - 2] * runs.std(ddof=1) / math.sqrt(len(runs)))
    )
