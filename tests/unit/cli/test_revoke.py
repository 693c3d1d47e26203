"""`longwave revoke` asks the right address, once, and tells what the hub said."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from longwave.cli.app import execute
from longwave.cli.revoke import command, revoke, revoke_url
from longwave.client.endpoint import Endpoint
from longwave.errors import InvalidValue, RequestFailed
from longwave.testing import ScriptedServer
from unit.client.hub_answers import answer

ANSWER = '{"subject": "user-7", "before": 1.0, "closed": 2}\n'


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h:1", "http://h:1/events/revoke"),
        ("http://h:1/", "http://h:1/events/revoke"),
        ("http://h/events", "http://h/events/revoke"),
        ("https://h/live/events", "https://h/live/events/revoke"),
        ("https://h/.well-known/mercure?topic=x", "https://h/events/revoke"),
    ],
)
def test_address_of_a_hub_or_its_resource_says_where(url, asked):
    assert revoke_url(Endpoint.parse(url).url) == asked


def test_other_address_is_none_of_a_hub():
    with pytest.raises(InvalidValue, match="expected the address of a hub"):
        revoke_url("http://h/other")


def test_form_names_what_is_revoked_and_the_token_is_sent():
    with ScriptedServer([answer(200, ANSWER)]) as server:
        told = revoke(Endpoint.parse(server.origin), ("subject", "user 7&"), "secret")

    (request,) = server.requests
    assert told == ANSWER.strip()
    assert request.target == "/events/revoke"
    assert request.body == b"subject=user+7%26"
    assert request.headers["authorization"] == b"Bearer secret"
    assert request.headers["content-type"] == b"application/x-www-form-urlencoded"


def test_refusal_is_told_with_its_status():
    with ScriptedServer([answer(401, "expected a token\n")]) as server, pytest.raises(RequestFailed) as failure:
        revoke(Endpoint.parse(server.origin), ("subject", "user-7"), None)

    assert str(failure.value) == "the hub answered 401: expected a token"
    assert failure.value.status == 401


def test_hub_that_is_not_there_is_one_line(capsys):
    assert execute(["revoke", "http://127.0.0.1:1", "--subject", "user-7"]) == 1

    error = capsys.readouterr().err
    assert error.startswith("longwave: http://127.0.0.1:1/events/revoke: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--subject", "a", "--id", "b"]])
def test_exactly_one_thing_is_revoked(options):
    result = CliRunner().invoke(command, ["http://h", *options])

    assert result.exit_code == 2
    assert "expected one of --subject, --id and --topic, got" in result.output


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--id", "", "expected 1 to 1024 characters, got 0"),
        ("--id", "x" * 1025, "expected"),
        ("--subject", "", "expected 1 to 1024 characters, got 0"),
        ("--topic", "", "expected"),
        ("--topic", "*", "expected one topic"),
    ],
)
def test_what_no_token_can_name_is_told_by_the_options_name_before_the_hub_is_asked(capsys, option, value, words):
    assert execute(["revoke", "http://127.0.0.1:1", option, value]) == 2

    assert capsys.readouterr().err.startswith(f"longwave: {option}: {words}")
