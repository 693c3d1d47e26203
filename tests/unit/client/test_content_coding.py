from __future__ import annotations

import gzip
import zlib

import pytest

from longwave.client.content_coding import ContentDecoder
from longwave.errors import RequestFailed

TEXT = b"data: 1\n\n" * 1000


def decoded(coding, data, limit, piece):
    """What comes out if `data` comes in pieces, and the longest that came out at once."""
    decoder, whole, longest, rest = ContentDecoder(coding), b"", 0, b""
    for start in range(0, len(data), piece):
        rest += data[start : start + piece]
        while rest:
            out, rest = decoder.decode(rest, limit)
            whole, longest = whole + out, max(longest, len(out))
    return whole, longest


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("GZip ", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_body_comes_out_whole_and_in_bounded_pieces(coding, data, piece):
    whole, longest = decoded(coding, data, 100, piece)

    assert whole == TEXT
    assert longest <= 100


def test_other_bytes_than_the_coding_s_break_the_connection():
    with pytest.raises(ConnectionError, match="expected a body in its content coding"):
        ContentDecoder("gzip").decode(TEXT, 100)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gz"])
def test_unknown_coding_is_refused(coding):
    with pytest.raises(RequestFailed, match="got the content coding"):
        ContentDecoder(coding)
