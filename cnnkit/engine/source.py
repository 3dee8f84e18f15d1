"""The Java engine of the source in Python, faults included: for chapter 08 to take apart, for nothing else.

Loops, chunks, comparisons and exceptions are those of the Java class; its integer division rounds towards
zero, its arithmetic on doubles raises nothing. `InferenceEngine` is the one to use.
"""

import math
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from cnnkit.kernels.arguments import Array

Chunk = tuple[int, int]


class SourceEngine:
    """The three methods of the Java class, on a pool of threads, one chunk of rows for each core.

    Attributes:
        cores: how many threads the pool has.
        finished: the chunks that were computed to their end, in no certain order.
    """

    def __init__(self, cores: int = 4) -> None:
        self.cores = cores
        self.finished: list[Chunk] = []
        self._pool = ThreadPoolExecutor(cores)

    def forward_convolution_2d(self, x: Any, w: Any, b: Any, stride: int) -> Array:
        """Return relu(convolution) of x (H, W, C) with w (KH, KW, C, F) and b (F,), float64."""
        height, width, channels = len(x), len(x[0]), len(x[0][0])
        kernel_height, kernel_width, filters = len(w), len(w[0]), len(w[0][0][0])
        rows = java_divide(height - kernel_height, stride) + 1
        columns = java_divide(width - kernel_width, stride) + 1
        y = np.zeros((rows, columns, filters))

        def work(chunk: Chunk) -> None:
            for i in range(*chunk):
                for j in range(columns):
                    for k in range(filters):
                        total = 0.0
                        for m in range(kernel_height):
                            for n in range(kernel_width):
                                for c in range(channels):
                                    total += x[i * stride + m][j * stride + n][c] * w[m][n][c][k]
                        z = total + b[k]
                        y[i, j, k] = z if z > 0.0 else 0.0

        self._share_out(work, rows)
        return y

    def forward_max_pooling_2d(self, x: Any, pool_size: int, stride: int) -> Array:
        """Return the maxima of x (H, W, C) over square windows, float64."""
        height, width, channels = len(x), len(x[0]), len(x[0][0])
        rows = java_divide(height - pool_size, stride) + 1
        columns = java_divide(width - pool_size, stride) + 1
        y = np.zeros((rows, columns, channels))

        def work(chunk: Chunk) -> None:
            for i in range(*chunk):
                for j in range(columns):
                    for c in range(channels):
                        peak = -sys.float_info.max
                        for m in range(pool_size):
                            for n in range(pool_size):
                                value = x[i * stride + m][j * stride + n][c]
                                if value > peak:
                                    peak = value
                        y[i, j, c] = peak

        self._share_out(work, rows)
        return y

    def forward_dense(self, inputs: Any, weights: Any, biases: Any) -> Array:
        """Return sigmoid(inputs @ weights.T + biases), (B, T), from inputs (B, P) and weights (T, P)."""
        y = np.zeros((len(inputs), len(weights)))

        def work(chunk: Chunk) -> None:
            for row in range(*chunk):
                for t in range(len(weights)):
                    total = 0.0
                    for p in range(len(inputs[0])):
                        total += inputs[row][p] * weights[t][p]
                    y[row, t] = 1.0 / (1.0 + java_exp(-(total + biases[t])))

        self._share_out(work, len(inputs))
        return y

    def shutdown(self) -> None:
        """Wait for the workers and end them; the Java class leaves that to its caller's memory."""
        self._pool.shutdown()

    def _share_out(self, work: Callable[[Chunk], None], rows: int) -> None:
        def run(chunk: Chunk) -> None:
            work(chunk)
            self.finished.append(chunk)

        tasks = [self._pool.submit(run, chunk) for chunk in source_chunks(rows, self.cores)]
        try:
            for task in tasks:
                task.result()
        except Exception as error:  # everything alike, the other tasks left to run on: as in the source
            raise RuntimeError("parallel step failed") from error


def source_chunks(rows: int, cores: int) -> list[Chunk]:
    """Return the (first, last + 1) rows of each task: chunks of ``ceil(rows / cores)`` while rows last."""
    size = math.ceil(rows / cores)
    starts = [core * size for core in range(cores) if core * size < rows]
    return [(start, min(start + size, rows)) for start in starts]


def balanced_chunks(rows: int, cores: int) -> list[Chunk]:
    """Return chunks whose sizes differ by one at most, one for each core that can have any."""
    parts = min(rows, cores)
    return [(rows * part // parts, rows * (part + 1) // parts) for part in range(parts)]


def slowest_share(chunks: Sequence[Chunk]) -> int:
    """Return how many rows the busiest core has: everybody waits for it."""
    return max((last - first for first, last in chunks), default=0)


def java_divide(a: int, b: int) -> int:
    """Return ``a / b`` as Java divides ints: towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def java_exp(z: float) -> float:
    """Return e**z as Java's Math.exp does: infinity where Python raises OverflowError."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(z)))
