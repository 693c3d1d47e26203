"""The command `longwave`: its commands, and how anything that goes wrong becomes one line and an exit status.

Not here: what the commands do (serve.py, publish.py, listen.py, demo.py).
Rules that always hold: an error is one line on standard error and a status that is not 0 (2: the command line,
environment or file is wrong; 1: anything else); Ctrl-C (130) and a closed pipe (141) are quiet, with the
statuses that a shell gives for SIGINT and SIGPIPE.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from longwave.cli import bench, demo, doctor, listen, publish, revoke, serve, token
from longwave.cli.configuration import name_source
from longwave.cli.notice import notify
from longwave.errors import InvalidValue, LongwaveError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
BROKEN_PIPE = 141
MISUSED = 2
FAILED = 1

WIDTH = 110  # columns of help, on a terminal that has them

HELP = """Live updates over Server-Sent Events: run a hub, publish to it, listen to it.

\b
Try it, in three terminals:
  longwave serve
  longwave listen http://127.0.0.1:8080 --topic hello
  longwave publish http://127.0.0.1:8080 --topic hello 'Hello, world'
"""


class Commands(click.Group):
    """Runs a command such that Ctrl-C and a closed pipe end it quietly."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever a command returns
        """Run the command that `ctx` asks for."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Or else Python complains when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)
        return result


def _tell_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        click.echo(f"longwave {version('longwave')}")
    except PackageNotFoundError:
        click.echo("longwave, from source that is not installed")
    ctx.exit()


@click.group(cls=Commands, help=HELP, invoke_without_command=True, context_settings={"max_content_width": WIDTH})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Show the version."
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Show the help where no command is given."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


app.add_command(serve.command())
app.add_command(publish.command)
app.add_command(listen.command)
app.add_command(demo.group)
app.add_command(bench.command)
app.add_command(doctor.command)
app.add_command(token.command)
app.add_command(revoke.command)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; `arguments` are those of the process by default."""
    sys.exit(execute(arguments))


def execute(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        return app.main(arguments, prog_name="longwave", standalone_mode=False) or 0
    except click.ClickException as error:
        notify(describe(error))
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except LongwaveError as error:
        notify(str(error))
        return MISUSED if isinstance(error, InvalidValue) else FAILED


def describe(error: click.ClickException) -> str:
    """Return what is wrong, naming what the user wrote: an option, a variable or a key of a file."""
    place = _find_place(error) if type(error) is click.BadParameter else None
    return (f"{place}: {error.message}" if place else error.format_message()).rstrip(".")


def _find_place(error: click.BadParameter) -> str | None:
    if isinstance(error.param_hint, str):
        return error.param_hint
    return name_source(error.ctx, error.param) if error.ctx is not None and error.param is not None else None
