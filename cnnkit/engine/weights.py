"""Noticing that weights have changed since the engine prepared them."""

from collections.abc import Mapping

from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.fingerprint import fingerprint

SMALL = 1 << 18  # bytes: below this a copy and a comparison cost less than starting threads


class WeightWatch:
    """Remembers arrays by what stood in them, and tells whether that still stands there.

    Training changes arrays in place and loading may put new ones in their place; both must be noticed, or the
    engine would go on answering with old weights. Small arrays are compared in full, large ones by
    `fingerprint`, which reads each number once.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[Mapping[str, Array], str, bytes]] = []

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Remember the present contents of all `arrays`, a layer's ``params`` or ``state``."""
        self._seen += [(arrays, name, _contents(array)) for name, array in arrays.items()]

    def unchanged(self) -> bool:
        """Tell whether every remembered array still holds what it held, in every bit."""
        return all(name in arrays and _contents(arrays[name]) == seen for arrays, name, seen in self._seen)


def _contents(array: Array) -> bytes:
    return array.tobytes() if array.nbytes <= SMALL else fingerprint(array)
