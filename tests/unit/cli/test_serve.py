"""What a hub says once it listens."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace

import pytest

from longwave.cli.serve import (
    NO_PUBLISHERS,
    NO_SUBSCRIBERS,
    Announcement,
    command,
    describe,
    say,
    warn_of_unknown_variables,
)
from longwave.cli.settings import SETTINGS as SETTINGS_OF_SERVE
from longwave.cli.settings import Settings
from longwave.logs.retention import Retention
from longwave.server.config import AccessConfig, ServerConfig

SETTINGS = Settings(log="sqlite:hub.db", retention=Retention(events=1000, age=60.0, size=2**20), server=ServerConfig())


def test_announcement_has_the_page_the_log_and_a_command_to_try():
    assert str(describe("http://127.0.0.1:8080/", SETTINGS)).splitlines() == [
        "Longwave is listening on http://127.0.0.1:8080/",
        "Log: sqlite:hub.db (keeps at most 1,000 updates, 1m, 1MiB)",
        "Try: curl -d topic=hello -d data='Hello, world' http://127.0.0.1:8080/events",
    ]


def test_address_ends_with_a_slash():
    assert describe("http://[::1]:80", SETTINGS) == describe("http://[::1]:80/", SETTINGS)


@pytest.mark.parametrize("path", ["/run/hub.sock", "/tmp/a b.sock"])
def test_command_for_a_unix_socket_names_it(path):
    found = describe(f"unix:{path}", SETTINGS)

    assert found.address == f"unix:{path}"
    words = shlex.split(found.attempt)
    assert words[1:3] == ["--unix-socket", path]
    assert words[-1] == "http://localhost/events"


def test_announcement_is_plain_where_nobody_watches(capsys):
    say(Announcement("a", "b", "c"))

    assert capsys.readouterr().out == "Longwave is listening on a\nLog: b\nTry: c\n"


@pytest.mark.parametrize(
    ("access", "closed", "tries"),
    [
        ({}, "", True),
        ({"key": "k"}, "", True),
        ({"jwks": "file:///k"}, "", True),
        ({"publisher_key": "k"}, NO_SUBSCRIBERS, True),
        ({"publisher_jwks": "file:///k"}, NO_SUBSCRIBERS, True),
        ({"publisher_key": "k", "anonymous": True}, "", True),
        ({"subscriber_key": "k"}, NO_PUBLISHERS, False),
        ({"subscriber_jwks": "file:///k"}, NO_PUBLISHERS, False),
        ({"subscriber_key": "k", "anonymous": True}, NO_PUBLISHERS, False),
    ],
)
def test_what_nobody_may_do_is_told_at_the_start_and_what_would_open_it(access, closed, tries):
    settings = replace(SETTINGS, server=ServerConfig(access=AccessConfig(**access)))
    found = describe("http://127.0.0.1:8080/", settings)

    assert found.closed == closed
    assert str(found).splitlines()[2:] == [closed] * bool(closed) + [f"Try: {found.attempt}"] * tries
    assert bool(found.attempt) is tries


def test_each_option_that_would_open_it_is_one():
    names = {f"--{setting.name}" for setting in SETTINGS_OF_SERVE}
    for sentence in (NO_PUBLISHERS, NO_SUBSCRIBERS):
        assert set(re.findall(r"--[a-z-]+", sentence)) <= names


def test_variables_that_nothing_reads_are_warned_of_in_one_line(monkeypatch, caplog):
    for name in filter(lambda name: name.startswith("LONGWAVE_"), list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LONGWAVE_PORT", "1")
    with command().make_context("serve", []) as ctx:
        warn_of_unknown_variables(ctx)
        assert caplog.messages == []
        monkeypatch.setenv("LONGWAVE_PROT", "1")
        warn_of_unknown_variables(ctx)

    (message,) = caplog.messages
    assert message.endswith(": LONGWAVE_PROT")


def test_a_key_for_mercures_hub_is_warned_of_as_nothing_reads_it(monkeypatch, caplog):
    monkeypatch.setattr(os, "environ", {"MERCURE_PUBLISHER_JWT_KEY": "s3cret"})
    with command().make_context("serve", []) as ctx:
        warn_of_unknown_variables(ctx)

    (message,) = caplog.messages
    assert message.endswith(": MERCURE_PUBLISHER_JWT_KEY (--publisher-key)")
