"""The table in Markdown."""

import argparse
from collections.abc import Mapping, Sequence

from benchmarks.cases import Case, EngineMethod
from benchmarks.contestants import Field
from benchmarks.machine import numba_layer
from benchmarks.timing import Timed
from cnnkit.roofline import Machine, place

OURS = ("cnnkit", "cnnkit, one call")
TORCH = ("PyTorch", "PyTorch NHWC")
JAVA = "Java"
Results = Sequence[tuple[Case, Timed]]

NOTE = """Times are medians in milliseconds: the contenders take turns, each after a pause and a warm call.
`cnnkit` has its weights packed beforehand, as a network and an onnxruntime session have; `one call` is the
plain function, which packs them each time. A ratio is the other's time over that of `cnnkit`: above 1, ours
is quicker. `best runs` is the first ratio from everyone's shortest time; on a quiet machine they agree. The
roof is the lower of this machine's measured peak and its bandwidth times the operations for each byte that
must move. Convolutions count as their formula says, so that Winograd's method, which needs fewer
multiplications, can stand above 100 %, as can what stays in a cache."""


def markdown(
    results: Results,
    roofs: Mapping[str, Machine],
    machine: Sequence[str],
    field: Field,
    options: argparse.Namespace,
) -> str:
    """Return title, machine, one table for each type of number, the Java table and the reasons for gaps."""
    parts = [
        "# cnnkit against its peers",
        bullets([*machine, numba_layer(), f"Timed calls of each: {options.repeat}"]),
    ]
    for dtype, roof in roofs.items():
        rows = [(case, timed) for case, timed in results if timed.dtype == dtype and not _is_engine(case)]
        if rows:
            parts += [f"## {dtype}", f"{roof}.", comparison(rows, roof, _columns(field))]
    methods = [(case, timed) for case, timed in results if _is_engine(case)]
    if methods:
        parts += [
            "## The three methods of the source's engine, float64",
            engine_table(methods, roofs["float64"]),
        ]
    parts += [NOTE, *gaps(results)]
    return "\n\n".join(parts)


def bullets(lines: Sequence[str]) -> str:
    """Return the lines as a list."""
    return "\n".join(f"- {line}" for line in lines)


def comparison(rows: Results, roof: Machine, columns: Sequence[str]) -> str:
    """Return the table of one type of number."""
    header = ["Work", *columns, "best peer ÷ cnnkit", "best runs", "PyTorch ÷ cnnkit", "GFLOP/s", "of roof"]
    peers = [name for name in columns if name not in OURS]
    lines = []
    for case, timed in rows:
        times = [milliseconds(timed.median(name)) for name in columns]
        ratios = [timed.ratio(OURS[0], peers), timed.ratio(OURS[0], peers, min), timed.ratio(OURS[0], TORCH)]
        lines.append([case.name, *times, *map(ratio, ratios), *_under_roof(case, timed, roof)])
    return table(header, lines)


def engine_table(rows: Results, roof: Machine) -> str:
    """Return the table of the engine's methods beside the source's own."""
    header = ["Method", "cnnkit", "Java", "Java ÷ cnnkit", "GFLOP/s", "of roof"]
    lines = [
        [
            case.name,
            milliseconds(timed.median(OURS[0])),
            milliseconds(timed.median(JAVA)),
            ratio(timed.ratio(OURS[0], [JAVA])),
            *_under_roof(case, timed, roof),
        ]
        for case, timed in rows
    ]
    return table(header, lines)


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column to the left, the others, numbers, to the right."""
    widths = [max(3, *(len(line[column]) for line in (header, *lines))) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_row(cells, widths) for cells in (header, rule, *lines))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join([first, *others]) + " |"


def milliseconds(seconds: float | None) -> str:
    """Return a time with three digits, a dash where there is none."""
    return "–" if seconds is None else f"{seconds * 1e3:#.3g}".rstrip(".")


def ratio(value: float | None) -> str:
    """Return a ratio with two decimals, a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


def gaps(results: Results) -> list[str]:
    """Return a list of why there are dashes, each reason once for all cases of a library."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for case, timed in results:
        # Java has no column beside the layers, and the others none beside the engine.
        shown = {name: why for name, why in timed.absent.items() if (name == JAVA) == _is_engine(case)}
        for name, reason in shown.items():
            reasons.setdefault((name, reason), []).append(f"{case.name} ({timed.dtype})")
    if not reasons:
        return []
    lines = [f"{name} {reason}: {_shortened(cases)}" for (name, reason), cases in reasons.items()]
    return ["No time, and why:", bullets(lines)]


def _shortened(names: Sequence[str]) -> str:
    return "; ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def _under_roof(case: Case, timed: Timed, roof: Machine) -> list[str]:
    seconds = timed.median(OURS[0])
    if seconds is None:
        return ["–", "–"]
    at = place(*case.work(timed.dtype), seconds, roof)
    return [f"{at.gflops:.1f}", f"{at.percent_of_roof:.0f} %"]


def _columns(field: Field) -> list[str]:
    """Return the columns of the main tables: everyone present but Java, which has a table of its own."""
    return [column for library in field.libraries.values() for column in library.columns if column != JAVA]


def _is_engine(case: Case) -> bool:
    return isinstance(case, EngineMethod)
