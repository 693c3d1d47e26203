"""Tokens to grants: signatures, algorithms, tricks with the head, and what a reader remembers."""

from __future__ import annotations

import json
import time
import warnings

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longwave.auth.claims import MAX_COST
from longwave.auth.grants import Grants
from longwave.auth.keys import Key, OneKey, read_key
from longwave.auth.refusal import Reason
from longwave.auth.revocations import Aspect, Revocation, Revocations
from longwave.auth.tokens import (
    MAX_KEYS_TRIED,
    MAX_REMEMBERED_SELECTORS,
    MAX_REMEMBERED_TOKEN,
    MAX_TOKEN,
    REMEMBERED,
    TokenReader,
    parse_token,
    read_token,
    verify,
)
from longwave.core.selector import Selector
from longwave.errors import TokenRefused
from unit.auth.signed_tokens import (
    CLAIMS,
    KIND_OF,
    NOW,
    SECRET,
    SECRET_KEY,
    hs256,
    other_pair,
    pair,
    segment,
    token_of,
)


class Bag:
    """Keys that a test puts in and takes out."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.version = 0

    def find(self, key_id):
        return [key for key in self.keys if not key_id or key.id == key_id]


def refused(token, keys=SECRET_KEY, now=NOW):
    with pytest.raises(TokenRefused) as caught:
        read_token(token, keys, now)
    return caught.value.reason


def public(kind, algorithm=""):
    return OneKey(read_key("key", f"{algorithm}:{pair(kind).public_pem}" if algorithm else pair(kind).public_pem))


# Signatures.


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_of_each_hmac_is_read(algorithm):
    keys = OneKey(read_key("key", f"{algorithm}:{SECRET * 2}"))
    assert read_token(jwt.encode(CLAIMS, SECRET * 2, algorithm), keys, NOW).uncovered(["any"]) is None
    assert refused(jwt.encode(CLAIMS, SECRET * 3, algorithm), keys) is Reason.SIGNATURE


@pytest.mark.parametrize(("algorithm", "kind"), [*KIND_OF.items(), ("EdDSA", "Ed448")])
def test_a_token_of_each_kind_of_key_is_read(algorithm, kind):
    keys = public(kind, algorithm)
    assert read_token(jwt.encode(CLAIMS, pair(kind).private, algorithm), keys, NOW).uncovered(["any"]) is None
    assert refused(jwt.encode(CLAIMS, other_pair(kind).private, algorithm), keys) is Reason.SIGNATURE


def test_a_token_whose_claims_were_changed_is_refused():
    head, _, signature = token_of({"mercure": {"publish": ["a"]}}).split(".")
    forged = f"{head}.{segment(json.dumps({'mercure': {'publish': ['*']}}))}.{signature}"
    assert refused(forged) is Reason.SIGNATURE


def test_a_token_whose_head_was_changed_is_refused():
    _, claims, signature = token_of().split(".")
    forged = f"{segment({'alg': 'HS256', 'typ': 'jwt'})}.{claims}.{signature}"
    assert refused(forged) is Reason.SIGNATURE


@pytest.mark.parametrize("signature", ["", "AA", "A" * 43, "A" * 86, "A" * 342])
@pytest.mark.parametrize(
    ("algorithm", "kind"), [("RS256", "RSA"), ("PS512", "RSA"), ("ES256", "P-256"), ("EdDSA", "Ed25519")]
)
def test_a_signature_of_any_length_is_refused(algorithm, kind, signature):
    token = f"{segment({'alg': algorithm})}.{segment(CLAIMS)}.{signature}"
    assert refused(token, public(kind, algorithm)) in (Reason.SIGNATURE, Reason.MALFORMED)


def test_a_short_rsa_key_verifies_and_one_too_short_for_its_digest_refuses():
    keys = public("short RSA")
    assert read_token(jwt_quiet(pair("short RSA").private, "RS256"), keys, NOW)
    token = f"{segment({'alg': 'PS512'})}.{segment(CLAIMS)}.{'A' * 171}"
    assert refused(token, public("short RSA", "PS512")) in (Reason.SIGNATURE, Reason.MALFORMED)


def jwt_quiet(key, algorithm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode(CLAIMS, key, algorithm)


def test_short_secrets_verify_without_a_warning():
    """Mercure's users have them; a warning for each request would fill the log. Warnings are errors here."""
    keys = OneKey(read_key("key", "!ChangeMe!"))
    assert read_token(hs256({"alg": "HS256"}, CLAIMS, b"!ChangeMe!"), keys, NOW).publish


