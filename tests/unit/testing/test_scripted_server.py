"""The scripted server, asked by bare sockets and by the standard library's client."""

from __future__ import annotations

import asyncio
import gc
import http.client
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from longwave.errors import InvalidValue
from longwave.testing import (
    Answer,
    Cut,
    End,
    Framing,
    Gate,
    Limits,
    Pause,
    Raw,
    Redirect,
    Refuse,
    ScriptedServer,
    Send,
    Silence,
    Stall,
)
from unit.testing.raw_connection import RawConnection, connected

EVENT = Send(b"data: 1\n\n")


@pytest.fixture
def serve():
    """Start servers; at the end no thread of theirs may be left."""
    servers = []

    def start(script=(), **options):
        servers.append(ScriptedServer(script, **options).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ScriptedServer"]


def ask(server, method="GET", target="/events", body=None, headers=()):
    """One request on a connection of its own: status, headers by lower-case name, body."""
    connection = http.client.HTTPConnection(urlsplit(server.origin).netloc, timeout=5)
    try:
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


# What is answered.


def test_each_request_gets_the_next_item_and_all_others_the_last(serve):
    server = serve([Answer(steps=[EVENT]), Answer(503, {"Retry-After": "1"})], last=Answer(418))

    assert [ask(server)[0] for _ in range(4)] == [200, 503, 418, 418]


def test_without_a_script_the_answer_is_that_there_is_nothing_more(serve):
    assert ask(serve())[0] == 204


@pytest.mark.parametrize("framing", Framing)
def test_body_is_what_is_sent_whatever_its_framing(serve, framing):
    server = serve([Answer(steps=[EVENT, Pause(0.001), Send(b"data: 2\n\n", piece=2)], framing=framing)])

    status, headers, body = ask(server)
    assert (status, headers["content-type"], body) == (200, "text/event-stream", b"data: 1\n\ndata: 2\n\n")


def test_piece_makes_a_chunk_of_each_piece(serve):
    with connected(serve([Answer(steps=[Send(b"abcde", piece=2), Send(b"")])])) as client:
        client.ask()
        client.read_until(b"\r\n\r\n")
        assert client.read_until(b"0\r\n\r\n") == b"2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n"


def test_client_of_http_1_0_gets_no_chunks(serve):
    with connected(serve([Answer(steps=[EVENT])])) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        head, _, body = client.read_rest().partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"data: 1\n\n"


def test_own_headers_come_instead_of_the_usual_and_none_leaves_them_out(serve):
    own = {"content-type": "text/plain", "Transfer-Encoding": None, "Last-Event-ID": "…", "Content-Length": "2"}
    with connected(serve([Answer(headers=own, framing=Framing.CLOSE, steps=[Send(b"ab")])])) as client:
        client.ask()
        head, _, body = client.read_rest().partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "HTTP/1.1 200 OK",
        "Connection: close",
        "content-type: text/plain",
        "Last-Event-ID: …",
        "Content-Length: 2",
    ]
    assert body == b"ab"


def test_only_status_200_is_an_event_stream_by_default(serve):
    server = serve([Answer(201), Answer(200, {"Content-Type": None}), Answer(299)])

    assert [ask(server)[1].get("content-type") for _ in range(3)] == [None, None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_names_its_location_and_keeps_the_connection(serve, status):
    with connected(serve([Redirect("/other", status), Answer(404, framing=Framing.LENGTH)])) as client:
        client.ask()
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)
        client.ask("/other")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 404 ")


def test_connection_serves_one_request_after_the_other(serve):
    with connected(serve([Answer(steps=[EVENT]), Answer(steps=[EVENT], framing=Framing.LENGTH)])) as client:
        client.ask()
        assert client.read_until(b"0\r\n\r\n").endswith(b"9\r\ndata: 1\n\n\r\n0\r\n\r\n")
        client.ask()
        assert client.read_until(EVENT.data)


def test_client_that_asks_to_close_is_closed(serve):
    with connected(serve([Answer(steps=[EVENT, End()])])) as client:
        client.ask("/", "Connection: close")
        assert client.read_rest().endswith(b"0\r\n\r\n")


