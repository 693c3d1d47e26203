"""Popularity: which topic each event of a run has.

Not here: who subscribes to it (distribution.py).
Rule that always holds: one seed makes one choice.
"""

from __future__ import annotations

import random
from array import array


def choose_topics(events: int, topics: int, *, zipf: float, seed: int) -> array[int]:
    """Return the topic of each event.

    zipf: topic number n (from 1) gets a share of the events in proportion to n ** -zipf; 0: the topics take turns.
    """
    if not zipf:
        return array("I", (event % topics for event in range(events)))
    weights = [rank**-zipf for rank in range(1, topics + 1)]
    return array("I", random.Random(seed).choices(range(topics), weights, k=events))