def test_tokens_of_the_mercure_hubs_own_tests_are_read():
    """Signed by other software, with a secret of ten bytes; the first has no claims at all."""
    keys = OneKey(read_key("key", "!ChangeMe!"))
    head = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    empty = f"{head}.e30._esyynAyo2Z6PyGe0mM_SuQ3c-C7sMQJ1YxVLvlj80A"
    full = (
        f"{head}.eyJtZXJjdXJlIjp7InB1Ymxpc2giOlsiZm9vIiwiYmFyIl0sInN1YnNjcmliZSI6WyJmb28iLCJiYXoiXX19"
        ".e7USPnr2YHHqLYSu9-jEVsynuTXGtAQUDAZuzoR8lxQ"
    )
    assert read_token(empty, keys, NOW) == Grants()
    grants = read_token(full, keys, NOW)
    assert grants.uncovered(["foo", "bar"]) is None
    assert grants.may_see("baz")
    assert not grants.may_see("bar")


# Algorithms.


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "none ", "", None, 0, False, [], {}, ["HS256"]])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_none_in_any_spelling_and_no_algorithm_are_refused(name, signature):
    token = f"{segment({'alg': name})}.{segment(CLAIMS)}.{signature}"
    for keys in (SECRET_KEY, public("RSA"), Bag(*SECRET_KEY.find(""), *public("P-256").find(""))):
        assert refused(token, keys) is Reason.ALGORITHM


def test_a_head_without_an_algorithm_is_refused():
    assert refused(hs256({"typ": "JWT"}, CLAIMS)) is Reason.ALGORITHM


@pytest.mark.parametrize("name", ["hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", "ES256K", "HS256\0", "\ud800"])
def test_only_the_keys_own_algorithm_counts_even_where_the_signature_would_fit(name):
    assert refused(hs256(json.dumps({"alg": name}), CLAIMS)) is Reason.ALGORITHM


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
def test_a_public_key_is_never_the_secret_of_a_token(kind):
    """Everybody has it; the confusion of RS256 with HS256 would let everybody sign."""
    pem = pair(kind).public_pem
    for secret in (pem.encode(), pem.strip().encode(), json.dumps(pair(kind).jwk()).encode()):
        for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
            token = hs256({"alg": algorithm, "typ": "JWT"}, CLAIMS, secret)
            assert refused(token, public(kind)) in (Reason.ALGORITHM, Reason.SIGNATURE)


def test_a_token_of_a_set_is_verified_by_a_key_of_its_algorithm_only():
    keys = Bag(Key(("HS256",), SECRET.encode(), "a"), *(Key(("RS256",), pair("RSA").private.public_key(), "a"),))
    assert read_token(token_of(kid="a"), keys, NOW)
    assert read_token(jwt.encode(CLAIMS, pair("RSA").private, "RS256", {"kid": "a"}), keys, NOW)
    assert (
        refused(hs256({"alg": "HS256", "kid": "a"}, CLAIMS, pair("RSA").public_pem.encode()), keys) is Reason.SIGNATURE
    )


# The head.


@pytest.mark.parametrize("key_id", ["../../dev/null", "' OR 1=1 --", "key\n2", "\ud800", "x" * 5000, "None"])
def test_a_key_id_is_looked_up_and_nothing_else(key_id):
    keys = Bag(Key(("HS256",), SECRET.encode(), "a"))
    token = hs256(json.dumps({"alg": "HS256", "kid": key_id}), CLAIMS)
    with pytest.raises(TokenRefused) as caught:
        verify(token, keys)
    assert caught.value.reason is Reason.UNKNOWN_KEY
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1500
    assert read_token(token, SECRET_KEY, NOW), "with one key that is configured the id makes no difference"


