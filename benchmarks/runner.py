"""The course of a benchmark: who is there, one case after the other, then the table."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks import contestants, report
from benchmarks.cases import CASES, Case, dtypes
from benchmarks.contestants import PEERS, Field, Unsupported
from benchmarks.machine import describe
from benchmarks.timing import Contender, Timed, disagreements, take_turns
from cnnkit.errors import CnnkitError, OptionError
from cnnkit.roofline import Machine, measure_machine

__all__ = ["CnnkitError", "run"]


def run(options: argparse.Namespace) -> str:
    """Return the whole report in Markdown, or the list of cases. Raises OptionError."""
    chosen = choose(options.only)
    if options.list:
        return "\n".join(case.name for case in chosen)
    field = contestants.load(list(PEERS), options.threads)
    try:
        machine = describe(field, options.threads)
        before = _ceilings(options.threads)
        results = [
            (case, measure(case, dtype, field, options.repeat)) for case in chosen for dtype in dtypes(case)
        ]
        after = _ceilings(options.threads)
    finally:
        field.close()
    roofs = {
        name: _better(first, second)
        for (name, first), second in zip(before.items(), after.values(), strict=True)
    }
    return report.markdown(results, roofs, machine, field, options)


def choose(only: Sequence[str]) -> list[Case]:
    """Return the cases whose name contains one of `only`, or all; raises OptionError where none does."""
    for part in only:
        if not any(part.lower() in case.name.lower() for case in CASES):
            raise OptionError(f"--only is {part!r}, which no case is called; --list shows their names")
    return [case for case in CASES if not only or any(part.lower() in case.name.lower() for part in only)]


def measure(case: Case, dtype: str, field: Field, repeat: int) -> Timed:
    """Return the times of everyone who can do `case` and agrees with us on its result."""
    started = time.monotonic()
    timed, contenders = Timed(case.name, dtype), gather(case, dtype, field)
    able = [one for one in contenders if isinstance(one, Contender)]
    timed.absent = {name: reason for one in contenders if isinstance(one, tuple) for name, reason in [one]}
    timed.absent |= disagreements(able, dtype)
    timed.samples = take_turns([one for one in able if one.name not in timed.absent], repeat)
    print(f"{dtype} {case.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return timed


def gather(case: Case, dtype: str, field: Field) -> list[Contender | tuple[str, str]]:
    """Return every library's contenders, ours first; for one that cannot, its name and the reason."""
    arrays = case.arrays(dtype)
    found: list[Contender | tuple[str, str]] = []
    for name, library in field.libraries.items():
        try:
            found += library.contenders(case, dtype, arrays)
        except Unsupported as reason:
            found.append((name, str(reason)))
    return found


def _ceilings(threads: int) -> dict[str, Machine]:
    return {dtype: measure_machine(dtype, threads) for dtype in ("float32", "float64")}


def _better(first: Machine, second: Machine) -> Machine:
    """Return the ceilings that were reached before or after the cases, whichever were higher."""
    peak, bandwidth = (
        max(getattr(one, name) for one in (first, second)) for name in ("peak_gflops", "bandwidth_gbs")
    )
    return replace(first, peak_gflops=peak, bandwidth_gbs=bandwidth)
