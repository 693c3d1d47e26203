"""The report: the page docs/explanation/performance.md and its plots, from the results of one run alone.

Not here: measuring (matrix.py), medians (summary.py), drawing (plots.py), targets (targets.py), profiles
(processor_profile.py).
Rules that always hold: the same results give the same page; a failed run is never shown as a figure; a figure for which
the generator was the limit is marked.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison import plots, provenance
from benchmarks.comparison.measures.steady import KEEPS_UP
from benchmarks.comparison.peer import Ability
from benchmarks.comparison.processor_profile import KERNEL, PLACES, RATE, Profiles
from benchmarks.comparison.record import Record, scrub
from benchmarks.comparison.scenarios import (
    BARE,
    BARE_REPLAY,
    FLOORS,
    LADDER,
    LONGWAVE,
    NCHAN,
    SCENARIOS,
    Column,
    Scenario,
    find_scenario,
)
from benchmarks.comparison.summary import MOST_WAITING, Row, Summary
from benchmarks.comparison.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.comparison.processor_profile import Profile
    from benchmarks.comparison.targets import Target

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "performance.md"
BOUND, DISTURBED, BEHIND, NONE = "†", "‡", "§", "-"
MET = {True: "met", False: "**not met**", None: NONE}
LEAST = 0.1  # of what is shown
MAX_REASON = 160  # characters
BARS = (
    ("cpu", "cpu.svg", "µs of the server's processor a delivery", ("single-1k", "single-8k", "burst-10")),
    ("user", "memory.svg", "KiB of user memory for each idle subscriber", ("idle-1k", "idle-10k")),
)
INTRODUCTION = """# Performance

This page is written by `python -m benchmarks.comparison report {folder}`; do not edit it.