@pytest.mark.parametrize("key_id", [5, None, [], {}, True])
def test_a_key_id_that_is_no_text_is_refused(key_id):
    assert refused(token_of(kid=key_id)) is Reason.MALFORMED


def test_an_empty_key_id_is_none():
    assert read_token(token_of(kid=""), Bag(Key(("HS256",), SECRET.encode(), "a")), NOW)


def test_without_any_key_a_token_is_refused_for_an_unknown_one():
    assert refused(token_of(), Bag()) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_a_token_brings_along_does_not_count(member):
    value = {"jwk": pair("RSA").jwk(), "x5c": [pair("RSA").public_pem]}.get(member, "https://evil.test/keys")
    token = jwt.encode(CLAIMS, pair("RSA").private, "RS256", {member: value})
    own = OneKey(read_key("key", other_pair("RSA").public_pem))
    assert refused(token, own) is Reason.SIGNATURE


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], "b64", None, ["x\n" * 1000], [5]])
def test_a_critical_extension_is_refused_as_none_is_known(critical):
    token = token_of(crit=critical, b64=True, exp=1)
    with pytest.raises(TokenRefused) as caught:
        read_token(token, SECRET_KEY, NOW)
    assert caught.value.reason is Reason.MALFORMED
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_payload_outside_of_base64_is_refused():
    """RFC 7797: `b64` false would make the signed text differ from the text that is read."""
    for critical in ({}, {"crit": ["b64"]}):
        head = segment({"alg": "HS256", "b64": False, **critical})
        for payload in ("", segment(CLAIMS), "{}"):
            assert refused(f"{head}.{payload}.{'A' * 43}") is Reason.MALFORMED


def test_the_type_in_the_head_makes_no_difference():
    for typ in ("at+jwt", "JOSE", None, 5):
        assert read_token(token_of(typ=typ), SECRET_KEY, NOW)


def test_of_many_keys_that_may_have_signed_only_some_are_tried():
    """A token that names no key costs at most so many verifications."""
    others = [Key(("HS256",), b"%d" % number * 32) for number in range(MAX_KEYS_TRIED - 1)]
    mine = Key(("HS256",), SECRET.encode())
    assert read_token(token_of(), Bag(*others, mine), NOW)
    assert refused(token_of(), Bag(*others, others[0], mine)) is Reason.SIGNATURE


# Claims and times.


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"exp": Infinity}',
        b"[" * 20_000,
        b'{"a":' * 9000,
    ],
)
def test_claims_that_are_no_json_object_are_refused(payload):
    assert refused(hs256({"alg": "HS256"}, payload)) is Reason.MALFORMED


def test_numbers_too_long_to_be_read_are_refused():
    assert refused(hs256({"alg": "HS256"}, b'{"exp": ' + b"9" * 5000 + b"}")) is Reason.MALFORMED


def test_of_two_claims_of_one_name_the_last_counts():
    token = hs256({"alg": "HS256"}, b'{"exp": 1, "exp": 2000000000, "mercure": {"publish": ["a"]}}')
    assert read_token(token, SECRET_KEY, NOW).expires == 2_000_000_000


def test_nothing_is_believed_before_the_signature_is_verified():
    expired = hs256({"alg": "HS256"}, {"exp": 1, "mercure": 5}, b"another secret of thirty-two bytes")
    assert refused(expired) is Reason.SIGNATURE


@pytest.mark.parametrize(
    ("claims", "reason"),
    [({"exp": NOW}, Reason.EXPIRED), ({"nbf": NOW + 0.5}, Reason.TOO_EARLY), ({"mercure": []}, Reason.CLAIM)],
)
def test_times_and_claims_are_checked(claims, reason):
    assert refused(token_of(claims)) is reason


def test_audience_and_issuer_are_not_checked():
    assert read_token(token_of({"aud": "https://elsewhere.test", "iss": 5}), SECRET_KEY, NOW)


# The compact form.


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "e30.e30.",
        "e30.e30.AA.AA.AA",
        "é.é.é",
        "\ud800.\ud800.\ud800",
        "Bearer x",
    ],
)
def test_what_is_no_token_is_refused(token):
    assert refused(token) in (Reason.MALFORMED, Reason.ALGORITHM)


