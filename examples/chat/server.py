"""A chat over a Longwave hub: its page, signing in by name, and saying something under that name.

Not here: what was said and who is here, which the page is told by the hub itself (static/chat.js). README.md says how
to start both.

Rules that always hold: a message carries the name that its sender signed in with, as only this server may publish; a
browser is given one token, as a cookie, which no script can read and no other site can have sent; nothing that a person
typed is made part of a page here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlsplit

import jwt

from longwave.client import SyncPublisher
from longwave.errors import InvalidValue, RequestFailed

if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = "chat/lobby"  # the topic of all that is said
PRESENCE = f"/.well-known/mercure/subscriptions/{quote_plus(ROOM)}"  # the hub's own topics: who listens to the room
COOKIE = "mercureAuthorization"  # where hubs look for a token
SESSION = 12 * 3600  # seconds
ERRAND = 60  # seconds that a token counts with which a message is published
LONGEST_NAME = 40  # characters
LONGEST_TEXT = 2000
MAX_BODY = 1_000_000  # bytes; far above what the longest text takes, so that whoever says too much is told how much

POLICY = "default-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
STATIC = Path(__file__).with_name("static")
CONTENT_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "chat.css": "text/css; charset=utf-8",
    "chat.js": "text/javascript; charset=utf-8",
    "chat.svg": "image/svg+xml",
}


class Refused(Exception):
    """A request is not done; `status` and the message tell the page why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Chat:
    """What may be done. hub: its address. origin: of the pages. key: the hub's, too; it signs and verifies."""

    hub: str
    origin: str
    key: str = field(repr=False)

    def sign_in(self, name: object) -> str:
        """Return the token of somebody who is called so. Raises Refused."""
        name = " ".join(name.split()) if isinstance(name, str) else ""
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
            raise Refused(HTTPStatus.BAD_REQUEST, f"A name has 1 to {LONGEST_NAME} characters.")
        # All that is said in the room; then the list of who is here, and each change of it.
        grants = {"subscribe": [ROOM, f"{PRESENCE}{{/subscriber}}"], "payload": {"user": name}}
        return self._sign({"sub": name, "mercure": grants}, SESSION)

    def name_of(self, token: str) -> str:
        """Return who has the token. Raises Refused."""
        try:
            claims = jwt.decode(token, self.key, algorithms=["HS256"], options={"require": ["exp", "sub"]})
        except jwt.InvalidTokenError:
            raise Refused(HTTPStatus.UNAUTHORIZED, "Sign in first.") from None
        return str(claims["sub"])

    def message(self, name: str, text: object) -> dict[str, object]:
        """Return what is published when somebody says something. Raises Refused."""
        text = text.strip() if isinstance(text, str) else ""
        if not 0 < len(text) <= LONGEST_TEXT:
            raise Refused(HTTPStatus.BAD_REQUEST, f"A message has 1 to {LONGEST_TEXT:,} characters.")
        return {"user": name, "text": text, "at": milliseconds()}

    def publishing_token(self) -> str:
        """Return a token for this server itself: nobody else may say something in the room."""
        return self._sign({"mercure": {"publish": [ROOM]}}, ERRAND)

    def page_settings(self, name: str) -> dict[str, object]:
        """Return what the page has to know. since: by the clock of the messages; what is older is history."""
        return {"user": name, "hub": self.hub, "room": ROOM, "presence": PRESENCE, "since": milliseconds()}

    def cookie(self, token: str, seconds: int = SESSION) -> str:
        """Return the header that gives a browser the token. Pages and hub share a host; with ports of their own too."""
        secure = "; Secure" if self.origin.startswith("https:") else ""
        return f"{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def _sign(self, claims: dict[str, object], seconds: int) -> str:
        return jwt.encode({**claims, "exp": int(time.time()) + seconds}, self.key, algorithm="HS256")


class ChatServer(ThreadingHTTPServer):
    """Listens on this machine only."""

    def __init__(self, port: int, chat: Chat, publisher: SyncPublisher) -> None:
        self.chat = chat
        self.publisher = publisher
        self.policy = f"connect-src 'self' {chat.hub}; {POLICY}"
        super().__init__(("127.0.0.1", port), ChatRequests)


