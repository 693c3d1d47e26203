"""`longwave revoke`: let tokens count no more, and end the streams that they opened.

Not here: what the hub does (server/revoking.py), making tokens (token.py).
Rules that always hold: standard output has the hub's answer and nothing else; it is asked once, and asking again is
harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

import click

from longwave.cli.token_option import token_option
from longwave.errors import InvalidValue, RequestFailed

if TYPE_CHECKING:
    import httpx2

    from longwave.client.endpoint import Endpoint

TIMEOUT = 30.0  # seconds
MAX_ANSWER = 65_536  # bytes
PATH = "/events/revoke"
RESOURCES = ("/events", "/.well-known/mercure")  # what the path of a full event resource ends with

HELP = """Revoke tokens at the hub at URL: those of a subject, the one with an id, or those with a grant for a topic.

They do not count from now on, at all hubs over the same log, and their streams end at once. A token that is issued
a second later counts again. The TOKEN needs mercure.revoke: longwave token --revoke. What is printed tells how many
streams were ended by the hub process that answered; others end theirs, too.

URL is the hub's address, its full event resource, or unix:PATH.

\b
Examples:
  longwave revoke https://hub.example.com --subject user-7
  longwave revoke http://127.0.0.1:8080 --id 6vO2nXo1VQ --token "$(longwave token --key @hub.key --revoke '*')"
"""


@click.command("revoke", help=HELP, short_help="Let tokens count no more, and end their streams.")
@click.argument("url")
@click.option("--subject", metavar="NAME", help="All tokens of this subject (sub).")
@click.option("--id", "token_id", metavar="ID", help="The token with this id (jti).")
@click.option("--topic", metavar="TOPIC", help="All tokens with a grant for this topic, but those for everything (*).")
@token_option
def command(*, url: str, subject: str | None, token_id: str | None, topic: str | None, token: str | None) -> None:
    """Revoke tokens."""
    from longwave.client.endpoint import Endpoint

    named = {"--subject": ("subject", subject), "--id": ("token", token_id), "--topic": ("topic", topic)}
    given = [(option, aspect, value) for option, (aspect, value) in named.items() if value is not None]
    if len(given) != 1:
        raise click.UsageError(f"expected one of --subject, --id and --topic, got {len(given) or 'none'}")
    option, aspect, value = given[0]
    check_value(option, aspect, value)
    click.echo(revoke(Endpoint.parse(url), (aspect, value), token))


def check_value(option: str, aspect: str, value: str) -> None:
    """Raise InvalidValue, which names the option, for what no token can name; the hub's answer would name the field."""
    from longwave.auth.revocations import Aspect, Revocation

    try:
        Revocation(Aspect(aspect), value, 0.0)
    except InvalidValue as error:
        raise InvalidValue(option, error.problem) from None


def revoke(endpoint: Endpoint, named: tuple[str, str], token: str | None) -> str:
    """Return the hub's answer, one line of JSON. Raises InvalidValue, RequestFailed."""
    import httpx2

    from longwave.client.request import merge_headers, show, split_credentials

    url, credentials = split_credentials(revoke_url(endpoint.url))
    form = ((b"Content-Type", b"application/x-www-form-urlencoded"), (b"Accept-Encoding", b"identity"))
    headers = merge_headers((*form, *credentials), {}, token)
    transport = httpx2.HTTPTransport(uds=endpoint.uds) if endpoint.uds is not None else None
    try:
        with httpx2.Client(transport=transport, timeout=TIMEOUT) as client:
            response = client.post(url, content=urlencode([named]).encode(), headers=list(headers))
    except httpx2.InvalidURL as error:
        raise InvalidValue("url", f"expected a URL, got {endpoint.name!r} ({error})") from None
    except httpx2.HTTPError as error:
        asked = show(url) if endpoint.uds is None else endpoint.uds
        raise RequestFailed(f"{asked}: {error or type(error).__name__}") from error
    return _read(response)


def revoke_url(url: str) -> str:
    """Return where to revoke at the hub with this event resource, also below a prefix."""
    parts = urlsplit(url)
    resource = next((name for name in RESOURCES if parts.path.endswith(name)), None)
    if resource is None:
        raise InvalidValue("url", f"expected the address of a hub, or one that ends with {' or '.join(RESOURCES)}")
    return urlunsplit(parts._replace(path=parts.path.removesuffix(resource) + PATH, query=""))


def _read(response: httpx2.Response) -> str:
    from longwave.client.publication import describe_refusal

    answer = response.content[:MAX_ANSWER]
    if response.status_code != 200:
        reason = describe_refusal(response.status_code, response.reason_phrase, answer)
        raise RequestFailed(reason, response.status_code)
    return " ".join(answer.decode(errors="replace").split())
