"""Publishing alone: how many updates a second a server takes from kept connections, without any subscriber.

Not here: the sending (posts.py), publishing on a schedule (steady.py).
Rules that always hold: the next update of a connection goes out when the last one is acknowledged; a warm-up comes
first; a run in which the sender was too busy says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.measures.posts import Posted, PostFailed, post
from benchmarks.comparison.record import Finding

from longwave.load import Verdict
from longwave.load.schedule import NANOSECONDS
from longwave.load.target import EVENTS
from longwave.load.verdict import MAX_SHARE

if TYPE_CHECKING:
    from benchmarks.comparison.stand import Stand

    from longwave.load import Target
    from longwave.load.accounting import Account

TOPIC = "bench-publishing"


@dataclass(frozen=True, slots=True)
class Publishing:
    """So many requests over so many connections, after a tenth as many to warm up.

    batch: updates of one request; more than 1 is NDJSON, which Longwave alone takes. durable: whether the server is
    to sync to the disk before it acknowledges.
    """

    connections: int
    requests: int
    durable: bool = False
    batch: int = 1
    payload: int = 200

    def take(self, stand: Stand) -> Finding:
        """Measure a peer."""
        stand.start(durable=self.durable)
        requests = [self._request(stand.target)] * self.requests
        try:
            post(stand.target, requests[: max(1, self.requests // 10)], self.connections)
            before = stand.account()
            posted = post(stand.target, requests, self.connections)
        except (PostFailed, OSError) as error:
            return Finding(Verdict.FAILED, (str(error),), {})
        return self._finding(posted, stand.account().since(before))

    def _request(self, target: Target) -> bytes:
        data = "x" * self.payload
        return target.publication(TOPIC, data) if self.batch == 1 else ndjson(target, data, self.batch)

    def _finding(self, posted: Posted, taken: Account) -> Finding:
        updates = self.requests * self.batch
        figures = {
            "updates": updates / posted.seconds,
            "cpu": taken.cpu_time / 1000 / updates,
            "server": taken.cpu_time / NANOSECONDS / posted.seconds,
            "waiting": taken.waited / NANOSECONDS / posted.seconds,
            "generator": posted.generator,
        }
        if posted.generator <= MAX_SHARE:
            return Finding(Verdict.VALID, (), figures)
        reason = f"the sender used {posted.generator:.0%} of a processor, more than {MAX_SHARE:.0%}"
        return Finding(Verdict.GENERATOR_BOUND, (reason,), figures)


def ndjson(target: Target, data: str, count: int) -> bytes:
    """Return a request that publishes so many updates to Longwave at once."""
    body = (json.dumps({"topic": TOPIC, "data": data}) + "\n") * count
    host, port = target.publish_address
    head = f"POST {EVENTS} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/x-ndjson\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
