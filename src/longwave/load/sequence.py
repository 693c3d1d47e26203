"""The sequence check: whether one stream got every event of its topics once, in the order of publishing.

Not here: finding events in bytes (place.py), what a fault means for the run (verdict.py).
Rules that always hold: values in, values out; an event that was passed over is missing until it comes (then it is a
reordering) or the run ends (then it is a gap); what comes again is a duplicate.

Each pair of topic and publisher has its own sequence, as only one connection's events have an order.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from longwave.load.stamp import Stamp

MAX_MISSING = 100_000  # events of one stream that are known by number; the run has failed long before


@dataclass(slots=True)
class Faults:
    """How often each fault was seen.

    duplicates: the same event again. reorderings: an event after a later one. misdelivered: an event of a topic that
    was not subscribed to. corrupt: bytes that are no event stream, or data that was changed. foreign: events that the
    generator did not publish, such as a notice of a gap. gaps: events that never came.
    """

    duplicates: int = 0
    reorderings: int = 0
    misdelivered: int = 0
    corrupt: int = 0
    foreign: int = 0
    gaps: int = 0

    def add(self, other: Faults, times: int = 1) -> None:
        """Add the faults of `other`, seen by so many streams."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + times * getattr(other, field.name))

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


class Tally(NamedTuple):
    """What one stream has got.

    following: the number that each of the stream's sequences has next. missing: (sequence, number) passed over.
    """

    following: tuple[int, ...]
    missing: frozenset[tuple[int, int]] = frozenset()


class Audience:
    """The topics of one or more subscribers; knows where each sequence stands in their tallies."""

    def __init__(self, topics: Sequence[int], publishers: int) -> None:
        self.topics = tuple(topics)
        self._publishers = publishers
        self._places = {topic: place * publishers for place, topic in enumerate(topics)}

    def start(self) -> Tally:
        """Return the tally of a stream that has got nothing."""
        return Tally((0,) * (len(self.topics) * self._publishers))

    def count(self, tally: Tally, stamps: Iterable[Stamp]) -> tuple[Tally, Faults]:
        """Return the tally after these events, and what was wrong with them."""
        following, missing, faults = list(tally.following), set(tally.missing), Faults()
        for stamp in stamps:
            place = self._places.get(stamp.topic)
            if place is None:
                faults.misdelivered += 1
                continue
            place += stamp.publisher
            skipped = stamp.sequence - following[place]
            if skipped < 0:
                _count_late(missing, faults, (place, stamp.sequence))
                continue
            if skipped:
                _pass_over(missing, place, range(following[place], stamp.sequence))
            following[place] = stamp.sequence + 1
        return Tally(tuple(following), frozenset(missing)), faults

    def left(self, tally: Tally, sent: Mapping[tuple[int, int], int]) -> Counter[tuple[int, int, int]]:
        """Return what never came: (topic, publisher, number). `sent`: how many events each (topic, publisher) sent."""
        left: Counter[tuple[int, int, int]] = Counter()
        for topic, base in self._places.items():
            for publisher in range(self._publishers):
                begun = tally.following[base + publisher]
                end = sent.get((topic, publisher), 0)
                left.update((topic, publisher, number) for number in range(begun, end))
        for place, number in tally.missing:
            topic, publisher = divmod(place, self._publishers)
            left[self.topics[topic], publisher, number] += 1
        return left


def _count_late(missing: set[tuple[int, int]], faults: Faults, event: tuple[int, int]) -> None:
    if event in missing:
        missing.remove(event)
        faults.reorderings += 1
    else:
        faults.duplicates += 1


def _pass_over(missing: set[tuple[int, int]], place: int, numbers: range) -> None:
    room = max(0, MAX_MISSING - len(missing))
    missing.update((place, number) for number in numbers[:room])
