"""Streams over real sockets: what a subscriber receives, and when."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import socket
import struct
import termios
from pathlib import Path

import pytest

from integration.conftest import until
from integration.raw_client import RawClient
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from longwave.server.config import Limits

FORM = "application/x-www-form-urlencoded"
BROWSER = ("User-Agent: Mozilla/5.0 (X11)", "Cache-Control: no-cache")  # as its EventSource has them


@pytest.mark.parametrize("path", ["/events", "/.well-known/mercure"])
async def test_stream_is_announced_unbuffered_and_begins_with_a_comment(start, sink, path):
    running = await start(sink=sink)
    client = await running.connect()

    head = await client.subscribe(f"{path}?topic=t&topic=u")

    assert head.headers["content-type"] == "text/event-stream"
    assert head.headers["transfer-encoding"] == "chunked"
    assert "no-cache" in head.headers["cache-control"]
    assert "no-transform" in head.headers["cache-control"]
    assert head.headers["x-accel-buffering"] == "no"
    assert "content-length" not in head.headers


async def test_each_topic_of_a_subscription_is_received_and_no_other(start, sink):
    running = await start(sink=sink)
    client = await running.subscribe("/events?topic=t&topic=u")

    await running.publish("1", topic="t")
    await running.publish("not asked for", topic="v")
    await running.publish("2", topic="u")

    assert [await client.data(), await client.data()] == ["1", "2"]


async def test_fields_of_an_event_come_in_order(start, sink):
    running = await start(sink=sink)
    client = await running.subscribe()

    await running.hub.publish("t", "two\nlines", type="kind", id="mine", retry=7)

    assert await client.block() == "event: kind\nretry: 7\nid: mine\ndata: two\ndata: lines\n\n"


async def test_http_1_0_gets_a_stream_without_chunks_that_ends_with_the_connection(start, sink):
    running = await start(sink=sink)
    client = await running.connect()

    head = await client.subscribe("/events?topic=t", version="1.0")
    await running.publish("1")

    assert "transfer-encoding" not in head.headers
    assert head.headers["connection"] == "close"
    assert await client.data() == "1"


async def test_target_may_be_absolute(start, sink):
    running = await start(sink=sink)
    client = await running.connect()

    await client.send(b"GET http://hub.test/events?topic=t HTTP/1.1\r\nHost: hub.test\r\n\r\n")

    assert (await client.head()).status == 200


async def test_offer_of_http_2_is_answered_as_http_1_1(start, sink):
    running = await start(sink=sink)
    client = await running.connect()

    await client.subscribe(
        "/events?topic=t",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    )
    await running.publish("1")

    assert await client.data() == "1"


async def test_publish_with_an_offer_of_http_2_keeps_its_body(start):
    running = await start()
    client = await running.connect()

    for text in ("1", "2"):
        answer = await client.post(f"topic=t&data={text}", FORM, "Connection: Upgrade", "Upgrade: h2c")
        assert answer.status == 200

    assert await running.stored() == ["1", "2"]


# Heartbeats.


async def test_silence_is_broken_by_a_comment_line(start, sink):
    running = await start(sink=sink, heartbeat=0.05)
    client = await running.subscribe()

    assert [await client.piece(), await client.piece()] == [b":\n", b":\n"]


async def test_stream_that_is_not_silent_gets_no_heartbeat(start, sink):
    """If the machine stood still it was silent: heartbeats are held against the silence that this test saw."""
    running = await start(sink=sink, heartbeat=0.5)
    clock = asyncio.get_running_loop().time
    begun = silent_since = clock()
    client = await running.subscribe()

    while clock() < begun + 0.8:
        publishing_since, heartbeats = clock(), 0
        await running.publish("x")
        while await client.piece() == b":\n":
            heartbeats += 1
            assert clock() - silent_since > heartbeats * 0.45
        silent_since = publishing_since
        await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["epoll", "transport"])
async def test_options_of_the_command_reach_the_streams(launch, kind):
    hub = await launch("--sink", kind, "--heartbeat", "50ms", "--send-timeout", "300ms")
    healthy, stalled = await RawClient.connect(hub.address), await RawClient.connect(hub.address, receive_buffer=4096)
    publisher = await RawClient.connect(hub.address)
    with contextlib.closing(healthy), contextlib.closing(stalled), contextlib.closing(publisher):
        await healthy.subscribe("/events?topic=other")
        assert [await healthy.piece(), await healthy.piece()] == [b":\n", b":\n"]
        await stalled.subscribe("/events?topic=t")
        for _ in range(8):
            await publisher.post("topic=t&data=" + "x" * 60_000)
        for _ in range(20):  # a second of heartbeats
            await healthy.piece()

        assert len(await stalled.rest()) < 400_000, "it was cut off"


# Resuming.


@pytest.mark.parametrize("how", ["header", "lastEventID", "last_event_id"])
async def test_resume_by_header_or_query_replays_what_came_after(start, sink, how):
    running = await start(sink=sink)
    ids = [await running.hub.publish("t", str(number), id=f"né{number}") for number in range(4)]
    query = "" if how == "header" else f"&{how}=n%C3%A91"
    headers = [f"Last-Event-ID: {ids[1]}"] if how == "header" else []

    client = await running.subscribe(f"/events?topic=t{query}", *headers)

    assert [await client.data(), await client.data()] == ["2", "3"]


async def test_header_wins_over_query(start, sink):
    running = await start(sink=sink)
    ids = [await running.hub.publish("t", str(number)) for number in range(3)]

    client = await running.subscribe(f"/events?topic=t&lastEventID={ids[0]}", f"Last-Event-ID: {ids[1]}")

    assert await client.data() == "2"


async def test_earliest_replays_everything(start, sink):
    running = await start(sink=sink)
    await running.publish("1", "2", "3")

    client = await running.subscribe("/events?topic=t&lastEventID=earliest")

    assert [await client.data() for _ in range(3)] == ["1", "2", "3"]


async def test_replay_and_live_join_without_loss_repetition_or_disorder(start, sink):
    """Publishing goes on while clients come, each from the beginning."""
    running = await start(sink=sink)
    await running.publish(*(str(number) for number in range(300)))

    async def publish():
        for number in range(300, 900):
            await running.publish(str(number))

    publishing = asyncio.create_task(publish())
    clients = [await running.subscribe("/events?topic=t&lastEventID=earliest") for _ in range(5)]
    await publishing

    expected = [str(number) for number in range(900)]
    for client in clients:
        text = b""
        while b"data: 899\n\n" not in text:
            text += await client.piece()
        lines = text.decode().split("\n")
        assert [line.removeprefix("data: ") for line in lines if line.startswith("data: ")] == expected


async def test_resume_from_what_the_log_dropped_is_told_as_expired_then_goes_on(start, sink):
    running = await start(MemoryLog(Retention(events=2)), sink=sink)
    ids = [await running.hub.publish("t", str(number)) for number in range(5)]

    client = await running.subscribe("/events?topic=t", f"Last-Event-ID: {ids[0]}")
    block = await client.block()

    assert block.startswith("event: gap\n")
    gap = json.loads(block.partition("data: ")[2])
    assert gap == {"reason": "expired", "from": ids[0], "to": ids[2]}
    assert [await client.data(), await client.data()] == ["3", "4"]


async def test_resume_against_another_life_of_the_log_is_told_as_restarted_then_is_live(start, sink):
    running = await start(sink=sink)
    await running.publish("before")

    client = await running.subscribe("/events?topic=t", "Last-Event-ID: 0badcafe-7")
    gap = await client.data()
    await running.publish("after")

    assert json.loads(gap)["reason"] == "restarted"
    assert await client.data() == "after"


@pytest.mark.parametrize("event_id", [b"\xff\xfe", b"x" * 3000, b"nobody's", b"0badcafe-99999999999999999999999"])
async def test_last_event_id_that_nobody_gave_out_is_a_gap_and_no_error(start, sink, event_id):
    running = await start(sink=sink)
    client = await running.connect()

    await client.send(b"GET /events?topic=t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: " + event_id + b"\r\n\r\n")

    assert (await client.head()).status == 200
    assert (await client.block()).startswith("event: gap\n")


async def test_private_update_does_not_reach_an_anonymous_subscriber(start, sink):
    running = await start(sink=sink)
    client = await running.subscribe()

    await running.hub.publish("t", "secret", private=True)
    await running.publish("public")

    assert await client.data() == "public"


# Clients that do not behave.


async def test_client_that_never_reads_holds_little_delays_nobody_and_is_cut_off(start, sink):
    running = await start(sink=sink, send=0.6, heartbeat=5.0)
    healthy = await running.subscribe()
    stalled = await running.subscribe(receive_buffer=4096)
    subscriber = next(one for one in running.site.streams() if is_at(one, stalled))
    leave_it_to_the_hub(subscriber)
    text = "x" * 8000
    held = 0

    for number in range(150):
        await running.publish(f"{number} {text}")
        assert (await healthy.data()).startswith(f"{number} ")
        held = max(held, subscriber.size_held)
    await until(lambda: running.hub.subscribers == 1)

    assert 0 < held <= running.hub.delivery.limits.lag
    assert len(await stalled.rest()) < 300_000  # what kernels and transports held of 1.2 MB


def is_at(subscriber, client):
    """Whether a subscriber's socket is the other end of a client's."""
    return socket_of(subscriber).getpeername() == client.sock.getsockname()


def socket_of(subscriber):
    sink = subscriber.sink
    return sink if hasattr(sink, "getpeername") else sink._transport.get_extra_info("socket")


def leave_it_to_the_hub(*subscribers):
    """Let the kernel not be the one that gives up a client which does not read."""
    for subscriber in subscribers:
        socket_of(subscriber).setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3_600_000)


async def test_client_that_reads_too_slowly_is_cut_off(start, sink):
    """Some bytes now and then are no progress: 16 KiB within the send timeout are."""
    running = await start(sink=sink, send=0.5)
    client = await running.subscribe(receive_buffer=4096)
    leave_it_to_the_hub(*running.site.streams())

    async def read_slowly():
        while running.hub.subscribers:
            await client.exactly(1)
            await asyncio.sleep(0.01)

    await running.publish(*["x" * 60_000] * 10)

    async with asyncio.timeout(8):
        await read_slowly()


async def test_client_that_catches_up_again_gets_everything_in_order(start, sink):
    """It lagged past what is held for it, so the log fed it, and no byte of a frame was lost."""
    running = await start(sink=sink, limits=Limits(lag=20_000))
    client = await running.subscribe(receive_buffer=4096)
    texts = [f"{number} " + "x" * 3000 for number in range(200)]

    await running.publish(*texts)

    assert [await client.data() for _ in texts] == texts


async def test_frame_larger_than_every_buffer_arrives_whole(start, sink):
    running = await start(sink=sink)
    client = await running.subscribe(receive_buffer=4096)
    text = "".join(str(number) for number in range(120_000))

    await running.publish(text, "next")

    assert await client.data() == text
    assert await client.data() == "next"


async def test_client_that_goes_on_sending_harms_nobody(start, sink):
    running = await start(sink=sink, heartbeat=0.3)
    talker = await running.subscribe()
    listener = await running.subscribe()

    async def talk():
        while True:
            await talker.send(b"GET /events HTTP/1.1\r\n\r\n" * 1000)

    talking = asyncio.create_task(talk())
    for number in range(50):
        await running.publish(str(number))
        assert await listener.data() == str(number)
        assert await talker.data() == str(number)
    talking.cancel()
    await asyncio.wait([talking])

    assert max(unread(one) for one in running.site.streams()) < 65_536


def unread(subscriber):
    """Bytes that the kernel holds because nobody reads them."""
    return struct.unpack("i", fcntl.ioctl(socket_of(subscriber).fileno(), termios.FIONREAD, bytes(4)))[0]


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
async def test_client_that_leaves_is_forgotten_at_once(start, sink, how):
    running = await start(sink=sink)
    client = await running.subscribe()
    assert running.hub.subscribers == 1

    getattr(client, how)()

    await until(lambda: running.empty)


async def test_requests_after_a_stream_began_are_not_answered(start, sink):
    running = await start(sink=sink)
    client = await running.connect()
    body = b"topic=t&data=never"
    get = b"GET /events?topic=t HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    post = f"POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    await client.send(get + post + body + post + body[:5])
    await client.head()
    await running.publish("1")

    assert await client.data() == "1"
    assert await running.stored() == ["1"]
    assert running.site.bodies.held == 0


async def test_stream_after_a_publish_on_the_same_connection(start, sink):
    running = await start(sink=sink)
    client = await running.connect()

    assert (await client.post("topic=t&data=1")).status == 200
    await client.subscribe("/events?topic=t&lastEventID=earliest")

    assert await client.data() == "1"


async def test_coming_and_going_leaves_nothing_behind(start, sink):
    running = await start(sink=sink)
    await (await running.connect()).get("/healthz")
    files = open_files()

    for _ in range(10):
        clients = [await running.subscribe() for _ in range(20)]
        await running.publish("x")
        for place, client in enumerate(clients):
            client.reset() if place % 2 else client.close()
        await until(lambda: running.hub.subscribers == 0)

    await until(lambda: open_files() <= files)
    assert running.site.limits.open == 1


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_head_of_a_stream_ends_at_once_and_subscribes_nobody(start, sink):
    running = await start(sink=sink)
    client = await running.connect()

    await client.request("HEAD", "/events?topic=t")
    head = await client.answer(head_only=True)

    assert head.status == 200
    assert head.headers["content-type"] == "text/event-stream"
    assert running.hub.subscribers == 0
    assert (await client.get("/healthz")).status == 200


async def test_head_of_a_live_stream_names_the_id_after_which_it_goes_on(start, sink):
    running = await start(sink=sink)
    before = await running.hub.publish("t", "before")
    client = await running.connect()

    head = await client.subscribe("/events?topic=t")
    await running.publish("after")

    assert head.headers["last-event-id"] == before
    assert await client.data() == "after"


async def test_resumed_stream_names_the_id_that_it_resumes_after(start, sink):
    running = await start(sink=sink)
    before = await running.hub.publish("t", "before")
    client = await running.connect()

    head = await client.subscribe("/events?topic=t", f"Last-Event-ID: {before}", *BROWSER)
    await running.publish("after")

    assert head.headers["last-event-id"] == before
    assert await client.data() == "after"


async def test_browser_is_told_the_start_by_a_block_without_data(start, sink):
    running = await start(sink=sink)
    before = await running.hub.publish("t", "before")
    client = await running.connect()

    await client.request("GET", "/events?topic=t", *BROWSER)
    await client.head()

    assert await client.piece() == f":\nid: {before}\n\n".encode()
