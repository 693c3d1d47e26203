"""What a page's script has kept of a stream: events in `window.received`, how often it opened in `window.openings`.

Not here: the scripts that keep it, which differ by client (the tests).
Rule that always holds: what does not come is not waited for without end, so that a test shows what came instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

MILLISECONDS = 20_000

RECEIVED = """
([count, milliseconds]) => new Promise(done => {
    const end = performance.now() + milliseconds;
    const isEnough = () => received.length >= count || performance.now() > end;
    const look = () => isEnough() ? done(received) : setTimeout(look, 10);
    look();
})
"""
OPENINGS = """
([count, milliseconds]) => new Promise(done => {
    const end = performance.now() + milliseconds;
    const isEnough = () => openings >= count || performance.now() > end;
    const look = () => isEnough() ? done(openings) : setTimeout(look, 10);
    look();
})
"""


def received(page: Page, count: int) -> list[list[str]]:
    """Wait for so many events, at most twenty seconds; return type, id and data of all that came."""
    return page.evaluate(RECEIVED, [count, MILLISECONDS])


def expect_openings(page: Page, count: int) -> None:
    """Wait until the stream was opened so often."""
    assert page.evaluate(OPENINGS, [count, MILLISECONDS]) == count
