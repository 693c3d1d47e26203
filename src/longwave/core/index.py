"""Which feeds an update goes to.

Exact topics are looked up in a dict, so a publish costs the same however many topics there are. Templates
are matched once for each topic, and the answers are kept: a template that comes later is matched alone.

Not here: how one selector matches one topic (selector.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.core.selector import Kind, Selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from longwave.core.feed import Feed
    from longwave.core.update import Update

MAX_REMEMBERED_TOPICS = 10_000  # topics whose matching templates are kept


class FeedIndex:
    """Feeds by what they select."""

    __slots__ = ("_by_selector", "_order", "_remembered")

    def __init__(self) -> None:
        self._by_selector: dict[str, dict[Feed, None]] = {}
        self._order: list[Selector] = []  # templates as they came, some twice, some unused by now
        self._remembered: dict[str, _Matches] = {}

    def add(self, feed: Feed) -> None:
        """Let `find` return the feed for what its audience selects."""
        for selector in feed.audience.selectors:
            feeds = self._by_selector.get(selector.text)
            if feeds is None:
                feeds = self._by_selector[selector.text] = {}
                if selector.kind is Kind.TEMPLATE:
                    self._order.append(selector)
            feeds[feed] = None

    def remove(self, feed: Feed) -> None:
        """Forget the feed."""
        for selector in feed.audience.selectors:
            feeds = self._by_selector[selector.text]
            del feeds[feed]
            if not feeds:
                del self._by_selector[selector.text]
        if len(self._order) > 2 * len(self._by_selector) + 16:
            self._forget_unused_templates()

    def find(self, update: Update) -> Iterable[Feed]:
        """Return the feeds that the update goes to, each once."""
        found = self._selecting(update.topics)
        if update.private:
            return [feed for feed in found if feed.audience.may_receive(update)]
        return found

    def _selecting(self, topics: tuple[str, ...]) -> Iterable[Feed]:
        groups = [group for selector in self._selectors(topics) if (group := self._by_selector.get(selector))]
        if len(groups) == 1:
            return groups[0]
        merged: dict[Feed, None] = {}
        for group in groups:
            merged |= group
        return merged

    def _selectors(self, topics: tuple[str, ...]) -> Iterator[str]:
        yield "*"
        for topic in topics:
            if topic != "*":
                yield topic
            if self._order:
                yield from self._templates(topic)

    def _templates(self, topic: str) -> list[str]:
        matches = self._remembered.get(topic)
        if matches is None:
            while len(self._remembered) >= MAX_REMEMBERED_TOPICS:
                del self._remembered[next(iter(self._remembered))]
            matches = self._remembered[topic] = _Matches()
        for selector in self._order[matches.tried :]:
            # A topic equal to the template's own text is found as an exact topic.
            if selector.text != topic and selector.matches(topic):
                matches.texts.append(selector.text)
        matches.tried = len(self._order)
        return matches.texts

    def _forget_unused_templates(self) -> None:
        used = {selector.text: selector for selector in self._order if selector.text in self._by_selector}
        self._order = list(used.values())
        self._remembered.clear()


class _Matches:
    """The templates that match one topic, among the first `tried` ones."""

    __slots__ = ("texts", "tried")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.tried = 0
