"""Answers of any framing free a connection for the next event."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest

from longwave.load.framing import FramingError
from longwave.load.publisher import Line

CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nid\r\n0\r\n\r\n"


@contextmanager
def connected():
    """A line of a publisher, and the server's end of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield Line(0, ours), theirs


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nid", 200),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (CHUNKED, 201),
    ],
)
def test_answers_are_read_one_after_the_other(answer, status):
    with connected() as (line, server):
        for _ in range(3):
            server.sendall(answer)
            assert line.receive() == status


def test_answer_that_comes_in_pieces_is_complete_with_the_last():
    with connected() as (line, server):
        for byte in CHUNKED[:-3]:
            server.sendall(bytes([byte]))
            statuses = [line.receive()]
        server.sendall(CHUNKED[-3:])
        statuses.append(line.receive())

    assert [status for status in statuses if status] == [201]


def test_answer_may_end_with_the_connection():
    with connected() as (line, server):
        server.sendall(b"HTTP/1.1 200 OK\r\n\r\nid")
        assert line.receive() is None
        server.close()
        assert line.receive() == 200


@pytest.mark.parametrize(("header", "closes"), [("", False), ("Connection: close\r\n", True)])
def test_line_knows_whether_an_answer_was_its_last(header, closes):
    with connected() as (line, server):
        server.sendall(f"HTTP/1.1 200 OK\r\n{header}Content-Length: 2\r\n\r\nid".encode())
        assert line.receive() == 200

    assert line.closes is closes


def test_connection_that_ends_without_an_answer_is_noticed():
    with connected() as (line, server):
        server.close()
        with pytest.raises(ConnectionResetError):
            line.receive()


def test_answer_that_is_none_is_noticed():
    with connected() as (line, server):
        server.sendall(b"hello\r\n\r\n")
        with pytest.raises(FramingError):
            line.receive()


def test_request_that_does_not_fit_is_sent_bit_by_bit():
    with connected() as (line, server):
        server.setblocking(False)
        line.out = bytes(4 * 2**20)
        received = 0
        while not line.send():
            received += len(server.recv(2**20))
        while received < 4 * 2**20:
            received += len(server.recv(2**20))

    assert line.out == b""
