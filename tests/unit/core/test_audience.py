"""Who receives what."""

from __future__ import annotations

import pytest

from longwave.core.audience import audience_of, check_cost, check_size
from longwave.core.selector import Selector
from longwave.core.update import Update
from longwave.errors import InvalidValue
from longwave.eventstream.event import Event


def update(*topics, private=False):
    return Update(topics, Event(), private)


@pytest.mark.parametrize(
    ("selectors", "topics", "expected"),
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a", "b"], ["b"], True),
        (["a"], ["b", "a"], True),
        (["*"], ["b"], True),
        (["/x/{id}"], ["/x/1"], True),
        (["/x/{id}"], ["/y/1"], False),
        ([], ["a"], False),
    ],
)
def test_any_topic_that_matches_any_selector_is_enough(selectors, topics, expected):
    assert audience_of(selectors).receives(update(*topics)) is expected


@pytest.mark.parametrize(
    ("grants", "topics", "expected"),
    [
        ([], ["a"], False),
        (["b"], ["a"], False),
        (["a"], ["a"], True),
        (["*"], ["a"], True),
        (["/u/{id}"], ["a", "/u/1"], True),
    ],
)
def test_a_private_update_needs_a_grant_for_any_of_its_topics(grants, topics, expected):
    assert audience_of(["a"], grants).receives(update(*topics, private=True)) is expected


def test_a_grant_alone_selects_nothing():
    assert not audience_of(["a"], ["*"]).receives(update("b", private=True))


def test_a_public_update_needs_no_grant():
    assert audience_of(["a"]).may_receive(update("b"))


def test_order_and_repetition_make_no_difference_so_that_feeds_are_shared():
    one = audience_of(["b", "a", "b"], ["y", "x"])
    two = audience_of(["a", "b"], ["x", "y", "x"])

    assert one == two
    assert hash(one) == hash(two)


def test_grants_make_a_difference():
    assert audience_of(["a"], ["b"]) != audience_of(["a"])


@pytest.mark.parametrize("selectors", [[""], ["a", 5], [None], [b"a"], ["a\0"]])
def test_a_selector_that_is_not_allowed_is_refused(selectors):
    with pytest.raises(InvalidValue, match=r"^selector: expected"):
        audience_of(selectors)


def test_cost_is_that_of_templates_which_are_asked_for_and_granted():
    assert audience_of(["*", "a", "/x/{id}"], ["b", "{a}{b}"]).cost == 11
    assert audience_of(["*", "a"], ["*"]).cost == 0


def test_selectors_have_a_size_in_bytes():
    check_size(["ab", "é"], 4, "topic")

    with pytest.raises(InvalidValue, match="topic: expected selectors of at most 4 bytes together, got 5"):
        check_size(["abc", "é"], 4, "topic")


def test_a_thousand_plain_templates_are_as_many_as_a_hundred_ambiguous_ones():
    check_cost([Selector(f"https://example.com/{number}/{{id}}") for number in range(1000)], 1000, "topic")
    check_cost([Selector(f"{{a}}{{b{number}}}") for number in range(100)], 1000, "topic")

    with pytest.raises(
        InvalidValue, match="topic: expected templates that cost at most 1000 together to match, got 1010"
    ):
        check_cost([Selector(f"{{a}}{{b{number}}}") for number in range(101)], 1000, "topic")