def test_answer_to_head_has_no_body(serve):
    assert ask(serve([Answer(steps=[EVENT], framing=Framing.LENGTH)]), "HEAD")[2] == b""


# How connections end, and what stalls.


def test_cut_resets_the_connection(serve):
    server = serve([Answer(steps=[EVENT, Gate(), Cut()])])
    with connected(server) as client:
        client.ask()
        assert client.read_until(EVENT.data)
        server.release()
        with pytest.raises(ConnectionResetError):
            client.read_rest()


def test_cut_without_reset_ends_the_connection_but_not_the_body(serve):
    server = serve([Answer(steps=[EVENT, Cut(reset=False)])])

    with pytest.raises(http.client.IncompleteRead):
        ask(server)


def test_refuse_takes_the_request_and_sends_no_byte(serve):
    server = serve([Refuse()])
    with connected(server) as client:
        client.ask("/refused")
        assert client.read_rest() == b""
    assert [request.target for request in server.requests] == ["/refused"]


def test_raw_bytes_come_instead_of_a_response_and_end_the_connection(serve):
    server = serve([Raw(b"HTTP/1.1 200 OK\r\nContent-")])
    with connected(server) as client:
        client.ask()
        assert client.read_rest() == b"HTTP/1.1 200 OK\r\nContent-"
    server.wait_until_gone()


@pytest.mark.parametrize(
    "item", [Silence(), Answer(steps=[Stall()]), Answer(steps=[Gate()]), Answer(steps=[Pause(60)])]
)
def test_what_sends_nothing_ends_when_the_client_leaves(serve, item):
    server = serve([item])
    with connected(server) as client:
        client.ask()
        server.wait_for_requests(1)
        with pytest.raises(TimeoutError, match="1 are open"):
            server.wait_until_gone(timeout=0.01)
    server.wait_until_gone()


@pytest.mark.parametrize("item", [Silence(), Answer(steps=[Stall()]), Refuse()])
def test_what_sends_nothing_ends_with_the_server(item):
    with ScriptedServer([item]) as server, connected(server) as client:
        client.ask()
        server.wait_for_requests(1)
        server.close()
        assert EVENT.data not in client.read_rest()


def test_silence_sends_no_head(serve):
    server = serve([Silence()])
    with connected(server) as client:
        client.ask()
        client.socket.settimeout(0.02)
        with pytest.raises(TimeoutError):
            client.read_rest()


def test_stalled_client_is_noticed_when_it_leaves_though_bytes_are_on_their_way(serve):
    server = serve([Answer(steps=[Send(b":" * 50_000_000)])])
    with connected(server) as client:
        client.ask()
        client.read_until(b"\r\n\r\n")
    server.wait_until_gone()
    assert server.problems == ()


def test_connection_that_the_server_ended_is_gone_once_the_client_closes_it(serve):
    server = serve([Answer(steps=[EVENT], framing=Framing.CLOSE)])
    with connected(server) as client:
        client.ask()
        client.read_rest()
        with pytest.raises(TimeoutError):
            server.wait_until_gone(timeout=0.01)
    server.wait_until_gone()


def test_server_is_not_gone_before_anyone_came(serve):
    with pytest.raises(TimeoutError, match="none ever came"):
        serve().wait_until_gone(timeout=0.001)


# Gates.


def test_gate_holds_until_it_is_released(serve):
    server = serve([Answer(steps=[EVENT, Gate(), Send(b"after")])])
    with connected(server) as client:
        client.ask()
        client.read_until(EVENT.data + b"\r\n")
        client.socket.settimeout(0.02)
        with pytest.raises(TimeoutError):
            client.read_rest()
        client.socket.settimeout(5)
        server.release()
        assert client.read_until(b"after") == b"5\r\nafter"


def test_release_counts_though_nobody_stands_at_the_gate_yet(serve):
    server = serve([Answer(steps=[Gate("a"), Gate("a"), EVENT])])
    server.release("a", times=2)

    assert ask(server)[2] == EVENT.data


