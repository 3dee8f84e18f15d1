"""Engine calls under load, run by `test_engine_threads` in processes of their own."""

import faulthandler
import sys
import threading
from collections.abc import Callable

import numpy as np
from engine_networks import batch, branching, plain

from cnnkit import engine

PATIENCE = 240  # seconds until a process that hangs shows where, and ends


def jobs(running: engine.InferenceEngine) -> dict[str, Callable[[], np.ndarray]]:
    """Return a call of every kind, small, so that many fit into a test."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((9, 11, 5)), rng.standard_normal((3, 2, 5, 34))
    rows, matrix = rng.standard_normal((3, 40)), rng.standard_normal((20, 40))
    row, branches = plain(), branching()
    return {
        "convolution": lambda: running.forward_convolution_2d(x, w, np.ones(34), 2),
        "pooling": lambda: running.forward_max_pooling_2d(x, 3, 2),
        "dense": lambda: running.forward_dense(rows, matrix, np.ones(20)),
        "plain network": lambda: running.run(row, batch(row, 2)),
        "branching network": lambda: running.run(branches, batch(branches, 1)),
    }


def differing_under_load(threads: int, calls: int) -> set[str]:
    """Let `threads` Python threads make `calls` calls each; name the jobs whose bits ever differ."""
    wrong: set[str] = set()
    start = threading.Barrier(threads)
    with engine.InferenceEngine() as running:
        work = jobs(running)
        alone = {name: call().tobytes() for name, call in work.items()}

        def client(number: int) -> None:
            names = list(work)
            start.wait()
            for turn in range(calls):
                name = names[(number + turn) % len(names)]
                if work[name]().tobytes() != alone[name]:
                    wrong.add(name)

        clients = [threading.Thread(target=client, args=(number,)) for number in range(threads)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    return wrong


def close_under_load(threads: int) -> str:
    """Close an engine while others call it; return how their calls ended."""
    running = engine.InferenceEngine()
    call = jobs(running)["convolution"]
    expected, endings = call().tobytes(), []

    def client() -> None:
        try:
            while call().tobytes() == expected:
                pass
            endings.append("wrong")
        except engine.ClosedError:
            endings.append("closed")

    clients = [threading.Thread(target=client) for _ in range(threads)]
    for thread in clients:
        thread.start()
    running.close()
    for thread in clients:
        thread.join()
    return " ".join(endings)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    if sys.argv[1] == "load":
        outcome = str(sorted(differing_under_load(threads=8, calls=int(sys.argv[2]))))
    elif sys.argv[1] == "close":
        outcome = close_under_load(threads=4)
    else:  # an engine that is never closed
        jobs(engine.InferenceEngine())["convolution"]()
        outcome = "left open"
    from numba.np.ufunc.parallel import threading_layer

    print(threading_layer(), outcome)
