"""What a hub says once it listens."""

from __future__ import annotations

import shlex

import pytest

from longwave.cli.serve import Announcement, describe, say
from longwave.cli.settings import Settings
from longwave.logs.retention import Retention
from longwave.server.config import ServerConfig

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
