"""Where the commands that talk to a hub find a token."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from longwave.cli.app import app
from longwave.cli.token_option import token_option


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


@pytest.mark.parametrize("name", ["publish", "listen"])
def test_help_does_not_show_the_token_of_the_environment(name):
    shown = CliRunner().invoke(app, [name, "--help"], env={"LONGWAVE_TOKEN": "s3cret"}).output

    assert "LONGWAVE_TOKEN" in shown
    assert "s3cret" not in shown
