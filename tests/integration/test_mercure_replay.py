"""The Mercure protocol's reconciliation, row by row, over each kind of log; and streams that end with their token.

Protocol: https://mercure.rocks/spec#reconciliation (draft 07) and what its own hub 0.24 answers. Where a cursor cannot
be placed, this hub also tells a gap, as an event of that type.
"""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest

from integration.conftest import until
from integration.mercure_tokens import ANONYMOUS, KEYED, MERCURE, PUBLISHER, SUBSCRIBER, bearer, post
from integration.stopped_clock import StoppedClock
from longwave import discovery_link
from longwave.core.note import Note
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.address import open_address
from longwave.logs.retention import Retention
from longwave.server.config import Limits

TARGET = f"{MERCURE}?topic=t"
SOON = 0.1  # seconds, after which a token expires and the server looks whether it has


@pytest.fixture(params=["memory", "sqlite"])
def log(request, tmp_path):
    """Make a log that keeps so many updates."""

    def make(events=1_000_000):
        address = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'log.db'}"
        return open_address(address, retention=Retention(events=events), durability="relaxed")

    return make


async def fill(running, *ids, topic="t", private=False):
    for event_id in ids:
        await running.hub.publish(topic, event_id, id=event_id, private=private)


async def resume(running, event_id, *headers, target=TARGET):
    """A client that comes back, and the id that it is told."""
    client = await running.connect()
    head = await client.subscribe(target, f"Last-Event-ID: {event_id}", *headers)
    return client, head.headers.get("last-event-id")


async def gap(client):
    """The reason of the gap that comes next."""
    return (await gap_of(client))["reason"]


async def gap_of(client):
    """What the gap that comes next says; it is a place to resume from."""
    block = await client.block()
    assert block.startswith("event: gap\n")
    told = json.loads(block.partition("data: ")[2])
    assert f"\nid: {told['to']}\n" in block
    return told


# The table.


async def test_known_id_is_told_and_all_that_came_after_it_follows(start, log, sink):
    running = await start(log(), sink=sink, access=ANONYMOUS)
    await fill(running, "a", "b", "c")

    client, told = await resume(running, "a")
    await fill(running, "live")

    assert told == "a"
    assert [await client.data() for _ in range(3)] == ["b", "c", "live"]


async def test_id_that_the_hub_gave_is_known_too(start, log):
    running = await start(log(), access=ANONYMOUS)
    first = await running.hub.publish("t", "1")
    await running.publish("2")

    client, told = await resume(running, first)

    assert (told, await client.data()) == (first, "2")


async def test_last_id_is_known_and_what_follows_is_live(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "a", "b")

    client, told = await resume(running, "b")
    await fill(running, "c")

    assert (told, await client.data()) == ("b", "c")


async def test_earliest_is_told_and_the_whole_history_follows(start, log, sink):
    running = await start(log(), sink=sink, access=ANONYMOUS)
    await fill(running, "a", "b")

    for headers, target in [((), f"{TARGET}&lastEventID=earliest"), (("Last-Event-ID: earliest",), TARGET)]:
        client = await running.connect()
        head = await client.subscribe(target, *headers)
        assert head.headers["last-event-id"] == "earliest"
        assert [await client.data(), await client.data()] == ["a", "b"]


async def test_earliest_of_an_empty_history_is_told_and_what_follows_is_live(start, log):
    running = await start(log(), access=ANONYMOUS)

    client, told = await resume(running, "earliest")
    await fill(running, "a")

    assert (told, await client.data()) == ("earliest", "a")


async def test_unknown_id_is_told_as_the_last_one_and_what_follows_is_live(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "a", "b")

    client, told = await resume(running, "unknown")
    await fill(running, "live")

    assert told == "b"
    assert await gap(client) == "expired"
    assert await client.data() == "live"


async def test_unknown_id_on_an_empty_history_is_told_as_earliest(start, log):
    running = await start(log(), access=ANONYMOUS)

    client, told = await resume(running, "unknown")
    await fill(running, "a")

    assert told == "earliest"
    assert await gap(client) == "expired"
    assert await client.data() == "a"


