"""What of a JWK set counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.jwk import MAX_KEYS, read_key_set
from unit.auth.signed_tokens import KINDS_AND_ALGORITHMS, SECRET, Pair, pair, secret_jwk


def read(*entries, symmetric=True):
    return read_key_set({"keys": list(entries)}, symmetric=symmetric)


@pytest.mark.parametrize(("kind", "algorithms"), KINDS_AND_ALGORITHMS)
def test_a_key_without_alg_is_for_all_algorithms_of_its_kind_and_no_others(kind, algorithms):
    (key,) = read(pair(kind).jwk(kid="a"))
    assert (key.algorithms, key.id) == (algorithms, "a")
    assert key.material == pair(kind).private.public_key()


def test_alg_pins_a_key():
    assert read(pair("RSA").jwk(alg="PS384"))[0].algorithms == ("PS384",)


@pytest.mark.parametrize(
    "alg", ["ES256", "ES384", "HS256", "none", "None", "NONE", "RSA-OAEP", "ES256K", "", 5, ["RS256"], {}, True]
)
def test_a_key_whose_alg_is_not_of_its_kind_is_left_out(alg):
    assert read(pair("RSA").jwk(alg=alg)) == []
    assert read(secret_jwk(alg="none")) == []


def test_a_secret_is_for_hs256_unless_it_says_another():
    assert read(secret_jwk())[0].algorithms == ("HS256",)
    assert read(secret_jwk(alg="HS512"))[0].algorithms == ("HS512",)
    assert read(secret_jwk())[0].material == SECRET.encode()


def test_secrets_do_not_count_in_a_set_that_others_can_read():
    assert read(secret_jwk(), symmetric=False) == []
    assert len(read(secret_jwk(), pair("P-256").jwk(), symmetric=False)) == 1


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": ""},
        {"use": 5},
        {"key_ops": ["sign"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"key_ops": ["encrypt", "wrapKey"]},
        {"kid": 5},
        {"kid": ["a"]},
        {"kty": "unknown"},
        {"kty": None},
        {"kty": ["EC"]},
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": "X25519"},
        {"x": None},
        {"x": 5},
        {"x": "!"},
        {"x": "AAAA"},
        {"y": "A" * 43},
    ],
)
def test_an_entry_that_is_no_key_for_verifying_is_left_out_and_the_rest_counts(members):
    good = pair("Ed25519").jwk(kid="good")
    entry = {"kid": "bad", **pair("P-256").jwk(), **members}
    entry = {name: value for name, value in entry.items() if value is not None}
    assert [key.id for key in read(entry, good)] == ["good"]


@pytest.mark.parametrize(
    "members", [{"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"x5c": [5]}]
)
def test_an_entry_for_signatures_counts(members):
    assert len(read(pair("P-256").jwk(**members))) == 1


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
def test_a_private_key_is_left_out_as_it_is_lost(kind):
    import jwt

    algorithm = {"RSA": "RS256", "P-256": "ES256", "Ed25519": "EdDSA"}[kind]
    private = jwt.get_algorithm_by_name(algorithm).to_jwk(pair(kind).private, as_dict=True)
    assert read({**private, "key_ops": ["sign", "verify"]}) == []


def test_a_secret_that_is_a_public_key_is_left_out():
    assert read(secret_jwk(pair("RSA").public_pem.encode())) == []
    assert read(secret_jwk(b"")) == []


def test_a_curve_without_an_algorithm_of_ours_is_left_out():
    entry = pair("secp256k1").jwk()
    assert read(entry) == read({**entry, "alg": "ES256K"}) == read({**entry, "alg": "ES256"}) == []


def test_keys_of_one_id_are_all_read_in_order():
    keys = read(pair("RSA").jwk(kid="a"), pair("P-256").jwk(kid="a"), pair("Ed25519").jwk())
    assert [key.id for key in keys] == ["a", "a", ""]


@pytest.mark.parametrize(
    "document", [{}, [], None, "keys", {"keys": None}, {"keys": {}}, {"keys": [{}] * (MAX_KEYS + 1)}]
)
def test_what_is_no_set_is_refused(document):
    with pytest.raises(ValueError, match='a list "keys" of at most 100'):
        read_key_set(document, symmetric=True)


def test_an_empty_set_and_entries_of_other_types_are_no_error():
    assert read_key_set({"keys": []}, symmetric=True) == []
    assert read_key_set({"keys": [5, None, [], "x"]}, symmetric=True) == []


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.text(max_size=3))
MEMBERS = st.sampled_from(["kty", "alg", "use", "key_ops", "kid", "crv", "x", "y", "n", "e", "k", "d", "oth"])
KNOWN = st.sampled_from(["EC", "RSA", "OKP", "oct", "P-256", "Ed25519", "Ed448", "none", "AQAB", "sig", "HS256", "AA"])
BASES = st.sampled_from(["RSA", "P-256", "Ed25519", "none"])


def entry_of(base: str) -> dict:
    return {} if base == "none" else Pair.jwk(pair(base))


@given(BASES, st.dictionaries(MEMBERS, VALUES | KNOWN, max_size=6))
def test_any_entry_is_a_key_or_left_out(base, members):
    for key in read({**entry_of(base), **members}):
        assert key.algorithms
