"""Running a server's coroutine: on uvloop where it is installed, else on asyncio's own loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end. Raises what it raises."""
    try:
        from uvloop import run as run_there
    except ImportError:
        asyncio.run(main)
    else:
        run_there(main)
