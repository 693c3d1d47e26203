"""The report: what a run found, as tables for the terminal and as the page docs/explanation/client-performance.md.

Not here: measuring (turns.py, memory.py).
Rules that always hold: the same record gives the same page; a client that failed is shown with its reason and without
figures; no path or name of this machine is written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.clients.bodies import EVENT, TITLES, Framing
from benchmarks.clients.memory import FLAT, MIB, Sample, find_growth
from benchmarks.clients.readers import LONGWAVE_ASYNC, LONGWAVE_SYNC, READERS
from benchmarks.clients.turns import Turn, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "client-performance.md"
FILE = "clients.json"
NONE = "-"
HEADINGS = ("client", "over", "µs of processor time an event", "to Longwave", "events/s by the clock")
INTRODUCTION = """# Speed of Python clients

This page is written by `python -m benchmarks.clients --write`; do not edit it. What the clients can do beside being
fast is in [Python clients compared](python-clients.md).

Each client reads the same {count:,} small events ({size} bytes with their id) from the same server, in turn, on one
machine. **Processor time of the client's process for each event is the figure to look at**, and its ratio to that of
Longwave's client of the same kind: `EventSource` for clients that are awaited, `SyncEventSource` for the others. Above
1 the client needs more than Longwave. Figures by the clock say what one process can take in; they depend on the machine
and on what else it does.
"""
METHOD = """## How it is measured

- The server is a process of its own that sends bytes which it made before: it is never what is waited for.
- Every reading has a new process. Time counts from a client's first event to its last, so that neither imports nor
  connecting are in it; work of the kernel on the client's behalf is.
- Every client is used as its own documentation shows it, with its defaults, and by one `for` loop that compares each id
  with the one that is due. **A client that hands out a wrong event has failed**, however fast.
- {rounds} rounds, A B C A B C; tables show the median, and its range for processor time.
"""
NOTES = {
    Framing.BURST: "This is how Longwave's hub sends a backlog, and events that came together.",
    Framing.CLOSE: "As HTTP/1.0 servers and some proxies do it.",
    Framing.SINGLE: (
        "A busy stream of most servers: each event is a chunk of its own, and many of them arrive in one read of the "
        "socket. What parses HTTP decides here. httpx2 and httpx stand on h11, which is written in Python and gives "
        "out chunk by chunk, so that parsing, waiting and handing out begin anew for each event. aiohttp's parser is "
        "in C, and what has come is read as a whole: where a stream is that busy, give `EventSource` an "
        "`AiohttpTransport`."
    ),
}
LIMITS = """## What these figures cannot say

- Events are small and many, which shows what a client itself costs. With events of some KiB, or some each second, no
  client is what limits you.
- The clients do not do the same for each event. Longwave's commits the event before, watches two timeouts, bounds a
  line and an event, and can be closed from elsewhere at any time; some of the others do a part of that, some nothing.
- There is no network and no TLS. Server and client share one machine.
- Other work on the machine moves figures by the clock a lot, processor time by a tenth or so: do not believe smaller
  differences.
"""


def load(folder: Path) -> dict[str, Any]:
    """Return what was measured on a day; an empty dict if nothing was."""
    path = folder / FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def save(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of a day."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def make_rows(turns: Sequence[Turn], framing: str) -> list[tuple[str, ...]]:
    """Return a row for each client that read this framing, the least processor time first."""
    names = dict.fromkeys(turn.reader for turn in turns if turn.framing == framing)
    return [_row(turns, framing, name) for name in sorted(names, key=lambda name: _cost(turns, framing, name))]


def _row(turns: Sequence[Turn], framing: str, name: str) -> tuple[str, ...]:
    reader = READERS[name]
    cpu, rate = spread(turns, framing, name, "cpu"), spread(turns, framing, name, "rate")
    if cpu is None or rate is None:
        reason = next(turn.reason for turn in turns if (turn.framing, turn.reader) == (framing, name) and turn.reason)
        return name, reader.over, f"failed: {reason}", NONE, NONE
    ours = spread(turns, framing, LONGWAVE_ASYNC if reader.is_async else LONGWAVE_SYNC, "cpu")
    ratio = f"{cpu.median / ours.median:.2f}" if ours is not None else NONE
    return name, reader.over, f"{cpu.median:.2f} ({cpu.least:.2f} to {cpu.most:.2f})", ratio, f"{rate.median:,.0f}"


def _cost(turns: Sequence[Turn], framing: str, name: str) -> float:
    found = spread(turns, framing, name, "cpu")
    return found.median if found is not None else float("inf")


def make_console_text(turns: Sequence[Turn]) -> str:
    """Return the tables for a terminal."""
    return "\n\n".join(
        f"{TITLES[framing]}\n{_align([HEADINGS, *rows])}"
        for framing in Framing
        if (rows := make_rows(turns, framing.value))
    )


def show_sample(sample: Sample) -> str:
    """Return one line about what the process held."""
    return f"{sample.events:>12,} events  PSS {sample.pss / MIB:7.2f} MiB  RSS {sample.rss / MIB:7.2f} MiB"


def make_page(record: dict[str, Any]) -> str:
    """Return the whole page."""
    turns = [Turn(**turn) for turn in record.get("turns", ())]
    sections = [
        INTRODUCTION.format(count=record.get("events", 0), size=len(EVENT)),
        METHOD.format(rounds=record.get("rounds", 0)),
        *(_framing_section(turns, framing) for framing in Framing),
        *(_memory_section(taken) for taken in record.get("memory", ())),
        LIMITS,
        _provenance_section(record.get("provenance", {})),
    ]
    return "\n".join(section.strip() + "\n" for section in sections if section)


def _framing_section(turns: Sequence[Turn], framing: Framing) -> str:
    rows = make_rows(turns, framing.value)
    return f"## {TITLES[framing]}\n\n{NOTES[framing]}\n\n{_table(HEADINGS, rows)}" if rows else ""


def _memory_section(taken: dict[str, Any]) -> str:
    samples = [Sample(**sample) for sample in taken["samples"]]
    rows = [(f"{one.events:,}", f"{one.pss / MIB:.2f}", f"{one.rss / MIB:.2f}") for one in samples]
    growth = find_growth(samples) / MIB
    told = f"After the first row of events it grew by {growth:.2f} MiB at most; {FLAT // MIB} MiB count as flat."
    return f"## Memory of {taken['reader']}\n\n{told}\n\n{_table(('events read', 'PSS, MiB', 'RSS, MiB'), rows)}"


def _provenance_section(known: dict[str, Any]) -> str:
    machine = "".join(f"- {name}: {value}\n" for name, value in known.get("machine", {}).items())
    packages = ", ".join(f"{name} {version}" for name, version in known.get("packages", {}).items())
    load_average = ", ".join(map(str, known.get("load_average", ())))
    return f"""## Where and when

- date: {known.get("date")}
- commit: {known.get("commit")}
- Python: {known.get("python")}
- packages: {packages}
- load average at the begin: {load_average}
{machine}
```text
PYTHONPATH=src python -m benchmarks.clients --write
PYTHONPATH=src python -m benchmarks.clients memory --write
```
"""


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _align(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
