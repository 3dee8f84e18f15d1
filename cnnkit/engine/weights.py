"""Noticing that weights have changed since the engine prepared them."""

from collections.abc import Mapping

import numpy as np

from cnnkit.kernels.arguments import Array

SMALL = 1 << 18  # bytes: below this a copy and a comparison cost next to nothing
WIDTH = 1024  # words of eight bytes in a row of the square that sums are taken over


class WeightWatch:
    """Remembers arrays by what stood in them, and tells whether that still stands there.

    Training changes arrays in place and loading may put new ones in their place; both must be noticed, or the
    engine would go on answering with old weights. Small arrays are compared in full, large ones by
    `checksum`.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[Mapping[str, Array], str, bytes]] = []

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Remember the present contents of all `arrays`, a layer's ``params`` or ``state``."""
        self._seen += [(arrays, name, _contents(array)) for name, array in arrays.items()]

    def unchanged(self) -> bool:
        """Tell whether every remembered array still holds what it held."""
        return all(name in arrays and _contents(arrays[name]) == seen for arrays, name, seen in self._seen)


def checksum(array: Array) -> bytes:
    """Return sums over the bits of `array`, float32 or float64 of any shape, in two directions.

    The bits, as whole numbers of eight bytes, are laid out in rows of `WIDTH`; rows and columns are summed,
    modulo 2**64. A change within one number changes a sum, and so do two numbers that change places: they
    differ in their row or in their column. Changes that cancel in both directions are not noticed; accidents
    do not make such changes.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    row = WIDTH * 8 // flat.itemsize
    whole = flat.size // row * row
    square = flat[:whole].view(np.uint64).reshape(-1, WIDTH)
    parts = square.sum(axis=0), square.sum(axis=1), flat[whole:]
    return b"".join(part.tobytes() for part in parts)


def _contents(array: Array) -> bytes:
    return array.tobytes() if array.nbytes <= SMALL else checksum(array)
