"""The console page in a real Chromium against a real hub."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from browser.conftest import RunningHub

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MAX_ROWS = 500
LONGEST_TASK = 500  # ms of a processor; a person takes a page that does not answer for longer as stuck


def open_console(page: Page, url: str, **query: str) -> None:
    """Open the console and wait until it is subscribed."""
    page.goto(f"{url}?{urllib.parse.urlencode(query)}")
    expect(page.locator("#state")).to_have_attribute("data-state", "live")


def rows_with(page: Page, text: str) -> Locator:
    return page.locator("#events > li").filter(has_text=text)


def ids_of_rows(page: Page) -> list[str]:
    """Ids from the oldest row to the newest."""
    ids = page.eval_on_selector_all("#events > .event", "rows => rows.map(row => row.dataset.id)")
    return ids[::-1]


class TestLoading:
    def test_loads_without_errors_under_its_content_security_policy(self, browser_page, hub_url):
        faults = []
        browser_page.on("pageerror", lambda error: faults.append(str(error)))
        browser_page.on(
            "console",
            lambda message: faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        response = browser_page.goto(hub_url)
        expect(browser_page.locator("#state-text")).to_have_text("Live")
        browser_page.get_by_role("button", name="Publish", exact=True).click()
        expect(browser_page.locator("#events > .event").first).to_be_visible()
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert faults == []

    def test_asks_nobody_but_the_hub(self, browser_page, hub_url):
        requests = []
        browser_page.on("request", lambda request: requests.append(request.url))
        open_console(browser_page, hub_url, topic="loading/own")
        assert {urllib.parse.urlsplit(url).netloc for url in requests} == {urllib.parse.urlsplit(hub_url).netloc}

    def test_tells_a_newcomer_what_to_do(self, browser_page, hub_url):
        open_console(browser_page, hub_url, topic="loading/quiet")
        guide = browser_page.locator("#guide")
        expect(guide).to_contain_text("No events yet")
        expect(guide).to_contain_text(f"curl {hub_url}events")

    @pytest.mark.parametrize("width", [320, 390, 768, 1280])
    def test_never_scrolls_sideways(self, browser_page, hub, width):
        browser_page.set_viewport_size({"width": width, "height": 800})
        open_console(browser_page, hub.url, topic=f"loading/width/{width}")
        hub.publish(f"loading/width/{width}", "unbroken" * 200, type="t" * 80, id=f"{width}-" + "i" * 120)
        expect(browser_page.locator("#events > .event")).to_be_visible()
        assert browser_page.evaluate("document.documentElement.scrollWidth") <= width


class TestEvents:
    def test_a_published_event_appears_with_id_type_and_time(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="events/one")
        event_id = hub.publish("events/one", "first light", type="dawn")
        row = browser_page.locator("#events > .event")
        expect(row.locator(".id")).to_have_text(event_id)
        expect(row.locator(".badge")).to_have_text("dawn")
        expect(row.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
        expect(row.locator("pre")).to_have_text("first light")
        expect(browser_page.locator("#last-id")).to_have_text(event_id)
        expect(browser_page.locator("#guide")).to_be_hidden()

    def test_types_that_nobody_listed_appear(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="events/types")
        types = ["order.created", "møte", "error", "open", "a type with spaces"]
        for name in types:
            hub.publish("events/types", name, type=name)
        badges = browser_page.locator("#events .badge")
        expect(badges).to_have_text(types[::-1])

    def test_markup_in_any_field_is_shown_as_text(self, browser_page, hub):
        markup = "<img src=x onerror=alert(1)><b>bold</b>"
        open_console(browser_page, hub.url, topic="events/markup")
        hub.publish("events/markup", markup, type="<i>type</i>", id="<u>id</u>")
        hub.publish("events/markup", json.dumps({"<s>name</s>": markup}))
        expect(browser_page.locator("#events .event").nth(1).locator("pre")).to_have_text(markup)
        expect(browser_page.locator("#events .event").nth(0).locator("pre")).to_contain_text(markup)
        assert browser_page.locator("#events :is(img, b, i, u, s)").count() == 0

    def test_json_is_laid_out_without_changing_it(self, browser_page, hub):
        """Numbers too big for JavaScript and names that stand twice stay as they came."""
        data = (
            '{"id":12345678901234567890,"id":1.50,"text":"a: {b}, \\"c\\"","none":[],"list":[1,{"deep":null}],"e":"é"}'
        )
        open_console(browser_page, hub.url, topic="events/json")
        hub.publish("events/json", data)
        pre = browser_page.locator("#events pre")
        expect(pre).to_contain_text("\n  ")
        shown = pre.text_content()
        assert re.sub(r'("(?:[^"\\]|\\.)*")|\s+', r"\1", shown) == data

    def test_long_data_is_cut_until_asked_for(self, browser_page, hub):
        data = "0123456789" * 3000
        open_console(browser_page, hub.url, topic="events/long")
        hub.publish("events/long", data)
        pre = browser_page.locator("#events pre")
        expect(pre).to_be_visible()
        assert len(pre.text_content()) < len(data) / 2
        browser_page.get_by_role("button", name="Show all 30,000 characters").click()
        assert pre.text_content() == data
        browser_page.get_by_role("button", name="Show less").click()
        assert len(pre.text_content()) < len(data) / 2

    def test_pause_holds_events_back_and_resume_shows_them(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="events/pause")
        browser_page.get_by_role("button", name="Pause", exact=True).click()
        ids = [hub.publish("events/pause", str(number)) for number in range(3)]
        expect(browser_page.locator("#kept")).to_have_text("paused, 3 waiting")
        assert ids_of_rows(browser_page) == []
        browser_page.get_by_role("button", name="Resume", exact=True).click()
        expect(browser_page.locator("#events > .event")).to_have_count(3)
        assert ids_of_rows(browser_page) == ids

    def test_clear_empties_the_list_only(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="events/clear")
        hub.publish("events/clear", "before")
        expect(rows_with(browser_page, "before")).to_be_visible()
        browser_page.get_by_role("button", name="Clear", exact=True).click()
        expect(browser_page.locator("#events > li")).to_have_count(0)
        hub.publish("events/clear", "after")
        expect(rows_with(browser_page, "after")).to_be_visible()
        expect(browser_page.locator("#count")).to_have_text("2")

    def test_two_thousand_events_keep_the_newest_rows_and_a_page_that_answers(self, browser_page, hub):
        """Its tasks are measured by the processor's time: a clock would measure what else the machine does."""
        browser = browser_page.context.browser
        browser.start_tracing(page=browser_page, categories=["toplevel"])
        open_console(browser_page, hub.url, topic="events/flood")
        browser_page.evaluate(
            "window.most = 0; new MutationObserver(() => { most = Math.max(most, events.childElementCount); })"
            ".observe(document.getElementById('events'), { childList: true })"
        )
        ids = publish_many(hub, "events/flood", 2000)
        expect(browser_page.locator("#count")).to_have_text("2,000")
        expect(browser_page.locator("#events > .event").first).to_have_attribute("data-id", ids[-1])
        assert ids_of_rows(browser_page) == ids[-MAX_ROWS:]
        assert browser_page.evaluate("most") == MAX_ROWS
        tasks = tasks_of_pages(json.loads(browser.stop_tracing())["traceEvents"])
        assert len(tasks) > 100
        assert max(tasks) < LONGEST_TASK


