"""Where the numbers of a drill come from: a seed, or Hypothesis when a failing case is to be made small."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Option = TypeVar("Option")


class Draw:
    """Draws sizes, options and small arrays; `integer(low, high)` includes both ends.

    Hypothesis shrinks an integer towards 0 if its range holds it, else towards `low`. `fractions`, where
    given, draws the cells of an array at once, as numbers between -1 and 1.
    """

    def __init__(
        self,
        integer: Callable[[int, int], int],
        fractions: Callable[[int], NDArray[np.float64]] | None = None,
    ) -> None:
        self.integer = integer
        self.fractions = fractions

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
        if self.fractions:
            middle, reach = (low + high) / 2, (high - low) / 2
            return np.rint(middle + reach * self.fractions(count)).reshape(shape)
        return np.array([self.integer(low, high) for _ in range(count)], dtype=np.float64).reshape(shape)

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        """Return `items` in a drawn order."""
        rest = list(items)
        return [rest.pop(self.integer(0, len(rest) - 1)) for _ in items]
