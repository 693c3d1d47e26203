"""`longwave doctor` against real servers: a hub, servers that are wrong in one way each, and other projects'."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager, suppress

import httpx2
import pytest

from integration.hub_process import ENVIRONMENT, HubProcess, eventually, free_port
from integration.stream_server import HEAD, StreamServer
from longwave.cli.app import execute
from longwave.doctor import Inquiry, observe

pytestmark = pytest.mark.slow  # a stream is watched for a while

HEARTBEAT = "--heartbeat=2"  # far more than the servers here take, whatever else the machine does
SHORT = "--seconds=0.6"


def event(number):
    return b"id: %d\ndata: x\n\n" % number


def live(exchange, *pieces, every=0.1):
    """Answer as a good server does, then go on with heartbeats."""
    exchange.begin()
    exchange.chunk(b":\n")
    for piece in pieces:
        exchange.chunk(piece)
        if exchange.pause(0.02):
            return
    while not exchange.pause(every) and exchange.is_wanted():
        exchange.chunk(b":\n")


@pytest.fixture
def diagnose(capsys):
    """Run the command and return its status and its findings by name."""

    def run(*arguments):
        status = execute(["doctor", *arguments, "--json"])
        answer = json.loads(capsys.readouterr().out)
        assert answer["healthy"] is (status == 0)
        return status, {finding["name"]: finding for finding in answer["findings"]}

    return run


def bad(findings):
    return {name for name, finding in findings.items() if finding["verdict"] in ("warning", "failure")}


# A hub.


def test_a_hub_is_healthy_and_resumes(diagnose):
    with HubProcess("memory:", "--heartbeat", "1s") as hub:
        for text in "abc":
            hub.publish("t", text)
        status, findings = diagnose(
            hub.url.rstrip("/"), "--topic", "t", "--last-event-id", "earliest", "--seconds", "2.5", "--heartbeat", "2s"
        )
    assert status == 0
    assert bad(findings) == {"HTTP version"}
    assert findings["resume"]["verdict"] == findings["heartbeats"]["verdict"] == "ok"
    assert findings["ids"]["seen"].startswith("3 of 3 events")


# One fault each.


def wrong_type(exchange):
    exchange.begin(head=HEAD.replace("text/event-stream", "text/html"))
    exchange.chunk(b"<!doctype html>")
    exchange.hold()


def closes_at_once(exchange):
    exchange.begin()
    exchange.chunk(b"data: 1\n\n")
    exchange.send(b"0\r\n\r\n")


def breaks_at_once(exchange):
    exchange.begin()
    exchange.chunk(b"data: 1\n\n")


def sends_nothing(exchange):
    exchange.hold()


def sends_only_a_head(exchange):
    exchange.begin()
    exchange.hold()


def buffers(exchange):
    exchange.begin()
    exchange.chunk(b":\n")
    while not exchange.pause(0.15) and exchange.is_wanted():
        exchange.chunk(b":\n:\n:\n")


def compresses(exchange):
    compressor = zlib.compressobj(wbits=31)
    exchange.begin("Content-Encoding: gzip")
    for _ in range(50):
        exchange.chunk(compressor.compress(b":\n") + compressor.flush(zlib.Z_SYNC_FLUSH))
        if exchange.pause(0.1) or not exchange.is_wanted():
            return


def compresses_and_waits(exchange):
    exchange.begin("Content-Encoding: gzip")
    exchange.chunk(gzip.compress(b"")[:10])
    exchange.hold()


def begins_with_a_mark(exchange):
    exchange.begin()
    exchange.chunk(b"\xef\xbb\xbfdata: 1\n\n")
    while not exchange.pause(0.1) and exchange.is_wanted():
        exchange.chunk(b":\n")


def has_a_charset(exchange):
    exchange.begin(head=HEAD.replace("event-stream", "event-stream; charset=latin1"))
    exchange.chunk(b":\n")
    exchange.hold()


def repeats(exchange):
    live(exchange, event(1), event(2), event(3))


def forgets(exchange):
    pieces = [] if "last-event-id" in exchange.headers else [event(1), event(2), event(3)]
    live(exchange, *pieces)


def refuses_a_resume(exchange):
    if "last-event-id" in exchange.headers:
        exchange.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    else:
        live(exchange, event(1), event(2))


def is_complete(exchange):
    exchange.send(f"{HEAD}Content-Length: 9\r\n\r\ndata: 1\n\n".encode())


def asks_for_credentials(exchange):
    if exchange.headers.get("authorization") == "Bearer good":
        live(exchange)
    else:
        exchange.send(b"HTTP/1.1 401 No\r\nContent-Length: 12\r\n\r\nwho are you?")


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (wrong_type, "content type"),
        (closes_at_once, "lifetime"),
        (breaks_at_once, "lifetime"),
        (sends_nothing, "connection"),
        (sends_only_a_head, "heartbeats"),
        (buffers, "buffering"),
        (compresses_and_waits, "compression"),
        (has_a_charset, "charset"),
        (repeats, "resume"),
        (forgets, "resume"),
        (refuses_a_resume, "resume"),
        (is_complete, "body framing"),
        (asks_for_credentials, "status"),
    ],
)
def test_a_server_that_is_wrong_fails(diagnose, answer, failed):
    with StreamServer(answer) as server:
        status, findings = diagnose(server.url, SHORT, "--heartbeat=0.1")
    assert status == 1
    assert findings[failed]["verdict"] == "failure", findings[failed]
    assert findings[failed]["advice"]


@pytest.mark.parametrize(
    ("answer", "warned"),
    [
        (compresses, "compression"),
        (begins_with_a_mark, "byte order mark"),
        (lambda exchange: live(exchange, b":\n\n"), "blocks without data"),
        (lambda exchange: live(exchange, b"retry: 3000\ndata: 1\n\n"), "retry"),
        (lambda exchange: live(exchange, b"data: 1\r\rdata: 2\n\n"), "line ends"),
    ],
)
def test_what_only_some_trip_over_is_a_warning(diagnose, answer, warned):
    with StreamServer(answer) as server:
        status, findings = diagnose(server.url, SHORT, HEARTBEAT)
    assert status == 0
    assert findings[warned]["verdict"] == "warning", findings[warned]


def test_a_good_server_has_nothing_but_the_version_against_it(diagnose):
    def answer(exchange):
        after = int(exchange.headers.get("last-event-id", 0))
        live(exchange, *[b"retry: %d\n%b" % (2000 + after, event(n)) for n in range(after + 1, 4)])

    with StreamServer(answer) as server:
        status, findings = diagnose(server.url, "--seconds=2.6", HEARTBEAT)
        assert eventually(lambda: server.open == 0)
    assert status == 0
    assert bad(findings) == {"HTTP version"}
    assert {name: findings[name]["verdict"] for name in ("resume", "retry", "heartbeats", "ids")} == {
        "resume": "ok",
        "retry": "ok",
        "heartbeats": "ok",
        "ids": "ok",
    }


def test_a_stream_that_ends_with_the_connection_is_warned_of(diagnose):
    def answer(exchange):
        exchange.begin(head=HEAD.replace("HTTP/1.1", "HTTP/1.0"), chunked=False)
        while not exchange.pause(0.1) and exchange.is_wanted():
            exchange.send(b":\n")

    with StreamServer(answer) as server:
        _, findings = diagnose(server.url, SHORT, HEARTBEAT)
    assert findings["body framing"]["verdict"] == "warning"
    assert findings["HTTP version"]["seen"].startswith("HTTP/1.0")


def test_a_token_and_headers_are_sent(diagnose):
    with StreamServer(asks_for_credentials) as server:
        assert diagnose(server.url, SHORT, HEARTBEAT, "--token=good")[0] == 0
        assert diagnose(server.url, SHORT, HEARTBEAT, "--header", "Authorization: Bearer good")[0] == 0


# Origins.


def of_one_origin(exchange):
    """Let pages of https://app.example.com in, as Fetch wants it."""
    origin = exchange.headers.get("origin", "")
    lines = ["Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true"]
    if exchange.method == "OPTIONS":
        assert "authorization" not in exchange.headers
        lines.append(f"Access-Control-Allow-Headers: {exchange.headers['access-control-request-headers']}")
        exchange.send(("HTTP/1.1 204 OK\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode())
    elif origin:
        exchange.begin(*lines)
        exchange.hold()
    else:
        live(exchange)


@pytest.mark.parametrize(
    ("origin", "status", "cors", "preflight"),
    [
        ("https://app.example.com", 0, "ok", "ok"),
        ("https://other.example.com", 1, "failure", "not checked"),
        ("", 0, "ok", "not checked"),
    ],
)
def test_a_page_of_another_origin_is_played(diagnose, origin, status, cors, preflight):
    with StreamServer(of_one_origin) as server:
        came, findings = diagnose(server.url, SHORT, HEARTBEAT, "--origin", origin, "--token=secret")
        assert eventually(lambda: server.open == 0)
    assert came == status
    assert (findings["CORS"]["verdict"], findings["CORS preflight"]["verdict"]) == (cors, preflight)


def test_redirects_are_followed_and_told(diagnose):
    def answer(exchange):
        exchange.send(f"HTTP/1.1 302 Found\r\nLocation: {target.url}\r\nContent-Length: 0\r\n\r\n".encode())

    with StreamServer(live) as target, StreamServer(answer) as server:
        status, findings = diagnose(server.url, SHORT, HEARTBEAT)
    assert status == 0
    assert "to another origin" in findings["redirects"]["seen"]


# Bounds.


def floods(exchange):
    exchange.begin()
    data = b"data: " + b"x" * 65_000 + b"\n\n"
    while exchange.is_wanted():
        exchange.chunk(data)


def drips_its_head(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    while not exchange.pause(0.02) and exchange.is_wanted():
        exchange.send(b"X: y\r\n")


@pytest.mark.parametrize("answer", [floods, drips_its_head, sends_nothing, wrong_type])
async def test_whatever_a_server_does_it_takes_bounded_time_and_leaves_nothing_open(answer):
    with StreamServer(answer) as server:
        before = time.monotonic()
        seen = await observe(Inquiry(url=server.url, seconds=0.5))
        assert time.monotonic() - before < 20
        assert eventually(lambda: server.open == 0)
    assert seen.watch.received <= 9 * 2**20
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_observation_leaves_nothing_open():
    began = threading.Event()

    def answer(exchange):
        exchange.begin()
        began.set()
        exchange.hold()

    with StreamServer(answer) as server:
        task = asyncio.create_task(observe(Inquiry(url=server.url)))
        await asyncio.to_thread(began.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert eventually(lambda: server.open == 0)


def test_a_name_that_is_not_known_is_a_finding_and_no_crash(diagnose):
    status, findings = diagnose("http://nothing.invalid/stream", SHORT)
    assert status == 1
    assert findings["connection"]["verdict"] == "failure"


def test_a_terminal_gets_colours_and_nothing_that_a_server_says_controls_it():
    def answer(exchange):
        exchange.send(b"HTTP/1.1 400 No\r\nContent-Length: 8\r\n\r\n\x1b[5mblue")

    controller, terminal = pty.openpty()
    with StreamServer(answer) as server, open(controller, "rb", buffering=0) as shown:
        command = [sys.executable, "-m", "longwave", "doctor", server.url]
        environment = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "200"}
        process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
        os.close(terminal)
        text = read_to_end(shown)
        assert process.wait(20) == 1
    assert b"\x1b[1;31mfailure" in text
    assert b"\x1b[5m" not in text
    assert b"x1b[5mblue" in text


def read_to_end(shown):
    """All that is written to a terminal until nobody has it open any more."""
    text = b""
    with suppress(OSError):  # which is how Linux says so
        while chunk := shown.read(65_536):
            text += chunk
    return text


# A proxy that buffers.

NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1; events {{ worker_connections 64; }}
http {{
    access_log off; gzip on; gzip_types text/event-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {url}; proxy_http_version 1.1; proxy_buffering {buffering}; }}
    }}
}}
"""


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize(("buffering", "status", "verdict"), [("on", 1, "failure"), ("off", 0, "ok")])
def test_nginx_that_compresses_and_buffers_is_found_out(diagnose, tmp_path, buffering, status, verdict):
    """Without buffering its compressor passes each event on; with it, not even the head comes."""

    def answer(exchange):
        exchange.begin(head=HEAD.replace("X-Accel-Buffering: no\r\n", ""))
        while not exchange.pause(0.1) and exchange.is_wanted():
            exchange.chunk(b":\n")

    port = free_port()
    with StreamServer(answer) as server:
        text = NGINX.format(folder=tmp_path, port=port, url=server.url, buffering=buffering)
        (tmp_path / "nginx.conf").write_text(text)
        with running("nginx", "-e", str(tmp_path / "errors"), "-c", str(tmp_path / "nginx.conf"), port=port):
            came, findings = diagnose(f"http://127.0.0.1:{port}/stream", "--seconds=1", "--heartbeat=0.2")
    assert came == status
    assert findings["connection"]["verdict"] == verdict
    assert findings["compression"]["verdict"] == ("warning" if status == 0 else "not checked")


@contextmanager
def running(*command, port):
    """A process that listens at the port."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: accepts(port))
        yield
    finally:
        process.terminate()
        process.wait(10)


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Other projects' servers.

