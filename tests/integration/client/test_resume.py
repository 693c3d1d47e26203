"""Where a client goes on: the id it sends, and the id it keeps once an event is processed.

Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from integration.client.sources import END, take, take_all
from longwave.client import FileCursor, SqliteCursor
from longwave.testing import Answer, Cut, Gate, Send

pytestmark = pytest.mark.usefixtures("quick")


def answer(*events):
    """One write with an event for each (id, data)."""
    return Answer(steps=[Send("".join(f"id: {name}\ndata: {data}\n\n" for name, data in events).encode())])


def ids(server):
    return [request.headers.get("last-event-id") for request in server.requests]


# What is sent.


async def test_no_id_sends_no_header(serve, connect):
    server = serve([Answer(steps=[Send(b"data: a\n\n")])])
    await take_all(connect(server.url))

    assert ids(server) == [None, None]


@pytest.mark.parametrize("event_id", ["1", "…", "€7", "😀", "a b", "é", "x" * 4000, "a\tb", ";,=\"'"])
async def test_id_is_sent_as_its_utf_8_bytes(serve, connect, event_id):
    server = serve([answer((event_id, "a"))])
    await take_all(connect(server.url))

    assert ids(server) == [None, event_id.encode()]
    assert server.requests[1].query == []


@pytest.mark.parametrize("event_id", [" 1", "1 ", "\t1", "1\t", "  ", "a\x01b", "\x7f", "a\x1bb"])
async def test_id_that_no_header_carries_goes_into_the_query(serve, connect, event_id):
    server = serve([Answer(steps=[Send(f"id: {event_id}\ndata: a\n\n".encode())])])
    await take_all(connect(f"{server.url}?q=1"))

    assert ids(server) == [None, None]
    assert server.requests[1].query == [("q", "1"), ("lastEventID", event_id)]


async def test_empty_id_forgets_the_one_before(serve, connect):
    server = serve([answer(("1", "a")), Answer(steps=[Send(b"id\ndata: b\n\n")])])
    await take_all(connect(server.url))

    assert ids(server) == [None, b"1", None]


@pytest.mark.parametrize("event_id", ["7", "earliest", "…"])
async def test_first_request_resumes_after_the_id_that_is_given(serve, connect, event_id):
    server = serve([answer(("8", "a"))])
    await take_all(connect(server.url, last_event_id=event_id))

    assert ids(server) == [event_id.encode(), b"8"]


async def test_id_of_the_response_says_where_a_new_stream_starts(serve, connect):
    """A hub names it, so that what is lost before the first event is resumed too."""
    server = serve([Answer(headers={"Last-Event-ID": "start-0"}), Answer(headers={"Last-Event-ID": "later"})])
    await take_all(connect(server.url))

    assert ids(server) == [None, b"start-0", b"start-0"]


async def test_id_outlives_failures(serve, connect):
    server = serve([answer(("1", "a")), Answer(503), Answer(steps=[Cut()]), answer(("2", "b"))])
    await take_all(connect(server.url))

    assert ids(server) == [None, b"1", b"1", b"1", b"2"]


# What counts as processed.


async def test_event_counts_once_the_next_one_is_asked_for(serve, connect):
    source = connect(serve([answer(("1", "a"), ("2", "b"))]).url)
    seen = []
    while (event := await source.next()) is not END:
        seen.append((event.id, source.wrapped.last_event_id))

    assert seen == [("1", ""), ("2", "1")]
    assert source.wrapped.last_event_id == "2"


async def test_commit_counts_the_event_before_the_next_is_asked_for(serve, connect, tmp_path):
    cursor = FileCursor(tmp_path / "cursor")
    source = connect(serve([answer(("1", "a"))]).url, cursor=cursor)
    await source.next()
    assert cursor.load() == ""
    source.wrapped.commit()

    assert (cursor.load(), source.wrapped.last_event_id) == ("1", "1")


async def test_consumer_that_crashes_gets_the_event_again(serve, connect, tmp_path):
    """The file has the id before the event that was being processed."""
    server = serve([answer(("1", "a"), ("2", "b"), ("3", "c")), answer(("2", "b"))])
    source = connect(server.url, cursor=FileCursor(tmp_path / "cursor"))
    assert await take(source, 2) == ["a", "b"]  # and then the process dies over b
    await source.close()
    assert FileCursor(tmp_path / "cursor").load() == "1"

    after = connect(server.url, cursor=FileCursor(tmp_path / "cursor"))
    assert await take(after, 1) == ["b"]
    assert ids(server) == [None, b"1"]


async def test_stored_id_counts_more_than_the_one_given(serve, connect, tmp_path):
    cursor = FileCursor(tmp_path / "cursor")
    cursor.save("9")
    server = serve([answer(("10", "a"))])
    await connect(server.url, cursor=cursor, last_event_id="1").next()

    assert ids(server) == [b"9"]


async def test_id_without_an_event_is_stored_too(serve, connect, tmp_path):
    cursor = FileCursor(tmp_path / "cursor")
    await take_all(connect(serve([Answer(steps=[Send(b"id: 5\n\n")])]).url, cursor=cursor))

    assert cursor.load() == "5"


async def test_failure_of_the_cursor_reaches_the_consumer_and_the_id_is_saved_at_the_next_try(serve, connect):
    class FullDisk:
        saved = ()
        full = True

        def load(self):
            return ""

        def save(self, event_id):
            if self.full:
                self.full = False
                raise OSError("disk full")
            self.saved += (event_id,)

    cursor = FullDisk()
    source = connect(serve([answer(("1", "a"), ("2", "b"))]).url, cursor=cursor)
    assert await take(source, 1) == ["a"]
    with pytest.raises(OSError, match="disk full"):
        await source.next()

    assert await take(source, 1) == ["b"]
    assert cursor.saved == ("1",)


async def test_reconnection_does_not_move_the_stored_id(serve, connect, tmp_path):
    """The event handed out is not processed while its connection breaks and the consumer still works on it."""
    cursor = FileCursor(tmp_path / "cursor")
    server = serve([Answer(steps=[Send(b"id: 1\ndata: a\n\n"), Gate(), Cut()]), answer(("2", "b"))])
    source = connect(server.url, cursor=cursor)
    assert await take(source, 1) == ["a"]
    server.release()
    assert cursor.load() == ""

    assert await take(source, 1) == ["b"]
    assert (cursor.load(), ids(server)) == ("1", [None, b"1"])


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "work.db", check_same_thread=False)) as database:
        database.execute("CREATE TABLE done (data TEXT)")
        yield database


async def test_sqlite_cursor_commits_with_the_work_of_the_consumer(serve, connect, database):
    """Work and id are in one transaction: a crash between them loses and repeats nothing."""
    server = serve([answer(("1", "a"), ("2", "b"), ("3", "c")), answer(("2", "b"), ("3", "c"))])
    source = connect(server.url, cursor=SqliteCursor(database))
    for crash in (False, True):
        event = await source.next()
        database.execute("INSERT INTO done VALUES (?)", (event.data,))
        source.wrapped.commit()
        if crash:
            database.rollback()
        else:
            database.commit()
    await source.close()
    assert database.execute("SELECT data FROM done").fetchall() == [("a",)]
    assert SqliteCursor(database).load() == "1"

    after = connect(server.url, cursor=SqliteCursor(database))
    while (event := await after.next()) is not END:
        database.execute("INSERT INTO done VALUES (?)", (event.data,))
        after.wrapped.commit()
        database.commit()
    assert database.execute("SELECT data FROM done").fetchall() == [("a",), ("b",), ("c",)]
    assert ids(server) == [None, b"1", b"3"]


async def test_sqlite_cursor_of_a_path_outlives_the_source(serve, connect, tmp_path):
    with closing(SqliteCursor(tmp_path / "ids.db", "orders")) as cursor:
        await take_all(connect(serve([answer(("1", "a"))]).url, cursor=cursor))
    for name, stored in (("orders", "1"), ("others", "")):
        with closing(SqliteCursor(tmp_path / "ids.db", name)) as cursor:
            assert cursor.load() == stored