def tasks_of_pages(trace: list[dict]) -> list[float]:
    """What each task of the threads that run pages took of a processor, in milliseconds."""
    threads = {
        (one["pid"], one["tid"])
        for one in trace
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    tasks = [one for one in trace if one["name"] == "ThreadControllerImpl::RunTask"]
    return [task.get("tdur", 0) / 1000 for task in tasks if (task["pid"], task["tid"]) in threads]


def publish_many(hub: RunningHub, topic: str, number: int) -> list[str]:
    """Publish one after another over one connection; returns the ids."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(hub.url).netloc, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    ids = []
    for place in range(number):
        body = urllib.parse.urlencode({"topic": topic, "data": json.dumps({"place": place}), "type": f"t{place % 7}"})
        connection.request("POST", "/events", body, headers)
        ids.append(connection.getresponse().read().decode().strip())
    connection.close()
    return ids


class TestTopics:
    def test_chips_change_the_subscription_and_the_address(self, browser_page, hub):
        browser_page.goto(hub.url)
        field = browser_page.get_by_label("Add a topic or a URI template")
        for topic in ("topics/a", "topics/{id}/b"):
            field.fill(topic)
            field.press("Enter")
        assert topics_in_address(browser_page) == ["topics/a", "topics/{id}/b"]
        expect(browser_page.locator("#state-text")).to_have_text("Live")
        hub.publish("topics/c", "not asked for")
        hub.publish("topics/a", "exact")
        expect(rows_with(browser_page, "exact")).to_be_visible()
        expect(browser_page.locator("#events > li")).to_have_count(1)
        browser_page.get_by_role("button", name="Remove topics/a").click()
        assert topics_in_address(browser_page) == ["topics/{id}/b"]

    def test_a_template_selects_the_topics_it_matches(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="topics/{id}/t")
        hub.publish("topics/x", "not matched")
        hub.publish("topics/7/t", "matched")
        expect(rows_with(browser_page, "matched")).to_have_count(1)
        expect(rows_with(browser_page, "matched").locator("pre")).to_have_text("matched")

    def test_a_shared_link_opens_the_same_subscription(self, browser_page, hub):
        hub.publish("topics/kept", "from before")
        query = urllib.parse.urlencode([("topic", "topics/kept"), ("topic", "topics/x"), ("lastEventID", "earliest")])
        browser_page.goto(f"{hub.url}?{query}")
        expect(browser_page.locator(".chip-text")).to_have_text(["topics/kept", "topics/x"])
        expect(rows_with(browser_page, "from before")).to_be_visible()

    def test_everything_kept_asks_for_history(self, browser_page, hub):
        hub.publish("topics/history", "long ago")
        open_console(browser_page, hub.url, topic="topics/history")
        browser_page.get_by_label("From").select_option("everything kept")
        expect(rows_with(browser_page, "long ago")).to_be_visible()
        expect(browser_page).to_have_url(re.compile("lastEventID=earliest"))

    def test_the_last_chip_removed_leaves_every_topic(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="topics/only")
        browser_page.get_by_label("Add a topic or a URI template").press("Backspace")
        expect(browser_page.locator(".chip-text")).to_have_text("*")
        assert topics_in_address(browser_page) == []

    def test_a_refused_subscription_says_why_and_does_not_come_back(self, browser_page, hub):
        browser_page.goto(f"{hub.url}?topic=topics/%00")
        expect(browser_page.locator("#state-text")).to_have_text("Stopped")
        sentence = refusal_of(hub, "topics/\0")
        expect(browser_page.locator("#trouble-text")).to_have_text(f"400: {sentence}")
        expect(browser_page.get_by_role("button", name="Try again")).to_be_visible()


def refusal_of(hub: RunningHub, selector: str) -> str:
    """The sentence with which the hub refuses a subscription."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(hub.url).netloc, timeout=10)
    connection.request("GET", f"/events?{urllib.parse.urlencode({'topic': selector})}")
    sentence = connection.getresponse().read().decode().strip()
    connection.close()
    return sentence


def topics_in_address(page: Page) -> list[str]:
    """Topics of the address as the page sees it; `page.url` is told later."""
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.evaluate("location.href")).query).get("topic", [])


