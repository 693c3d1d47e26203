"""Observations for the tests of the checks: a healthy stream, and whatever differs from it."""

from __future__ import annotations

from dataclasses import replace

from longwave.client.response import Response
from longwave.doctor.framing import Piece, read_framing
from longwave.doctor.inquiry import Inquiry
from longwave.doctor.observation import Ending, Head, Observation, Resumption, Watch

URL = "http://example.com/stream"
HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
    "transfer-encoding": "chunked",
}
BODY = ((0.1, b":\n"), (2.0, b"id: 1\ndata: a\n\n"), (17.0, b":\n"), (18.0, b"id: 2\ndata: b\n\n"))


def head_of(status=200, headers=None, *, url=URL, version="HTTP/1.1", at=0.05, redirects=(), **more):
    """The head of an answer; `more`: headers with underscores, None takes one off."""
    merged = dict(HEADERS if headers is None else headers)
    for name, value in more.items():
        merged[name.replace("_", "-")] = value
    merged = {name: value for name, value in merged.items() if value is not None}
    return Head(Response(status, merged, url, version), at, tuple(redirects))


def watch_of(*body, head=None, ending=Ending.OPEN, ended_at=20.0, **more):
    """A watched connection; body: pairs of a time and bytes, or bytes alone, which came at 0.1 s."""
    pieces = [Piece(0.1, part) if isinstance(part, bytes) else Piece(*part) for part in body]
    return Watch(
        head=head or head_of(),
        framing=read_framing(pieces),
        arrivals=tuple(piece.at for piece in pieces),
        received=more.pop("received", sum(len(piece.data) for piece in pieces)),
        ending=ending,
        ended_at=ended_at,
        **more,
    )


def seen_of(*body, head=None, inquiry=None, resumption=None, watch=None, **more):
    """What was seen of one stream, the healthy one by default; `inquiry`: fields that differ."""
    cross_origin, preflight = more.pop("cross_origin", head_of()), more.pop("preflight", head_of(204, {}))
    protocol = more.pop("protocol", "")
    return Observation(
        inquiry=replace(Inquiry(url=URL), **(inquiry or {})),
        watch=watch or watch_of(*(body or BODY), head=head, **more),
        resumption=resumption,
        cross_origin=cross_origin,
        preflight=preflight,
        protocol=protocol,
    )


def resumed(*body, after=b"1", expected=b"2", **more):
    """A second connection, resumed after one of the ids of BODY."""
    return Resumption(watch_of(*body, ended_at=more.pop("ended_at", 5.0), **more), after, expected)
