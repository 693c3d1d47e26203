"""An update: what a publisher sends, which is an event, the topics it is about, and a private flag.

Also how topics and data become one, in whatever form a publisher gives them.

Not here: its place in the log (core/entry.py), who may receive it (core/audience.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.core.cursor import EARLIEST
from longwave.core.gap import GAP_TYPE
from longwave.core.topic import check_topic
from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from longwave.eventstream.event import Event

OWN_IDS = "urn:longwave:"  # how ids begin that hubs over one log agree on; no publisher may take one
MAX_TOPICS = 1000  # of one update; the Mercure protocol's figure


class ReservedType(InvalidValue):
    """Only a hub itself sends events of this type."""

    def __init__(self) -> None:
        super().__init__("type", f"expected another than {GAP_TYPE!r}, by which a hub tells that events were lost")


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


def check_publishable(event: Event) -> None:
    """Raise InvalidValue for an id or a type that means something else to clients, so that nobody may publish it.

    An update that is on a log already may have it, from before.
    """
    if event.id == EARLIEST:
        raise InvalidValue("id", f"expected another than {EARLIEST!r}, by which clients ask for all that a hub keeps")
    if event.type == GAP_TYPE:
        raise ReservedType


def topics_of(topic: str | Iterable[str]) -> tuple[str, ...]:
    """Return one topic or several as a tuple. Raises InvalidValue for what is neither."""
    if isinstance(topic, str):
        return (topic,)
    if isinstance(topic, bytes) or not isinstance(topic, Iterable):
        raise InvalidValue("topic", f"expected str or several of them, got {type(topic).__name__}")
    return tuple(topic)


def text_of(data: object) -> str:
    """Return data as the text of an event: a str as it is, anything else as JSON. Raises InvalidValue.

    NaN and the infinities are no JSON, so a browser could not read them.
    """
    if isinstance(data, str):
        return data
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue("data", f"expected str or what JSON can hold, got {type(data).__name__}: {error}") from None