class TestPublishing:
    def test_the_form_publishes_and_shows_the_id(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="form/one")
        browser_page.get_by_label("Type").fill("greeting")
        browser_page.get_by_label("Data").fill("line one\nline two & more=yes")
        browser_page.get_by_label("Id", exact=False).last.fill("form-id-1")
        browser_page.get_by_role("button", name="Publish", exact=True).click()
        expect(browser_page.locator("#published")).to_have_text("Published as form-id-1")
        row = browser_page.locator("#events > .event")
        expect(row).to_have_attribute("data-id", "form-id-1")
        expect(row.locator(".badge")).to_have_text("greeting")
        assert row.locator("pre").text_content() == "line one\nline two & more=yes"

    def test_ctrl_enter_publishes_once_from_any_field(self, browser_page, hub):
        open_console(browser_page, hub.url, topic="form/keys")
        for place, label in enumerate(("Topic", "Data")):
            browser_page.locator("#publish").get_by_label(label).press("Control+Enter")
            expect(browser_page.locator("#events > .event")).to_have_count(place + 1)
        expect(browser_page.locator("#count")).to_have_text("2")

    def test_a_refused_publish_says_why(self, browser_page, hub):
        hub.publish("form/twice", "first", id="form-id-twice")
        open_console(browser_page, hub.url, topic="form/twice")
        browser_page.locator("#publish-id").fill("form-id-twice")
        browser_page.get_by_role("button", name="Publish", exact=True).click()
        expect(browser_page.locator("#published")).to_have_text(re.compile(r"^4\d\d: .*form-id-twice"))

    @pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on the PATH")
    @pytest.mark.parametrize(
        "data",
        [
            "plain",
            "",
            'it\'s $HOME `id` "quoted" \\ !x',
            "a=b&c=d+e%20f;#?",
            "@/etc/hostname",
            "two\nlines",
            "snow ☃ 雪",
        ],
    )
    def test_the_curl_line_does_what_the_form_does(self, browser_page, hub, data):
        topic = "form/curl with 'quotes'"
        open_console(browser_page, hub.url, topic=topic)
        browser_page.get_by_label("Data").fill(data)
        browser_page.get_by_label("Type").fill("from curl")
        line = browser_page.locator("#curl").text_content()
        subprocess.run(["sh", "-c", line], check=True, capture_output=True, timeout=20)
        row = browser_page.locator("#events > .event")
        expect(row.locator(".badge")).to_have_text("from curl")
        assert row.locator("pre").text_content() == (data or "no data")


