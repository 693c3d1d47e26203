"""The option `--token` of the commands that talk to a hub, and what is said where it was needed and not given.

Not here: how a client sends a token (client/request.py).
Rule that always holds: a token is never printed.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.configuration import PREFIX
from longwave.errors import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = f"{PREFIX}TOKEN"
UNAUTHORIZED = 401

_option = click.option(
    "--token",
    metavar="TOKEN",
    envvar=VARIABLE,
    show_envvar=True,
    help="Bearer token. Other users of the machine can see it here, but not in the environment.",
)


def token_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the option; where a hub wants a token and none was sent, its error says how to send one."""

    @wraps(command)
    def carry_out(*, token: str | None, **others: Any) -> None:  # noqa: ANN401 - the command's other options
        try:
            command(token=token, **others)
        except RequestFailed as error:
            if error.status != UNAUTHORIZED or token is not None:
                raise
            hint = f"no token was sent: give one as --token or {VARIABLE}"
            raise RequestFailed(f"{error.reason}; {hint}", error.status) from error

    return _option(carry_out)
