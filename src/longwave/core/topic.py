"""What may name a topic, or select topics."""

from __future__ import annotations

from longwave.errors import InvalidValue
from longwave.eventstream.event import check_text

MAX_LENGTH = 4096  # characters


def check_topic(text: str, field: str = "topic") -> None:
    """Raise InvalidValue that names `field` unless `text` has 1 to 4,096 characters, none of them NUL."""
    check_text(field, text)
    if not text:
        raise InvalidValue(field, "expected at least one character, got an empty string")
    if len(text) > MAX_LENGTH:
        raise InvalidValue(field, f"expected at most {MAX_LENGTH} characters, got {len(text)}")
    if "\0" in text:
        raise InvalidValue(field, f"expected no NUL, got one as character {text.index(chr(0)) + 1}")
