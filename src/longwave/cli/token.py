"""`longwave token`: make a token, or say what one allows and why it would be refused.

Not here: keys and signatures (auth/), the words of an explanation (token_report.py).
Rules that always hold: what is made is a token that a hub with its key accepts; standard output has the token, or the
line that carries it, and nothing else; no key is ever printed.
"""

from __future__ import annotations

import json
import math
import secrets
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from longwave.auth.credentials import DEFAULT_COOKIE, check_cookie_name, format_cookie
from longwave.cli.configuration import PREFIX
from longwave.cli.notice import notify
from longwave.cli.quantity import Duration
from longwave.errors import InvalidValue, TokenRefused

if TYPE_CHECKING:
    from longwave.auth.keys import Keys

NEVER = "never"
STANDARD_INPUT = "-"
MAX_INPUT = 1_000_000  # characters
MAX_COOKIE = 4096  # bytes of a cookie that browsers keep
REFUSED = 1
WEAK = (
    "--key: this key is so short that it can be found out from any token: "
    "32 random bytes are advised, or 2048 bits of RSA"
)
SETS = ("--jwks", "--publisher-jwks", "--subscriber-jwks")
EXPLAINING = ("--explain", "--key", *SETS, "--publish", "--subscribe")

HELP = """Make a token that lets its bearer publish and see private updates, and print it.

KEY is the hub's secret (for HS256), or the PEM private key whose public key the hub has; @FILE for what a file holds;
with another algorithm in front, as in HS512:secret or PS256:@private.pem. Without --publish and --subscribe the bearer
may only see what is public, at a hub that wants a token for that.

With --explain nothing is made: what the TOKEN allows is told, and why a hub with this key would refuse it. Beside it,
--publish and --subscribe ask whether a topic is covered, and by which selector. The status is 1 if the token would be
refused, or a topic is not covered.

\b
Examples:
  longwave token --key @hub.key --publish '*' --expires never
  longwave token --key @hub.key --subscribe 'https://example.com/users/7{/any}' --subject user-7 --expires 15m
  longwave token --key @hub.key --subscribe orders/7 --cookie
  longwave token --key @hub.key --explain - < token.txt
  longwave token --key @hub.key --explain - --publish orders/7 < token.txt
"""


