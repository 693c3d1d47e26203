"""The console page on hubs with a key: what it says without a token, does with one, and never shows of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import jwt
import pytest
from playwright.sync_api import expect

from integration.hub_process import ENVIRONMENT, HubProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEY = "a secret that publishers and subscribers share"
SOON = 20_000  # ms


@pytest.fixture(scope="module")
def hub() -> Iterator[HubProcess]:
    """For all tests; each has topics of its own."""
    with HubProcess("memory:", "--key", KEY) as hub:
        yield hub


def token(*, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = (), seconds: float = 600) -> str:
    claims = {"mercure": {"publish": publish, "subscribe": subscribe}, "exp": time.time() + seconds}
    return jwt.encode(claims, KEY, algorithm="HS256")


def publish(hub: HubProcess, topic: str, data: str, **fields: str) -> str:
    """Publish as a server does, and return the id."""
    body = urllib.parse.urlencode({"topic": topic, "data": data, **fields}).encode()
    headers = {"Authorization": f"Bearer {token(publish=('*',))}"}
    with urllib.request.urlopen(urllib.request.Request(f"{hub.url}events", body, headers), timeout=10) as response:
        return response.read().decode()


def open_console(page: Page, hub: HubProcess, state: str, **query: str) -> None:
    page.goto(f"{hub.url}?{urllib.parse.urlencode(query)}")
    expect_state(page, state)


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", state, timeout=SOON)


def use_token(page: Page, text: str) -> None:
    """Put it into the field, which shows itself where the hub wants a token."""
    if not page.locator("#token").is_visible():
        page.locator("#access-toggle").click()
    page.get_by_label("Token", exact=True).fill(text)
    page.get_by_role("button", name="Use", exact=True).click()


def expect_rows(page: Page, *data: str) -> None:
    """Wait until these are the events on the page, from the newest to the oldest."""
    expect(page.locator("#events > .event pre")).to_have_text(data)


class TestWithoutToken:
    def test_console_says_that_one_is_needed_and_shows_how_to_make_it(self, browser_page, hub):
        open_console(browser_page, hub, "stopped", topic="need/{id}")
        expect(browser_page.locator("#trouble-text")).to_have_text(re.compile("^401: .*wants a token.*longwave token"))
        expect(browser_page.get_by_label("Token", exact=True)).to_be_visible()
        browser_page.locator("#publish-topic").fill("need/it's")

        command = browser_page.locator("#token-command").text_content()
        assert shlex.split(command)[-4:] == ["--subscribe", "need/{id}", "--publish", "need/it's"]

    def test_form_says_so_where_only_publishing_needs_one(self, browser_page):
        with HubProcess("memory:", "--publisher-key", KEY, "--anonymous") as hub:
            open_console(browser_page, hub, "live")
            expect(browser_page.get_by_label("Token", exact=True)).to_be_hidden()
            browser_page.get_by_role("button", name="Publish", exact=True).click()
            expect(browser_page.locator("#published")).to_have_text(re.compile("^401: .*wants a token"))
            use_token(browser_page, token(publish=("news",)))
            expect_state(browser_page, "live")
            browser_page.get_by_role("button", name="Publish", exact=True).click()
            expect(browser_page.locator("#published")).to_have_text(re.compile("^Published as "))
            expect(browser_page.locator("#events > .event")).to_have_count(1)

    def test_open_hub_is_shown_as_one_that_needs_none(self, browser_page):
        with HubProcess("memory:") as hub:
            open_console(browser_page, hub, "live")

            expect(browser_page.get_by_label("Token", exact=True)).to_be_hidden()
            expect(browser_page.locator("#curl")).not_to_contain_text("Authorization")


class TestWithToken:
    def test_token_of_the_command_that_the_page_shows_subscribes_and_publishes(self, browser_page, hub, tmp_path):
        (tmp_path / "hub.key").write_text(KEY)
        open_console(browser_page, hub, "stopped", topic="made")
        program, *arguments = shlex.split(browser_page.locator("#token-command").text_content())
        assert program == "longwave"
        made = run([sys.executable, "-m", program, *arguments], tmp_path)
        use_token(browser_page, made)
        expect_state(browser_page, "live")
        browser_page.get_by_label("Data").fill("for bearers")
        browser_page.get_by_label("Private").check()
        browser_page.get_by_role("button", name="Publish", exact=True).click()

        expect_rows(browser_page, "for bearers")
        expect(browser_page.locator("#published")).to_have_text(re.compile("^Published as "))

    def test_private_updates_are_shown_where_they_are_granted_live_and_of_the_history(self, browser_page, hub):
        selection = {"topic": "private/{id}", "lastEventID": "earliest"}
        publish(hub, "private/granted", "old and granted", private="on")
        publish(hub, "private/other", "old and secret", private="on")
        publish(hub, "private/other", "old and public")
        open_console(browser_page, hub, "stopped", **selection)
        use_token(browser_page, token(subscribe=("private/granted",)))
        expect_state(browser_page, "live")
        publish(hub, "private/other", "secret", private="on")
        publish(hub, "private/granted", "granted", private="on")
        expect_rows(browser_page, "granted", "old and public", "old and granted")
        use_token(browser_page, token(subscribe=("*",)))
        expect_rows(browser_page, "granted", "secret", "old and public", "old and secret", "old and granted")
        browser_page.locator("#access-toggle").click()
        browser_page.get_by_role("button", name="Forget").click()

        expect_state(browser_page, "stopped")
        expect_rows(browser_page)

    def test_refused_token_leads_to_the_reason_in_the_hubs_log(self, browser_page, hub):
        open_console(browser_page, hub, "stopped", topic="refused")
        use_token(browser_page, token(subscribe=("*",), seconds=-60))
        sentence = browser_page.locator("#trouble-text")
        expect(sentence).to_contain_text("does not take this token")
        request = re.search(r"at request (\w+)", sentence.text_content())[1]

        assert "expired" in next(line for line in hub.messages.splitlines() if f"(request {request})" in line)

    def test_publishing_to_a_topic_that_is_not_granted_says_so(self, browser_page, hub):
        open_console(browser_page, hub, "stopped", topic="uncovered")
        use_token(browser_page, token(subscribe=("*",), publish=("another",)))
        expect_state(browser_page, "live")
        browser_page.get_by_role("button", name="Publish", exact=True).click()

        expect(browser_page.locator("#published")).to_have_text(re.compile("^401: .*not for this"))
        expect_state(browser_page, "live")

    def test_fresh_token_in_place_of_an_expired_one_loses_nothing(self, browser_page, hub):
        open_console(browser_page, hub, "stopped", topic="renewed")
        use_token(browser_page, token(subscribe=("renewed",), seconds=5))
        expect_state(browser_page, "live")
        publish(hub, "renewed", "before", private="on")
        expect_rows(browser_page, "before")
        expect_state(browser_page, "stopped")
        publish(hub, "renewed", "meanwhile", private="on")
        use_token(browser_page, token(subscribe=("renewed",)))

        expect_rows(browser_page, "meanwhile", "before")

    def test_token_is_in_no_address_no_storage_and_no_text(self, browser_page, hub):
        secret = token(publish=("*",), subscribe=("*",))
        addresses, said = [], []
        browser_page.on("request", lambda request: addresses.append(request.url))
        browser_page.on("console", lambda message: said.append(message.text))
        open_console(browser_page, hub, "stopped", topic="kept")
        use_token(browser_page, f"Authorization: Bearer {secret} ")
        expect_state(browser_page, "live")
        browser_page.get_by_label("From").select_option("everything kept")
        browser_page.get_by_role("button", name="Publish", exact=True).click()
        expect(browser_page.locator("#events > .event")).to_have_count(1)
        signature = secret.rpartition(".")[2]
        stored = browser_page.evaluate("JSON.stringify([localStorage, sessionStorage, history.state, document.cookie])")

        assert not [text for text in (*addresses, *said, browser_page.url, stored) if signature in text]
        assert signature not in browser_page.content()
        assert browser_page.locator("#token").input_value() == ""
        assert signature not in hub.messages
        browser_page.reload()
        expect_state(browser_page, "stopped")

    def test_what_is_no_token_is_not_sent(self, browser_page, hub):
        open_console(browser_page, hub, "stopped", topic="typed")
        sent = []
        browser_page.on("request", lambda request: sent.append(request.url))
        for text in ("", "päivää", "two.parts", "a.b.c d.e.f"):
            use_token(browser_page, text)
            assert browser_page.locator("#token:invalid").count() == 1

        assert sent == []
        expect(browser_page.locator("#access-toggle")).to_have_text("Token: none")

    @pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on the PATH")
    def test_curl_line_does_what_the_form_does_with_the_token_of_the_shell(self, browser_page, hub, tmp_path):
        secret = token(publish=("*",), subscribe=("*",))
        open_console(browser_page, hub, "stopped", topic="curl/line")
        use_token(browser_page, secret)
        expect_state(browser_page, "live")
        browser_page.get_by_label("Data").fill("by curl")
        line = browser_page.locator("#curl").text_content()
        run(["sh", "-c", line], tmp_path, TOKEN=secret)

        expect_rows(browser_page, "by curl")


class TestPath:
    def test_cookie_counts_at_the_path_of_the_protocol(self, browser_page, hub):
        """Browsers send it there, and not to `/events`."""
        cookie = {"name": "mercureAuthorization", "value": token(subscribe=("cookie",)), "httpOnly": True}
        browser_page.context.add_cookies([{**cookie, "domain": "127.0.0.1", "path": "/.well-known/mercure"}])
        open_console(browser_page, hub, "stopped", topic="cookie")
        browser_page.get_by_label("Path").select_option("/.well-known/mercure")
        expect_state(browser_page, "live")
        publish(hub, "cookie", "for its bearer", private="on")
        expect_rows(browser_page, "for its bearer")
        expect(browser_page.locator("#curl")).to_contain_text(f"{hub.url}.well-known/mercure")
        browser_page.reload()
        expect_state(browser_page, "live")

        assert urllib.parse.parse_qs(urllib.parse.urlsplit(browser_page.url).query) == {
            "topic": ["cookie"],
            "path": [".well-known/mercure"],
        }


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_never_scrolls_sideways(browser_page, hub, width):
    browser_page.set_viewport_size({"width": width, "height": 800})
    open_console(browser_page, hub, "stopped", topic="unbroken" * 30)

    assert browser_page.evaluate("document.documentElement.scrollWidth") <= width


def run(command: list[str], folder: Path, **variables: str) -> str:
    environment = {**os.environ, **ENVIRONMENT, **variables}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, encoding="utf-8", timeout=20
    )
    return done.stdout.strip()
