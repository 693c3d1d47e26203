"""Many templates: which of them match a topic; looked for in steps of bounded work, then remembered.

Not here: how one template matches (template.py), what the templates are for (index.py).

Templates are kept apart by the literal text that they start with, so that those of other users, shops or rooms cost a
topic nothing. The others are matched once for each topic: a template that comes later is matched alone.

Rules that always hold: one step does no more than its `budget` of work, or one match if that alone is more; what a
step found out is not lost when templates come and go before the next; memory is bounded by `MAX_REMEMBERED_TOPICS` and
`MAX_REMEMBERED_MATCHES`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.core.selector import Selector

MAX_REMEMBERED_TOPICS = 10_000  # topics whose matching templates are kept
MAX_REMEMBERED_MATCHES = 1_000_000  # of all topics together
LONGEST_START = 128  # characters of a literal start that templates are kept apart by
COST_LENGTH = 100  # characters of the topic that a selector's `cost` is for
WITHOUT_END = 2**63  # a budget that is always enough


class Look:
    """What is known about one topic: the `texts` of templates that match it, among those up to the number `tried`.

    Some may be of templates that were removed, and come twice then. The template that is the topic itself is not among
    them: it may not be in its own language, and matches all the same.
    remembered: whether others are given it, too. While newer templates are matched: `target` is the newest of this
    round, `length` that of the start whose group is under way, `reached` the number up to which it was matched.
    """

    __slots__ = ("length", "reached", "remembered", "target", "texts", "topic", "tried")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.texts: list[str] = []
        self.tried = 0
        self.remembered = True
        self.target: int | None = None
        self.length = 0
        self.reached = 0


class TemplateSet:
    """Templates, and what they match; `len` is how many there are. numbers: of each, by its text, as they came."""

    __slots__ = (
        "_groups",
        "_groups_of_length",
        "_lengths",
        "_newest",
        "_remembered",
        "_remembered_matches",
        "numbers",
    )

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}  # by literal start
        self._lengths: list[int] = []  # of these, ascending
        self._groups_of_length: dict[int, int] = {}
        self.numbers: dict[str, int] = {}
        self._newest = 0
        self._remembered: dict[str, Look] = {}
        self._remembered_matches = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, selector: Selector) -> None:
        """Add a template that is not here."""
        start = _start_of(selector)
        group = self._groups.get(start)
        if group is None:
            group = self._groups[start] = self._new_group(len(start))
        self._newest += 1
        self.numbers[selector.text] = self._newest
        group.add(self._newest, selector)

    def remove(self, selector: Selector) -> None:
        """Remove a template that is here."""
        start = _start_of(selector)
        group = self._groups[start]
        group.remove(self.numbers.pop(selector.text))
        if not group.count:
            del self._groups[start]
            self._count_down(len(start))
        if not self.numbers:
            for topic in list(self._remembered):
                self._forget(topic)

    def look(self, topic: str) -> Look:
        """Return what is known about a topic, to be completed by `step`."""
        look = self._remembered.get(topic)
        if look is None:
            self._make_room()
            look = self._remembered[topic] = Look(topic)
        return look

    def step(self, look: Look, budget: int) -> int:
        """Do a part of a look's work and return what is left of the budget; above 0, the look is complete.

        budget: at least 1. A unit is about the time that one plain template takes for a topic of 100 characters, which
        is a microsecond.
        """
        while look.tried != self._newest:
            budget = self._advance(look, budget)
            if budget <= 0:
                return 0
        return budget

    def _new_group(self, length: int) -> _Group:
        groups = self._groups_of_length.get(length, 0)
        if not groups:
            insort(self._lengths, length)
        self._groups_of_length[length] = groups + 1
        return _Group()

    def _count_down(self, length: int) -> None:
        self._groups_of_length[length] -= 1
        if not self._groups_of_length[length]:
            del self._groups_of_length[length]
            self._lengths.remove(length)

    def _make_room(self) -> None:
        while self._remembered and (
            len(self._remembered) >= MAX_REMEMBERED_TOPICS or self._remembered_matches > MAX_REMEMBERED_MATCHES
        ):
            self._forget(next(iter(self._remembered)))

    def _forget(self, topic: str) -> None:
        """Forget a look; who has it may complete it."""
        look = self._remembered.pop(topic)
        look.remembered = False
        self._remembered_matches -= len(look.texts)

    def _advance(self, look: Look, budget: int) -> int:
        """Match the templates that are newer than those tried, group after group; return what is left of the budget."""
        if look.target is None:
            look.target, look.length, look.reached = self._newest, 0, look.tried
        while (group := self._next_group(look)) is not None:
            budget = self._match_group(group, look, budget)
            if budget <= 0:
                return 0
            look.length += 1
            look.reached = look.tried
        look.tried, look.target = look.target, None
        return budget

    def _next_group(self, look: Look) -> _Group | None:
        """Return the group of the topic's shortest start that has not been matched, and note how long that is."""
        lengths, topic = self._lengths, look.topic
        while (place := bisect_left(lengths, look.length)) < len(lengths) and lengths[place] <= len(topic):
            look.length = lengths[place]
            group = self._groups.get(topic[: look.length])
            if group is not None:
                return group
            look.length += 1
            look.reached = look.tried
        return None

    def _match_group(self, group: _Group, look: Look, budget: int) -> int:
        """Match the group's templates from `reached` up to `target`; return what is left of the budget."""
        topic = look.topic
        times = 1 + len(topic) // COST_LENGTH
        assert look.target is not None, "a round is under way"
        for place in range(bisect_right(group.numbers, look.reached), len(group.numbers)):
            number = group.numbers[place]
            if number > look.target:
                break
            selector = group.selectors[place]
            if selector is None:
                continue
            budget -= group.costs[place] * times
            if selector.text != topic and selector.matches(topic):
                self._note(look, selector.text)
            look.reached = number
            if budget <= 0:
                break
        return budget

    def _note(self, look: Look, text: str) -> None:
        """Note a match; templates that were removed are dropped when they may be the most."""
        before = len(look.texts)
        if before > 2 * len(self.numbers) + 16:
            look.texts = [text for text in dict.fromkeys(look.texts) if text in self.numbers]
        look.texts.append(text)
        if look.remembered:
            self._remembered_matches += len(look.texts) - before


class _Group:
    """Templates with one literal start, by number; None stands for one that was removed."""

    __slots__ = ("costs", "count", "numbers", "selectors")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.selectors: list[Selector | None] = []
        self.costs: list[int] = []
        self.count = 0

    def add(self, number: int, selector: Selector) -> None:
        self.numbers.append(number)
        self.selectors.append(selector)
        self.costs.append(selector.cost)
        self.count += 1

    def remove(self, number: int) -> None:
        self.selectors[bisect_left(self.numbers, number)] = None
        self.count -= 1
        if len(self.numbers) > 2 * self.count + 16:
            kept = [place for place, selector in enumerate(self.selectors) if selector is not None]
            self.numbers = [self.numbers[place] for place in kept]
            self.selectors = [self.selectors[place] for place in kept]
            self.costs = [self.costs[place] for place in kept]


def _start_of(selector: Selector) -> str:
    return selector.literal_start[:LONGEST_START]
