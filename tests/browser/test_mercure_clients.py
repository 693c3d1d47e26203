"""Browser clients of the Mercure protocol that this project did not write, unchanged, in a real Chromium.

Each is tried from a page of another origin than the hub's, as pages are: EventSource with the cookie that the
application gave, libraries with the header. Then what the protocol's authors ask of a hub, from the hub's own page.
The libraries are in vendor/. Protocol: https://mercure.rocks/spec (draft 07).
"""

from __future__ import annotations

import hashlib
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jwt
import pytest
from playwright.sync_api import Error

from browser.application import BLANK_PAGE, application
from browser.received import expect_openings, received
from integration.hub_process import HubProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VENDOR = Path(__file__).with_name("vendor")
KEY = "a secret that publishers and subscribers share"
TOPIC = "https://example.com/books/{id}"
BOOK = "https://example.com/books/1"
ELSEWHERE = "https://example.com/authors/1"
SOON = "100"  # ms; told by `retry`, so that the tests need not wait as long as a client does by itself

# Each takes {url, token}, resolves once the stream is open, and rejects if the hub refuses it.
WITH_EVENTSOURCE = """
({url}) => new Promise((opened, refused) => {
    const source = new EventSource(url, {withCredentials: true});
    const keep = event => received.push([event.type, event.lastEventId, event.data]);
    for (const type of ["message", "price", "gap"]) source.addEventListener(type, keep);
    source.onopen = () => { window.openings += 1; opened(); };
    source.onerror = () => { if (!openings) { source.close(); refused(new Error("refused")); } };
})
"""
WITH_POLYFILL = """
async ({url, token}) => {
    const script = document.createElement("script");
    script.src = "/vendor/event-source-polyfill/eventsource.min.js";
    const loaded = new Promise(loaded => { script.onload = loaded; });
    document.head.append(script);
    await loaded;
    await new Promise((opened, refused) => {
        const source = new EventSourcePolyfill(url, {headers: token && {Authorization: `Bearer ${token}`}});
        const keep = event => received.push([event.type, event.lastEventId, event.data]);
        for (const type of ["message", "price", "gap"]) source.addEventListener(type, keep);
        source.onopen = () => { window.openings += 1; opened(); };
        source.onerror = () => { if (!openings) { source.close(); refused(new Error("refused")); } };
    });
}
"""
WITH_FETCH_EVENT_SOURCE = """
async ({url, token}) => {
    const {fetchEventSource} = await import("/vendor/fetch-event-source/index.js");
    await new Promise((opened, refused) => fetchEventSource(url, {
        headers: token && {Authorization: `Bearer ${token}`},
        async onopen(response) {
            if (!response.ok) throw new Error(response.status);
            window.openings += 1;
            opened();
        },
        onmessage(event) { received.push([event.event || "message", event.id, event.data]); },
        onerror(error) { if (!openings) throw new Error("refused"); },
    }).catch(refused));
}
"""
CLIENTS = {
    "EventSource": WITH_EVENTSOURCE,
    "event-source-polyfill": WITH_POLYFILL,
    "fetch-event-source": WITH_FETCH_EVENT_SOURCE,
}

# Resolves with what a page is let know of the answer; null if nothing.
PUBLISH = """
async ({url, fields, headers, credentials}) => {
    try {
        const body = new URLSearchParams(fields);
        const response = await fetch(url, {method: "POST", body, headers, credentials});
        return {status: response.status, type: response.headers.get("content-type"), body: await response.text()};
    } catch {
        return null;
    }
}
"""


def token(
    *, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = (), seconds: float = 600, key: str = KEY
) -> str:
    claims = {"mercure": {"publish": publish, "subscribe": subscribe}, "exp": time.time() + seconds}
    return jwt.encode(claims, key, algorithm="HS256")


