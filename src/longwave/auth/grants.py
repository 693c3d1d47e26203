"""What a token allows: which topics its bearer may publish to, and of which it may see private updates.

Not here: reading a token (tokens.py), its claims (claims.py), what a subscription asks for (core/audience.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longwave.core.selector import EVERY_TOPIC, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.core.selector import Selector

SHOWN = 3  # selectors that a message names
SHOWN_LENGTH = 60  # characters of each


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """The grants of one token.

    publish: every topic of an update must match one of these; None: the token is not for publishing at all.
    subscribe: a private update is seen if one of its topics matches one of these.
    revoke: tokens may be revoked by a topic, subject or token id that one of these matches.
    payload: any JSON value, told to others where this bearer subscribes; None for none. Nobody may change it.
    subject, token_id: the claims `sub` and `jti`, "" for none.
    issued, begins, expires: the claims `iat`, `nbf` and `exp` as Unix times, None for none.
    """

    publish: tuple[Selector, ...] | None = None
    subscribe: tuple[Selector, ...] = ()
    revoke: tuple[Selector, ...] = ()
    payload: object = None
    subject: str = ""
    token_id: str = ""
    issued: float | None = None
    begins: float | None = None
    expires: float | None = None
    _publish: Cover = field(init=False, compare=False, repr=False)
    _subscribe: Cover = field(init=False, compare=False, repr=False)
    _revoke: Cover = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_publish", Cover.of(self.publish or ()))
        object.__setattr__(self, "_subscribe", Cover.of(self.subscribe))
        object.__setattr__(self, "_revoke", Cover.of(self.revoke))

    @property
    def publish_cost(self) -> int:
        """What one look of `uncovered` at a topic of 100 characters costs at most; see `Selector.cost`."""
        return self._publish.cost

    @property
    def bearer(self) -> dict[str, str]:
        """Whose token it is, as far as it says: `subject` and `token_id`, for messages."""
        named = {"subject": self.subject, "token_id": self.token_id}
        return {name: value for name, value in named.items() if value}

    def uncovered(self, topics: Iterable[str]) -> str | None:
        """Return the first topic that these may not publish to; None if they may publish to all."""
        covers = self._publish.covers
        return next((topic for topic in topics if not covers(topic)), None)

    def may_see(self, topic: str) -> bool:
        """Tell whether private updates of a topic are seen."""
        return self._subscribe.covers(topic)

    def may_revoke(self, value: str) -> bool:
        """Tell whether tokens may be revoked by this topic, subject or token id."""
        return self._revoke.covers(value)


def some_of(selectors: tuple[Selector, ...] | None) -> str:
    """Return the first few of the selectors, shortened, as a message names them."""
    if not selectors:
        return "no selector"
    shown = ", ".join([f"{selector.text[:SHOWN_LENGTH]!r}" for selector in selectors[:SHOWN]])
    more = len(selectors) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


@dataclass(frozen=True, slots=True)
class Cover:
    """Selectors, laid out so that a topic costs one look-up and one match for each template."""

    texts: frozenset[str]  # of templates too: a template covers the topic that is its text
    templates: tuple[Selector, ...]
    everything: bool
    cost: int

    @classmethod
    def of(cls, selectors: tuple[Selector, ...]) -> Cover:
        """Return the cover of these selectors."""
        if not selectors:
            return _NO_COVER
        texts = frozenset(selector.text for selector in selectors)
        templates = tuple(selector for selector in selectors if selector.kind is Kind.TEMPLATE)
        everything = EVERY_TOPIC in texts
        return cls(texts, templates, everything, 0 if everything else sum(template.cost for template in templates))

    def covers(self, topic: str) -> bool:
        """Tell whether one of the selectors matches the topic."""
        if self.everything or topic in self.texts:
            return True
        return any(template.matches(topic) for template in self.templates)


_NO_COVER = Cover(frozenset(), (), everything=False, cost=0)
NOTHING = Grants()  # of somebody without a token
