"""Commands, exit statuses and one line for what goes wrong, in this process."""

from __future__ import annotations

import os
import sys

import pytest

from longwave.cli.app import BROKEN_PIPE, execute
from longwave.cli.publish import DATA_ATTEMPTS
from longwave.client import attempts, reconnection
from longwave.testing import Answer, ScriptedServer, Send, Stall
from unit.client.hub_answers import answer, ids


@pytest.mark.parametrize("command", ["", "serve", "publish", "listen", "demo", "demo monitor"])
def test_help_says_what_it_is_and_shows_its_options(capsys, command):
    status = execute([*command.split(), "--help"])

    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: longwave{' ' * bool(command)}{command} [OPTIONS]")
    assert "\nOptions:\n" in out


@pytest.mark.parametrize("command", ["serve", "publish", "listen", "demo monitor"])
def test_help_of_a_command_has_examples(capsys, command):
    execute([*command.split(), "--help"])

    assert f"\n  Examples:\n    longwave {command}" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["demo"]])
def test_no_command_shows_the_help(capsys, command):
    assert execute(command) == 0
    assert "\nCommands:\n" in capsys.readouterr().out


def test_version_is_told(capsys):
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out.startswith("longwave")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["--nothing"], "No such option '--nothing'"),
        (["serve", "--prot", "1"], "No such option '--prot'"),
        (["serve", "--port", "x"], "--port: expected a whole number, got 'x'"),
        (["serve", "--port", "70000"], "--port: expected 0 to 65535, got 70000"),
        (["serve", "--host", "0.0.0.0"], "--host: expected a loopback address, got '0.0.0.0': without a key anybody"),
        (["serve", "--log", "redis:x"], "--log: expected memory: or sqlite:PATH, got 'redis:x'"),
        (["serve", "--durability", "no"], "--durability: 'no' is not one of 'full', 'relaxed'"),
        (["serve", "--config", "none.toml"], "none.toml: cannot be read: No such file or directory"),
        (["serve", "extra"], "Got unexpected extra argument (extra)"),
        (["publish"], "Missing argument 'URL'"),
        (["publish", "http://127.0.0.1:1", "x"], "Missing option '--topic'"),
        (["publish", "nowhere", "x", "--topic", "a"], "url: expected http://, https:// or unix:, got 'nowhere'"),
        (["publish", "http://127.0.0.1:1", "x", "--topic", ""], "topic: expected at least one character, got an empty"),
        (["publish", "http://127.0.0.1:1", "x", "--topic", "a", "--type", "a\nb"], "type: expected no NUL, CR or LF"),
        (["publish", "http://127.0.0.1:1", "x", "--topic", "a", "--retry", "1.5"], "--retry: expected a whole number"),
        (["publish", "http://127.0.0.1:1", "--topic", "a", "--id", "1"], "--id: expected DATA beside it"),
        (["listen", "http://127.0.0.1:1"], "Missing option '--topic'"),
        (["listen", "http://127.0.0.1:1", "--topic", "a", "--count", "0"], "--count: expected 1 or more, got 0"),
        (["listen", "http://127.0.0.1:1", "--topic", "a", "--last-event-id", "a\nb"], "last_event_id: expected no NUL"),
        (["demo", "nothing"], "No such command 'nothing'"),
        (["demo", "monitor", "--interval", "0"], "--interval: expected more than 0 seconds"),
    ],
)
def test_misuse_is_one_line_and_status_2(capsys, arguments, said):
    status = execute(arguments)

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(f"longwave: {said}")
    assert err.count("\n") == 1
    assert err.endswith("\n")


