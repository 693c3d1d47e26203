"""Lines and events beyond the limits end the source, after all that came before them was handed out."""

from __future__ import annotations

import pytest

from integration.client.sources import END, Recorder, take
from longwave.client import State
from longwave.errors import EventTooLarge, LineTooLong
from longwave.testing import Answer, Send, Stall

BEFORE = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n"


@pytest.mark.parametrize("piece", [None, 1, 7], ids=["whole", "by byte", "by seven"])
@pytest.mark.parametrize(
    ("options", "stream", "error"),
    [
        ({"max_line": 20}, b"data: " + b"x" * 100, LineTooLong),
        ({"max_line": 20}, b": " + b"x" * 100, LineTooLong),
        ({"max_event": 20}, b"data: 12345678\n" * 3 + b"\n", EventTooLarge),
    ],
    ids=["line", "comment", "event"],
)
async def test_what_came_before_is_handed_out_and_then_it_raises(serve, connect, piece, options, stream, error):
    server = serve([Answer(steps=[Send(BEFORE + stream, piece), Stall()])])
    recorder = Recorder()
    source = connect(server.url, observer=recorder, **options)

    assert await take(source, 2) == ["a", "b"]
    with pytest.raises(error, match="at most 20 bytes"):
        await source.next()
    assert await source.next() is END
    assert source.wrapped.state is State.CLOSED
    assert source.wrapped.last_event_id == "2"
    assert [name for name, _ in recorder.told] == ["opened", "event", "event", "error", "closed"]
    assert len(server.requests) == 1


async def test_what_is_within_the_limits_passes(serve, connect):
    server = serve([Answer(steps=[Send(b"data: " + b"x" * 14 + b"\n\n", piece=1)])])

    assert await take(connect(server.url, max_line=20, max_event=14), 1) == ["x" * 14]
