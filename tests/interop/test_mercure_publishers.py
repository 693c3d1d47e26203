"""Publishers of the Mercure protocol that this project did not write, unchanged, against a hub with a key.

What they published is read by others' clients too: httpx-sse, and the subscriber that pymcure brings along.
Not here: browsers (tests/browser/test_mercure_clients.py).
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from httpx_sse import connect_sse
from pymcure.client.exceptions import PublishRejectedError, UnauthorizedPublishedError
from pymcure.client.message import Message
from pymcure.client.publisher.sync import SyncPublisher
from pymcure.client.subscriber.subscriber import Subscriber

from integration.hub_process import SECONDS_TO_STOP, HubProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpx_sse import ServerSentEvent

pytestmark = pytest.mark.slow

KEY = "a secret that publishers and subscribers share"
TOPIC = "https://example.com/books/1"
OTHER_TOPIC = "https://example.com/users/ada?a=1&b=2"
MAY_PUBLISH = {"mercure": {"publish": ["https://example.com/{+path}"]}}
TEXT = 'first\n\n third: "für Ada" & 100 % + 1\n'

# pymcure's publisher for gevent patches the interpreter that imports it.
PUBLISH_BY_GEVENT = """
import json, sys
from pymcure.client.publisher.asynch import AsyncPublisher
from pymcure.client.message import Message

publisher, message = json.load(sys.stdin)
print(AsyncPublisher(**publisher).publish(Message(**message)))
"""


@dataclass(frozen=True)
class Hub:
    """A hub at `url`, and what a subscriber finds there that begins at the earliest event."""

    url: str

    def first(self, topic: str, *grants: str) -> ServerSentEvent:
        """Return the first event about a topic that the bearer of these grants is sent."""
        headers = {"Authorization": f"Bearer {token({'mercure': {'subscribe': list(grants)}})}"}
        query = {"topic": topic, "lastEventID": "earliest"}
        with (
            httpx.Client(timeout=10) as client,
            connect_sse(client, "GET", self.url, params=query, headers=headers) as source,
        ):
            return next(source.iter_sse())


def token(claims: dict[str, object]) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


@pytest.fixture(scope="module")
def process() -> Iterator[HubProcess]:
    with HubProcess("memory:", "--key", KEY) as process:
        yield process


@pytest.fixture
def hub(process: HubProcess) -> Hub:
    return Hub(f"{process.url}.well-known/mercure")


def sync_publisher(hub: Hub, secret: str = KEY, payload: dict[str, object] = MAY_PUBLISH) -> SyncPublisher:
    """Pymcure's publisher, which makes its token itself."""
    return SyncPublisher(hub.url, None, secret, payload=payload)


class TestPymcure:
    def test_publishes_a_public_update_about_all_its_topics(self, hub):
        published = Message([TOPIC, OTHER_TOPIC], TEXT, message_id="pymcure/1", event_type="book")

        assert sync_publisher(hub).publish(published) == "pymcure/1"

        for topic in (TOPIC, OTHER_TOPIC):
            event = hub.first(topic)
            assert (event.id, event.event, event.data) == ("pymcure/1", "book", TEXT)

    def test_private_update_reaches_only_who_was_granted_its_topic(self, hub):
        topic = f"{TOPIC}/private"
        publisher = sync_publisher(hub)
        private = publisher.publish(Message([topic], "for few", private=True))
        public = publisher.publish(Message([topic], "for all"))

        assert hub.first(topic, topic).id == private
        assert hub.first(topic, "https://example.com/another").id == public

    def test_is_told_that_its_secret_is_wrong(self, hub):
        with pytest.raises(UnauthorizedPublishedError, match=r"^Unauthorized\n$"):
            sync_publisher(hub, secret="not the secret of the hub, just as long").publish(Message([TOPIC], ""))

    def test_default_payload_grants_nothing(self, hub):
        publisher = SyncPublisher(hub.url, None, KEY)

        with pytest.raises(UnauthorizedPublishedError):
            publisher.publish(Message([TOPIC], ""))

    def test_is_told_that_a_topic_is_the_hubs_own(self, hub):
        everything = {"mercure": {"publish": ["*"]}}

        with pytest.raises(PublishRejectedError):
            sync_publisher(hub, payload=everything).publish(Message(["/.well-known/mercure/subscriptions/a/b"], ""))

    def test_publishes_by_gevent(self, hub):
        publisher = {"mercure_hub": hub.url, "mercure_jwt": token(MAY_PUBLISH), "secret": KEY}
        message = {"topics": [f"{TOPIC}/gevent"], "data": TEXT}
        command = [sys.executable, "-c", PUBLISH_BY_GEVENT]
        done = subprocess.run(
            command,
            input=json.dumps([publisher, message]),
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_STOP,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        event = hub.first(f"{TOPIC}/gevent")
        assert (event.id, event.data) == (done.stdout.strip(), TEXT)

    def test_its_subscriber_hears_what_is_public_until_the_hub_ends(self):
        with HubProcess("memory:", "--publisher-key", KEY, "--anonymous") as process:
            hub = Hub(f"{process.url}.well-known/mercure")
            received = queue.SimpleQueue()
            subscriber = Subscriber(hub.url, [TOPIC, OTHER_TOPIC], received.put)
            subscriber.start_consumption()
            publisher = sync_publisher(hub)
            publisher.publish(Message([TOPIC], "kept from those without a token", private=True))
            ids = [publisher.publish(Message([topic], TEXT)) for topic in (TOPIC, OTHER_TOPIC)]

            heard = [received.get(timeout=SECONDS_TO_STOP) for _ in ids]
            assert [(message.message_id, message.data) for message in heard] == [(each, TEXT) for each in ids]

            process.stop()
            subscriber.join(SECONDS_TO_STOP)
            assert not subscriber.is_alive()


class TestFormOfPhpFrameworks:
    """What symfony/mercure sends, written out: a repeated `topic` without brackets, and a token with fractions."""

    def test_is_published_whole(self, hub):
        now = time.time()
        claims = {**MAY_PUBLISH, "exp": now + 3600.25}
        fields = [
            ("topic", f"{TOPIC}/php"),
            ("topic", OTHER_TOPIC),
            ("data", TEXT),
            ("private", "on"),
            ("id", "urn:uuid:0f6e7e4b-8c22-4f8f-9d9a-5b7a1c1e6a10"),
            ("type", "book"),
            ("retry", "1500"),
        ]
        body = str(httpx.QueryParams(fields))
        headers = {
            "Authorization": f"Bearer {token(claims)}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = httpx.post(hub.url, content=body, headers=headers)

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == "urn:uuid:0f6e7e4b-8c22-4f8f-9d9a-5b7a1c1e6a10"
        event = hub.first(f"{TOPIC}/php", OTHER_TOPIC)
        assert (event.id, event.event, event.data, event.retry) == (answer.text, "book", TEXT, 1500)