class ChatRequests(BaseHTTPRequestHandler):
    """Answers one request of a browser."""

    server: ChatServer
    server_version = "chat"
    timeout = 20  # seconds for a request

    @property
    def chat(self) -> Chat:
        """The chat that it is about."""
        return self.server.chat

    def do_GET(self) -> None:
        """The page and its files; `/session`: who has signed in, nothing if nobody."""
        if self.headers["Host"] != urlsplit(self.chat.origin).netloc:
            self._redirect()
        elif self.path == "/session":
            self._answer_session()
        else:
            self._answer_file("index.html" if self.path == "/" else self.path[1:])

    def do_POST(self) -> None:
        """`/session`: sign in. `/messages`: say something."""
        actions = {"/session": self._sign_in, "/messages": self._say}
        self._guarded(actions.get(self.path, self._refuse_path))

    def do_DELETE(self) -> None:
        """`/session`: sign out."""
        self._answer({}, cookie=self.chat.cookie("", 0))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of what went well."""

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Refused as error:
            self._answer({"error": str(error)}, error.status)

    def _sign_in(self) -> None:
        token = self.chat.sign_in(self._read("user"))
        self._answer(self.chat.page_settings(self.chat.name_of(token)), cookie=self.chat.cookie(token))

    def _say(self) -> None:
        message = self.chat.message(self._name(), self._read("text"))
        try:
            event_id = self.server.publisher.publish(ROOM, message, type="said", private=True)
        except (RequestFailed, InvalidValue) as error:
            self.log_error("not published: %s", error)
            raise Refused(HTTPStatus.BAD_GATEWAY, "The hub did not take the message.") from None
        self._answer({"id": event_id})

    def _answer_session(self) -> None:
        try:
            self._answer(self.chat.page_settings(self._name()))
        except Refused:
            self._answer({})

    def _refuse_path(self) -> None:
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _name(self) -> str:
        cookies = (part.strip().partition("=") for part in self.headers.get("Cookie", "").split(";"))
        return self.chat.name_of(next((value for name, _, value in cookies if name == COOKIE), ""))

    def _read(self, name: str) -> object:
        """Return a value of the JSON object that was sent; forms of other sites cannot send that type."""
        size = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not size.isdecimal() or int(size) > MAX_BODY:
            raise Refused(HTTPStatus.BAD_REQUEST, f"Expected JSON of at most {MAX_BODY} bytes.")
        try:
            value = json.loads(self.rfile.read(int(size)))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "Expected JSON.") from None
        return value.get(name) if isinstance(value, dict) else None

    # Answers.

    def _redirect(self) -> None:
        """Lead to the one origin that the hub knows; its cookie is for that host."""
        self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
        self.send_header("Location", f"{self.chat.origin}/")
        self.end_headers()

    def _answer(self, content: dict[str, object], status: HTTPStatus = HTTPStatus.OK, cookie: str = "") -> None:
        self._send(status, "application/json", json.dumps(content).encode(), cookie)

    def _answer_file(self, name: str) -> None:
        if name in CONTENT_TYPES:
            self._send(HTTPStatus.OK, CONTENT_TYPES[name], (STATIC / name).read_bytes())
        else:
            self._answer({"error": "There is nothing here."}, HTTPStatus.NOT_FOUND)

    def _send(self, status: HTTPStatus, content_type: str, body: bytes, cookie: str = "") -> None:
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": self.server.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        } | ({"Set-Cookie": cookie} if cookie else {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def milliseconds() -> int:
    """Return the Unix time as JavaScript counts it."""
    return int(time.time() * 1000)


def read_options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="A chat over a Longwave hub.")
    parser.add_argument("--key", default=os.environ.get("LONGWAVE_KEY"), help="the hub's secret; also LONGWAVE_KEY")
    parser.add_argument("--hub", default="http://127.0.0.1:8080", help="its address, for browsers too (%(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="to listen on, at 127.0.0.1 (%(default)s)")
    parser.add_argument("--origin", help="of the pages, if a proxy stands in front (http://127.0.0.1:PORT)")
    options = parser.parse_args()
    if not options.key:
        parser.error("expected --key, the hub's secret")
    return options


def main() -> None:
    """Serve until Ctrl-C."""
    options = read_options()
    chat = Chat(options.hub.rstrip("/"), options.origin or f"http://127.0.0.1:{options.port}", options.key)
    publisher = SyncPublisher(f"{chat.hub}/events", token=chat.publishing_token, timeout=5)
    with publisher, ChatServer(options.port, chat, publisher) as server:
        sys.stdout.write(f"Chat on {chat.origin}/ over the hub {chat.hub}/\n")
        sys.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
