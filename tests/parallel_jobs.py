"""Calls of every parallel kernel, shared by `test_parallel` and the processes that it starts."""

import sys
import threading
from collections.abc import Callable

import numpy as np

from cnnkit.kernels import parallel
from cnnkit.kernels.parallel import region

Job = Callable[[], tuple[np.ndarray, ...]]


def jobs(dtype: str = "float32") -> dict[str, Job]:
    """Return calls whose sizes fill no tile, block or lane exactly, so that every remainder is met."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 11, 9, 6)).astype(dtype)
    w = rng.standard_normal((3, 2, 3, 70)).astype(dtype)
    small = rng.standard_normal((3, 3, 6, 70)).astype(dtype)
    few = rng.standard_normal((3, 2, 2, 3)).astype(dtype)
    rows, matrix = rng.standard_normal((13, 70)).astype(dtype), rng.standard_normal((70, 150)).astype(dtype)
    prepared = parallel.PreparedDense(matrix, activation="relu")
    wide, depthwise = rng.standard_normal((2, 11, 9, 40)).astype(dtype), w[:, :, :1, :40]
    options = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2), "groups": 2}
    y = parallel.conv2d(x, w, **options)
    overlapping = {"window": 3, "stride": 2, "padding": 1, "ceil_mode": True}
    pooled = parallel.max_pool2d(x, **overlapping)
    return {
        "many filters": lambda: (parallel.conv2d(x, w, **options),),
        "im2col": lambda: (parallel.conv2d(x, w, **options, algorithm="im2col"),),
        "winograd": lambda: (parallel.conv2d(x, small, padding="same", algorithm="winograd"),),
        "few filters": lambda: (parallel.conv2d(x, few, groups=3),),
        "depthwise": lambda: (parallel.conv2d(wide, depthwise, padding=1, groups=40),),
        "depthwise gradients": lambda: parallel.conv2d_backward(wide[:, 2:, 1:], wide, depthwise, groups=40),
        "gradients": lambda: parallel.conv2d_backward(y, x, w, **options),
        "transposed": lambda: (parallel.conv2d_transpose(y, w, **options),),
        "dense": lambda: (
            parallel.dense(rows, matrix),
            *parallel.dense_backward(rows @ matrix, rows, matrix),
        ),
        "dense, one row": lambda: (prepared.run(rows[0]), prepared.run(rows)),
        "max": lambda: (parallel.max_pool2d(x, **overlapping),),
        "max gradient": lambda: (parallel.max_pool2d_backward(pooled, x, **overlapping),),
        "average": lambda: (parallel.avg_pool2d(x, **overlapping),),
        "average gradient": lambda: (parallel.avg_pool2d_backward(pooled, x.shape, **overlapping),),
    }


def same(results: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> bool:
    """Tell whether two results agree in every bit."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(results, expected, strict=True))


def differing_under_load(threads: int, rounds: int) -> set[str]:
    """Run every job from several Python threads at once; name those that gave another result than alone."""
    region.SMALL_WORK = 0  # so that small work is divided, too
    calls = jobs()
    expected = {name: call() for name, call in calls.items()}
    wrong: set[str] = set()
    start = threading.Barrier(threads)

    def work(first: int) -> None:
        names = list(calls)
        names = names[first:] + names[:first]  # each thread begins with another kernel
        start.wait()
        for name in names * rounds:
            if not same(calls[name](), expected[name]):
                wrong.add(name)

    workers = [threading.Thread(target=work, args=(number % len(calls),)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return wrong


def differing_over_thread_counts(counts: list[int]) -> set[str]:
    """Run every job with several numbers of threads; name those whose bits differ."""
    import numba

    region.SMALL_WORK = 0  # so that small work is divided, too
    wrong: set[str] = set()
    for dtype in ("float32", "float64"):
        calls = jobs(dtype)
        numba.set_num_threads(1)
        expected = {name: call() for name, call in calls.items()}
        for count in counts:
            numba.set_num_threads(count)
            wrong |= {f"{name}, {count}" for name, call in calls.items() if not same(call(), expected[name])}
    return wrong


if __name__ == "__main__":
    from numba.np.ufunc.parallel import threading_layer

    if sys.argv[1] == "load":
        differing = differing_under_load(threads=8, rounds=25)
    else:
        differing = differing_over_thread_counts([int(count) for count in sys.argv[2:]])
    print(threading_layer(), sorted(differing))
