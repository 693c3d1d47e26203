"""What the command line says on standard error: one line each, with the program's name.

Not here: what goes wrong and why (errors.py).
"""

from __future__ import annotations

import click


def notify(text: str) -> None:
    """Write `text` as one line on standard error."""
    click.echo(f"longwave: {' '.join(text.split())}", err=True)
