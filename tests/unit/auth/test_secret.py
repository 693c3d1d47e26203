"""What can be a secret, and what is public and was only taken for one."""

from __future__ import annotations

import base64
import json
import random

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.secret import is_secret, mistaken_for_secret
from unit.auth.signed_tokens import certificate, pair

KINDS = ["RSA", "P-256", "P-521", "Ed25519", "Ed448"]


def der(kind):
    return pair(kind).private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def body(pem):
    """What is between the first and the last line."""
    return "\n".join(pem.strip().splitlines()[1:-1])


def refused(text):
    return mistaken_for_secret(text.encode() if isinstance(text, str) else text) is not None


def test_a_public_key_in_any_form_is_no_secret():
    """Who has the public key could sign with it, if it were taken for a secret."""
    public = pair("RSA").private.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        b"  " + public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        b'{"kty": "RSA", "n": "x"}',
        b'{"keys": []}',
        b"",
    ]
    assert [is_secret(form) for form in forms] == [False] * len(forms)
    assert is_secret(b"!ChangeThisMercureHubJWTSecretKey!")


@pytest.mark.parametrize("kind", KINDS)
def test_a_public_key_without_its_pem_lines_and_an_address_are_no_secret(kind):
    """Each is what somebody pastes who has a public key and an option that takes a secret as well."""
    pem = pair(kind).public_pem
    lines = body(pem)
    forms = [
        lines,
        lines.replace("\n", ""),
        lines.replace("\n", "\\n"),
        f"  {lines}\r\n",
        lines.rstrip("="),
        base64.urlsafe_b64encode(der(kind)).decode(),
        der(kind).hex(),
        base64.b64encode(pem.encode()).decode(),
        base64.b64encode(json.dumps(pair("RSA").jwk()).encode()).decode(),
        pem.replace("-----BEGIN", "----BEGIN"),
        pem.replace("-----BEGIN PUBLIC KEY-----\n", ""),
        f"{lines}\n-----END PUBLIC KEY-----",
        body(pair(kind).private_pem),
        "https://issuer.test/jwks.json",
        " HTTP://issuer.test/jwks.json",
        "file:///etc/jwks.json",
        " ",
        "   ",
        "\n\t",
    ]
    assert [form for form in forms if not refused(form)] == []


def test_a_certificate_without_its_pem_lines_is_no_secret():
    assert refused(body(certificate(pair("RSA"))))
    assert refused(body(certificate(pair("P-256"))).replace("\n", ""))


def test_a_key_that_was_cut_or_is_followed_by_another_is_no_secret():
    assert refused(base64.b64encode(der("RSA")[:60]))
    assert refused(base64.b64encode(der("Ed25519") + der("P-256")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got none"),
        ("  \n", "got only space"),
        ("https://issuer.test/jwks.json", "use --jwks"),
        ("----BEGIN PUBLIC KEY-----", "PEM text that is damaged"),
        ('{"kty": "oct", "k": "c2VjcmV0"}', "public key in another form"),
    ],
)
def test_it_is_said_what_it_is_instead(text, words):
    assert words in mistaken_for_secret(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a b c",
        "correct horse battery staple",
        "!ChangeThisMercureHubJWTSecretKey!",
        "aHR0cHM6",
        "see https://hub.test for whom this is",
        "begin the beguine",
        "=" * 40,
        "MII",
        "5" * 64,
        '{"a": 1}',
        "\u00e9" * 16,
    ],
)
def test_what_only_looks_like_it_is_a_secret(text):
    assert not refused(text)


def test_random_bytes_are_a_secret_in_whatever_encoding():
    source = random.Random(17)
    for size in (1, 16, 32, 33, 64, 256) * 50:
        content = source.randbytes(size)
        forms = (base64.encodebytes(content), base64.urlsafe_b64encode(content).rstrip(b"="), content.hex().encode())
        assert [form for form in (*forms, b"\x01" + content) if not is_secret(form)] == []


@given(st.text(max_size=80))
def test_whatever_the_text_the_answer_does_not_show_it(text):
    """It is one of a few sentences, the same for every text of its kind."""
    said = mistaken_for_secret(text.encode())
    examples = b"", b" ", b"BEGIN ", b"http://", b'{"kty": 1}', b"7b226b7479223a317d"
    assert said is None or said in set(map(mistaken_for_secret, examples))
