"""Chapter 08: bytes, shared counters and requests, computed by hand."""

from types import SimpleNamespace

from cnnkit.drills.kinds import Draw, Misconception, NumericDrill

MEMORY = "Memory: layouts and caches"
RACE = "A race, and how to mend it"
LOAD = "Inference under concurrent load"
LADDER = "The ladder: same sums, another order"


def _update_case(draw: Draw) -> dict[str, object]:
    start, a, b = draw.integer(5, 20), draw.integer(1, 4), draw.integer(5, 9)
    order = draw.choice(("A reads, B reads, A writes, B writes", "A reads, B reads, B writes, A writes"))
    return {"start": start, "a": a, "b": b, "order": order}


def _interleaved(v: SimpleNamespace) -> int:
    """Return what is left in the memory after the steps in their order."""
    memory, registers, adds = v.start, {}, {"A": v.a, "B": v.b}
    for step in v.order.split(", "):
        thread, what = step.split()
        if what == "reads":
            registers[thread] = memory + adds[thread]
        else:
            memory = registers[thread]
    return int(memory)


def _strip_case(draw: Draw) -> dict[str, object]:
    return {"k": draw.choice((3, 5, 7)), "d": draw.choice((2, 4, 8))}


def _lines_case(draw: Draw) -> dict[str, object]:
    return {"c": draw.choice((16, 32, 64)), "f": draw.choice((16, 32, 64, 128))}


