"""The reference is complete and right: options, names of the library, statuses."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from http import HTTPStatus
from importlib import import_module

import click
import pytest

import longwave
from docs.pages import page
from longwave.cli.app import app
from longwave.cli.configuration import match_keys
from longwave.cli.settings import SETTINGS
from meta.source_tree import source_modules

OPTIONS = page("docs/reference/options.md")
LIBRARY = page("docs/reference/library.md")
HTTP = page("docs/reference/http.md")

ROW = re.compile(r"^\| `(--[a-z-]+)` \| (.*) \|$", re.MULTILINE)
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
    table = {key: "text" if value is None else value for key, value in values.items()}
    assert set(match_keys("longwave.toml", table, params).values()) == keys.keys()


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
        (HTTP, "sent ahead on one connection | 32", "longwave.server.request_reader.MAX_PIPELINED"),
        (HTTP, "wait for the disk | 10,000 requests", "longwave.logs.sqlite.MAX_WAITING_APPENDS"),
        (HTTP, "64 MiB; then `503`", "longwave.logs.sqlite.MAX_WAITING_SIZE"),
        (HTTP, "More than 128 connections above", "longwave.server.connection_limits.TURNED_AWAY"),
        (HTTP, "at most 9007199254740991", "longwave.eventstream.event.MAX_RETRY"),
        (OPTIONS, "the process may, less 512", "longwave.server.connection_limits.RESERVED_FILES"),
        (OPTIONS, "takes less than 16 KiB", "longwave.core.subscriber.PROGRESS"),
        (LIBRARY, "256 events wait in memory", "longwave.subscription.CAPACITY"),
    ],
)
def test_a_limit_on_the_page_is_the_one_in_the_source(text, words, limit):
    module, _, name = limit.rpartition(".")
    assert words in " ".join(text.text.split())
    figure = re.search(r"(\d[\d,]*)( [KM]iB)?(?!.*\d)", words.replace("`503`", ""))
    unit = {" KiB": 2**10, " MiB": 2**20}.get(figure[2], 1)
    assert getattr(import_module(module), name) == int(figure[1].replace(",", "")) * unit