def test_hub_that_cannot_be_reached_is_asked_again_then_one_line_and_status_1(capsys, monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(reconnection, "SHORTEST", 0.001)
    with ScriptedServer() as server:
        url = server.origin

    assert execute(["publish", url, "x", "--topic", "a"]) == 1
    *waits, error = capsys.readouterr().err.splitlines()
    assert error.startswith(f"longwave: {url}/events: ")
    assert error.endswith(f"(gave up after {DATA_ATTEMPTS} attempts)")
    assert len(waits) == DATA_ATTEMPTS - 1
    assert all(line.endswith("; trying again in 0.0 s") for line in waits)


def test_refusal_of_the_hub_is_shown(capsys):
    with ScriptedServer([answer(403, "Ask somebody\nelse.")]) as server:
        assert execute(["listen", server.origin, "--topic", "a"]) == 1

    assert capsys.readouterr().err == "longwave: the hub answered 403: Ask somebody else.\n"


def test_socket_of_the_hub_is_called_as_the_user_calls_it(capsys, tmp_path):
    path = tmp_path / "hub.sock"
    page = Answer(headers={"Content-Type": "text/html"}, steps=[Send(b"<p>")])
    with ScriptedServer([page], path=path):
        assert execute(["listen", f"unix:{path}", "--topic", "a"]) == 1

    assert capsys.readouterr().err == f"longwave: expected text/event-stream from {path}, got text/html\n"


def test_published_id_is_printed(capsys):
    with ScriptedServer([ids("e-1")]) as server:
        assert execute(["publish", server.origin, "x", "--topic", "a"]) == 0

    assert capsys.readouterr() == ("e-1\n", "")


def test_listen_stops_after_the_count(capsys):
    events = Answer(steps=[Send(b"id: 1\ndata: x\n\nid: 2\ndata: y\n\nid: 3\ndata: z\n\n"), Stall()])
    with ScriptedServer([events]) as server:
        assert execute(["listen", server.origin, "--topic", "a", "--count", "2", "--json"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        '{"id": "1", "type": "message", "data": "x"}',
        '{"id": "2", "type": "message", "data": "y"}',
    ]


def test_listen_goes_on_where_the_last_run_stopped(capsys, tmp_path):
    path = tmp_path / "seen.id"
    events = Answer(steps=[Send(b"id: 1\ndata: x\n\nid: 2\ndata: y\n\n"), Stall()])
    listen = ["--topic", "a", "--cursor", str(path), "--count", "1"]
    with ScriptedServer([events, events]) as server:
        assert execute(["listen", server.origin, *listen, "--last-event-id", "earliest"]) == 0
        assert path.read_text() == "1\n"
        assert execute(["listen", server.origin, *listen, "--last-event-id", "earliest"]) == 0

    assert [request.headers["last-event-id"] for request in server.requests] == [b"earliest", b"1"]


def test_event_counts_as_printed_only_once_it_is(tmp_path, monkeypatch):
    path = tmp_path / "seen.id"
    reader, writer = os.pipe()
    os.close(reader)
    events = Answer(steps=[Send(b"id: 1\ndata: x\n\n"), Stall()])
    with ScriptedServer([events]) as server, open(writer, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        assert execute(["listen", server.origin, "--topic", "a", "--cursor", str(path)]) == BROKEN_PIPE

    assert not path.exists()


@pytest.mark.parametrize("command", [["publish", "x"], ["listen"]])
def test_token_is_sent_and_never_told(capsys, command, monkeypatch):
    monkeypatch.setenv("LONGWAVE_TOKEN", "s3cret")
    name, *data = command
    with ScriptedServer([answer(401, "no")]) as server:
        assert execute([name, server.origin, *data, "--topic", "a"]) == 1

    assert server.requests[0].headers["authorization"] == b"Bearer s3cret"
    assert capsys.readouterr() == ("", "longwave: the hub answered 401: no\n")


def test_listen_tells_of_a_reconnection_and_ends_well_where_the_hub_says_no_more(capsys):
    events = Answer(steps=[Send(b"retry: 60\n"), Send(b"data: x\n\n")])
    with ScriptedServer([events]) as server:
        assert execute(["listen", server.origin, "--topic", "a"]) == 0

    out, err = capsys.readouterr()
    assert out.endswith("  message  -  x\n")
    assert err == f"longwave: {server.origin}/events: the stream ended; trying again in 0.1 s\n"
