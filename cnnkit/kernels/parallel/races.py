"""Counting in parallel, wrong and right: what chapter 08 shows of races, false sharing and the GIL.

Nothing else uses these kernels. The first one is wrong on purpose.
"""

from typing import Any

import numpy as np
from numba import njit, prange

from cnnkit.errors import OptionError, ShapeError
from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.region import OPTIONS, parallel, plain
from cnnkit.shapes import whole_number

LINE = 8  # int64 numbers in a cache line of 64 bytes


def count_with_race(labels: Array, classes: int, *, rounds: int = 1) -> Array:
    """Return how often each of `classes` labels occurs in `rounds` passes, minus what the race loses.

    `labels` is (N,) int64, the result (classes,) int64. The passes are shared out, and all threads add to the
    same cells: ``counts[label] += 1`` reads, adds and writes, and what another thread wrote in between is
    overwritten. Raises ShapeError or OptionError.
    """
    counts = np.zeros(_checked(labels, classes), np.int64)
    _count_together(plain(labels), counts, whole_number(rounds, "rounds", least=1))
    return counts


def count_by_worker(
    labels: Array, classes: int, *, workers: int, rounds: int = 1, apart: bool = True
) -> Array:
    """Return how often each label occurs in `rounds` passes: every worker counts in cells of its own.

    `labels` is (N,) int64, the result (classes,) int64. With `apart` the workers' cells lie in different
    cache lines; without, they may share lines, which is as right, but makes the lines travel between cores
    (false sharing). Raises ShapeError or OptionError.
    """
    count = _checked(labels, classes)
    gap = (count // LINE + 2) * LINE if apart else count
    cells = np.zeros(whole_number(workers, "workers", least=1) * gap, np.int64)
    _count_apart(plain(labels), cells, gap, whole_number(rounds, "rounds", least=1))
    totals: Array = cells.reshape(-1, gap)[:, :count].sum(axis=0)
    return totals


def count_alone(labels: Array, classes: int, *, rounds: int = 1) -> Array:
    """Return how often each label occurs in `rounds` passes, by one thread that does not hold the GIL.

    `labels` is (N,) int64, the result (classes,) int64. Raises ShapeError or OptionError.
    """
    counts = np.zeros(_checked(labels, classes), np.int64)
    _count_serially(plain(labels), counts, whole_number(rounds, "rounds", least=1))
    return counts


def _checked(labels: Array, classes: int) -> int:
    count = whole_number(classes, "classes", least=1)
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise ShapeError(f"labels is {labels.dtype} of shape {labels.shape}; expected (N,) of int64")
    if labels.size and not 0 <= labels.min() <= labels.max() < count:
        raise OptionError(f"labels run from {labels.min()} to {labels.max()}; expected 0 to {count - 1}")
    return count


@parallel
def _count_together(labels: Any, counts: Any, rounds: int) -> None:
    for _ in prange(rounds):
        for i in range(len(labels)):
            counts[labels[i]] += 1


@parallel
def _count_apart(labels: Any, cells: Any, gap: int, rounds: int) -> None:
    workers = len(cells) // gap
    for worker in prange(workers):
        for _ in range(rounds * worker // workers, rounds * (worker + 1) // workers):
            for i in range(len(labels)):
                cells[worker * gap + labels[i]] += 1


def _count(labels: Any, counts: Any, rounds: int) -> None:
    for _ in range(rounds):
        for i in range(len(labels)):
            counts[labels[i]] += 1


_count_serially: Any = njit(nogil=True, **OPTIONS)(_count)
