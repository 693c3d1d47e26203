"""Keys as somebody writes them, and what each is pinned to."""

from __future__ import annotations

import re
import subprocess

import pytest

from longwave.auth.keys import OneKey, is_weak, read_key
from longwave.errors import InvalidConfiguration
from unit.auth.signed_tokens import KIND_OF, SECRET, certificate, pair


def problem(text):
    with pytest.raises(InvalidConfiguration) as caught:
        read_key("publisher-key", text)
    assert caught.value.field == "publisher-key"
    return caught.value.problem


def test_a_text_is_a_secret_for_hs256():
    key = read_key("key", SECRET)
    assert (key.algorithms, key.material) == (("HS256",), SECRET.encode())


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_may_have_its_algorithm_in_front(algorithm):
    key = read_key("key", f"{algorithm}:{SECRET}")
    assert (key.algorithms, key.material) == ((algorithm,), SECRET.encode())


def test_what_only_looks_like_an_algorithm_is_part_of_the_secret():
    for text in ("HS256x:y", "HS:y", "HS256 y", "nonesuch:secret", "HS256"):
        assert read_key("key", text).material == text.encode()


@pytest.mark.parametrize(
    "text",
    ["HS999:abc", "hs256:x", "none:abc", "None:abc", "ES256K:abc", "PS128:x", "eddsa:x", " HS256:x", "RS1:@file"],
)
def test_a_mistyped_algorithm_is_no_part_of_a_secret(text):
    """Or else `none:` and an algorithm that is not there would go unnoticed, and every good token be refused."""
    said = problem(text)
    assert "expected one of HS256, HS384, HS512" in said
    assert "abc" not in said
    assert read_key("key", f"HS256:{text}").material == text.encode(), "there it is meant"


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("RSA", "RS256"),
        ("P-256", "ES256"),
        ("P-384", "ES384"),
        ("P-521", "ES512"),
        ("Ed25519", "EdDSA"),
        ("Ed448", "EdDSA"),
    ],
)
def test_a_public_key_is_pinned_to_the_usual_algorithm_of_its_kind(kind, algorithm):
    assert read_key("key", pair(kind).public_pem).algorithms == (algorithm,)


@pytest.mark.parametrize(("algorithm", "kind"), KIND_OF.items())
def test_a_public_key_is_pinned_to_the_algorithm_in_front(algorithm, kind):
    assert read_key("key", f"{algorithm}:{pair(kind).public_pem}").algorithms == (algorithm,)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "ES256", "EdDSA"])
def test_a_public_key_is_not_taken_for_another_algorithm_nor_for_a_secret(algorithm):
    assert f"expected a key for {algorithm}, got one for RS256" in problem(f"{algorithm}:{pair('RSA').public_pem}")


@pytest.mark.parametrize("form", ["  {pem}", "\n{pem}\n\n", "{escaped}"])
def test_space_around_a_pem_text_and_written_line_ends_make_no_difference(form):
    """An environment file often holds a PEM text on one line, with `\\n` in it."""
    pem = pair("P-256").public_pem
    key = read_key("key", form.format(pem=pem, escaped=pem.replace("\n", "\\n")))
    assert key.material == pair("P-256").private.public_key()


def test_a_certificate_stands_for_its_key(tmp_path):
    path = tmp_path / "certificate.pem"
    path.write_text(certificate(pair("RSA")))
    key = read_key("key", f"@{path}")
    assert (key.algorithms, key.material) == (("RS256",), pair("RSA").private.public_key())


def test_a_key_may_stand_in_a_file_whose_last_line_end_does_not_count(tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    assert read_key("key", f"@{path}").material == SECRET.encode()
    assert read_key("key", f"HS384:@{path}").algorithms == ("HS384",)
    path.write_text(pair("Ed25519").public_pem)
    assert read_key("key", f"@{path}").algorithms == ("EdDSA",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "got none"),
        (b"\n", "got none"),
        (b" \n", "got only space"),
        (b"https://id.test/jwks.json\n", "use --jwks"),
        (b"\xff\xfe", "expected text"),
        (b"x" * 65_537, "at most 65536 bytes"),
        (b"@other", None),
    ],
)
def test_a_file_that_holds_no_key_is_refused(tmp_path, content, words):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    if words is None:
        assert read_key("key", f"@{path}").material == content, "a file's text names no further file"
    else:
        assert words in problem(f"@{path}")


@pytest.mark.parametrize("text", ["@", "@/", "@nul\0byte"])
def test_a_path_that_names_no_file_is_refused(text):
    assert "expected a key in" in problem(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a secret or a PEM text, got none"),
        ("HS256:", "expected a secret or a PEM text, got none"),
        ("   ", "got only space"),
        ("HS256:https://id.test/jwks.json", "use --jwks"),
        ("file:///etc/hub/jwks.json", "use --jwks"),
        ("----BEGIN PUBLIC KEY-----\nAAAA", "PEM text that is damaged"),
        ("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", "got a key in base64 or hex"),
        ("RS256:secret", "expected a PEM key for RS256"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "cannot be read"),
        ("-----BEGIN PUBLIC KEY-----", "cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read"),
        ("-----BEGIN \ud800", "cannot be read"),
        ("\ud800", "UTF-8"),
        ('{"kty": "oct", "k": "c2VjcmV0"}', "got a public key in another form"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1", "got a public key in another form"),
    ],
)
def test_what_is_no_key_is_refused(text, words):
    assert words in problem(text)


def test_a_curve_without_an_algorithm_of_ours_is_refused():
    assert "got another kind" in problem(pair("secp256k1").public_pem)


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
def test_a_private_key_is_refused_as_a_hub_must_not_have_one(kind):
    assert "got a private one" in problem(pair(kind).private_pem)
    assert "got a private one" in problem(pair(kind).public_pem + pair(kind).private_pem)


def test_short_keys_are_weak_and_never_refused():
    assert is_weak(read_key("key", "!ChangeMe!"))
    assert is_weak(read_key("key", pair("short RSA").public_pem))
    assert not is_weak(read_key("key", SECRET))
    assert not is_weak(read_key("key", pair("RSA").public_pem))


def test_no_message_and_no_repr_shows_the_key():
    assert SECRET not in repr(read_key("key", SECRET))
    assert SECRET not in repr(OneKey(read_key("key", SECRET)))
    assert SECRET not in problem(f"ES256:{SECRET}")
    body = pair("RSA").private_pem.splitlines()[3]
    assert body not in problem(pair("RSA").private_pem)
    assert body not in problem(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----")


def test_the_one_key_is_found_whatever_a_token_names():
    keys = OneKey(read_key("key", SECRET))
    assert keys.find("") == keys.find("../../etc/passwd") == (keys.key,)
    assert keys.version == 0


@pytest.mark.slow
def test_a_key_that_openssl_made_is_read(tmp_path):
    import shutil

    if shutil.which("openssl") is None:
        pytest.skip("no openssl on the PATH")
    private = tmp_path / "private.pem"
    for kind, algorithm in (("ED25519", "EdDSA"), ("RSA", "RS256")):
        subprocess.run(["openssl", "genpkey", "-algorithm", kind, "-out", private], check=True, capture_output=True)
        public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True).stdout
        assert read_key("key", public.decode()).algorithms == (algorithm,)
        assert re.match("-----BEGIN PUBLIC KEY", public.decode())
