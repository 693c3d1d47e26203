"""`longwave token`: what is made, what is refused, and that a hub's own reader accepts it."""

from __future__ import annotations

import io
import json
import math
import time

import jwt
import pytest

from longwave.auth.keys import OneKey, read_key
from longwave.auth.tokens import read_token
from longwave.cli.app import execute
from longwave.cli.token import Wish
from longwave.errors import InvalidValue
from longwave.server.config import Limits
from unit.auth.signed_tokens import KIND_OF, SECRET, pair

KEY = OneKey(read_key("key", SECRET))


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs `longwave token` and returns its status, output and messages."""
    monkeypatch.delenv("LONGWAVE_KEY", raising=False)

    def run(*arguments):
        status = execute(["token", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def made(run, *arguments, key=SECRET):
    status, out, err = run("--key", key, *arguments)
    assert (status, err) == (0, "")
    return out.removesuffix("\n")


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


# Making.


def test_a_token_that_is_made_is_one_that_the_hub_reads(run):
    token = made(run, "--publish", "a", "--publish", "b{/c}", "--subscribe", "d", "--revoke", "e", "--subject", "Ada")
    grants = read_token(token, KEY, time.time())
    assert grants.uncovered(["a", "b/7"]) is None
    assert grants.uncovered(["d"]) == "d"
    assert grants.may_see("d")
    assert grants.may_revoke("e")
    assert grants.subject == "Ada"


def test_standard_output_is_the_token_and_nothing_else(run):
    assert len(made(run).split(".")) == 3


def test_it_says_when_it_was_issued_and_expires_in_an_hour_unless_told(run):
    said = claims(made(run))
    assert abs(said["iat"] - time.time()) < 60
    assert said["exp"] - said["iat"] == 3600
    said = claims(made(run, "--expires", "7d"))
    assert said["exp"] - said["iat"] == 604_800
    assert "exp" not in claims(made(run, "--expires", "never"))


def test_it_has_a_random_id_to_revoke_it_by_unless_told(run):
    assert claims(made(run))["jti"] != claims(made(run))["jti"]
    assert len(claims(made(run))["jti"]) == 22
    assert claims(made(run, "--id", "mine"))["jti"] == "mine"


def test_what_is_not_granted_is_not_said(run):
    assert claims(made(run))["mercure"] == {}
    assert claims(made(run, "--subscribe", "a"))["mercure"] == {"subscribe": ["a"]}


@pytest.mark.parametrize("payload", ['{"name": "Ada"}', "[]", "null", "5", '"x"'])
def test_the_payload_is_json(run, payload):
    assert claims(made(run, "--payload", payload))["mercure"] == {"payload": json.loads(payload)}


@pytest.mark.parametrize(("algorithm", "kind"), KIND_OF.items())
def test_a_private_key_makes_tokens_for_its_public_one(run, tmp_path, algorithm, kind):
    path = tmp_path / "private.pem"
    path.write_text(pair(kind).private_pem)
    token = made(run, "--publish", "a", key=f"{algorithm}:@{path}")
    keys = OneKey(read_key("key", f"{algorithm}:{pair(kind).public_pem}"))
    assert read_token(token, keys, time.time()).uncovered(["a"]) is None


def test_the_key_may_stand_in_the_environment(run, monkeypatch):
    monkeypatch.setenv("LONGWAVE_KEY", SECRET)
    status, out, _ = run("--publish", "a")
    assert status == 0
    assert read_token(out.strip(), KEY, time.time())


def test_a_cookie_is_printed_as_the_protocol_says(run):
    line = made(run, "--cookie", "--expires", "15m")
    name, _, rest = line.partition("=")
    token, _, attributes = rest.partition("; ")
    assert name == "Set-Cookie: mercureAuthorization"
    assert attributes == "Path=/.well-known/mercure; Max-Age=900; Secure; HttpOnly; SameSite=Strict"
    assert read_token(token, KEY, time.time())
    assert made(run, "--cookie", "--cookie-name", "my", "--expires", "never").startswith("Set-Cookie: my=")


def test_a_cookie_too_large_for_browsers_is_told(run):
    status, out, err = run("--key", SECRET, "--cookie", "--subscribe", "x" * 4000)
    assert status == 0
    assert out.startswith("Set-Cookie: ")
    assert "browsers keep cookies of at most 4096 bytes" in err


def test_a_weak_key_is_told_and_used(run):
    status, out, err = run("--key", "!ChangeMe!")
    assert status == 0
    assert out
    assert err.startswith("longwave: --key: this key is so short")
    assert "ChangeMe" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--key: expected a key to sign with"),
        (["--key", ""], "--key: expected a key to sign with"),
        (["--key", "@/none"], "--key: expected a key in '/none'"),
        (["--key", "RS256:x"], "--key: expected a PEM key for RS256"),
        (["--key", SECRET, "--publish", ""], "mercure.publish: expected at least one character"),
        (["--key", SECRET, "--subscribe", "x" * 4097], "mercure.subscribe: expected at most 4096 characters"),
        (["--key", SECRET, "--subject", "x" * 1025], "at most 1024 characters"),
        (["--key", SECRET, "--payload", "{"], "--payload: expected JSON"),
        (["--key", SECRET, "--payload", "[" * 100_000], "--payload: expected JSON"),
        (["--key", SECRET, "--payload", "NaN"], "mercure.payload"),
        (["--key", SECRET, "--payload", "[" * 40 + "]" * 40], "at most 32 levels"),
        (["--key", SECRET, "--expires", "0"], "expected more than 0 seconds, or never"),
        (["--key", SECRET, "--expires", "soon"], "expected a duration"),
        (["--key", SECRET, "--cookie-name", "a b"], "--cookie-name: expected a name"),
        (["--key", SECRET, "--jwks", "file:///x"], "--jwks: expected --explain beside it"),
    ],
)
def test_what_would_make_no_good_token_is_refused_with_one_sentence(run, arguments, words):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert SECRET not in err
    assert len(err.splitlines()) == 1


def test_a_public_key_makes_no_token(run):
    status, _, err = run("--key", pair("RSA").public_pem)
    assert status == 2
    assert "got a public key" in err


def test_more_selectors_than_a_hub_reads_are_refused():
    many = tuple(map(str, range(1001)))
    with pytest.raises(InvalidValue, match="at most 1000 selectors"):
        Wish(publish=many).claims(0)


def test_a_life_of_less_than_a_second_has_a_fraction():
    assert Wish(expires=0.5).claims(1000)["exp"] == 1000.5
    assert "exp" not in Wish(expires=math.inf).claims(1000)


# Explaining.


def test_a_good_token_is_explained_with_status_0(run):
    token = made(run, "--publish", "a", "--subscribe", "b")
    status, out, _ = run("--key", SECRET, "--explain", token)
    assert status == 0
    assert out.splitlines()[-1] == "accepted     now, unless it was revoked"


def test_a_token_that_is_refused_is_explained_with_status_1(run):
    token = made(run, "--publish", "a")
    status, out, _ = run("--key", "another secret of thirty-two bytes", "--explain", token)
    assert status == 1
    assert "may publish  a" in out
    assert "refused      signature: " in out


@pytest.mark.parametrize("form", ["{}", "  {}\n", "Bearer {}", "Authorization: Bearer {}"])
def test_a_token_may_be_pasted_with_its_header_or_come_on_standard_input(run, monkeypatch, form):
    text = form.format(made(run))
    assert run("--key", SECRET, "--explain", text)[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert run("--key", SECRET, "--explain", "-")[0] == 0


def test_a_private_key_explains_too(run):
    token = made(run, key=pair("P-256").private_pem)
    for text in (pair("P-256").private_pem, pair("P-256").public_pem):
        assert run("--key", text, "--explain", token)[0] == 0


def test_a_set_of_keys_explains_too(run, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [pair("RSA").jwk(), pair("P-256").jwk()]}))
    token = made(run, key=pair("P-256").private_pem)
    assert run("--jwks", f"file://{path}", "--explain", token)[0] == 0
    assert run("--jwks", f"file://{path}", "--explain", made(run))[0] == 1


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), ("{", "expected a JWK set"), ("[]", "list")])
def test_a_set_that_cannot_be_read_is_refused(run, tmp_path, content, words):
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content)
    status, _, err = run("--jwks", f"file://{path}", "--explain", "x")
    assert status == 2
    assert "--jwks: expected a JWK set" in err
    assert words in err


def test_an_address_of_a_set_that_is_none_is_refused(run):
    status, _, err = run("--jwks", "ftp://x/y", "--explain", "x")
    assert status == 2
    assert "--jwks: expected https://" in err


def test_standard_input_that_is_no_text_is_refused(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    status, _, err = run("--key", SECRET, "--explain", "-")
    assert status == 2
    assert "got bytes that are no text" in err


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_input_is_no_token(run, monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.StringIO(content))
    assert run("--key", SECRET, "--explain", "-")[0] == 1


@pytest.mark.parametrize(
    "other", [["--revoke", "a"], ["--cookie"], ["--expires", "1h"], ["--subject", "x"], ["--jwks", "file:///x"]]
)
def test_nothing_is_made_beside_an_explanation(run, other):
    status, _, err = run("--key", SECRET, "--explain", "x", *other)
    assert status == 2
    assert other[0] in err


def test_an_explanation_answers_whether_topics_are_covered(run):
    token = made(run, "--publish", "orders/{id}", "--subscribe", "news")
    ask = ("--key", SECRET, "--explain", token)
    status, out, _ = run(*ask, "--publish", "orders/7", "--subscribe", "news")
    assert status == 0
    assert "covered      publish to 'orders/7', by 'orders/{id}'" in out.splitlines()
    assert "covered      private updates of 'news', by 'news'" in out.splitlines()
    for other in (["--publish", "news"], ["--subscribe", "orders/7"]):
        status, out, _ = run(*ask, *other)
        assert status == 1
        assert "uncovered    " in out


@pytest.mark.parametrize("option", ["--publisher-jwks", "--subscriber-jwks"])
def test_a_set_may_be_called_as_the_hub_calls_it(run, tmp_path, option):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [pair("P-256").jwk()]}))
    token = made(run, key=pair("P-256").private_pem)
    assert run(option, f"file://{path}", "--explain", token)[0] == 0
    assert run(option, f"file://{path}", "--explain", made(run))[0] == 1


def test_one_token_is_explained_with_one_set_only(run):
    status, _, err = run("--publisher-jwks", "file:///a", "--subscriber-jwks", "file:///b", "--explain", "x")
    assert status == 2
    assert "expected one of --key, --jwks, --publisher-jwks, --subscriber-jwks, got several" in err


def test_a_token_that_may_not_fit_a_hub_is_told(run):
    """A hub takes so much as a request's head, unless it was told otherwise."""
    size = Limits().head
    full, rest = divmod((size - 500) * 3 // 4 - 250, 4000)
    grants = ["--subscribe=" + f"{number}".ljust(3996, "x") for number in range(full)]
    status, out, err = run("--key", SECRET, *grants, "--subscribe", "y" * rest)
    assert status == 0
    assert size - 1024 < len(out) < size
    assert "which with the rest of a request's head may be more than" in err
    assert "--max-head" in err
    assert "\nsize         " in "\n" + run("--key", SECRET, "--explain", out)[1]
    assert "size " not in run("--key", SECRET, "--explain", made(run))[1]


def test_a_token_that_no_hub_reads_is_not_made(run):
    grants = [f"--subscribe={number}".ljust(4000, "x") for number in range(20)]
    status, out, err = run("--key", SECRET, *grants)
    assert (status, out) == (2, "")
    assert "token: expected at most 65536 characters" in err
