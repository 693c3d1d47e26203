"""`longwave listen`: print the events of a hub as they come.

Not here: connecting and reconnecting (client/event_source.py), what is told of waits (retry_notice.py),
the file of `--cursor` (cursor_file.py).
Rules that always hold: an event is one line, written at once, and counts as processed once it is written; nothing that
a publisher sent can control the terminal, as characters that do not print are written as escapes.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.quantity import Count
from longwave.cli.token_option import token_option
from longwave.errors import RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from longwave.client import SyncEventSource
    from longwave.eventstream.event import Event

HELP = """Print the events of the hub at URL as they come.

A lost connection is made again and resumes where it was. URL is the hub's address (/events is
added), its full event resource, or unix:PATH.
A topic may be a URI template such as orders/{id}, or * for all.

\b
Examples:
  longwave listen http://127.0.0.1:8080 --topic hello
  longwave listen http://127.0.0.1:8080 --topic 'orders/{id}' --last-event-id earliest
  longwave listen http://127.0.0.1:8080 --topic '*' --json | jq .data
  longwave listen http://127.0.0.1:8080 --topic '*' --cursor seen.id    # goes on there when run again
"""

_UNPRINTABLE_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029]")  # json.dumps escapes the lower ones


@click.command("listen", help=HELP)
@click.argument("url")
@click.option("--topic", "topics", metavar="TOPIC", multiple=True, required=True, help="Topic; may be repeated.")
@click.option(
    "--last-event-id",
    metavar="ID",
    default="",
    help="Start after this event; earliest: with all that the hub still has. By default only new events come.",
)
@click.option(
    "--cursor",
    metavar="FILE",
    help="Keep the id of the last event that was printed in FILE, and start after it. It counts more than "
    "--last-event-id.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: id, type, data, and retry if set.")
@click.option("--count", metavar="N", type=Count(1), help="Stop after N events.")
@token_option
def command(
    *,
    url: str,
    topics: tuple[str, ...],
    last_event_id: str,
    cursor: str | None,
    as_json: bool,
    count: int | None,
    token: str | None,
) -> None:
    """Print the events of a hub as they come."""
    write = choose_writer(as_json=as_json, pretty=sys.stdout.isatty())
    with open_source(url, topics=topics, last_event_id=last_event_id, token=token, cursor=cursor) as source:
        for event in islice(source, count):
            write(event)
            source.commit()


@contextmanager
def open_source(
    url: str, *, topics: Sequence[str], last_event_id: str, token: str | None, cursor: str | None
) -> Iterator[SyncEventSource]:
    """Open the source of a hub's events. Raises what a source raises, with the hub called as the user calls it."""
    from longwave.cli.cursor_file import CursorFile
    from longwave.cli.retry_notice import RetryNotice
    from longwave.client import SyncEventSource
    from longwave.client.endpoint import Endpoint
    from longwave.client.request import show
    from longwave.client.sync.httpx_transport import SyncHttpxTransport

    def name(reason: str) -> str:
        place = show(source.url)
        return reason.replace(f"{place}: the server answered", "the hub answered").replace(place, endpoint.name)

    endpoint = Endpoint.parse(url)
    with closing(SyncHttpxTransport(uds=endpoint.uds)) as transport:
        source = SyncEventSource(
            endpoint.url,
            transport=transport,
            topics=topics,
            last_event_id=last_event_id,
            token=token,
            cursor=CursorFile(cursor) if cursor is not None else None,
            observer=RetryNotice(name),
        )
        with source:
            try:
                yield source
            except RequestFailed as error:
                raise RequestFailed(name(error.reason), error.status) from error


def choose_writer(*, as_json: bool, pretty: bool) -> Callable[[Event], object]:
    """Return what writes one event on standard output."""
    if as_json:
        return lambda event: click.echo(format_json(event))
    if pretty:
        return _make_pretty_writer()
    return lambda event: click.echo("  ".join(format_fields(event, datetime.now().astimezone())))


def format_json(event: Event) -> str:
    """Return the event as one line of JSON."""
    fields: dict[str, Any] = {"id": event.id, "type": event.type, "data": event.data}
    if event.retry is not None:
        fields["retry"] = event.retry
    return _UNPRINTABLE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(fields, ensure_ascii=False))


def format_fields(event: Event, at: datetime) -> tuple[str, str, str, str]:
    """Return time, type, id and data, each printable and on one line."""
    return f"{at:%H:%M:%S}", escape(event.type), escape(event.id) or "-", escape(event.data)


def escape(text: str) -> str:
    """Return `text` with what does not print as an escape, such as `\\n` for a line feed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _make_pretty_writer() -> Callable[[Event], object]:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    styles = ("dim", "bold cyan", "magenta", "")

    def write(event: Event) -> None:
        fields = format_fields(event, datetime.now().astimezone())
        parts = (Text(field, style) for field, style in zip(fields, styles, strict=True))
        console.print(Text("  ").join(parts), soft_wrap=True)

    return write