def _lines_met(v: SimpleNamespace) -> int:
    """Return the distinct 64-byte lines among the addresses of w[0, 0, :, 0], stored as (C, F) doubles."""
    return len({8 * v.f * channel // 64 for channel in range(v.c)})


def _map_case(draw: Draw) -> dict[str, object]:
    return {"s": draw.choice((28, 56, 112)), "f": draw.choice((32, 64, 128))}


def _load_case(draw: Draw) -> dict[str, object]:
    return {"rate": draw.choice((50, 100, 200, 400)), "ms": draw.choice((20, 40, 60, 80))}


DECK = [
    NumericDrill(
        id="lost-update",
        title="Two threads, one counter",
        section=RACE,
        difficulty=1,
        minutes=2,
        prompt="""A counter in memory holds @start. Thread A runs `counter += @a` and thread B `counter +=
@b`, each as read, add, write. The steps happen in this order: @order. What does the counter hold at the
end?""",
        draw=_update_case,
        answer=lambda v: v.start + (v.b if v.order.endswith("B writes") else v.a),
        check=_interleaved,
        misconceptions=(
            Misconception(
                "as-if-serial",
                lambda v: v.start + v.a + v.b,
                "That is what you want. Both threads read the old value, so one of the sums is lost.",
            ),
            Misconception(
                "first-writer-wins",
                lambda v: v.start + (v.a if v.order.endswith("B writes") else v.b),
                "The *last* write stays.",
            ),
            Misconception("nothing-written", lambda v: v.start, "Both threads do write."),
        ),
        hints=("Which value did each thread read?", "Who writes last?"),
        solution="""Both read @start. A will write @{start + a}, B @{start + b}; the later write overwrites
the earlier one: @answer. One update is lost, and on another day it is the other one. Partial sums, one for
each thread, added at the end, cannot lose any.""",
    ),
    NumericDrill(
        id="strip-reads",
        title="Columns at a time",
        section=LADDER,
        difficulty=2,
        minutes=3,
        prompt="""A @{k}x@k convolution runs along the rows of an image. Instead of one output column, each
pass computes @d neighbouring output columns and reads every input column that it needs once. How many input
columns are read for each output column?""",
        draw=_strip_case,
        answer="(k + d - 1) / d",
        check=lambda v: len({j + n for j in range(v.d) for n in range(v.k)}) / v.d,
        tolerance=0.001,
        misconceptions=(
            Misconception("no-reuse", "k", "That is one column at a time. Neighbours share most columns."),
            Misconception(
                "one-column-too-many",
                "(k + d) / d",
                "Count again: the last of d windows ends at column d - 1 + k - 1, and columns count from 0.",
            ),
            Misconception("perfect-reuse", "1", "Only if the strip were endlessly wide."),
        ),
        hints=("How wide is the union of the d windows?",),
        solution=r"""Together the @d windows span $@k + @d - 1 = @{k + d - 1}$ columns: @answer for each
output column, in place of @k. Wider strips read less, until the accumulators no longer fit into the
registers.""",
    ),
    NumericDrill(
        id="cache-lines-touched",
        title="One sum, how many cache lines?",
        section=MEMORY,
        difficulty=2,
        minutes=3,
        prompt="""Weights `w[m, n, c, k]` are stored as one block of float64 in C order (last axis
contiguous), with @c input channels and @f filters, aligned to cache lines of 64 bytes. The innermost loop
runs over c, for one m, n, k. How many cache lines of w does it touch?""",
        draw=_lines_case,
        answer="c",
        check=_lines_met,
        misconceptions=(
            Misconception(
                "as-if-contiguous",
                "c * 8 / 64",
                "That would be so if c were the last axis. From c to c + 1 the address moves by all filters.",
            ),
            Misconception(
                "all-of-w",
                "c * f * 8 / 64",
                "That is every line of w[m, n]. Of each one only a single number is used here.",
            ),
            Misconception(
                "filters-for-channels", "f * 8 / 64", "That is one row of filters, for a single c."
            ),
        ),
        hints=("By how many bytes does the address move from c to c + 1?", "Is that more than a line?"),
        solution=r"""From c to c + 1 the address moves by $8 \cdot @f = @{8 * f}$ bytes, past the end of a
64-byte line: each of the @c steps touches a line of its own and uses 8 of its 64 bytes. With the filters
innermost, one line serves eight neighbours, and they make a vector.""",
    ),
    NumericDrill(
        id="fused-bytes",
        title="What fusing saves",
        section=MEMORY,
        difficulty=2,
        minutes=2,
        prompt="""A convolution writes a map of @{s}x@{s}x@f float32 numbers. ReLU then runs as a pass of its
own, in place. How many bytes of memory traffic are saved, when the map does not fit into the cache, by
applying ReLU while storing the convolution's result?""",
        draw=_map_case,
        answer="2 * 4 * s^2 * f",
        check=lambda v: sum(4 for _ in ("read", "write") for _ in range(v.s * v.s)) * v.f,
        misconceptions=(
            Misconception(
                "write-forgotten",
                "4 * s^2 * f",
                "The separate pass reads the map *and* writes it.",
            ),
            Misconception("numbers-for-bytes", "2 * s^2 * f", "A float32 has four bytes."),
            Misconception(
                "first-store-counted",
                "3 * 4 * s^2 * f",
                "The convolution has to store its result in both cases; that saves nothing.",
            ),
        ),
        hints=("What does the separate pass read and write?",),
        solution=r"""The separate pass reads and writes the map once: $2 \cdot 4 \cdot @s^2 \cdot @f$, that
is @answer bytes, for almost no arithmetic. Fused, the value is still in a register.""",
    ),
    NumericDrill(
        id="requests-in-flight",
        title="Requests in flight",
        section=LOAD,
        difficulty=2,
        minutes=2,
        prompt="""A service answers @rate requests a second; a request spends @ms ms in it, waiting included.
How many requests are inside at a time, on average?""",
        draw=_load_case,
        answer="rate * ms / 1000",
        check=lambda v: sum(v.ms for _ in range(v.rate)) / 1000,
        misconceptions=(
            Misconception("milliseconds-for-seconds", "rate * ms", "The latency is in milliseconds."),
            Misconception("throughput-of-one", "1000 / ms", "That is what a single worker can answer."),
            Misconception("ratio", "rate / ms", "Multiply: arrivals a second, times seconds inside."),
        ),
        hints=("In one second, how many seconds of 'being inside' are added up?",),
        solution=r"""Little's law: $@rate \cdot @{ms / 1000}$, that is @answer. Throughput and latency are
different figures: batching raises the first and often worsens the second.""",
    ),
]