def application_files() -> dict[str, tuple[str, bytes]]:
    """Content type and content by path; scripts also without their suffix, as bundlers find `import "./parse"`."""
    scripts = {f"/vendor/{path.relative_to(VENDOR)}": path.read_bytes() for path in VENDOR.rglob("*.js")}
    scripts |= {path.removesuffix(".js"): content for path, content in scripts.items()}
    return {"/": ("text/html", BLANK_PAGE)} | {path: ("text/javascript", text) for path, text in scripts.items()}


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The application that the hub was told about."""
    with application(application_files()) as origin:
        yield origin


@pytest.fixture(scope="module")
def strange_origin() -> Iterator[str]:
    """Another one, that it was not."""
    with application(application_files()) as origin:
        yield origin


@dataclass(frozen=True)
class Hub:
    """A hub with a key, and its process, which can be killed and started again."""

    process: HubProcess

    @property
    def url(self) -> str:
        return f"{self.process.url}.well-known/mercure"

    def publish(self, topic: str, data: str, **fields: str) -> str:
        """Publish as a server does, with the header, and return the id."""
        body = urllib.parse.urlencode({"topic": topic, "data": data, **fields}).encode()
        headers = {"Authorization": f"Bearer {token(publish=('*',))}"}
        with urllib.request.urlopen(urllib.request.Request(self.url, body, headers), timeout=10) as response:
            return response.read().decode()


@pytest.fixture
def hub(tmp_path: Path, origin: str) -> Iterator[Hub]:
    options = ("--key", KEY, "--cors-origin", origin, "--publish-origin", origin)
    with HubProcess(f"sqlite:{tmp_path / 'log.db'}", *options) as process:
        yield Hub(process)


def open_page(page: Page, origin: str, cookie: str = "") -> None:
    """Open the application's page, which gives the browser the cookie."""
    page.goto(f"{origin}/?{urllib.parse.urlencode({'token': cookie} if cookie else {})}")
    page.evaluate("window.received = []; window.openings = 0;")


@pytest.fixture(params=CLIENTS)
def subscribe(request, browser_page, hub, origin):
    """Subscribe with one of the clients, each with the credential that is its own; return once it is connected."""

    def subscribe(credential: str = "", *, page_of: str = origin, after: str = "") -> Page:
        carries_cookie = request.param == "EventSource"
        open_page(browser_page, page_of, credential if carries_cookie else "")
        query = urllib.parse.urlencode({"topic": TOPIC} | ({"lastEventID": after} if after else {}))
        browser_page.evaluate(CLIENTS[request.param], {"url": f"{hub.url}?{query}", "token": credential})
        return browser_page

    return subscribe


