"""Chapter 08: threads and roofs, computed by hand."""

import math
from types import SimpleNamespace
from typing import Any

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

THREADS = "Threads, chunks and Amdahl's law"
ROOF = "Arithmetic intensity and the roofline"


def _rows_case(draw: Draw) -> dict[str, object]:
    cores = draw.choice((4, 8, 12, 16))
    rows = draw.choice((7, 13, 14, 27, 28) if cores < 12 else (14, 27, 28, 55))
    return {"rows": rows, "cores": cores}


def _chunks_handed_out(v: SimpleNamespace) -> int:
    """Return how many chunks the loop of the source's engine submits."""
    chunk, busy = math.ceil(v.rows / v.cores), 0
    for core in range(v.cores):
        if core * chunk >= v.rows:
            break
        busy += 1
    return busy


def _amdahl_case(draw: Draw) -> dict[str, object]:
    return {"percent": draw.choice((80, 90, 95, 75)), "n": draw.choice((2, 4, 8, 16))}


def _simulated_speed_up(v: SimpleNamespace) -> Any:
    """Return the old time over the new one of 1000 units of work, of which a share can be dealt out."""
    serial = 1000 * (100 - v.percent) / 100
    return 1000 / (serial + (1000 - serial) / v.n)


def _karp_flatt_case(draw: Draw) -> dict[str, object]:
    n = draw.choice((4, 8, 16))
    return {"n": n, "s": draw.integer(2, n - 1)}


def _serial_share(v: SimpleNamespace) -> float:
    """Return the share f with s = 1 / (f + (1 - f) / n), by halving the interval."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 / (middle + (1 - middle) / v.n) > v.s else (low, middle)
    return 100 * low


def _peak_case(draw: Draw) -> dict[str, object]:
    return {
        "cores": draw.choice((2, 4, 8)),
        "ghz": draw.choice((2, 3, 4)),
        "bits": draw.choice((128, 256, 512)),
        "units": draw.choice((1, 2)),
    }


def _layer_case(draw: Draw) -> dict[str, object]:
    return {"s": draw.choice((14, 28, 56)), "c": draw.choice((32, 64, 128)), "k": draw.choice((1, 3, 5))}


def _intensity(v: SimpleNamespace) -> Any:
    flops = sum(2 * v.c for _ in range(v.s * v.s) for _ in range(v.k * v.k)) * v.c
    return flops / sum(4 * count for count in (v.s**2 * v.c, v.k**2 * v.c**2, v.s**2 * v.c))


def _roof_case(draw: Draw) -> dict[str, object]:
    return {
        "peak": draw.choice((100, 200, 400)),
        "bandwidth": draw.choice((10, 20, 40)),
        "intensity": draw.choice((1, 2, 4, 30, 60, 120)),
    }


DECK = [
    NumericDrill(
        id="busy-cores",
        title="How many cores get work?",
        section=THREADS,
        difficulty=1,
        minutes=2,
        prompt=r"""The source's engine cuts the output rows into chunks of $\lceil \text{rows} /
\text{cores} \rceil$ and gives each core one chunk, while rows last. There are @rows output rows and @cores
cores. How many cores get work?""",
        draw=_rows_case,
        answer="ceil(rows / ceil(rows / cores))",
        check=_chunks_handed_out,
        misconceptions=(
            Misconception(
                "every-core",
                "min(rows, cores)",
                "Rounding the chunk up makes the first chunks larger, so that the last cores find no rows.",
            ),
            Misconception(
                "floored-chunks",
                "floor(rows / max(1, floor(rows / cores)))",
                "The chunk is rounded up, not down; rounded down, rows would be left over.",
            ),
            Misconception("chunk-size", "ceil(rows / cores)", "That is how many rows a chunk has."),
        ),
        hints=("How many rows has one chunk?", "After how many chunks are all rows given away?"),
        solution=r"""A chunk has $\lceil @rows / @cores \rceil = @{ceil(rows / cores)}$ rows, so @answer
chunks hold them all, and @{cores - ceil(rows / ceil(rows / cores))} of the @cores cores stay idle. Cutting
into $\min(\text{rows}, \text{cores})$ parts that differ by one row at most keeps all of them busy.""",
    ),
    NumericDrill(
        id="amdahl-speed-up",
        title="Amdahl's law",
        section=THREADS,
        difficulty=1,
        minutes=2,
        prompt="""@percent % of a program's time is spent in loops that can be shared out perfectly; the rest
is serial. How many times faster does it become with @n threads?""",
        draw=_amdahl_case,
        answer="1 / (1 - percent/100 + percent/100/n)",
        check=_simulated_speed_up,
        tolerance=0.01,
        misconceptions=(
            Misconception("perfect-scaling", "n", "That would need a program without any serial part."),
            Misconception(
                "share-times-threads",
                "percent/100 * n",
                "Speed-ups do not add up by shares. Add the *times*: the serial one, and the shared one "
                "divided by the threads.",
            ),
            Misconception(
                "the-limit",
                "1 / (1 - percent/100)",
                "That is the limit for endlessly many threads.",
            ),
        ),
        hints=("Take the old time as 1. What is the new one?",),
        solution=r"""The new time is $@{1 - percent/100} + @{percent/100} / @n = @{1 - percent/100 +
percent/100/n}$ of the old one, and $1 / @{1 - percent/100 + percent/100/n} = @answer$. However many threads
come, the serial part bounds it at @{1 / (1 - percent/100)}.""",
    ),
    NumericDrill(
        id="karp-flatt",
        title="How much is serial?",
        section=THREADS,
        difficulty=2,
        minutes=3,
        prompt="""You measure a speed-up of @s with @n threads. If Amdahl's law is all there is to it, which
