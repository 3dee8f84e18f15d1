"""Clocks: the best of several calls, and several clients at once, who waited when."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """One call of one client; seconds since the first client could start.

    Attributes:
        client: which client, from 0.
        start: when it asked.
        end: when it had its answer.
    """

    client: int
    start: float
    end: float

    @property
    def latency(self) -> float:
        """How long the client waited, in seconds."""
        return self.end - self.start


def serve(call: Callable[[], object], *, clients: int, requests: int) -> list[Request]:
    """Return the `requests` calls that each of `clients` Python threads made, one after another, by start.

    An exception in a client's call is raised here, when all clients have ended.
    """
    served: list[Request] = []
    failed: list[BaseException] = []
    ready = threading.Barrier(clients + 1)

    def client(number: int) -> None:
        ready.wait()
        try:
            for _ in range(requests):
                start = time.perf_counter()
                call()
                served.append(Request(number, start, time.perf_counter()))
        except BaseException as error:  # handed to the caller below
            failed.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    shifted = [Request(r.client, r.start - begin, r.end - begin) for r in served]
    return sorted(shifted, key=lambda request: request.start)


def throughput(requests: Sequence[Request]) -> float:
    """Return the answers per second between the first question and the last answer."""
    return len(requests) / (max(r.end for r in requests) - min(r.start for r in requests))


def best_seconds(function: Callable[..., object], *arguments: Any, repeat: int = 9) -> float:
    """Return the shortest time of `repeat` calls of ``function(*arguments)``, after one that does not count.

    What disturbs a call, other programs or a cache that is cold, can only make it longer; so the shortest is
    nearest to what the function itself takes.
    """
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times[1:])
