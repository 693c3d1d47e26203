"""The bytes at the address of a JWK set, from files and from a real server."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from longwave.auth import key_document
from longwave.auth.key_document import MAX_DOCUMENT, check_address, is_file, read_document
from longwave.errors import InvalidConfiguration


class Server(ThreadingHTTPServer):
    """Answers each path with what `answers` has for it: status, headers, body."""

    daemon_threads = True

    def __init__(self):
        self.answers = {}
        self.requests = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answers[self.path]
        if status is None:
            self.wfile.write(body)
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "address",
    [
        "https://id.test/.well-known/jwks.json",
        "http://id.test:8080/keys?x=1",
        "https://[::1]/keys",
        "file:///etc/keys.json",
        "file://localhost/etc/keys.json",
    ],
)
def test_https_http_and_file_addresses_are_taken(address):
    check_address("jwks", address)
    assert is_file(address) is address.startswith("file:")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "keys.json",
        "/etc/keys.json",
        "file:keys.json",
        "file://",
        "file://elsewhere/keys.json",
        "ftp://id.test/keys",
        "data:application/json,{}",
        "https://",
        "https:///keys",
        "https://:443/keys",
        "https://id.test:0/keys",
        "https://id.test:99999/keys",
        "https://[/keys",
        "https://user:password@id.test/keys",
    ],
)
def test_any_other_address_is_refused(address):
    with pytest.raises(InvalidConfiguration, match="jwks: expected") as caught:
        check_address("jwks", address)
    assert "password@" not in str(caught.value)


async def test_a_file_is_read(tmp_path):
    path = tmp_path / "a key.json"
    path.write_bytes(b"{}")
    assert await read_document(f"file://{tmp_path}/a%20key.json") == b"{}"


async def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        await read_document(f"file://{tmp_path}/none")
    with pytest.raises(IsADirectoryError):
        await read_document(f"file://{tmp_path}")
    with pytest.raises(ValueError, match="null byte"):
        await read_document("file:///%00")


async def test_a_server_is_asked_for_json(server):
    server.answers["/keys?a=1"] = (200, {}, b"{}")
    assert await read_document(f"{server.address}/keys?a=1") == b"{}"
    assert "application/jwk-set+json" in server.requests[0][1]["Accept"]


@pytest.mark.parametrize("status", [201, 204, 301, 304, 401, 404, 500])
async def test_any_status_but_200_is_an_error(server, status):
    server.answers["/keys"] = (status, {}, b"{}" if status != 204 else b"")
    with pytest.raises(ValueError, match=f"expected status 200, got {status}"):
        await read_document(f"{server.address}/keys")


async def test_a_redirection_is_followed(server):
    server.answers["/keys"] = (302, {"Location": "/others"}, b"")
    server.answers["/others"] = (200, {}, b"{}")
    assert await read_document(f"{server.address}/keys") == b"{}"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/keys", "data:,{}", "gopher://x/"])
async def test_a_redirection_out_of_http_is_not(server, target):
    server.answers["/keys"] = (302, {"Location": target}, b"")
    with pytest.raises(ValueError, match="expected status 200, got 302"):
        await read_document(f"{server.address}/keys")


async def test_redirections_without_an_end_are_an_error(server):
    server.answers["/keys"] = (302, {"Location": "/keys"}, b"")
    with pytest.raises(ValueError, match="expected status 200"):
        await read_document(f"{server.address}/keys")
    assert len(server.requests) < 20


def test_a_redirection_out_of_https_is_not_followed():
    """Whoever is in between could otherwise give keys of his own."""
    from email.message import Message
    from urllib.error import HTTPError
    from urllib.request import Request

    follow = key_document._Redirections().redirect_request
    secure, plain = Request("https://id.test/keys"), Request("http://id.test/keys")
    assert follow(secure, None, 302, "", Message(), "https://other.test/").full_url == "https://other.test/"
    assert follow(plain, None, 302, "", Message(), "https://other.test/").full_url == "https://other.test/"
    with pytest.raises(HTTPError, match="redirects to http://"):
        follow(secure, None, 302, "", Message(), "http://other.test/")


async def test_a_document_that_is_too_long_is_an_error(server, tmp_path):
    server.answers["/keys"] = (200, {}, b"x" * (MAX_DOCUMENT + 1))
    (tmp_path / "keys").write_bytes(b"x" * (MAX_DOCUMENT + 1))
    for address in (f"{server.address}/keys", f"file://{tmp_path}/keys"):
        with pytest.raises(ValueError, match="at most 1048576 bytes"):
            await read_document(address)


@pytest.mark.parametrize("answer", [b"{}\r\n\r\n", b"HTTP/1.1 9\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200])
async def test_an_answer_that_is_no_http_is_an_error(server, answer):
    server.answers["/keys"] = (None, {}, answer)
    with pytest.raises(ValueError, match="expected an answer of HTTP"):
        await read_document(f"{server.address}/keys")


async def test_a_server_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=r"^Connection refused$"):
            await read_document(f"http://127.0.0.1:{nobody.getsockname()[1]}/keys")


async def test_a_body_that_trickles_is_given_up(server, monkeypatch):
    """Each byte comes in time, and the whole never."""
    monkeypatch.setattr(key_document, "TIMEOUT", 0.0)

    class Trickle:
        def read1(self, size):
            return b"x"

    with pytest.raises(TimeoutError, match="expected the whole answer"):
        key_document._read_body(Trickle())
