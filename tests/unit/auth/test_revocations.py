"""Which tokens a revocation covers, and how many are remembered."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from longwave.auth.grants import Grants
from longwave.auth.revocations import MAX_REVOCATIONS, Aspect, Revocation, Revocations
from longwave.core.selector import Selector
from longwave.errors import InvalidValue
from unit.auth.signed_tokens import NOW


def selectors(*texts):
    return tuple(map(Selector, texts))


def known(*revocations, **options):
    kept = Revocations(**options)
    for revocation in revocations:
        kept.add(revocation, NOW)
    return kept


def revokes(revocation, grants):
    """Whether it covers the grants, alone and among others; both must agree."""
    alone = revocation.covers(grants)
    assert (known(revocation).covering(grants) is revocation) is alone
    return alone


# What is covered.


def test_a_subject_is_all_tokens_of_it():
    revocation = Revocation(Aspect.SUBJECT, "Ada", NOW)
    assert revokes(revocation, Grants(subject="Ada", token_id="1"))
    assert not revokes(revocation, Grants(subject="Bob", token_id="Ada"))
    assert not revokes(revocation, Grants())


def test_a_token_is_the_one_of_its_id():
    revocation = Revocation(Aspect.TOKEN, "1", NOW)
    assert revokes(revocation, Grants(subject="Ada", token_id="1"))
    assert not revokes(revocation, Grants(subject="1", token_id="2"))
    assert not revokes(revocation, Grants())


@pytest.mark.parametrize("kind", ["publish", "subscribe"])
@pytest.mark.parametrize(
    ("selector", "covered"),
    [
        ("rooms/7", True),
        ("rooms/{id}", True),
        ("{+any}", True),
        ("rooms/8", False),
        ("rooms/7/{part}", False),
        ("*", False),
    ],
)
def test_a_topic_is_every_token_with_a_selector_for_it_but_not_one_for_everything(kind, selector, covered):
    """Or else revoking one room would take the tokens of all servers that publish."""
    revocation = Revocation(Aspect.TOPIC, "rooms/7", NOW)
    assert revokes(revocation, Grants(**{kind: selectors("other", selector)})) is covered


def test_a_topic_that_is_a_templates_text_is_named_by_that_template():
    assert revokes(Revocation(Aspect.TOPIC, "rooms/{id}", NOW), Grants(subscribe=selectors("rooms/{id}")))


def test_a_grant_to_revoke_a_topic_is_no_grant_for_it():
    assert not revokes(Revocation(Aspect.TOPIC, "a", NOW), Grants(revoke=selectors("a")))


@pytest.mark.parametrize(("issued", "covered"), [(NOW - 1, True), (NOW, True), (NOW + 0.001, False), (None, True)])
@pytest.mark.parametrize(
    "revocation",
    [Revocation(Aspect.SUBJECT, "x", NOW), Revocation(Aspect.TOKEN, "x", NOW), Revocation(Aspect.TOPIC, "x", NOW)],
)
def test_only_tokens_issued_until_then_are_covered_or_those_that_do_not_say_when(revocation, issued, covered):
    assert revokes(revocation, Grants(subject="x", token_id="x", subscribe=selectors("x"), issued=issued)) is covered


def test_each_aspect_is_looked_at_though_another_names_the_token_too_early():
    grants = Grants(subject="s", token_id="t", subscribe=selectors("a", "b{c}"), issued=NOW - 5)
    late = Revocation(Aspect.TOPIC, "bc", NOW)
    early = [Revocation(aspect, value, NOW - 9) for aspect, value in zip(Aspect, ("s", "t", "a"), strict=True)]
    assert known(*early).covering(grants) is None
    assert known(*early, late).covering(grants) is late


@pytest.mark.parametrize(
    ("aspect", "value", "before"),
    [
        (Aspect.SUBJECT, "", NOW),
        (Aspect.TOKEN, "x" * 1025, NOW),
        (Aspect.SUBJECT, "\ud800", NOW),
        (Aspect.SUBJECT, 5, NOW),
        (Aspect.TOPIC, "", NOW),
        (Aspect.TOPIC, "*", NOW),
        (Aspect.TOPIC, "a\0", NOW),
        (Aspect.TOPIC, "x" * 4097, NOW),
        (Aspect.SUBJECT, "x", float("nan")),
        (Aspect.SUBJECT, "x", float("inf")),
        (Aspect.SUBJECT, "x", 2**60),
    ],
)
def test_what_no_token_can_have_is_refused(aspect, value, before):
    with pytest.raises(InvalidValue):
        Revocation(aspect, value, before)


def test_a_subject_or_id_may_be_a_star():
    assert revokes(Revocation(Aspect.SUBJECT, "*", NOW), Grants(subject="*"))
    assert not revokes(Revocation(Aspect.SUBJECT, "*", NOW), Grants(subject="Ada"))


# How many are remembered.


@pytest.mark.parametrize("order", [(NOW, NOW + 5), (NOW + 5, NOW)])
def test_of_two_that_name_the_same_the_later_stays_in_whatever_order_they_came(order):
    kept = known(*(Revocation(Aspect.SUBJECT, "Ada", before) for before in order))
    assert len(kept) == 1
    assert kept.covering(Grants(subject="Ada", issued=NOW + 5))


def test_the_version_is_another_once_more_is_revoked():
    kept = Revocations()
    versions = [kept.version]
    for before in (NOW, NOW, NOW - 1, NOW + 1):
        kept.add(Revocation(Aspect.TOKEN, "1", before), NOW)
        versions.append(kept.version)
    assert [later > earlier for earlier, later in pairwise(versions)] == [True, False, False, True]


@pytest.mark.parametrize("aspect", Aspect)
def test_past_the_limit_the_oldest_is_forgotten_and_told(aspect):
    kept = Revocations()
    limit = MAX_REVOCATIONS[aspect]
    for number in range(limit):
        assert kept.add(Revocation(aspect, f"v{number}", NOW), NOW) is None
    kept.add(Revocation(aspect, "v0", NOW + 1), NOW)  # named again, so no longer the oldest
    assert kept.add(Revocation(aspect, "more", NOW), NOW) == Revocation(aspect, "v1", NOW)
    assert len(kept) == limit


def test_what_covers_only_expired_tokens_is_forgotten_where_the_longest_life_is_known():
    kept = known(Revocation(Aspect.SUBJECT, "old", NOW), longest_life=60)
    kept.add(Revocation(Aspect.SUBJECT, "young", NOW + 60), NOW + 60)
    assert len(kept) == 2
    kept.add(Revocation(Aspect.SUBJECT, "new", NOW + 61), NOW + 61)
    assert kept.covering(Grants(subject="old")) is None
    assert kept.covering(Grants(subject="young")) is not None


def test_nothing_is_forgotten_where_the_longest_life_is_not_known():
    kept = known(Revocation(Aspect.SUBJECT, "old", 0))
    kept.add(Revocation(Aspect.SUBJECT, "new", NOW), NOW * 2)
    assert kept.covering(Grants(subject="old")) is not None


@pytest.mark.slow
def test_looking_up_costs_little_however_many_there_are():
    kept = Revocations()
    for aspect in Aspect:
        for number in range(MAX_REVOCATIONS[aspect]):
            kept.add(Revocation(aspect, f"{aspect.value}/{number}", NOW), NOW)
    grants = Grants(subject="Ada", token_id="1", subscribe=selectors("a", "topic/{x}/{y}", "{+a}x{+b}y"))
    begin = time.process_time()
    assert kept.covering(grants) is None
    assert time.process_time() - begin < 0.25
