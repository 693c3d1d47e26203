"""What TLS could change of the transports' contract: how a stream ends."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading

import aiohttp
import httpx
import httpx2
import pytest

from contract.client_links import Threaded, close_client, request
from longwave.client.aiohttp_transport import AiohttpTransport
from longwave.client.httpx_transport import HttpxTransport
from longwave.client.sync.httpx_transport import SyncHttpxTransport

WAIT = 5.0  # seconds
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

# name: what makes a client of a TLS context, and its transport
LIBRARIES = {
    "httpx2": (lambda context: httpx2.AsyncClient(verify=context), HttpxTransport),
    "httpx": (lambda context: httpx.AsyncClient(verify=context), HttpxTransport),
    "aiohttp": (
        lambda context: aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)),
        AiohttpTransport,
    ),
    "sync-httpx2": (
        lambda context: httpx2.Client(verify=context),
        lambda client: Threaded(SyncHttpxTransport(client)),
    ),
    "sync-httpx": (lambda context: httpx.Client(verify=context), lambda client: Threaded(SyncHttpxTransport(client))),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout key.pem -out cert.pem"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], cwd=folder, check=True, stderr=subprocess.DEVNULL
    )
    return folder / "cert.pem", folder / "key.pem"


class SilentServer(threading.Thread):
    """Sends one event over TLS and then says nothing more, not even farewell; `left` is set once the client is gone."""

    def __init__(self, certificate) -> None:
        super().__init__(daemon=True)
        self.left = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/"

    def run(self) -> None:
        with self._listener, self._listener.accept()[0] as plain:
            plain.settimeout(WAIT)
            encrypted = self._context.wrap_socket(plain, server_side=True)
            encrypted.recv(65_536)
            encrypted.sendall(HEAD + b"9\r\ndata: 1\n\n\r\n")
            with socket.socket(fileno=encrypted.detach()) as below:
                below.settimeout(WAIT)
                while below.recv(65_536):
                    pass
        self.left.set()


@pytest.mark.parametrize("library", LIBRARIES)
async def test_close_ends_the_connection_without_waiting_for_the_server(library, certificate):
    server = SilentServer(certificate)
    server.start()
    make_client, make_transport = LIBRARIES[library]
    client = make_client(ssl.create_default_context(cafile=certificate[0]))
    transport = make_transport(client)
    stream = await transport.open(request(server.url))
    assert await stream.read() == b"data: 1\n\n"

    await stream.close()

    assert await asyncio.to_thread(server.left.wait, 2.0)
    await transport.close()
    await close_client(client)
