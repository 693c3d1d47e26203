"""The table of all checks: name, why, what must have been seen for it, and the function that judges.

Not here: the functions (the other checks_*.py). Rule that always holds: every check gives a finding, whatever was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from longwave.doctor import checks_answer as answer
from longwave.doctor import checks_framing as framing
from longwave.doctor import checks_headers as headers
from longwave.doctor import checks_origin as origin
from longwave.doctor import checks_resume as resume
from longwave.doctor import checks_timing as timing
from longwave.doctor.finding import Finding, Judgement, not_checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.doctor.observation import Observation


class Needs(IntEnum):
    """What must have been seen; each includes those before it."""

    NOTHING = 0
    HEAD = 1  # a response
    SUCCESS = 2  # with status 200
    STREAM = 3  # of an event stream
    BYTES = 4  # of which something came


_MISSING = {
    Needs.HEAD: "there was no answer",
    Needs.SUCCESS: "the answer was not 200",
    Needs.STREAM: "the answer was no event stream",
    Needs.BYTES: "nothing readable came on the stream",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check; why: a sentence. judge: a pure function."""

    name: str
    needs: Needs
    why: str
    judge: Callable[[Observation], Judgement]


CHECKS = (
    Check(
        "connection",
        Needs.NOTHING,
        "Without an answer there is no stream, and until it begins a page waits.",
        answer.judge_connection,
    ),
    Check(
        "status",
        Needs.HEAD,
        "A browser's EventSource reads a 200 only, and never comes back after any other answer.",
        answer.judge_status,
    ),
    Check(
        "redirects",
        Needs.HEAD,
        "Every reconnection goes through them again, and a token does not follow to another origin.",
        answer.judge_redirects,
    ),
    Check(
        "content type",
        Needs.SUCCESS,
        "An EventSource refuses whatever is not text/event-stream, for good.",
        answer.judge_content_type,
    ),
    Check(
        "charset",
        Needs.STREAM,
        "Event streams are UTF-8, and Chromium refuses one that names another charset.",
        answer.judge_charset,
    ),
    Check(
        "compression",
        Needs.STREAM,
        "A compressor that waits for more input delays events.",
        headers.judge_compression,
    ),
    Check(
        "body framing",
        Needs.STREAM,
        "Chunks let a client tell the end of a stream from a lost connection, and read each event at once.",
        answer.judge_body_framing,
    ),
    Check(
        "HTTP version",
        Needs.STREAM,
        "Over HTTP/1.1 a browser opens six connections to an origin, in all its tabs together.",
        answer.judge_http_version,
    ),
    Check(
        "Cache-Control",
        Needs.STREAM,
        "A cache may hold a stream back or serve an old one, and a proxy may compress it.",
        headers.judge_cache_control,
    ),
    Check(
        "X-Accel-Buffering",
        Needs.STREAM,
        "nginx, and some other proxies, buffer a response unless it tells them not to.",
        headers.judge_accel_buffering,
    ),
    Check(
        "proxies",
        Needs.STREAM,
        "Each proxy on the way may buffer, cache, compress or cut a stream.",
        headers.judge_proxies,
    ),
    Check(
        "first byte",
        Needs.STREAM,
        "Until the first bytes come, a page does not know that it is connected, and some proxies pass nothing on.",
        timing.judge_first_byte,
    ),
    Check(
        "buffering",
        Needs.STREAM,
        "A proxy or server that collects bytes makes live events late.",
        timing.judge_buffering,
    ),
    Check(
        "heartbeats",
        Needs.STREAM,
        "Proxies cut a silent connection, usually after 60 s, and a client cannot tell silence from a dead link.",
        timing.judge_heartbeats,
    ),
    Check(
        "lifetime",
        Needs.STREAM,
        "Each end of a stream costs every client a reconnection, and those without resume the events in between.",
        timing.judge_lifetime,
    ),
    Check(
        "retry",
        Needs.STREAM,
        "Clients that lose a server together come back together, unless it gives each another time to wait.",
        resume.judge_retry,
    ),
    Check("ids", Needs.STREAM, "The id of the last event is what a client resumes with.", resume.judge_ids),
    Check(
        "resume",
        Needs.STREAM,
        "What is sent while a client reconnects is lost, unless the stream goes on after its Last-Event-ID.",
        resume.judge_resume,
    ),
    Check(
        "CORS",
        Needs.STREAM,
        "A page of another origin reads a stream only if the answer allows its origin.",
        origin.judge_cors,
    ),
    Check(
        "CORS preflight",
        Needs.STREAM,
        "Clients built on fetch ask first whether they may send Last-Event-ID and Authorization.",
        origin.judge_preflight,
    ),
    Check(
        "byte order mark",
        Needs.BYTES,
        "Browsers drop it; nearly all other clients take it for part of the first field and lose the first event.",
        framing.judge_bom,
    ),
    Check("UTF-8", Needs.BYTES, "Bytes that are not UTF-8 become U+FFFD, or end the client.", framing.judge_utf8),
    Check(
        "line ends",
        Needs.BYTES,
        "CR and mixed line ends are legal, and several clients join or split events at them.",
        framing.judge_line_ends,
    ),
    Check(
        "blocks without data",
        Needs.BYTES,
        "Several clients, as httpx-sse and openai, hand out an empty event for them.",
        framing.judge_empty_blocks,
    ),
    Check(
        "line separators",
        Needs.BYTES,
        "They are data, but clients that use str.splitlines() cut the event there.",
        framing.judge_separators,
    ),
    Check("sizes", Needs.BYTES, "Clients have limits that end the stream.", framing.judge_sizes),
    Check("fields", Needs.BYTES, "What is not a field's exact name or value is ignored.", framing.judge_fields),
)


def examine(seen: Observation) -> list[Finding]:
    """Return what every check says of an observation, in the order of the table."""
    level = _level(seen)
    return [_carry_out(check, seen, level) for check in CHECKS]


def _carry_out(check: Check, seen: Observation, level: Needs) -> Finding:
    judgement = check.judge(seen) if check.needs <= level else not_checked(_MISSING[Needs(level + 1)])
    return Finding(check.name, judgement.verdict, judgement.seen, check.why, judgement.advice)


def _level(seen: Observation) -> Needs:
    watch = seen.watch
    if watch.head is None:
        return Needs.NOTHING
    if watch.head.status != 200:
        return Needs.HEAD
    if not watch.is_stream:
        return Needs.SUCCESS
    return Needs.BYTES if watch.framing.size else Needs.STREAM
