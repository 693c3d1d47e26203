"""What a token says and allows, in lines for people, with every reason for which a hub would refuse it.

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
from longwave.auth.tokens import parse_token, verify
from longwave.cli.doctor import printable
from longwave.core.selector import EVERY_TOPIC
from longwave.errors import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longwave.auth.grants import Grants
    from longwave.auth.keys import Keys
    from longwave.auth.tokens import SignedToken
    from longwave.core.selector import Selector

Result = TypeVar("Result")

LABEL_WIDTH = 12  # columns
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(slots=True)
class Explanation:
    """Facts as label and text, in order; the reasons to refuse the token; whether a key has signed it."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    verified: bool = False

    def lines(self) -> Iterator[str]:
        """Yield the lines to print; the last ones say whether the token is accepted, and if not, why."""
        for label, text in self.facts:
            yield f"{label:{LABEL_WIDTH}} {printable(text)}"
        for refusal in self.refusals:
            yield f"{'refused':{LABEL_WIDTH}} {printable(refusal)}"
        if not self.refusals:
            yield f"{'accepted':{LABEL_WIDTH}} {'now' if self.verified else 'if the hub has the key that signed it'}"

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Return what the step returns, or None if it refuses the token; the reason is kept once."""
        try:
            return step()
        except TokenRefused as error:
            if str(error) not in self.refusals:
                self.refusals.append(str(error))
            return None


def explain(token: str, keys: Keys | None, now: float) -> Explanation:
    """Return what there is to say of a token at Unix time `now`; without keys its signature is not checked."""
    told = Explanation()
    signed = told.attempt(lambda: parse_token(token))
    if signed is None:
        return told
    told.facts.append(("signed with", _signature(signed)))
    told.attempt(lambda: find_credential(Presented(headers=[SCHEME + token])))
    told.verified = keys is not None and told.attempt(lambda: verify(token, keys)) is not None
    claims = told.attempt(signed.claims)
    grants = None if claims is None else told.attempt(lambda: read_grants(claims, now))
    if grants is not None:
        told.facts += _facts(grants, now)
        told.attempt(lambda: check_times(grants, now))
    return told


def _signature(signed: SignedToken) -> str:
    return f"{signed.algorithm}, by the key {signed.key_id!r}" if signed.key_id else signed.algorithm


def _facts(grants: Grants, now: float) -> Iterator[tuple[str, str]]:
    yield "may publish", _publishable(grants)
    yield "may see", _visible(grants)
    if grants.revoke:
        yield "may revoke", _listed(grants.revoke, "tokens of every subject, id and topic")
    if grants.payload is not None:
        yield "payload", json.dumps(grants.payload, ensure_ascii=False)
    names = (("subject", grants.subject), ("id", grants.token_id))
    yield from ((label, name) for label, name in names if name)
    times = (("issued", grants.issued), ("begins", grants.begins))
    yield from ((label, _moment(moment, now)) for label, moment in times if moment is not None)
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
    distance = _span(abs(round(moment - now)))
    relation = f"in {distance}" if moment > now else f"{distance} ago"
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC, {relation}"
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return relation


def _span(seconds: int) -> str:
    """Return a time in its two largest units: `29d23h`, `59m59s`, `0s`."""
    parts = []
    for unit, size in UNITS:
        number, seconds = divmod(seconds, size)
        parts.append(f"{number}{unit}" if number else "")
    first = next((place for place, part in enumerate(parts) if part), len(parts))
    return "".join(parts[first : first + 2]) or "0s"