async def test_unknown_id_is_never_told_as_one_that_the_client_may_not_read(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "public")
    await fill(running, "secret-1", "secret-2", private=True)

    assert (await resume(running, "unknown"))[1] == "public"
    assert (await resume(running, "unknown", bearer(subscribe=["other"])))[1] == "public"
    assert (await resume(running, "unknown", SUBSCRIBER))[1] == "secret-2"


@pytest.mark.parametrize("grants", [None, ["other"], ["other/{id}"], [f"g/{number}" for number in range(500)]])
async def test_unknown_id_is_told_right_below_any_number_of_private_updates(start, log, grants):
    running = await start(log(), access=ANONYMOUS, limits=Limits(head=2**16))
    await fill(running, "public")
    secret = Update(("t",), Event("x"), private=True)
    note = Note("nodes/a", {}).update()
    await running.hub.append([secret] * 300 + [note])

    client, told = await resume(running, "unknown", *([] if grants is None else [bearer(subscribe=grants)]))
    assert told == "public"
    assert await gap_of(client) == {"reason": "expired", "from": "unknown", "to": "public"}
    await fill(running, "hidden", private=True)
    await fill(running, "live")
    assert await client.data() == "live"


@pytest.mark.parametrize("grants", [["t"], ["{any}"], ["*"]])
async def test_unknown_id_is_told_as_the_last_private_update_that_the_client_may_read_and_never_as_a_note(
    start, log, grants
):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "public")
    await fill(running, "secret", private=True)
    await running.hub.append([Note("nodes/a", {}).update("note")])

    client, told = await resume(running, "unknown", bearer(subscribe=grants))

    assert told == "secret"
    assert (await gap_of(client))["to"] == "secret"


async def test_who_resumes_after_the_id_that_a_gap_told_gets_what_came_since(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "a")
    client, _ = await resume(running, "unknown")
    told = (await gap_of(client))["to"]
    await fill(running, "b")

    client, known = await resume(running, told)

    assert (known, await client.data()) == ("a", "b")


async def test_what_is_published_while_an_unknown_id_is_looked_for_is_told_or_follows(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "0")
    for number in range(1, 21):
        resuming, _ = await asyncio.gather(resume(running, "unknown"), fill(running, str(number)))
        client, told = resuming
        await gap_of(client)
        await fill(running, f"{number}-last")
        following = [await client.data()]
        while following[-1] != f"{number}-last":
            following.append(await client.data())
        expected = [str(number), f"{number}-last"] if told != str(number) else [f"{number}-last"]
        assert following == expected


async def test_where_everything_is_private_an_unknown_id_is_told_as_earliest(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "secret", private=True)

    assert (await resume(running, "unknown"))[1] == "earliest"


async def test_id_of_a_log_that_was_lost_is_unknown(start, log):
    running = await start(log(), access=ANONYMOUS)
    await fill(running, "a")

    client, told = await resume(running, "0badcafe-1")

    assert told == "a"
    assert await gap(client) == "restarted"


async def test_id_before_trimmed_history_is_told_as_earliest_and_all_that_is_left_follows(start, log):
    running = await start(log(events=3), access=ANONYMOUS)
    first = await running.hub.publish("t", "1")
    await running.publish("2", "3", "4", "5")

    client, told = await resume(running, first)

    assert told == "earliest"
    assert await gap(client) == "expired"
    assert [await client.data() for _ in range(3)] == ["3", "4", "5"]


async def test_id_at_the_edge_of_trimmed_history_lost_nothing_and_is_known(start, log):
    running = await start(log(events=3), access=ANONYMOUS)
    ids = [await running.hub.publish("t", str(number)) for number in range(5)]

    client, told = await resume(running, ids[1])

    assert told == ids[1]
    assert [await client.data() for _ in range(3)] == ["2", "3", "4"]


async def test_publishers_id_that_was_trimmed_is_unknown(start, log):
    running = await start(log(events=3), access=ANONYMOUS)
    await fill(running, "a", "b", "c", "d", "e")

    client, told = await resume(running, "a")

    assert told == "e"
    assert await gap(client) == "expired"


