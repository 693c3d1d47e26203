"""The receiver: thousands of subscribers in one process, behind one epoll.

Not here: connecting (gate.py), reading and checking bytes (place.py), counting (delivery_record.py).
Rules that always hold: one `recv` for each ready socket, then the next; nothing is parsed twice; the process ends when
it is told to, and when the pipe to the conducting process ends.
"""

from __future__ import annotations

import contextlib
import gc
import random
import resource
import select
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.errors import InvalidValue
from longwave.load.delivery_record import TICK_BITS, DeliveryRecord
from longwave.load.distribution import is_stalled
from longwave.load.gate import Gate, Opened, OpeningFailed, moment_after
from longwave.load.latency import Latencies
from longwave.load.load_meter import LoadMeter
from longwave.load.messages import Broken, Expect, Progress, Ready, ReceiverReport, Stop, Window
from longwave.load.opening import Pace, resolve
from longwave.load.place import Place, Places, Step
from longwave.load.schedule import NANOSECONDS, count_before, due_times
from longwave.load.sequence import Audience
from longwave.load.stamp import Stamper

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from longwave.load.scenario import Scenario
    from longwave.load.target import Target

RECEIVE_SIZE = 16_384  # bytes of one recv
MAX_READY = 4096  # sockets of one pass
PAUSE = 0.02  # seconds without anything to receive, then it looks at its other work
PAUSE_WHILE_OPENING = 0.001
BETWEEN_CHORES = 5_000_000  # nanoseconds
BETWEEN_PROGRESS = 250_000_000
BETWEEN_LOOKS = 50_000_000  # at whether everything has come
RECONNECT_DELAY = (0.05, 0.5)  # seconds before a lost stream comes back, evenly random
FILES_BESIDES = 64

_LEAVING = select.EPOLLRDHUP


def topic_name(run: str, topic: int) -> str:
    """Return the name of a topic; no other run has it."""
    return f"bench-{run}-{topic}"


