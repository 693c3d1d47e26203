"""An audience: what a subscription asks for and what its token allows.

Not here: how selectors match (selector.py), how tokens become grants (auth/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longwave.core.selector import Selector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.core.update import Update


@dataclass(frozen=True, slots=True)
class Audience:
    """Selectors and grants; subscribers with equal audiences share a feed.

    selectors: an update is asked for if any of its topics matches any of these.
    grants: a private update is allowed if any of its topics, not necessarily the same, matches any of these.
    """

    selectors: tuple[Selector, ...]
    grants: tuple[Selector, ...] = ()
    _hash: int = field(init=False, compare=False, repr=False)  # each subscription looks for its feed

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.selectors, self.grants)))

    def __hash__(self) -> int:
        return self._hash

    def receives(self, update: Update) -> bool:
        """Tell whether the update goes to this audience."""
        return matches_any(self.selectors, update.topics) and self.may_receive(update)

    def may_receive(self, update: Update) -> bool:
        """Tell whether the update is public or a grant covers it."""
        return not update.private or matches_any(self.grants, update.topics)


def audience_of(selectors: Iterable[str], grants: Iterable[str] = ()) -> Audience:
    """Return the audience of these texts; their order and repetitions make no difference.

    Raises InvalidValue for a selector that is not allowed.
    """
    return Audience(_canonical(selectors), _canonical(grants))


def _canonical(texts: Iterable[str]) -> tuple[Selector, ...]:
    return tuple(sorted(set(map(Selector, texts)), key=lambda selector: selector.text))


def matches_any(selectors: tuple[Selector, ...], topics: tuple[str, ...]) -> bool:
    """Tell whether at least one selector matches at least one topic."""
    return any(selector.matches(topic) for selector in selectors for topic in topics)