Longwave and other push servers, measured on one machine, in one run, in turn, with the same load. **Processor time of
the server for each delivery is the figure to look at**, as a ratio to [nchan](https://nchan.io) (nginx, in C) and to a
bare loop of `send`, which does nothing else and so shows what the operating system itself costs. Such a ratio means
much the same on another machine; the figures by the clock do not. What all this cannot say is told
[below](#what-these-figures-cannot-say).
"""
QUICK = "**This is a quick run: its sizes are much smaller than the titles and targets below say.**"
METHOD = """## How it is measured

- Each cell (a scenario, a peer, a round) has a new server, in an empty folder, with nothing left of the one before.
- Within a scenario the peers take turns, A B C A B C. Tables show medians over the rounds, with the range of the first
  figure.
- The server has one processor to itself and all load has another; no server may use more. Only Longwave's workers share
  all processors with the load, where a scenario says so.
- Publishing is on a fixed schedule whatever the server does (open loop). A latency counts from the moment the event was
  due, so a server that falls behind cannot hide it. Percentiles are of all deliveries together.
- Every subscriber checks that it gets every event once and in order. **A run with a loss has failed**, however fast.
- Where the generator used more than 85 % of its processor, or published late, the figure is marked {bound}: it says
  more about the generator than about the server.
- Where other work of the machine held a server's processor for more than {most} % of the time, it is marked
  {disturbed}: its processor time holds, its latencies and what it did by the clock are those of a busy machine.
- Where less than {least} % of the deliveries that were due in the measured window came in it, the server fell behind
  and is marked {behind}: its deliveries a second and processor time are of the whole run, to the last delivery, and its
  latencies would grow further in a longer run.
- One delivery is one event that reached one subscriber. The processor time of a delivery is the kernel's own account
  of all of the server's processes, over the deliveries: taking the events from the publisher is part of it, and on the
  loopback device also the kernel's work for receiving.
- User memory is what a server's processes have for themselves: anonymous and shared memory, counted once (PSS), without
  the pages of programs and libraries. Kernel memory is the growth of the machine's slab and TCP buffers, and so that of
  both ends of each connection; other work on the machine blurs it.
- A knee is the highest rate that was carried without loss at a p99 of at most 50 ms. In the pictures a red cross is a
  rate with a loss, an open circle one at which the generator was the limit.
"""
WHERE = "Where the processor time goes"
PROFILED = """A run of its own for each, on the same stand with the same load, sampled by perf {perf}, {rate:,} times a
second of processor time. The figures are µs a delivery in that run, or µs a client that came back; sampling takes a
part itself, so that they may be higher than in the tables below. On the loopback device the kernel's work for
receiving, and for waking a reader that fell asleep, is done within the server's send. The functions with the most
samples are in `{folder}/profiles.json`.
"""
NO_PROFILE = (
    "No profile was taken in this run: `python -m benchmarks.comparison profile {folder}` takes it, as root, where "
    "perf is installed (Debian has it in the package linux-perf)."
)
LIMITS = """## What these figures cannot say

- The machine has {processors} processors; server and load share its memory, its caches and its kernel. There is no
  network: the loopback device has no delay, no loss, and no card that takes work off the processor.
- Only Longwave's workers get a second processor, and share it with the load: nothing is said about how the others scale
  with more.
- A process may open {files} files here, which bounds connections for every server that is one process.
- Other work on the machine moves figures by the clock by a third and more, processor time by a tenth or so. Look at the
  ranges, and do not believe a difference that is smaller.
- The peers are set up by their own pages, each as said [below](#the-peers); somebody who knows one better may get more
  out of it.
- {load}
- {absent}
"""


def write(folder: Path, page: Path = PAGE) -> list[Path]:
    """Write the page and its plots; return what was written. Raises OSError."""
    summary, known, profiles = Summary(Record(folder).cells), provenance.read(folder), Profiles(folder)
    pictures = page.with_suffix("")
    drawn = draw(summary, pictures)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(Page(summary, known, profiles, folder, pictures, drawn).text(), encoding="utf-8")
    return [page, *drawn.values()]


def draw(summary: Summary, pictures: Path) -> dict[str, Path]:
    """Draw what there are figures for; return the pictures by the scenario (ladders) or the figure that they show."""
    drawn = {}
    for scenario in SCENARIOS:
        path = pictures / f"{scenario.name}.svg"
        if scenario.columns == LADDER and plots.draw_ladder(summary, scenario, peer_names(summary), path):
            drawn[scenario.name] = path
    for figure, file, label, names in BARS:
        path = pictures / file
        scenarios = [find_scenario(name) for name in names]
        if plots.draw_bars(summary, scenarios, peer_names(summary), path, figure=figure, label=label):
            drawn[figure] = path
    return drawn


def peer_names(summary: Summary) -> list[str]:
    """Return all peers that were measured: Longwave first, then hubs in the order of their turns, floors last."""
    names = dict.fromkeys(row.peer for scenario in SCENARIOS for row in summary.rows(scenario.name))
    return sorted(names, key=lambda name: (name in FLOORS, name != LONGWAVE))


def console_text(folder: Path) -> str:
    """Return the targets for a terminal, one line each."""
    summary = Summary(Record(folder).cells)
    judged = [(target.sentence, target.judge(summary)) for target in TARGETS]
    width = max(len(sentence) for sentence, _ in judged)
    return "\n".join(
        f"{sentence:{width}}  {MET[found.met].strip('*'):8} {found.measured}" for sentence, found in judged
    )


class Page:
    """The page, section by section."""

    def __init__(
        self,
        summary: Summary,
        known: dict[str, Any],
        profiles: Profiles,
        folder: Path,
        pictures: Path,
        drawn: dict[str, Path],
    ) -> None:
        self._summary, self._known, self._profiles = summary, known, profiles
        self._folder = scrub(str(folder.resolve())).removeprefix("./")
        self._pictures, self._drawn = pictures, drawn

    def text(self) -> str:
        """Return all of it."""
        sections = [
            INTRODUCTION.format(folder=self._folder),
            QUICK if "--quick" in self._known.get("command", "") else "",
            METHOD.format(
                bound=BOUND,
                disturbed=DISTURBED,
                most=round(MOST_WAITING * 100),
                behind=BEHIND,
                least=round(KEEPS_UP * 100),
            ),
            self._targets(),
            self._pictures_of_bars(),
            self._where(),
            *(self._scenario(scenario) for scenario in SCENARIOS if scenario.name in self._summary.scenarios),
            LIMITS.format(**self._limits()),
            self._peers(),
            self._machine(),
            self._again(),
        ]
        return "\n".join(section.strip() + "\n" for section in sections if section)

    def _targets(self) -> str:
        rows = [(target.sentence, *self._judged(target)) for target in TARGETS]
        return "## Targets\n\n" + table(("target", "measured", ""), rows)

    def _judged(self, target: Target) -> tuple[str, str]:
        found = target.judge(self._summary)
        missed = found.met is False and target.cost_of and self._profiles.of(target.cost_of)
        link = f"[{WHERE[0].lower()}{WHERE[1:]}](#{WHERE.lower().replace(' ', '-')})" if missed else ""
        remarks = "; ".join(filter(None, (found.remark, link)))
        return f"{found.measured} ({remarks})" if remarks else found.measured, MET[found.met]

    def _where(self) -> str:
        taken = {one: found for one in SCENARIOS if (found := self._profiles.of(one.name))}
        if not taken:
            return f"## {WHERE}\n\n{NO_PROFILE.format(folder=self._folder)}"
        parts = [f"## {WHERE}", PROFILED.format(rate=RATE, perf=self._profiles.perf, folder=self._folder).strip()]
        for scenario, found in taken.items():
            parts += [f"### {scenario.title}: where", make_profile_table(found), compare_profiles(found)]
        return "\n\n".join(filter(None, parts))

    def _pictures_of_bars(self) -> str:
        return "\n\n".join(self._picture(figure, label) for figure, _, label, _ in BARS if figure in self._drawn)

    def _picture(self, name: str, label: str) -> str:
        return f"![{label}]({self._pictures.name}/{self._drawn[name].name})"

    def _scenario(self, scenario: Scenario) -> str:
        rows = sorted(self._summary.rows(scenario.name), key=lambda row: peer_names(self._summary).index(row.peer))
        parts = [f"## {scenario.title}", scenario.question]
        if scenario.name in self._drawn:
            parts.append(self._picture(scenario.name, scenario.title))
        good = [row for row in rows if row.figures]
        if good:
            parts.append(make_table(self._summary, scenario, good))
        parts.append("\n".join(self._remarks(scenario, rows)))
        return "\n\n".join(filter(None, parts))

    def _remarks(self, scenario: Scenario, rows: Sequence[Row]) -> Iterator[str]:
        for row in rows:
            if row.failed:
                reason = shorten(row.reasons[0]) if row.reasons else "no reason is known"
                yield f"- {row.peer}: {row.failed} of {row.rounds} rounds failed: {reason}"
            elif row.bound:
                yield f"- {row.peer} {BOUND}: {shorten(row.reasons[0])}"
            if row.behind:
                carried = row.median("carried") or 0.0
                yield f"- {row.peer} {BEHIND} fell behind: {carried:.0%} of what was due in the window came in it"
        measured = {row.peer for row in rows}
        for name, peer in self._known.get("peers", {}).items():
            refusal = scenario.refusal(name, abilities_of(peer))
            if name not in measured and refusal and scenario.explains(name):
                yield f"- {name} has no part in it: {refusal}"

    def _limits(self) -> dict[str, str]:
        machine = self._known.get("machine", {})
        loads = [
            cell.load_average
            for scenario in SCENARIOS
            for row in self._summary.rows(scenario.name)
            for cell in row.cells
        ]
        rounds = sorted({row.rounds for scenario in SCENARIOS for row in self._summary.rows(scenario.name)})
        shown = f"from {min(loads):.1f} to {max(loads):.1f}" if loads else "unknown"
        counted = f"{rounds[0]} to {rounds[-1]}" if len(rounds) > 1 else "".join(map(str, rounds))
        return {
            "processors": machine.get("processors", "few"),
            "files": machine.get("open files", "").partition(" / ")[2].partition(" ")[0] or "only so many",
            "absent": self._absent(),
            "load": f"In this run each cell was measured in {counted or 'no'} rounds; the machine's load average when "
            f"a cell began was {shown} (the cell before has its part in that).",
        }

    def _absent(self) -> str:
        absent = [scenario.title for scenario in SCENARIOS if scenario.name not in self._summary.scenarios]
        return f"Not measured in this run: {'; '.join(absent)}." if absent else "Every scenario was measured."

    def _peers(self) -> str:
        lines = ["## The peers", ""]
        for name, peer in self._known.get("peers", {}).items():
            versions = ", ".join(f"{program} {version}" for program, version in peer["versions"].items())
            lines.append(f"- **{name}** ({versions}): {peer['tuning']}")
        lines += [f"- **{one['name']}**: not measured: {one['reason']}" for one in self._known.get("skipped", ())]
        return "\n".join(lines)

    def _machine(self) -> str:
        known = self._known
        lines = [f"- {name}: {value}" for name, value in known.get("machine", {}).items()]
        lines += [f"- {name}: {known[name]}" for name in ("python", "commit", "date", "command") if known.get(name)]
        return "## The machine\n\n" + "\n".join(lines)

    def _again(self) -> str:
        return (
            "## Do it again\n\n"
            "`make bench-quick` takes some three minutes, `make bench` some hours; both install what they need. Raw "
            f"figures of each cell, and all settings of the machine, are in `{self._folder}`."
        )


def make_table(summary: Summary, scenario: Scenario, rows: Sequence[Row]) -> str:
    """Return the table of a scenario; ratios are of the first figure."""
    first = scenario.columns[0]
    over = [NCHAN, scenario.floor] if scenario.ratio else []
    over = [
        name for name in over if name and is_worth_a_ratio(summary.median(scenario.name, name, first.figure), first)
    ]
    heads = ["", *(column.heading for column in scenario.columns), *(f"x {label(name)}" for name in over)]
    heads.insert(2, "range")
    lines = []
    for row in rows:
        ratios = (summary.ratio(scenario.name, first.figure, name, peer=row.peer) for name in over)
        figures = [show(row, column) for column in scenario.columns]
        figures.insert(1, show_range(row, first))
        lines.append((name_of(row), *figures, *(f"{ratio:.2f}" if ratio else NONE for ratio in ratios)))
    return table(heads, lines)


def make_profile_table(profiles: dict[str, Profile]) -> str:
    """Return the table of a scenario: a row for each place, µs a delivery (or client) of each peer."""
    peers = sorted(profiles, key=lambda name: (name in FLOORS, name != LONGWAVE))
    heads = ["", *(f"**{name}**" if name == LONGWAVE else label(name) for name in peers)]
    places = [place.name for place in PLACES if any(place.name in one.places for one in profiles.values())]
    rows = [(place, *(f"{profiles[peer].cost(place):.2f}" for peer in peers)) for place in places]
    rows.append(("in all", *(f"{profiles[peer].cpu:.2f}" for peer in peers)))
    if any(one.wakes for one in profiles.values()):
        rows.append(("a reader is woken, of 100 deliveries", *(f"{profiles[peer].wakes * 100:.1f}" for peer in peers)))
    rows.append(("samples", *(f"{profiles[peer].samples:,}" for peer in peers)))
    return table(heads, rows)


def compare_profiles(profiles: dict[str, Profile]) -> str:
    """Return in one sentence each where Longwave takes more, or less, than the others."""
    ours = profiles.get(LONGWAVE)
    others = [profiles[name] for name in (BARE, BARE_REPLAY, NCHAN) if name in profiles]
    return "\n".join(f"- {compare_profile(ours, other)}" for other in others) if ours else ""


def compare_profile(ours: Profile, other: Profile) -> str:
    """Return where Longwave's difference to another peer lies."""
    more = ours.cpu - other.cpu
    kernel = ours.cost(*KERNEL) - other.cost(*KERNEL)
    name = "the bare loop" if other.peer in FLOORS else other.peer
    return (
        f"Compared with {name}, a {ours.unit} takes Longwave {more:+.2f} µs: {more - kernel:+.2f} in its own process, "
        f"{kernel:+.2f} in the kernel."
    )


def is_worth_a_ratio(median: float | None, column: Column) -> bool:
    """Return whether a figure is large enough to be divided by: not one that is shown as next to nothing."""
    return median is not None and median * column.factor >= LEAST


def name_of(row: Row) -> str:
    """Return a peer's name, marked if the generator bounds its figures, other work disturbed it, or it fell behind."""
    name = f"**{row.peer}**" if row.peer == LONGWAVE else label(row.peer)
    marks = {BOUND: row.bound, DISTURBED: row.disturbed, BEHIND: row.behind}
    return " ".join([name, *(mark for mark, holds in marks.items() if holds)])


def label(name: str) -> str:
    """Return what a peer is called in a table."""
    return {"bare": "bare loop", BARE_REPLAY: "bare loop"}.get(name, name)


def show(row: Row, column: Column) -> str:
    """Return the median of a figure as it is shown."""
    median = row.median(column.figure)
    return NONE if median is None else f"{median * column.factor:,.{column.digits}f}"


def show_range(row: Row, column: Column) -> str:
    """Return the range of a figure as it is shown."""
    spread = row.figures.get(column.figure)
    if spread is None:
        return NONE
    least, most = spread.least * column.factor, spread.most * column.factor
    return f"{least:,.{column.digits}f} to {most:,.{column.digits}f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown: the first column to the left, figures to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def shorten(reason: str) -> str:
    """Return a reason in one line that is not too long."""
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def abilities_of(peer: dict[str, Any]) -> frozenset[Ability]:
    """Return the abilities of a peer as the provenance has them."""
    return frozenset(Ability(value) for value in peer.get("abilities", ()))
