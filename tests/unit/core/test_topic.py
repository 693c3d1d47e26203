"""What may name a topic."""

from __future__ import annotations

import pytest

from longwave.core.topic import MAX_LENGTH, check_topic
from longwave.errors import InvalidValue


@pytest.mark.parametrize("text", ["a", "*", "{x}", " ", "a\nb", "\U0001f600", "x" * MAX_LENGTH])
def test_any_text_up_to_the_limit_may_name_a_topic(text):
    check_topic(text)


@pytest.mark.parametrize("text", ["", "x" * (MAX_LENGTH + 1), "a\0", "\ud800", b"a", None])
def test_anything_else_is_refused_by_the_name_of_its_field(text):
    with pytest.raises(InvalidValue, match=r"^selector: expected"):
        check_topic(text, "selector")
