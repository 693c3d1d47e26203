from __future__ import annotations

import pytest

from longwave.core.frame import Format
from longwave.server.drain import farewell


@pytest.mark.parametrize(
    ("form", "data"), [(Format.CHUNKED, b"c\r\nretry: 2000\n\r\n0\r\n\r\n"), (Format.BARE, b"retry: 2000\n")]
)
def test_farewell_tells_when_to_come_back_and_ends_the_body(form, data):
    assert farewell(form, 1, 0.5) == data


def test_many_clients_come_back_over_a_longer_time():
    assert farewell(Format.BARE, 20_000, 0.5) == b"retry: 6000\n"