share of the single-threaded time is serial?""",
        draw=_karp_flatt_case,
        answer=lambda v: 100 * (1 / v.s - 1 / v.n) / (1 - 1 / v.n),
        check=_serial_share,
        tolerance=0.01,
        unit="%",
        misconceptions=(
            Misconception(
                "lost-efficiency",
                lambda v: 100 * (1 - v.s / v.n),
                "That is the share of the threads' time that is lost, which the serial part causes; "
                "it is not the serial part.",
            ),
            Misconception(
                "one-over-speed-up",
                lambda v: 100 / v.s,
                "That holds for endlessly many threads. With few of them the shared part takes time too.",
            ),
            Misconception("efficiency", lambda v: 100 * v.s / v.n, "That is the parallel efficiency."),
        ),
        hints=(r"Solve $1/s = f + (1 - f)/n$ for f.",),
        solution=r"""$1/@s = f + (1 - f)/@n$ gives $f = \dfrac{1/@s - 1/@n}{1 - 1/@n}$, that is @answer (Karp
and Flatt, 1990). Measured at several n: a share that stays points at serial code, one that grows at
overhead or memory.""",
    ),
    NumericDrill(
        id="peak-flops",
        title="What the arithmetic can do",
        section=ROOF,
        difficulty=2,
        minutes=2,
        prompt="""@cores cores at @ghz GHz, @bits-bit vectors, @units fused multiply-add unit(s) in each core.
What is the peak in float32, in GFLOP/s?""",
        draw=_peak_case,
        answer="2 * cores * ghz * units * bits / 32",
        check=lambda v: sum(2 * (v.bits // 32) for _ in range(v.cores * v.units)) * v.ghz,
        misconceptions=(
            Misconception(
                "fma-counted-once",
                "cores * ghz * units * bits / 32",
                "Half of it: a fused multiply-add is two operations (or did you count float64's 64 bits?).",
            ),
            Misconception("bits-for-lanes", "2 * cores * ghz * units * bits", "A float32 has 32 bits."),
        ),
        hints=("How many float32 numbers fit into one vector?", "A multiply-add counts as two operations."),
        solution=r"""@{bits / 32} numbers in a vector, 2 operations each, @units a cycle, @ghz cycles a
nanosecond, @cores cores: @answer GFLOP/s. It is a ceiling for code that does nothing else; measure it,
because clocks fall under vector load.""",
    ),
    NumericDrill(
        id="conv-intensity",
        title="Operations for each byte",
        section=ROOF,
        difficulty=2,
        minutes=3,
        prompt=r"""A @{k}x@k convolution, stride 1, 'same' padding, without bias: input and output are both
@{s}x@s with @c channels, in float32. Input, weights and output cross the memory bus once each. What is the
arithmetic intensity in FLOP per byte, if a multiply-add is two operations?""",
        draw=_layer_case,
        answer="2 * s^2 * k^2 * c^2 / (4 * (2 * s^2 * c + k^2 * c^2))",
        check=_intensity,
        tolerance=0.01,
        misconceptions=(
            Misconception(
                "multiply-adds-as-one",
                "s^2 * k^2 * c^2 / (4 * (2 * s^2 * c + k^2 * c^2))",
                "You counted a multiply-add as one operation.",
            ),
            Misconception(
                "numbers-for-bytes",
                "2 * s^2 * k^2 * c^2 / (2 * s^2 * c + k^2 * c^2)",
                "You divided by numbers. Each float32 has four bytes.",
            ),
            Misconception(
                "weights-forgotten",
                "2 * s^2 * k^2 * c^2 / (4 * 2 * s^2 * c)",
                "The weights must be read too.",
            ),
            Misconception(
                "output-forgotten",
                "2 * s^2 * k^2 * c^2 / (4 * (s^2 * c + k^2 * c^2))",
                "The output must be written too.",
            ),
        ),
        hints=(
            "Operations: positions, times taps, times both channel counts, times 2.",
            "Bytes: 4 for each.",
        ),
        solution=r"""$2 \cdot @s^2 \cdot @k^2 \cdot @c^2 = @{2 * s^2 * k^2 * c^2}$ operations; $4 (2 \cdot
@s^2 \cdot @c + @k^2 \cdot @c^2) = @{4 * (2 * s^2 * c + k^2 * c^2)}$ bytes; their ratio is @answer. It is
compulsory traffic only: a kernel that reads its input again and again moves more.""",
    ),
    NumericDrill(
        id="under-the-roof",
        title="Under the roof",
        section=ROOF,
        difficulty=1,
        minutes=1,
        prompt="""A machine reaches @peak GFLOP/s and moves @bandwidth GB/s. What is the most that a kernel of
@intensity FLOP per byte can reach, in GFLOP/s?""",
        draw=_roof_case,
        answer="min(peak, bandwidth * intensity)",
        check=lambda v: min(v.peak, 1 / (1 / (v.bandwidth * v.intensity))),
        misconceptions=(
            Misconception("always-the-peak", "peak", "At this intensity the memory cannot feed the peak."),
            Misconception(
                "no-ceiling", "bandwidth * intensity", "The arithmetic has a ceiling too: the peak."
            ),
            Misconception(
                "ridge",
                "peak / bandwidth",
                "That is the ridge: the intensity at which the two ceilings meet.",
            ),
        ),
        hints=("How many GFLOP/s can the memory feed?", "The lower of the two ceilings counts."),
        solution=r"""The memory feeds $@bandwidth \cdot @intensity = @{bandwidth * intensity}$ GFLOP/s, the
arithmetic gives @peak. The lower one is the roof: @answer. They meet at @{peak / bandwidth} FLOP per
byte.""",
    ),
]