class Lifetime(Duration):
    """Seconds as a float, more than 0; `never` is infinite."""

    name = "duration|never"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, or fail with one sentence."""
        if value == NEVER:
            return math.inf
        seconds = super().convert(value, param, ctx)
        if seconds == 0:
            self.fail(f"expected more than 0 seconds, or {NEVER}, got {value!r}", param, ctx)
        return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a token is to say. payload: JSON text, None for none. token_id: "" for a random one. expires: seconds."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    revoke: tuple[str, ...] = ()
    payload: str | None = None
    subject: str = ""
    token_id: str = ""
    expires: float = math.inf

    def claims(self, now: float) -> dict[str, Any]:
        """Return the claims of a token that is made at Unix time `now`. Raises InvalidValue."""
        from longwave.auth.claims import CLAIM, read_grants

        claims: dict[str, Any] = {CLAIM: self._content()}
        if self.subject:
            claims["sub"] = self.subject
        claims["jti"] = self.token_id or secrets.token_urlsafe(16)  # 128 bits
        claims["iat"] = int(now)
        if self.expires != math.inf:
            claims["exp"] = _whole(int(now) + self.expires)
        try:
            read_grants(claims, now)
        except TokenRefused as error:
            raise InvalidValue("token", error.detail) from None
        return claims

    def _content(self) -> dict[str, Any]:
        kinds = {"publish": self.publish, "subscribe": self.subscribe, "revoke": self.revoke}
        content: dict[str, Any] = {name: list(selectors) for name, selectors in kinds.items() if selectors}
        if self.payload is not None:
            content["payload"] = _read_json("--payload", self.payload)
        return content


@click.command("token", short_help="Make a token, or explain why one is refused.", help=HELP)
@click.option("--key", metavar="KEY", envvar=f"{PREFIX}KEY", show_envvar=True, help="Secret, PEM text, or @FILE.")
@click.option("--publish", metavar="SELECTOR", multiple=True, help="Topics it may publish to; may be repeated.")
@click.option("--subscribe", metavar="SELECTOR", multiple=True, help="Topics whose private updates it may see.")
@click.option("--revoke", metavar="SELECTOR", multiple=True, help="Topics, subjects, ids to revoke tokens by.")
@click.option("--payload", metavar="JSON", help="Told to others where the bearer subscribes.")
@click.option("--subject", metavar="NAME", default="", help="Whom it is for: revoking a subject takes all its tokens.")
@click.option("--id", "token_id", metavar="ID", default="", help="Its own id, to revoke it by; random by default.")
@click.option("--expires", type=Lifetime(), default="1h", show_default=True, help="How long it counts.")
@click.option("--cookie", is_flag=True, help="Print the Set-Cookie header that gives it to a browser.")
@click.option("--cookie-name", metavar="NAME", default=DEFAULT_COOKIE, show_default=True, help="As the hub's.")
@click.option("--explain", "explained", metavar="TOKEN", help="Say what this token allows; -: standard input.")
@click.option(
    *SETS,
    "addresses",
    metavar="ADDRESS",
    multiple=True,
    help="Explain with the keys of a JWK set: https:// or file://.",
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:  # noqa: ANN401 - click's own
    """Make a token, or explain one."""
    key, addresses, explained = (options.pop(name) for name in ("key", "addresses", "explained"))
    if explained is None:
        if addresses:
            raise click.UsageError("--jwks: expected --explain beside it, as a JWK set has no key to sign with")
        _make(key, options.pop("cookie"), options.pop("cookie_name"), Wish(**options))
        return
    _refuse_others(ctx, addresses)
    if not _explain(_token(explained), _keys(key, addresses), options["publish"], options["subscribe"]):
        ctx.exit(REFUSED)


def _make(text: str | None, as_cookie: bool, cookie_name: str, wish: Wish) -> None:
    from longwave.auth.keys import is_weak
    from longwave.auth.signing import read_signing_key, sign
    from longwave.cli.token_report import warning_of_size

    if not text:
        raise click.UsageError(f"--key: expected a key to sign with, here or as {PREFIX}KEY, got none")
    check_cookie_name("--cookie-name", cookie_name)
    key = read_signing_key("--key", text)
    if is_weak(key.verifier):
        notify(WEAK)
    token = _short_enough(sign(wish.claims(time.time()), key))
    size = warning_of_size(token)
    if size is not None:
        notify(f"this token has {size}")
    click.echo(_cookie(token, cookie_name, wish.expires) if as_cookie else token)


def _short_enough(token: str) -> str:
    from longwave.auth.tokens import MAX_TOKEN

    if len(token) > MAX_TOKEN:
        raise InvalidValue(
            "token", f"expected at most {MAX_TOKEN} characters, as no hub reads more, got {len(token)}: grant fewer"
        )
    return token


def _cookie(token: str, name: str, seconds: float) -> str:
    size = len(name) + 1 + len(token)
    if size > MAX_COOKIE:
        notify(f"browsers keep cookies of at most {MAX_COOKIE} bytes, and this one has {size}")
    max_age = None if seconds == math.inf else max(1, int(seconds))
    return f"Set-Cookie: {format_cookie(token, name, max_age)}"


def _explain(token: str, keys: Keys | None, publish: tuple[str, ...], subscribe: tuple[str, ...]) -> bool:
    """Print what the token says; tell whether it is accepted, and covers the topics."""
    from longwave.cli.token_report import Question, explain

    explanation = explain(token, keys, time.time(), Question(publish, subscribe))
    for line in explanation.lines():
        click.echo(line)
    return explanation.is_good


def _keys(text: str | None, addresses: tuple[str, ...]) -> Keys | None:
    from longwave.auth.keys import OneKey
    from longwave.auth.signing import read_verifying_key

    if addresses:
        return _keys_of_set(addresses[0])
    return OneKey(read_verifying_key("--key", text)) if text else None


def _keys_of_set(address: str) -> Keys:
    import asyncio

    from longwave.auth.key_set import read_keys_once

    try:
        return asyncio.run(read_keys_once("--jwks", address))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue("--jwks", f"expected a JWK set, got none: {error}") from None


def _token(text: str) -> str:
    """Return the token, also where its header is pasted."""
    content = _read_input() if text == STANDARD_INPUT else text
    return content.strip().removeprefix("Authorization:").strip().removeprefix("Bearer ").strip()


def _read_input() -> str:
    try:
        return sys.stdin.read(MAX_INPUT) if sys.stdin is not None else ""
    except UnicodeDecodeError:
        raise click.UsageError("--explain: expected a token on standard input, got bytes that are no text") from None


def _refuse_others(ctx: click.Context, addresses: tuple[str, ...]) -> None:
    from click.core import ParameterSource

    sources = {param.opts[0]: ctx.get_parameter_source(param.name or "") for param in ctx.command.params}
    given = [option for option, source in sources.items() if source is ParameterSource.COMMANDLINE]
    others = [option for option in given if option not in EXPLAINING]
    if others:
        raise click.UsageError(f"{others[0]}: expected nothing but {', '.join(EXPLAINING[1:])} beside --explain")
    if len(addresses) + ("--key" in given) > 1:
        raise click.UsageError(f"--jwks: expected one of --key, {', '.join(SETS)}, got several")


def _read_json(option: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidValue(option, 'expected JSON, such as \'{"name": "Ada"}\', got something else') from None


def _whole(seconds: float) -> float:
    """Return an integer if it is one: other programs know fractions of a second less often."""
    return int(seconds) if seconds == int(seconds) else seconds