class TestClientOfAnotherOrigin:
    def test_events_arrive_with_type_id_and_all_lines_of_data(self, hub, subscribe):
        page = subscribe(token(subscribe=(BOOK,)))
        ids = [
            hub.publish(BOOK, "plain"),
            hub.publish(BOOK, "17", type="price"),
            hub.publish(BOOK, "first\n\n  third"),
            hub.publish(ELSEWHERE, "nobody asked for this"),
            hub.publish(BOOK, "päivää \u2028 \N{GRINNING FACE}", id="chosen/1"),
        ]

        assert received(page, 4) == [
            ["message", ids[0], "plain"],
            ["price", ids[1], "17"],
            ["message", ids[2], "first\n\n  third"],
            ["message", "chosen/1", "päivää \u2028 \N{GRINNING FACE}"],
        ]

    def test_private_updates_arrive_where_the_token_grants_them(self, hub, subscribe):
        page = subscribe(token(subscribe=(BOOK,)))
        granted = hub.publish(BOOK, "for its bearer", private="on")
        hub.publish("https://example.com/books/2", "for others", private="on")
        public = hub.publish("https://example.com/books/2", "for all")

        assert received(page, 2) == [["message", granted, "for its bearer"], ["message", public, "for all"]]

    def test_private_updates_of_the_history_arrive_where_the_token_grants_them(self, hub, subscribe):
        granted = hub.publish(BOOK, "for its bearer", private="on")
        hub.publish("https://example.com/books/2", "for others", private="on")
        public = hub.publish("https://example.com/books/2", "for all")
        page = subscribe(token(subscribe=(BOOK,)), after="earliest")
        last = hub.publish(BOOK, "live")

        assert received(page, 3) == [
            ["message", granted, "for its bearer"],
            ["message", public, "for all"],
            ["message", last, "live"],
        ]

    def test_restarted_hub_gets_its_client_back_without_loss_or_repetition(self, hub, subscribe):
        page = subscribe(token(subscribe=(BOOK,)))
        published = [[hub.publish(BOOK, "before", retry=SOON), "before"]]
        received(page, 1)
        hub.process.kill()
        with HubProcess(hub.process.log, "--key", KEY) as elsewhere:
            missed = Hub(elsewhere)
            published += [[missed.publish(BOOK, f"{n} missed", private="on"), f"{n} missed"] for n in range(20)]
        hub.process.start()
        expect_openings(page, 2)
        published += [[hub.publish(BOOK, "after"), "after"]]

        assert received(page, len(published)) == [["message", *update] for update in published]

    def test_client_without_a_token_is_refused(self, subscribe):
        with pytest.raises(Error, match="refused"):
            subscribe()

    def test_client_with_a_token_of_another_key_is_refused(self, subscribe):
        with pytest.raises(Error, match="refused"):
            subscribe(token(subscribe=("*",), key="a secret that the hub was never told about"))

    def test_page_of_an_origin_that_is_not_listed_reads_nothing(self, subscribe, strange_origin):
        with pytest.raises(Error, match="refused"):
            subscribe(token(subscribe=("*",)), page_of=strange_origin)


def test_browser_comes_back_with_a_fresh_cookie_when_its_token_has_expired(browser_page, hub, origin):
    """The hub ends the stream then; nothing is lost, and what was published meanwhile is not sent twice."""
    open_page(browser_page, origin)
    browser_page.evaluate("url => fetch(url)", f"/?token={token(subscribe=(BOOK,), seconds=4)}")
    browser_page.evaluate(WITH_EVENTSOURCE, {"url": f"{hub.url}?{urllib.parse.urlencode({'topic': TOPIC})}"})
    published = [hub.publish(BOOK, "before", private="on", retry=SOON)]
    received(browser_page, 1)
    browser_page.evaluate("url => fetch(url)", f"/?token={token(subscribe=(BOOK,))}")
    expect_openings(browser_page, 2)
    published.append(hub.publish(BOOK, "after", private="on"))

    assert [event_id for _, event_id, _ in received(browser_page, 2)] == published


class TestPublishingWithTheCookie:
    FIELDS = (("topic", BOOK), ("data", "from a page"))

    def publish(self, page: Page, hub: Hub, page_of: str) -> dict[str, object] | None:
        open_page(page, page_of, token(publish=(BOOK,)))
        request = {"url": hub.url, "fields": [*map(list, self.FIELDS)], "credentials": "include"}
        return page.evaluate(PUBLISH, request)

    def history(self, page: Page, hub: Hub, origin: str) -> list[str]:
        """What the log has, from its beginning to an update that is published now."""
        open_page(page, origin, token())
        query = urllib.parse.urlencode({"topic": BOOK, "lastEventID": "earliest"})
        page.evaluate(WITH_EVENTSOURCE, {"url": f"{hub.url}?{query}"})
        last = hub.publish(BOOK, "the last")
        page.wait_for_function("id => received.some(event => event[1] === id)", arg=last)
        return [data for _, _, data in page.evaluate("received")]

    def test_page_of_a_listed_origin_publishes_and_reads_the_id(self, browser_page, hub, origin):
        answer = self.publish(browser_page, hub, origin)

        assert answer["status"] == 200
        assert answer["body"]
        assert self.history(browser_page, hub, origin) == ["from a page", "the last"]

    def test_page_of_an_origin_that_is_not_listed_publishes_nothing(self, browser_page, hub, origin, strange_origin):
        assert self.publish(browser_page, hub, strange_origin) is None
        assert self.history(browser_page, hub, origin) == ["the last"]


