"""What is told of a token, and every reason to refuse it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.cli.token_report import Question, explain
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
    assert list(explain(token_of(), SECRET_KEY, NOW).lines())[-1] == "accepted     now, unless it was revoked"


def test_without_a_key_the_signature_is_not_checked_and_that_is_said():
    token = hs256({"alg": "none"}, {"exp": NOW + 5})
    said = list(explain(token, None, NOW).lines())[-1]
    assert said == "accepted     if the hub has the key that signed it, unless it was revoked"


@pytest.mark.parametrize(
    ("token", "reasons"),
    [
        ("x", ["malformed"]),
        (hs256({"alg": "HS256"}, {}, ANOTHER), ["signature"]),
        (hs256({"alg": "none"}, {}), ["algorithm"]),
        (token_of({"exp": NOW - 5}), ["expired"]),
        (token_of({"nbf": NOW + 5}), ["too_early"]),
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


# Topics.


def answers(claims, **asked):
    told = explain(token_of(claims), SECRET_KEY, NOW, Question(**asked))
    return told.is_good, [f"{label} {text}" for label, text in told.facts if "covered" in label]


def test_a_topic_is_covered_by_the_first_selector_that_matches_it():
    claims = {"mercure": {"publish": ["b", "a/{x}", "*"], "subscribe": ["a/{x}"]}}
    assert answers(claims, publish=("a/1",)) == (True, ["covered publish to 'a/1', by '*'"])
    assert answers(claims, subscribe=("a/1", "a/{x}")) == (
        True,
        ["covered private updates of 'a/1', by 'a/{x}'", "covered private updates of 'a/{x}', by 'a/{x}'"],
    )


@pytest.mark.parametrize("claims", [{}, {"mercure": {"publish": []}}, {"mercure": {"publish": ["b"]}}])
def test_a_topic_that_nothing_covers_is_told_though_the_token_itself_is_good(claims):
    good, said = answers(claims, publish=("a",), subscribe=("a",))
    assert not good
    assert said == [
        "uncovered publish to 'a': such a request is refused",
        "uncovered private updates of 'a': they are not seen, public ones are",
    ]
    assert list(explain(token_of(claims), SECRET_KEY, NOW).lines())[-1].startswith("accepted")


# Clocks.


def test_a_token_issued_in_the_future_is_told_as_a_clock_that_is_wrong():
    assert facts({"iat": NOW + 90})["issued"] == (
        "2027-01-15 08:01:30 UTC, in 1m30s: the clock of its issuer is fast, or this one is slow"
    )
    assert refusals(token_of({"iat": NOW + 90})) == [], "a hub takes it"
    assert facts({"iat": NOW})["issued"].endswith(", 0s ago")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"crit": ["b64"], "b64": False}, "expected a head without critical extensions, got one with 'crit'"),
        ({"crit": ["x" * 100]}, "expected a head without critical extensions, got one with 'crit'"),
        ({"b64": False}, "expected a payload in base64, got a head with 'b64' that is false"),
    ],
)
def test_a_head_that_must_be_understood_is_refused_in_a_whole_sentence(header, words):
    assert explain(token_of(**header), SECRET_KEY, NOW).refusals == [f"malformed: {words}"]


def test_what_a_library_says_is_told_in_whole_words():
    (said,) = explain("\u00ff" * 50 + ".e30.AAAA", SECRET_KEY, NOW).refusals
    assert said.startswith("malformed: expected a JSON web token, got none: ")
    assert len(said) < 200
    (said,) = explain(hs256({"alg": "HS256", "kid": 5}, {}), SECRET_KEY, NOW).refusals
    assert said == "malformed: expected a JSON web token, got none: Key ID header parameter must be a string"