class TestReconnecting:
    def test_after_a_killed_hub_the_page_shows_what_it_missed_once(self, browser_page, restart_hub):
        """The page is kept offline while the hub comes back, so that it does miss something."""
        hub = restart_hub("sqlite")
        open_console(browser_page, hub.url, topic="back")
        ids = [hub.publish("back", f"before {number}") for number in range(3)]
        expect(browser_page.locator("#events > .event")).to_have_count(3)
        hub.kill()
        expect(browser_page.locator("#state")).to_have_attribute("data-state", "waiting")
        expect(browser_page.locator("#state-text")).to_have_text(re.compile(r"Reconnecting in \d+ s"))
        browser_page.context.set_offline(True)
        hub = restart_hub("sqlite")
        ids += [hub.publish("back", f"missed {number}") for number in range(5)]
        browser_page.context.set_offline(False)
        expect(browser_page.locator("#state-text")).to_have_text("Live")
        ids.append(hub.publish("back", "after"))
        expect(rows_with(browser_page, "after")).to_be_visible()
        assert ids_of_rows(browser_page) == ids

    def test_a_log_that_began_anew_is_said_in_plain_words(self, browser_page, restart_hub):
        hub = restart_hub("memory")
        open_console(browser_page, hub.url, topic="gap")
        hub.publish("gap", "of the first log")
        expect(browser_page.locator("#events > .event")).to_have_count(1)
        hub.kill()
        hub = restart_hub("memory")
        notice = browser_page.locator("#events > .gap")
        expect(notice).to_contain_text(re.compile("The hub.s log began anew"))


STREAMS = {
    "LF": ("data: a\n\n", ["message//a"]),
    "CR": ("data: a\r\rdata: b\r\r", ["message//a", "message//b"]),
    "CRLF": ("data: a\r\n\r\ndata: b\r\n\r\n", ["message//a", "message//b"]),
    "mixed line ends": ("data: a\r\ndata: b\ndata: c\r\r\n", ["message//a\nb\nc"]),
    "comments": (":\n:\n: c\ndata: a\n\n", ["message//a"]),
    "empty data": ("data\n\ndata:\n\ndata\ndata\n\n", ["message//", "message//", "message//\n"]),
    "a type without data is forgotten": ("event: x\n\ndata: a\n\n", ["message//a"]),
    "a type is for one event": ("event: x\ndata: a\n\ndata: b\n\n", ["x//a", "message//b"]),
    "ids stay": ("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", ["message/1/a", "message/1/b", "message//c"]),
    "an id with NUL is ignored": ("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", ["message/1/a", "message/1/b"]),
    "one space is taken off": ("data:  a\ndata:b:c\n\n", ["message// a\nb:c"]),
    "unknown fields": ("Data: a\ndata : b\ndatum: c\nretry: 10x\ndata: d\n\n", ["message//d"]),
    "an unfinished event is dropped": ("data: a\n\ndata: unfinished\n", ["message//a"]),
    "other line separators are data": ("data: a\u2028b\x0bc\x85d\n\n", ["message//a\u2028b\x0bc\x85d"]),
}  # name: stream, events as type/id/data

PARSE = """async ([stream, size]) => {
    const { EventStreamParser } = await import(new URL("console.js", document.baseURI));
    const parser = new EventStreamParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.feed(stream.slice(at, at + size)));
    const written = events.map(({ type, id, data }) => `${type}/${id}/${data}`);
    return { events: written, retry: parser.retry, last: parser.lastEventId };
}"""


class TestParser:
    @pytest.fixture
    def parse(self, browser_page, hub_url):
        browser_page.goto(hub_url)
        return lambda stream, size: browser_page.evaluate(PARSE, [stream, size])

    @pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS)
    def test_follows_the_standard_in_pieces_of_any_size(self, parse, stream, events):
        for size in (1, 2, 3, 5, len(stream)):
            assert parse(stream, size)["events"] == events, f"in pieces of {size}"

    def test_takes_retry_and_an_id_without_data(self, parse):
        answer = parse("retry: 2500\nid: 7\n\nid: 8\n", 4)
        assert (answer["retry"], answer["last"], answer["events"]) == (2500, "7", [])
