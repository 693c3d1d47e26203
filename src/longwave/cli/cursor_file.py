"""The file of `longwave listen --cursor`: a FileCursor whose errors are for users of the command line.

Not here: how the id is kept (client/cursor.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from longwave.client.cursor import FileCursor
from longwave.errors import InvalidValue

OPTION = "--cursor"


class CursorFile(FileCursor):
    """Keeps the id in the file at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._name = path

    def load(self) -> str:
        """Return the id in the file. Raises InvalidValue, also where the file could not be written later."""
        folder = Path(self._name).parent
        if not os.access(folder, os.W_OK):
            raise InvalidValue(OPTION, f"expected a folder that can be written, got {str(folder)!r}")
        try:
            return super().load()
        except OSError as error:
            raise InvalidValue(OPTION, f"{self._name} cannot be read: {error.strerror}") from error

    def save(self, event_id: str) -> None:
        """Put the id into the file. Raises ClickException."""
        try:
            super().save(event_id)
        except OSError as error:
            raise click.ClickException(f"{OPTION}: {self._name} cannot be written: {error.strerror}") from error
