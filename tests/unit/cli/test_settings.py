"""Each setting reaches its place in the groups, from the command line, the environment and the file."""

from __future__ import annotations

import dataclasses

import pytest

from longwave.cli import serve
from longwave.cli.settings import SETTINGS, Settings, build_settings
from longwave.errors import InvalidValue
from longwave.logs.retention import Retention
from longwave.server.config import Limits, Listen, ServerConfig, SinkKind, Timeouts

# setting: a value that is not the default, as text and as its group holds it
OTHER = {
    "host": ("::1", "::1"),
    "port": ("9000", 9000),
    "uds": ("hub.sock", "hub.sock"),
    "insecure": ("true", True),
    "backlog": ("17", 17),
    "log": ("memory:", "memory:"),
    "durability": ("relaxed", "relaxed"),
    "retain-events": ("17", 17),
    "retain-age": ("1h30m", 5400.0),
    "retain-bytes": ("17KiB", 17_408),
    "heartbeat": ("17s", 17.0),
    "max-connections": ("17", 17),
    "max-connections-per-address": ("17", 17),
    "max-body": ("17KiB", 17_408),
    "max-bodies": ("17KiB", 17_408),
    "max-head": ("17KiB", 17_408),
    "max-topics": ("17", 17),
    "max-lag": ("17KiB", 17_408),
    "max-replays": ("17", 17),
    "head-timeout": ("17s", 17.0),
    "body-timeout": ("17s", 17.0),
    "keep-alive": ("17s", 17.0),
    "send-timeout": ("17s", 17.0),
    "send-buffer": ("17KiB", 17_408),
    "drain": ("17s", 17.0),
    "sink": ("transport", SinkKind.TRANSPORT),
    "workers": ("3", 3),
    "log-level": ("debug", "debug"),
}


def read(*arguments):
    with serve.command().make_context("serve", list(arguments)) as ctx:
        return build_settings(ctx.params)


def held(settings, setting):
    """What the setting's group holds."""
    server = settings.server
    groups = {
        Settings: settings,
        Retention: settings.retention,
        ServerConfig: server,
        Listen: server.listen,
        Limits: server.limits,
        Timeouts: server.timeouts,
    }
    return getattr(groups[setting.group], setting.field)


def test_defaults_are_those_of_the_groups():
    assert read() == Settings(retention=Retention(), server=ServerConfig())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_option_reaches_its_group_and_nothing_else(setting):
    text, value = OTHER[setting.name]
    arguments = [f"--{setting.name}"] if value is True else [f"--{setting.name}", text]
    settings = read(*arguments)

    assert held(settings, setting) == value
    assert changed(settings) == {setting.name}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_environment_variable_reaches_its_group(setting, monkeypatch):
    text, value = OTHER[setting.name]
    monkeypatch.setenv(f"LONGWAVE_{setting.name.upper().replace('-', '_')}", text)

    assert held(read(), setting) == value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_key_of_the_file_reaches_its_group(setting, tmp_path):
    text, value = OTHER[setting.name]
    file = tmp_path / "hub.toml"
    file.write_text(f"{setting.name} = {text if value is True else repr(text)}\n", encoding="utf-8")

    assert held(read("--config", str(file)), setting) == value


def changed(settings):
    return {setting.name for setting in SETTINGS if held(settings, setting) != held(read(), setting)}


def test_every_field_of_every_group_can_be_set():
    fields = {
        (group, field.name)
        for group in (Listen, Limits, Timeouts, Retention, ServerConfig, Settings)
        for field in dataclasses.fields(group)
        if not dataclasses.is_dataclass(field.type) and field.name not in ("listen", "limits", "timeouts")
    }

    assert fields - {(Settings, "retention"), (Settings, "server")} == {(s.group, s.field) for s in SETTINGS}


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        (["--port", "70000"], "port"),
        (["--host", "0.0.0.0"], "host"),
        (["--max-head", "0"], "max_head"),
        (["--head-timeout", "0"], "head_timeout"),
        (["--max-body", "0"], "max_body"),
        (["--body-timeout", "0"], "body_timeout"),
        (["--send-buffer", "1"], "send_buffer"),
        (["--workers", "0"], "workers"),
        (["--workers", "2", "--log", "memory:"], "workers"),
        (["--workers", "2", "--uds", "hub.sock"], "workers"),
        (["--retain-age", "0"], "retain_age"),
        (["--retain-bytes", "0"], "retain_bytes"),
        (["--retain-events", "0"], "retain_events"),
    ],
)
def test_value_that_a_group_refuses_is_named_by_its_setting(arguments, parameter):
    with pytest.raises(InvalidValue, match="expected") as caught:
        read(*arguments)

    assert caught.value.field == parameter
