"""What a machine can do at most, measured with our own kernels: multiply-adds, and bytes from memory."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import DTypeLike

from cnnkit.kernels.arguments import check_float
from cnnkit.kernels.parallel.threads import check_threads, limited_threads
from cnnkit.roofline import loops

RUNS = 9
RUN_SECONDS = 0.02  # of one run of multiply-adds: long enough for waking the threads not to count
MIB = 2**20
ASSUMED_CACHE = 64 * MIB  # where the system does not say
LEAST_ARRAY = 64 * MIB
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Machine:
    """The two ceilings of a machine for one type of number and a number of threads.

    Attributes:
        dtype: "float32" or "float64".
        threads: how many worked at once.
        peak_gflops: billion floating-point operations a second, best run; a multiply-add counts as two.
        bandwidth_gbs: billion bytes a second from and to memory, best run, as the STREAM triad counts them.
        usual_gflops: the median run's.
        usual_gbs: the median run's.
        vector_bits: width of the vectors that were quickest.
        array_bytes: size of each of the triad's three arrays.
        cache_bytes: size of the last-level cache, or None where the system does not say.
    """

    dtype: str
    threads: int
    peak_gflops: float
    bandwidth_gbs: float
    usual_gflops: float
    usual_gbs: float
    vector_bits: int
    array_bytes: int
    cache_bytes: int | None

    @property
    def ridge(self) -> float:
        """Operations a byte at which the two ceilings meet: below it memory limits, above it arithmetic."""
        return self.peak_gflops / self.bandwidth_gbs

    def roof(self, intensity: float) -> float:
        """Return the most GFLOP/s that work of `intensity` (operations a byte) can reach here."""
        return min(self.peak_gflops, self.bandwidth_gbs * intensity)

    def __str__(self) -> str:
        cache = "of unknown size" if self.cache_bytes is None else f"of {self.cache_bytes / MIB:.0f} MiB"
        workers = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"{self.dtype}, {workers}: {self.peak_gflops:.0f} GFLOP/s (median run {self.usual_gflops:.0f}), "
            f"multiply-adds in registers, {self.vector_bits}-bit vectors; {self.bandwidth_gbs:.1f} GB/s "
            f"(median run {self.usual_gbs:.1f}), a triad over three arrays of "
            f"{self.array_bytes / MIB:.0f} MiB beside a last-level cache {cache}; the two meet at "
            f"{self.ridge:.1f} operations a byte"
        )


def measure_machine(dtype: DTypeLike = "float32", threads: int | None = None) -> Machine:
    """Return what this machine reaches with `threads` threads (None: as many as the kernels use), in 2 s.

    The peak is the best of bursts of multiply-adds in registers, the bandwidth that of STREAM's triad
    ``a = b + s * c`` (McCalpin, 1995) over arrays that no cache holds. Both are the best of several runs,
    as a ceiling has to be. Raises DTypeError for other than float32 and float64, OptionError for `threads`.
    """
    kind = check_float(np.zeros(0, dtype), "dtype: the numbers").dtype
    with using_threads(threads) as count:
        bits, flops = _multiply_adds(kind, count)
        cache = last_level_cache()
        size = _array_bytes(cache)
        bandwidth = _triad(kind, size)
    return Machine(
        dtype=kind.name,
        threads=count,
        peak_gflops=max(flops),
        bandwidth_gbs=max(bandwidth),
        usual_gflops=median(flops),
        usual_gbs=median(bandwidth),
        vector_bits=bits,
        array_bytes=size,
        cache_bytes=cache,
    )


@contextmanager
def using_threads(threads: int | None) -> Iterator[int]:
    """Let the parallel kernels that this thread calls use `threads` workers inside, as before afterwards.

    None keeps their number. Gives the number in use. Raises OptionError for one that Numba has not started.
    """
    count = get_num_threads() if threads is None else check_threads(threads)
    with limited_threads(count):
        yield count


def _multiply_adds(dtype: np.dtype[Any], threads: int) -> tuple[int, list[float]]:
    """Return the vector width whose best run is the quickest, and the GFLOP/s of its runs."""
    results, constants = np.empty(threads, dtype), np.array([0.5, 1.0], dtype)

    def run(bits: int, rounds: int) -> float:
        return _seconds(lambda: loops.multiply_adds(results, constants, rounds, bits))

    def gflops(bits: int) -> float:
        flops = 2 * loops.CHAINS[bits] * loops.lanes(bits, dtype.itemsize) * threads * rounds[bits]
        return flops / run(bits, rounds[bits]) / 1e9

    for bits in loops.CHAINS:
        run(bits, 1000)  # compiles, or loads what was compiled
    rounds = {bits: max(1000, int(20_000 * RUN_SECONDS / run(bits, 20_000))) for bits in loops.CHAINS}
    # In turns, so that what else the machine does meets every width.
    turns = [{bits: gflops(bits) for bits in loops.CHAINS} for _ in range(RUNS)]
    quickest = max(loops.CHAINS, key=lambda bits: max(turn[bits] for turn in turns))
    return quickest, [turn[quickest] for turn in turns]


def _triad(dtype: np.dtype[Any], array_bytes: int) -> list[float]:
    """Return the GB/s of each run."""
    a, b, c = (np.empty(array_bytes // dtype.itemsize, dtype) for _ in range(3))
    scale = np.array([0.5], dtype)
    for array in (a, b, c):
        loops.fill(array, scale)
    seconds = [_seconds(lambda: loops.triad(a, b, c, scale)) for _ in range(RUNS + 1)]
    return [3 * a.nbytes / taken / 1e9 for taken in seconds[1:]]


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def last_level_cache() -> int | None:
    """Return the bytes of the largest cache that a core of this machine has or shares, None if unknown."""
    sizes = [_size(path.read_text(encoding="ascii")) for path in CACHES.glob("index*/size")]
    if not sizes and platform.system() == "Darwin":
        keys = ("hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.l2cachesize")
        asked = subprocess.run(["sysctl", "-n", *keys], capture_output=True, text=True, check=False)
        sizes = [int(number) for number in re.findall(r"^\d+$", asked.stdout, re.MULTILINE)]
    return max(sizes, default=None)


def _size(text: str) -> int:
    """Return the bytes in "32768K" or "4M"."""
    number, unit = re.fullmatch(r"(\d+)([KMG]?)", text.strip()).groups()  # type: ignore[union-attr]
    return int(number) * int(1024 ** " KMG".index(unit or " "))


def _array_bytes(cache: int | None) -> int:
    """Return the bytes of one of the triad's arrays: four caches, as STREAM asks, if the memory allows."""
    wanted = max(4 * (cache or ASSUMED_CACHE), LEAST_ARRAY)
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # other systems than Linux do not say
        free = 16 * LEAST_ARRAY
    return max(min(wanted, free // 8), LEAST_ARRAY // 4) // MIB * MIB
