"""Log messages on standard error: lines for people, or one JSON object a line.

Not here: the level (cli/settings.py), what is logged.

Rules that always hold: a message is one line whatever a client put into it, only what follows an exception takes more;
a message that cannot be formatted properly is shown all the same.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import IO

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
MAX_SHOWN = 200  # characters of what a client sent, in one field
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class LogFormat(Enum):
    """How messages look."""

    HUMAN = "human"
    JSON = "json"

    def formatter(self, worker: int | None = None) -> logging.Formatter:
        """Return what formats them. worker: its number, where there are several."""
        return JsonFormatter(worker) if self is LogFormat.JSON else HumanFormatter(worker)


def configure_logging(level: str, form: LogFormat, *, worker: int | None = None, stream: IO[str] | None = None) -> None:
    """Send all messages of the process from this level up (`info`) to standard error, or another stream."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(form.formatter(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


class HumanFormatter(logging.Formatter):
    """`2026-11-20 07:23:32,118 WARNING worker 1: the sentence`; a message's fields are in its sentence already."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = "" if worker is None else f"worker {worker}: "

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it what an exception tells."""
        said = CONTROL.sub(_escape, f"{self._worker}{record.getMessage()}")
        line = f"{self.formatTime(record)} {record.levelname} {said}"
        told = exception_of(self, record)
        return f"{line}\n{told}" if told else line


class JsonFormatter(logging.Formatter):
    """One object: `time`, `level`, `logger`, `message`, `worker`, `exception`, and the message's own fields."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; nothing but ASCII, so that no terminal or file makes two of it."""
        told = exception_of(self, record)
        content = {
            **fields_of(record),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._worker,
            **({"exception": told} if told else {}),
        }
        try:
            return json.dumps(content, default=str, allow_nan=False)
        except (ValueError, TypeError):  # not a number, or in a circle, or with keys that are no text
            return json.dumps({name: str(value) for name, value in content.items()})


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what was given as `extra`, in order."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def shown(text: str) -> str:
    """Return what a client sent as a field of a message has it: shortened, and nothing in it that does not print."""
    short = text[:MAX_SHOWN]
    if short.isprintable():
        return short
    return "".join([one if one.isprintable() else one.encode("unicode_escape").decode() for one in short])


def exception_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return what the record tells of an exception and of a stack, "" if nothing."""
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
