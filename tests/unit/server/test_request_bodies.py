from __future__ import annotations

from longwave.server.request_bodies import RequestBodies


def test_bytes_are_taken_up_to_the_limit_and_freed():
    bodies = RequestBodies(10)

    assert bodies.take(10)
    assert not bodies.take(1)
    bodies.free(4)
    assert bodies.take(4)
    assert bodies.held == 10
