"""The benchmark of clients: each reads all events in order, a wrong one is noticed, the page says what was found."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from benchmarks.clients import report
from benchmarks.clients.__main__ import main
from benchmarks.clients.bodies import EVENT, Framing, make_head, make_writes
from benchmarks.clients.memory import FLAT, Sample, find_growth
from benchmarks.clients.readers import LONGWAVE_ASYNC, LONGWAVE_SYNC, READERS, Reader
from benchmarks.clients.reading import Pace, WrongEvent, read
from benchmarks.clients.server import Bodies, serve
from benchmarks.clients.turns import Turn, is_installed, spread

COUNT = 3000  # more than a chunk of many holds
HTTPX_SSE = "httpx-sse connect_sse"


@pytest.fixture(scope="module")
def address():
    """The address of a server in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, Bodies([COUNT])), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


# Reading.


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("name", READERS)
def test_client_reads_every_event_in_order(address, framing, name):
    reader, pace = READERS[name], Pace()
    if not is_installed(reader):
        pytest.skip(f"{reader.package} or {reader.over} is not installed")
    read(reader, f"{address}/{framing.value}/{COUNT}", (1, COUNT - 1), pace.mark)
    figures = pace.figures(COUNT - 1)

    assert figures["rate"] > 0
    assert figures["cpu"] > 0


def reader_of(*ids):
    """A reader that hands out these ids, whatever the URL."""

    @contextmanager
    def give(_):
        yield [SSE(event_id) for event_id in ids]

    return Reader(name="made up", package="longwave", over="nothing", open=give)


def async_reader_of(*ids):
    @asynccontextmanager
    async def give(_):
        yield hand_out(ids)

    return replace(reader_of(), open=give, is_async=True)


async def hand_out(ids):
    for event_id in ids:
        yield SSE(event_id)


class SSE:
    def __init__(self, event_id):
        self.id = event_id


@pytest.mark.parametrize("make", [reader_of, async_reader_of])
@pytest.mark.parametrize(
    ("ids", "came"), [("134", "expected the event 2, got 3"), ("112", "got 1"), ("132", "got 3"), ("12", "got the end")]
)
def test_event_that_is_missing_twice_or_out_of_order_is_noticed(make, ids, came):
    with pytest.raises(WrongEvent, match=came):
        read(make(*ids), "", (1, 2), lambda: None)


@pytest.mark.parametrize("make", [reader_of, async_reader_of])
def test_each_leg_is_marked_when_it_is_read(make):
    marks = []
    read(make(*"123456"), "", (1, 2, 3), lambda: marks.append(1))

    assert len(marks) == 3


# Bodies.


def joined(framing, count):
    return b"".join(make_writes(framing, count))


def test_events_are_numbered_from_one():
    assert joined(Framing.CLOSE, 2) == EVENT % 1 + EVENT % 2


def test_single_framing_has_a_chunk_for_each_event():
    one = EVENT % 1

    assert joined(Framing.SINGLE, 1) == b"%x\r\n%b\r\n0\r\n\r\n" % (len(one), one)


def test_burst_framing_has_many_events_in_a_chunk():
    chunks = list(make_writes(Framing.BURST, COUNT))

    assert len(chunks) == len(joined(Framing.CLOSE, COUNT)) // 65_536 + 2
    assert chunks[0].startswith(b"10000\r\nid: 1\n")


@pytest.mark.parametrize("framing", Framing)
def test_bodies_made_before_are_those_made_while_sent(framing):
    head, made = Bodies([COUNT]).find(f"/{framing.value}/{COUNT}")

    assert head == make_head(framing)
    assert b"".join(made) == b"".join(Bodies().find(f"/{framing.value}/{COUNT}")[1])


# Figures and the page.

TURNS = [
    Turn("burst", LONGWAVE_SYNC, 1, {"cpu": 1.0, "rate": 900_000.0}),
    Turn("burst", LONGWAVE_SYNC, 2, {"cpu": 1.2, "rate": 700_000.0}),
    Turn("burst", LONGWAVE_SYNC, 3, {"cpu": 3.0, "rate": 100_000.0}),
    Turn("burst", HTTPX_SSE, 1, {"cpu": 3.0, "rate": 300_000.0}),
    Turn("burst", "requests-sse EventSource", 1, {"cpu": 0.1, "rate": 1.0}),
    Turn("burst", "requests-sse EventSource", 2, reason="WrongEvent: expected the event 2, got 3"),
]
RECORD = {
    "events": 5,
    "rounds": 3,
    "turns": [
        {"framing": turn.framing, "reader": turn.reader, "round": turn.round}
        | {"figures": turn.figures, "reason": turn.reason}
        for turn in TURNS
    ],
    "memory": [
        {
            "reader": LONGWAVE_ASYNC,
            "samples": [{"events": n, "pss": (10 + n) * 2**20, "rss": 2**25} for n in range(3)],
        }
    ],
}


def test_figure_is_the_median_of_the_rounds_with_its_range():
    found = spread(TURNS, "burst", LONGWAVE_SYNC, "cpu")

    assert (found.median, found.least, found.most) == (1.2, 1.0, 3.0)


def test_ratio_is_to_longwaves_client_of_the_same_kind():
    rows = {row[0]: row[3] for row in report.make_rows(TURNS, "burst")}

    assert rows[HTTPX_SSE] == "2.50"
    assert rows[LONGWAVE_SYNC] == "1.00"


def test_client_that_failed_once_is_shown_last_and_without_figures():
    last = report.make_rows(TURNS, "burst")[-1]

    assert last == ("requests-sse EventSource", "requests", "failed: WrongEvent: expected the event 2, got 3", "-", "-")


def test_page_has_the_tables_and_the_memory():
    page = report.make_page(RECORD)

    assert "| Longwave SyncEventSource | httpx2 | 1.20 (1.00 to 3.00) | 1.00 | 700,000 |" in page
    assert "it grew by 1.00 MiB at most" in page
    assert "## One chunk for each event" not in page  # as nobody read that


@pytest.mark.parametrize(("pss", "rss", "growth"), [([9, 5, 6, 5], [9, 5, 5, 5], 1), ([1, 5, 5], [1, 5, 8], 3)])
def test_growth_counts_from_the_first_leg_on(pss, rss, growth):
    samples = [Sample(0, pss, rss) for pss, rss in zip(pss, rss, strict=True)]

    assert find_growth(samples) == growth


# The commands.


@pytest.mark.slow
def test_command_measures_prints_and_says_how_it_went(capsys):
    status = main(["--events", "100", "--rounds", "1", "--framing", "burst", "--reader", LONGWAVE_SYNC])

    assert status == 0
    assert LONGWAVE_SYNC in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: its account of a process")
def test_memory_stays_flat(capsys):
    """Over 100,000 events, in a process that runs tests; the whole form reads ten million."""
    status = main(["memory", "--events", "100000", "--reader", LONGWAVE_ASYNC, "--reader", LONGWAVE_SYNC])

    assert status == 0, capsys.readouterr().out
    assert FLAT == 2 * 2**20
    assert capsys.readouterr().out.count("100,000 events") == 2
