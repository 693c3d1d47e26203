"""Checks of the answer: whether there is one, its status, type and charset, how it came.

Not here: the other headers (checks_headers.py), the table (checks.py).
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from longwave.client.response import EVENT_STREAM
from longwave.doctor.finding import Judgement, failure, not_checked, ok, quote, warning
from longwave.doctor.observation import Ending

if TYPE_CHECKING:
    from longwave.doctor.observation import Head, Observation

SLOW_HEAD = 2.0  # seconds
PERMANENT = frozenset({301, 308})

_CHARSET = re.compile(r"""(?:^|;)\s*charset\s*=\s*["']?([^\s"';]*)""", re.IGNORECASE)

# What a status means for a stream, and what to do about it.
_STATUSES = {
    204: (
        "an EventSource ends for good",
        "Answer 200 and keep the response open, unless there will never be events again.",
    ),
    304: ("there is no body to read", "Never answer a stream's request from a cache."),
    400: ("the request is not understood", "Name the topics with --topic where a hub wants some, and check the URL."),
    401: ("credentials are asked for", "Give --token or --header with credentials that the server knows."),
    403: ("this is not allowed", "Check what the token or cookie allows, and whether an Origin is refused."),
    404: ("there is no such resource", "Check the path of the URL."),
    405: ("GET is not allowed", "Let the stream be read with GET, the only method that an EventSource has."),
    406: ("the type is not available", "Give text/event-stream to whoever accepts it."),
    407: ("a proxy asks for credentials", "Give the proxy its credentials in the proxy variables of the environment."),
    429: ("too many requests", "Try again later, and send a Retry-After that clients can honour."),
    502: ("a proxy does not reach the server", "Check that the server behind the proxy runs and may be reached."),
    503: ("the server is overloaded or in maintenance", "Give browsers 200 with a long retry and an end instead."),
    504: (
        "a proxy waited in vain for the server's first byte",
        "Send the head and a first comment at once, and raise the proxy's read timeout.",
    ),
}
_CLASSES = {
    1: ("this is no final answer", "Answer 200."),
    2: ("an EventSource wants 200 exactly", "Answer 200."),
    3: ("the redirect leads nowhere", "Send a Location with the stream's own URL."),
    4: ("the request is refused", "Check the URL, its topics and the credentials."),
    5: ("the server failed", "See the server's own log for the reason."),
}


def judge_connection(seen: Observation) -> Judgement:
    """Judge whether there was an answer, and how soon."""
    watch = seen.watch
    if watch.head is None and watch.ending is Ending.BROKEN:
        return failure(
            f"no answer: {watch.problem}", "Check the URL, that the server runs, its certificate and any firewall."
        )
    if watch.head is None:
        return failure(
            f"connected, but not even a status came in {watch.ended_at:.1f} s",
            "Send the head, and a comment line, before there is any event, and switch off buffering on the way.",
        )
    if watch.head.at > SLOW_HEAD:
        return warning(
            f"the answer began after {watch.head.at:.1f} s",
            "Send the head before there is any event, and switch off buffering on the way.",
        )
    return ok(f"the answer began after {watch.head.at * 1000:.0f} ms")


def judge_status(seen: Observation) -> Judgement:
    """Judge the status, and explain any but 200."""
    head = _head(seen)
    if head.status == HTTPStatus.OK:
        return ok("200")
    meaning, advice = _STATUSES.get(head.status) or _CLASSES.get(head.status // 100, _CLASSES[2])
    said = f"; it says {quote(seen.watch.excerpt)}" if seen.watch.excerpt else ""
    after = f"; Retry-After: {quote(head.header('retry-after'))}" if head.header("retry-after") else ""
    return failure(f"{head.status}: {meaning}{said}{after}", advice)


def judge_redirects(seen: Observation) -> Judgement:
    """Judge the redirects on the way."""
    head = _head(seen)
    if not head.redirects:
        return ok("none")
    chain = ", ".join(f"{status} to {quote(target)}" for status, target in head.redirects)
    if _leaves_origin(seen.inquiry.url, head.response.url):
        return warning(f"to another origin: {chain}", "Give clients the final URL, as credentials stop at the border.")
    if all(status in PERMANENT for status, _ in head.redirects):
        return warning(f"permanent: {chain}", "Give clients the final URL.")
    return warning(chain, "Give clients the final URL if it stays the same.")


def judge_content_type(seen: Observation) -> Judgement:
    """Judge the media type."""
    response = _head(seen).response
    if response.is_event_stream:
        return ok(quote(response.content_type))
    came = quote(response.content_type) if response.content_type else "none"
    said = f", and the body begins {quote(seen.watch.excerpt)}" if seen.watch.excerpt else ""
    return failure(f"{came}{said}", f"Send Content-Type: {EVENT_STREAM}.")


def judge_charset(seen: Observation) -> Judgement:
    """Judge the charset parameter of the type."""
    found = _CHARSET.search(_head(seen).response.content_type.partition(";")[2])
    if found is None:
        return ok("none is named, so it is UTF-8")
    if found[1].lower() == "utf-8":
        return ok("utf-8")
    return failure(quote(found[1]), "Send no charset, or utf-8.")


def judge_body_framing(seen: Observation) -> Judgement:
    """Judge how the end of the body is marked."""
    head = _head(seen)
    if head.header("content-length"):
        return failure(
            f"Content-Length: {quote(head.header('content-length'))}: the body was complete before it was sent",
            "Stream the response instead of collecting it.",
        )
    if "chunked" in head.header("transfer-encoding").lower():
        return ok("chunked")
    if head.response.http_version.startswith(("HTTP/2", "HTTP/3")):
        return ok(head.response.http_version)
    return warning(
        "the body ends with the connection; several Python clients read such a one in blocks, events late",
        "Send Transfer-Encoding: chunked to clients of HTTP/1.1.",
    )


def judge_http_version(seen: Observation) -> Judgement:
    """Judge whether a browser would use HTTP/2 or later."""
    head = _head(seen)
    if seen.inquiry.uds is not None:
        return not_checked("a Unix socket is no address for a browser")
    if urlsplit(head.response.url).scheme != "https":
        return warning(
            f"{head.response.http_version} without TLS, where browsers speak no HTTP/2",
            "Serve browsers over TLS with HTTP/2, for example by a proxy, or share one stream among tabs.",
        )
    if not seen.protocol:
        return not_checked("unknown: a direct TLS handshake did not succeed")
    if seen.protocol == "h2":
        return ok("HTTP/2 is offered")
    return warning(f"TLS offers {seen.protocol} only", "Switch on HTTP/2 where TLS ends.")


def _head(seen: Observation) -> Head:
    assert seen.watch.head is not None, "the table asks for a head"
    return seen.watch.head


def _leaves_origin(asked: str, came: str) -> bool:
    parts, final = urlsplit(asked), urlsplit(urljoin(asked, came))
    return (parts.scheme, parts.netloc.lower()) != (final.scheme, final.netloc.lower())
