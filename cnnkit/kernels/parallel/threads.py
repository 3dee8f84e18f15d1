"""How many threads a parallel kernel uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import numba
from numba.core import config

from cnnkit.errors import OptionError
from cnnkit.shapes import whole_number


def most_threads() -> int:
    """Return how many threads Numba starts: as many as there are cores, unless NUMBA_NUM_THREADS is set."""
    return int(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def check_threads(threads: int | None) -> int:
    """Return `threads` as a number, None as all of them; raises OptionError when there are not that many."""
    most = most_threads()
    if threads is None:
        return most
    if whole_number(threads, "threads", least=1) > most:
        raise OptionError(
            f"threads is {threads}; expected at most {most}, which is what Numba was started with. More than "
            "there are cores would be slower; set NUMBA_NUM_THREADS before Python starts if you want them"
        )
    return int(threads)


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let the parallel kernels that the calling Python thread starts use `threads` threads.

    Numba keeps this number for each Python thread by itself, so other callers are not affected.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)
