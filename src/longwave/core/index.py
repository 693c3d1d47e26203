"""Which feeds an update goes to.

Exact topics are looked up in a dict, so a publish costs the same however many topics there are. Templates
are matched once for each topic, and the answers are kept.

Not here: how one selector matches one topic (selector.py), many templates (template_set.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.core.selector import EVERY_TOPIC, Kind, Selector
from longwave.core.template_set import WITHOUT_END, TemplateSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.core.feed import Feed
    from longwave.core.template_set import Look
    from longwave.core.update import Update

Group = dict["Feed", None]


class FeedIndex:
    """Feeds by what they select and by what they are granted."""

    __slots__ = ("_asking", "_granted")

    def __init__(self) -> None:
        self._asking = _FeedsBySelector()
        self._granted = _FeedsBySelector()

    def add(self, feed: Feed) -> None:
        """Let updates that its audience receives find the feed."""
        self._asking.add(feed, feed.audience.selectors)
        self._granted.add(feed, feed.audience.grants)

    def remove(self, feed: Feed) -> None:
        """Forget the feed."""
        self._asking.remove(feed, feed.audience.selectors)
        self._granted.remove(feed, feed.audience.grants)

    def search(self, update: Update) -> Search:
        """Return a search for the feeds that the update goes to."""
        return Search(self._asking, self._granted if update.private else None, update.topics)

    def find(self, update: Update) -> Iterable[Feed]:
        """Return the feeds that the update goes to, each once, whatever work that is."""
        return self.search(update).feeds()


class Search:
    """Finds the feeds that an update goes to: in steps of bounded work, then those of that moment.

    granted: which feeds may see it; None for all.
    """

    __slots__ = ("_asking", "_granted", "_looks", "_topics")

    def __init__(self, asking: _FeedsBySelector, granted: _FeedsBySelector | None, topics: tuple[str, ...]) -> None:
        self._asking = asking
        self._granted = granted
        self._topics = topics
        # Kept here, as the sets may forget them before the end.
        self._looks: dict[tuple[bool, str], Look] | None = None

    def step(self, budget: int) -> int:
        """Do some work and return what is left of the budget; above 0, `feeds` has no more to do.

        budget: at least 1; about microseconds.
        """
        budget = self._step(self._asking, budget)
        return self._step(self._granted, budget) if budget > 0 and self._granted is not None else budget

    def feeds(self) -> Iterable[Feed]:
        """Return the feeds, each once, having done what work is left."""
        self.step(WITHOUT_END)
        found = self._merged(self._asking)
        if self._granted is None or not found:
            return found
        allowed = self._merged(self._granted)
        return [feed for feed in found if feed in allowed]

    def _step(self, side: _FeedsBySelector, budget: int) -> int:
        if not side.templates.numbers:
            return budget
        for topic in self._topics:
            budget = side.templates.step(self._look(side, topic), budget)
            if budget <= 0:
                return 0
        return budget

    def _look(self, side: _FeedsBySelector, topic: str) -> Look:
        looks = self._looks
        if looks is None:
            looks = self._looks = {}
        key = side is self._asking, topic
        look = looks.get(key)
        if look is None:
            look = looks[key] = side.templates.look(topic)
        return look

    def _merged(self, side: _FeedsBySelector) -> Group:
        groups = self._groups(side)
        if len(groups) == 1:
            return groups[0]
        merged: Group = {}
        for group in groups:
            merged |= group
        return merged

    def _groups(self, side: _FeedsBySelector) -> list[Group]:
        by_text = side.by_text
        texts = [EVERY_TOPIC, *self._topics] if EVERY_TOPIC not in self._topics else self._topics
        groups = [by_text[text] for text in texts if text in by_text]
        if side.templates.numbers:
            for topic in self._topics:
                groups += [by_text[text] for text in self._look(side, topic).texts if text in by_text]
        return groups


class _FeedsBySelector:
    """Feeds by the text of each of their selectors, of one kind."""

    __slots__ = ("by_text", "templates")

    def __init__(self) -> None:
        self.by_text: dict[str, Group] = {}
        self.templates = TemplateSet()

    def add(self, feed: Feed, selectors: Iterable[Selector]) -> None:
        for selector in selectors:
            feeds = self.by_text.get(selector.text)
            if feeds is None:
                feeds = self.by_text[selector.text] = {}
                if selector.kind is Kind.TEMPLATE:
                    self.templates.add(selector)
            feeds[feed] = None

    def remove(self, feed: Feed, selectors: Iterable[Selector]) -> None:
        for selector in selectors:
            feeds = self.by_text[selector.text]
            del feeds[feed]
            if not feeds:
                del self.by_text[selector.text]
                if selector.kind is Kind.TEMPLATE:
                    self.templates.remove(selector)
