"""The page of docs/howto/tokens.md whose cookie expires: as it stands there, in a real Chromium, over a real hub."""

from __future__ import annotations

import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import jwt
import pytest
from playwright.sync_api import expect

from browser.application import application
from docs.pages import page as page_of_docs
from integration.hub_process import HubProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEY = "a secret that publishers and subscribers share"
TOPIC = "https://example.com/users/7"
PATH = '"/.well-known/mercure"'
SECONDS = 20
SOON = 5  # seconds, enough for a page to open and for its first event to come
IN_TIME, AT_ONCE = "4000", "500"  # ms; how long the browser waits before it comes back: for a new cookie, or not


def token(*, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = (), seconds: float = 600) -> str:
    claims = {"mercure": {"publish": publish, "subscribe": subscribe}, "exp": time.time() + seconds}
    return jwt.encode(claims, KEY, algorithm="HS256")


class Session:
    """The application's `/session`: gives a new cookie, but not for the first requests, as many as `late`."""

    def __init__(self, late: int) -> None:
        self.late = late
        self.asked = 0
        self.was_asked = threading.Event()

    def __call__(self) -> str:
        self.asked += 1
        self.was_asked.set()
        return token(subscribe=(TOPIC,)) if self.asked > self.late else ""


@contextmanager
def hub_and_page(session: Session) -> Iterator[tuple[Callable[..., None], str]]:
    """Yield a way to publish private updates, and the address of the page, which is of another origin."""
    files: dict[str, tuple[str, bytes]] = {}
    with application(files, session) as origin, HubProcess("memory:", "--key", KEY, "--cors-origin", origin) as hub:
        url = f"{hub.url}.well-known/mercure"
        blocks = page_of_docs("docs/howto/tokens.md").blocks("html")
        code = next(block.text for block in blocks if PATH in block.text)
        files["/"] = ("text/html; charset=utf-8", b"<!doctype html>" + code.replace(PATH, f'"{url}"').encode())

        def publish(data: str, **fields: str) -> None:
            body = urllib.parse.urlencode({"topic": TOPIC, "data": data, "private": "on", **fields}).encode()
            headers = {"Authorization": f"Bearer {token(publish=('*',))}"}
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=SECONDS):
                pass

        yield publish, origin


def shown(page: Page) -> str:
    return page.locator("body").text_content().strip()


@pytest.mark.parametrize("late", [0, 1], ids=["in time", "after the browser was refused"])
def test_page_that_renews_its_cookie_when_its_stream_ends_loses_nothing(browser_page, late):
    """The second time the browser does not come back by itself: the page does, to where it was."""
    session = Session(late)
    with hub_and_page(session) as (publish, origin):
        statuses: list[int] = []
        browser_page.on(
            "response",
            lambda response: statuses.append(response.status) if "/mercure?" in response.url else None,
        )
        with browser_page.expect_response(lambda response: "/mercure?" in response.url):
            browser_page.goto(f"{origin}/?token={token(subscribe=(TOPIC,), seconds=SOON)}")
        publish("before ", retry=AT_ONCE if late else IN_TIME)
        expect(browser_page.locator("body")).to_contain_text("before")
        assert session.was_asked.wait(SECONDS)  # the stream has ended
        publish("meanwhile ")
        expect(browser_page.locator("body")).to_contain_text("meanwhile", timeout=20_000)
        publish("after")
        expect(browser_page.locator("body")).to_contain_text("after")

        assert shown(browser_page) == "before meanwhile after"
        assert statuses == [200, *[401] * late, 200]
        assert session.asked == 1 + late
