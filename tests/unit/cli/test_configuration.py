"""Command line before environment before file before default, and errors that name the place."""

from __future__ import annotations

import click
import pytest

from longwave.cli import serve
from longwave.cli.app import app, describe
from longwave.cli.configuration import (
    MAX_FILE,
    MERCURE_VARIABLES,
    known_variables,
    mercure_variables,
    read_file,
    unknown_variables,
)
from longwave.errors import InvalidConfiguration


def read(*arguments):
    """The values that `serve` would be called with."""
    with serve.command().make_context("serve", list(arguments)) as ctx:
        return ctx.params


def complaint(*arguments):
    """What is said about these arguments."""
    with pytest.raises((click.ClickException, InvalidConfiguration)) as caught:
        read(*arguments)
    error = caught.value
    return describe(error) if isinstance(error, click.ClickException) else str(error)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a file and returns its name, relative to the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "hub.toml").write_text(text, encoding="utf-8")
        return "hub.toml"

    return write


def test_command_line_wins_over_environment_over_file_over_default(file, monkeypatch):
    config = file("port = 3\n")
    assert read()["port"] == 8080
    assert read("--config", config)["port"] == 3
    monkeypatch.setenv("LONGWAVE_PORT", "2")
    assert read("--config", config)["port"] == 2
    assert read("--config", config, "--port", "1")["port"] == 1


def test_option_before_the_file_wins_too(file):
    assert read("--port", "1", "--config", file("port = 3\n"))["port"] == 1


def test_file_is_named_by_the_environment_too(file, monkeypatch):
    monkeypatch.setenv("LONGWAVE_CONFIG", file("retain-age = '30d'\n"))

    assert read()["retain_age"] == 30 * 86_400


def test_flag_in_the_file_and_the_environment(file, monkeypatch):
    assert read("--config", file("insecure = true\n"))["insecure"] is True
    monkeypatch.setenv("LONGWAVE_INSECURE", "0")
    assert read("--config", file("insecure = true\n"))["insecure"] is False


def test_keys_take_hyphens_and_underscores(file):
    values = read("--config", file("max-body = '2MiB'\nmax_head = 2048\nheartbeat = 0.5\n"))

    assert (values["max_body"], values["max_head"], values["heartbeat"]) == (2**21, 2048, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "hub.toml: prot: expected the name of an option of serve, got an unknown key"),
        ("help = true", "hub.toml: help: expected the name of an option of serve, got an unknown key"),
        ("config = 'x'", "hub.toml: config: expected the name of an option of serve, got an unknown key"),
        ("[serve]\nport = 1", "hub.toml: serve: expected the name of an option of serve, got an unknown key"),
        ("max-body = 1\nmax_body = 2", "hub.toml: max_body: expected each key once, got max-body too"),
        ("port = true", "hub.toml: port: expected a port as a string or number, got true"),
        ("port = [1]", "hub.toml: port: expected a port as a string or number, got a list"),
        ("host = 5", "hub.toml: host: expected a string, got 5"),
        ("sink = 5", "hub.toml: sink: expected a string, got 5"),
        ("insecure = 'yes'", "hub.toml: insecure: expected true or false, got 'yes'"),
        (
            "retain-age = 'soon'",
            "hub.toml: retain-age: expected a duration such as 500ms, 15s, 1h30m or 7d, got 'soon'",
        ),
        ("retain_bytes = -1", "hub.toml: retain_bytes: expected a size such as 512, 64KiB, 10MB or 1GiB, got '-1'"),
        ("sink = 'drain'", "hub.toml: sink: 'drain' is not one of 'auto', 'epoll', 'transport'"),
        ("heartbeat = inf", "hub.toml: heartbeat: expected 0 to 3153600000 seconds, got inf"),
        ("port 1", "hub.toml: expected TOML, got: Expected '=' after a key in a key/value pair (at line 1, column 6)"),
    ],
)
def test_error_in_the_file_names_file_and_key(file, text, message):
    assert complaint("--config", file(text)) == message


def test_error_in_the_environment_names_the_variable(monkeypatch):
    monkeypatch.setenv("LONGWAVE_HEARTBEAT", "x")

    assert complaint() == "LONGWAVE_HEARTBEAT: expected a duration such as 500ms, 15s, 1h30m or 7d, got 'x'"


def test_error_on_the_command_line_names_the_option(file, monkeypatch):
    monkeypatch.setenv("LONGWAVE_HEARTBEAT", "1s")

    said = complaint("--config", file("heartbeat = 1"), "--heartbeat", "x")

    assert said == "--heartbeat: expected a duration such as 500ms, 15s, 1h30m or 7d, got 'x'"


def test_missing_file_is_named(file):
    assert complaint("--config", "none.toml") == "none.toml: cannot be read: No such file or directory"


def test_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xff")

    with pytest.raises(InvalidConfiguration, match="cannot be read: expected UTF-8"):
        read_file(str(path))


def test_file_is_read_up_to_a_bound(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"#" * (MAX_FILE + 1))

    with pytest.raises(InvalidConfiguration, match=f"expected at most {MAX_FILE} bytes, got more"):
        read_file(str(path))


@pytest.mark.parametrize("value", ["maybe", "2", " on off"])
def test_flag_that_is_neither_on_nor_off_is_one_sentence(monkeypatch, value):
    monkeypatch.setenv("LONGWAVE_ANONYMOUS", value)

    assert complaint() == f"LONGWAVE_ANONYMOUS: expected 1 or 0, got {value!r}"


@pytest.mark.parametrize(("value", "on"), [("1", True), ("0", False), ("true", True), ("off", False)])
def test_flag_in_the_environment_is_on_or_off(monkeypatch, value, on):
    monkeypatch.setenv("LONGWAVE_ANONYMOUS", value)

    assert read()["anonymous"] is on


KNOWN = known_variables(app)


def test_variables_of_all_commands_are_known():
    assert {"LONGWAVE_PORT", "LONGWAVE_KEY", "LONGWAVE_TOKEN", "LONGWAVE_CONFIG"} <= KNOWN
    assert unknown_variables([*KNOWN, "PATH", "LONGWAVER"], KNOWN) == ""


def test_variables_of_mercures_hub_are_told_with_options_that_there_are():
    options = {option for param in serve.command().params for option in param.opts}

    assert {word for text in MERCURE_VARIABLES.values() for word in text.split() if word.startswith("--")} <= options
    assert mercure_variables({"MERCURE_TRANSPORT_URL": "", "MERCURE_URL": ""}) == "MERCURE_TRANSPORT_URL (--log)"
    assert mercure_variables({}) == ""


def test_variables_that_only_look_like_ours_are_named_in_order_and_up_to_a_bound():
    assert unknown_variables(["LONGWAVE_PROT", "LONGWAVE_KEYS", "LONGWAVE_PORT"], KNOWN) == (
        "LONGWAVE_KEYS, LONGWAVE_PROT"
    )
    many = [f"LONGWAVE_X{number:02}" for number in range(50)]
    assert unknown_variables(many, KNOWN).endswith("LONGWAVE_X04 and 45 more")
    strange = unknown_variables(["LONGWAVE_" + "x" * 5000, "LONGWAVE_\n\udcff\u00e9"], KNOWN)
    assert len(strange) < 150
    assert strange.isprintable()
