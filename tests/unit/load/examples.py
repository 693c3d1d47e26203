"""Streams and reports as the generator meets them, for the tests of this room."""

from __future__ import annotations

from longwave.load.accounting import Account
from longwave.load.latency import Summary
from longwave.load.result import Counts, Generator, Rates, Result, Server
from longwave.load.scenario import Scenario
from longwave.load.sequence import Faults
from longwave.load.stamp import Stamp, Stamper
from longwave.load.verdict import Verdict

RUN = "0123abcd"
STAMPER = Stamper(RUN, 100)
NO_TIMES = Summary(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def stamp(event, *, topic=0, publisher=0, sequence=None, intended=1_000_000):
    return Stamp(event, topic, publisher, event if sequence is None else sequence, intended)


def event(one, event_id="e-1"):
    """The lines of an event that carries a stamp."""
    return f"id: {event_id}\ndata: {STAMPER.write(one)}\n\n".encode()


def chunk(content):
    return b"%x\r\n%b\r\n" % (len(content), content)


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSING_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def times(p99, count=100):
    return Summary(count, p99, p99, p99, p99, p99, p99, p99)


def result(rate, p99=1.0, *, verdict=Verdict.VALID, reasons=(), last=None, **scenario):
    """A result whose latencies are all the same."""
    return Result(
        target="http://hub.test",
        scenario=Scenario(rate=rate, **scenario),
        verdict=verdict,
        reasons=tuple(reasons),
        faults=Faults(),
        counts=Counts(10, 0, 0, 0, 10_000, 10_000, 0, 0, 0, 0, 0, 0, 0),
        rates=Rates(rate, 5000.0, rate * 1000, 250_000.0),
        delivery=times(p99),
        last_subscriber=times(p99 if last is None else last),
        acknowledgement=times(0.5),
        subscribe=times(2.0),
        publisher_lag=times(0.1),
        receiver_pass=times(0.2),
        outage=NO_TIMES,
        churn=NO_TIMES,
        generators=(Generator("receiver 1", 0.5, 0.1), Generator("publisher", 0.1, 0.0)),
        server=Server(4.0, 0.4, Account(cpu=1), Account(rss=2**20, pss=2**19)),
        histograms={"delivery": "", "last_subscriber": "", "acknowledgement": ""},
    )
