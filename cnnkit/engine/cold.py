"""Saying so when a first call takes long because kernels are being compiled."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 2.0  # seconds; loading compiled kernels from the cache takes less
_said = threading.Event()


@contextmanager
def announced_if_slow(patience: float = PATIENCE) -> Iterator[None]:
    """Write a line to stderr, once in a process, if what runs inside takes longer than `patience` seconds."""
    if _said.is_set():
        yield
        return
    timer = threading.Timer(patience, _say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _said.set()


def _say() -> None:
    if not _said.is_set():
        _said.set()
        print(
            "The engine is getting ready: the first call on a machine compiles kernels, up to a minute ...",
            file=sys.stderr,
            flush=True,
        )
