"""`python -m cnnkit drill`: practise in the terminal, and look after the memory.

Progress, interview date, export, import and reset are options of the same command.
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence

from cnnkit.drills import bank
from cnnkit.drills.bank import Drill
from cnnkit.drills.exchange import export_json, import_json
from cnnkit.drills.overview import parse_date, progress_text, survey
from cnnkit.drills.question import KINDS
from cnnkit.drills.scheduler import Scheduler
from cnnkit.drills.store import Store
from cnnkit.drills.terminal import COMMANDS, Session
from cnnkit.errors import OptionError

NEW_DRILLS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line of `python -m cnnkit drill`; return the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console without × shows ? instead of failing
    store = Store()
    scheduler = Scheduler(store)
    if options.export:
        print(f"Written to {export_json(store, options.export)}.")
    elif options.import_:
        print(import_json(store, options.import_))
    elif options.reset:
        return _reset(store, options.reset, options.yes)
    elif options.interview_date is not None:
        scheduler.set_interview_date(parse_date(options.interview_date))
        print(survey(scheduler).plan)
    elif options.progress:
        print(progress_text(survey(scheduler)))
    else:
        _practise(scheduler, options)
    for notice in store.take_notices():
        print(notice, file=sys.stderr)
    return 0


def _practise(scheduler: Scheduler, options: argparse.Namespace) -> None:
    drills: Sequence[Drill] = [bank.get(drill_id) for drill_id in options.drill] or bank.all_drills()
    if options.chapter:
        chosen = {drill.id for chapter in options.chapter for drill in bank.by_chapter(chapter.zfill(2))}
        drills = [drill for drill in drills if drill.id in chosen]
    if options.kind:
        drills = [drill for drill in drills if drill.kind in options.kind]
    if not drills:
        raise OptionError("no drill fits these options; leave one of --chapter and --kind out")
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):  # absent on Windows, whose console edits lines itself
            import readline  # noqa: F401  (its import gives input() arrow keys)
    session = Session(scheduler, colour=colour, seed=options.seed)
    session.say(f"{len(drills)} drills to choose from. At any prompt: {COMMANDS}.", "quiet")
    if options.drill:
        session.run_through(drills, minutes=options.minutes)
    else:
        session.run(drills, new=options.new, minutes=options.minutes)


def _reset(store: Store, drill_id: str, sure: bool) -> int:
    if drill_id != "all":
        known = {review.drill_id for review in store.reviews()} | {a.drill_id for a in store.answers()}
        if drill_id not in known:
            bank.get(drill_id)  # says which drills have a name like it
        print(f"{store.reset(drill_id)} ratings of {drill_id} deleted.")
        return 0
    if not sure:
        print(
            "This deletes every answer and rating; --export FILE keeps a copy. Type reset to go on: ", end=""
        )
        with contextlib.suppress(EOFError):
            sure = input().strip().lower() == "reset"
    if not sure:
        print("Nothing was deleted.")
        return 1
    print(f"{store.reset()} ratings deleted.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cnnkit drill",
        description="Practise in the terminal: what is due first, then new drills.",
    )
    parser.add_argument("drill", nargs="*", help="only these drills, by id, due or not")
    parser.add_argument("--chapter", action="append", metavar="NN", help="only this chapter; may be repeated")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be repeated")
    parser.add_argument("--minutes", type=_positive, metavar="N", help="stop after N minutes")
    parser.add_argument("--new", type=_whole, default=NEW_DRILLS, metavar="N", help="new drills at most (10)")
    parser.add_argument("--seed", type=_whole, metavar="S", help="fixed numbers, for a repeatable session")
    memory = parser.add_argument_group("memory").add_mutually_exclusive_group()
    memory.add_argument("--progress", action="store_true", help="show where you stand")
    memory.add_argument("--interview-date", metavar="DATE", help="aim reviews at 2026-05-31 (none clears it)")
    memory.add_argument("--export", metavar="FILE", help="write your answers and ratings to a new JSON file")
    memory.add_argument("--import", metavar="FILE", dest="import_", help="merge an exported file")
    memory.add_argument("--reset", nargs="?", const="all", metavar="ID", help="forget one drill, or all")
    parser.add_argument("--yes", action="store_true", help="with --reset: do not ask")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of minutes")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0")
    return value