def test_gates_of_other_names_stay_shut(serve):
    server = serve([Answer(steps=[Gate("a"), Send(b"a")]), Answer(steps=[Gate("b"), Send(b"b")])])
    with connected(server) as first, connected(server) as second:
        first.ask()
        server.wait_for_requests(1)
        second.ask()
        server.release("b")
        assert second.read_until(b"\r\nb")
        server.release("a")
        assert first.read_until(b"\r\na")


def test_gate_that_the_script_does_not_have_is_refused(serve):
    with pytest.raises(InvalidValue, match=r"expected one of the gates \['a'\], got 'b'"):
        serve([Answer(steps=[Gate("a")])]).release("b")


# What is recorded.


def test_request_is_recorded_as_it_came(serve):
    server = serve()
    before = time.monotonic()
    headers = {"Last-Event-ID": "…".encode(), "X-A": "b"}
    ask(server, "POST", "/a/b?x=1&y=%20z&x=", b"body", headers)

    (request,) = server.wait_for_requests(1)
    assert (request.method, request.target, request.body) == ("POST", "/a/b?x=1&y=%20z&x=", b"body")
    assert (request.path, request.query) == ("/a/b", [("x", "1"), ("y", " z"), ("x", "")])
    assert request.headers["last-event-id"] == "…".encode()
    assert request.headers["x-a"] == b"b"
    assert before <= request.time <= time.monotonic()


def test_request_says_which_connection_it_came_on(serve):
    server = serve(last=Answer(404, framing=Framing.LENGTH))
    with connected(server) as first, connected(server) as second:
        for client in (first, second, first):
            client.ask()
            client.read_until(b"\r\n\r\n")
    one, two, three = (request.connection for request in server.requests)

    assert {one, two} == {0, 1}
    assert three == one


def test_chunked_body_is_recorded_without_its_chunks(serve):
    server = serve()
    ask(server, "POST", body=iter([b"one", b"two"]))

    assert server.requests[0].body == b"onetwo"


def test_header_that_comes_twice_is_joined(serve):
    server = serve()
    with connected(server) as client:
        client.ask("/", "X-A: 1", "x-a:2")
        client.read_until(b"\r\n\r\n")
    assert server.requests[0].headers["x-a"] == b"1, 2"


def test_wait_for_requests_wakes_when_they_come(serve):
    server = serve([Silence()])
    with connected(server) as client:
        threading.Timer(0.02, client.ask, ["/late"]).start()
        assert [request.target for request in server.wait_for_requests(1)] == ["/late"]


def test_wait_for_requests_tells_how_many_came(serve):
    with pytest.raises(TimeoutError, match=r"expected 2 requests within 0.001 s, got 0"):
        serve().wait_for_requests(2, timeout=0.001)


# Limits, and clients that speak no HTTP.


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"hello\r\n\r\n", "head: expected a method, a target and HTTP/1.1, got b'hello'"),
        (b"GET / HTTP/2\r\n\r\n", "head: expected a method, a target and HTTP/1.1, got b'GET / HTTP/2'"),
        (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", "head: expected a header, got b'nonsense'"),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", "head: expected a header, got b'A : b'"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "body: expected the number of its bytes, got b'-1'"),
        (b"POST / HTTP/1.1\r\nContent-Length: 21\r\n\r\n", "body: expected at most 20 bytes, got 21"),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\na\r\n",
            "body: expected at most 20 bytes, got 21",
        ),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "body: expected the number of its bytes, got b'zz'",
        ),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n",
            "body: expected its end after the last chunk, got b'Tr'",
        ),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 300 + b"\r\n\r\n", "head: expected at most 200 bytes, got more"),
    ],
)
def test_request_that_is_none_is_refused_and_noted(serve, sent, problem):
    server = serve(limits=Limits(head=200, body=20))
    with connected(server) as client:
        client.send(sent)
        assert client.read_rest().startswith(b"HTTP/1.1 400 ")
    assert server.problems == (problem,)
    assert server.requests == ()


def test_requests_beyond_the_limit_are_refused_and_noted(serve):
    server = serve(limits=Limits(requests=2))

    assert [ask(server)[0] for _ in range(3)] == [204, 204, 400]
    assert server.problems == ("requests: expected at most 2 in all, got one more",)


