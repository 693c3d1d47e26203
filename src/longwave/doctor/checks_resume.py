"""Checks of what a reconnection needs: ids, going on after one of them, and the time to wait.

Not here: the connections that were made for it (probe.py), the table (checks.py).
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.core.gap import GAP_TYPE
from longwave.doctor.finding import Judgement, counted, failure, not_checked, ok, quote, warning
from longwave.doctor.observation import Ending

if TYPE_CHECKING:
    from longwave.doctor.framing import Framing
    from longwave.doctor.observation import Observation, Resumption

MAX_ID = 127  # bytes; Fetch lets no longer value of a header cross origins without a preflight
SHORT_RETRY = 500  # milliseconds
LONG_RETRY = 60_000  # milliseconds


def judge_retry(seen: Observation) -> Judgement:
    """Judge the reconnection time that was sent, and whether it differs from connection to connection."""
    values = _retries(seen.watch.framing)
    if not values:
        return _judge_no_retry(seen)
    text = f"{values[-1]} ms"
    if values[-1] < SHORT_RETRY:
        return warning(text, "Let clients wait for a second or more, or they flood a server that restarts.")
    if values[-1] > LONG_RETRY:
        return warning(text, "Send a shorter time, or a short outage keeps clients away for long.")
    again = _retries(seen.resumption.watch.framing) if seen.resumption is not None else []
    if not again:
        return ok(f"{text}; a second connection got none in the time that it was watched")
    if again[0] == values[0]:
        return warning(f"{text}, the same on two connections", "Send each connection a time that is random in part.")
    return ok(f"{values[0]} ms and {again[0]} ms on two connections")


def judge_ids(seen: Observation) -> Judgement:
    """Judge whether events have ids, and whether every client can send them back."""
    events, ids = seen.watch.framing.events, seen.watch.framing.ids
    if not events:
        return not_checked("no event came; publish some meanwhile, or give --last-event-id")
    if any(b"\0" in event_id for event_id in ids):
        return failure("an id holds NUL, and browsers ignore it", "Take NUL out of ids.")
    if not ids:
        return warning(f"none of {counted(len(events), 'event')} has one", "Send an id with each event.")
    for holds, what, advice in _ID_RULES:
        if (found := next((event_id for event_id in ids if holds(event_id)), None)) is not None:
            return warning(f"{quote(found)} {what}", advice)
    return ok(f"{len(ids)} of {counted(len(events), 'event')} have one, the last is {quote(ids[-1])}")


def judge_resume(seen: Observation) -> Judgement:
    """Judge whether a second connection went on where the first was."""
    resumption = seen.resumption
    if resumption is None or not resumption.after:
        return not_checked("no event with an id came to resume after; publish some, or give --last-event-id")
    if not resumption.watch.is_stream:
        return failure(
            f"a request with Last-Event-ID: {quote(resumption.after)} was answered {_answer(resumption)}",
            "Answer a reconnection as the first request, whatever its Last-Event-ID.",
        )
    ids = resumption.watch.framing.ids
    if (ids and ids[0] != resumption.expected) or resumption.after in ids:
        return _judge_wrong(resumption, ids)
    return _judge_plain(resumption, ids)


def _judge_wrong(resumption: Resumption, ids: list[bytes]) -> Judgement:
    after = f"after {quote(resumption.after)}"
    if resumption.after in ids:
        return failure(
            f"{after} the same event came again", "Begin with the event that follows the one in Last-Event-ID."
        )
    if any(event.type == GAP_TYPE.encode() for event in resumption.watch.framing.events):
        return warning(f"{after} a gap was told", "Keep the history for longer than clients are away.")
    if not resumption.expected:
        return ok(f"{after} {quote(ids[0])} came, which may well be the next")
    return failure(
        f"{after} {quote(ids[0])} came, where {quote(resumption.expected)} had followed before",
        "Send the events after the one in Last-Event-ID, all and in order, before live ones.",
    )


def _judge_plain(resumption: Resumption, ids: list[bytes]) -> Judgement:
    after = f"after {quote(resumption.after)}"
    if ids:
        return ok(f"{after} {quote(ids[0])} came, as before")
    if resumption.watch.ending is Ending.BROKEN:
        return not_checked(f"the second connection broke: {resumption.watch.problem}")
    text = f"{after} no event with an id came in {resumption.watch.ended_at:.1f} s"
    if not resumption.expected:
        return not_checked(f"{text}, and no later one had been seen before")
    return failure(
        f"{text}, although {quote(resumption.expected)} had followed",
        "Keep a history, and send what follows the Last-Event-ID.",
    )


def _judge_no_retry(seen: Observation) -> Judgement:
    if seen.watch.ending is Ending.CLOSED:
        return warning(
            "none, although the server ended the stream: browsers come back after 3 to 5 s, all together",
            "Send each connection its own retry before ending it.",
        )
    return not_checked("none came, so browsers wait for 3 to 5 s; a server may send it just before it ends a stream")


def _retries(framing: Framing) -> list[int]:
    """Return the values that count; what is no number is the business of another check."""
    return [int(value[:12]) for value in framing.retries if value.isdigit()]


def _answer(resumption: Resumption) -> str:
    head = resumption.watch.head
    return str(head.status) if head is not None else f"not at all ({resumption.watch.problem or 'in time'})"


def _is_not_latin_1(event_id: bytes) -> bool:
    return any(ord(character) > 0xFF for character in event_id.decode(errors="replace"))


def _has_controls(event_id: bytes) -> bool:
    return any(byte < 0x20 or byte == 0x7F for byte in event_id)


# What an id should not be, what that does, what to do; the first that applies is told.
_ID_RULES = (
    (_has_controls, "holds a control character, which servers refuse in a header", "Use printable ASCII for ids."),
    (
        _is_not_latin_1,
        "is not Latin-1, and several Python clients can never reconnect with it",
        "Use printable ASCII for ids.",
    ),
    (lambda event_id: not event_id.isascii(), "is not ASCII, and servers read it differently", "Use ASCII for ids."),
    (lambda event_id: len(event_id) > MAX_ID, f"is longer than {MAX_ID} bytes", "Use short ids."),
    (
        lambda event_id: event_id != event_id.strip(b" \t"),
        "begins or ends with a space, which a header loses",
        "Take outer spaces off ids.",
    ),
)
