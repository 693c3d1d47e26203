"""What can be set about `longwave serve`: one table of options, and the groups that their values go into.

Not here: the groups and their defaults (server/config.py, logs/retention.py), the configuration file and how an
error names where a value came from (configuration.py).
Rules that always hold: each setting is an option, an environment variable and a key of the configuration file
under the same name; a default stands in its group only.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.configuration import ConfiguredOption
from longwave.cli.quantity import COUNT, DURATION, RATE, SIZE, Count, format_duration, format_size
from longwave.errors import InvalidConfiguration, InvalidValue
from longwave.logs.address import is_shared
from longwave.logs.retention import Retention
from longwave.server.config import AccessConfig, Limits, Listen, ServerConfig, SinkKind, Timeouts
from longwave.server.messages.log_format import LogFormat
from longwave.server.metrics.metrics_access import MetricsAccess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DURABILITIES = ("full", "relaxed")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that `longwave serve` was told.

    log: address of the log. durability: what an acknowledged update survives. log_level, log_format: of messages on
        stderr.
    """

    log: str = "sqlite:longwave.db"
    durability: str = "full"
    log_level: str = "info"
    log_format: LogFormat = LogFormat.HUMAN
    retention: Retention
    server: ServerConfig

    def __post_init__(self) -> None:
        workers = self.server.workers
        if workers > 1 and not is_shared(self.log):
            raise InvalidConfiguration(
                "workers", f"expected 1 with {self.log}, which no other process can see, got {workers}"
            )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its option without dashes, the group and field it goes into, its type, and what it means."""

    name: str
    group: type[Any]
    field: str
    type: click.ParamType[Any]
    help: str

    @property
    def parameter(self) -> str:
        """The name that click knows the option by."""
        return self.name.replace("-", "_")

    def option(self) -> ConfiguredOption:
        """Return the option, with the group's default."""
        default = _default_of(self.group, self.field)
        return ConfiguredOption(
            [f"--{self.name}"],
            type=self.type,
            is_flag=isinstance(default, bool),
            multiple=isinstance(default, tuple),
            heeds_empty=isinstance(self.type, KeyText),
            default=_FORMATS.get(type(self.type), _as_text)(default),
            help=self.help,
        )


class Text(click.types.StringParamType):
    """Any text; `name` says in the help what it stands for."""

    def __init__(self, name: str) -> None:
        self.name = name


class KeyText(Text):
    """A key, or where one is. Of a variable that should hold one but is empty, no open hub must come."""


