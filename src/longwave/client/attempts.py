"""The attempts at one request of a publisher: what each came to, and whether there is another; pure decisions.

Not here: sending and waiting (publisher.py), how long waits are (reconnection.py), ids (publication.py).
Rules that always hold: what may be stored already is sent again only if all of it has ids; a hub's "I have that id"
counts as success only after an attempt that may have reached it; what cannot get better is tried once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from longwave.client.policy import COMES_BACK, UNAUTHORISED
from longwave.client.reconnection import Patience, Reconnection, read_retry_after
from longwave.errors import RequestFailed

if TYPE_CHECKING:
    from longwave.client.publication import Publication

FIRST_WAIT = 0.5  # seconds; the ceilings of the later ones double
LONGEST_WAIT = 60.0  # seconds; a hub whose `Retry-After` asks for more is not waited for

STORED = 200
KNOWN = 409  # an update with this id is on the log
UNAVAILABLE = 503  # by a hub's promise nothing was stored


class Verdict(Enum):
    """What follows from an attempt."""

    STORED = "stored"  # everything is on the hub's log
    REFRESH = "refresh"  # send it again at once, with a token asked anew
    RETRY = "retry"  # send it again after a wait
    FAIL = "fail"  # raise


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to.

    reason: one sentence, for where it failed. status: of the answer; None if none came. body, retry_after: of the
    answer. in_doubt: without an answer, whether the hub may have got the request, and stored it.
    """

    reason: str = ""
    status: int | None = None
    body: bytes = b""
    retry_after: str = ""
    in_doubt: bool = False

    @property
    def may_be_stored(self) -> bool:
        """Whether the updates may be on the log although the hub does not say so."""
        return self.in_doubt if self.status is None else self.status >= 500 and self.status != UNAVAILABLE

    @property
    def may_get_better(self) -> bool:
        """Whether it makes sense to send the same again."""
        return self.status is None or self.status in COMES_BACK or self.status >= 500


class Attempts:
    """Judges the attempts at one request, one after the other.

    limit: how many may fail. refreshable: whether another token may help after a 401.
    """

    def __init__(self, publication: Publication, limit: int, *, refreshable: bool) -> None:
        self._publication = publication
        self._refreshable = refreshable
        self._may_be_stored = False
        self._reconnection = Reconnection(Patience(attempts=limit))
        self._reconnection.retry = FIRST_WAIT

    def judge(self, outcome: Outcome, unix_time: float) -> Verdict:
        """Return what follows; unix_time: for a `Retry-After` that names a date."""
        if outcome.status == STORED or (outcome.status == KNOWN and self._was_stored_before()):
            return Verdict.STORED
        if outcome.status == UNAUTHORISED and self._refreshable:
            self._refreshable = False
            return Verdict.REFRESH
        self._reconnection.failed()
        self._may_be_stored |= outcome.may_be_stored
        asked = read_retry_after(outcome.retry_after, unix_time)
        self._reconnection.postpone(asked)
        goes_on = outcome.may_get_better and asked <= LONGEST_WAIT and self._may_repeat()
        return Verdict.RETRY if goes_on and not self._reconnection.exhausted else Verdict.FAIL

    def wait(self, chance: float) -> float:
        """Return the seconds until the next attempt; chance: a random number from 0 to 1."""
        return self._reconnection.wait(chance)

    def failure(self, outcome: Outcome) -> RequestFailed:
        """Return the error that the last outcome means, and what the user must know beside its reason."""
        failures = self._reconnection.failures
        notes = [f"gave up after {failures} attempts"] if failures > 1 else []
        if self._may_be_stored:
            notes.append("it may have been stored")
        return RequestFailed(f"{outcome.reason} ({'; '.join(notes)})" if notes else outcome.reason, outcome.status)

    def _was_stored_before(self) -> bool:
        return self._may_be_stored and self._publication.stored_if_known

    def _may_repeat(self) -> bool:
        return self._publication.repeatable or not self._may_be_stored
