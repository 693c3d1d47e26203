"""Which tokens do not count any more, though they are signed and in time: by subject, by token id, or by topic.

Not here: who may revoke (grants.py), closing streams (server/), how revocations reach other nodes and outlive
this process (they are updates on the log).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from longwave.auth.claims import LATEST, MAX_NAME
from longwave.core.selector import EVERY_TOPIC, Kind
from longwave.core.topic import check_topic
from longwave.errors import InvalidValue
from longwave.eventstream.event import check_text

if TYPE_CHECKING:
    from longwave.auth.grants import Grants
    from longwave.core.selector import Selector


class Aspect(Enum):
    """What of a token is named."""

    SUBJECT = "subject"  # its `sub`
    TOKEN = "token"  # its `jti`
    TOPIC = "topic"  # a topic that it has a grant for


# The oldest of an aspect go first. Topics are fewer, as each is matched with each template of a token.
MAX_REVOCATIONS = {Aspect.SUBJECT: 100_000, Aspect.TOKEN: 100_000, Aspect.TOPIC: 1_000}


@dataclass(frozen=True, slots=True)
class Revocation:
    """The tokens that name `value`, and were issued at `before` (Unix time) or earlier, or do not say when.

    A topic is named by a token that may publish to it, or see private updates of it: one of its selectors is the topic,
    or a template that matches it. `*` names no topic: a token for everything is revoked by its subject or its id only.

    Raises InvalidValue for a value or time that no token can have.
    """

    aspect: Aspect
    value: str
    before: float

    def __post_init__(self) -> None:
        if self.aspect is Aspect.TOPIC:
            check_topic(self.value)
        else:
            _check_name(self.aspect.value, self.value)
        if self.value == EVERY_TOPIC and self.aspect is Aspect.TOPIC:
            raise InvalidValue("topic", f"expected one topic, got {EVERY_TOPIC!r}, which stands for all")
        if not -LATEST <= self.before <= LATEST:
            raise InvalidValue("before", f"expected seconds since 1970, got {self.before}")

    def covers(self, grants: Grants) -> bool:
        """Tell whether a token with these grants is revoked."""
        return self.is_in_time(grants) and self._names(grants)

    def is_in_time(self, grants: Grants) -> bool:
        """Tell whether a token was issued early enough; one that does not say when could have been."""
        return grants.issued is None or grants.issued <= self.before

    def _names(self, grants: Grants) -> bool:
        if self.aspect is Aspect.SUBJECT:
            return grants.subject == self.value
        if self.aspect is Aspect.TOKEN:
            return grants.token_id == self.value
        return any(selector.matches(self.value) for selector in _particular_selectors(grants))


class Revocations:
    """All that are known, found by what they name.

    longest_life: seconds that no token lives longer than, if that is known; then a revocation is forgotten once all
    tokens that it can cover have expired.
    """

    def __init__(self, longest_life: float | None = None) -> None:
        self._longest_life = longest_life
        self._known: dict[Aspect, OrderedDict[str, Revocation]] = {aspect: OrderedDict() for aspect in Aspect}
        self._version = 0

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    @property
    def version(self) -> int:
        """Another number once more tokens are revoked than before."""
        return self._version

    def add(self, revocation: Revocation, now: float) -> Revocation | None:
        """Remember one, at Unix time `now`. Of two that name the same the one of the later `before` stays.

        Return one that had to be forgotten for it although it may matter, None mostly.
        """
        known = self._known[revocation.aspect]
        earlier = known.get(revocation.value)
        if earlier is not None and earlier.before >= revocation.before:
            return None
        self._forget_expired(known, now)
        known[revocation.value] = revocation
        known.move_to_end(revocation.value)
        self._version += 1
        return known.popitem(last=False)[1] if len(known) > MAX_REVOCATIONS[revocation.aspect] else None

    def covering(self, grants: Grants) -> Revocation | None:
        """Return one that a token is revoked by, or None."""
        subject = self._known[Aspect.SUBJECT].get(grants.subject)
        if subject is not None and subject.is_in_time(grants):
            return subject
        token = self._known[Aspect.TOKEN].get(grants.token_id)
        if token is not None and token.is_in_time(grants):
            return token
        return self._topic_covering(grants)

    def _topic_covering(self, grants: Grants) -> Revocation | None:
        topics = self._known[Aspect.TOPIC]
        if not topics:
            return None
        selectors = _particular_selectors(grants)
        named = (topics.get(selector.text) for selector in selectors)
        found = next((one for one in named if one is not None and one.is_in_time(grants)), None)
        if found is not None or all(selector.kind is Kind.EXACT for selector in selectors):
            return found
        return next((one for one in topics.values() if one.covers(grants)), None)

    def _forget_expired(self, known: OrderedDict[str, Revocation], now: float) -> None:
        """Forget the oldest as long as whatever they cover has expired; they came in about the order of their times."""
        if self._longest_life is None:
            return
        while known and next(iter(known.values())).before + self._longest_life < now:
            known.popitem(last=False)


def _particular_selectors(grants: Grants) -> list[Selector]:
    selectors = (*grants.subscribe, *(grants.publish or ()))
    return [selector for selector in selectors if selector.kind is not Kind.EVERYTHING]


def _check_name(field: str, value: str) -> None:
    check_text(field, value)
    if not 0 < len(value) <= MAX_NAME:
        raise InvalidValue(field, f"expected 1 to {MAX_NAME} characters, got {len(value)}")
