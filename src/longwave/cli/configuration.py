"""The configuration file and the environment, beside the command line.

Not here: which settings there are (settings.py).
Rules that always hold: command line before environment before file before default; an unknown key or a bad
value in the file is an error that names file and key; any error names where its value came from.
Standard: TOML 1.0, https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

PREFIX = "LONGWAVE_"
MAX_FILE = 2**20  # bytes
MERCURE_VARIABLES = {  # which Mercure's hub reads -> what says the same here
    "MERCURE_PUBLISHER_JWT_KEY": "--publisher-key",
    "MERCURE_SUBSCRIBER_JWT_KEY": "--subscriber-key",
    "MERCURE_PUBLISHER_JWT_ALG": "--publisher-key ALG:KEY",
    "MERCURE_SUBSCRIBER_JWT_ALG": "--subscriber-key ALG:KEY",
    "MERCURE_TRANSPORT_URL": "--log",
    "MERCURE_EXTRA_DIRECTIVES": "options for each",
}
MOST_SHOWN = 5  # names in a message
LONGEST_SHOWN = 60  # characters of each

_FILE_KEYS = "longwave.cli.file_keys"  # in Context.meta: parameter name -> how the file spells it, with the file


class ConfiguredOption(click.Option):
    """An option that is also an environment variable and a key of the configuration file.

    heeds_empty: whether a variable without content is a value, and not as good as none.
    """

    def __init__(self, declarations: list[str], *, heeds_empty: bool = False, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        name = declarations[0].removeprefix("--").replace("-", "_")
        self._heeds_empty = heeds_empty
        attributes.setdefault("show_default", attributes.get("default") is not None)
        super().__init__(declarations, envvar=PREFIX + name.upper(), **attributes)

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the variable's value, None for none."""
        value = super().resolve_envvar_value(ctx)
        empty = value is None and self._heeds_empty and os.environ.get(str(self.envvar)) == ""
        return "" if empty else value

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Name the place that the value came from."""
        return name_source(ctx, self) if ctx is not None else self.opts[0]


def known_variables(command: click.Command) -> set[str]:
    """Return the environment variables that the command, or any in its group, reads."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    own = {param.envvar for param in command.params if isinstance(param.envvar, str)}
    return own.union(*map(known_variables, inner))


def unknown_variables(environment: Iterable[str], known: Container[str]) -> str:
    """Return the names in the environment that should be variables of ours and are not, as a message has them.

    "" for none. No more than `MOST_SHOWN` are shown, each shortened, as other programs may set any number of them.
    """
    found = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    shown = ", ".join(ascii(name[:LONGEST_SHOWN])[1:-1] for name in found[:MOST_SHOWN])
    more = len(found) - MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def mercure_variables(environment: Container[str]) -> str:
    """Return the variables of Mercure's hub in the environment, each with what says the same here; "" for none."""
    return ", ".join(f"{name} ({option})" for name, option in MERCURE_VARIABLES.items() if name in environment)


def config_option() -> ConfiguredOption:
    """Return the option `--config`, which fills in what command line and environment leave open."""
    return ConfiguredOption(
        ["--config"],
        metavar="FILE",
        is_eager=True,  # before the options whose values it may give
        expose_value=False,
        callback=_use_file,
        help="TOML file of settings, with the options' names as keys: retain-age = '30d'.",
    )


def name_source(ctx: click.Context, param: click.Parameter) -> str:
    """Return what the user wrote to set `param`: an option, an environment variable or a key of a file."""
    source = ctx.get_parameter_source(param.name or "")
    if source is ParameterSource.DEFAULT_MAP:
        return str(ctx.meta.get(_FILE_KEYS, {}).get(param.name, param.opts[0]))
    if source is ParameterSource.ENVIRONMENT and isinstance(param.envvar, str):
        return param.envvar
    return param.opts[0] if isinstance(param, click.Option) else param.human_readable_name


def name_parameter(ctx: click.Context, name: str) -> str:
    """Like `name_source`, for the parameter called `name`; the name itself if there is none."""
    found = (param for param in ctx.command.params if param.name == name)
    return next((name_source(ctx, param) for param in found), name)


def read_file(path: str) -> dict[str, Any]:
    """Return the keys and values of a TOML file. Raises InvalidConfiguration, which names the file."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_FILE + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "expected UTF-8"
        raise InvalidConfiguration(path, f"cannot be read: {reason}") from None
    if len(text) > MAX_FILE:
        raise InvalidConfiguration(path, f"expected at most {MAX_FILE} bytes, got more")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(path, f"expected TOML, got: {error}") from None


def match_keys(path: str, table: Mapping[str, Any], params: Mapping[str, click.Parameter]) -> dict[str, str]:
    """Return how the file spells each parameter that it sets.

    Raises InvalidConfiguration for a key that is none of `params`, stands twice, or has a value of another kind.
    """
    spelled: dict[str, str] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in params:
            raise InvalidConfiguration(f"{path}: {key}", "expected the name of an option of serve, got an unknown key")
        if name in spelled:
            raise InvalidConfiguration(f"{path}: {key}", f"expected each key once, got {spelled[name]} too")
        _check_kind(f"{path}: {key}", params[name], value)
        spelled[name] = key
    return spelled


def _use_file(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    if path is None:
        return
    params = {other.name: other for other in ctx.command.params if other.name and other is not param}
    params.pop("help", None)
    table = read_file(path)
    spelled = match_keys(path, table, params)
    ctx.default_map = {name: table[key] for name, key in spelled.items()}
    ctx.meta[_FILE_KEYS] = {name: f"{path}: {key}" for name, key in spelled.items()}


def _check_kind(where: str, param: click.Parameter, value: object) -> None:
    """Refuse what click would turn into something else, such as `host = 5` or `port = true`."""
    expected, kinds = _kinds(param)
    if isinstance(param, click.Option) and param.multiple:
        if type(value) is not list or any(type(item) not in kinds for item in value):
            raise InvalidConfiguration(where, f"expected a list, each {expected}, got {_describe(value)}")
        return
    if type(value) not in kinds:
        raise InvalidConfiguration(where, f"expected {expected}, got {_describe(value)}")


def _kinds(param: click.Parameter) -> tuple[str, tuple[type, ...]]:
    if isinstance(param, click.Option) and param.is_flag:
        return "true or false", (bool,)
    if isinstance(param.type, click.Choice | click.types.StringParamType):
        return "a string", (str,)
    return f"a {param.type.name} as a string or number", (str, int, float)


def _describe(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