class Flag(click.types.BoolParamType):
    """Whether something is on: `1` or `0` in the environment, and whatever else click takes."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Return whether it is, or fail with one sentence."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"expected 1 or 0, got {value!r}", param, ctx)


SINKS = click.Choice([kind.value for kind in SinkKind])
READERS = click.Choice([access.value for access in MetricsAccess])
LOG_FORMATS = click.Choice([form.value for form in LogFormat])
PORT = Count(name="port")
_FLAG = Flag()
_FORMATS: Mapping[type, Callable[[Any], Any]] = {
    type(DURATION): format_duration,
    type(SIZE): format_size,
    type(RATE): str,
}

SETTINGS: tuple[Setting, ...] = (
    Setting("host", Listen, "host", Text("host"), "Address or name to listen on."),
    Setting("port", Listen, "port", PORT, "TCP port; 0 lets the system choose."),
    Setting("uds", Listen, "uds", Text("path"), "Listen on a Unix socket at this path instead of TCP."),
    Setting("insecure", Listen, "insecure", _FLAG, "Listen on any address although anybody may publish then."),
    Setting("backlog", Listen, "backlog", COUNT, "Connections that wait in the kernel to be accepted."),
    Setting(
        "trusted-proxy",
        Listen,
        "trusted_proxies",
        Text("address"),
        "Believe the client's address that this proxy tells: an address, a network (10.0.0.0/8), or unix; repeatable.",
    ),
    Setting("key", AccessConfig, "key", KeyText("key"), "Verifies tokens: a secret, a PEM key, ALG:KEY, or @FILE."),
    Setting("publisher-key", AccessConfig, "publisher_key", KeyText("key"), "Verifies tokens of publishers."),
    Setting("subscriber-key", AccessConfig, "subscriber_key", KeyText("key"), "Verifies tokens of subscribers."),
    Setting(
        "jwks", AccessConfig, "jwks", KeyText("address"), "Keys that verify tokens: a JWK set, https:// or file://."
    ),
    Setting("publisher-jwks", AccessConfig, "publisher_jwks", KeyText("address"), "The same for publishers only."),
    Setting("subscriber-jwks", AccessConfig, "subscriber_jwks", KeyText("address"), "The same for subscribers only."),
    Setting("anonymous", AccessConfig, "anonymous", _FLAG, "Let clients without a token see what is public."),
    Setting(
        "subscriptions", AccessConfig, "subscriptions", _FLAG, "Tell who subscribes to what, to those who may know."
    ),
    Setting(
        "cors-origin", AccessConfig, "cors_origins", Text("origin"), "Let pages of this origin subscribe; repeatable."
    ),
    Setting(
        "publish-origin",
        AccessConfig,
        "publish_origins",
        Text("origin"),
        "Let pages of this origin publish with a cookie; repeatable.",
    ),
    Setting(
        "allowed-host",
        AccessConfig,
        "allowed_hosts",
        Text("name"),
        "Host name that browsers may ask for without a key; repeatable.",
    ),
    Setting("cookie-name", AccessConfig, "cookie_name", Text("name"), "Of the cookie that carries a token."),
    Setting(
        "log", Settings, "log", Text("address"), "Where the history is kept: sqlite:FILE, or memory: (lost at exit)."
    ),
    Setting(
        "durability",
        Settings,
        "durability",
        click.Choice(DURABILITIES),
        "full: an acknowledged update survives a power cut; relaxed: it survives a crash of the hub.",
    ),
    Setting("retain-events", Retention, "events", COUNT, "Keep at most so many updates."),
    Setting("retain-age", Retention, "age", DURATION, "Keep updates for so long."),
    Setting("retain-bytes", Retention, "size", SIZE, "Keep at most so much."),
    Setting("heartbeat", Timeouts, "heartbeat", DURATION, "Send a comment on a stream after so much silence."),
    Setting("max-connections", Limits, "connections", COUNT, "Open connections; 0: as many as open files allow."),
    Setting(
        "max-connections-per-address",
        Limits,
        "connections_per_address",
        COUNT,
        "Open connections of one client address; 0: half of all, but on this machine any number.",
    ),
    Setting("max-body", Limits, "body", SIZE, "Size of a request body."),
    Setting("max-bodies", Limits, "bodies", SIZE, "Size of all request bodies that are being received."),
    Setting("max-answers", Limits, "answers", SIZE, "Size of all large answers that clients have not read yet."),
    Setting("max-head", Limits, "head", SIZE, "Size of a request line and headers."),
    Setting("max-topics", Limits, "topics", COUNT, "Topics that one subscription may name."),
    Setting("max-selector-bytes", Limits, "selector_bytes", SIZE, "Size of all topic parameters of one subscription."),
    Setting(
        "max-selector-cost", Limits, "selector_cost", COUNT, "What matching the templates of one subscription may cost."
    ),
    Setting(
        "max-streams-per-address", Limits, "streams_per_address", COUNT, "Streams of one client address; 0: any number."
    ),
    Setting(
        "max-streams-per-subject",
        Limits,
        "streams_per_subject",
        COUNT,
        "Streams of one token's subject; 0: any number.",
    ),
    Setting(
        "max-selectors-per-address",
        Limits,
        "selectors_per_address",
        COUNT,
        "Selectors of all streams of one client address, with their cost; 0: any number. This machine has no limit.",
    ),
    Setting(
        "connect-rate",
        Limits,
        "connect_rate",
        RATE,
        "Streams that one client address may open: N/s burst M; 0: no limit. Not of clients on this machine.",
    ),
    Setting(
        "connect-rate-per-subject",
        Limits,
        "connect_rate_per_subject",
        RATE,
        "Streams that one token's subject may open; 0: no limit.",
    ),
    Setting(
        "told-rate",
        Limits,
        "told_rate",
        RATE,
        "Updates about the subscriptions of one client address; 0: no limit. Not of clients on this machine.",
    ),
    Setting(
        "told-rate-per-subject",
        Limits,
        "told_rate_per_subject",
        RATE,
        "Updates about the subscriptions of one token's subject; 0: no limit.",
    ),
    Setting("publish-rate", Limits, "publish_rate", RATE, "Updates that one client address may publish; 0: no limit."),
    Setting(
        "publish-rate-per-subject",
        Limits,
        "publish_rate_per_subject",
        RATE,
        "Updates that one token's subject may publish; 0: no limit.",
    ),
    Setting("max-lag", Limits, "lag", SIZE, "Events held for a slow subscriber; past it the log feeds it."),
    Setting("max-replays", Limits, "replays", COUNT, "Subscribers fed from the log at the same time."),
    Setting("head-timeout", Timeouts, "head", DURATION, "Wait for a complete request head."),
    Setting("body-timeout", Timeouts, "body", DURATION, "Wait for a complete request body."),
    Setting("keep-alive", Timeouts, "keep_alive", DURATION, "Wait for the next request on a connection."),
    Setting("send-timeout", Timeouts, "send", DURATION, "Wait for a subscriber to take what it was sent."),
    Setting("send-buffer", ServerConfig, "send_buffer", SIZE, "What the kernel may hold for one connection."),
    Setting(
        "shutdown-delay",
        Timeouts,
        "shutdown_delay",
        DURATION,
        "Go on for so long after the signal to stop, while /readyz answers 503.",
    ),
    Setting("drain", Timeouts, "drain", DURATION, "Wait for streams and requests to end at a shutdown."),
    Setting("sink", ServerConfig, "sink", SINKS, "How events reach sockets; auto: epoll where there is one."),
    Setting("workers", ServerConfig, "workers", COUNT, "Processes that serve together, over a log in a file."),
    Setting("metrics", ServerConfig, "metrics", READERS, "Who may read /metrics; local: clients on this machine."),
    Setting("log-level", Settings, "log_level", click.Choice(LOG_LEVELS), "What is told on standard error."),
    Setting("log-format", Settings, "log_format", LOG_FORMATS, "How it is told; json: one object a line."),
)


def build_settings(values: Mapping[str, Any]) -> Settings:
    """Put converted option values, by parameter name, into their groups.

    Raises InvalidValue that names the parameter, for a value that its group refuses.
    """
    server = _build(
        ServerConfig,
        values,
        listen=_build(Listen, values),
        access=_build(AccessConfig, values),
        limits=_build(Limits, values),
        timeouts=_build(Timeouts, values),
        sink=SinkKind(values["sink"]),
        metrics=MetricsAccess(values["metrics"]),
    )
    settings: Settings = _build(
        Settings,
        values,
        retention=_build(Retention, values),
        server=server,
        log_format=LogFormat(values["log_format"]),
    )
    return settings


def _build(group: type[Any], values: Mapping[str, Any], **more: object) -> Any:  # noqa: ANN401 - an instance of `group`
    members = [setting for setting in SETTINGS if setting.group is group]
    chosen = {setting.field: values[setting.parameter] for setting in members}
    try:
        return group(**(chosen | more))
    except InvalidValue as error:
        named = {setting.field: setting.parameter for setting in members}
        field = error.field.rpartition(" ")[2]  # "retention age"
        raise InvalidValue(named.get(field, error.field), error.problem) from None


def _default_of(group: type[Any], name: str) -> Any:  # noqa: ANN401 - the default of any field
    default = next(field.default for field in fields(group) if field.name == name)
    assert default is not MISSING, f"{group.__name__}.{name} has no default"
    return default


def _as_text(default: object) -> object:
    return default.value if isinstance(default, Enum) else default