async def test_history_of_more_than_ten_thousand_updates_is_replayed_from_any_place(start, log, sink):
    """Mercure 0.24.2 finds no cursor behind the first ten thousand; 1,000 events are more than its client is sent."""
    running = await start(log(), sink=sink, access=ANONYMOUS)
    publisher = await running.connect()
    for first in range(0, 12_000, 1000):
        lines = [json.dumps({"topic": "t", "data": str(n), "id": f"id-{n}"}) for n in range(first, first + 1000)]
        batch = {"content_type": "application/x-ndjson", "target": "/events"}
        assert (await post(publisher, "\n".join(lines), PUBLISHER, **batch)).status == 200

    client, told = await resume(running, "id-11997")
    assert (told, [await client.data(), await client.data()]) == ("id-11997", ["11998", "11999"])
    client, told = await resume(running, "id-5")
    assert told == "id-5"
    assert [await client.data() for _ in range(11_994)] == [str(number) for number in range(6, 12_000)]


async def test_replay_has_what_was_asked_for_and_may_be_seen(start, log):
    running = await start(log(), access=KEYED)
    await fill(running, "other", topic="u")
    await fill(running, "public")
    await fill(running, "secret", private=True)
    await fill(running, "last")

    client, _ = await resume(running, "earliest", bearer(subscribe=[]))
    assert [await client.data(), await client.data()] == ["public", "last"]
    client, _ = await resume(running, "earliest", SUBSCRIBER)
    assert [await client.data() for _ in range(3)] == ["public", "secret", "last"]


async def test_history_comes_before_live_updates_without_a_gap_or_a_repetition(start, log, sink):
    running = await start(log(), sink=sink, access=ANONYMOUS)
    await fill(running, *(str(number) for number in range(1, 11)))

    client, _ = await resume(running, "8")
    await fill(running, "11")

    assert [await client.data() for _ in range(3)] == ["9", "10", "11"]


async def test_last_id_of_a_file_is_known_after_a_restart(start, tmp_path):
    address = f"sqlite:{tmp_path / 'hub.db'}"
    running = await start(address, access=ANONYMOUS)
    await fill(running, "a")
    await fill(running, "secret", private=True)
    await running.stop()

    running = await start(address, access=ANONYMOUS)

    assert (await resume(running, "unknown", SUBSCRIBER))[1] == "secret"
    assert (await resume(running, "a"))[1] == "a"


async def test_who_begins_at_the_id_that_a_resource_names_misses_nothing_since_it_was_read(start, log):
    """Discovery: the resource links to its hub with a `last-event-id`, and its reader goes there with that."""
    running = await start(log(), access=ANONYMOUS)
    link = discovery_link(MERCURE, last_event_id=await running.hub.publish("t", "in the resource"))
    await fill(running, "since")
    hub, event_id = re.fullmatch(r'<(.+)>; rel="mercure"; last-event-id="(.+)"', link).groups()
    client = await running.connect()

    head = await client.subscribe(f"{hub}?topic=t&lastEventID={event_id}")

    assert (head.headers["last-event-id"], await client.data()) == (event_id, "since")


# Where the cursor is.


@pytest.mark.parametrize("name", ["lastEventID", "last_event_id", "Last-Event-ID", "lastEventId"])
async def test_cursor_may_be_in_the_query(start, name):
    running = await start(access=ANONYMOUS)
    await fill(running, "a", "b")
    client = await running.connect()

    head = await client.subscribe(f"{TARGET}&{name}=a")

    assert (head.headers["last-event-id"], await client.data()) == ("a", "b")


async def test_cursor_that_a_polyfill_has_appended_goes_before_the_one_of_its_page(start):
    running = await start(access=ANONYMOUS)
    await fill(running, "a", "b", "c", "d")
    client = await running.connect()

    head = await client.subscribe(f"{TARGET}&lastEventID=a&lastEventId=c")

    assert (head.headers["last-event-id"], await client.data()) == ("c", "d")


async def test_header_goes_before_the_query_and_empty_is_none(start):
    running = await start(access=ANONYMOUS)
    await fill(running, "a", "b", "c")

    client, told = await resume(running, "b", target=f"{TARGET}&lastEventID=a")
    assert (told, await client.data()) == ("b", "c")
    client, told = await resume(running, "", target=f"{TARGET}&lastEventID=b")
    assert (told, await client.data()) == ("b", "c")


