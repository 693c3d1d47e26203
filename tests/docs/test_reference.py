"""The reference is complete and right: options, names of the library, statuses."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from enum import Enum
from http import HTTPStatus
from importlib import import_module

import click
import pytest

import longwave
from docs.pages import page
from longwave import client
from longwave.cli.app import app
from longwave.cli.configuration import match_keys
from longwave.cli.settings import SETTINGS
from longwave.client import telemetry
from longwave.client.response import EVENT_STREAM
from longwave.client.source_options import SourceOptions, SourceSettings
from meta.source_tree import source_modules

OPTIONS = page("docs/reference/options.md")
LIBRARY = page("docs/reference/library.md")
HTTP = page("docs/reference/http.md")
CLIENT = page("docs/reference/client.md")

ROW = re.compile(r"^\| `(--[a-z-]+)` \| (.*) \|$", re.MULTILINE)
CLIENT_ROW = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)
RESPONSE_ROW = re.compile(r"^\| (.+) \| `([A-Z]+)` \| `([A-Z]+)` \|$", re.MULTILINE)
STATUS_ROW = re.compile(r"^\| `(\d{3})` \|", re.MULTILINE)
STATUS_USED = re.compile(r"HTTPStatus\.([A-Z_]+)")


def commands(group=app, path=()):
    """Every command that is no group, by what the user types after `longwave`."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def rows(heading):
    """The options' rows below a heading: option -> its other cells."""
    return {option: cells.split(" | ") for option, cells in ROW.findall(OPTIONS.section(heading))}


def options(command):
    return {param.opts[0]: param for param in command.params if isinstance(param, click.Option) and param.opts}


