"""Where the commands that talk to a hub find a token."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from longwave.cli.app import app
from longwave.cli.token_option import token_option
from longwave.errors import RequestFailed


@click.command
@token_option
def tell(token):
    click.echo(f"{token}")


@pytest.mark.parametrize(
    ("arguments", "environment", "token"),
    [
        ([], {}, "None"),
        ([], {"LONGWAVE_TOKEN": "from-there"}, "from-there"),
        (["--token", "from-here"], {"LONGWAVE_TOKEN": "from-there"}, "from-here"),
        ([], {"LONGWAVE_TOKEN": ""}, "None"),
    ],
)
def test_command_line_wins_over_the_environment(arguments, environment, token):
    assert CliRunner().invoke(tell, arguments, env=environment).output == f"{token}\n"


@click.command
@click.argument("status", type=int)
@token_option
def fail(status, token):
    raise RequestFailed("refused", status)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["401"], "refused; no token was sent: give one as --token or LONGWAVE_TOKEN"),
        (["401", "--token", "s3cret"], "refused"),
        (["403"], "refused"),
    ],
)
def test_who_sent_no_token_where_one_is_wanted_is_told_how(arguments, said):
    error = CliRunner().invoke(fail, arguments, env={"LONGWAVE_TOKEN": None}).exception

    assert isinstance(error, RequestFailed)
    assert (str(error), error.status) == (said, int(arguments[0]))


@pytest.mark.parametrize("name", ["publish", "listen", "revoke"])
def test_help_does_not_show_the_token_of_the_environment(name):
    shown = CliRunner().invoke(app, [name, "--help"], env={"LONGWAVE_TOKEN": "s3cret"}).output

    assert "LONGWAVE_TOKEN" in shown
    assert "s3cret" not in shown
