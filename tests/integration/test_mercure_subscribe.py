"""The Mercure protocol's subscriptions: checks in their order, the head, the bytes of events, and who gets which.

How selectors match has tests of its own (unit/core/test_selector.py, test_template.py); here it is shown end to end.
Protocol: https://mercure.rocks/spec#subscription (draft 07) and what its own hub 0.24 answers.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import quote

import pytest

from integration.conftest import until
from integration.mercure_tokens import ANONYMOUS, KEYED, MERCURE, PUBLISHER, SUBSCRIBER, bearer, post
from longwave.errors import LogUnavailable
from longwave.logs.memory import MemoryLog

BROWSER = ("User-Agent: Mozilla/5.0 (X11)", "Cache-Control: no-cache")
TOO_MANY = "&".join(["topic=t"] * 1001)


class FailingLog(MemoryLog):
    """A log that cannot be read for as long as `failure` says so."""

    failure = None

    async def locate(self, event_id):
        if self.failure is not None:
            raise self.failure
        return await super().locate(event_id)


# Checks, in their order.


@pytest.mark.parametrize("query", ["", "?topic=t", f"?{TOO_MANY}", "?topic=%ff", "?authorization=x&topic=%ff"])
async def test_token_is_asked_for_before_anything_else_is_judged(start, query):
    running = await start(access=KEYED)
    client = await running.connect()

    answer = await client.get(MERCURE + query)

    assert (answer.status, answer.body) == (401, b"Unauthorized\n")
    assert running.hub.subscribers == 0


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", 'Missing "topic" parameter.\n'),
        ("?", 'Missing "topic" parameter.\n'),
        ("?topics=t", 'Missing "topic" parameter.\n'),
        (f"?{TOO_MANY}", 'Too many "topic" parameters.\n'),
    ],
)
async def test_topics_are_counted_after_the_token(start, query, text):
    running = await start(access=KEYED)
    client = await running.connect()

    answer = await client.get(MERCURE + query, SUBSCRIBER)

    assert (answer.status, answer.text) == (400, text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_thousand_topics_are_taken(start):
    running = await start(access=KEYED)
    client = await running.connect()
    query = "&".join(f"topic={quote(f'https://example.com/books/{number}', safe='')}" for number in range(1000))

    await client.subscribe(f"{MERCURE}?{query}", SUBSCRIBER)
    await running.publish("x", topic="https://example.com/books/999")

    assert await client.data() == "x"


async def test_log_that_cannot_say_where_the_stream_begins_is_503(start):
    log = FailingLog()
    running = await start(log, access=ANONYMOUS)
    client = await running.connect()
    log.failure = LogUnavailable("expected a disk, got none")

    answer = await client.get(f"{MERCURE}?topic=t", "Last-Event-ID: unknown")

    assert (answer.status, answer.text) == (503, "Service Unavailable\n")
    assert answer.headers["retry-after"] == "1"
    log.failure = None
    assert (await client.get("/healthz")).status == 200, "the connection goes on"


async def test_what_the_protocol_has_no_text_for_is_told_in_a_sentence(start):
    running = await start(access=ANONYMOUS)
    client = await running.connect()

    answer = await client.get(f"{MERCURE}?topic=" + "x" * 4097)

    assert (answer.status, answer.text) == (400, "selector: expected at most 4096 characters, got 4097\n")


# The head and the bytes of a stream.


async def test_head_of_a_stream_is_this_and_no_more(start, sink):
    running = await start(sink=sink, access=ANONYMOUS)
    client = await running.connect()

    head = await client.subscribe(f"{MERCURE}?topic=t")

    assert head.headers.keys() == {
        "date",
        "content-type",
        "transfer-encoding",
        "connection",
        "cache-control",
        "pragma",
        "x-accel-buffering",
        "x-content-type-options",
        "x-frame-options",
        "content-security-policy",
    }
    assert head.headers["content-type"] == "text/event-stream", "without a charset"
    assert head.headers["pragma"] == "no-cache"
    assert head.headers["x-accel-buffering"] == "no"
    wanted = {"private", "no-cache", "no-store", "must-revalidate", "max-age=0"}
    assert wanted <= set(head.headers["cache-control"].split(", "))


async def test_head_names_an_id_only_if_the_client_sent_one(start, sink):
    running = await start(sink=sink, access=ANONYMOUS)
    await running.publish("x")

    for target in (f"{MERCURE}?topic=t", f"{MERCURE}?topic=t&lastEventID="):
        client = await running.connect()
        head = await client.subscribe(target, "Last-Event-ID: ")
        assert "last-event-id" not in head.headers


@pytest.mark.parametrize("access", [KEYED, replace(ANONYMOUS, cors_origins=("https://app.test",))])
async def test_head_names_no_id_of_its_own_to_who_has_a_token_or_comes_from_a_page(start, access):
    running = await start(access=access)
    await running.publish("x")
    client = await running.connect()
    credential = SUBSCRIBER if access is KEYED else "Origin: https://app.test"

    head = await client.subscribe(f"{MERCURE}?topic=t", credential)

    assert "last-event-id" not in head.headers


async def test_body_begins_with_a_comment_and_has_the_fields_in_their_order(start, sink):
    running = await start(sink=sink, access=KEYED)
    client = await running.connect()
    publisher = await running.connect()
    await client.request("GET", f"{MERCURE}?topic=t", SUBSCRIBER)
    await client.head()
    client.chunked = True
    assert await client.piece() == b":\n"

    await post(publisher, "topic=t&data=a%0D%0Ab%0Dc%0Ad&type=kind&id=mine&retry=7", PUBLISHER)
    assert await client.block() == "event: kind\nretry: 7\nid: mine\ndata: a\ndata: b\ndata: c\ndata: d\n\n"

    await post(publisher, "topic=t&id=empty&retry=0", PUBLISHER)
    assert await client.block() == "id: empty\ndata: \n\n", "0 is no time to wait"

    answer = await post(publisher, "topic=t&data=x", PUBLISHER)
    assert await client.block() == f"id: {answer.text}\ndata: x\n\n"


async def test_heartbeat_is_a_lone_comment_line(start, sink):
    running = await start(sink=sink, access=ANONYMOUS, heartbeat=0.05)
    client = await running.subscribe(f"{MERCURE}?topic=t")

    assert [await client.piece(), await client.piece()] == [b":\n", b":\n"]


async def test_hub_names_no_retry_of_its_own(start):
    running = await start(access=ANONYMOUS)
    client = await running.subscribe(f"{MERCURE}?topic=t")
    await running.publish("x")

    assert "retry" not in await client.block()


async def test_browser_is_told_by_a_block_where_its_live_stream_begins(start):
    """EventSource keeps the id and dispatches nothing, so that it misses nothing if it is cut off before an event."""
    running = await start(access=ANONYMOUS)
    before = await running.hub.publish("t", "before")
    client = await running.connect()

    await client.request("GET", f"{MERCURE}?topic=t", *BROWSER)
    await client.head()

    assert await client.piece() == f":\nid: {before}\n\n".encode()


async def test_script_that_fetches_in_a_browser_gets_no_block_without_data(start):
    """Several libraries that use fetch would hand it to their user as an empty event."""
    running = await start(access=ANONYMOUS)
    client = await running.connect()

    await client.subscribe(f"{MERCURE}?topic=t", BROWSER[0], "Accept: text/event-stream")


# Who gets which update.


@pytest.mark.parametrize(
    ("selector", "topic"),
    [
        ("*", "anything"),
        ("https://e.test/books/1", "https://e.test/books/1"),
        ("https%3A%2F%2Fe.test%2Fbooks%2F%7Bid%7D", "https://e.test/books/1"),
        ("https://e.test/books/{id}", "https://e.test/books/1"),
        ("https://e.test/books/{id}", "https://e.test/books/"),
        ("https://e.test/books/{id}", "https://e.test/books/{id}"),
        ("https://e.test/users/foo/{%3Ftopic}", "https://e.test/users/foo/?topic=x"),
        ("faulty{iri", "faulty{iri"),
        ("a+string", "a string"),
    ],
)
async def test_selector_selects(start, selector, topic):
    running = await start(access=ANONYMOUS)
    client = await running.subscribe(f"{MERCURE}?topic={selector}")

    await running.publish("x", topic=topic)

    assert await client.data() == "x"


@pytest.mark.parametrize(
    ("selector", "topic"),
    [
        ("https://e.test/books/{id}", "https://e.test/books/1/2"),
        ("https://e.test/books/1", "https://e.test/books/10"),
        ("https://e.test/books/{id}", "https://e.test/books/é"),
        ("faulty{iri", "faultyiri"),
        ("t", "T"),
    ],
)
async def test_selector_does_not_select(start, selector, topic):
    running = await start(access=ANONYMOUS)
    client = await running.subscribe(f"{MERCURE}?topic={selector}&topic=last")

    await running.publish("x", topic=topic)
    await running.publish("last", topic="last")

    assert await client.data() == "last"


async def test_several_subscribers_get_what_each_asked_for_once(start, sink):
    running = await start(sink=sink, access=ANONYMOUS)
    clients = [await running.subscribe(f"{MERCURE}?topic=a&topic=b&topic=%7Bx%7D") for _ in range(3)]

    await running.hub.publish(("a", "b"), "both")
    await running.hub.publish("c/d", "neither")
    await running.hub.publish("b", "one")

    for client in clients:
        assert [await client.data(), await client.data()] == ["both", "one"]


async def test_update_reaches_the_subscriber_of_an_alternate_topic(start):
    running = await start(access=ANONYMOUS)
    client = await running.subscribe(f"{MERCURE}?topic=alternate")

    await running.hub.publish(("canonical", "alternate"), "x")

    assert await client.data() == "x"


async def test_anonymous_subscriber_gets_public_updates_only(start, sink):
    running = await start(sink=sink, access=ANONYMOUS)
    client = await running.subscribe(f"{MERCURE}?topic=*")
    publisher = await running.connect()

    await post(publisher, "topic=t&data=secret&private=on", PUBLISHER)
    await post(publisher, "topic=t&data=public", PUBLISHER)

    assert await client.data() == "public"


@pytest.mark.parametrize("lists", [{}, {"subscribe": []}, {"publish": ["*"]}, {"subscribe": ["other"]}])
async def test_token_that_grants_nothing_here_shows_public_updates_only(start, lists):
    running = await start(access=KEYED)
    client = await running.subscribe(f"{MERCURE}?topic=*", bearer(**lists))

    await running.hub.publish("t", "secret", private=True)
    await running.hub.publish("t", "public")

    assert await client.data() == "public"


async def test_token_shows_those_private_updates_that_it_grants(start, sink):
    """Reviews 21 to 23 are asked for by a template; two of them are granted."""
    running = await start(sink=sink, access=KEYED)
    reviews = "https://e.test/reviews/"
    client = await running.subscribe(
        f"{MERCURE}?topic={reviews}{{id}}", bearer(subscribe=[f"{reviews}21", f"{reviews}23"])
    )

    for number in (21, 22, 23):
        await running.hub.publish(f"{reviews}{number}", str(number), private=True)
    await running.hub.publish(f"{reviews}22", "public")

    assert [await client.data() for _ in range(3)] == ["21", "23", "public"]


async def test_star_anywhere_in_the_list_grants_all_private_updates(start):
    running = await start(access=KEYED)
    client = await running.subscribe(f"{MERCURE}?topic=*", bearer(subscribe=["random", "*"]))

    await running.hub.publish("any/thing", "secret", private=True)

    assert await client.data() == "secret"


async def test_grant_alone_delivers_nothing_that_was_not_asked_for(start):
    running = await start(access=KEYED)
    client = await running.subscribe(f"{MERCURE}?topic=t", SUBSCRIBER)

    await running.hub.publish("u", "not asked for", private=True)
    await running.hub.publish("t", "asked for", private=True)

    assert await client.data() == "asked for"


@pytest.mark.parametrize("grant", ["https://e.test/users/foo/{?topic}", "https://e.test/users/foo/?topic=b"])
async def test_private_update_may_be_matched_by_one_topic_and_granted_by_another(start, sink, grant):
    running = await start(sink=sink, access=KEYED)
    client = await running.subscribe(f"{MERCURE}?topic=https://e.test/books/{{id}}", bearer(subscribe=[grant]))

    await running.hub.publish(("https://e.test/books/1", "https://e.test/users/bar/?topic=b"), "bar's", private=True)
    await running.hub.publish(("https://e.test/books/1", "https://e.test/users/foo/?topic=b"), "foo's", private=True)

    assert await client.data() == "foo's"


async def test_subscribers_with_equal_grants_in_any_order_share_a_feed(start):
    running = await start(access=KEYED)
    one = await running.subscribe(f"{MERCURE}?topic=t", bearer(subscribe=["a", "b"]))
    two = await running.subscribe(f"{MERCURE}?topic=t&topic=t", bearer(subscribe=["b", "a", "b"], sub="other"))
    feeds = {subscriber.feed for subscriber in running.site.streams()}

    await running.hub.publish(("t", "a"), "x", private=True)

    assert len(feeds) == 1
    assert [await one.data(), await two.data()] == ["x", "x"]


@pytest.mark.parametrize("separator", [",", "_", "|", "&", " ", "\t", "\x1f"])
async def test_topics_written_together_are_not_taken_for_several(start, separator):
    """What was matched is remembered; a memory by joined texts would show private updates to others."""
    running = await start(access=KEYED)
    joined = separator.join("ab")
    several = await running.subscribe(f"{MERCURE}?topic=a&topic=b&topic=last", bearer(subscribe=["a", "b"]))
    one = await running.subscribe(f"{MERCURE}?topic={quote(joined, safe='')}&topic=last", bearer(subscribe=[joined]))

    for _ in range(2):
        await running.hub.publish(("a", "b"), "several", private=True)
        await running.hub.publish(joined, "one", private=True)
    await running.publish("last", topic="last")

    assert [await several.data() for _ in range(3)] == ["several", "several", "last"]
    assert [await one.data() for _ in range(3)] == ["one", "one", "last"]


@pytest.mark.parametrize("separator", [",", "_", "&", ":", "/"])
async def test_selector_and_topic_written_together_are_not_taken_for_others(start, separator):
    """Joined by `_`, `{x}/y_b` with `a/y_b` is the same text as `{x}/y` with `b_a/y_b`; only the first pair matches."""
    running = await start(access=ANONYMOUS)
    first, second = f"a/y{separator}b", f"b{separator}a/y{separator}b"
    longer = await running.subscribe(f"{MERCURE}?topic={quote('{x}/y' + separator + 'b', safe='')}")
    shorter = await running.subscribe(f"{MERCURE}?topic={quote('{x}/y', safe='')}&topic=last")

    await running.publish("x", topic=first)
    await running.publish("x", topic=second)
    await running.publish("last", topic="last")

    assert await longer.data() == "x"
    assert await shorter.data() == "last"


async def test_subscribers_leave_updates_are_published_and_others_come(start, sink):
    """Ten leave, five updates find nobody, twenty come: nothing is stuck and nothing is left."""
    running = await start(sink=sink, access=ANONYMOUS)
    for client in [await running.subscribe(f"{MERCURE}?topic=t") for _ in range(10)]:
        client.close()
    await until(lambda: running.hub.subscribers == 0)
    publisher = await running.connect()
    for _ in range(5):
        assert (await post(publisher, "topic=t&data=nobody", PUBLISHER)).status == 200

    clients = [await running.subscribe(f"{MERCURE}?topic=t") for _ in range(20)]
    await post(publisher, "topic=t&data=all", PUBLISHER)

    assert await asyncio.gather(*(client.data() for client in clients)) == ["all"] * 20
