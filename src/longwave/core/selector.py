"""A selector: what a subscriber asks for, or a token grants: a topic, a URI template, or `*`.

Not here: the language of a template (core/template.py), many selectors at once (core/index.py).

The order of the rules, the first that applies wins: `*` matches every topic; a topic equal to the selector's text
matches, also where that text is a template; a template matches the topics of its language; a text that does not
parse as a template is a plain topic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from longwave.core.template import Template, parse_template
from longwave.core.topic import check_topic

EVERY_TOPIC = "*"


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
        check_topic(self.text, "selector")
        template = parse_template(self.text) if "{" in self.text else None
        object.__setattr__(self, "_template", template)
        object.__setattr__(self, "kind", _kind(self.text, template))

    @property
    def cost(self) -> int:
        """What matching a topic of 100 characters costs at most, in about microseconds; 0 where a look-up does it."""
        return 0 if self._template is None else self._template.cost

    @property
    def literal_start(self) -> str:
        """The text that each topic of its language starts with; that of a selector without a language is its own."""
        return self.text if self._template is None else self._template.literal_start

    def matches(self, topic: str) -> bool:
        """Tell whether `topic` is selected; at most linear in its length."""
        if topic == self.text or self.kind is Kind.EVERYTHING:
            return True
        return self._template is not None and self._template.matches(topic)


def _kind(text: str, template: Template | None) -> Kind:
    if text == EVERY_TOPIC:
        return Kind.EVERYTHING
    return Kind.EXACT if template is None else Kind.TEMPLATE
