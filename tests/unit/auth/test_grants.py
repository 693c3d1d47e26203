"""What grants allow, by their selectors."""

from __future__ import annotations

import pytest

from longwave.auth.grants import NOTHING, SHOWN_LENGTH, Grants, some_of
from longwave.core.selector import Selector


def selectors(*texts):
    return tuple(map(Selector, texts))


def test_every_topic_of_an_update_must_be_covered_not_only_the_first():
    grants = Grants(publish=selectors("a", "b"))
    assert grants.uncovered(["a", "b"]) is None
    assert grants.uncovered(["a", "c", "d"]) == "c"


@pytest.mark.parametrize(
    ("selector", "covered", "uncovered"),
    [
        ("a", "a", "b"),
        ("users/{id}", "users/7", "users/7/books"),
        ("users/{id}", "users/{id}", "users/{id}/"),
        ("users/{id", "users/{id", "users/7"),
    ],
)
def test_a_selector_covers_by_the_rules_of_subscriptions(selector, covered, uncovered):
    grants = Grants(publish=selectors(selector), subscribe=selectors(selector))
    assert grants.uncovered([covered]) is None
    assert grants.uncovered([uncovered]) == uncovered
    assert grants.may_see(covered)
    assert not grants.may_see(uncovered)


def test_a_star_anywhere_covers_every_topic():
    assert Grants(publish=selectors("x", "*")).uncovered(["whatever", "{bad"]) is None
    assert Grants(subscribe=selectors("x", "*")).may_see("whatever")


def test_no_list_and_an_empty_list_cover_nothing():
    for publish in (None, ()):
        assert Grants(publish=publish).uncovered(["a"]) == "a"
    assert not NOTHING.may_see("a")
    assert not NOTHING.may_revoke("a")


def test_publishing_seeing_and_revoking_are_granted_apart():
    grants = Grants(publish=selectors("p"), subscribe=selectors("s"), revoke=selectors("r"))
    assert [grants.uncovered([topic]) is None for topic in "psr"] == [True, False, False]
    assert [grants.may_see(topic) for topic in "psr"] == [False, True, False]
    assert [grants.may_revoke(value) for value in "psr"] == [False, False, True]


def test_a_message_names_the_bearer_as_far_as_the_token_does():
    assert Grants(subject="ada", token_id="a1").bearer == {"subject": "ada", "token_id": "a1"}
    assert Grants(subject="ada").bearer == {"subject": "ada"}
    assert NOTHING.bearer == {}


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        ((), "no selector"),
        (("a",), "'a'"),
        (("a", "b\n", "c"), r"'a', 'b\n', 'c'"),
        (("a", "b", "c", "d"), "'a', 'b', 'c' and 1 more"),
        (("x" * 1000,), repr("x" * SHOWN_LENGTH)),
    ],
)
def test_a_message_names_a_few_selectors(texts, named):
    assert some_of(selectors(*texts)) == named
