"""An audience: what a subscription asks for and what its token allows.

Not here: how selectors match (selector.py), how tokens become grants (auth/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longwave.core.note import is_note
from longwave.core.selector import Selector
from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.core.update import Update


@dataclass(frozen=True, slots=True)
class Audience:
    """Selectors and grants; subscribers with equal audiences share a feed.

    selectors: an update is asked for if any of its topics matches any of these.
    grants: a private update is allowed if any of its topics, not necessarily the same, matches any of these.
    cost: what finding it for a topic of 100 characters costs at most, in about microseconds; see `Selector.cost`.
    """

    selectors: tuple[Selector, ...]
    grants: tuple[Selector, ...] = ()
    cost: int = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)  # each subscription looks for its feed

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", sum(selector.cost for selector in (*self.selectors, *self.grants)))
        object.__setattr__(self, "_hash", hash((self.selectors, self.grants)))

    def __hash__(self) -> int:
        return self._hash

    def receives(self, update: Update) -> bool:
        """Tell whether the update goes to this audience."""
        return matches_any(self.selectors, update.topics) and self.may_receive(update)

    def may_receive(self, update: Update) -> bool:
        """Tell whether the update is public or a grant covers it; no grant covers a note."""
        return not update.private or (not is_note(update) and matches_any(self.grants, update.topics))


def audience_of(selectors: Iterable[str], grants: Iterable[str] = ()) -> Audience:
    """Return the audience of these texts; their order and repetitions make no difference.

    Raises InvalidValue for a selector that is not allowed.
    """
    return Audience(canonical(map(Selector, selectors)), canonical(map(Selector, grants)))


def canonical(selectors: Iterable[Selector]) -> tuple[Selector, ...]:
    """Return selectors in one order, each once, so that equal sets of them are equal."""
    return tuple(sorted(set(selectors), key=lambda selector: selector.text))


def matches_any(selectors: tuple[Selector, ...], topics: tuple[str, ...]) -> bool:
    """Tell whether at least one selector matches at least one topic."""
    return any(selector.matches(topic) for selector in selectors for topic in topics)


class SelectorsTooLong(InvalidValue):
    """Selectors have more bytes than they may."""


class SelectorsTooCostly(InvalidValue):
    """Matching selectors would cost more than it may."""


def check_size(texts: Iterable[str], limit: int, field: str) -> None:
    """Raise SelectorsTooLong that names `field` if the texts of selectors have more than `limit` bytes together."""
    size = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    if size > limit:
        raise SelectorsTooLong(field, f"expected selectors of at most {limit} bytes together, got {size}")


def check_cost(selectors: Iterable[Selector], limit: int, field: str) -> None:
    """Raise SelectorsTooCostly that names `field` if matching costs more than `limit`; see `Selector.cost`."""
    cost = sum(selector.cost for selector in selectors)
    if cost > limit:
        raise SelectorsTooCostly(
            field,
            f"expected templates that cost at most {limit} together to match, got {cost}: a plain one costs 1, one "
            "whose parts can be told apart in several ways 10 or more",
        )
