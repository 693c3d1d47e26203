"""`longwave doctor`: examine a stream of events and print a checklist.

Not here: asking the server and judging what it does (doctor/).
Rules that always hold: the checklist goes to standard output, and nothing that the server sent can control the
terminal; the status is 1 if a check failed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from longwave.cli.quantity import DURATION, Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from longwave.doctor import Finding, Inquiry, Verdict

UNHEALTHY = 1
MAX_SECONDS = 3600  # of watching
NAME_WIDTH = 20  # columns
VERDICT_WIDTH = 12  # columns
STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red", "not checked": "dim"}

HELP = """Examine the event stream at URL, any server's, and say what is wrong with it and what to do.

The stream is watched for a while, then resumed, and asked for as a page of another origin would. A failure breaks the
standard, a browser, or what the stream itself promises; a warning is legal, and common clients or proxies trip over it.
The status is 1 if a check failed. URL is the stream's own; http://HOST:PORT without any path, or unix:PATH, is a hub.

\b
Examples:
  longwave doctor http://127.0.0.1:8080 --topic hello
  longwave doctor https://example.com/stream --token "$TOKEN" --origin https://app.example.com
  longwave doctor https://example.com/stream --seconds 90 --json | jq '.findings[] | select(.verdict == "failure")'
"""


@click.command("doctor", help=HELP, short_help="Say what is wrong with an event stream, and what to do.")
@click.argument("url")
@click.option("--topic", "topics", metavar="TOPIC", multiple=True, help="Topic, for a hub; may be repeated.")
@click.option("--header", "headers", metavar="NAME:VALUE", multiple=True, help="One more header; may be repeated.")
@click.option("--token", metavar="TOKEN", help="Sent as Authorization: Bearer TOKEN.")
@click.option("--last-event-id", metavar="ID", default="", help="Start after this event; a hub takes earliest too.")
@click.option(
    "--seconds",
    metavar="N",
    type=Number(above=0, most=MAX_SECONDS),
    default=20,
    show_default=True,
    help="How long to watch the stream, up to 3600.",
)
@click.option(
    "--heartbeat", type=DURATION, default="15s", show_default=True, help="Silence after which a heartbeat is due."
)
@click.option("--origin", metavar="ORIGIN", default="", help="Of a page that is to listen: https://app.example.com.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.pass_context
def command(ctx: click.Context, /, url: str, **options: Any) -> None:  # noqa: ANN401 - click's own
    """Examine a stream of events."""
    from longwave.doctor import examine, is_healthy, observe

    inquiry = make_inquiry(url, options)
    with _progress(inquiry):
        seen = asyncio.run(observe(inquiry))
    findings = examine(seen)
    if options["as_json"]:
        click.echo(json.dumps(to_json(inquiry, seen.watch.ended_at, findings), indent=1))
    else:
        _show(findings, summarise(inquiry, seen.watch.ended_at, findings))
    if not is_healthy(findings):
        ctx.exit(UNHEALTHY)


def make_inquiry(address: str, options: dict[str, Any]) -> Inquiry:
    """Return what these options ask for. Raises InvalidValue."""
    from longwave.doctor import Inquiry
    from longwave.doctor.inquiry import make_headers, parse_address

    url, uds = parse_address(address, options["topics"])
    return Inquiry(
        url=url,
        uds=uds,
        headers=make_headers(options["headers"], options["token"]),
        last_event_id=options["last_event_id"],
        seconds=options["seconds"],
        heartbeat=options["heartbeat"],
        origin=options["origin"],
    )


def to_json(inquiry: Inquiry, watched: float, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return everything that the checklist says."""
    from longwave.doctor import is_healthy

    return {
        "url": inquiry.url,
        "healthy": is_healthy(findings),
        "watched_seconds": round(watched, 3),
        "findings": [
            {
                "name": finding.name,
                "verdict": finding.verdict.value,
                "seen": finding.seen,
                "why": finding.why,
                "advice": finding.advice,
            }
            for finding in findings
        ],
    }


def summarise(inquiry: Inquiry, watched: float, findings: Sequence[Finding]) -> str:
    """Return the last line: the outcome in figures."""
    from longwave.doctor import Verdict, is_healthy

    counts = ", ".join(_count(findings, verdict) for verdict in Verdict)
    health = "healthy" if is_healthy(findings) else "unhealthy"
    return f"{health}: {counts}; {inquiry.url} was watched for {watched:.1f} s"


def lines_of(findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a checklist, each as its label and its text; checks that one cause prevented share a line."""
    from longwave.doctor import Verdict

    prevented = Counter(finding.seen for finding in findings if finding.verdict is Verdict.NOT_CHECKED)
    told = set()
    for finding in findings:
        number = prevented[finding.seen] if finding.verdict is Verdict.NOT_CHECKED else 1
        if number == 1:
            yield from _lines_of_one(finding)
        elif finding.seen not in told:
            told.add(finding.seen)
            yield finding.verdict.value, f"{f'{number} checks':{NAME_WIDTH}} {finding.seen}"


def _lines_of_one(finding: Finding) -> Iterator[tuple[str, str]]:
    from longwave.doctor import Verdict

    yield finding.verdict.value, f"{finding.name:{NAME_WIDTH}} {finding.seen}"
    if finding.verdict in (Verdict.WARNING, Verdict.FAILURE):
        yield "", f"{'why':>{NAME_WIDTH}} {finding.why}"
        yield "", f"{'do':>{NAME_WIDTH}} {finding.advice}"


def _count(findings: Sequence[Finding], verdict: Verdict) -> str:
    number = sum(finding.verdict is verdict for finding in findings)
    plural = "s" if verdict.value in ("warning", "failure") and number != 1 else ""
    return f"{number} {verdict.value}{plural}"


def _progress(inquiry: Inquiry) -> AbstractContextManager[object]:
    """Return a context in which a terminal shows that it takes a while."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.text import Text

    return Console(stderr=True).status(Text(f"watching {printable(inquiry.url)} for {inquiry.seconds:g} s"))


def _show(findings: Sequence[Finding], summary: str) -> None:
    lines = list(lines_of(findings))
    if not sys.stdout.isatty():
        for label, text in lines:
            click.echo(f"{label:{VERDICT_WIDTH}} {printable(text)}")
        click.echo(printable(summary))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for label, text in lines:
        styled = Text.assemble((f"{label:{VERDICT_WIDTH}} ", STYLES.get(label, "")), (printable(text), _style(label)))
        console.print(styled, soft_wrap=True)
    console.print(Text(printable(summary), "bold"), soft_wrap=True)


def _style(label: str) -> str:
    return "" if label in ("ok", "warning", "failure") else "dim"


def printable(text: str) -> str:
    """Return `text` with what does not print as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
