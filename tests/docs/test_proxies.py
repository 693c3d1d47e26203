"""The configurations of docs/howto/behind-nginx.md, in a real nginx and a real Caddy, before a real hub.

Nothing of a configuration is changed but addresses: where it listens, and where the hub is.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, IncompleteRead
from typing import TYPE_CHECKING

import pytest

from docs.pages import page
from docs.running_hub import ADDRESS_IN_PAGES, SECONDS_TO_STOP, free_port, running_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

nginx = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="no nginx on the PATH: apt-get install --no-install-recommends nginx-light"
)
caddy = pytest.mark.skipif(shutil.which("caddy") is None, reason="no caddy on the PATH: apt-get install caddy")
pytestmark = pytest.mark.slow  # each starts processes

PROMPT = 5  # seconds in which an event must have come through; buffered it would come after a minute
BLOCKS = {block.title: block.text for block in page("docs/howto/behind-nginx.md").blocks() if block.title}
UDS_IN_PAGE = "/run/longwave/hub.sock"

# nginx's main file, as a distribution has one, but in {folder}, and as the user that runs the tests.
MAIN = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {extra}
    {site}
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that listens at `address`."""

    address: str

    def subscribe(self, stack: ExitStack, topic: str = "t", **headers: str):
        """Open a stream; it is closed with `stack`."""
        connection = HTTPConnection(self.address, timeout=PROMPT)
        stack.callback(connection.close)
        connection.request("GET", f"/events?topic={topic}", headers=headers)
        response = connection.getresponse()
        stack.callback(response.close)
        return response

    def publish(self, topic: str = "t", data: str = "hello", **headers: str) -> tuple[int, str]:
        """Publish and return status and answer."""
        connection = HTTPConnection(self.address, timeout=PROMPT)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", "/events", f"topic={topic}&data={data}", form | headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@contextmanager
def running(command: list[str], address: str, folder: Path) -> Iterator[Proxy]:
    """Run a proxy in `folder` until it is ended, and yield it once it accepts connections."""
    with (folder / "proxy.log").open("w+b") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, "HOME": str(folder)}, stdout=log, stderr=log)
        try:
            wait_for(address, process, folder / "proxy.log")
            yield Proxy(address)
        finally:
            process.terminate()
            process.wait(SECONDS_TO_STOP)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + SECONDS_TO_STOP
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)  # nothing tells when a server of somebody else's has begun to listen
        else:
            return
    raise AssertionError(log.read_text())