def raise_file_limit(count: int) -> int:
    """Let this process open `count` files, and return the limit. Raises InvalidValue if the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        raise InvalidValue("processes", f"expected enough for {hard:,} connections each, got {count:,} for one")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return max(soft, count)


@dataclass(frozen=True, slots=True)
class ReceiverJob:
    """Subscribers number `first` and following of a run, for one process."""

    scenario: Scenario
    target: Target
    run: str
    first: int
    count: int

    def execute(self, pipe: Connection) -> None:
        """Do it; returns when the conducting process says so."""
        gc.disable()  # nothing here is left in cycles, see Places.forget
        with contextlib.closing(Receiver(self, pipe)) as receiver:
            receiver.run()


class Receiver:
    """The subscribers of one process. Messages: see messages.py; the order: Ready, (Window), (Expect), report."""

    def __init__(self, job: ReceiverJob, pipe: Connection) -> None:
        scenario = job.scenario
        self._job, self._scenario, self._target, self._pipe = job, scenario, job.target, pipe
        limit = raise_file_limit(job.count + FILES_BESIDES)
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        # By descriptor: how to receive, and where the stream is. `_nothing` sends a descriptor to `_attend`.
        self._receive: list[Callable[[int], bytes]] = [_nothing] * limit
        self._places = Places(Stamper(job.run, scenario.payload), chatter=job.target.chatter)
        self._at: list[Place] = [self._places.start(Audience((), 1))] * limit
        self._clients: dict[int, tuple[int, socket.socket]] = {}  # by descriptor, those that are subscribed
        self._stalled: set[int] = set()
        self._away: dict[int, tuple[Place, int]] = {}  # by client: where it was when it was lost, and the moment
        self._audiences: dict[tuple[int, ...], Audience] = {}
        self._touched: list[Step] = []
        times = due_times(scenario)
        self._record = DeliveryRecord(len(times), count_before(times, scenario.warmup))
        self._subscribe_times, self._outages, self._pass_times = Latencies(), Latencies(), Counter[int]()
        self._meter = LoadMeter()
        self._begun = time.monotonic_ns()
        pace = Pace(scenario.connect_rate / scenario.receivers, self._begun)
        self._gate = Gate(self._epoll, resolve(job.target.address), self._request, pace)
        self._gate.ask(range(job.first, job.first + job.count))
        self._random = random.Random(scenario.seed + job.first)
        self._ready, self._stopped = False, False
        self._expected: Expect | None = None
        self._deadline = 0
        self._disconnects = self._reconnects = self._evicted = 0
        self._chores_due = self._progress_due = self._look_due = 0

    def run(self) -> None:
        """Receive until told to stop."""
        while not self._stopped:
            pause = PAUSE if self._gate.idle else PAUSE_WHILE_OPENING
            ready = self._epoll.poll(pause, MAX_READY)
            begun = time.monotonic_ns()
            if ready:
                self._pass(ready)
                self._record.note(self._touched)
                self._touched.clear()
            now = time.monotonic_ns()
            self._pass_times[(now - begun) // 1000] += 1
            if now >= self._chores_due:
                self._chores_due = now + BETWEEN_CHORES
                self._do_chores(now)

    def close(self) -> None:
        """Close all sockets."""
        self._gate.close()
        for _, sock in self._clients.values():
            sock.close()
        self._epoll.close()

    # Receiving: the only loop that counts.

    def _pass(self, ready: list[tuple[int, int]]) -> None:
        receive, at, touched, clock = self._receive, self._at, self._touched, time.monotonic_ns
        for descriptor, _ in ready:
            try:
                chunk = receive[descriptor](RECEIVE_SIZE)
            except BlockingIOError:
                continue
            except OSError:
                chunk = b""
            if not chunk:
                self._attend(descriptor)
                continue
            step = at[descriptor].steps.get(chunk)
            if step is None:
                step = self._read_new(descriptor, chunk)
            arrivals = step.arrivals
            if not arrivals:
                touched.append(step)
            arrivals.append(clock() >> TICK_BITS)
            at[descriptor] = step.place

    def _read_new(self, descriptor: int, chunk: bytes) -> Step:
        if self._places.full:
            self._record.note(self._touched)
            self._touched.clear()
            self._places.forget(self._used_places())
        return self._places.step(self._at[descriptor], chunk)

    def _used_places(self) -> set[Place]:
        return set(self._at) | {place for place, _ in self._away.values()}

    # Everything else: seldom.

    def _attend(self, descriptor: int) -> None:
        if descriptor == self._pipe.fileno():
            self._obey()
        elif descriptor in self._gate:
            self._advance(descriptor)
        elif descriptor in self._stalled:
            self._evicted += 1
            self._stalled.remove(descriptor)
            self._drop(descriptor)
        elif descriptor in self._clients:
            self._lose(descriptor)

    def _obey(self) -> None:
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            message = Stop()
        if isinstance(message, Window):
            self._meter.start(message)
        elif isinstance(message, Expect):
            self._expected = message
            self._deadline = moment_after(self._scenario.patience)
        elif isinstance(message, Stop):
            self._stopped = True

    def _request(self, client: int) -> bytes:
        topics = self._scenario.distribution.topics_of(client, self._scenario.topic_count)
        last = self._away[client][0].where.event_id.decode("latin-1") if client in self._away else ""
        return self._target.subscription([topic_name(self._job.run, topic) for topic in topics], last)

    def _advance(self, descriptor: int) -> None:
        try:
            opened = self._gate.advance(descriptor)
            if opened is not None:
                self._admit(descriptor, opened)
        except OpeningFailed as error:
            self._fail(error)

    def _admit(self, descriptor: int, opened: Opened) -> None:
        """Let a stream in whose response has begun."""
        place = self._start(opened.client)
        step = self._places.step(place, opened.received)
        if step.place.status not in (None, *self._target.subscribe_statuses) or step.faults.corrupt:
            opened.sock.close()
            raise OpeningFailed(opened.client, f"the response was {opened.received[:120]!r}")
        now = time.monotonic_ns()
        self._record.note(self._touched)
        self._touched.clear()
        step.arrivals.append(now >> TICK_BITS)
        self._touched.append(step)
        self._at[descriptor] = step.place
        self._clients[descriptor] = opened.client, opened.sock
        self._welcome(opened, now)
        if is_stalled(opened.client, self._scenario.stalled):
            self._stalled.add(descriptor)
            self._epoll.modify(descriptor, _LEAVING)
        else:
            self._receive[descriptor] = opened.sock.recv

    def _start(self, client: int) -> Place:
        if client in self._away:
            return self._places.restart(self._away[client][0])
        topics = self._scenario.distribution.topics_of(client, self._scenario.topic_count)
        audience = self._audiences.setdefault(topics, Audience(topics, self._scenario.publishers))
        return self._places.start(audience)

    def _welcome(self, opened: Opened, now: int) -> None:
        lost = self._away.pop(opened.client, None)
        if lost is None:
            self._subscribe_times.record((now - opened.begun) // 1000)
        else:
            self._reconnects += 1
            self._outages.record((now - lost[1]) // 1000)

    def _fail(self, error: OpeningFailed) -> None:
        if error.client in self._away:
            self._gate.ask_later(error.client, self._return_moment())
        else:
            self._break(f"subscriber {error.client}: {error}")

    def _lose(self, descriptor: int) -> None:
        client, place = self._clients[descriptor][0], self._at[descriptor]
        self._drop(descriptor)
        self._disconnects += 1
        self._away[client] = place, time.monotonic_ns()
        if self._scenario.reconnect:
            self._gate.ask_later(client, self._return_moment())
        elif not self._ready:
            self._break(f"subscriber {client}: the server ended the stream before all were subscribed")

    def _drop(self, descriptor: int) -> None:
        _, sock = self._clients.pop(descriptor)
        sock.close()
        self._receive[descriptor] = _nothing
        self._at[descriptor] = self._at[self._pipe.fileno()]

    def _return_moment(self) -> int:
        return moment_after(self._random.uniform(*RECONNECT_DELAY))

    def _break(self, reason: str) -> None:
        self._pipe.send(Broken(reason))
        self._stopped = True

    # Chores.

    def _do_chores(self, now: int) -> None:
        self._meter.look(now, self._record.delivered)
        if not self._gate.idle:
            self._open(now)
        if not self._ready and len(self._clients) == self._job.count:
            self._ready = True
            self._pipe.send(Ready(self._job.count, self._begun, now))
        if now >= self._progress_due:
            self._progress_due = now + BETWEEN_PROGRESS
            self._pipe.send(Progress(subscribed=len(self._clients), delivered=self._record.delivered))
        if self._expected is not None and now >= self._look_due:
            self._look_due = now + BETWEEN_LOOKS
            self._finish(now, self._expected)

    def _open(self, now: int) -> None:
        failed = [error for _, error in self._gate.begin(now) if error is not None]
        overdue = self._gate.overdue(now - int(self._scenario.patience * NANOSECONDS))
        failed += [self._gate.abandon(descriptor, "no response in time") for descriptor in overdue]
        for error in failed:
            self._fail(error)

    def _finish(self, now: int, expected: Expect) -> None:
        """Report once every stream has everything, or it is too late."""
        if now < self._deadline and not self._has_everything(expected):
            return
        self._expected = None
        self._pipe.send(self._report(expected))

    def _has_everything(self, expected: Expect) -> bool:
        if self._scenario.reconnect and self._away:
            return False
        return all(not _missing(place, expected) for place in self._reading_places())

    def _reading_places(self) -> Counter[Place]:
        return Counter(self._at[descriptor] for descriptor in self._clients if descriptor not in self._stalled)

    def _report(self, expected: Expect) -> ReceiverReport:
        places = self._reading_places()
        places.update(place for place, _ in self._away.values())
        missing: Counter[tuple[int, int, int]] = Counter()
        for place, count in places.items():
            for event, times in _missing(place, expected).items():
                missing[event] += times * count
        record, passes = self._record, Latencies()
        passes.record_counts(self._pass_times)
        return ReceiverReport(
            faults=record.faults,
            missing=missing,
            delivered=record.delivered,
            window_deliveries=self._meter.counted,
            received=record.received,
            last=record.last,
            latencies=record.latencies().encode(),
            subscribe=self._subscribe_times.encode(),
            passes=passes.encode(),
            outages=self._outages.encode(),
            disconnects=self._disconnects,
            reconnects=self._reconnects,
            evicted=self._evicted,
            load=self._meter.load,
        )


def _missing(place: Place, expected: Expect) -> Counter[tuple[int, int, int]]:
    left = place.where.audience.left(place.where.tally, expected.sent)
    for event in expected.uncertain:
        left.pop(event, None)
    return left


def _nothing(size: int) -> bytes:
    """Stand in for the `recv` of a socket that is not subscribed: it must be looked at closely."""
    return b""
