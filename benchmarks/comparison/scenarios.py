"""The scenarios of the comparison: what is measured, at a full and at a quick size, and what a peer must be able to do.

Not here: how it is measured (measures/), in which order (matrix.py), what the figures are held against (targets.py).
Rules that always hold: all peers get the same sizes; the order is that of importance, as a run may be cut short; each
column names a figure that the measure gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.comeback import Comeback
from benchmarks.comparison.measures.idle import Idle
from benchmarks.comparison.measures.inside import Fairness, TopicCost
from benchmarks.comparison.measures.ladder import Ladder
from benchmarks.comparison.measures.publishing import Publishing
from benchmarks.comparison.measures.steady import Steady
from benchmarks.comparison.measures.storm import Storm
from benchmarks.comparison.peer import Ability

from longwave.load import Distribution
from longwave.load import Scenario as Load

if TYPE_CHECKING:
    from benchmarks.comparison.measures.measure import Measure

LONGWAVE, NCHAN, BARE, BARE_REPLAY = "longwave", "nchan", "bare", "bare_replay"
ONE_WORKER, TWO_WORKERS = "longwave (1 worker)", "longwave (2 workers)"
LACKS = {
    Ability.RESUME: "replays nothing after an id",
    Ability.RESTART: "does not keep its history over kill -9",
    Ability.DURABLE: "does not sync to the disk before it acknowledges",
    Ability.MANY_TOPICS: "does not have that many topics",
}
FLOORS = (BARE, BARE_REPLAY)  # they are no hubs: they show what the operating system allows
WORKERS = frozenset({ONE_WORKER, TWO_WORKERS})  # Longwave, compared with itself


@dataclass(frozen=True, slots=True)
class Column:
    """One figure in a table. factor: what the figure is multiplied with to be shown. digits: after the point."""

    figure: str
    heading: str
    digits: int = 0
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row of the matrix.

    question: what it answers. columns: of its table; of the first one the ratios are given, where `ratio` is set.
    quick: None where the quick run leaves it out. only: names of the peers that have what it measures; empty for all.
    floor: what the last ratio is to, mostly the loop that shows what the operating system allows; "" for none.
    shared: whether server and load use all processors together, instead of one each.
    """

    name: str
    title: str
    question: str
    full: Measure
    quick: Measure | None = None
    needs: frozenset[Ability] = frozenset()
    only: frozenset[str] = frozenset()
    floor: str = BARE
    columns: tuple[Column, ...] = ()
    ratio: bool = True
    shared: bool = False

    def measure(self, *, quick: bool) -> Measure | None:
        """Return what is done at this size."""
        return self.quick if quick else self.full

    def refusal(self, name: str, abilities: frozenset[Ability]) -> str:
        """Return why a peer has no part in it; "" if it has."""
        if name in FLOORS and name != self.floor:
            return "it is no hub"
        if name in WORKERS and name not in self.only:
            return "its workers have scenarios of their own"
        if self.only and name not in self.only:
            return "it asks for something that only Longwave has"
        missing = sorted(LACKS[ability] for ability in self.needs - abilities)
        return f"it {' and '.join(missing)}" if missing and name != self.floor else ""

    def explains(self, name: str) -> bool:
        """Return whether a reader wants to know why this peer has no part: not where Longwave is beside itself."""
        return name not in FLOORS and name not in WORKERS and self.only != WORKERS


KIB = 1 / 1024
CPU = Column("cpu", "µs CPU a delivery", 2)
LATENCIES = (Column("p50", "p50 ms", 1), Column("p99", "p99 ms", 1), Column("last_p99", "last of all, p99 ms", 1))
DELIVERIES = Column("deliveries", "deliveries/s")
STEADY = (CPU, DELIVERIES, *LATENCIES, Column("server", "server, share of a core", 2))
LADDER = (
    Column("most", "most deliveries/s"),
    Column("most_per_core", "deliveries/s a core, best"),
    Column("knee", "knee, events/s"),
    Column("knee_p99", "p99 ms there", 1),
)
IDLE = (
    Column("user", "user KiB each", 2, KIB),
    Column("kernel", "kernel KiB each, both ends", 2, KIB),
    Column("idle_cpu", "idle CPU, µs/s each", 2),
    Column("connect_cpu", "µs CPU to connect", 1),
    Column("connects", "connects/s"),
)
PUBLISHING = (
    Column("cpu", "µs CPU an update", 1),
    Column("updates", "updates/s"),
    Column("server", "server, share of a core", 2),
    Column("generator", "sender, share of a core", 2),
)
FAN_OUT = (
    Column("last_p50", "until the last has it, p50 ms", 1),
    Column("last_p99", "p99 ms", 1),
    Column("p50", "any of them, p50 ms", 1),
    Column("p99", "p99 ms", 1),
    Column("server", "server, share of a core", 2),
    Column("contended", "and waited for one", 2),
)
MANY = frozenset({Ability.MANY_TOPICS})
RETURN = frozenset({Ability.RESTART})