STARLETTE = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

async def numbers():
    for number in range(1000):
        yield f"id: {number}\\ndata: {number}\\n\\n"
        await asyncio.sleep(0.1)

async def plain(request):
    return StreamingResponse(numbers(), media_type="text/event-stream")

async def proper(request):
    from sse_starlette import EventSourceResponse

    async def events():
        after = int(request.headers.get("last-event-id", -1))
        for number in range(after + 1, 1000):
            yield {"id": str(number), "data": str(number)}
            await asyncio.sleep(0.1)

    return EventSourceResponse(events(), ping=1)

app = Starlette(routes=[Route("/plain", plain), Route("/proper", proper)])
import uvicorn
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@contextmanager
def uvicorn_process(folder):
    script = folder / "serve_streams.py"
    script.write_text(STARLETTE)
    port = free_port()
    with running(sys.executable, str(script), str(port), port=port):
        yield f"http://127.0.0.1:{port}"


def test_starlettes_plain_response_cannot_resume(diagnose, tmp_path):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    with uvicorn_process(tmp_path) as url:
        status, findings = diagnose(f"{url}/plain", "--seconds=1")
    assert status == 1
    assert findings["resume"]["verdict"] == "failure"
    assert {"Cache-Control", "X-Accel-Buffering"} <= bad(findings)
    assert findings["content type"]["verdict"] == findings["charset"]["verdict"] == "ok"
    assert "uvicorn" in findings["proxies"]["seen"]