def test_connections_beyond_the_limit_are_dropped_and_noted(serve):
    server = serve([Silence()], limits=Limits(connections=1))
    with connected(server) as first:
        first.ask()
        server.wait_for_requests(1)
        with connected(server) as second:
            assert second.read_rest() == b""
    assert server.problems == ("connections: expected at most 1 at a time, got one more",)


def test_client_that_leaves_in_the_middle_of_its_request_is_no_problem(serve):
    server = serve()
    with connected(server) as client:
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
    server.wait_until_gone()
    assert (server.requests, server.problems) == ((), ())


# Its life.


def test_port_is_free_again_at_once(serve):
    with ScriptedServer() as first:
        assert ask(first)[0] == 204
        port = urlsplit(first.url).port
    with pytest.raises(ConnectionRefusedError):
        ask(first)
    assert ask(serve([Answer(404)], port=port))[0] == 404


def test_unix_socket_is_served_and_gone_with_the_server(serve, tmp_path):
    path = tmp_path / "server.sock"
    with ScriptedServer([Answer(steps=[EVENT])], path=path) as server, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        connection = RawConnection(client)
        connection.ask()
        assert connection.read_until(b"0\r\n\r\n").endswith(b"data: 1\n\n\r\n0\r\n\r\n")
        assert server.url == "http://localhost/events"
    assert not path.exists()


def test_path_that_is_taken_stays_as_it_is(tmp_path):
    path = tmp_path / "server.sock"
    path.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        ScriptedServer(path=path).__enter__()
    assert path.read_text() == "mine"


def test_port_and_path_together_are_refused(tmp_path):
    with pytest.raises(InvalidValue, match=r"^path: expected no path beside a port"):
        ScriptedServer(port=8000, path=tmp_path / "server.sock")


def test_server_serves_one_with_only(serve):
    server = serve()
    with pytest.raises(RuntimeError, match="expected a new server"):
        server.__enter__()


def test_url_is_known_in_the_with_only():
    with pytest.raises(RuntimeError, match="not started"):
        _ = ScriptedServer().url


def test_release_after_the_end_is_refused():
    with ScriptedServer([Answer(steps=[Gate()])]) as server:
        pass
    with pytest.raises(RuntimeError, match="expected a running server"):
        server.release()


def test_script_holds_items_only():
    with pytest.raises(InvalidValue, match="expected Answer, Redirect, Silence, Refuse or Raw, got b'data'"):
        ScriptedServer([b"data"])


async def test_wait_that_would_stop_a_loop_is_refused(serve):
    server = serve()
    with pytest.raises(RuntimeError, match="to_thread"):
        server.wait_for_requests(1)


async def test_waits_work_beside_an_asynchronous_client(serve):
    server = serve([Answer(steps=[EVENT, Stall()])])
    _, writer = await asyncio.open_connection(*urlsplit(server.origin).netloc.split(":"))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.to_thread(server.wait_for_requests, 1)
    assert server.wait_for_requests(1)  # what is there already blocks nothing
    writer.close()
    await writer.wait_closed()
    await asyncio.to_thread(server.wait_until_gone)


def test_nothing_is_left_open():
    """Sockets and loops that are left to the garbage collector warn, and warnings are errors here."""
    with ScriptedServer([Silence(), Answer(steps=[Stall()])]) as server, connected(server) as a, connected(server) as b:
        a.ask()
        b.ask()
        server.wait_for_requests(2)
    del server
    gc.collect()


def test_connection_that_came_just_before_the_end_is_closed_too():
    """Its task was cancelled before it began, or it was accepted and not yet served."""
    for _ in range(50):
        with ScriptedServer() as server, connected(server) as client:
            client.ask()
            server.close()
            with suppress(ConnectionResetError):
                client.read_rest()
    del server, client
    gc.collect()


def test_package_needs_the_standard_library_only():
    code = "import sys, longwave.testing; print(sorted({'pytest', 'httpx2', 'httptools'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)

    assert done.stdout == "[]\n"
