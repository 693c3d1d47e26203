"""An application beside a hub, at an origin of its own: its pages, and the hub's cookie that it gives to browsers.

Not here: the hub; what the pages do.
"""

from __future__ import annotations

import http.server
import threading
import urllib.parse
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integration.hub_process import SECONDS_TO_STOP
from longwave.auth.credentials import format_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Files = dict[str, tuple[str, bytes]]  # content type and content by path

BLANK_PAGE = b'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>An application</title>'


class Application(http.server.ThreadingHTTPServer):
    """files: what it serves. session: gives the token of whoever is signed in, "" for none."""

    def __init__(self, files: Files, session: Callable[[], str]) -> None:
        self.files = files
        self.session = session
        super().__init__(("127.0.0.1", 0), ApplicationRequests)


class ApplicationRequests(http.server.BaseHTTPRequestHandler):
    """Files, with the hub's cookie for `?token=...`, as a login gives it; `POST /session` gives a new one."""

    server: Application

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        content_type, content = self.server.files[url.path]
        self.answer(content_type, content, dict(urllib.parse.parse_qsl(url.query)).get("token", ""))

    def do_POST(self):
        self.answer("text/plain", b"", self.server.session())

    def answer(self, content_type: str, content: bytes, token: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if token:
            self.send_header("Set-Cookie", format_cookie(token))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Say nothing."""


@contextmanager
def application(files: Files, session: Callable[[], str] = str) -> Iterator[str]:
    """Serve an application and yield its origin."""
    with Application(files, session) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(SECONDS_TO_STOP)
