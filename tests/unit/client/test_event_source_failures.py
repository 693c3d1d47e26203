"""Failures for good: raised once, told, nothing left open, and no secret in their text."""

from __future__ import annotations

import pytest

from longwave.client.policy import Action
from longwave.client.session import State
from longwave.errors import EventTooLarge, LongwaveError, RequestFailed
from unit.client.scripted_sources import source_over, take, take_all
from unit.client.scripted_transport import URL, Kept, Recorder, Stream, event
from virtual_time import in_virtual_time


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
