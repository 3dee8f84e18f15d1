"""Where the numbers of a drill come from: a seed, or Hypothesis when a failing case is to be made small."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Option = TypeVar("Option")


class Draw:
    """Draws sizes, options and small arrays from one primitive, `integer(low, high)` with both ends included.

    Hypothesis shrinks an integer towards 0 if its range holds it, else towards `low`.
    """

    def __init__(self, integer: Callable[[int, int], int]) -> None:
        self.integer = integer

    @classmethod
    def seeded(cls, seed: str | int) -> "Draw":
        """Return draws that depend on nothing but `seed`."""
        return cls(random.Random(seed).randint)

    def choice(self, options: Sequence[Option]) -> Option:
        """Return one of `options`; the first is the simplest."""
        return options[self.integer(0, len(options) - 1)]

    def array(self, *shape: int, low: int = -3, high: int = 3) -> NDArray[np.float64]:
        """Return a float64 array of `shape` that holds whole numbers from `low` to `high`."""
        count = int(np.prod(shape))
        return np.array([self.integer(low, high) for _ in range(count)], dtype=np.float64).reshape(shape)

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        """Return `items` in a drawn order."""
        rest = list(items)
        return [rest.pop(self.integer(0, len(rest) - 1)) for _ in items]
