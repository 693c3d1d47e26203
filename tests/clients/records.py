"""What each claim comes to for each client: the table of the page, and what the tests expect.

Not here: how it is measured (*_measures.py). Where a test fails for a peer, its new version is better or worse than
this says: change the verdict here, and the page, which a test holds against this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clients.columns import COLUMNS
from clients.verdict import NO, YES, YOURS, Verdict, no, partly, yes

if TYPE_CHECKING:
    from clients.columns import Column

DECODING = no("raises UnicodeDecodeError")
ENCODING = no("raises UnicodeEncodeError")
TIMEOUT = partly("raises ReadTimeout")

# In the order of COLUMNS.
ROWS: dict[str, tuple[Verdict, ...]] = {
    "vectors": (
        yes("27 of 27"),
        partly("23 of 27"),
        partly("20 of 27"),
        partly("19 of 27"),
        partly("21 of 27"),
        partly("24 of 27"),
    ),
    "bom": (YES, NO, NO, NO, NO, NO),
    "invalid-utf8": (YES, YES, DECODING, DECODING, DECODING, DECODING),
    "crlf-in-two-chunks": (YES, YES, YES, YES, NO, YES),
    "cr-at-once": (YES, partly("with the next byte"), YES, NO, YES, YES),
    "separators": (YES, YES, YES, YES, YES, YES),
    "sticky-id": (YES, YES, NO, YES, YES, YES),
    "id-without-data": (YES, no("an empty event"), NO, YES, YES, NO),
    "id-with-nul": (YES, YES, NO, NO, NO, YES),
    "heartbeats": (YES, NO, YES, YES, YES, YES),
    "unfinished": (YES, YES, NO, YES, YES, YES),
    "comments": (YES, NO, NO, NO, NO, YES),
    "low-latency": (YES, YES, YES, YES, no("held back"), no("held back")),
    "after-an-end": (YES, YOURS, YOURS, YES, YES, YES),
    "after-a-break": (YES, YOURS, YOURS, no("raises ClientPayloadError"), YES, YES),
    "last-event-id": (YES, YOURS, YOURS, YES, YES, YES),
    "foreign-id": (YES, YOURS, YOURS, YES, ENCODING, ENCODING),
    "half-event": (YES, YOURS, YOURS, no("half and whole are one"), YES, YES),
    "retry": (YES, YOURS, YOURS, partly("doubled"), partly("doubled"), no("its own wait")),
    "backoff": (YES, YOURS, YOURS, no("raises ServerDisconnectedError"), partly("no jitter"), YES),
    "no-content": (
        YES,
        YOURS,
        YOURS,
        partly("raises ConnectionAbortedError"),
        partly("raises InvalidStatusCodeError"),
        no("asks again"),
    ),
    "retry-after": (
        YES,
        YOURS,
        YOURS,
        no("raises ConnectionError"),
        no("raises InvalidStatusCodeError"),
        partly("not Retry-After"),
    ),
    "new-token": (
        YES,
        YOURS,
        YOURS,
        partly("by your aiohttp middleware"),
        partly("by your requests hook"),
        no("the same again"),
    ),
    "redirect": (YES, YES, YES, YES, YES, YES),
    "wrong-type": (YES, YES, NO, YES, YES, YES),
    "post": (YES, YES, YES, YES, YES, no("GET only")),
    "byte-idle": (YES, TIMEOUT, TIMEOUT, partly("raises SocketTimeoutError"), YES, YES),
    "event-idle": (YES, NO, NO, NO, NO, NO),
    "event-size": (YES, NO, NO, partly("one line, not all together"), NO, NO),
    "kept-cursor": (YES, NO, NO, NO, NO, NO),
    "preset-id": (YES, YES, YES, YES, YES, YES),
    "told": (NO, NO, NO, NO, NO, YES),
    "close": (
        YES,
        no("the read goes on"),
        no("raises ValueError"),
        partly("raises ClientConnectionError"),
        no("the read goes on"),
        YES,
    ),
    "sync": (YES, YES, YES, NO, YES, YES),
    "async": (YES, YES, NO, YES, NO, partly("experimental")),
    "typed": (YES, YES, YES, NO, YES, NO),
    "older-python": (NO, YES, YES, YES, YES, YES),
    "dependencies": (yes("none"), yes("none"), yes("none"), yes("aiohttp"), yes("requests"), yes("urllib3")),
}


def recorded(claim: str, column: Column) -> Verdict:
    """Return what a claim is said to come to for a client."""
    return ROWS[claim][COLUMNS.index(column)]
