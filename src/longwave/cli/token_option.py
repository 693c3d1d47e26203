"""The option `--token` of the commands that talk to a hub.

Not here: how a client sends a token (client/request.py).
Rule that always holds: a token is never printed.
"""

from __future__ import annotations

import click

from longwave.cli.configuration import PREFIX

token_option = click.option(
    "--token",
    metavar="TOKEN",
    envvar=f"{PREFIX}TOKEN",
    show_envvar=True,
    help="Bearer token. Other users of the machine can see it here, but not in the environment.",
)