def test_sse_starlette_is_healthy_with_its_weaknesses_told(diagnose, tmp_path):
    pytest.importorskip("sse_starlette")
    pytest.importorskip("uvicorn")
    with uvicorn_process(tmp_path) as url:
        status, findings = diagnose(f"{url}/proper", "--seconds=1.5")
    assert status == 0
    assert findings["resume"]["verdict"] == "ok"
    assert findings["line ends"]["seen"].endswith("CRLF")
    assert bad(findings) == {"HTTP version", "Cache-Control", "blocks without data"}


@pytest.mark.skipif(importlib.util.find_spec("httpx_sse") is None, reason="httpx-sse is not installed")
def test_what_is_warned_of_is_so_in_httpx_sse():
    """A byte order mark loses the first event, and a blank line without data gives an empty one."""
    from httpx_sse._decoders import SSEDecoder

    def decode(text):
        decoder = SSEDecoder()
        return [event.data for line in text.splitlines() if (event := decoder.decode(line)) is not None]

    assert decode("\ufeffdata: 1\n\ndata: 2\n\n") == ["2"]
    assert decode("id: 1\ndata: 1\n\n:\n\n") == ["1", ""]
    assert decode("retry: 1\n\n") == [""]


def test_what_is_warned_of_is_so_in_httpx2():
    """Its limit of an event is the one that the check names."""
    from longwave.doctor.checks_framing import SAFE_EVENT

    def answer(exchange):
        exchange.begin()
        exchange.chunk(b"data: " + b"x" * (SAFE_EVENT + 1) + b"\n\n")
        exchange.hold()

    with (
        StreamServer(answer) as server,
        httpx2.Client() as client,
        client.sse(server.url) as source,
        pytest.raises(httpx2.HTTPError, match=str(SAFE_EVENT)),
    ):
        next(iter(source))
