"""`longwave serve`: run a hub.

Not here: its settings (settings.py, configuration.py), the server (server/server.py).
Rules that always hold: nothing of the server is imported before the command runs; the announcement is printed
once connections are accepted; a standard output that nobody reads does not stop a hub.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.configuration import (
    config_option,
    known_variables,
    mercure_variables,
    name_parameter,
    unknown_variables,
)
from longwave.cli.quantity import format_duration, format_size
from longwave.cli.settings import SETTINGS, Settings, build_settings
from longwave.errors import InvalidConfiguration, InvalidValue

if TYPE_CHECKING:
    from longwave.logs.base import Log

logger = logging.getLogger("longwave.cli")

# With any key one of these at most holds, as the key is for publishers or subscribers.
NO_PUBLISHERS = "Nobody may publish: give --publisher-key, --publisher-jwks, --key or --jwks"
NO_SUBSCRIBERS = "Nobody may subscribe: give --subscriber-key, --subscriber-jwks, --key, --jwks or --anonymous"

HELP = """Run a hub.

It takes updates at /events and streams them to whoever listens there. Stop it with Ctrl-C or SIGTERM:
it lets requests finish and tells streams when to come back.

Each option is also an environment variable (--retain-age is LONGWAVE_RETAIN_AGE) and a key of the
file that --config names. The command line wins over the environment, and both win over the file.
Durations: 500ms, 15s, 1h30m, 7d. Sizes: 64KiB, 10MB, 1GiB.

\b
Examples:
  longwave serve
  longwave serve --port 9000 --log sqlite:/var/lib/longwave/hub.db --retain-age 30d
  longwave serve --workers 4                     # use four processors
  longwave serve --uds /run/longwave.sock        # behind nginx or Caddy
  longwave serve --host 0.0.0.0 --key @hub.key   # for whoever has a token: see longwave token
  LONGWAVE_PORT=9000 longwave serve --config longwave.toml
"""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is said once a hub accepts connections.

    address: of the hub's page, or `unix:PATH`. log: where history is, and what is kept. attempt: a command to try, ""
    for none. closed: what nobody may do, and what would open it; "" for nothing.
    """

    address: str
    log: str
    attempt: str
    closed: str = ""

    def __str__(self) -> str:
        lines = [f"Longwave is listening on {self.address}", f"Log: {self.log}"]
        lines += [self.closed] if self.closed else []
        lines += [f"Try: {self.attempt}"] if self.attempt else []
        return "".join(f"{line}\n" for line in lines)


def command() -> click.Command:
    """Return the command, with one option for each setting."""
    params: list[click.Parameter] = [setting.option() for setting in SETTINGS]
    return click.Command("serve", params=[*params, config_option()], callback=serve, help=HELP)


@click.pass_context
def serve(ctx: click.Context, /, **values: Any) -> None:  # noqa: ANN401 - converted values of all settings
    """Run a hub until it is told to stop."""
    from longwave.logs.address import open_address
    from longwave.server.access import Access
    from longwave.server.messages.log_format import configure_logging

    try:
        settings = build_settings(values)
        Access(settings.server.access)  # so that a key that is none is told before anything begins
        log = open_address(settings.log, retention=settings.retention, durability=settings.durability)
    except InvalidValue as error:
        name = "log" if error.field == "log address" else error.field
        raise InvalidConfiguration(name_parameter(ctx, name), error.problem) from None
    configure_logging(settings.log_level, settings.log_format)
    warn_of_unknown_variables(ctx)
    try:
        if settings.server.workers == 1:
            run_hub(log, settings)
        else:
            run_workers(settings)
    except OSError as error:
        raise click.ClickException(error.strerror or str(error)) from error


def warn_of_unknown_variables(ctx: click.Context) -> None:
    """Log the environment's variables that nobody reads and somebody may rely on: mistyped ones, and Mercure's."""
    unknown = unknown_variables(os.environ, known_variables(ctx.find_root().command))
    if unknown:
        logger.warning("nothing reads these variables of the environment, as no option is called so: %s", unknown)
    if mercures := mercure_variables(os.environ):
        logger.warning(
            "nothing reads these variables of Mercure's hub; in brackets is what to give instead: %s", mercures
        )


def run_hub(log: Log, settings: Settings) -> None:
    """Run a hub over `log` until it is told to stop. Raises LogUnavailable; OSError if it cannot listen."""
    from longwave.hub import Hub
    from longwave.server.event_loop import run
    from longwave.server.server import serve as serve_hub

    async def main() -> None:
        hub = Hub(log, settings.server.delivery())
        await serve_hub(hub, settings.server, announce=lambda url: say(describe(url, settings)))

    run(main())


def run_workers(settings: Settings) -> None:
    """Run a hub of several processes until it is told to stop. Raises OSError if it cannot listen or start them."""
    from longwave.server.metrics.metrics_access import MetricsAccess
    from longwave.server.workers.assignment import Assignment
    from longwave.server.workers.supervisor import supervise

    with contextlib.ExitStack() as held:
        folder = ""
        if settings.server.metrics is not MetricsAccess.OFF:
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix="longwave-", ignore_cleanup_errors=True))
        assignment = Assignment(
            config=settings.server,
            log=settings.log,
            durability=settings.durability,
            retention=settings.retention,
            log_level=settings.log_level,
            log_format=settings.log_format,
            folder=folder,
        )
        asyncio.run(supervise(assignment, announce=lambda url: say(describe(url, settings))))


def describe(url: str, settings: Settings) -> Announcement:
    """Return what to announce for a hub that listens at `url`."""
    path = url.removeprefix("unix:")
    socket = f"--unix-socket {shlex.quote(path)} " if path != url else ""
    base = "http://localhost" if socket else url.rstrip("/")
    address = url if socket else f"{base}/"
    access = settings.server.access
    token = '-H "Authorization: Bearer $TOKEN" ' if access.has_keys else ""  # of `longwave token`
    attempt = f"curl {socket}{token}-d topic=hello -d data='Hello, world' {base}/events"
    return Announcement(
        address,
        _describe_log(settings),
        attempt if access.may_publish else "",
        ("" if access.may_subscribe else NO_SUBSCRIBERS) if access.may_publish else NO_PUBLISHERS,
    )


def say(announcement: Announcement) -> None:
    """Print it at once: pretty on a terminal, plain lines elsewhere. Does not mind if nobody reads."""
    try:
        if sys.stdout.isatty():
            _print_pretty(announcement)
        else:
            sys.stdout.write(str(announcement))
            sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the hub runs


def _print_pretty(announcement: Announcement) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = (
        ("Longwave", "bold magenta", announcement.address, "bold cyan underline"),
        ("log", "dim", announcement.log, ""),
        ("closed", "dim", announcement.closed, "yellow"),
        ("try", "dim", announcement.attempt, "green"),
        ("stop", "dim", "Ctrl-C", ""),
    )
    table = Table.grid(padding=(0, 2))
    for name, name_style, value, style in filter(itemgetter(2), rows):
        table.add_row(Text.assemble((name, name_style)), Text.assemble((value, style), overflow="fold"))
    Console().print(table)


def _describe_log(settings: Settings) -> str:
    kept = settings.retention
    bounds = f"{kept.events:,} updates, {format_duration(kept.age)}, {format_size(kept.size)}"
    return f"{settings.log} (keeps at most {bounds})"
