"""One run: starts the generating processes, leads them through the phases, and gathers what they measured.

Not here: what each process does (receiver.py, publisher.py, churn.py), several rates (sweep.py).
Rules that always hold: the phases are subscribe, publish (warm-up, then the measured window), settle; each has an end,
whatever the server does.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from longwave.load.accounting import Account, take_account
from longwave.load.churn import ChurnJob
from longwave.load.gathering import Gathering
from longwave.load.messages import ChurnReport, Expect, Progress, PublisherReport, Ready, ReceiverReport, Window
from longwave.load.opening import resolve
from longwave.load.processes import Job, LoadFailed, Processes
from longwave.load.publisher import PublisherJob
from longwave.load.receiver import ReceiverJob
from longwave.load.schedule import NANOSECONDS, due_times
from longwave.load.stamp import RUN_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from longwave.load.result import Result
    from longwave.load.scenario import Scenario
    from longwave.load.target import Target

SETTLING = 0.3  # seconds from the last subscription to the first event
STARTING = 30.0  # seconds for all processes to start
LEAST_CONNECTS = 200.0  # a second; a server that is slower runs out of patience
REPORTING = 30.0  # seconds for reports to come, beyond the patience
LOOK = 0.25  # seconds between looks

_Report = TypeVar("_Report", ReceiverReport, PublisherReport, ChurnReport)


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is. phase: "subscribing", "warming up", "measuring" or "settling"; the rest are counts."""

    phase: str
    subscribed: int
    published: int
    delivered: int


def run(
    scenario: Scenario,
    target: Target,
    *,
    name: str = "",
    server_pids: Sequence[int] = (),
    observe: Callable[[State], None] | None = None,
) -> Result:
    """Carry out a scenario and return what it came to.

    name: of the server, for the report. server_pids: processes of the server whose account is kept, their children
    too. observe: is called about four times a second.
    Raises LoadFailed if it cannot be carried out (the server is away, or refuses), InvalidValue if this machine cannot.
    """
    due_times(scenario)  # so that too many events are told before anything is started
    resolve_or_fail(target)
    jobs = make_jobs(scenario, target, secrets.token_hex(RUN_LENGTH // 2))
    with Processes(jobs) as processes:
        conductor = _Conductor(scenario, jobs, processes, observe)
        conductor.subscribe()
        accounts = conductor.publish(server_pids)
        conductor.settle()
        return Gathering(scenario, name or str(target.address), conductor.window, accounts).result(
            conductor.ready, conductor.of(ReceiverReport), conductor.of(PublisherReport)[0], conductor.of(ChurnReport)
        )


def resolve_or_fail(target: Target) -> None:
    """Look the server's names up. Raises LoadFailed."""
    for address in (target.address, target.publish_address):
        try:
            resolve(address)
        except OSError as error:
            raise LoadFailed(f"expected a server at {address[0]}:{address[1]}, got: {error.strerror}") from None


def make_jobs(scenario: Scenario, target: Target, run: str) -> list[Job]:
    """Return the jobs of a run: receivers first, then the publisher, then who comes and goes."""
    parts = scenario.receivers
    ends = [scenario.subscribers * part // parts for part in range(parts + 1)]
    jobs: list[Job] = [
        ReceiverJob(scenario, target, run, ends[part], ends[part + 1] - ends[part]) for part in range(parts)
    ]
    jobs.append(PublisherJob(scenario, target, run))
    if scenario.churn:
        jobs.append(ChurnJob(scenario, target, run))
    return jobs


class _Conductor:
    """Leads the processes of one run."""

    def __init__(
        self,
        scenario: Scenario,
        jobs: Sequence[Job],
        processes: Processes,
        observe: Callable[[State], None] | None,
    ) -> None:
        self._scenario, self._jobs, self._processes = scenario, jobs, processes
        self._observe = observe
        self._shown = 0.0
        self._progress: dict[int, Progress] = {}
        self._reports: dict[int, ReceiverReport | PublisherReport | ChurnReport] = {}
        self.ready: dict[int, Ready] = {}
        self.window = Window(0, 0, 0)

    def of(self, kind: type[_Report]) -> list[_Report]:
        """Return the reports of this kind, in the order of the jobs."""
        return [report for _, report in sorted(self._reports.items(), key=_number) if isinstance(report, kind)]

    def subscribe(self) -> None:
        scenario = self._scenario
        connects = min(scenario.connect_rate or LEAST_CONNECTS, LEAST_CONNECTS)
        seconds = STARTING + scenario.patience + scenario.subscribers / connects
        end = time.monotonic() + seconds
        while len(self.ready) < len(self._jobs):
            self._listen("subscribing", end, f"expected all to be subscribed within {seconds:.0f} s")

    def publish(self, pids: Sequence[int]) -> tuple[Account, Account] | None:
        """Have everything published; return the server's account at the begin and the end of the measured window."""
        begin = time.monotonic_ns() + int(SETTLING * NANOSECONDS)
        measured = begin + int(self._scenario.warmup * NANOSECONDS)
        self.window = Window(begin, measured, measured + int(self._scenario.duration * NANOSECONDS))
        self._processes.tell(self.window)
        self._listen_until(self.window.measured, "warming up")
        first = take_account(pids) if pids else None
        self._listen_until(self.window.end, "measuring")
        return (first, take_account(pids)) if first is not None else None

    def settle(self) -> None:
        """Have everything that is on its way arrive, and the reports come."""
        seconds = self._scenario.patience + REPORTING
        end = time.monotonic() + seconds
        while not self.of(PublisherReport):
            self._listen("settling", end, f"expected the publisher's report within {seconds:.0f} s")
        published = self.of(PublisherReport)[0]
        self._processes.tell(Expect(published.sent, published.uncertain), self._receiving())
        end = time.monotonic() + seconds
        while len(self._reports) < len(self._jobs):
            self._listen("settling", end, f"expected all reports within {seconds:.0f} s")

    def _receiving(self) -> list[int]:
        return [number for number, job in enumerate(self._jobs) if not isinstance(job, PublisherJob)]

    def _listen_until(self, moment: int, phase: str) -> None:
        while (left := (moment - time.monotonic_ns()) / NANOSECONDS) > 0:
            self._hear(phase, min(left, LOOK))

    def _listen(self, phase: str, end: float, expected: str) -> None:
        if time.monotonic() > end:
            raise LoadFailed(f"{expected}, got {self._state(phase).subscribed:,} of {self._scenario.subscribers:,}")
        self._hear(phase, LOOK)

    def _hear(self, phase: str, seconds: float) -> None:
        for number, message in self._processes.hear(seconds):
            if isinstance(message, Progress):
                self._progress[number] = message
            elif isinstance(message, Ready):
                self.ready[number] = message
            elif isinstance(message, ReceiverReport | PublisherReport | ChurnReport):
                self._reports[number] = message
        if self._observe is not None and time.monotonic() - self._shown >= LOOK:
            self._shown = time.monotonic()
            self._observe(self._state(phase))

    def _state(self, phase: str) -> State:
        all_of = self._progress.values()
        return State(
            phase,
            sum(one.subscribed for one in all_of),
            sum(one.published for one in all_of),
            sum(one.delivered for one in all_of),
        )


def _number(item: tuple[int, object]) -> int:
    return item[0]
