"""`python -m benchmarks`: time our kernels against their peers and print a table in Markdown."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
REPEAT, QUICK_REPEAT = 15, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what `arguments` ask for (default: the process's own) and return the exit status."""
    options = parse(arguments)
    for variable in BLAS_VARIABLES:  # read when NumPy is loaded, so nothing above imports it
        os.environ[variable] = str(options.threads)
    from benchmarks import runner

    try:
        table = runner.run(options)
    except runner.CnnkitError as error:
        print(error, file=sys.stderr)
        return 1
    print(table)
    if options.output is not None:
        options.output.write_text(table + "\n", encoding="utf-8")
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time cnnkit against PyTorch, onnxruntime, SciPy and the source's Java engine. Libraries "
        "that are not installed are named and left out.",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only the cases whose name contains this, such as 'k3' or 'VGG'; may be given several times",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    parser.add_argument("--repeat", type=_count, default=REPEAT, metavar="N", help="timed calls of each")
    parser.add_argument("--quick", action="store_true", help=f"only {QUICK_REPEAT} timed calls of each")
    parser.add_argument(
        "--threads",
        type=_count,
        default=usable_cores(),
        metavar="N",
        help="for everyone (default: all cores)",
    )
    parser.add_argument("--output", type=_target, metavar="FILE", help="also write the table there")
    options = parser.parse_args(arguments)
    if options.quick:
        options.repeat = QUICK_REPEAT
    return options


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _target(text: str) -> Path:
    path = Path(text)
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}; make it first")
    return path


if __name__ == "__main__":
    sys.exit(main())
