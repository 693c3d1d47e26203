"""What is told of a token, and every reason to refuse it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.cli.token_report import explain
from unit.auth.signed_tokens import NOW, SECRET_KEY, hs256, token_of

ANOTHER = b"another secret of thirty-two bytes"


def facts(claims, **header):
    return dict(explain(token_of(claims, **header), SECRET_KEY, NOW).facts)


def test_everything_that_a_token_says_is_told():
    told = facts(
        {
            "mercure": {"publish": ["a", "b{/c}"], "subscribe": ["d"], "revoke": ["e"], "payload": {"n": 1}},
            "sub": "Ada",
            "jti": "7",
            "iat": NOW - 60,
            "nbf": NOW - 5,
            "exp": NOW + 3599,
        },
        kid="first",
    )
    assert told == {
        "signed with": "HS256, by the key 'first'",
        "may publish": "a, b{/c}",
        "may see": "public updates of any topic; private updates: d",
        "may revoke": "e",
        "payload": '{"n": 1}',
        "subject": "Ada",
        "id": "7",
        "issued": "2027-01-15 07:59:00 UTC, 1m ago",
        "begins": "2027-01-15 07:59:55 UTC, 5s ago",
        "expires": "2027-01-15 08:59:59 UTC, in 59m59s",
    }


def test_what_a_token_does_not_allow_is_told():
    told = facts({"mercure": {"publish": ["*", "a"]}})
    assert told["may publish"] == "to every topic (*)"
    assert told["may see"] == "public updates of any topic only"
    assert told["expires"] == "never"
    assert "no claim mercure.publish" in facts({})["may publish"]
    assert "is empty" in facts({"mercure": {"publish": []}})["may publish"]


@pytest.mark.parametrize(
    ("expires", "text"),
    [(NOW + 1, "in 1s"), (NOW + 3600, "in 1h"), (NOW + 30 * 86_400 - 60, "in 29d23h"), (NOW, "0s ago"), (2**53, "in ")],
)
def test_times_are_told_as_people_say_them(expires, text):
    assert text in facts({"exp": expires})["expires"]


def refusals(token, keys=SECRET_KEY):
    told = explain(token, keys, NOW)
    return [refusal.partition(":")[0] for refusal in told.refusals]


def test_a_token_is_accepted_if_nothing_speaks_against_it():
    assert refusals(token_of()) == []
    assert list(explain(token_of(), SECRET_KEY, NOW).lines())[-1] == "accepted     now"


def test_without_a_key_the_signature_is_not_checked_and_that_is_said():
    token = hs256({"alg": "none"}, {"exp": NOW + 5})
    assert list(explain(token, None, NOW).lines())[-1] == "accepted     if the hub has the key that signed it"


@pytest.mark.parametrize(
    ("token", "reasons"),
    [
        ("x", ["malformed"]),
        (hs256({"alg": "HS256"}, {}, ANOTHER), ["signature"]),
        (hs256({"alg": "none"}, {}), ["algorithm"]),
        (token_of({"exp": NOW - 5}), ["expired"]),
        (token_of({"nbf": NOW + 5}), ["too early"]),
        (token_of({"mercure": {"publish": "*"}}), ["claim"]),
        (hs256({"alg": "HS256"}, {"exp": 1}, ANOTHER), ["signature", "expired"]),
        (hs256({"alg": "HS256"}, {"mercure": []}, ANOTHER), ["signature", "claim"]),
        (hs256({"alg": "HS256"}, b"[]"), ["malformed"]),
        (token_of({"exp": 1}, crit=["x"]), ["malformed"]),
        ("e30.e30.AAAA", ["malformed", "algorithm"]),
    ],
)
def test_every_reason_to_refuse_it_is_told_once(token, reasons):
    assert refusals(token) == reasons


@given(st.text(max_size=20), st.text(max_size=20))
def test_nothing_of_a_token_controls_the_terminal(name, topic):
    token = token_of({"sub": name, "mercure": {"subscribe": [topic], "payload": name}}, kid=name)
    for line in explain(token, SECRET_KEY, NOW).lines():
        assert line.isprintable()
