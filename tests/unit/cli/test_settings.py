"""Each setting reaches its place in the groups, from the command line, the environment and the file."""

from __future__ import annotations

import dataclasses

import pytest

from longwave.cli import serve
from longwave.cli.settings import SETTINGS, Settings, build_settings
from longwave.errors import InvalidValue
from longwave.logs.retention import Retention
from longwave.server.config import AccessConfig, Limits, Listen, ServerConfig, SinkKind, Timeouts
from longwave.server.limits.rate_limits import Rate
from longwave.server.messages.log_format import LogFormat
from longwave.server.metrics.metrics_access import MetricsAccess

# setting: a value that is not the default, as text and as its group holds it
OTHER = {
    "host": ("::1", "::1"),
    "port": ("9000", 9000),
    "uds": ("hub.sock", "hub.sock"),
    "insecure": ("true", True),
    "backlog": ("17", 17),
    "trusted-proxy": ("10.0.0.0/8", ("10.0.0.0/8",)),
    "key": ("k", "k"),
    "publisher-key": ("k", "k"),
    "subscriber-key": ("k", "k"),
    "jwks": ("file:///keys.json", "file:///keys.json"),
    "publisher-jwks": ("file:///keys.json", "file:///keys.json"),
    "subscriber-jwks": ("file:///keys.json", "file:///keys.json"),
    "anonymous": ("true", True),
    "subscriptions": ("true", True),
    "cors-origin": ("https://a.test", ("https://a.test",)),
    "publish-origin": ("https://a.test", ("https://a.test",)),
    "allowed-host": ("a.test", ("a.test",)),
    "cookie-name": ("c", "c"),
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
    "max-answers": ("19KiB", 19_456),
    "max-selectors-per-address": ("33", 33),
    "max-head": ("17KiB", 17_408),
    "max-topics": ("17", 17),
    "max-selector-bytes": ("17KiB", 17_408),
    "max-selector-cost": ("17", 17),
    "max-streams-per-address": ("17", 17),
    "max-streams-per-subject": ("17", 17),
    "connect-rate": ("17/s burst 18", Rate(17, 18)),
    "connect-rate-per-subject": ("60/m", Rate(1, 60)),
    "told-rate": ("60/m burst 18", Rate(1, 18)),
    "told-rate-per-subject": ("17/s", Rate(17, 17)),
    "publish-rate": ("17", Rate(17, 17)),
    "publish-rate-per-subject": ("17/s", Rate(17, 17)),
    "max-lag": ("17KiB", 17_408),
    "max-replays": ("17", 17),
    "head-timeout": ("17s", 17.0),
    "body-timeout": ("17s", 17.0),
    "keep-alive": ("17s", 17.0),
    "send-timeout": ("17s", 17.0),
    "send-buffer": ("17KiB", 17_408),
    "shutdown-delay": ("17s", 17.0),
    "drain": ("17s", 17.0),
    "sink": ("transport", SinkKind.TRANSPORT),
    "workers": ("3", 3),
    "metrics": ("public", MetricsAccess.PUBLIC),
    "log-level": ("debug", "debug"),
    "log-format": ("json", LogFormat.JSON),
}
# setting: the option without which it means nothing
NEEDED = {"anonymous": "key"}


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
        AccessConfig: server.access,
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
    settings = read(*arguments, *needed_by(setting))

    assert held(settings, setting) == value
    assert changed(settings) == {setting.name, NEEDED.get(setting.name, setting.name)}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_environment_variable_reaches_its_group(setting, monkeypatch):
    text, value = OTHER[setting.name]
    monkeypatch.setenv(f"LONGWAVE_{setting.name.upper().replace('-', '_')}", text)

    assert held(read(*needed_by(setting)), setting) == value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_key_of_the_file_reaches_its_group(setting, tmp_path):
    text, value = OTHER[setting.name]
    file = tmp_path / "hub.toml"
    written = {bool: text, tuple: repr([text])}.get(type(value), repr(text))
    file.write_text(f"{setting.name} = {written}\n", encoding="utf-8")

    assert held(read("--config", str(file), *needed_by(setting)), setting) == value


def needed_by(setting):
    return [f"--{NEEDED[setting.name]}", "k"] if setting.name in NEEDED else []


def test_repeatable_option_may_be_repeated_and_its_variable_holds_several(monkeypatch):
    monkeypatch.setenv("LONGWAVE_PUBLISH_ORIGIN", "https://a.test https://b.test")
    settings = read("--cors-origin", "https://a.test", "--cors-origin", "null")

    assert settings.server.access.cors_origins == ("https://a.test", "null")
    assert settings.server.access.publish_origins == ("https://a.test", "https://b.test")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("key", "a key"),
        ("publisher-key", "a key"),
        ("subscriber-key", "a key"),
        ("jwks", "the address of a JWK set"),
        ("publisher-jwks", "the address of a JWK set"),
        ("subscriber-jwks", "the address of a JWK set"),
    ],
)
def test_variable_of_a_key_that_is_empty_is_not_taken_for_none(name, expected, monkeypatch):
    """As in `LONGWAVE_KEY=$KEY` where KEY is not set: an open hub must not come of it."""
    monkeypatch.setenv(f"LONGWAVE_{name.upper().replace('-', '_')}", "")

    with pytest.raises(InvalidValue, match=f"expected {expected}, got nothing"):
        read()


def test_other_variables_that_are_empty_are_none(monkeypatch):
    monkeypatch.setenv("LONGWAVE_UDS", "")

    assert read().server.listen.uds is None


def changed(settings):
    return {setting.name for setting in SETTINGS if held(settings, setting) != held(read(), setting)}


def test_every_field_of_every_group_can_be_set():
    fields = {
        (group, field.name)
        for group in (Listen, AccessConfig, Limits, Timeouts, Retention, ServerConfig, Settings)
        for field in dataclasses.fields(group)
        if not dataclasses.is_dataclass(field.type) and field.name not in ("listen", "access", "limits", "timeouts")
    }

    assert fields - {(Settings, "retention"), (Settings, "server")} == {(s.group, s.field) for s in SETTINGS}


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        (["--port", "70000"], "port"),
        (["--host", "0.0.0.0"], "host"),
        (["--key", ""], "key"),
        (["--anonymous"], "anonymous"),
        (["--cors-origin", "https://a.test/"], "cors_origin"),
        (["--publish-origin", "a.test"], "publish_origin"),
        (["--allowed-host", "a.test:80"], "allowed_host"),
        (["--cookie-name", "a b"], "cookie_name"),
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
