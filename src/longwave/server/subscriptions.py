"""Subscriptions of clients that are known by a token, or that others are told of, for as long as their streams last.

Not here: what a token allows (access.py), who is told (presence/), streams of clients that nobody has to know.
Rules that always hold: no event is begun to be sent past a token's expiry or revocation; its stream ends then, cleanly
as a rule, so that its client comes back at once, with a fresh token and where it was; whoever is told of somebody's
coming is told of the leaving.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from longwave.auth.claims import check_times
from longwave.auth.refusal import Reason
from longwave.core.frame import END_OF_CHUNKS, Format
from longwave.core.subscriber import State
from longwave.errors import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.auth.grants import Grants
    from longwave.auth.revocations import Revocation, Revocations
    from longwave.core.announcements import Attendance
    from longwave.core.subscriber import Subscriber
    from longwave.hub import Hub
    from longwave.server.presence.presence_node import PresenceNode

LONGEST_TIMER = 60.0  # seconds; a later expiry is looked at again then, as the clock may have been set
STEP = 2000  # subscriptions that are looked at without a break, in about a millisecond


class Subscription:
    """One stream. timer: that of its token's expiry, or None. attendance: as what others are told of it, or None."""

    __slots__ = ("_release", "_whole", "attendance", "grants", "subscriber", "timer")

    def __init__(
        self, whole: Subscriptions, subscriber: Subscriber, grants: Grants, attendance: Attendance | None
    ) -> None:
        self._whole = whole
        self._release = subscriber.release
        self.subscriber = subscriber
        self.grants = grants
        self.attendance = attendance
        self.timer: asyncio.TimerHandle | None = None
        subscriber.release = self.released

    def released(self, subscriber: Subscriber) -> None:
        """Note the stream's end, whatever the reason."""
        self._whole.remove(self)
        subscriber.release = self._release  # who still knows the subscriber keeps no grants alive
        self._release(subscriber)


class Subscriptions:
    """All subscriptions that have to be known. now: Unix time in seconds."""

    def __init__(
        self,
        hub: Hub,
        revocations: Revocations,
        presence: PresenceNode | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._hub = hub
        self._revocations = revocations
        self._presence = presence
        self._now = now
        self._all: dict[Subscriber, Subscription] = {}

    def __len__(self) -> int:
        return len(self._all)

    def check(self, grants: Grants) -> None:
        """Raise TokenRefused if the token does not count any more: a while may have passed since it was read."""
        check_times(grants, self._now())
        revoked = self._revocations.covering(grants)
        if revoked is not None:
            aspect = revoked.aspect.value
            raise TokenRefused(Reason.REVOKED, f"it was revoked by its {aspect}", aspect=aspect, **grants.bearer)

    def add(self, subscriber: Subscriber, grants: Grants, attendance: Attendance | None = None) -> None:
        """Watch a stream until it is closed; its token may not count any more."""
        if subscriber.state is State.CLOSED:
            self._leave(attendance)
            return
        subscription = self._all[subscriber] = Subscription(self, subscriber, grants, attendance)
        if self._revocations.covering(grants) is not None:
            self._finish(subscription)
        else:
            self._wait_for_expiry(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription whose stream is closed."""
        del self._all[subscription.subscriber]
        if subscription.timer is not None:
            subscription.timer.cancel()
        self._leave(subscription.attendance)

    async def end(self, revocation: Revocation) -> int:
        """End the streams whose tokens are revoked; return how many these were. No such stream can begin meanwhile."""
        ended = 0
        every = list(self._all.values())
        for start in range(0, len(every), STEP):
            covered = [one for one in every[start : start + STEP] if revocation.covers(one.grants)]
            ended += len(covered)
            for subscription in covered:
                self._finish(subscription)
            await asyncio.sleep(0)
        return ended

    def _wait_for_expiry(self, subscription: Subscription) -> None:
        expires = subscription.grants.expires
        if expires is None:
            return
        left = expires - self._now()
        if left <= 0:
            self._finish(subscription)
            return
        loop = asyncio.get_running_loop()
        subscription.timer = loop.call_later(min(left, LONGEST_TIMER), self._wait_for_expiry, subscription)

    def _finish(self, subscription: Subscription) -> None:
        subscriber = subscription.subscriber
        self._hub.delivery.cut(subscriber, END_OF_CHUNKS if subscriber.feed.form is Format.CHUNKED else b"")

    def _leave(self, attendance: Attendance | None) -> None:
        if attendance is not None and self._presence is not None:
            self._presence.leave(attendance)
