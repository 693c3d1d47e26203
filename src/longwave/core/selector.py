"""A selector: what a subscriber asks for, or a token grants: a topic, a URI template, or `*`.

Not here: the language of a template (core/template.py), many selectors at once (core/index.py).

The order of the rules, the first that applies wins: `*` matches every topic; a topic equal to the selector's text
matches, also where that text is a template; a template matches the topics of its language; a text that does not
parse as a template is a plain topic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from longwave.core.template import Template, parse_template
from longwave.errors import InvalidValue
from longwave.eventstream.event import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERY_TOPIC = "*"
MAX_SELECTOR_LENGTH = 4096  # characters; as long as the longest topic
MAX_SELECTORS = 1000  # of one subscription; as many as the topics of one update


class Kind(Enum):
    """How a selector matches."""

    EVERYTHING = "everything"  # every topic
    EXACT = "exact"  # only the topic that is its text: one look-up in a dict serves all of these
    TEMPLATE = "template"  # the topic that is its text, and those of the template's language


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector; two are equal if their texts are.

    text: 1 to 4,096 characters without NUL.
    kind: how it matches; follows from the text.

    Raises InvalidValue for anything else.
    """

    text: str
    kind: Kind = field(init=False, compare=False)
    _template: Template | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_selector(self.text)
        template = parse_template(self.text) if "{" in self.text else None
        object.__setattr__(self, "_template", template)
        object.__setattr__(self, "kind", _kind(self.text, template))

    def matches(self, topic: str) -> bool:
        """Tell whether `topic` is selected; at most linear in its length."""
        if topic == self.text or self.kind is Kind.EVERYTHING:
            return True
        return self._template is not None and self._template.matches(topic)


def parse_selectors(texts: Sequence[str]) -> tuple[Selector, ...]:
    """Return the selectors of one subscription, in order; raise InvalidValue for none, too many, or a bad one."""
    if not texts:
        raise InvalidValue("selector", "expected at least one selector, got none")
    if len(texts) > MAX_SELECTORS:
        raise InvalidValue("selector", f"expected at most {MAX_SELECTORS} selectors, got {len(texts)}")
    return tuple(map(Selector, texts))


def check_selector(text: str) -> None:
    """Raise InvalidValue unless `text` may be a selector."""
    check_text("selector", text)
    if not text:
        raise InvalidValue("selector", "expected at least one character, got an empty string")
    if len(text) > MAX_SELECTOR_LENGTH:
        raise InvalidValue("selector", f"expected at most {MAX_SELECTOR_LENGTH} characters, got {len(text)}")
    if "\0" in text:
        raise InvalidValue("selector", f"expected no NUL, got one as character {text.index(chr(0)) + 1}")


def _kind(text: str, template: Template | None) -> Kind:
    if text == EVERY_TOPIC:
        return Kind.EVERYTHING
    return Kind.EXACT if template is None else Kind.TEMPLATE