_ONE = Load(subscribers=1000, rate=50, duration=5, warmup=1, publishers=1)
_ONE_QUICK = Load(subscribers=500, rate=40, duration=1.5, warmup=0.5, publishers=1)
_WIDE = Load(duration=3, warmup=1, publishers=8, patience=8)
_STALLED = Load(subscribers=1000, rate=40, duration=10, warmup=1, payload=4096, publishers=2)
_LIVE = Load(subscribers=1000, rate=20, duration=12, warmup=1, publishers=1, patience=20)
_FAN_OUT = Load(subscribers=2000, rate=25, duration=4, warmup=1, publishers=8, stalled=0.9)
_STORM = Load(
    subscribers=10_000, rate=20, duration=12, warmup=2, publishers=1, patience=40, reconnect=True, connect_rate=4000
)
SHARE = (
    "(Longwave beside itself, its log in a file with durability relaxed. No processor is set aside: with two of them, "
    "load and workers share both, so that a gain is a lower bound.)"
)


def _single(name: str, title: str, full: Load, quick: Load | None = None) -> Scenario:
    return Scenario(
        name=name,
        title=title,
        question="What does one delivery cost when nothing else is under way?",
        full=Steady(full),
        quick=Steady(quick) if quick else None,
        columns=STEADY,
    )


def _broadcast(subscribers: int, rates: tuple[float, ...], quick: Ladder | None = None) -> Scenario:
    return Scenario(
        name=f"broadcast-{subscribers // 1000}k",
        title=f"Broadcast to {subscribers:,}, at rising rates",
        question="How does the latency grow with the rate, and where is the end?",
        full=Ladder(replace(_WIDE, subscribers=subscribers), rates),
        quick=quick,
        columns=LADDER,
    )


def _idle(subscribers: int, quick: Idle | None = None) -> Scenario:
    return Scenario(
        name=f"idle-{subscribers // 1000}k",
        title=f"{subscribers:,} idle connections",
        question="What does a subscriber cost who gets nothing, and what did it cost to let it in?",
        full=Idle(subscribers, 5),
        quick=quick,
        columns=IDLE,
    )


def _stalled(share: float, quick: Load | None = None) -> Scenario:
    return Scenario(
        name=f"stalled-{share:.0%}".replace("%", ""),
        title=f"{share:.0%} of 1,000 subscribers stop reading" if share else "Nobody stops reading, for comparison",
        question="What do clients who stop reading cost the others, and the memory? (4 KiB events, 40 a second)",
        full=Steady(replace(_STALLED, stalled=share), buffers=True),
        quick=Steady(quick, buffers=True) if quick else None,
        floor="",
        columns=(
            Column("p99", "p99 ms of the others", 1),
            Column("max", "longest ms", 1),
            Column("memory_peak", "user MiB, peak", 1, KIB * KIB),
            Column("buffers_peak", "kernel MiB, server's side, peak", 1, KIB * KIB),
            CPU,
        ),
    )


def _publishing(name: str, title: str, full: Publishing, quick: Publishing | None = None) -> Scenario:
    return Scenario(
        name=name,
        title=title,
        question="How many updates a second does it take?",
        full=full,
        quick=quick,
        needs=frozenset({Ability.DURABLE}) if full.durable else frozenset(),
        only=frozenset({LONGWAVE}) if full.batch > 1 else frozenset(),
        floor="" if full.durable else BARE,
        columns=PUBLISHING,
    )


