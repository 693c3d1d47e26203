"""`longwave publish`: send updates to a hub.

Not here: HTTP and what is tried again (client/publisher.py), bytes to lines (lines.py).
Rules that always hold: an id is printed once its update is on the hub's log, and at once; a line is stored once,
whatever happens to the connection.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.lines import Lines
from longwave.cli.notice import notify
from longwave.cli.quantity import Count
from longwave.cli.token_option import token_option
from longwave.core.update import Update
from longwave.eventstream.event import DEFAULT_TYPE, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longwave.client import SyncPublisher

CHUNK = 65_536  # bytes of one read; a pipe's usual capacity
DATA_ATTEMPTS = 4  # some two seconds, as somebody waits
LINES_ATTEMPTS = 12  # a minute or two, as a pipe should outlive a deployment of the hub

HELP = """Send updates to the hub at URL and print their ids.

URL is the hub's address (/events is added), its full event resource, or unix:PATH.
Without DATA each line of standard input is an update. Lines that are there together go in one
request, and none waits for the next. Bytes that are not UTF-8 become U+FFFD.
A hub that cannot be reached, or is busy, is asked again for some seconds (DATA) or minutes (lines).
Lines get random ids, so that one whose answer was lost is sent again and stored once.

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
@click.option("--type", metavar="TYPE", default=DEFAULT_TYPE, show_default=True, help="Type of the event.")
@click.option("--id", "event_id", metavar="ID", default="", help="Id of the event; by default the hub gives one.")
@click.option("--retry", metavar="MS", type=Count(), help="Milliseconds that subscribers wait to reconnect.")
@click.option("--private", is_flag=True, help="Only for subscribers that are allowed to see the topic.")
@token_option
def command(*, url: str, data: str | None, event_id: str, token: str | None, **shared: Any) -> None:  # noqa: ANN401 - what a Template holds
    """Send updates to a hub and print their ids."""
    from longwave.cli.retry_notice import RetryNotice
    from longwave.client import SyncPublisher

    if data is None and event_id:
        raise click.UsageError("--id: expected DATA beside it, as lines of standard input each need an id of their own")
    template = Template(**shared)
    observer = RetryNotice()
    if data is not None:
        update = template.fill(data, event_id)
        with SyncPublisher(url, token=token, attempts=DATA_ATTEMPTS, gives_ids=False, observer=observer) as publisher:
            click.echo(publisher.append([update])[0])
        return
    with SyncPublisher(url, token=token, attempts=LINES_ATTEMPTS, observer=observer) as publisher:
        _publish_input(publisher, template)


def _publish_input(publisher: SyncPublisher, template: Template) -> None:
    template.fill("")  # so that bad topics are told before anything is typed
    if sys.stdin is None:
        raise click.UsageError("expected DATA, or lines on standard input, got neither: it is closed")
    if sys.stdin.isatty():
        notify("each line is published; end with Ctrl-D")
    descriptor = sys.stdin.fileno()
    publish_chunks(publisher, template, iter(lambda: os.read(descriptor, CHUNK), b""))


def publish_chunks(publisher: SyncPublisher, template: Template, chunks: Iterable[bytes]) -> None:
    """Publish the lines of `chunks`; those that end in one chunk go together."""
    lines = Lines()
    for chunk in chunks:
        _publish_lines(publisher, template, lines.feed(chunk))
    _publish_lines(publisher, template, lines.end())


def _publish_lines(publisher: SyncPublisher, template: Template, lines: Sequence[str]) -> None:
    from longwave.client.publication import batches

    for batch in batches(map(template.fill, lines)):
        click.echo("\n".join(publisher.append(batch)))
