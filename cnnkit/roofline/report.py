"""`python -m cnnkit roofline`: this machine's two ceilings, and where our kernels stand under them."""

import os
from pathlib import Path

from cnnkit.errors import DataError
from cnnkit.roofline.machine import Machine, measure_machine
from cnnkit.roofline.placement import Placement, drawing, table
from cnnkit.roofline.samples import place_samples

BUSY_LOAD = 0.7  # processes that wanted to run in the last minute, on average

Placed = tuple[Machine, dict[str, Placement]]

NOTE = """A multiply-add counts as two operations. The bytes are the fewest that a layer can move: every input
and weight read once, every result written once. A layer can stand above the roof: Winograd's method
gets by with fewer multiply-adds than it is credited with, and small layers stay in the cache."""


def measure_and_print(threads: int | None = None) -> list[Placed]:
    """Measure, print and return the machine and our kernels on it, for float32 and for float64."""
    print("Measuring this machine and a few layers; the first time the kernels are compiled.", flush=True)
    print(busy_warning(), end="", flush=True)
    results = []
    for dtype in ("float32", "float64"):
        machine = measure_machine(dtype, threads)
        placements = place_samples(machine)
        print(f"\n{machine}.\n\n{table(placements)}\n\n{drawing(placements, machine)}", flush=True)
        results.append((machine, placements))
    print(f"\n{NOTE}")
    return results


def busy_warning() -> str:
    """Return a line that warns when other programs keep the cores busy; empty when not, or not known."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < BUSY_LOAD:
        return ""
    return (
        f"Other programs are at work here (load {load:.1f}): everything is slower than on a quiet machine.\n"
    )


def check_target(path: Path) -> None:
    """Raise DataError now, before anything is measured, when no picture could be written to `path`."""
    if path.suffix.lower() != ".png":
        raise DataError(f"--save is {str(path)!r}; expected a file that ends in .png")
    if not path.absolute().parent.is_dir():
        raise DataError(
            f"--save is {str(path)!r}, and there is no folder {str(path.parent)!r}; make it first"
        )
