"""One request of a publisher: updates as bytes, the ids that make it safe to send again, and the hub's answer read.

Not here: whether it is sent again (attempts.py), HTTP (publisher.py), what an update is (core/update.py).
Rules that always hold: a request holds at least one update and at most `MAX_BATCH`, which a hub stores all or not at
all; a hub stores no id twice, so that what has ids throughout can be sent again without harm.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream.event import DEFAULT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from longwave.core.update import Update

JSON = "application/json"
NDJSON = "application/x-ndjson"

MAX_BATCH = 1000  # updates
MAX_BATCH_SIZE = 2**20  # bytes of one request body; what a hub takes by default
MAX_ANSWER = 2**20  # bytes; a thousand ids of a kilobyte
MAX_REASON = 500  # characters of the hub's text in an error

ID_ROOM = len(',"id":""') + 32  # bytes that a new id adds to an update

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # once: making it costs as much as its use


def new_id() -> str:
    """Return an id that no other update has: 32 hexadecimal digits, 122 of their bits at random."""
    return uuid4().hex


@dataclass(frozen=True, slots=True)
class Publication:
    """What one request sends.

    ids: of the updates, in order; "" where the hub is to give one. gave_all: whether all of them were given here, so
    that nobody else can have stored one before.
    """

    body: bytes
    content_type: str
    ids: tuple[str, ...]
    gave_all: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again when it may be stored already: every update has an id."""
        return all(self.ids)

    @property
    def stored_if_known(self) -> bool:
        """Whether a hub that says, when it is sent again, that it knows an id has stored all of it before.

        Of several updates with ids of the user's own, one may stand on the log since long, and none be stored now.
        """
        return self.gave_all or len(self.ids) == 1

    def read_ids(self, answer: bytes) -> list[str]:
        """Return the ids in the answer to it. Raises RequestFailed where there are none, or too many or few."""
        if len(answer) > MAX_ANSWER:
            raise RequestFailed(f"expected an answer of at most {MAX_ANSWER} bytes, got more", 200)
        try:
            ids = json.loads(answer)["ids"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RequestFailed(f"expected ids from the hub, got {answer[:100]!r}", 200) from None
        if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
            raise RequestFailed(f"expected a list of ids from the hub, got {answer[:100]!r}", 200)
        if len(ids) != len(self.ids):
            raise RequestFailed(f"expected {len(self.ids)} ids from the hub, got {len(ids)}", 200)
        return ids


def prepare(updates: Sequence[Update], make_id: Callable[[], str] | None = None) -> Publication:
    """Return the request that publishes one update or several.

    make_id: gives an id to each update that has none; None leaves that to the hub.
    Raises InvalidValue for more than `MAX_BATCH` updates, or several of more than `MAX_BATCH_SIZE` bytes together.
    """
    if not 0 < len(updates) <= MAX_BATCH:
        raise InvalidValue("updates", f"expected at most {MAX_BATCH} updates, and one at least, got {len(updates)}")
    ids = tuple(update.event.id or (make_id() if make_id is not None else "") for update in updates)
    body = b"".join(map(encode_update, updates, ids))
    if len(body) > MAX_BATCH_SIZE and len(updates) > 1:
        raise InvalidValue("updates", f"expected at most {MAX_BATCH_SIZE} bytes of several updates, got {len(body)}")
    gave_all = make_id is not None and not any(update.event.id for update in updates)
    return Publication(body, JSON if len(updates) == 1 else NDJSON, ids, gave_all)


def batches(updates: Iterable[Update]) -> Iterator[list[Update]]:
    """Yield runs of `updates` that each fit one request; an update too large for any stands alone."""
    batch: list[Update] = []
    room = MAX_BATCH_SIZE
    for update in updates:
        size = len(encode_update(update)) + (0 if update.event.id else ID_ROOM)
        if batch and (size > room or len(batch) == MAX_BATCH):
            yield batch
            batch, room = [], MAX_BATCH_SIZE
        batch.append(update)
        room -= size
    if batch:
        yield batch


def encode_update(update: Update, event_id: str = "") -> bytes:
    """Return the JSON object, and line of NDJSON, that publishes `update`, under `event_id` if it has no id."""
    event = update.event
    fields: dict[str, Any] = {"topics": update.topics, "data": event.data}
    if event.type != DEFAULT_TYPE:
        fields["type"] = event.type
    if event.id or event_id:
        fields["id"] = event.id or event_id
    if event.retry is not None:
        fields["retry"] = event.retry
    if update.private:
        fields["private"] = True
    return _encode(fields).encode() + b"\n"


def describe_refusal(status: int, phrase: str, answer: bytes) -> str:
    """Return what a hub's refusal says, on one line: its own text, else the phrase of its status."""
    text = " ".join(answer.decode(errors="replace").split())[:MAX_REASON]
    return f"the hub answered {status}: {text or phrase}"
