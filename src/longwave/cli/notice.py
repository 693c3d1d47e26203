"""What the command line says on standard error: one line each, with the program's name.

Not here: what goes wrong and why (errors.py).
"""

from __future__ import annotations

import re

import click

_SYSTEM_CODE = re.compile(r"\[Errno -?[0-9]+\] ")  # says nothing that the words after it do not


def notify(text: str) -> None:
    """Write `text` as one line on standard error, without the system's numbers of errors."""
    click.echo(f"longwave: {_SYSTEM_CODE.sub('', ' '.join(text.split()))}", err=True)
