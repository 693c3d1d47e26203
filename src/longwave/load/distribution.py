"""The distribution: which subscriber has which topics, and which subscribers stop reading.

Not here: how often each topic gets an event (popularity.py).
Rule that always holds: the answers depend on the numbers alone, so that every process finds the same.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum


class Distribution(Enum):
    """How events spread over subscribers."""

    BROADCAST = "broadcast"  # everybody has every topic
    SPREAD = "spread"  # everybody has one topic, in turn
    UNICAST = "unicast"  # everybody has a topic of their own

    def topics_of(self, subscriber: int, topics: int) -> tuple[int, ...]:
        """Return the topics of a subscriber, of so many topics."""
        return tuple(range(topics)) if self is Distribution.BROADCAST else (subscriber % topics,)


def is_stalled(subscriber: int, share: float) -> bool:
    """Return whether a subscriber is one of those that stop reading: they stand evenly among all."""
    return int((subscriber + 1) * share) > int(subscriber * share)


def audience_sizes(distribution: Distribution, subscribers: int, topics: int, stalled: float) -> list[int]:
    """Return how many subscribers that read each topic has."""
    readers = [subscriber for subscriber in range(subscribers) if not is_stalled(subscriber, stalled)]
    if distribution is Distribution.BROADCAST:
        return [len(readers)] * topics
    sizes = Counter(subscriber % topics for subscriber in readers)
    return [sizes[topic] for topic in range(topics)]
