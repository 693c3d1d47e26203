"""Publishing to a hub over HTTP, one update or a batch at a time, on one connection that is kept.

Not here: what an update is (core/update.py), listening (listener.py).
Rules that always hold: what is returned is on the hub's log; nothing is sent twice, so after RequestFailed
without a status only an update with an id of its own is safe to send again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from longwave.client.endpoint import Endpoint, read_answer, read_refusal, translated
from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream.event import DEFAULT_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from longwave.core.update import Update

TIMEOUT = 30.0  # seconds without a byte
MAX_BATCH = 1000  # updates
MAX_BATCH_SIZE = 2**20  # bytes of one request body; what a hub takes by default


class Publisher:
    """Publishes to the hub at `url`: its base address, its event resource, or `unix:PATH`.

    Close it, or use it as a context manager. Raises InvalidValue for a URL that is none.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self.endpoint = Endpoint.parse(url)
        self._client = self.endpoint.open_client(idle=timeout, keep=1)

    def publish(self, update: Update) -> str:
        """Publish one update and return its id. Raises RequestFailed."""
        return self._post(encode_update(update), "application/json", 1)[0]

    def publish_batch(self, updates: Sequence[Update]) -> list[str]:
        """Publish all updates or none, in order, and return their ids. Raises RequestFailed.

        At most `MAX_BATCH` updates and `MAX_BATCH_SIZE` bytes go into one request; see `batches`.
        """
        if len(updates) > MAX_BATCH:
            raise InvalidValue("updates", f"expected at most {MAX_BATCH} updates, got {len(updates)}")
        return self._post(b"".join(map(encode_update, updates)), "application/x-ndjson", len(updates))

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, body: bytes, content_type: str, count: int) -> list[str]:
        headers = {"Content-Type": content_type}
        with (
            translated(self.endpoint),
            self._client.stream("POST", self.endpoint.url, content=body, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise read_refusal(response)
            return _read_ids(read_answer(response), count)


def batches(updates: Iterable[Update]) -> Iterator[list[Update]]:
    """Yield runs of `updates` that each fit one `publish_batch`; an update too large for any stands alone."""
    batch: list[Update] = []
    room = MAX_BATCH_SIZE
    for update in updates:
        size = len(encode_update(update))
        if batch and (size > room or len(batch) == MAX_BATCH):
            yield batch
            batch, room = [], MAX_BATCH_SIZE
        batch.append(update)
        room -= size
    if batch:
        yield batch


def encode_update(update: Update) -> bytes:
    """Return the JSON object, and line of NDJSON, that publishes `update`."""
    event = update.event
    fields: dict[str, Any] = {"topics": update.topics, "data": event.data}
    if event.type != DEFAULT_TYPE:
        fields["type"] = event.type
    if event.id:
        fields["id"] = event.id
    if event.retry is not None:
        fields["retry"] = event.retry
    if update.private:
        fields["private"] = True
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _read_ids(answer: bytes, count: int) -> list[str]:
    try:
        ids = json.loads(answer)["ids"]
    except (ValueError, KeyError, TypeError):
        raise RequestFailed(f"expected ids from the hub, got {answer[:100]!r}") from None
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise RequestFailed(f"expected a list of ids from the hub, got {answer[:100]!r}")
    if len(ids) != count:
        raise RequestFailed(f"expected {count} ids from the hub, got {len(ids)}")
    return ids
