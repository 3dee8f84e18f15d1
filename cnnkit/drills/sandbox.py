"""Calls a learner's function with a time limit, whether it comes as source text or as a live function.

Source text runs in a child process, which is killed when a call takes too long: this stops anything.

A live function of a notebook can only run where it lives. There a watchdog raises an exception inside it, on
any platform and in any thread. It stops loops of Python code; a call that waits inside C code (`time.sleep`)
ends only when that returns, and a loop that swallows every exception may swallow this one too.

The sandbox guards against accidents, not against malice: learners run their own code on their own machine.
"""

import ctypes
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from cnnkit.drills.calling import DIED, ENDLESS, Outcome, TimeUp, call

CALL_SECONDS = 3.0
START_SECONDS = 30.0  # a cold machine reads NumPy from disk before the first call
_REPEAT_SECONDS = 0.01


class AnswerSourceError(Exception):
    """Source text that defines no function that can be called; the message is for the learner."""


class Runner(AbstractContextManager["Runner"]):
    """Something that calls the learner's function."""

    def __call__(self, arguments: Sequence[object], *, count_steps: bool = False) -> Outcome:
        """Return what the function did with `arguments`, within `CALL_SECONDS`."""
        raise NotImplementedError


class LiveRunner(Runner):
    """Calls a function of this process under a watchdog."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function

    def __call__(self, arguments: Sequence[object], *, count_steps: bool = False) -> Outcome:
        """Return what the function did with `arguments`."""
        watchdog = _Watchdog(CALL_SECONDS)
        try:
            try:
                return call(self.function, arguments, count_steps=count_steps)
            finally:
                watchdog.stop()
        except TimeUp:
            watchdog.stop()  # again: the exception may have come before the first stop had begun
            return Outcome(ENDLESS)

    def __exit__(self, *_: object) -> None:
        """Do nothing: there is nothing to close."""


class SourceRunner(Runner):
    """Calls the function `name` of `source` in a child process; AnswerSourceError when there is none."""

    def __init__(self, source: str, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cnnkit.drills.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(),
        )  # fmt: skip
        self.requests = cast(IO[bytes], self.process.stdin)
        self.output = cast(IO[bytes], self.process.stdout)
        self.replies: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        problem = self._ask((source, name), START_SECONDS)
        if problem:
            self.__exit__(None, None, None)
            raise AnswerSourceError(
                _START_PROBLEMS[problem.kind] if isinstance(problem, Outcome) else problem
            )

    def __call__(self, arguments: Sequence[object], *, count_steps: bool = False) -> Outcome:
        """Return what the function did with `arguments`."""
        outcome: Outcome = self._ask((tuple(arguments), count_steps), CALL_SECONDS)
        return outcome

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child process."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.output.close()
        with suppress(OSError):  # a request that the dead child never read
            self.requests.close()

    def _ask(self, request: object, seconds: float) -> Any:
        try:
            pickle.dump(request, self.requests)
            self.requests.flush()
            reply = self.replies.get(timeout=seconds)
        except queue.Empty:
            self.process.kill()
            return Outcome(ENDLESS)
        except OSError:
            reply = None
        return Outcome(DIED) if reply is None else reply

    def _read(self) -> None:
        while True:
            try:
                self.replies.put(pickle.load(self.output))
            except (EOFError, OSError, ValueError, pickle.UnpicklingError):
                self.replies.put(None)
                return


_START_PROBLEMS = {
    ENDLESS: "Your text was still running before its function could be called; it was stopped.",
    DIED: "Your text ended the whole Python process before its function could be called.",
}


def _environment() -> dict[str, str]:
    """Return the child's environment: it finds this cnnkit, and NumPy starts no threads."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


class _Watchdog:
    """Raises TimeUp in the thread that made it after `seconds`, and again and again until it is stopped."""

    def __init__(self, seconds: float) -> None:
        self.thread = ctypes.c_ulong(threading.get_ident())
        self.over, self.lock = threading.Event(), threading.Lock()
        threading.Thread(target=self._bark, args=(seconds,), daemon=True).start()

    def stop(self) -> None:
        """End the watch and swallow a TimeUp that is still on its way.

        It is not cancelled through the C interface: CPython 3.11 would then check for signals at every
        instruction from there on, and hang when a trace function is set.
        """
        while True:
            try:
                with self.lock:
                    self.over.set()
                for _ in range(2):
                    pass  # the interpreter raises pending exceptions when a loop turns
            except TimeUp:
                continue
            return

    def _bark(self, seconds: float) -> None:
        while not self.over.wait(seconds):
            seconds = _REPEAT_SECONDS  # a bare `except:` of the learner may have swallowed the first
            with self.lock:
                if not self.over.is_set():
                    error = ctypes.py_object(TimeUp)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(self.thread, error)
