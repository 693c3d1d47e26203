"""The driver over a transport in memory: what it asks, hands out, saves, closes and tells, on every path."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx2
import pytest

from longwave.client.event_source import PIECE, EventSource
from longwave.client.observer import Observer
from longwave.client.policy import Action
from longwave.client.reconnection import Patience
from longwave.client.session import State
from longwave.core.gap import Gap, Reason, raise_gap
from longwave.errors import EventTooLarge, GapFound, InvalidValue, LongwaveError, RequestFailed
from longwave.eventstream import encode
from unit.client.scripted_transport import EVENT_STREAM, HANG, URL, Kept, Recorder, Stream, Transport, event
from virtual_time import in_virtual_time, settle, until

GAP = Gap(Reason.EXPIRED, "1", "5")


def source_over(*script, url=URL, on_open=None, **options):
    transport = Transport(*script, on_open=on_open)
    return EventSource(url, transport=transport, **options), transport


async def take(source, count):
    return [(await anext(source)).data for _ in range(count)]


async def take_all(source):
    return [event.data async for event in source]


# What is asked.


@in_virtual_time
async def test_request_is_what_the_options_say():
    source, transport = source_over(
        Stream(),
        url="http://hub.test/events?a=1#part",
        method="POST",
        body=b"question",
        headers={"X-Own": "é"},
        token="abc",
        topics=["orders/{id}"],
        last_event_id="7",
        connect_timeout=2.0,
        idle=9.0,
        event_idle=8.0,
    )
    await take_all(source)

    request = transport.requests[0]
    assert (request.method, request.body) == ("POST", b"question")
    assert request.url == source.url == "http://hub.test/events?a=1&topic=orders%2F%7Bid%7D"
    assert (request.connect_timeout, request.read_timeout) == (2.0, 8.0)
    assert dict(request.headers) == {
        b"Accept": b"text/event-stream",
        b"Accept-Encoding": b"identity",
        b"Cache-Control": b"no-cache",
        b"X-Own": "é".encode(),
        b"Authorization": b"Bearer abc",
        b"Last-Event-ID": b"7",
    }


@in_virtual_time
async def test_headers_and_token_are_asked_for_anew_at_each_connection():
    asked = iter(range(10))

    async def token():
        return f"t{next(asked)}"

    source, transport = source_over(
        Stream(event(1)), Stream(event(2)), token=token, headers=lambda: {"X": str(next(asked))}
    )
    await take_all(source)

    assert [(dict(r.headers)[b"X"], dict(r.headers)[b"Authorization"]) for r in transport.requests] == [
        (b"0", b"Bearer t1"),
        (b"2", b"Bearer t3"),
        (b"4", b"Bearer t5"),
    ]


@in_virtual_time
async def test_id_that_no_header_carries_is_resumed_by_the_query():
    source, transport = source_over(Stream(b"id:  7\ndata: a\n\n"))
    await take_all(source)

    assert [request.url for request in transport.requests] == [URL, f"{URL}?lastEventID=+7"]


@in_virtual_time
async def test_user_and_password_of_the_url_go_into_a_header():
    source, transport = source_over(Stream(), url="http://u:p@hub.test/events")
    await take_all(source)

    assert transport.requests[0].url == source.url == URL
    assert dict(transport.requests[0].headers)[b"Authorization"] == b"Basic dTpw"


# Reconnection.


@in_virtual_time
async def test_every_end_of_a_stream_is_followed_by_the_next_until_204():
    recorder = Recorder()
    source, transport = source_over(
        Stream(event(1)),
        ConnectionError("refused"),
        Stream(event(2), ConnectionError("reset")),
        Stream(status=503, headers={"retry-after": "40"}),
        Stream(event(3), TimeoutError()),
        observer=recorder,
    )

    assert await take_all(source) == ["1", "2", "3"]
    assert transport.resumed_after == ["", "1", "1", "2", "2", "3"]
    assert [news[1] for news in recorder.told if news[0] == "retry"] == [
        f"{URL}: the stream ended",
        f"{URL}: refused",
        f"{URL}: reset",
        f"{URL}: the server answered 503",
        f"{URL}: no byte came for 60 s",
    ]
    assert recorder.delays[3] >= 40.0
    assert recorder.told[-1] == ("closed", "the server answered 204, nothing more")
    assert source.state is State.CLOSED
    assert transport.left_open == []


@in_virtual_time
async def test_error_without_a_text_is_told_by_its_name():
    recorder = Recorder()
    await take_all(source_over(ConnectionResetError(), observer=recorder)[0])

    assert recorder.told[0][1] == f"{URL}: ConnectionResetError"


@in_virtual_time
async def test_it_waits_as_long_as_it_told():
    recorder = Recorder()
    source, _ = source_over(Stream(b"retry: 2000\n" + event(1)), observer=recorder)
    before = asyncio.get_running_loop().time()
    await take_all(source)

    assert 1.8 <= recorder.delays[0] <= 2.2
    assert asyncio.get_running_loop().time() - before == pytest.approx(recorder.delays[0], abs=0.05)


@in_virtual_time
async def test_refused_token_is_replaced_at_once_and_its_response_closed():
    tokens = iter(["old", "new"])
    recorder = Recorder()
    source, transport = source_over(
        Stream(status=401, headers={}), Stream(event(1), HANG), token=lambda: next(tokens), observer=recorder
    )

    assert await take(source, 1) == ["1"]
    assert [dict(r.headers)[b"Authorization"] for r in transport.requests] == [b"Bearer old", b"Bearer new"]
    assert transport.streams[0].closings == 1
    assert recorder.names == ["opened", "event"]
    await source.close()


@in_virtual_time
async def test_it_gives_up_with_the_last_reason_and_status():
    source, transport = source_over(
        ConnectionError("refused"), Stream(status=503, headers={}), patience=Patience(attempts=2)
    )

    with pytest.raises(RequestFailed, match=r"answered 503 \(gave up after 2 failed attempts\)$") as caught:
        await anext(source)
    assert caught.value.status == 503
    assert source.state is State.CLOSED
    assert transport.left_open == []


# Failures.


@pytest.mark.parametrize(
    ("stream", "options", "message", "status"),
    [
        (
            lambda: Stream(b"no such\n\n thing" + b"!" * 5000, status=404),
            {},
            f"{URL}: the server answered 404: no such thing!",
            404,
        ),
        (lambda: Stream(status=404), {}, f"{URL}: the server answered 404", 404),
        (lambda: Stream(ConnectionError(), status=404), {}, f"{URL}: the server answered 404", 404),
        (lambda: Stream(status=401), {"token": "fixed"}, f"{URL}: the server answered 401", 401),
        (lambda: Stream(headers={}), {}, f"expected text/event-stream from {URL}, got no content type", 200),
        (
            lambda: Stream(headers={"content-type": "text/html"}),
            {},
            f"expected text/event-stream from {URL}, got text/html",
            200,
        ),
        (lambda: Stream(b"x"), {"policy": lambda _: Action.FAIL}, f"{URL}: the server answered 200: x", 200),
    ],
)
@in_virtual_time
async def test_failure_is_raised_once_told_and_leaves_nothing_open(stream, options, message, status):
    recorder = Recorder()
    source, transport = source_over(stream(), observer=recorder, **options)

    with pytest.raises(RequestFailed) as caught:
        await anext(source)

    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 600
    assert caught.value.status == status
    assert recorder.told == [("error", str(caught.value)), ("closed", str(caught.value))]
    assert source.state is State.CLOSED
    assert transport.left_open == []
    assert await take_all(source) == []
    assert len(transport.requests) == 1


@in_virtual_time
async def test_failure_of_the_transport_is_for_good():
    source, transport = source_over(RequestFailed("too many redirects"))

    with pytest.raises(RequestFailed, match="too many redirects"):
        await anext(source)
    assert await take_all(source) == []
    assert len(transport.requests) == 1


@in_virtual_time
async def test_event_beyond_the_limit_fails_after_those_before_it():
    kept = Kept()
    source, transport = source_over(Stream(event(1) + b"data: " + b"x" * 200), max_line=100, max_event=100, cursor=kept)
    large, _ = source_over(Stream(event(1) + b"id: 2\n" + b"data: 1234567890\n" * 20), max_event=100)

    assert await take(source, 1) == ["1"]
    with pytest.raises(LongwaveError, match="at most 100 bytes"):
        await anext(source)
    assert kept.saved == ["1"]
    assert await take(large, 1) == ["1"]
    with pytest.raises(EventTooLarge):
        await anext(large)
    assert transport.left_open == []
    assert await take_all(source) == await take_all(large) == []


@in_virtual_time
async def test_messages_hold_no_secret_of_the_url(caplog):
    caplog.set_level("DEBUG", "longwave.client")
    url = "http://user:s3cret@hub.test/events?authorization=s3cret&topic=a"
    source, _ = source_over(
        ConnectionError("refused"), Stream(event(1), url=url), Stream(b"", status=403), url=url, topics=["b"]
    )

    assert await take(source, 1) == ["1"]
    with pytest.raises(RequestFailed) as caught:
        await anext(source)
    assert "http://hub.test/events?authorization=***&topic=a&topic=b: refused" in caplog.text
    assert "s3cret" not in caplog.text + str(caught.value)


# What is processed.


@in_virtual_time
async def test_id_counts_once_the_next_event_is_asked_for():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2), event(3)), cursor=kept)
    seen = [(received.id, source.last_event_id, list(kept.saved)) async for received in source]

    assert seen == [("1", "", []), ("2", "1", ["1"]), ("3", "2", ["1", "2"])]
    assert kept.saved == ["1", "2", "3"]


@in_virtual_time
async def test_commit_counts_at_once_and_once():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2)), cursor=kept)
    await anext(source)
    source.commit()
    source.commit()

    assert kept.saved == ["1"]
    assert source.last_event_id == "1"
    await anext(source)
    assert kept.saved == ["1"]


@in_virtual_time
async def test_cursor_counts_more_than_the_first_id():
    source, transport = source_over(cursor=Kept("9"), last_event_id="3")
    await take_all(source)

    assert transport.resumed_after == ["9"]
    assert source.last_event_id == "9"


@in_virtual_time
async def test_block_without_data_counts_after_the_events_before_it():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + b"id: 5\n\n"), cursor=kept)

    assert await take_all(source) == ["1"]
    assert kept.saved == ["1", "5"]


@in_virtual_time
async def test_events_without_ids_are_not_saved_again():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + b"data: a\n\ndata: b\n\n"), cursor=kept)

    assert await take_all(source) == ["1", "a", "b"]
    assert kept.saved == ["1"]


@in_virtual_time
async def test_id_that_the_hub_names_at_the_start_is_saved():
    kept = Kept()
    source, transport = source_over(
        Stream(HANG, headers={**EVENT_STREAM, "last-event-id": "4"}), Stream(status=204), cursor=kept
    )
    task = asyncio.create_task(anext(source))
    await transport_reads(transport)
    await source.close()
    with pytest.raises(StopAsyncIteration):
        await task

    assert kept.saved == ["4"]


async def transport_reads(transport):
    """Wait until the last stream hangs."""
    await until(lambda: transport.streams and transport.streams[-1].reading.is_set())


@in_virtual_time
async def test_events_that_were_not_handed_out_do_not_count():
    """They came in the same chunk, and the parser is past them: after a restart they must come again."""
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2) + event(3), HANG), cursor=kept)
    await anext(source)
    await source.close()

    assert await take_all(source) == []
    assert kept.saved == ["1"]
    assert source.last_event_id == "1"


@in_virtual_time
async def test_event_whose_work_failed_does_not_count():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2)), cursor=kept)

    async def work():
        async with source:
            async for received in source:
                _ = 1 / (2 - int(received.data))

    with pytest.raises(ZeroDivisionError):
        await work()

    assert kept.saved == ["1"]


@in_virtual_time
async def test_cursor_that_cannot_save_stops_nothing_and_loses_nothing():
    kept = Kept(fails=2)
    source, transport = source_over(Stream(event(1) + event(2)), cursor=kept)
    assert await take(source, 1) == ["1"]
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            await anext(source)

    assert await take(source, 1) == ["2"]
    assert kept.saved == ["1"]
    kept.fails = 1
    with pytest.raises(OSError, match="disk full"):
        await anext(source)
    assert await take_all(source) == []
    assert kept.saved == ["1", "2"]
    assert len(transport.requests) == 2


@in_virtual_time
async def test_cursor_that_fails_at_a_block_without_data_keeps_the_connection():
    kept = Kept(fails=1)
    source, transport = source_over(Stream(b"id: 5\n\n", event(6)), cursor=kept)
    with pytest.raises(OSError, match="disk full"):
        await anext(source)

    assert await take(source, 1) == ["6"]
    assert kept.saved == ["5"]
    assert len(transport.requests) == 1


# Gaps.


def gap_stream():
    return Stream(event(1) + encode(GAP.event()) + event(6), HANG)


@in_virtual_time
async def test_gap_is_an_event_by_default():
    source, _ = source_over(gap_stream())
    events = [await anext(source) for _ in range(3)]
    await source.close()

    assert [received.type for received in events] == ["message", "gap", "message"]


@pytest.mark.parametrize("is_async", [False, True])
@in_virtual_time
async def test_gap_is_told_instead_and_counts(is_async):
    gaps, kept = [], Kept()

    async def on_gap(gap):
        await asyncio.sleep(0)
        gaps.append(gap)

    source, _ = source_over(gap_stream(), on_gap=on_gap if is_async else gaps.append, cursor=kept)

    assert await take(source, 2) == ["1", "6"]
    assert gaps == [GAP]
    assert kept.saved == ["1", "5"]
    await source.close()


@in_virtual_time
async def test_what_on_gap_raises_reaches_the_consumer_once_and_ends_nothing():
    source, transport = source_over(gap_stream(), on_gap=raise_gap)
    assert await take(source, 1) == ["1"]
    with pytest.raises(GapFound):
        await anext(source)

    assert await take(source, 1) == ["6"]
    assert len(transport.requests) == 1
    await source.close()


@in_virtual_time
async def test_event_that_only_has_the_type_of_a_gap_is_an_event():
    source, _ = source_over(Stream(b"event: gap\ndata: mind it\n\n"), on_gap=raise_gap)

    assert await take_all(source) == ["mind it"]


# What callables raise.


def once(error):
    errors = [error]

    def fail(*_):
        if errors:
            raise errors.pop()
        return {}

    return fail


@in_virtual_time
async def test_what_a_callable_raises_reaches_the_consumer_and_the_source_goes_on():
    source, transport = source_over(Stream(event(1)), headers=once(KeyError("vault")))
    with pytest.raises(KeyError, match="vault"):
        await anext(source)

    assert transport.requests == []
    assert await take_all(source) == ["1"]


@in_virtual_time
async def test_callable_that_is_not_connected_is_tried_again():
    recorder = Recorder()
    source, _ = source_over(Stream(event(1)), headers=once(ConnectionError("vault is away")), observer=recorder)

    assert await take_all(source) == ["1"]
    assert recorder.told[0][:2] == ("retry", f"{URL}: vault is away")


@in_virtual_time
async def test_header_that_cannot_be_is_for_good():
    source, _ = source_over(Stream(event(1)), headers=lambda: {"X": "a\nb"})
    with pytest.raises(InvalidValue, match=r"^X: expected"):
        await anext(source)

    assert await take_all(source) == []


@in_virtual_time
async def test_policy_that_raises_leaves_no_response_open():
    calls = []

    def policy(response):
        calls.append(response)
        if len(calls) == 1:
            raise ZeroDivisionError
        return Action.STREAM if response.status == 200 else Action.END

    source, transport = source_over(Stream(event(1)), Stream(event(2)), policy=policy)
    with pytest.raises(ZeroDivisionError):
        await anext(source)

    assert transport.left_open == []
    assert await take_all(source) == ["2"]


@in_virtual_time
async def test_observer_that_raises_changes_nothing(caplog):
    class Faulty(Observer):
        def fail(self, *_):
            raise RuntimeError("my own fault")

        opened = event = comment = retry = error = closed = fail

    kept = Kept()
    source, transport = source_over(
        Stream(event(1) + b":\n" + event(2) + b":\n"), Stream(status=404), observer=Faulty(), cursor=kept
    )

    assert await take(source, 2) == ["1", "2"]
    with pytest.raises(RequestFailed):
        await anext(source)
    assert kept.saved == ["1", "2"]
    assert transport.left_open == []
    assert caplog.text.count("my own fault") >= 7


@in_virtual_time
async def test_observer_is_told_what_happens_in_order():
    recorder = Recorder()
    source, _ = source_over(Stream(b": hello\n" + event(1)), observer=recorder)
    await take_all(source)

    assert recorder.names == ["opened", "comment", "event", "retry", "closed"]


@in_virtual_time
async def test_observer_may_be_a_changed_instance():
    observer, seen = Observer(), []
    observer.event = lambda received: seen.append(received.data)
    await take_all(source_over(Stream(event(1)), observer=observer)[0])

    assert seen == ["1"]


# Bounds.


@in_virtual_time
async def test_of_a_huge_chunk_only_a_piece_is_parsed_at_a_time():
    """So that a chunk of tiny events does not become a hundred times its size in objects."""
    one = b"data:1\n\n"
    source, _ = source_over(Stream(one * (4 * PIECE // len(one)), HANG))
    most = 0
    for _ in range(4 * PIECE // len(one)):
        await anext(source)
        most = max(most, len(source._ready))

    assert most <= PIECE // len(one)
    await source.close()


@in_virtual_time
async def test_what_is_left_of_a_chunk_goes_with_its_connection():
    source, transport = source_over(
        Stream(b"data: " + b"x" * (2 * PIECE) + b"\n\n" + event(1), HANG), Stream(event(2)), max_line=3 * PIECE
    )
    assert len((await take(source, 1))[0]) == 2 * PIECE
    assert await take(source, 1) == ["1"]
    task = asyncio.create_task(anext(source))
    await transport_reads(transport)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await take_all(source) == ["2"]


@in_virtual_time
async def test_stalled_stream_is_left_with_all_that_is_unread_of_it():
    """Heartbeats alone came, more of them than are read at a time; what follows comes again on the next stream."""
    recorder = Recorder()
    source, _ = source_over(
        Stream(b":\n" * PIECE + event(1)), Stream(event(2)), event_idle=1e-9, observer=recorder, max_line=100
    )

    assert await take_all(source) == ["2"]
    assert next(news[1] for news in recorder.told if news[0] == "retry") == f"{URL}: no event came for 1e-09 s"


# Closing.


@in_virtual_time
async def test_close_before_the_first_event_opens_nothing():
    source, transport = source_over(Stream(event(1)))
    await source.close()
    await source.close()

    assert await take_all(source) == []
    assert transport.requests == []
    assert source.state is State.CLOSED


@in_virtual_time
async def test_close_forgets_the_events_that_are_ready():
    source, transport = source_over(Stream(event(1) + event(2)))
    await anext(source)
    await source.close()

    assert await take_all(source) == []
    assert transport.left_open == []


def moments():
    """A source in each of its waits, by name: (script, options, whether something hangs there)."""

    async def forever():
        await asyncio.get_running_loop().create_future()

    return {
        "token": ([Stream()], {"token": forever}),
        "open": ([Stream()], {"on_open": forever}),
        "read": ([Stream(HANG)], {}),
        "refusal": ([Stream(HANG, status=404)], {}),
        "wait": ([ConnectionError("refused")], {}),
    }


@pytest.mark.parametrize("moment", moments())
@in_virtual_time
async def test_close_from_another_task_ends_any_wait_and_returns_when_nothing_is_open(moment):
    script, options = moments()[moment]
    recorder = Recorder()
    source, transport = source_over(*script, observer=recorder, **options)
    task = asyncio.create_task(anext(source, "end"))
    await settle()

    await source.close()

    assert transport.left_open == []
    assert source.state is State.CLOSED
    assert await task == "end"
    assert task.cancelling() == 0
    assert recorder.told[-1] == ("closed", "by its user")
    assert "error" not in recorder.names


@pytest.mark.parametrize("moment", moments())
@in_virtual_time
async def test_cancelled_wait_leaves_no_response_open_and_the_source_alive(moment):
    script, options = moments()[moment]
    source, transport = source_over(*script, **options)
    task = asyncio.create_task(anext(source))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert transport.left_open == []
    assert source.state in (State.CONNECTING, State.WAITING)
    await source.close()


@pytest.mark.parametrize("rounds", range(1, 30))
@pytest.mark.parametrize("deed", ["close", "cancel", "both"])
@in_virtual_time
async def test_close_and_cancellation_at_any_moment_leave_nothing_open_and_lose_nothing(rounds, deed):
    """After so many rounds of the loop, wherever the source is by then."""
    kept = Kept()
    source, transport = source_over(
        Stream(event(1), event(2)),
        Stream(status=401),
        Stream(event(3) + event(4), HANG),
        cursor=kept,
        token=lambda: "t",
    )
    seen = []

    async def consume():
        async with source:
            async for received in source:
                await asyncio.sleep(0)
                seen.append(received.id)

    task = asyncio.create_task(consume())
    await settle(rounds)
    if deed != "close":
        task.cancel()
    if deed != "cancel":
        await source.close()
        assert transport.left_open == []
    with suppress(asyncio.CancelledError):
        await task

    assert transport.left_open == []
    assert source.state is State.CLOSED
    assert kept.saved in (seen, seen[:-1])
    assert seen == ["1", "2", "3", "4"][: len(seen)]


@in_virtual_time
async def test_cancelled_close_of_a_response_is_repeated():
    source, transport = source_over(Stream(event(1), HANG))
    await anext(source)
    task = asyncio.create_task(source.close())
    await settle(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.left_open

    await source.close()

    assert transport.left_open == []


@in_virtual_time
async def test_cancelled_wait_loses_nothing():
    source, transport = source_over(
        Stream(event(1) + b"id: 2\ndata: half\n", HANG), Stream(event(2), HANG), ConnectionError("refused")
    )
    assert await take(source, 1) == ["1"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source), 1.0)

    assert await take(source, 1) == ["2"]
    assert transport.resumed_after == ["", "1"]
    await source.close()


@in_virtual_time
async def test_cancelled_pause_is_not_begun_again():
    recorder = Recorder()
    source, transport = source_over(ConnectionError("refused"), observer=recorder)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source), 1.0)
    await take_all(source)

    assert len(recorder.delays) == 1
    assert len(transport.requests) == 2


@in_virtual_time
async def test_timeout_around_a_loop_is_a_timeout():
    source, _ = source_over(Stream(event(1), HANG))

    async def consume():
        async with asyncio.timeout(5.0), source:
            async for _ in source:
                pass

    with pytest.raises(TimeoutError):
        await consume()

    assert source.state is State.CLOSED


@pytest.mark.parametrize("name", ["token", "on_gap"])
@in_virtual_time
async def test_callable_may_close_its_own_source(name):
    """The source is closed once the callable returns, and asks for nothing more."""

    async def close(*_):
        await source.close()
        assert source.state is State.CLOSED
        return "t"

    recorder = Recorder()
    source, transport = source_over(gap_stream(), observer=recorder, **{name: close})

    assert await asyncio.wait_for(take_all(source), 5.0) == (["1"] if name == "on_gap" else [])
    assert transport.left_open == []
    assert recorder.told[-1] == ("closed", "by its user")
    assert len(transport.requests) == (1 if name == "on_gap" else 0)


@in_virtual_time
async def test_callable_may_wait_for_a_task_that_closes_its_source():
    async def close():
        await asyncio.create_task(source.close())

    source, transport = source_over(gap_stream(), headers=close)

    assert await asyncio.wait_for(take_all(source), 5.0) == []
    assert transport.requests == []


@in_virtual_time
async def test_second_consumer_is_told_so_and_disturbs_nothing():
    source, transport = source_over(Stream(HANG))
    task = asyncio.create_task(anext(source, "end"))
    await transport_reads(transport)
    with pytest.raises(LongwaveError, match="one task at a time"):
        await anext(source)

    assert transport.left_open
    await source.close()
    assert await task == "end"


@in_virtual_time
async def test_transport_of_the_user_stays_open():
    source, transport = source_over(Stream(event(1)))
    async with source:
        await take_all(source)

    assert not transport.is_closed


async def test_own_transport_is_made_when_it_is_needed_and_closed():
    source = EventSource("http://127.0.0.1:1/", patience=Patience(attempts=1, retry=0))
    assert source._transport is None
    with pytest.raises(RequestFailed, match=r"^http://127.0.0.1:1/: .*gave up after 1 failed"):
        await anext(source)

    assert source._transport._client.is_closed


# One response.


async def body(*pieces):
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def response_of(*pieces, status=200, content_type="text/event-stream"):
    return httpx2.Response(status, headers={"content-type": content_type}, content=body(*pieces))


@in_virtual_time
async def test_events_of_a_response_end_with_it():
    response = response_of(b"data: a\n\nda", b"ta: b\n\ndata: half")
    recorder = Recorder()
    source = EventSource.from_response(response, observer=recorder)

    assert await take_all(source) == ["a", "b"]
    assert response.is_closed
    assert recorder.names == ["opened", "event", "event", "closed"]


@pytest.mark.parametrize(
    ("response", "message", "status"),
    [
        (lambda: response_of(b"busy", status=503), "the server answered 503: busy", 503),
        (lambda: response_of(b"who?", status=401), "the server answered 401: who?", 401),
        (lambda: response_of(content_type="application/json"), "got application/json", 200),
        (lambda: response_of(httpx2.ReadError("cut")), "cut", None),
        (lambda: response_of(b"data: half", httpx2.RemoteProtocolError("incomplete")), "incomplete", None),
        (lambda: response_of(httpx2.ReadTimeout("")), "no byte came", None),
    ],
    ids=["busy", "unauthorised", "type", "cut", "cut in an event", "silence"],
)
@in_virtual_time
async def test_response_that_fails_is_not_asked_for_again(response, message, status):
    wrapped = response()
    source = EventSource.from_response(wrapped)
    with pytest.raises(RequestFailed, match=message.replace("?", r"\?")) as caught:
        await anext(source)

    assert caught.value.status == status
    assert wrapped.is_closed
    assert await take_all(source) == []


@in_virtual_time
async def test_response_without_content_ends_at_once():
    response = httpx2.Response(204)

    assert await take_all(EventSource.from_response(response)) == []
    assert response.is_closed


@in_virtual_time
async def test_response_that_is_never_read_is_closed_with_its_source():
    response = response_of(b"data: a\n\n")
    async with EventSource.from_response(response):
        pass

    assert response.is_closed


@in_virtual_time
async def test_response_whose_wait_was_cancelled_is_closed():
    async def silent():
        await asyncio.get_running_loop().create_future()
        yield b""

    response = httpx2.Response(200, headers=EVENT_STREAM, content=silent())
    source = EventSource.from_response(response)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source), 1.0)

    assert response.is_closed
    assert await take_all(source) == []


@pytest.mark.parametrize("options", [{"token": "a"}, {"topics": ["a"]}, {"idle": 5}, {"patience": Patience()}], ids=str)
async def test_response_that_is_there_takes_no_option_of_a_request(options):
    with pytest.raises(InvalidValue, match=f"^{next(iter(options))}: expected no option of the request"):
        EventSource.from_response(response_of(), **options)


async def test_response_of_an_unknown_library_is_refused():
    with pytest.raises(InvalidValue, match=r"^response: expected a response of "):
        EventSource.from_response(object())