@contextmanager
def nginx_before(hub: str, site: str, folder: Path, *, extra: str = "") -> Iterator[Proxy]:
    """nginx with a site of the page before the hub at `hub`."""
    address = f"127.0.0.1:{free_port()}"
    site = site.replace("listen 80;", f"listen {address};").replace(ADDRESS_IN_PAGES, hub).replace(UDS_IN_PAGE, hub)
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(MAIN.format(folder=folder, user=user, extra=extra, site=site), encoding="utf-8")
    with running(["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(main)], address, folder) as it:
        yield it


def read_event(stream) -> bytes:
    """Read up to the end of the first event."""
    lines = [stream.readline()]
    while lines[-1] not in (b"\n", b""):
        lines.append(stream.readline())
    return b"".join(lines)


def read_head(stream) -> list[bytes]:
    """Read a response's head as lines."""
    return list(iter(stream.readline, b"\r\n"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[str]:
    with running_hub(tmp_path_factory.mktemp("hub"), "--log", "memory:", "--heartbeat", "300ms") as address:
        yield address


@nginx
def test_nginx_passes_the_first_comment_and_each_event_on_at_once_and_takes_publishes(hub, tmp_path):
    with nginx_before(hub, BLOCKS["longwave.conf"], tmp_path) as proxy, ExitStack() as stack:
        stream = proxy.subscribe(stack)
        assert stream.getheader("Content-Type") == "text/event-stream"
        assert stream.readline() == b":\n"
        status, event_id = proxy.publish()
        assert status == 200
        assert f"id: {event_id}\ndata: hello\n\n".encode() in read_event(stream)


@nginx
def test_a_page_behind_nginx_may_publish_and_a_page_elsewhere_may_not(hub, tmp_path):
    with nginx_before(hub, BLOCKS["longwave.conf"], tmp_path) as proxy:
        assert proxy.publish(Origin=f"http://{proxy.address}")[0] == 200
        assert proxy.publish(Origin="https://elsewhere.example")[0] == 403


@nginx
def test_without_its_host_line_nginx_makes_the_hub_refuse_everybody(hub, tmp_path):
    site = re.sub(r".*proxy_set_header Host .*\n", "", BLOCKS["longwave.conf"])
    with nginx_before(hub, site, tmp_path) as proxy:
        status, sentence = proxy.publish()
        assert (status, "got 'longwave'" in sentence) == (421, True)


@nginx
def test_hub_behind_nginx_must_be_told_the_name_that_browsers_ask_for(hub, tmp_path):
    (command,) = [block.text for block in page("docs/howto/behind-nginx.md").blocks("text") if "serve" in block.text]
    options = command.split()[2:]
    origin = {"Host": "example.com", "Origin": "https://example.com"}
    with running_hub(tmp_path, "--log", "memory:", *options) as told, ExitStack() as stack:
        assert stack.enter_context(nginx_before(told, BLOCKS["longwave.conf"], tmp_path)).publish(**origin)[0] == 200
    with nginx_before(hub, BLOCKS["longwave.conf"], tmp_path) as proxy:
        assert proxy.publish(**origin)[0] == 421


@nginx
def test_nginx_streams_from_a_unix_socket_over_http_1_0(tmp_path):
    uds = str(tmp_path / "hub.sock")
    with (
        running_hub(tmp_path, "--log", "memory:", "--uds", uds),
        nginx_before(uds, BLOCKS["longwave-uds.conf"], tmp_path) as proxy,
        ExitStack() as stack,
    ):
        stream = proxy.subscribe(stack)
        assert stream.readline() == b":\n"
        assert proxy.publish()[0] == 200
        assert b"data: hello\n\n" in read_event(stream)


def test_to_http_1_0_the_hub_sends_no_chunks_and_says_that_it_closes(hub):
    host, _, port = hub.partition(":")
    with socket.create_connection((host, int(port)), timeout=PROMPT) as connection:
        connection.sendall(b"GET /events?topic=t HTTP/1.0\r\n\r\n")
        with connection.makefile("rb") as stream:
            head = read_head(stream)
            assert b"Connection: close\r\n" in head
            assert not [line for line in head if line.lower().startswith(b"transfer-encoding")]
            assert stream.readline() == b":\n"


@nginx
def test_the_read_only_site_streams_and_refuses_to_publish(hub, tmp_path):
    with nginx_before(hub, BLOCKS["read-only.conf"], tmp_path) as proxy, ExitStack() as stack:
        stream = proxy.subscribe(stack)
        assert proxy.publish()[0] == 403
        assert Proxy(hub).publish()[0] == 200
        assert b"data: hello\n\n" in read_event(stream)


@nginx
def test_proxy_pass_alone_streams_because_the_hub_asks_nginx_not_to_buffer(hub, tmp_path):
    site = f"server {{ listen 80; location = /events {{ proxy_pass http://{ADDRESS_IN_PAGES}; }} }}"
    with nginx_before(hub, site, tmp_path) as proxy, ExitStack() as stack:
        stream = proxy.subscribe(stack)
        assert stream.getheader("X-Accel-Buffering") is None, "so a second nginx would not see it"
        assert stream.readline() == b":\n"


@nginx
def test_nginx_with_gzip_still_passes_each_event_on_at_once(hub, tmp_path):
    extra = "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0;"
    with nginx_before(hub, BLOCKS["longwave.conf"], tmp_path, extra=extra) as proxy, ExitStack() as stack:
        stream = proxy.subscribe(stack, **{"Accept-Encoding": "gzip"})
        assert stream.getheader("Content-Encoding") == "gzip"
        decompress = zlib.decompressobj(wbits=31).decompress  # gzip
        assert decompress(stream.read1()) == b":\n"
        proxy.publish()
        assert b"data: hello\n\n" in decompress(stream.read1())


@nginx
def test_a_read_timeout_above_the_heartbeat_keeps_a_silent_stream_and_one_below_cuts_it(hub, tmp_path):
    site = BLOCKS["longwave.conf"].replace("proxy_read_timeout 60s", "proxy_read_timeout 1s")
    with (
        nginx_before(hub, site, tmp_path) as proxy,
        running_hub(tmp_path, "--log", "memory:", "--heartbeat", "1h") as silent,
        ExitStack() as stack,
    ):
        (tmp_path / "second").mkdir()
        other = stack.enter_context(nginx_before(silent, site, tmp_path / "second"))
        kept, cut = proxy.subscribe(stack), other.subscribe(stack)
        with pytest.raises(IncompleteRead) as ended:
            cut.read()  # a stream that nobody cuts would run into the connection's own timeout instead
        assert ended.value.partial == b":\n"
        heartbeats = [kept.readline() for _ in range(6)]
        assert heartbeats == [b":\n"] * 6


@caddy
def test_caddy_passes_events_on_at_once_and_takes_publishes(hub, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    site = BLOCKS["Caddyfile"].replace("example.com", f"http://{address}").replace(ADDRESS_IN_PAGES, hub)
    (tmp_path / "Caddyfile").write_text(f"{{\n    admin off\n}}\n{site}", encoding="utf-8")
    with running(["caddy", "run"], address, tmp_path) as proxy, ExitStack() as stack:
        stream = proxy.subscribe(stack)
        assert stream.readline() == b":\n"
        assert proxy.publish(Origin=f"http://{address}")[0] == 200
        assert b"data: hello\n\n" in read_event(stream)
