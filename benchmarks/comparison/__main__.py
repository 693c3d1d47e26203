"""The comparison of Longwave with other servers, from the command line.

Not here: what is measured (scenarios.py), with which servers (roster.py), the order (matrix.py), the page (report.py),
profiles (processor_profile.py).
Rules that always hold: each cell is written when it is measured; a second run of the same day goes on with --resume.

    python -m benchmarks.comparison [--quick] [--peer NAME] [--scenario NAME] [--rounds N] [--resume] [--within MINUTES]
    python -m benchmarks.comparison report benchmarks/results/DATE
    python -m benchmarks.comparison profile [--peer NAME] [--scenario NAME] benchmarks/results/DATE
    python -m benchmarks.comparison list
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import processor_profile, provenance, report
from benchmarks.comparison.matrix import Limits, Plan, measure_all
from benchmarks.comparison.peer import Skipped
from benchmarks.comparison.processor_profile import Profiles
from benchmarks.comparison.progress import Progress
from benchmarks.comparison.record import Record, scrub
from benchmarks.comparison.roster import ROSTER, companions
from benchmarks.comparison.scenarios import BARE, FLOORS, LONGWAVE, NCHAN, SCENARIOS, find_scenario
from benchmarks.comparison.stand import Processors

from longwave.errors import LongwaveError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from benchmarks.comparison.peer import Peer
    from benchmarks.comparison.scenarios import Scenario

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
QUICK_RESULTS = ROOT / "build" / "bench-quick"
ROUNDS = 3
REFUSED = 2  # status
INTERRUPTED = 130  # status, as shells have it
PROFILED, PROFILED_PEERS = ("single-1k", "single-8k", "burst-10", "comeback-10k"), (LONGWAVE, NCHAN, BARE)
QUICK_PYTHON_PEERS = ("sse_starlette", "fastapi_sse", "django_eventstream")  # the first that is installed


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; return its status: 1 if the plan was not carried out to its end."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = make_parser().parse_args(arguments)
    options.arguments = list(arguments)
    if options.command == "report":
        return write_report(options.folder, options.page)
    if options.command == "profile":
        return take_profiles(options)
    if options.command == "list":
        return show_list()
    return run(options)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, few peers: under three minutes")
    parser.add_argument("--peer", action="append", choices=list(ROSTER), help="only this one; repeat for more")
    parser.add_argument("--scenario", action="append", choices=names, help="only this one; repeat for more")
    parser.add_argument("--rounds", type=positive, help=f"how often each cell is measured; {ROUNDS}, quick: 1")
    parser.add_argument("--results", type=Path, help="folder of the results; benchmarks/results/DATE by default")
    parser.add_argument("--resume", action="store_true", help="go on with what the folder has")
    parser.add_argument("--within", type=float, metavar="MINUTES", help="begin no cell after so many minutes")
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(dest="command", required=False)
    page = commands.add_parser("report", help="write the page and its plots anew, from the results alone")
    page.add_argument("folder", type=Path)
    page.add_argument("--page", type=Path, default=report.PAGE, help="by default docs/explanation/performance.md")
    profile = commands.add_parser("profile", help="sample where servers spend their processor time, for the page")
    profile.add_argument("folder", type=Path, help="of the results, where profiles.json is written")
    profile.add_argument(
        "--peer", action="append", choices=list(ROSTER), help=f"by default {', '.join(PROFILED_PEERS)}"
    )
    shown = ", ".join(PROFILED)
    profilable = processor_profile.profilable()
    profile.add_argument("--scenario", action="append", choices=profilable, help=f"by default {shown}")
    commands.add_parser("list", help="list scenarios, and peers with what they lack")
    return parser


def positive(text: str) -> int:
    """Read a whole number from 1. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Measure, and write the page."""
    names = options.peer or (quick_names() if options.quick else list(ROSTER))
    scenarios = tuple(map(find_scenario, options.scenario)) if options.scenario else SCENARIOS
    lacking = [one.name for one in scenarios if one.measure(quick=options.quick) is None]
    if options.scenario and lacking:
        return refuse(f"expected scenarios that have a quick size, got {', '.join(lacking)}")
    peers, skipped = choose_peers(names, [one for one in scenarios if one.name not in lacking])
    plan = Plan(scenarios, peers, options.rounds or (1 if options.quick else ROUNDS), options.quick)
    folder = options.results or (QUICK_RESULTS if options.quick else RESULTS / datetime.now(UTC).date().isoformat())
    record = Record(folder)
    if record.cells and not options.resume:
        if not options.quick:
            return refuse(f"expected an empty folder or --resume, got results in {scrub(str(folder))}")
        record.clear()
    earlier = provenance.read(folder) if options.resume else {}
    provenance.write(folder, provenance.join(earlier, provenance.collect(options.arguments, peers, skipped)))
    limits = Limits(time.monotonic() + options.within * 60 if options.within else None)
    turns = [turn for turn in plan.turns() if turn.key not in record]
    processors = Processors.choose()
    processors.keep_load()
    for ending in (signal.SIGINT, signal.SIGTERM):  # shells have background jobs ignore the first
        signal.signal(ending, signal.default_int_handler)
    try:
        with Progress(len(turns)) as progress:
            finished = measure_all(plan, record, processors, limits, progress.show)
    except KeyboardInterrupt:
        print("==> bench: stopped; what was measured is kept, --resume goes on", file=sys.stderr)
        return INTERRUPTED
    write_report(folder, folder / "performance.md" if options.quick or options.results else report.PAGE)
    return 0 if finished else 1


def quick_names() -> list[str]:
    """Return the peers of a quick run: Longwave, nchan, the bare loop, and one in Python."""
    found = [name for name in QUICK_PYTHON_PEERS if ROSTER[name].missing() is None]
    return [LONGWAVE, NCHAN, BARE, *(found or QUICK_PYTHON_PEERS)[:1]]


def choose_peers(names: Collection[str], scenarios: Collection[Scenario]) -> tuple[tuple[Peer, ...], list[Skipped]]:
    """Return the peers that can run here, those that a scenario names among them, and all others with the reason."""
    peers, skipped = [], []
    for name in names:
        peer = ROSTER[name]
        missing = peer.missing()
        if missing is None:
            peers.append(peer)
        else:
            command = f" (install it by `{missing.install}`)" if missing.install else ""
            skipped.append(Skipped(name, f"{missing.reason.rstrip('.')}{command}", peer.versions()))
    for one in skipped:
        print(f"==> bench: {one.name} is left out: {one.reason}", file=sys.stderr)
    skipped += [Skipped(name, "it was not asked for in this run") for name in ROSTER if name not in names]
    named = {name for one in scenarios for name in (*one.only, one.floor)}
    along = [peer for peer in companions([peer.name for peer in peers]) if peer.name in named]
    return (*peers, *along), skipped


def take_profiles(options: argparse.Namespace) -> int:
    """Sample each peer in each scenario, and keep what came of it."""
    if reason := processor_profile.refusal():
        return refuse(reason)
    scenarios = [find_scenario(name) for name in options.scenario or PROFILED]
    peers, _ = choose_peers(options.peer or PROFILED_PEERS, scenarios)
    turns = [(one, peer) for one in scenarios for peer in peers if not one.refusal(peer.name, peer.abilities)]
    profiles, processors = Profiles(options.folder), Processors.choose()
    processors.keep_load()
    taken = [take_profile(scenario, peer, processors, profiles) for scenario, peer in turns]
    return 0 if all(taken) else 1


def take_profile(scenario: Scenario, peer: Peer, processors: Processors, profiles: Profiles) -> bool:
    """Sample one peer in one scenario; return whether that succeeded."""
    try:
        profile = processor_profile.take(scenario, peer, processors)
    except (LongwaveError, RuntimeError, OSError, ValueError) as error:
        print(f"==> bench: no profile of {peer.name} in {scenario.name}: {error}", file=sys.stderr)
        return False
    profiles.add(profile)
    print(f"{scenario.name}, {peer.name}: {profile.cpu:.2f} µs a {profile.unit}, {profile.samples:,} samples")
    for place in profile.places:
        print(f"  {profile.cost(place):6.2f}  {place}")
    return True


def write_report(folder: Path, page: Path) -> int:
    """Write the page of a folder with results, and print what it is held against."""
    if not Record(folder).cells:
        return refuse(f"expected results in {scrub(str(folder))}, got none")
    written = report.write(folder, page)
    print(report.console_text(folder))
    print(f"==> bench: written: {', '.join(scrub(str(path)) for path in written)}")
    return 0


def refuse(reason: str) -> int:
    """Say why nothing is done; return the status."""
    print(f"==> bench: {reason}", file=sys.stderr)
    return REFUSED


def show_list() -> int:
    """Print what there is."""
    for scenario in SCENARIOS:
        print(f"{scenario.name:20} {scenario.title}{'' if scenario.quick else ' (full run only)'}")
    print()
    for name, peer in ROSTER.items():
        missing = peer.missing()
        state = f"missing: {missing.reason} {missing.install}" if missing else "here"
        print(f"{name:20} {'floor, no hub; ' if name in FLOORS else ''}{state}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
