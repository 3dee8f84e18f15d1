"""Work that goes on while the learner does other things: a little at a time, on the kernel's own loop."""

import asyncio
from collections.abc import Callable
from typing import ClassVar, Optional

from cnnkit.errors import OptionError
from cnnkit.widgets.front_end import TURN


class Pacer:
    """Call a function again and again on the event loop that heard the learner's wish, and not for long.

    It starts no thread and leaves nothing behind: what is pending dies with the loop. On the kernel's main
    loop the work waits while a cell runs, and a cell waits for one call at most; where JupyterLab gives the
    widgets a thread of their own, it goes on beside the cells. Each call has its `TURN`. Only one pacer of a
    process works at a time; starting one stops the other.
    """

    _active: ClassVar[Optional["Pacer"]] = None

    def __init__(self, work: Callable[[], float | None], stopped: Callable[[Exception | None], None]) -> None:
        """Prepare to call `work`, which returns the seconds to wait before the next call, or None to end.

        `stopped` hears of every end, with the error that `work` raised or None.
        """
        self._work, self._stopped = work, stopped
        self._next: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> bool:
        """Whether another call is due; none is on a loop that has ended, with its page or its kernel."""
        return self._next is not None and self._loop is not None and self._loop.is_running()

    def start(self) -> None:
        """Begin at once, unless it is running already; raises OptionError where no event loop runs."""
        if self.running:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise OptionError(
                "working in the background needs a notebook, whose kernel has an event loop"
            ) from None
        with TURN:
            if Pacer._active is not None:
                Pacer._active.stop()
            Pacer._active, self._loop = self, loop
            self._next = loop.call_later(0, self._turn)

    def stop(self, error: Exception | None = None) -> None:
        """Call no more, and tell so; nothing happens when it is not running."""
        with TURN:
            if self._next is None:
                return
            self._next.cancel()
            self._next = None
            if Pacer._active is self:
                Pacer._active = None
            self._stopped(error)

    def _turn(self) -> None:
        with TURN:
            if self._next is None:  # stopped while it waited for its turn
                return
            try:
                pause = self._work()
            except Exception as error:
                self.stop(error)
                return
            if pause is None:
                self.stop()
            elif self._next is not None:  # the work may have stopped it
                self._next = asyncio.get_running_loop().call_later(pause, self._turn)
