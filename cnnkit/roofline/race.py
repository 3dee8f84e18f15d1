"""A race of kernels on one layer, a call at a time; slow ones get a piece of it, so that no call is long."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError
from cnnkit.roofline.machine import using_threads
from cnnkit.roofline.work import Work, conv2d_work

Array = NDArray[Any]
Piece = tuple[int, int, int]
"""Output rows, columns and filters of a part of the layer."""

TURNS = 5
MOST_SECONDS = 0.3  # that one call may take, so that a notebook stays awake
GROWTH = 4
_SMALLEST: Piece = (1, 4, 8)


class Rung(Protocol):
    """One kernel of the ladder: ``function(x, w, b)`` is a convolution with stride 1 and padding "same"."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def function(self) -> Callable[..., Array]:
        """What is timed."""


@dataclass(frozen=True)
class Problem:
    """A convolution with stride 1 and padding "same" of one image (size, size, channels)."""

    size: int
    channels: int
    filters: int
    kernel_size: int = 3
    dtype: str = "float32"

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of x and w."""
        x = (1, self.size, self.size, self.channels)
        return x, (self.kernel_size, self.kernel_size, self.channels, self.filters)

    @property
    def work(self) -> Work:
        """Its arithmetic and compulsory bytes."""
        return conv2d_work(*self.shapes, padding="same", dtype=self.dtype)

    @property
    def whole(self) -> Piece:
        """The piece that is all of it."""
        return self.size, self.size, self.filters

    @cached_property
    def arrays(self) -> tuple[Array, Array, Array]:
        """Random x (1, H, W, C), w (K, K, C, F) and b (F,), the same each time."""
        rng = np.random.default_rng(0)
        x_shape, w_shape = self.shapes
        x, w, b = (rng.standard_normal(shape) for shape in (x_shape, w_shape, (self.filters,)))
        w /= np.sqrt(np.prod(w_shape[:3]))
        return x.astype(self.dtype), w.astype(self.dtype), b.astype(self.dtype)

    def part(self, piece: Piece) -> tuple[Array, Array, Array]:
        """Return x, w and b of a piece."""
        rows, columns, filters = piece
        x, w, b = self.arrays
        return (
            np.ascontiguousarray(x[:, :rows, :columns]),
            np.ascontiguousarray(w[..., :filters]),
            b[:filters],
        )

    def pieces(self) -> Iterator[Piece]:
        """Yield pieces from a small one to the whole, each at most `GROWTH` times the one before."""
        piece = [min(least, most) for least, most in zip(_SMALLEST, self.whole, strict=True)]
        yield piece[0], piece[1], piece[2]
        for axis in (1, 2, 0):
            while piece[axis] < self.whole[axis]:
                piece[axis] = min(piece[axis] * GROWTH, self.whole[axis])
                yield piece[0], piece[1], piece[2]


@dataclass
class Entry:
    """What is known of one rung.

    Attributes:
        rung: which one.
        problem: the layer.
        piece: the part of the layer that it is timed on.
        turns: seconds of each timed call on that piece.
        reason: why it is not timed; empty when it is.
    """

    rung: Rung
    problem: Problem
    piece: Piece = (0, 0, 0)
    turns: list[float] = field(default_factory=list)
    reason: str = ""

    @property
    def share(self) -> float:
        """The piece's share of the layer; 1 when nothing is extrapolated."""
        return float(np.prod(self.piece) / np.prod(self.problem.whole))

    @property
    def seconds(self) -> float | None:
        """The median time for the whole layer, extrapolated where only a piece was timed; None before."""
        return median(self.turns) / self.share if self.turns else None

    @property
    def gflops(self) -> float | None:
        """Billion operations a second, by the operations of the formula."""
        return None if self.seconds is None else self.problem.work.flops / self.seconds / 1e9


class Race:
    """Time rungs on one layer, one call for each `step`.

    First every rung tries growing pieces until the next would take over `MOST_SECONDS`; then all take turns,
    each on its piece. A rung that refuses the layer by a CnnkitError is out, with the error as its reason.

    Attributes:
        problem: the layer.
        entries: one for each rung, in their order.
        doing: what the next step is, in words; empty when the race is over.
    """

    def __init__(self, problem: Problem, rungs: Sequence[Rung], threads: int | None = None) -> None:
        """Prepare a race with `threads` threads, None for the present number."""
        self.problem, self.threads = problem, threads
        self.entries = [Entry(rung, problem) for rung in rungs]
        self.doing = "finding out how much of the layer each rung can do in a moment"
        self._course = self._run()

    def step(self) -> bool:
        """Make the next call; return whether there is another."""
        more = next(self._course, None) is not None
        if not more:
            self.doing = ""
        return more

    def winner(self) -> Entry | None:
        """Return the quickest entry so far."""
        timed = [entry for entry in self.entries if entry.seconds is not None]
        return min(timed, key=lambda entry: entry.seconds or 0.0, default=None)

    def _run(self) -> Iterator[Entry]:
        for entry in self.entries:
            yield from self._fit(entry)
        for turn in range(TURNS):
            self.doing = f"turn {turn + 1} of {TURNS}"
            for entry in self.entries:
                if not entry.reason:
                    entry.turns.append(self._call(entry, entry.piece))
                    yield entry

    def _fit(self, entry: Entry) -> Iterator[Entry]:
        """Find the piece for `entry`, a call at a time."""
        for piece in self.problem.pieces():
            entry.piece = piece
            try:
                seconds = self._call(entry, piece)
                yield entry
                if seconds * GROWTH > MOST_SECONDS:  # perhaps it only had to be compiled
                    seconds = self._call(entry, piece)
                    yield entry
            except CnnkitError as error:
                entry.reason = str(error)
                return
            if seconds * GROWTH > MOST_SECONDS:
                return

    def _call(self, entry: Entry, piece: Piece) -> float:
        arrays = self.problem.part(piece)
        with using_threads(self.threads):
            started = time.perf_counter()
            entry.rung.function(*arrays)
            return time.perf_counter() - started
