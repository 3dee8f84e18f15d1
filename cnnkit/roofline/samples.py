"""A handful of layers to place under the roof, as well-known networks have them."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from cnnkit.kernels import parallel
from cnnkit.roofline.machine import Machine, using_threads
from cnnkit.roofline.placement import Placement, place
from cnnkit.roofline.work import Work, conv2d_work, dense_work, pool2d_work

RUNS = 7

Sample = tuple[str, Work, Callable[[], Any]]

CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "7×7 stride 2, 224×224×3 → 64": ((1, 224, 224, 3), (7, 7, 3, 64), {"stride": 2, "padding": 3}),
    "3×3, 56×56×64 → 64": ((1, 56, 56, 64), (3, 3, 64, 64), {"padding": 1}),
    "3×3, 14×14×256 → 256": ((1, 14, 14, 256), (3, 3, 256, 256), {"padding": 1}),
    "1×1, 56×56×256 → 64": ((1, 56, 56, 256), (1, 1, 256, 64), {}),
    "depthwise 3×3, 56×56×128": ((1, 56, 56, 128), (3, 3, 1, 128), {"padding": 1, "groups": 128}),
}


def samples(dtype: str) -> Iterator[Sample]:
    """Yield each layer's name, its work, and a call of our kernel on random numbers."""
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(dtype)

    for name, (x_shape, w_shape, options) in CONVOLUTIONS.items():
        x, w, b = numbers(*x_shape), numbers(*w_shape), numbers(w_shape[3])
        work = conv2d_work(x_shape, w_shape, dtype=dtype, **options)
        yield name, work, partial(parallel.conv2d, x, w, b, **options)
    x = numbers(1, 112, 112, 64)
    yield "max pool 2×2, 112×112×64", pool2d_work(x.shape, dtype=dtype), partial(parallel.max_pool2d, x)
    w, b = numbers(4096, 1000), numbers(1000)
    for count in (1, 256):
        rows = numbers(count, 4096)
        work = dense_work(count, 4096, 1000, dtype=dtype)
        yield f"dense {count}×4096 → 1000", work, partial(parallel.dense, rows, w, b)


def place_samples(machine: Machine) -> dict[str, Placement]:
    """Return where each of the sample layers stands on `machine`: the median of a few calls after a first."""
    with using_threads(machine.threads):
        return {
            name: place(*work, _median_seconds(call), machine) for name, work, call in samples(machine.dtype)
        }


def _median_seconds(call: Callable[[], Any]) -> float:
    call()
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return median(taken)
