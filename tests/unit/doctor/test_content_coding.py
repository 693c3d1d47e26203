"""Compressed bodies become readable byte by byte, and never more than asked for."""

from __future__ import annotations

import gzip
import zlib

import pytest

from longwave.doctor.content_coding import Decoder

TEXT = b"data: hello\n\n" * 20


@pytest.mark.parametrize(
    ("coding", "coded"),
    [("", TEXT), ("identity", TEXT), ("GZIP ", gzip.compress(TEXT, mtime=0)), ("deflate", zlib.compress(TEXT))],
)
def test_a_known_coding_is_undone_however_the_bytes_are_cut(coding, coded):
    decoder = Decoder(coding)
    assert b"".join(decoder.feed(coded[i : i + 1], 1000) for i in range(len(coded))) == TEXT
    assert decoder.readable


def test_what_was_flushed_comes_at_once():
    compressor = zlib.compressobj(wbits=31)
    flushed = compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert Decoder("gzip").feed(flushed, 1000) == TEXT


def test_no_more_comes_out_than_asked_for():
    assert Decoder("gzip").feed(gzip.compress(bytes(10_000_000)), 100) == bytes(100)


@pytest.mark.parametrize(("coding", "coded"), [("br", b"x"), ("gzip, gzip", b"x"), ("gzip", b"no gzip at all")])
def test_what_cannot_be_undone_is_not_readable(coding, coded):
    decoder = Decoder(coding)
    assert decoder.feed(coded, 100) == b""
    assert decoder.feed(coded, 100) == b""
    assert not decoder.readable
