"""An update: what a publisher sends, which is an event, the topics it is about, and a private flag.

Not here: its place in the log (core/entry.py), who may receive it (core/audience.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.core.topic import check_topic
from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from longwave.eventstream.event import Event

MAX_TOPICS = 1000  # of one update; the Mercure protocol's figure


@dataclass(frozen=True, slots=True)
class Update:
    """One update.

    topics: at least one, at most 1,000, each of 1 to 4,096 characters; the first is the canonical one, the
        others are alternates; all of them are matched.
    event: what subscribers get; an empty `event.id` lets the log name it.
    private: whether only subscribers with a grant for one of the topics get it.

    Raises InvalidValue for anything else.
    """

    topics: tuple[str, ...]
    event: Event
    private: bool = False

    def __post_init__(self) -> None:
        if not self.topics:
            raise InvalidValue("topic", "expected at least one topic, got none")
        if len(self.topics) > MAX_TOPICS:
            raise InvalidValue("topic", f"expected at most {MAX_TOPICS} topics, got {len(self.topics)}")
        for topic in self.topics:
            check_topic(topic)
