"""Checks of what pages of other origins may do: the stream's own answer, and the preflight's.

Not here: the requests (probe.py), the table (checks.py). Rule that always holds: without an origin that is meant to
listen, keeping others out is no fault.
Standard: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.doctor.finding import Judgement, failure, not_checked, ok, quote, warning

if TYPE_CHECKING:
    from longwave.doctor.observation import Head, Observation

ALLOW_ORIGIN = "access-control-allow-origin"
ALLOW_CREDENTIALS = "access-control-allow-credentials"
ALLOW_HEADERS = "access-control-allow-headers"
WANTED_HEADERS = ("last-event-id", "authorization")


def judge_cors(seen: Observation) -> Judgement:
    """Judge which origins may read the stream."""
    head, asked = seen.cross_origin, seen.inquiry.asked_origin
    if head is None:
        return not_checked("a request with an Origin was not answered")
    if head.status != 200:
        return _judge_refusal(seen, f"a request from {asked} was answered {head.status}")
    allowed, with_cookies = head.header(ALLOW_ORIGIN), head.header(ALLOW_CREDENTIALS) == "true"
    if allowed == "*" and with_cookies:
        return failure(
            "Access-Control-Allow-Origin: * together with Allow-Credentials: browsers refuse every such answer",
            "Name the asking origin instead of *, if it may, and send Vary: Origin.",
        )
    if not seen.inquiry.origin and allowed == asked and with_cookies:
        return failure(
            "any origin may read the stream with the user's cookies", "Allow a list of origins instead of any."
        )
    if not _allows(head, asked):
        came = f"{ALLOW_ORIGIN}: {quote(allowed)}" if allowed else "no Access-Control-Allow-Origin"
        return _judge_refusal(seen, f"{came} for {asked}")
    return ok(f"{quote(allowed)}, {'with' if with_cookies else 'without'} credentials")


def judge_preflight(seen: Observation) -> Judgement:
    """Judge whether fetch-based clients may resume and authenticate from another origin."""
    if seen.cross_origin is None or not _allows(seen.cross_origin, seen.inquiry.asked_origin):
        return not_checked("the stream is for pages of its own origin, which need no preflight")
    head = seen.preflight
    advice = "Answer OPTIONS with 204, the origin, and Access-Control-Allow-Headers: last-event-id, authorization."
    if head is None:
        return warning("OPTIONS was not answered", advice)
    if not 200 <= head.status < 300 or not _allows(head, seen.inquiry.asked_origin):
        return warning(f"OPTIONS was answered {head.status}, {_origin_text(head)}", advice)
    missing = [name for name in WANTED_HEADERS if name not in _allowed_headers(head)]
    if missing:
        return warning(f"{' and '.join(missing)} may not be sent", advice)
    return ok("last-event-id and authorization may be sent")


def _judge_refusal(seen: Observation, text: str) -> Judgement:
    if seen.inquiry.origin:
        return failure(text, f"Send Access-Control-Allow-Origin: {seen.inquiry.origin} and Vary: Origin.")
    return ok("only pages of its own origin may read it (--origin asks for others)")


def _allows(head: Head, origin: str) -> bool:
    return head.header(ALLOW_ORIGIN) in ("*", origin)


def _allowed_headers(head: Head) -> set[str]:
    names = {name.strip().lower() for name in head.header(ALLOW_HEADERS).split(",")}
    # `*` means all but Authorization, and with credentials nothing.
    return names | {"last-event-id"} if "*" in names and head.header(ALLOW_CREDENTIALS) != "true" else names


def _origin_text(head: Head) -> str:
    allowed = head.header(ALLOW_ORIGIN)
    return f"allowing {quote(allowed)}" if allowed else "allowing no origin"
