"""The child process that runs a learner's source text; `sandbox` starts it.

It reads pickled requests from standard input and writes pickled replies to standard output. The first request
is (source, function name), every further one (arguments, whether to count steps). It ends with its input.
"""

import os
import pickle
import sys
from typing import IO

from cnnkit.drills import calling

_MOST_MEMORY = 4 * 2**30


def main() -> None:
    """Serve calls of one function until the input closes."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    _detach()
    _limit_memory()
    source, name = pickle.load(requests)
    function = calling.load(source, name)
    _send(replies, function if isinstance(function, str) else "")
    while not isinstance(function, str):
        try:
            arguments, count_steps = pickle.load(requests)
        except EOFError:
            return
        _send(replies, calling.call(function, arguments, count_steps=count_steps))


def _send(replies: IO[bytes], message: object) -> None:
    pickle.dump(message, replies)
    replies.flush()


def _detach() -> None:
    """Point the standard streams at nothing, so that the learner's print and input miss the channel."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _limit_memory() -> None:
    """Turn a runaway allocation into a MemoryError where the platform can (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, hard))


if __name__ == "__main__":
    main()
