from __future__ import annotations

import pytest

from longwave.client.header_fields import read_fields


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ([], {}),
        ([(b"Content-Type", b"text/event-stream")], {"content-type": "text/event-stream"}),
        ([(b"Vary", b"a"), (b"vary", b"b"), (b"VARY", b"c")], {"vary": "a, b, c"}),
        ([(b"Last-Event-ID", "\u2026".encode())], {"last-event-id": "\u2026"}),
        ([(b"X", b"caf\xe9")], {"x": "caf\u00e9"}),
        ([(b"X", b"")], {"x": ""}),
    ],
)
def test_fields_are_read_by_lower_case_name(raw, fields):
    assert read_fields(raw) == fields
