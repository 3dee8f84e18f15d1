"""A model of a cache: which accesses find their line there, and which must fetch it from memory."""

from collections import OrderedDict
from collections.abc import Iterable

from cnnkit.shapes import whole_number


def lines_fetched(addresses: Iterable[int], *, line_bytes: int = 64, cache_bytes: int = 32_768) -> int:
    """Return how many cache lines are fetched when `addresses`, in bytes, are touched in their order.

    The cache starts empty and holds ``cache_bytes // line_bytes`` lines; when it is full, the line that was
    not used for longest goes. Real caches choose among a few places only and fetch ahead, so this is a model
    for comparing orders, not for predicting times. Raises OptionError for sizes below 1 or below one line.
    """
    size = whole_number(line_bytes, "line_bytes", least=1)
    room = whole_number(whole_number(cache_bytes, "cache_bytes", least=size) // size, "lines", least=1)
    held: OrderedDict[int, None] = OrderedDict()
    fetched = 0
    for address in addresses:
        line = address // size
        if line in held:
            held.move_to_end(line)
            continue
        fetched += 1
        held[line] = None
        if len(held) > room:
            held.popitem(last=False)
    return fetched
