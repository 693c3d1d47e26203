"""`longwave publish`: send updates to a hub.

Not here: HTTP (client/publisher.py), bytes to lines (lines.py).
Rule that always holds: an id is printed once its update is on the hub's log, and at once.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from longwave.cli.lines import Lines
from longwave.cli.notice import notify
from longwave.cli.quantity import Count
from longwave.core.update import Update
from longwave.eventstream.event import DEFAULT_TYPE, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longwave.client.publisher import Publisher

CHUNK = 65_536  # bytes of one read; a pipe's usual capacity

HELP = """Send updates to the hub at URL and print their ids.

URL is the hub's address (/events is added), its full event resource, or unix:PATH.
Without DATA each line of standard input is an update. Lines that are there together go in one
request, and none waits for the next. Bytes that are not UTF-8 become U+FFFD.

\b
Examples:
  longwave publish http://127.0.0.1:8080 --topic hello 'Hello, world'
  longwave publish http://127.0.0.1:8080 --topic orders/7 --type shipped --id order-7-3 '{"at": 12}'
  tail -f /var/log/syslog | longwave publish http://127.0.0.1:8080 --topic syslog
"""


@dataclass(frozen=True, slots=True)
class Template:
    """What all updates of one command share."""

    topics: tuple[str, ...]
    type: str
    retry: int | None
    private: bool

    def fill(self, data: str, event_id: str = "") -> Update:
        """Return the update with this data. Raises InvalidValue."""
        return Update(self.topics, Event(data, self.type, event_id, self.retry), self.private)


@click.command("publish", help=HELP)
@click.argument("url")
@click.argument("data", required=False)
@click.option("--topic", "topics", metavar="TOPIC", multiple=True, required=True, help="Topic; may be repeated.")
@click.option("--type", "type_", metavar="TYPE", default=DEFAULT_TYPE, show_default=True, help="Type of the event.")
@click.option("--id", "event_id", metavar="ID", default="", help="Id of the event; by default the hub gives one.")
@click.option("--retry", metavar="MS", type=Count(), help="Milliseconds that subscribers wait to reconnect.")
@click.option("--private", is_flag=True, help="Only for subscribers that are allowed to see the topic.")
def command(
    *,
    url: str,
    data: str | None,
    topics: tuple[str, ...],
    type_: str,
    event_id: str,
    retry: int | None,
    private: bool,
) -> None:
    """Send updates to a hub and print their ids."""
    from longwave.client.publisher import Publisher

    if data is None and event_id:
        raise click.UsageError("--id: expected DATA beside it, as lines of standard input each need an id of their own")
    template = Template(topics, type_, retry, private)
    with Publisher(url) as publisher:
        if data is not None:
            click.echo(publisher.publish(template.fill(data, event_id)))
        else:
            _publish_input(publisher, template)


def _publish_input(publisher: Publisher, template: Template) -> None:
    template.fill("")  # so that bad topics are told before anything is typed
    if sys.stdin is None:
        raise click.UsageError("expected DATA, or lines on standard input, got neither: it is closed")
    if sys.stdin.isatty():
        notify("each line is published; end with Ctrl-D")
    descriptor = sys.stdin.fileno()
    publish_chunks(publisher, template, iter(lambda: os.read(descriptor, CHUNK), b""))


def publish_chunks(publisher: Publisher, template: Template, chunks: Iterable[bytes]) -> None:
    """Publish the lines of `chunks`; those that end in one chunk go together."""
    lines = Lines()
    for chunk in chunks:
        _publish_lines(publisher, template, lines.feed(chunk))
    _publish_lines(publisher, template, lines.end())


def _publish_lines(publisher: Publisher, template: Template, lines: Sequence[str]) -> None:
    from longwave.client.publisher import batches

    for batch in batches(map(template.fill, lines)):
        click.echo("\n".join(publisher.publish_batch(batch)))