def shown_default(option):
    """What the page says of an option's default, read from the option itself."""
    if option.required:
        return "required"
    if option.is_flag:
        return "off"
    default = option.default
    return f"`{default}`" if isinstance(default, str | int | float) and default != "" else "none"


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_has_a_row_and_each_row_an_option(name):
    assert rows(name).keys() == options(COMMANDS[name]).keys() - {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_row_gives_the_default_of_its_option(name):
    place = 1 if name == "serve" else 0
    given = {option: cells[place] for option, cells in rows(name).items()}
    assert given == {option: shown_default(options(COMMANDS[name])[option]) for option in given}


def test_each_row_of_serve_gives_the_variable_that_sets_it():
    for option, (variable, *_) in rows("serve").items():
        assert variable == f"`{options(COMMANDS['serve'])[option].envvar}`"


def test_the_key_of_each_option_is_the_option_without_its_dashes():
    params = {param.name: param for param in COMMANDS["serve"].params if param.name != "config"}
    keys = {option.removeprefix("--"): option for option in rows("serve") if option != "--config"}
    values = {key: options(COMMANDS["serve"])[option].default for key, option in keys.items()}
    table = {key: as_in_toml(value) for key, value in values.items()}
    assert set(match_keys("longwave.toml", table, params).values()) == keys.keys()


def as_in_toml(value):
    """A default as a file would hold it."""
    if value is None:
        return "text"
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_each_default_on_the_page_is_that_of_the_groups_field(setting):
    """Read back from the page's text, so that the option's own formatting is not believed."""
    text = rows("serve")[f"--{setting.name}"][1].strip("`")
    default = next(field.default for field in fields(setting.group) if field.name == setting.field)
    if text in ("none", "off"):
        assert not default
    else:
        assert setting.type.convert(text, None, None) == getattr(default, "value", default)


@pytest.mark.parametrize("name", longwave.__all__)
def test_each_public_name_is_documented(name):
    value = getattr(longwave, name)
    if isinstance(value, type) and issubclass(value, Exception):
        base = value.__bases__[0].__name__
        assert f"| `{name}` | `{base}`" in LIBRARY.section("Errors")
    else:
        assert LIBRARY.section(name).strip()


@pytest.mark.parametrize("name", [name for name in longwave.__all__ if not name[0].islower()])
def test_each_public_method_and_parameter_is_named_in_its_section(name):
    value = getattr(longwave, name)
    if not isinstance(value, type) or issubclass(value, Exception):
        return
    section = LIBRARY.section(name)
    assert [word for word in words_of(value) if not re.search(rf"\b{word}\b", section)] == []


def words_of(kind):
    """Names of the public methods of a class, of their parameters, and of those of its constructor."""
    if is_dataclass(kind):
        return {field.name for field in fields(kind)}
    methods = {name: method for name, method in vars(kind).items() if not name.startswith("_")}
    methods.pop("attach", None)  # for transports
    methods.pop("all_subscribers", None)  # for transports
    own = {name for name in methods if not is_sink_method(kind, name)}
    constructed = () if kind is longwave.Subscription else inspect.signature(kind).parameters
    parameters = {name for method in own for name in parameters_of(methods[method])}
    return own | parameters | set(constructed)


def is_sink_method(kind, name):
    """A subscription is its own sink; nobody but the hub calls these."""
    return kind is longwave.Subscription and name in ("send", "release")


def parameters_of(method):
    return set(inspect.signature(method).parameters) - {"self"} if inspect.isfunction(method) else set()


@pytest.mark.parametrize("name", ["Hub", "Parser", "Event", "DeliveryLimits", "Retention"])
def test_a_constructors_defaults_are_those_on_the_page(name):
    signature = inspect.signature(getattr(longwave, name))
    shown = [f"{parameter.name}={parameter.default!r}".replace("'", '"') for parameter in signature.parameters.values()]
    call = next(line for line in LIBRARY.section(name).splitlines() if line.startswith(f"`{name}("))
    assert [default for default in shown if default not in call] == []


def test_each_status_that_the_server_gives_has_a_row_and_each_row_a_cause():
    modules = [module for module in source_modules() if module.room in ("server", "transports")]
    used = {name for module in modules for name in STATUS_USED.findall(module.text)}
    given = {str(HTTPStatus[name].value) for name in used}
    assert set(STATUS_ROW.findall(HTTP.section("Statuses"))) == given


@pytest.mark.parametrize(
    ("text", "words", "limit"),
    [
        (HTTP, "hold 1 to 10,000 updates", "longwave.server.publish_api.MAX_BATCH"),
        (HTTP, "parameters of a query or form | 10,000", "longwave.transports.exchange.MAX_PARAMETERS"),
        (HTTP, "At least 1, at most 1,000", "longwave.core.update.MAX_TOPICS"),
        (HTTP, "each of 1 to 4,096 characters", "longwave.core.topic.MAX_LENGTH"),
        (HTTP, "selector has 1 to 4,096", "longwave.core.topic.MAX_LENGTH"),
        (HTTP, "sent ahead on one connection | 32", "longwave.server.wire.request_reader.MAX_PIPELINED"),
        (HTTP, "wait for the disk | 10,000 requests", "longwave.logs.sqlite.MAX_WAITING_APPENDS"),
        (HTTP, "64 MiB; then `503`", "longwave.logs.sqlite.MAX_WAITING_SIZE"),
        (HTTP, "More than 128 connections above", "longwave.server.limits.connection_limits.TURNED_AWAY"),
        (HTTP, "at most 9007199254740991", "longwave.eventstream.event.MAX_RETRY"),
        (OPTIONS, "the process may, less 512", "longwave.server.limits.connection_limits.RESERVED_FILES"),
        (OPTIONS, "takes less than 16 KiB", "longwave.core.subscriber.PROGRESS"),
        (LIBRARY, "256 events wait in memory", "longwave.subscription.CAPACITY"),
        (CLIENT, "chunk of at most 1 MiB", "longwave.client.httpx_transport.MAX_CHUNK"),
        (CLIENT, "Redirects are followed, up to 20", "longwave.client.redirection.MAX_REDIRECTS"),
        (CLIENT, "the first 500 bytes", "longwave.client.event_source.MAX_REASON"),
        (CLIENT, "by chance: 3 seconds", "longwave.client.reconnection.DEFAULT_RETRY"),
        (CLIENT, "24, up to 30 seconds", "longwave.client.reconnection.LONGEST"),
        (CLIENT, "longer than 3,600 seconds", "longwave.client.reconnection.LIMIT"),
        (CLIENT, "lasted for 5 seconds", "longwave.client.reconnection.HEALTHY"),
        (CLIENT, "Ids have at most 65,536 bytes", "longwave.client.cursor.MAX_ID"),
        (CLIENT, "at most 1,000 updates (`MAX_BATCH`)", "longwave.client.publication.MAX_BATCH"),
        (CLIENT, "up to 1 MiB together (`MAX_BATCH_SIZE`)", "longwave.client.publication.MAX_BATCH_SIZE"),
        (CLIENT, "at most 10 of them to connect", "longwave.client.source_options.CONNECT_TIMEOUT"),
        (CLIENT, "100 connections at most", "longwave.client.publisher.MAX_CONNECTIONS"),
        (CLIENT, "and kept for 30 seconds", "longwave.client.publisher.KEEP_ALIVE"),
        (CLIENT, "of more than 60 seconds", "longwave.client.attempts.LONGEST_WAIT"),
    ],
)
def test_a_limit_on_the_page_is_the_one_in_the_source(text, words, limit):
    module, _, name = limit.rpartition(".")
    assert words in " ".join(text.text.split())
    figure = re.search(r"(\d[\d,]*)( [KM]iB)?(?!.*\d)", words.replace("`503`", ""))
    unit = {" KiB": 2**10, " MiB": 2**20}.get(figure[2], 1)
    assert getattr(import_module(module), name) == int(figure[1].replace(",", "")) * unit


# The Python client.

# name: the heading below which it stands, with its members
CLIENT_SECTIONS = {
    "Action": "What a response means",
    "Cursor": "Cursors",
    "EventSource": "EventSource",
    "FileCursor": "Cursors",
    "Gap": "Gaps",
    "LoggingObserver": "Observers",
    "Observer": "Observers",
    "Patience": "Waits",
    "Policy": "What a response means",
    "Publisher": "Publisher",
    "ReceivedEvent": "Events",
    "Request": "Transports",
    "Response": "What a response means",
    "ResponseStream": "Transports",
    "SqliteCursor": "Cursors",
    "State": "EventSource",
    "SyncEventSource": "EventSource",
    "SyncPublisher": "Publisher",
    "SyncResponseStream": "Python client",
    "SyncTransport": "Python client",
    "Transport": "Transports",
    "parse": "parse",
    "raise_gap": "Gaps",
    "resilient": "What a response means",
    "standard": "What a response means",
}


def test_each_public_name_of_the_client_has_its_place():
    assert CLIENT_SECTIONS.keys() == set(client.__all__)


@pytest.mark.parametrize(("name", "heading"), CLIENT_SECTIONS.items())
def test_each_name_of_the_client_is_documented_with_its_members_and_parameters(name, heading):
    section = CLIENT.section(heading)
    value = getattr(client, name)
    missing = [word for word in {name} | client_words_of(value) if not re.search(rf"\b{word}\b", section)]
    assert missing == []


def client_words_of(value):
    """Names of the members of an enum, and what else `words_of` knows; the options have a table of their own."""
    if not isinstance(value, type) or value.__name__.startswith("Sync"):
        return set()
    if issubclass(value, Enum):
        return set(value.__members__)
    return words_of(value) - {"self", "args", "kwargs"}


def test_each_option_of_an_event_source_has_a_row_with_its_default():
    table = CLIENT.section("Options").replace(r"\|", "or")
    rows_of_page = {name: cells.split(" | ") for name, cells in CLIENT_ROW.findall(table)}
    names = {"resilient": client.resilient, "Patience": client.Patience}
    defaults = {name: eval(cells[1].strip("`"), names) for name, cells in rows_of_page.items()}
    settings = SourceSettings()

    assert list(rows_of_page) == list(SourceOptions.__annotations__)
    assert defaults == {name: getattr(settings, name) for name in rows_of_page}


@pytest.mark.parametrize("name", ["Publisher", "Patience", "FileCursor", "SqliteCursor"])
def test_a_client_constructors_defaults_are_those_on_the_page(name):
    signature = inspect.signature(getattr(client, name))
    shown = [
        f"{each.name}={each.default!r}" for each in signature.parameters.values() if each.default is not each.empty
    ]
    call = re.search(rf"`{name}\(([^`]*)\)`", " ".join(CLIENT.section(CLIENT_SECTIONS[name]).split()))[1]
    assert [default for default in shown if default.replace("'", '"') not in call] == []


@pytest.mark.parametrize(
    "name",
    [
        "httpx_transport.HttpxTransport",
        "sync.httpx_transport.SyncHttpxTransport",
        "aiohttp_transport.AiohttpTransport",
        "asgi_transport.AsgiTransport",
    ],
)
def test_a_transport_is_where_the_page_says_and_takes_what_it_says(name):
    module, _, kind = f"longwave.client.{name}".rpartition(".")
    parameters = inspect.signature(getattr(import_module(module), kind)).parameters.values()
    shown = [each.name if each.default is each.empty else f"{each.name}={each.default!r}" for each in parameters]
    row = next(line for line in CLIENT.section("Transports").splitlines() if line.startswith(f"| `{kind}("))
    assert f"`{module}`" in row
    assert re.split(r", (?:\*, )?", re.search(r"\((.*?)\)", row)[1]) == shown


@pytest.mark.parametrize(
    ("column", "policy"), [(1, client.resilient), (2, client.standard)], ids=["resilient", "standard"]
)
def test_each_row_of_the_responses_says_what_the_policy_does(column, policy):
    rows_of_page = RESPONSE_ROW.findall(CLIENT.section("What a response means"))
    said = {}
    for row in rows_of_page:
        for status, head in heads_of(row[0]):
            said[status, head.get("content-type")] = row[column]
    others = next(row[column] for row in rows_of_page if row[0] == "any other")

    for status in range(200, 600):
        for head in ({}, {"content-type": EVENT_STREAM}):
            expected = said.get((status, head.get("content-type")), others)
            assert policy(client.Response(status, head)) is client.Action[expected], (status, head)


def heads_of(cell):
    """The responses that a row speaks of: status and headers."""
    if "text/event-stream" in cell:
        return [(200, {"content-type": EVENT_STREAM})]
    statuses = [int(status) for status in re.findall(r"`(\d{3})`", cell)]
    if cell.endswith("and above"):
        statuses += range(statuses[-1], 600)
    return [(status, head) for status in statuses for head in ({}, {"content-type": EVENT_STREAM})]


def test_each_instrument_of_the_telemetry_has_a_row():
    section = CLIENT.section("OpenTelemetry")
    recorded = (telemetry.SPAN, telemetry.EVENTS, telemetry.RECONNECTIONS, telemetry.WAITS, telemetry.ERRORS)
    attributes = (telemetry.KIND, telemetry.REASON, telemetry.LOST, telemetry.FAILED)
    assert [name for name in recorded if f"| `{name}` |" not in section] == []
    assert [name for name in attributes if f"`{name}`" not in section] == []
