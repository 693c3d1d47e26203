"""Content comes out of any framing of HTTP/1.1, however the bytes are split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.load.framing import MAX_CHUNK_HEADER, MAX_HEAD, NO_HEAD, Complete, FramingError, UntilClose
from unit.load.examples import CHUNKED_HEAD, CLOSING_HEAD, chunk

CONTENT = b"data: 1\n\ndata: a longer one, of two digits\n\n"
CHUNKS = CHUNKED_HEAD + chunk(b"data: 1\n\n") + chunk(b"data: a longer one, ") + chunk(b"of two digits\n\n")
SIZED = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%b" % (len(CONTENT), CONTENT)


def read(pieces):
    """All content of these pieces, and the state after them."""
    framing, content = NO_HEAD, b""
    for piece in pieces:
        more, framing = framing.feed(piece)
        content += more
    return content, framing


def split(data, cuts):
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize("response", [CHUNKS + b"0\r\n\r\n", SIZED, CLOSING_HEAD + CONTENT])
@given(cuts=st.lists(st.integers(0, 1000), max_size=8))
def test_content_is_the_same_for_any_split(response, cuts):
    content, framing = read(split(response, cuts))

    assert content == CONTENT
    assert isinstance(framing, Complete | UntilClose)


@pytest.mark.parametrize("response", [CHUNKS + b"0\r\n\r\n", SIZED])
def test_content_is_the_same_byte_by_byte(response):
    assert read(response[n : n + 1] for n in range(len(response)))[0] == CONTENT


def test_states_of_equal_streams_are_equal():
    assert read([CHUNKS])[1] == read(split(CHUNKS, [3, 60, 61, 62, 90]))[1]


def test_chunk_extensions_and_trailers_are_passed_over():
    assert read([CHUNKED_HEAD + b"2;x=y\r\nab\r\n0\r\nTrailer: x\r\n\r\n"]) == (b"ab", Complete(200))


def test_status_without_content_is_complete_at_once():
    assert read([b"HTTP/1.1 204 No Content\r\n\r\n"]) == (b"", Complete(204))


def test_line_ends_before_a_head_are_passed_over():
    assert read([b"\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"])[1] == Complete(204)


@pytest.mark.parametrize(
    "wrong",
    [
        b"HTTP/2 200\r\n\r\n",
        b"hello\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"x" * (MAX_HEAD + 1),
        CHUNKED_HEAD + b"xyz\r\n",
        CHUNKED_HEAD + b"1" * (MAX_CHUNK_HEADER + 1),
    ],
)
def test_what_is_no_response_is_refused(wrong):
    with pytest.raises(FramingError):
        read([wrong])


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nid",
        b"HTTP/1.1 200 OK\r\nconnection: Close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nid\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    ],
)
def test_response_that_is_the_last_of_its_connection_says_so_for_any_split(response):
    """https://www.rfc-editor.org/rfc/rfc9112#section-9.6"""
    assert read([response])[1].closes
    assert read(response[n : n + 1] for n in range(len(response)))[1].closes


@pytest.mark.parametrize("response", [CHUNKS + b"0\r\n\r\n", SIZED])
def test_response_that_says_nothing_keeps_its_connection(response):
    assert not read([response])[1].closes
