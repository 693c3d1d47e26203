"""examples/chat in a real Chromium, with its own server and a real hub, each in its process: people in pages."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import jwt
import pytest
from playwright.sync_api import expect

from docs.pages import Page
from integration.hub_process import HubProcess, free_port
from longwave.client import SyncPublisher
from meta.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext
    from playwright.sync_api import Page as Tab

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXAMPLE = ROOT / "examples" / "chat"
MARKUP = "<script>document.title='broken'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def origin() -> str:
    return f"http://127.0.0.1:{free_port()}"


def commands(origin: str) -> tuple[list[str], list[str]]:
    """The two commands of the example's page, for pages of this origin: arguments of `longwave serve`, of `python`."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8").replace("http://127.0.0.1:9000", origin)
    hub, server = map(shlex.split, Page("README.md", text).blocks("sh")[0].text.splitlines())
    assert hub[:2] == ["longwave", "serve"]
    assert server[0] == "python"
    return hub[2:], server[1:]


@pytest.fixture
def hub(origin: str, tmp_path: Path) -> Iterator[HubProcess]:
    """The hub as the example's page starts it; over a file, so that it can be killed and started again."""
    with HubProcess(f"sqlite:{tmp_path / 'log.db'}", *commands(origin)[0]) as hub:
        yield hub


@pytest.fixture
def start_chat(origin: str) -> Callable[[HubProcess], AbstractContextManager[str]]:
    """Run the chat's server over a hub, in `with`, which gives its address."""

    @contextmanager
    def start(hub: HubProcess) -> Iterator[str]:
        command = [sys.executable, *commands(origin)[1], "--port", origin.rpartition(":")[2], "--hub", hub.url]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline().startswith(f"Chat on {origin}/ ")
                yield origin
            finally:
                process.kill()

    return start


@pytest.fixture
def chat(hub: HubProcess, start_chat) -> Iterator[str]:
    """The address of the chat, whose server runs."""
    with start_chat(hub) as address:
        yield address