def _workers(name: str, title: str, question: str, full: Measure, columns: tuple[Column, ...]) -> Scenario:
    return Scenario(
        name=f"workers-{name}",
        title=title,
        question=f"{question} {SHARE}",
        full=full,
        only=WORKERS,
        floor=ONE_WORKER,
        columns=columns,
        shared=True,
    )


SCENARIOS: tuple[Scenario, ...] = (
    _single("single-1k", "Single events to 1,000", _ONE, _ONE_QUICK),
    _single("single-8k", "Single events to 8,000", replace(_ONE, subscribers=8000, rate=5, duration=6)),
    _single("single-1k-slow", "Ten single events a second to 1,000", replace(_ONE, rate=10)),
    _broadcast(
        1000,
        (50, 100, 150, 225, 340, 500, 750, 1100, 1650, 2500, 3700),
        Ladder(replace(_WIDE, subscribers=500, duration=1, warmup=0.5, patience=4), (100, 300, 900)),
    ),
    Scenario(
        name="burst-10",
        title="Ten events at a time to 1,000",
        question="What is a delivery when ten events are published together? (20 times a second)",
        full=Steady(Load(subscribers=1000, rate=200, burst=10, duration=5, warmup=1, publishers=10)),
        quick=Steady(Load(subscribers=500, rate=200, burst=10, duration=1.5, warmup=0.5, publishers=10)),
        columns=(CPU, Column("per_core", "deliveries/s a core"), DELIVERIES, *LATENCIES),
    ),
    _idle(1000, Idle(500, 1)),
    _idle(10_000),
    _publishing("publish-32", "Publish, 32 connections, in memory", Publishing(32, 40_000), Publishing(32, 3000)),
    _publishing("publish-32-durable", "Publish, 32 connections, durable", Publishing(32, 20_000, durable=True)),
    _publishing(
        "publish-batch",
        "Publish NDJSON of 1,000 updates, durable",
        Publishing(2, 200, durable=True, batch=1000),
        Publishing(2, 20, durable=True, batch=1000),
    ),
    Scenario(
        name="comeback-10k",
        title="10,000 come back after kill -9, each 100 events behind",
        question="How long does it take until everybody has everything, and what does it cost?",
        full=Comeback(10_000, 100, kill=True),
        quick=Comeback(500, 100, kill=True),
        needs=RETURN,
        floor=BARE_REPLAY,
        columns=(
            Column("cpu_total", "CPU s in all", 2),
            Column("seconds", "s until all have all", 2),
            Column("lost", "incomplete"),
            Column("mebibytes", "MiB/s", 1),
            Column("sender", "load, share of a core", 2),
        ),
    ),
    Scenario(
        name="many-topics",
        title="100,000 topics and 1,000 templates",
        question="Does a publish cost more beside many topics or templates? (inside one process, without sockets)",
        full=TopicCost(),
        only=frozenset({LONGWAVE}),
        floor="",
        columns=(
            Column("few", "µs a publish, 100 topics", 1),
            Column("many", "100,000 topics", 1),
            Column("templates_few", "10 templates", 1),
            Column("templates_many", "1,000 templates", 1),
        ),
        ratio=False,
    ),
    Scenario(
        name="fairness",
        title="One publish to 50,000",
        question="How long does it hold up another topic? (inside one process; a send takes as long as a real one)",
        full=Fairness(50_000),
        only=frozenset({LONGWAVE}),
        floor="",
        columns=(
            Column("worst", "longest delay, ms", 2),
            Column("delay", "median delay, ms", 2),
            Column("whole", "the whole fan-out, ms"),
        ),
        ratio=False,
    ),
    _workers(
        "fan-out",
        "Workers: one update at a time to 2,000",
        "How much sooner has everybody an update if two processes send it? Nine subscribers in ten leave their events "
        "in the kernel's buffers, so that the load takes little of what the workers need; the others check them all.",
        Steady(_FAN_OUT),
        FAN_OUT,
    ),
    _workers(
        "broadcast",
        "Workers: broadcast to 2,000, at rising rates",
        "How much more is carried if two processes send, and all subscribers read? Reading takes as much of the "
        "processors as sending: with two of them, one worker and the load fill both, and what a second worker takes, "
        "the readers lack. So the ratio is that of a machine which is full, not of one with a processor to spare.",
        Ladder(replace(_WIDE, subscribers=2000), (50, 100, 200, 400, 800, 1200, 1800)),
        LADDER,
    ),
    _workers(
        "publish",
        "Workers: publish, 32 connections",
        "What does publishing cost if each of two processes takes updates and reads those of the other?",
        Publishing(32, 20_000),
        (*PUBLISHING[1:2], PUBLISHING[0], *PUBLISHING[2:], Column("contended", "server waited for one", 2)),
    ),
    _stalled(0),
    _stalled(0.1, replace(_STALLED, subscribers=300, duration=2, warmup=0.5, stalled=0.1)),
    _stalled(0.01),
    Scenario(
        name="storm-10k",
        title="kill -9 beside publishing, 10,000 come back",
        question="Does anybody lose an event, and how long is everybody away? (20 events a second all the while)",
        full=Storm(_STORM),
        needs=RETURN,
        floor="",
        columns=(
            Column("away_p50", "away, p50 ms"),
            Column("away_p99", "p99 ms"),
            Column("away_max", "longest ms"),
            Column("lost", "lost"),
            Column("cpu_total", "CPU s since the start", 2),
            Column("memory_peak", "user MiB, peak", 1, KIB * KIB),
        ),
        ratio=False,
    ),
    Scenario(
        name="replay",
        title="1,000 replay 1,000 events beside live traffic",
        question="How fast is a replay, and what does it do to those who are live? (1,000 live, 20 events a second)",
        full=Comeback(1000, 1000, live=_LIVE),
        needs=frozenset({Ability.RESUME}),
        floor="",
        columns=(
            Column("seconds", "s until all have all", 2),
            Column("mebibytes", "MiB/s", 1),
            Column("lost", "incomplete"),
            Column("p50", "live p50 ms", 1),
            Column("p99", "live p99 ms", 1),
        ),
        ratio=False,
    ),
    _publishing("publish-1", "Publish, 1 connection, in memory", Publishing(1, 8000)),
    _publishing("publish-1-durable", "Publish, 1 connection, durable", Publishing(1, 4000, durable=True)),
    _broadcast(10_000, (5, 10, 15, 22, 34, 50, 75, 110, 165, 250, 370)),
    _broadcast(5000, (10, 20, 30, 45, 68, 100, 150, 225, 340, 500, 750)),
    Scenario(
        name="burst-100",
        title="A hundred events at a time to 1,000",
        question="What does a burst of 100 events do? (once a second)",
        full=Steady(Load(subscribers=1000, rate=100, burst=100, duration=5, warmup=1, publishers=32)),
        columns=STEADY,
    ),
    Scenario(
        name="topics",
        title="1,000 topics with 10 subscribers each",
        question="What does it cost to find the ten who are meant? (rates after Zipf, 1,000 events a second)",
        full=Steady(
            Load(
                subscribers=10_000,
                topics=1000,
                distribution=Distribution.SPREAD,
                zipf=1.0,
                rate=1000,
                duration=5,
                warmup=1,
            )
        ),
        needs=MANY,
        floor="",
        columns=STEADY,
    ),
    Scenario(
        name="unicast",
        title="10,000 subscribers, each with a topic of its own",
        question="What does a message to one cost? (2,000 a second; publishing it is part of the cost)",
        full=Steady(Load(subscribers=10_000, distribution=Distribution.UNICAST, rate=2000, duration=5, warmup=1)),
        needs=MANY,
        floor="",
        columns=STEADY,
    ),
    Scenario(
        name="churn",
        title="500 come and go a second, beside 1,000 who stay",
        question="What do passing subscribers do to those who stay? (50 events a second)",
        full=Steady(Load(subscribers=1000, rate=50, churn=500, duration=5, warmup=1, publishers=1)),
        columns=(CPU, *LATENCIES, Column("churn_p99", "p99 ms to the response", 1)),
    ),
    _single("single-1k-1kb", "Single events of 1 KB to 1,000", replace(_ONE, payload=1000)),
    _idle(5000),
    _idle(18_000),
)


def find_scenario(name: str) -> Scenario:
    """Return the scenario of this name. Raises KeyError."""
    return {scenario.name: scenario for scenario in SCENARIOS}[name]
