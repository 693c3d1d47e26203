"""Gathering: the reports of all processes of a run into one result.

Not here: what the reports say (messages.py), what the result means (verdict.py, objective.py).
Rules that always hold: histograms are merged, never averaged; an event has reached its last subscriber when all
processes together have as many as subscribe to it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from longwave.load.delivery_record import tick_moment
from longwave.load.distribution import audience_sizes
from longwave.load.latency import Latencies
from longwave.load.popularity import choose_topics
from longwave.load.result import Counts, Generator, Rates, Result, Server
from longwave.load.schedule import NANOSECONDS, count_before, due_times
from longwave.load.sequence import Faults
from longwave.load.verdict import Evidence, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longwave.load.accounting import Account
    from longwave.load.messages import ChurnReport, Load, PublisherReport, Ready, ReceiverReport, Window
    from longwave.load.scenario import Scenario


class Gathering:
    """Makes the result of one run. accounts: the server's at the begin and the end of the window, if it was kept."""

    def __init__(
        self, scenario: Scenario, target: str, window: Window, accounts: tuple[Account, Account] | None
    ) -> None:
        self._scenario, self._target, self._window, self._accounts = scenario, target, window, accounts
        self._times = due_times(scenario)
        self._warmup = count_before(self._times, scenario.warmup)
        topics = scenario.topic_count
        self._topics = choose_topics(len(self._times), topics, zipf=scenario.zipf, seed=scenario.seed)
        self._sizes = audience_sizes(scenario.distribution, scenario.subscribers, topics, scenario.stalled)

    def result(
        self,
        ready: Mapping[int, Ready],
        receivers: Sequence[ReceiverReport],
        publisher: PublisherReport,
        churn: Sequence[ChurnReport],
    ) -> Result:
        """Return the result of these reports."""
        last, incomplete = self._find_last(receivers)
        faults = self._sum_faults(receivers)
        counts = self._count(receivers, publisher, churn, incomplete)
        generators = name_generators(receivers, publisher, churn)
        lag = Latencies.merge([publisher.lag])
        shares = {one.name: one.share for one in generators}
        verdict, reasons = judge(Evidence(faults, self._failures(counts), shares, lag.percentile(99.0)))
        delivery = Latencies.merge(report.latencies for report in receivers)
        acknowledgement = Latencies.merge([publisher.acknowledgements])
        if publisher.refusal:
            reasons.append(f"a publish was refused: {publisher.refusal}")
        return Result(
            target=self._target,
            scenario=self._scenario,
            verdict=verdict,
            reasons=tuple(reasons),
            faults=faults,
            counts=counts,
            rates=self._rates(ready, receivers),
            delivery=delivery.summary(),
            last_subscriber=last.summary(),
            acknowledgement=acknowledgement.summary(),
            subscribe=Latencies.merge(report.subscribe for report in receivers).summary(),
            publisher_lag=lag.summary(),
            receiver_pass=Latencies.merge(report.passes for report in receivers).summary(),
            outage=Latencies.merge(report.outages for report in receivers).summary(),
            churn=Latencies.merge(report.latencies for report in churn).summary(),
            generators=generators,
            server=self._account(receivers),
            histograms={
                "delivery": delivery.encode().decode(),
                "last_subscriber": last.encode().decode(),
                "acknowledgement": acknowledgement.encode().decode(),
            },
        )

    def _find_last(self, receivers: Sequence[ReceiverReport]) -> tuple[Latencies, int]:
        """Return the times until each measured event reached its last subscriber, and how many did not."""
        latencies, incomplete = Latencies(), 0
        times: Counter[int] = Counter()
        for event in range(self._warmup, len(self._times)):
            size = self._sizes[self._topics[event]]
            if sum(report.received[event] for report in receivers) < size:
                incomplete += 1
            elif size:
                last = tick_moment(max(report.last[event] for report in receivers))
                times[(last - self._window.begin - self._times[event]) // 1000] += 1
        latencies.record_counts(times)
        return latencies, incomplete

    def _sum_faults(self, receivers: Sequence[ReceiverReport]) -> Faults:
        faults = Faults()
        for report in receivers:
            faults.add(report.faults)
            faults.gaps += report.missing.total()
        return faults

    def _count(
        self,
        receivers: Sequence[ReceiverReport],
        publisher: PublisherReport,
        churn: Sequence[ChurnReport],
        incomplete: int,
    ) -> Counts:
        sent: Counter[int] = Counter()
        for (topic, _), number in publisher.sent.items():
            sent[topic] += number
        return Counts(
            published=publisher.acknowledged,
            refused=publisher.refused,
            unsent=publisher.unsent,
            uncertain=len(publisher.uncertain),
            delivered=sum(report.delivered for report in receivers),
            expected=sum(number * self._sizes[topic] for topic, number in sent.items()),
            incomplete=incomplete,
            disconnects=sum(report.disconnects for report in receivers),
            reconnects=sum(report.reconnects for report in receivers),
            publisher_disconnects=publisher.disconnects,
            evicted=sum(report.evicted for report in receivers),
            churned=sum(report.done for report in churn),
            churn_failures=sum(report.failed for report in churn),
        )

    def _failures(self, counts: Counts) -> dict[str, int]:
        """Return what must not be. Where a server is meant to go away, those that came back have not failed."""
        lost = counts.disconnects - counts.reconnects if self._scenario.reconnect else counts.disconnects
        failures = {
            "refused publishes": counts.refused,
            "events that were not sent in time": counts.unsent,
            "disconnected subscribers": lost,
            "failed passing subscribers": counts.churn_failures,
        }
        if not self._scenario.reconnect:
            failures["publishes without an answer"] = counts.uncertain - counts.refused
            failures["disconnected publishers"] = counts.publisher_disconnects
        return failures

    def _rates(self, ready: Mapping[int, Ready], receivers: Sequence[ReceiverReport]) -> Rates:
        subscribed = [ready[number] for number in range(len(receivers))]  # the receivers are the first jobs
        begun, done = min(one.begun for one in subscribed), max(one.done for one in subscribed)
        deliveries = sum(report.window_deliveries for report in receivers)
        cpu = sum(report.load.cpu for report in receivers)
        return Rates(
            intended=(len(self._times) - self._warmup) / self._scenario.duration,
            connects=self._scenario.subscribers * NANOSECONDS / max(done - begun, 1),
            deliveries=deliveries / self._scenario.duration,
            deliveries_per_core=deliveries * NANOSECONDS / cpu if cpu else 0.0,
        )

    def _account(self, receivers: Sequence[ReceiverReport]) -> Server | None:
        if self._accounts is None:
            return None
        first, last = self._accounts
        used = last.since(first)
        deliveries = sum(report.window_deliveries for report in receivers)
        return Server(
            cpu_per_delivery=used.cpu_time / 1000 / deliveries if deliveries else 0.0,
            share=used.cpu_time / NANOSECONDS / self._scenario.duration,
            used=used,
            at_end=last,
        )


def name_generators(
    receivers: Sequence[ReceiverReport], publisher: PublisherReport, churn: Sequence[ChurnReport]
) -> tuple[Generator, ...]:
    """Return what each process took of its processor."""
    loads = [(f"receiver {number}", report.load) for number, report in enumerate(receivers, 1)]
    loads.append(("publisher", publisher.load))
    loads.extend(("churn", report.load) for report in churn)
    return tuple(Generator(name, load.share, _waiting(load)) for name, load in loads)


def _waiting(load: Load) -> float:
    return load.waited / load.wall if load.wall else 0.0
