"""`longwave demo`: real sources of events to try a hub with.

Not here: publishing (client/publisher.py).
Rules that always hold: what is published was measured on this machine; all of one tick is one batch.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click

from longwave.cli.notice import notify
from longwave.cli.quantity import DURATION, Count
from longwave.cli.token_option import token_option
from longwave.core.update import Update
from longwave.errors import RequestFailed
from longwave.eventstream.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longwave.client import SyncPublisher

DEFAULT_URL = "http://127.0.0.1:8080"
LOOPBACK = ("lo", "lo0", "Loopback Pseudo-Interface 1")  # what goes through them stays on this machine

HELP = """Publish this machine's load to the hub at URL.

Processor, memory and network go to the topics PREFIX/cpu, PREFIX/memory and PREFIX/network as JSON, with the types cpu,
memory and network.

\b
Examples:
  longwave demo monitor
  longwave demo monitor http://127.0.0.1:9000 --interval 200ms
  longwave listen http://127.0.0.1:8080 --topic 'monitor/{what}'
"""


class Source(Protocol):
    """Measures something."""

    def measure(self) -> dict[str, dict[str, Any]]:
        """Return named measurements, each a JSON object."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that came and went until a moment (seconds of a steady clock)."""

    moment: float
    received: int
    sent: int

    def rates_since(self, earlier: Traffic) -> dict[str, float]:
        """Return bytes a second since `earlier`; a counter that started anew counts as 0."""
        seconds = max(self.moment - earlier.moment, 1e-9)
        received = max(self.received - earlier.received, 0) / seconds
        return {"in": round(received, 1), "out": round(max(self.sent - earlier.sent, 0) / seconds, 1)}


class Machine:
    """This machine. Rates and shares are since the measurement before."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        psutil.cpu_percent(percpu=True)  # the first call only starts the measurement
        self._traffic = self._count_traffic()

    def measure(self) -> dict[str, dict[str, Any]]:
        """Return the load of processor, memory and network."""
        return {"cpu": self._measure_cpu(), "memory": self._measure_memory(), "network": self._measure_network()}

    def _measure_cpu(self) -> dict[str, Any]:
        cores = self._psutil.cpu_percent(percpu=True)
        load = [round(average, 2) for average in self._psutil.getloadavg()]
        return {"total": round(sum(cores) / max(len(cores), 1), 1), "cores": cores, "load": load}

    def _measure_memory(self) -> dict[str, Any]:
        memory = self._psutil.virtual_memory()
        return {
            "total": memory.total,
            "used": memory.total - memory.available,
            "available": memory.available,
            "percent": memory.percent,
        }

    def _measure_network(self) -> dict[str, Any]:
        earlier, self._traffic = self._traffic, self._count_traffic()
        return self._traffic.rates_since(earlier)

    def _count_traffic(self) -> Traffic:
        counters = self._psutil.net_io_counters(pernic=True).items()
        cards = [card for name, card in counters if name not in LOOPBACK]
        received = sum(card.bytes_recv for card in cards)
        return Traffic(time.monotonic(), received, sum(card.bytes_sent for card in cards))


@click.group("demo", invoke_without_command=True)
@click.pass_context
def group(ctx: click.Context) -> None:
    """Real sources of events to try a hub with."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@group.command("monitor", help=HELP)
@click.argument("url", default=DEFAULT_URL)
@click.option("--topic-prefix", metavar="PREFIX", default="monitor", show_default=True, help="Start of the topics.")
@click.option("--interval", type=DURATION, default="1s", show_default=True, help="Time between measurements.")
@click.option("--count", metavar="N", type=Count(1), help="Stop after N measurements.")
@token_option
def monitor(*, url: str, topic_prefix: str, interval: float, count: int | None, token: str | None) -> None:
    """Publish this machine's load to a hub."""
    from longwave.client import SyncPublisher

    if interval <= 0:
        raise click.BadParameter("expected more than 0 seconds", param_hint="--interval")
    with SyncPublisher(url, token=token, attempts=1) as publisher:  # a measurement is not worth a second one
        notify(f"publishing to {publisher.endpoint.name}, topics {topic_prefix}/cpu, /memory and /network")
        publish_ticks(publisher, Machine(), topic_prefix, ticks(interval, count))


def publish_ticks(publisher: SyncPublisher, source: Source, prefix: str, moments: Iterator[int]) -> None:
    """Publish a measurement at each moment. A hub that was reached once may go and come back."""
    reached = False
    for _ in moments:
        try:
            publisher.append(make_updates(prefix, source.measure()))
            reached = True
        except RequestFailed as error:
            lasting = error.status is not None and error.status < 500
            if lasting or not reached:
                raise
            notify(f"{error}; trying again")


def make_updates(prefix: str, measurements: dict[str, dict[str, Any]]) -> Sequence[Update]:
    """Return one update for each measurement, with its name as the type."""
    return [Update((f"{prefix}/{name}",), Event(json.dumps(measured), name)) for name, measured in measurements.items()]


def ticks(interval: float, count: int | None) -> Iterator[int]:
    """Wait, and yield 1, 2, 3 … every `interval` seconds; what was missed is left out, not made up for."""
    number = 0
    due = time.monotonic()
    while count is None or number < count:
        due = max(due + interval, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        number += 1
        yield number
