"""A browser's own EventSource, with nothing around it, against a real hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from browser.received import expect_openings, received
from integration.hub_process import HubProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOPIC = "t"
SOON = "100"  # ms; told by `retry`, so that the tests need not wait as long as a browser does by itself

SUBSCRIBE = """
types => new Promise(opened => {
    window.received = [];
    window.openings = 0;
    const source = new EventSource("/events?topic=t");
    for (const type of types) {
        source.addEventListener(type, event => received.push([event.type, event.lastEventId, event.data]));
    }
    source.onopen = () => { window.openings += 1; opened(); };
})
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def hub(log: Path) -> Iterator[HubProcess]:
    with HubProcess(f"sqlite:{log}") as hub:
        yield hub


def subscribe(page: Page, hub: HubProcess, *types: str) -> None:
    """Open the hub's own page and, on it, an EventSource that listens to these types of event."""
    page.goto(hub.url)
    page.evaluate(SUBSCRIBE, types)


def test_events_arrive_with_type_id_and_all_lines_of_data(browser_page, hub):
    subscribe(browser_page, hub, "message", "price")
    ids = [
        hub.publish(TOPIC, "plain"),
        hub.publish(TOPIC, "17", type="price"),
        hub.publish(TOPIC, "first\n\n  third\n"),
        hub.publish(TOPIC, "päivää \u2028 \N{GRINNING FACE}", id="chosen/1"),
        hub.publish(TOPIC, "nobody listens to this", type="unheard"),
        hub.publish(TOPIC, ""),
        hub.publish(TOPIC, "last"),
    ]

    assert ids[3] == "chosen/1"
    assert received(browser_page, 6) == [
        ["message", ids[0], "plain"],
        ["price", ids[1], "17"],
        ["message", ids[2], "first\n\n  third\n"],
        ["message", ids[3], "päivää \u2028 \N{GRINNING FACE}"],
        ["message", ids[5], ""],
        ["message", ids[6], "last"],
    ]


def test_restarted_hub_gets_its_browser_back_without_loss_or_repetition(browser_page, hub):
    """Also what was published while the browser could not be there: by a hub over the same file, elsewhere."""
    subscribe(browser_page, hub, "message", "gap")
    published = [[hub.publish(TOPIC, "before", retry=SOON), "before"]]
    received(browser_page, 1)
    for life in range(3):
        published += [[hub.publish(TOPIC, f"{life} at the end"), f"{life} at the end"] for _ in range(20)]
        hub.kill()
        with HubProcess(hub.log) as elsewhere:
            published += [[elsewhere.publish(TOPIC, f"{life} missed"), f"{life} missed"] for _ in range(20)]
        hub.start()
        published += [[hub.publish(TOPIC, f"{life} at the start"), f"{life} at the start"] for _ in range(20)]
        received(browser_page, len(published))
    published += [[hub.publish(TOPIC, "after"), "after"]]

    assert received(browser_page, len(published)) == [["message", *update] for update in published]
    expect_openings(browser_page, 4)


def test_browser_that_saw_no_event_yet_loses_none_over_a_restart(browser_page, hub):
    """It comes back after three seconds; what is published before must not be lost."""
    subscribe(browser_page, hub, "message", "gap")
    hub.kill()
    hub.start()
    missed = hub.publish(TOPIC, "before the browser is back")

    assert received(browser_page, 1) == [["message", missed, "before the browser is back"]]


def test_browser_is_told_when_the_history_was_lost(browser_page, hub, log):
    subscribe(browser_page, hub, "message", "gap")
    last = hub.publish(TOPIC, "of the first life", retry=SOON)
    received(browser_page, 1)
    hub.kill()
    for path in log.parent.glob(f"{log.name}*"):
        path.unlink()
    hub.start()
    told = received(browser_page, 2)
    assert [kind for kind, _, _ in told] == ["message", "gap"]
    _, gap_id, gap = told[1]
    first = hub.publish(TOPIC, "of the second life")

    assert json.loads(gap) == {"reason": "restarted", "from": last, "to": gap_id}
    assert received(browser_page, 3)[2] == ["message", first, "of the second life"]
    assert first.partition("-")[0] == gap_id.partition("-")[0] != last.partition("-")[0]