# What the protocol's authors check of a hub: topics, selectors, and whether the update must arrive.
CONFORMANCE_KEY = "!ChangeThisMercureHubJWTSecretKey!"
DATA = "data of several\nlines: {} and\n\n  spaces"
ARRIVING = {
    "raw string": (["raw string"], ["raw string"]),
    "several topics": (["first name", "second name"], ["second name"]),
    "several selectors": (["second name"], ["first name", "second name"]),
    "URI": (["https://example.net/a/1"], ["https://example.net/a/1"]),
    "URI Template": (["https://example.net/b/1"], ["https://example.net/b/{id}"]),
}
NOT_ARRIVING = {
    "another string": (["one string"], ["another string"], False),
    "another URI": (["https://example.net/c/1"], ["https://example.net/c/2"], False),
    "outside of the template": (["https://example.net/d/1/more"], ["https://example.net/d/{id}"], False),
    "private string": (["private string"], ["private string"], True),
    "private URI": (["https://example.net/e/1"], ["https://example.net/e/1"], True),
    "private in the template": (["https://example.net/f/1"], ["https://example.net/f/{id}"], True),
}
MARK = "https://example.net/mark"  # a topic that everybody is subscribed to


@pytest.fixture(scope="module")
def open_hub() -> Iterator[Hub]:
    """A hub to which publishers need a token and subscribers none."""
    with HubProcess("memory:", "--publisher-key", CONFORMANCE_KEY, "--anonymous") as process:
        yield Hub(process)


class TestConformance:
    """From the page at `/` of a hub that lets anybody subscribe, as the protocol's own suite does it."""

    @pytest.fixture
    def publish(self, browser_page, open_hub):
        """Publish from the page with the header; return the id."""
        browser_page.goto(open_hub.process.url)
        browser_page.evaluate("window.received = []; window.openings = 0;")
        bearer = {"Authorization": f"Bearer {token(publish=('*',), key=CONFORMANCE_KEY)}"}

        def publish(topics: list[str], **fields: str) -> str:
            pairs = [["topic", topic] for topic in topics] + [[name, value] for name, value in fields.items()]
            answer = browser_page.evaluate(PUBLISH, {"url": open_hub.url, "fields": pairs, "headers": bearer})
            assert answer["status"] == 200
            assert answer["type"].startswith("text/plain")
            return answer["body"]

        return publish

    def subscribe(self, page: Page, hub: Hub, selectors: list[str]) -> None:
        query = urllib.parse.urlencode({"topic": [*selectors, MARK]}, doseq=True)
        page.evaluate(WITH_EVENTSOURCE, {"url": f"{hub.url}?{query}"})

    @pytest.mark.parametrize("chosen", ["", 'id-["{}"]'], ids=["id of the hub", "id of the publisher"])
    @pytest.mark.parametrize("case", ARRIVING)
    def test_update_arrives(self, browser_page, open_hub, publish, case, chosen):
        topics, selectors = ARRIVING[case]
        chosen = chosen.format(case)
        self.subscribe(browser_page, open_hub, selectors)
        event_id = publish(topics, data=DATA, **({"id": chosen} if chosen else {}))

        assert event_id == chosen if chosen else event_id
        assert received(browser_page, 1) == [["message", event_id, DATA]]

    @pytest.mark.parametrize("case", NOT_ARRIVING)
    def test_update_does_not_arrive(self, browser_page, open_hub, publish, case):
        topics, selectors, private = NOT_ARRIVING[case]
        self.subscribe(browser_page, open_hub, selectors)
        publish(topics, data=DATA, **({"private": "on"} if private else {}))
        mark = publish([MARK], data="")

        assert received(browser_page, 1) == [["message", mark, ""]]


def test_libraries_are_as_their_authors_published_them():
    listed = (line.split() for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    changed = [name for digest, name in listed if hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() != digest]

    assert changed == []