def test_a_token_with_space_or_padding_tricks_is_refused():
    good = token_of()
    for bad in (
        f" {good}",
        f"{good}\n",
        good.replace(".", " ."),
        good + "==",
        good + "=====",
        good + "!",
        good.replace(".", "..", 1),
    ):
        assert refused(bad) in (Reason.MALFORMED, Reason.SIGNATURE)


def test_a_signature_with_its_padding_is_read_as_some_issuers_write_it():
    """RFC 7515 leaves it out; nothing else than the same signature can be written so."""
    assert len(token_of().rpartition(".")[2]) % 4 == 3
    assert read_token(token_of() + "=", SECRET_KEY, NOW)


def test_a_token_of_the_greatest_length_is_read_and_a_longer_one_is_refused_at_once():
    filler = MAX_TOKEN * 3 // 4 - 300
    assert read_token(token_of({"x": "y" * filler}), SECRET_KEY, NOW)
    assert refused("a" * (MAX_TOKEN + 1)) is Reason.MALFORMED
    assert refused(token_of({"x": "y" * MAX_TOKEN})) is Reason.MALFORMED


def test_a_refusal_has_no_part_of_the_claims_or_the_signature():
    token = token_of({"mercure": {"publish": ["private-topic", "a\0"]}, "sub": "Ada Lovelace"})
    with pytest.raises(TokenRefused) as caught:
        read_token(token, SECRET_KEY, NOW)
    assert "private-topic" not in str(caught.value)
    assert token.rpartition(".")[2] not in str(caught.value)


# Costs.


@pytest.mark.parametrize(
    "template", ["{a}" * 1365, "{+a}x" * 800, "{a" + ",b*" * 1360 + "}", "{/a*}{?b*}" * 400, "{" * 4096]
)
def test_a_thousand_templates_of_four_kib_cost_nothing_as_no_token_is_so_long(template):
    token = token_of({"mercure": {"publish": [f"{number}{template}"[:4096] for number in range(1000)]}})
    begin = time.process_time()
    assert refused(token) is Reason.MALFORMED
    assert time.process_time() - begin < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "template",
    [
        "{{a{0}}}",
        "{{+a{0}}}q{{+b}}",
        "{{a{0},b*}}",
        "{{+a{0}}}{{+b}}{{+c}}q{{d}}",
        "{{+a{0}}}" + "x{{+b}}" * 6 + "!{{c}}",
        "{{{0}",
    ],
)
def test_the_longest_token_full_of_hostile_templates_costs_little(template):
    """Reading takes 15 ms, the longest topic that none of them covers 0.1 s; backtracking would never end."""
    most = MAX_COST // max(Selector(template.format(999)).cost, 1)
    texts = [template.format(number) for number in range(most)]
    while len(json.dumps(texts)) > MAX_TOKEN * 3 // 4 - 300:
        texts.pop()
    token = token_of({"mercure": {"publish": texts}})
    begin = time.process_time()
    grants = read_token(token, SECRET_KEY, NOW)
    assert time.process_time() - begin < 1
    assert grants.uncovered(["x" * 4095 + "/"])
    assert time.process_time() - begin < 10


# A reader.


def test_a_reader_reads_as_read_token_does():
    reader = TokenReader(SECRET_KEY)
    token = token_of({"mercure": {"publish": ["a"]}, "exp": NOW + 5})
    assert reader.read(token, NOW) == reader.read(token, NOW + 4) == read_token(token, SECRET_KEY, NOW)


def test_a_reader_verifies_a_token_once():
    reader = TokenReader(SECRET_KEY)
    assert reader.read(token_of(), NOW) is reader.read(token_of(), NOW)


def test_a_reader_checks_the_times_at_every_use():
    reader = TokenReader(SECRET_KEY)
    token = token_of({"nbf": NOW, "exp": NOW + 10})
    reader.read(token, NOW)
    for now, reason in ((NOW + 10, Reason.EXPIRED), (NOW - 1, Reason.TOO_EARLY)):
        with pytest.raises(TokenRefused) as caught:
            reader.read(token, now)
        assert caught.value.reason is reason
    assert reader.read(token, NOW + 9)


