"""A token's claims to grants: what counts, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.claims import LATEST, MAX_COST, MAX_DEPTH, MAX_NAME, MAX_SELECTORS, check_times, read_grants
from longwave.auth.grants import Grants
from longwave.auth.refusal import Reason
from longwave.core.selector import Selector
from longwave.errors import TokenRefused
from unit.auth.signed_tokens import NOW


def read(**content):
    return read_grants({"mercure": content}, NOW)


def refused(claims):
    with pytest.raises(TokenRefused) as caught:
        read_grants(claims, NOW)
    assert caught.value.reason is Reason.CLAIM
    return caught.value.detail


# The claim.


def test_the_claim_grants_what_it_lists():
    grants = read(publish=["a"], subscribe=["b{/c}"], revoke=["d"], payload={"n": 1})
    assert grants.publish == (Selector("a"),)
    assert grants.subscribe == (Selector("b{/c}"),)
    assert grants.revoke == (Selector("d"),)
    assert grants.payload == {"n": 1}


def test_the_claim_may_have_its_url_as_name_which_counts_instead_of_the_other():
    named = {"https://mercure.rocks/": {"publish": ["url"]}}
    assert read_grants(named, NOW).publish == (Selector("url"),)
    assert read_grants({"mercure": {"publish": ["a"], "subscribe": ["b"]}, **named}, NOW) == Grants(
        publish=(Selector("url"),)
    )


def test_a_url_claim_of_null_is_not_there():
    claims = {"mercure": {"publish": ["a"]}, "https://mercure.rocks/": None}
    assert read_grants(claims, NOW).publish == (Selector("a"),)


@pytest.mark.parametrize("claims", [{}, {"mercure": None}, {"mercure": {}}, {"sub": "x"}])
def test_a_token_without_the_claim_is_a_token_that_may_not_publish_and_sees_what_is_public(claims):
    grants = read_grants(claims, NOW)
    assert grants.publish is None
    assert grants.subscribe == ()


def test_an_absent_publish_list_differs_from_an_empty_one():
    assert read(publish=[]).publish == ()
    assert read(publish=None).publish is None


@pytest.mark.parametrize("name", ["mercure", "https://mercure.rocks/"])
@pytest.mark.parametrize("value", [[], "*", 1, True, ["publish"]])
def test_a_claim_that_is_no_object_is_refused(name, value):
    assert "expected an object" in refused({name: value})


@pytest.mark.parametrize("name", ["publish", "subscribe", "revoke"])
@pytest.mark.parametrize("value", ["*", {}, 1, False, [1], [None], [[]], [{}], [""], ["a\0"], ["\ud800"], ["x" * 4097]])
def test_selectors_that_are_no_list_of_selectors_are_refused(name, value):
    assert f"mercure.{name}" in refused({"mercure": {name: value}})


@pytest.mark.parametrize("name", ["publish", "subscribe", "revoke"])
def test_a_thousand_selectors_are_read_and_one_more_is_refused(name):
    many = [f"topic-{number}" for number in range(MAX_SELECTORS + 1)]
    assert len(getattr(read(**{name: many[:-1]}), name)) == 1000
    assert "at most 1000 selectors" in refused({"mercure": {name: many}})


@pytest.mark.parametrize("name", ["publish", "subscribe", "revoke"])
def test_what_templates_of_one_kind_cost_to_match_is_bounded(name):
    """They are matched for each update, without a cache."""
    plain = [f"{number}/{{a}}" for number in range(MAX_COST)]
    assert len(getattr(read(**{name: plain}), name)) == MAX_COST
    costly = [f"{{+a{number}}}q{{+b}}" for number in range(MAX_SELECTORS)]
    assert "expected templates that cost at most 1000 together" in refused({"mercure": {name: costly}})


def test_order_and_repetitions_make_no_difference_so_that_equal_grants_share_a_feed():
    assert read(subscribe=["b", "a", "b"]) == read(subscribe=["a", "b"])


# The payload.


@pytest.mark.parametrize("payload", [None, 0, "", [], {}, "x", 1.5, True, {"a": [{"b": None}]}, "\u2028"])
def test_the_payload_is_any_json(payload):
    assert read(payload=payload).payload == payload


def test_a_payload_is_at_most_so_deep():
    deep = "x"
    for level in range(MAX_DEPTH):
        deep = [deep] if level % 2 else {"a": deep}
    assert read(payload=deep).payload == deep
    assert "at most 32 levels" in refused({"mercure": {"payload": [deep]}})


@pytest.mark.parametrize("payload", [float("inf"), float("nan"), {"a": [float("-inf")]}, "\ud800", {"\udfff": 1}])
def test_a_payload_that_cannot_be_written_as_json_again_is_refused(payload):
    assert "mercure.payload" in refused({"mercure": {"payload": payload}})


# Names.


def test_subject_and_id_are_read():
    grants = read_grants({"sub": "Ada", "jti": "7"}, NOW)
    assert (grants.subject, grants.token_id) == ("Ada", "7")
    assert read().subject == read().token_id == ""


@pytest.mark.parametrize("name", ["sub", "jti"])
@pytest.mark.parametrize("value", [1, True, [], {}, "x" * (MAX_NAME + 1), "\ud800"])
def test_a_subject_or_id_that_is_no_short_text_is_refused(name, value):
    assert f"'{name}'" in refused({name: value})


# Times.


def test_times_may_have_a_fraction():
    grants = read_grants({"exp": NOW + 0.5, "nbf": NOW - 0.5, "iat": NOW - 1.25}, NOW)
    assert (grants.expires, grants.begins, grants.issued) == (NOW + 0.5, NOW - 0.5, NOW - 1.25)
    check_times(grants, NOW + 0.25)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1", [], {}, True, float("nan"), float("inf"), 10**400, -(10**400), LATEST * 2])
def test_a_time_that_is_no_number_of_seconds_is_refused(name, value):
    assert f"'{name}'" in refused({name: value})


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_of_null_is_not_there(name):
    assert read_grants({name: None}, NOW) == Grants()


@pytest.mark.parametrize(
    ("claims", "now", "reason"),
    [
        ({"exp": NOW}, NOW - 0.001, None),
        ({"exp": NOW}, NOW, Reason.EXPIRED),
        ({"exp": 0}, NOW, Reason.EXPIRED),
        ({"exp": -5}, NOW, Reason.EXPIRED),
        ({"nbf": NOW}, NOW, None),
        ({"nbf": NOW}, NOW - 0.001, Reason.TOO_EARLY),
        ({"nbf": NOW, "exp": NOW}, NOW, Reason.EXPIRED),
        ({}, NOW, None),
    ],
)
def test_a_token_counts_from_nbf_on_and_before_exp(claims, now, reason):
    grants = read_grants(claims, now)
    if reason is None:
        check_times(grants, now)
        return
    with pytest.raises(TokenRefused) as caught:
        check_times(grants, now)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("claims", "now", "words"),
    [
        ({"exp": NOW}, NOW + 0.04, "it expired 0.1s ago"),
        ({"exp": NOW}, NOW + 0.2, "it expired 0.2s ago"),
        ({"exp": NOW}, NOW + 61, "it expired 1m1s ago"),
        ({"exp": 1}, NOW, "it expired 20833d7h ago"),
        ({"nbf": NOW}, NOW - 3660, "it begins to count in 1h1m"),
    ],
)
def test_it_is_told_how_long_ago_as_people_say_it(claims, now, words):
    with pytest.raises(TokenRefused) as caught:
        check_times(read_grants(claims, now), now)
    assert caught.value.detail == words


@pytest.mark.parametrize(
    ("item", "kind"), [(5, "a number"), (1.5, "a number"), (None, "none"), ({}, "an object"), (True, "true or false")]
)
def test_what_is_no_text_in_a_list_is_called_as_json_calls_it(item, kind):
    assert (
        refused({"mercure": {"publish": ["a", item]}}) == f"expected only text in the list mercure.publish, got {kind}"
    )


def test_a_token_that_is_here_was_not_issued_later_so_that_revoking_until_now_covers_it():
    assert read_grants({"iat": NOW + 300}, NOW).issued == NOW


def test_claims_that_mean_nothing_here_are_ignored():
    assert read_grants({"aud": 5, "iss": [], "typ": {}, "x": "\ud800"}, NOW) == Grants()


# Anything.

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["*", "a/{b}", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["mercure", "https://mercure.rocks/", "exp", "nbf", "iat", "sub", "jti", "x"])
CONTENT = st.dictionaries(st.sampled_from(["publish", "subscribe", "revoke", "payload", "x"]), JSON, max_size=4)


@given(st.dictionaries(NAMES, JSON | CONTENT, max_size=6))
def test_any_claims_give_grants_that_can_be_told_to_others_or_are_refused(claims):
    try:
        grants = read_grants(claims, NOW)
        check_times(grants, NOW)
    except TokenRefused:
        return
    json.dumps(grants.payload, allow_nan=False, ensure_ascii=False, indent=2).encode()
    grants.uncovered(["a"])
