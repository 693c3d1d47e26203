"""What a token says and allows, in lines for people, with every reason for which a hub would refuse it.

Whether a topic is covered is asked as a hub asks it; which selector covers it, by asking each alone.

Not here: the command (token.py), the rules themselves (auth/).
Rule that always holds: nothing that a token holds can control the terminal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from longwave.auth.claims import check_times, read_grants
from longwave.auth.credentials import SCHEME, Presented, find_credential
from longwave.auth.grants import Cover
from longwave.auth.span import format_span
from longwave.auth.tokens import parse_token, verify
from longwave.cli.doctor import printable
from longwave.cli.quantity import format_size
from longwave.core.selector import EVERY_TOPIC
from longwave.errors import TokenRefused
from longwave.server.config import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longwave.auth.grants import Grants
    from longwave.auth.keys import Keys
    from longwave.auth.tokens import SignedToken
    from longwave.core.selector import Selector

Result = TypeVar("Result")

LABEL_WIDTH = 12  # columns
REST_OF_HEAD = 1024  # bytes of a request's head besides a token, as browsers send it
VERIFIED = "now, unless it was revoked"
CLOCK_IS_WRONG = ": the clock of its issuer is fast, or this one is slow"
UNVERIFIED = "if the hub has the key that signed it, unless it was revoked"


@dataclass(frozen=True, slots=True)
class Question:
    """The topics of which one asks whether a token covers them: to publish to, and to see private updates of."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()


NO_QUESTION = Question()


@dataclass(slots=True)
class Explanation:
    """Facts as label and text, in order; the reasons to refuse the token; whether a key has signed it.

    uncovered: whether a topic that was asked for is not covered.
    """

    facts: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    verified: bool = False
    uncovered: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against the token, nor against what was asked of it."""
        return not self.refusals and not self.uncovered

    def lines(self) -> Iterator[str]:
        """Yield the lines to print; the last ones say whether the token is accepted, and if not, why."""
        for label, text in self.facts:
            yield f"{label:{LABEL_WIDTH}} {printable(text)}"
        for refusal in self.refusals:
            yield f"{'refused':{LABEL_WIDTH}} {printable(refusal)}"
        if not self.refusals:
            yield f"{'accepted':{LABEL_WIDTH}} {VERIFIED if self.verified else UNVERIFIED}"

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Return what the step returns, or None if it refuses the token; the reason is kept once."""
        try:
            return step()
        except TokenRefused as error:
            if str(error) not in self.refusals:
                self.refusals.append(str(error))
            return None


def explain(token: str, keys: Keys | None, now: float, question: Question = NO_QUESTION) -> Explanation:
    """Return what there is to say of a token at Unix time `now`; without keys its signature is not checked."""
    told = Explanation()
    size = warning_of_size(token)
    if size is not None:
        told.facts.append(("size", size))
    signed = told.attempt(lambda: parse_token(token))
    if signed is None:
        return told
    told.facts.append(("signed with", _signature(signed)))
    told.attempt(lambda: find_credential(Presented(headers=[SCHEME + token])))
    told.verified = keys is not None and told.attempt(lambda: verify(token, keys)) is not None
    claims = told.attempt(signed.claims)
    grants = None if claims is None else told.attempt(lambda: read_grants(claims, now))
    if claims is not None and grants is not None:
        told.facts += _facts(grants, claims.get("iat"), now)
        _answer(question, grants, told)
        told.attempt(lambda: check_times(grants, now))
    return told


def warning_of_size(token: str) -> str | None:
    """Return what to tell of a token too large for a hub that was told no other limit; None if it is not."""
    bound = Limits().head
    if len(token) + REST_OF_HEAD <= bound:
        return None
    return (
        f"{len(token)} characters, which with the rest of a request's head may be more than the "
        f"{format_size(bound)} that a hub takes unless --max-head says more"
    )


def _answer(question: Question, grants: Grants, told: Explanation) -> None:
    asked = (
        ("publish to", question.publish, grants.publish or (), "such a request is refused"),
        ("private updates of", question.subscribe, grants.subscribe, "they are not seen, public ones are"),
    )
    for action, topics, selectors, otherwise in asked:
        for topic in topics:
            selector = _covering(selectors, topic)
            if selector is not None:
                told.facts.append(("covered", f"{action} {topic!r}, by {selector.text!r}"))
            else:
                told.facts.append(("uncovered", f"{action} {topic!r}: {otherwise}"))
                told.uncovered = True


def _covering(selectors: tuple[Selector, ...], topic: str) -> Selector | None:
    return next((selector for selector in selectors if Cover.of((selector,)).covers(topic)), None)


def _signature(signed: SignedToken) -> str:
    return f"{signed.algorithm}, by the key {signed.key_id!r}" if signed.key_id else signed.algorithm


def _facts(grants: Grants, issued: float | None, now: float) -> Iterator[tuple[str, str]]:
    yield "may publish", _publishable(grants)
    yield "may see", _visible(grants)
    if grants.revoke:
        yield "may revoke", _listed(grants.revoke, "tokens of every subject, id and topic")
    if grants.payload is not None:
        yield "payload", json.dumps(grants.payload, ensure_ascii=False)
    names = (("subject", grants.subject), ("id", grants.token_id))
    yield from ((label, name) for label, name in names if name)
    if issued is not None:  # as the token says it; `grants.issued` is never later than now
        yield "issued", _moment(issued, now) + (CLOCK_IS_WRONG if issued > now else "")
    if grants.begins is not None:
        yield "begins", _moment(grants.begins, now)
    yield "expires", "never" if grants.expires is None else _moment(grants.expires, now)


def _publishable(grants: Grants) -> str:
    if grants.publish is None:
        return "nothing: it is not for publishing (no claim mercure.publish)"
    return _listed(grants.publish, "to every topic") if grants.publish else "to no topic (mercure.publish is empty)"


def _visible(grants: Grants) -> str:
    private = f"; private updates: {_listed(grants.subscribe, 'all')}" if grants.subscribe else " only"
    return f"public updates of any topic{private}"


def _listed(selectors: tuple[Selector, ...], all_of_them: str) -> str:
    texts = [selector.text for selector in selectors]
    return f"{all_of_them} (*)" if EVERY_TOPIC in texts else ", ".join(texts)


def _moment(moment: float, now: float) -> str:
    distance = format_span(abs(moment - now))
    relation = f"in {distance}" if moment > now else f"{distance} ago"
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC, {relation}"
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return relation
