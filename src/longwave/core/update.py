"""An update: what a publisher sends, which is an event, the topics it is about, and a private flag.

Not here: its place in the log (core/entry.py), who may receive it (core/audience.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from longwave.errors import InvalidValue
from longwave.eventstream.event import Event, check_text

MAX_TOPICS = 1000  # of one update; the Mercure protocol's figure
MAX_TOPIC_LENGTH = 4096  # characters


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


def check_topic(topic: str) -> None:
    """Raise InvalidValue unless `topic` may name a topic."""
    check_text("topic", topic)
    if not topic:
        raise InvalidValue("topic", "expected at least one character, got an empty string")
    if len(topic) > MAX_TOPIC_LENGTH:
        raise InvalidValue("topic", f"expected at most {MAX_TOPIC_LENGTH} characters, got {len(topic)}")
    if "\0" in topic:
        raise InvalidValue("topic", f"expected no NUL, got one as character {topic.index(chr(0)) + 1}")
