"""`python -m cnnkit lab | drill | doctor | roofline`: the course's commands."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cnnkit import __version__
from cnnkit.errors import CnnkitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name (default: the process's own) and return the exit status."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run is not _drill:
        parser.error(f"unknown option for `{options.command}`: {' '.join(rest)}")
    run: Callable[[argparse.Namespace, list[str]], int] = options.run
    try:
        return run(options, rest)
    except CnnkitError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cnnkit", description="A course on convolutional networks."
    )
    parser.add_argument("--version", action="version", version=f"cnnkit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="lab | drill | doctor | roofline")

    lab = commands.add_parser("lab", help="open the course in JupyterLab")
    lab.add_argument(
        "--port", type=_port, help="the port on this machine (default: the first free one from 8888)"
    )
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.set_defaults(run=_lab)

    drill = commands.add_parser("drill", help="practise in the terminal, what is due first", add_help=False)
    drill.set_defaults(run=_drill)

    doctor = commands.add_parser("doctor", help="say what is wrong with this machine, and the remedy")
    doctor.add_argument("--json", action="store_true", help="the same as JSON")
    doctor.set_defaults(run=_doctor)

    roofline = commands.add_parser("roofline", help="measure this machine, and our kernels against it")
    roofline.add_argument("--threads", type=int, help="how many threads work (default: all)")
    roofline.add_argument("--save", type=Path, metavar="FILE", help="also draw it, as a PNG picture")
    roofline.set_defaults(run=_roofline)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; expected a whole number from 1 to 65535")
    return int(text)


def _lab(options: argparse.Namespace, _: list[str]) -> int:
    from cnnkit.lab import open_lab

    open_lab(port=options.port, browser=not options.no_browser)
    return 0


def _drill(_: argparse.Namespace, rest: list[str]) -> int:
    from cnnkit.drills.session import main as practise

    return practise(rest)


def _doctor(options: argparse.Namespace, _: list[str]) -> int:
    from cnnkit.doctor import report

    found = report()
    print(found.to_json() if options.json else found)
    return 0 if found.healthy else 1


def _roofline(options: argparse.Namespace, _: list[str]) -> int:
    from cnnkit.roofline import report

    if options.save is None:
        report.measure_and_print(options.threads)
        return 0
    from cnnkit.figures import draw_rooflines, png

    report.check_target(options.save)
    placed = report.measure_and_print(options.threads)
    options.save.write_bytes(png(draw_rooflines, placed, size=(11.0, 5.6)))
    print(f"Drawn in {options.save}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