def test_a_reader_does_not_remember_what_it_refused():
    keys = Bag()
    reader = TokenReader(keys)
    with pytest.raises(TokenRefused):
        reader.read(token_of(), NOW)
    keys.keys = list(SECRET_KEY.find(""))
    assert reader.read(token_of(), NOW)


def test_a_reader_forgets_everything_when_the_keys_change():
    keys = Bag(*SECRET_KEY.find(""))
    reader = TokenReader(keys)
    reader.read(token_of(), NOW)
    keys.keys, keys.version = [], 1
    with pytest.raises(TokenRefused) as caught:
        reader.read(token_of(), NOW)
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_a_reader_refuses_a_token_that_it_remembers_once_it_is_revoked():
    revocations = Revocations()
    reader = TokenReader(SECRET_KEY, revocations)
    token = token_of({"sub": "Ada", "iat": NOW - 5})
    other = token_of({"sub": "Bob", "iat": NOW - 5})
    assert reader.read(token, NOW)
    revocations.add(Revocation(Aspect.SUBJECT, "Ada", NOW), NOW)
    with pytest.raises(TokenRefused) as caught:
        reader.read(token, NOW)
    assert caught.value.reason is Reason.REVOKED
    assert reader.read(other, NOW)


def test_a_reader_remembers_so_many_tokens_and_those_used_last():
    reader = TokenReader(SECRET_KEY)
    first = reader.read(token_of({"jti": "first"}), NOW)
    for number in range(REMEMBERED - 1):
        reader.read(token_of({"jti": str(number)}), NOW)
    assert reader.read(token_of({"jti": "first"}), NOW) is first
    second = reader.read(token_of({"jti": "0"}), NOW)
    for number in range(REMEMBERED, 2 * REMEMBERED - 2):
        reader.read(token_of({"jti": str(number)}), NOW)
    assert reader.read(token_of({"jti": "0"}), NOW) is second
    reader.read(token_of({"jti": "one more"}), NOW)
    assert reader.read(token_of({"jti": "first"}), NOW) is not first


def test_a_reader_remembers_no_long_token_and_none_of_many_selectors():
    reader = TokenReader(SECRET_KEY)
    long = token_of({"x": "y" * MAX_REMEMBERED_TOKEN})
    many = token_of({"mercure": {"subscribe": [str(number) for number in range(MAX_REMEMBERED_SELECTORS + 1)]}})
    for token in (long, many):
        assert reader.read(token, NOW) is not reader.read(token, NOW)


# Anything.


@given(
    st.text(max_size=80)
    | st.text("AaBb_-=.", max_size=60)
    | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
)
@example("a" * 100 + "." * 100)
def test_any_text_is_refused_and_nothing_worse(token):
    assert refused(token) in Reason


HEADS = st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "b64", "typ", "cty", "jwk", "zip"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["HS256", "none"])
    | st.lists(st.text()),
    max_size=4,
)


@given(HEADS, st.binary(max_size=40) | st.just(b"{}"))
def test_any_head_and_any_claims_that_are_signed_give_grants_or_a_refusal(head, payload):
    token = hs256(json.dumps(head), payload)
    try:
        grants = read_token(token, SECRET_KEY, NOW)
    except TokenRefused as error:
        assert error.reason in (Reason.MALFORMED, Reason.ALGORITHM)  # noqa: PT017 - either outcome is right
    else:
        assert head["alg"] == "HS256"
        assert isinstance(grants, Grants)


@given(st.binary(max_size=60), st.binary(max_size=40))
def test_any_bytes_as_head_are_refused(head, payload):
    assert refused(hs256(head, payload)) in Reason


@given(st.integers(0, 2**31), st.integers(0, 255))
def test_a_token_with_one_other_character_is_refused(place, character):
    good = token_of()
    place %= len(good)
    bad = f"{good[:place]}{chr(character)}{good[place + 1 :]}"
    if bad != good:
        assert refused(bad) in Reason


def test_a_token_is_taken_apart_without_a_key():
    signed = parse_token(token_of(kid="a"))
    assert (signed.algorithm, signed.key_id, signed.claims()) == ("HS256", "a", CLAIMS)