@pytest.fixture
def browser_profile(chromium: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """Make profiles, each of which has cookies of its own."""
    contexts = []

    def make() -> BrowserContext:
        contexts.append(chromium.new_context(viewport={"width": 1000, "height": 640}))
        contexts[-1].set_default_timeout(20_000)
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def enter(browser_profile, chat) -> Callable[[str], Tab]:
    """Sign in as somebody in a browser of their own; return the page once it is live and knows who is here."""

    return lambda name: sign_in(browser_profile(), chat, name)


def sign_in(profile: BrowserContext, chat: str, name: str) -> Tab:
    page = profile.new_page()
    page.goto(chat)
    page.get_by_label("Your name").fill(name)
    with page.expect_response(lambda response: "/subscriptions/" in response.url):
        page.get_by_role("button", name="Join").click()
    wait_until_live(page)
    return page


def wait_until_live(page: Tab) -> None:
    expect(page.locator("#state")).to_have_text("Live", timeout=20_000)


def say(page: Tab, text: str) -> None:
    """Send a message and wait until it is taken."""
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")


def expect_said(page: Tab, *messages: tuple[str, str]) -> None:
    """Wait until these are the messages on the page, all and in this order."""
    expect(page.locator(".message .text")).to_have_text([text for _, text in messages])
    expect(page.locator(".message .name")).to_have_text([name for name, _ in messages])


def expect_here(page: Tab, *names: str, within: int | None = None) -> None:
    """Wait until these are the people on the page; within: ms, where it may take longer than other things."""
    expect(page.locator("#people .name")).to_have_text(names, timeout=within)


def notices(page: Tab):
    return page.locator(".notice")


def texts(page: Tab) -> list[str]:
    """Messages and notices as they stand."""
    return page.locator("#messages :is(.text, .notice)").all_text_contents()


class TestTalking:
    def test_both_see_all_messages_in_the_same_order(self, enter):
        ada, bo = enter("Ada"), enter("Bo")
        said = []
        for number in range(5):
            for page, name in ((ada, "Ada"), (bo, "Bo")):
                say(page, f"{name} says {number}")
                said.append((name, f"{name} says {number}"))

        expect_said(ada, *said)
        expect_said(bo, *said)

    def test_reload_and_late_arrival_show_what_was_said(self, enter):
        ada = enter("Ada")
        said = [("Ada", f"message {number}") for number in range(20)]
        for _, text in said:
            say(ada, text)
        ada.reload()
        wait_until_live(ada)

        expect_said(ada, *said)
        expect_said(enter("Bo"), *said)

    def test_enter_sends_and_shift_enter_makes_a_line(self, enter):
        page = enter("Ada")
        field = page.get_by_label("Message", exact=True)
        expect(field).to_be_focused()
        field.press_sequentially("one")
        field.press("Shift+Enter")
        field.press_sequentially("two")
        field.press("Enter")

        expect(page.locator(".message .text")).to_have_text("one\ntwo", use_inner_text=True)

    def test_markup_in_names_and_messages_is_shown_as_text(self, enter):
        name = f"<b>{MARKUP[:30]}</b>"
        bad, good = enter(name), enter("Bo")
        say(bad, MARKUP)

        for page in (bad, good):
            expect_said(page, (name, MARKUP))
            expect(page.locator("#people .name")).to_contain_text([name])
            assert page.locator("#room :is(script, img, b)").count() == 0
            assert page.title() == "Chat"

    def test_hub_that_was_killed_gets_everybody_back_without_loss_or_repetition(self, enter, hub):
        ada, bo = enter("Ada"), enter("Bo")
        say(ada, "before")
        expect_said(bo, ("Ada", "before"))
        hub.kill()
        expect(ada.locator("#state")).to_have_text("Reconnecting")
        ada.get_by_label("Message", exact=True).fill("kept")
        ada.get_by_role("button", name="Send").click()
        expect(ada.get_by_role("alert")).to_have_text("The hub did not take the message.", timeout=20_000)
        hub.start()
        wait_until_live(ada)
        wait_until_live(bo)
        ada.get_by_role("button", name="Send").click()

        for page, names in ((ada, ("Ada", "Bo")), (bo, ("Bo", "Ada"))):
            expect_said(page, ("Ada", "before"), ("Ada", "kept"))
            expect_here(page, *names)
        expect(ada.get_by_role("alert")).to_have_count(0)


class TestPresence:
    def test_all_see_who_comes_and_who_left(self, enter):
        ada = enter("Ada")
        expect_here(ada, "Ada")
        bo = enter("Bo")
        expect_here(ada, "Ada", "Bo")
        expect_here(bo, "Bo", "Ada")
        expect(notices(ada)).to_have_text(["Bo is here"])
        bo.close()

        expect_here(ada, "Ada")
        expect(notices(ada)).to_have_text(["Bo is here", "Bo left"], timeout=20_000)

    def test_arrival_is_told_before_the_first_words(self, enter):
        ada, bo = enter("Ada"), enter("Bo")
        say(bo, "first")
        expect_said(ada, ("Bo", "first"))

        assert texts(ada) == ["Bo is here", "first"]

    def test_hub_that_forgot_everything_brings_nobodys_leaving(self, browser_profile, origin, start_chat):
        """Each comes back to it at another time; who was there before has not left, and not come."""
        with HubProcess("memory:", *commands(origin)[0]) as hub, start_chat(hub):
            ada, bo = (sign_in(browser_profile(), origin, name) for name in ("Ada", "Bo"))
            expect(notices(ada)).to_have_text(["Bo is here"])
            bo.context.set_offline(True)  # comes back later than Ada
            hub.kill()
            hub.start()
            expect(notices(ada)).to_have_text(["Bo is here", "Some messages are missing here"], timeout=20_000)
            expect_here(ada, "Ada")
            bo.context.set_offline(False)
            expect_here(ada, "Ada", "Bo", within=20_000)
            cy = sign_in(browser_profile(), origin, "Cy")  # what is to be told of the others is told before
            expect_here(cy, "Cy", "Ada", "Bo")

            missing = "Some messages are missing here"
            expect(notices(ada)).to_have_text(["Bo is here", missing, "Cy is here"])
            cy.close()
            expect(notices(ada)).to_have_text(["Bo is here", missing, "Cy is here", "Cy left"], timeout=20_000)

    def test_signing_out_leaves(self, enter):
        ada, bo = enter("Ada"), enter("Bo")
        say(bo, "I leave")
        expect_here(ada, "Ada", "Bo")
        bo.get_by_role("button", name="Sign out").click()
        expect(bo.get_by_label("Your name")).to_be_focused()

        expect_here(ada, "Ada")
        expect(bo.locator(".message")).to_have_count(0)
        bo.reload()
        expect(bo.get_by_label("Your name")).to_be_visible()

    def test_somebody_in_two_tabs_is_here_once_until_both_are_closed(self, enter):
        ada, bo = enter("Ada"), enter("Bo")
        second = bo.context.new_page()
        second.goto(bo.url)
        wait_until_live(second)
        expect_here(second, "Bo", "Ada")
        bo.close()
        say(second, "still here")
        expect_said(ada, ("Bo", "still here"))
        expect_here(ada, "Ada", "Bo")
        second.close()

        expect_here(ada, "Ada")

    def test_listener_without_a_name_is_nobody(self, enter, hub, origin):
        """Such as an operator who follows the room from a terminal."""
        key = commands(origin)[0][1]
        bearer = jwt.encode({"mercure": {"subscribe": ["*"]}}, key, algorithm="HS256")
        url = f"{hub.url}.well-known/mercure?topic=chat/lobby"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {bearer}"})
        with urllib.request.urlopen(request, timeout=10):
            ada = enter("Ada")
            enter("Bo")
            expect_here(ada, "Ada", "Bo")

    def test_who_left_while_the_hub_was_down_is_gone_within_a_minute(self, enter, hub):
        ada, bo = enter("Ada"), enter("Bo")
        expect_here(ada, "Ada", "Bo")
        hub.kill()
        bo.close()
        hub.start()
        wait_until_live(ada)

        expect_here(ada, "Ada", within=50_000)


PHONE = {"width": 390, "height": 780}
WITH_KEYBOARD = {"width": 390, "height": 480}
SIX_LINES = "\n".join(f"line {number}" for number in range(6))
FIELD_SHRINKS_BEFORE_A_MESSAGE = """() => {
  document.getElementById("text").value = "";
  document.getElementById("scroll").scrollTop; // makes the browser lay out
  const messages = document.getElementById("messages");
  messages.append(messages.lastElementChild.cloneNode(true));
}"""


class TestFollowing:
    @pytest.fixture
    def said(self, hub, origin) -> Callable[[Iterable[str]], None]:
        """Have these said by Bo, quicker than anybody types."""
        bearer = jwt.encode({"mercure": {"publish": ["*"]}}, commands(origin)[0][1], algorithm="HS256")

        def publish(texts: Iterable[str]) -> None:
            with SyncPublisher(f"{hub.url}events", token=bearer) as publisher:
                for text in texts:
                    publisher.publish("chat/lobby", {"user": "Bo", "text": text, "at": 0}, type="said", private=True)

        return publish

    @pytest.fixture
    def ada(self, enter, said) -> Tab:
        """With more than fits on a phone."""
        page = enter("Ada")
        page.set_viewport_size(PHONE)
        said(f"message {number}" for number in range(12))
        expect(page.locator(".message")).to_have_count(12)
        return page

    def test_last_message_is_in_view_after_a_long_one_and_with_a_keyboard(self, ada, enter):
        bo = enter("Bo")
        field = ada.get_by_label("Message", exact=True)
        field.press_sequentially(SIX_LINES.replace("\n", " " * 60))  # wraps, so that the field grows
        expect_last_in_view(ada, "message 11")
        field.fill(SIX_LINES)
        field.press("Enter")
        expect_last_in_view(ada, SIX_LINES)
        say(bo, "an answer")
        expect_last_in_view(ada, "an answer")
        ada.set_viewport_size(WITH_KEYBOARD)
        expect_last_in_view(ada, "an answer")
        say(bo, SIX_LINES)
        expect_last_in_view(ada, SIX_LINES)
        ada.reload()
        wait_until_live(ada)
        expect_last_in_view(ada, SIX_LINES)
        ada.set_viewport_size(PHONE)
        expect_last_in_view(ada, SIX_LINES)

    def test_somebody_who_scrolled_up_is_left_there_until_they_say_something(self, ada, enter):
        bo = enter("Bo")
        first = ada.locator(".message").first
        first.scroll_into_view_if_needed()
        say(bo, "an answer")
        expect(ada.locator(".message").last).to_contain_text("an answer")
        ada.set_viewport_size(WITH_KEYBOARD)
        expect(first).to_be_in_viewport()
        say(ada, "mine")
        expect_last_in_view(ada, "mine")
        say(bo, "once more")
        expect_last_in_view(ada, "once more")

    def test_list_that_the_field_makes_taller_is_not_scrolled_up_by_somebody(self, ada, enter):
        """The browser moves it and tells so later, when a long message may have come."""
        bo = enter("Bo")
        say(bo, SIX_LINES)
        expect_last_in_view(ada, SIX_LINES)
        ada.get_by_label("Message", exact=True).fill(SIX_LINES)
        expect_last_in_view(ada, SIX_LINES)
        ada.evaluate(FIELD_SHRINKS_BEFORE_A_MESSAGE)

        assert ada.locator(".message").count() == 14
        expect_last_in_view(ada, SIX_LINES)

    def test_last_message_is_in_view_when_the_oldest_are_dropped(self, ada, said):
        """One more and one less: the list has the size that it had."""
        said(f"quick {number}" for number in range(510))
        expect(ada.locator(".message .text").last).to_have_text("quick 509", timeout=20_000)
        assert ada.locator("#messages > *").count() == 500

        expect_last_in_view(ada, "quick 509")


def expect_last_in_view(page: Tab, text: str) -> None:
    last = page.locator("#messages > .message").last
    expect(last.locator(".text")).to_have_text(text, use_inner_text=True)
    expect(last).to_be_in_viewport(ratio=1)


class TestPage:
    def test_works_without_errors_under_its_content_security_policy(self, browser_profile, chat, hub):
        page = browser_profile().new_page()
        faults, requests = [], []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        response = page.goto(chat)
        page.get_by_label("Your name").fill("Ada")
        page.get_by_role("button", name="Join").click()
        wait_until_live(page)
        say(page, "hello")
        expect_said(page, ("Ada", "hello"))

        assert response.headers["content-security-policy"].startswith("connect-src 'self' ")
        assert faults == []
        assert {re.match(r"\w+://[^/]+/", url)[0] for url in requests} == {f"{chat}/", hub.url}

    def test_never_scrolls_sideways(self, enter):
        page = enter("W" * 40)
        say(page, "unbroken" * 100)
        expect(page.locator(".message")).to_have_count(1)

        for width in (320, 390, 768):
            page.set_viewport_size({"width": width, "height": 640})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    @pytest.mark.parametrize("length", [41, 20_000])
    def test_name_that_is_too_long_is_refused_and_kept(self, browser_page, chat, length):
        browser_page.goto(chat)
        browser_page.get_by_label("Your name").fill("n" * length)
        browser_page.get_by_role("button", name="Join").click()

        expect(browser_page.get_by_role("alert")).to_have_text("A name has 1 to 40 characters.")
        expect(browser_page.get_by_label("Your name")).to_have_value("n" * length)

    @pytest.mark.parametrize("length", [2001, 100_000])
    def test_message_that_is_too_long_is_refused_and_kept(self, enter, length):
        page = enter("Ada")
        page.get_by_label("Message", exact=True).fill("m" * length)
        page.get_by_role("button", name="Send").click()

        expect(page.get_by_role("alert")).to_have_text("A message has 1 to 2,000 characters.")
        expect(page.get_by_label("Message", exact=True)).to_have_value("m" * length)

    def test_another_host_name_leads_to_the_one_that_the_hub_knows(self, browser_page, chat):
        browser_page.goto(chat.replace("127.0.0.1", "localhost"))

        assert browser_page.url == f"{chat}/"


class TestAccess:
    def test_page_with_the_cookie_may_not_publish_as_somebody_else(self, enter, hub):
        page = enter("Ada")
        status = page.evaluate(
            "async url => (await fetch(url, {method: 'POST', credentials: 'include', body: new URLSearchParams("
            "{topic: 'chat/lobby', data: '{}', type: 'said'})})).status",
            f"{hub.url}.well-known/mercure",
        )

        assert status == 401

    def test_without_a_cookie_nothing_is_heard_and_nothing_said(self, chat, hub):
        stream = f"{hub.url}.well-known/mercure?topic=chat/lobby"
        people = f"{hub.url}.well-known/mercure/subscriptions/chat%2Flobby"

        assert status_of(stream) == 401
        assert status_of(people) == 401
        assert status_of(f"{chat}/messages", {"text": "hello"}) == 401

    def test_form_of_another_site_is_refused(self, chat):
        assert status_of(f"{chat}/session", {"user": "Ada"}, content_type="text/plain") == 400

    def test_what_is_no_name_is_refused(self, chat):
        for name in ("", "  ", "n" * 41, "a\x00b", 7, None):
            assert status_of(f"{chat}/session", {"user": name}) == 400


def status_of(url: str, content: object = None, content_type: str = "application/json") -> int:
    """The status of the answer; content: sent as JSON, None to get something."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