@pytest.mark.parametrize("event_id", ['id-["https://e.test/books/1"]', "é€", "a b", "a,b;c=d"])
async def test_id_is_any_text_of_one_line(start, event_id):
    running = await start(access=ANONYMOUS)
    await fill(running, event_id, "next")
    client = await running.connect()
    await client.send(f"GET {TARGET} HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {event_id}\r\n\r\n".encode())

    raw = await client.until(b"\r\n\r\n")

    assert f"\r\nLast-Event-ID: {event_id}\r\n".encode() in raw
    client.chunked = True
    assert await client.data() == "next"


@pytest.mark.parametrize("event_id", ["a\rSet-Cookie: x", "a\nSet-Cookie: x", "a\0b", "\u2028", " a", "\x7f"])
async def test_id_that_no_header_can_carry_is_not_told_and_forges_none(start, event_id):
    running = await start(access=ANONYMOUS)
    client = await running.connect()
    encoded = "".join(f"%{byte:02x}" for byte in event_id.encode())

    head = await client.subscribe(f"{TARGET}&lastEventID={encoded}")

    assert "set-cookie" not in head.headers
    assert head.headers["last-event-id"] == "earliest", "it is unknown"


async def test_id_that_is_too_long_for_a_head_is_not_told_but_resumed_after(start):
    running = await start(access=ANONYMOUS)
    long = "x" * 1025
    await fill(running, long, "next")

    client, told = await resume(running, long)

    assert (told, await client.data()) == (None, "next")


# Streams end with their token.


@pytest.mark.parametrize("access", [KEYED, ANONYMOUS])
async def test_stream_ends_cleanly_when_its_token_expires_and_resumes_with_a_fresh_one(start, sink, access):
    running = await start(sink=sink, access=access)
    clock = StoppedClock(running.site)
    expires = clock.now + SOON
    client = await running.connect()
    await client.subscribe(TARGET, bearer(subscribe=["*"], exp=expires))
    looks = clock.looks
    await until(lambda: clock.looks > looks)
    await fill(running, "before", private=True)
    assert await client.data() == "before", "it is not ended before its time"

    clock.now = expires
    assert await client.farewell() == b"", "the last chunk, then the end"
    await fill(running, "after-1", private=True)
    await fill(running, "after-2")

    stale = await running.connect()
    answer = await stale.get(TARGET, bearer(subscribe=["*"], exp=expires), "Last-Event-ID: before")
    assert answer.status == 401
    fresh, told = await resume(running, "before", SUBSCRIBER)
    assert (told, [await fresh.data(), await fresh.data()]) == ("before", ["after-1", "after-2"])


async def test_stream_of_http_1_0_ends_when_its_token_expires(start, sink):
    running = await start(sink=sink, access=KEYED)
    clock = StoppedClock(running.site)
    client = await running.connect()
    await client.subscribe(TARGET, bearer(subscribe=["*"], exp=clock.now + SOON), version="1.0")

    clock.now += SOON
    await client.ended()


async def test_stream_that_is_silent_ends_when_its_token_expires_all_the_same(start, sink):
    """No event and no heartbeat is needed for it."""
    running = await start(sink=sink, access=KEYED, heartbeat=60.0)
    clock = StoppedClock(running.site)
    client = await running.connect()
    await client.subscribe(TARGET, bearer(exp=clock.now + SOON))

    clock.now += SOON
    assert await client.farewell() == b""


async def test_streams_of_others_go_on_when_a_token_expires(start):
    running = await start(access=KEYED)
    clock = StoppedClock(running.site)
    stays = await running.connect()
    await stays.subscribe(TARGET, bearer(subscribe=["*"], exp=time.time() + 600))
    leaves = await running.connect()
    await leaves.subscribe(TARGET, bearer(subscribe=["*"], exp=clock.now + SOON))

    clock.now += SOON
    await leaves.farewell()
    await fill(running, "x", private=True)

    assert await stays.data() == "x"


async def test_nothing_is_left_of_a_client_that_leaves_before_its_token_expires(start, sink):
    running = await start(sink=sink, access=KEYED)
    client = await running.connect()
    await client.subscribe(TARGET, bearer(exp=time.time() + 600))

    client.close()
    # the fixture waits until nothing is left, timers included
