"""What publishers send over HTTP, in three content types, to updates; and the answers.

Not here: appending them (hub.py), paths and methods (routes.py), the Mercure protocol's answers (mercure.py).
Rule that always holds: an update's topics are authorised before anything else of it is judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from longwave.core.update import OWN_IDS, Update, text_of
from longwave.errors import InvalidValue
from longwave.eventstream.event import DEFAULT_TYPE, MAX_RETRY, Event
from longwave.transports.exchange import Request, Response, parse_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NDJSON = "application/x-ndjson"

MAX_BATCH = 10_000  # updates of one request
MAX_RETRY_DIGITS = 16
MAX_ID = 1024  # characters; clients send it back in a request's head, which has bounds of its own
KEYS = frozenset({"topic", "topics", "data", "type", "id", "retry", "private"})
JSON_SPACE = " \t\n\r"
JSON_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}

RESERVED = "/.well-known/mercure"  # in a topic: of what the hub itself tells

# Raises whatever refuses an update about these topics.
Authorise = Callable[[tuple[str, ...]], None]


class ReservedTopic(InvalidValue):
    """Only the hub itself publishes about topics of this kind."""

    def __init__(self, topic: str) -> None:
        super().__init__("topic", f"expected none that contains {RESERVED}, got {topic[:200]!r}")


class InvalidRetry(InvalidValue):
    """What a form gives as reconnection time is none."""

    def __init__(self, came: str) -> None:
        super().__init__("retry", f"expected whole milliseconds from 0 to {MAX_RETRY}, got {came[:40]!r}")


class UnsupportedType(InvalidValue):
    """The request's content type is none of those that updates come in."""

    def __init__(self, came: str) -> None:
        super().__init__("Content-Type", f"expected {FORM}, {JSON} or {NDJSON}, got {came or 'none'}")


@dataclass(frozen=True, slots=True)
class Batch:
    """Updates to append together, and how to answer with their ids."""

    updates: list[Update]
    answer: Callable[[list[str]], Response]


def check_not_reserved(topics: tuple[str, ...]) -> None:
    """Raise ReservedTopic if one of the topics is the hub's own."""
    for topic in topics:
        if RESERVED in topic:
            raise ReservedTopic(topic)


def read_batch(request: Request, authorise: Authorise = check_not_reserved) -> Batch:
    """Return what the request publishes. Raises InvalidValue that says what was wrong and where, or as `authorise`."""
    read = READERS.get(media_type(request))
    if read is None:
        raise UnsupportedType((request.header(b"content-type") or b"").decode("latin-1"))
    try:
        text = request.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue("body", f"expected UTF-8, got something else at byte {error.start + 1}") from None
    return read(text, authorise)


def media_type(request: Request) -> str:
    """Return the content type without its parameters, in lower case."""
    content_type = (request.header(b"content-type") or b"").decode("latin-1")
    return content_type.partition(";")[0].strip().lower()


# One form: one update.


def _read_form(text: str, authorise: Authorise) -> Batch:
    return read_form(parse_parameters("body", text), authorise)


def read_form(fields: list[tuple[str, str]], authorise: Authorise) -> Batch:
    """Return the update that a form's fields are. Raises InvalidValue, or as `authorise`."""
    values = dict(reversed(fields))  # the first of equal names counts
    topics = tuple(value for name, value in fields if name == "topic")
    retry = _retry(values)
    authorise(topics)
    event = Event(values.get("data", ""), values.get("type") or DEFAULT_TYPE, _id(values.get("id", "")), retry)
    return Batch([Update(topics, event, "private" in values)], _answer_id)


def _retry(values: dict[str, str]) -> int | None:
    """Return the milliseconds; None for 0, which in the protocol's forms is no time to send."""
    text = values.get("retry", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_RETRY_DIGITS) or int(text) > MAX_RETRY:
        raise InvalidRetry(text)
    return int(text) or None


def _id(text: str) -> str:
    if len(text) > MAX_ID:
        raise InvalidValue("id", f"expected at most {MAX_ID} characters, got {len(text)}")
    if text.startswith(OWN_IDS):
        raise InvalidValue("id", f"expected none that begins with {OWN_IDS}, as only hubs give them, got one")
    return text


def _answer_id(ids: list[str]) -> Response:
    return Response(HTTPStatus.OK, ids[0].encode())


# JSON: one object, or a list of them; NDJSON: one object a line.


def _read_json(text: str, authorise: Authorise) -> Batch:
    value = _parse(text, 1)
    if isinstance(value, list):
        return _batch("item", enumerate(value, 1), authorise)
    return Batch([_update(value, authorise)], _answer_ids)


def _read_ndjson(text: str, authorise: Authorise) -> Batch:
    lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line and not line.isspace())
    return _batch("line", ((number, _parse(line, number)) for number, line in lines), authorise)


def _batch(place: str, items: Iterable[tuple[int, object]], authorise: Authorise) -> Batch:
    updates: list[Update] = []
    for number, item in items:
        if len(updates) == MAX_BATCH:
            raise InvalidValue("body", f"expected at most {MAX_BATCH} updates in one request, got more")
        try:
            updates.append(_update(item, authorise))
        except ReservedTopic:
            raise
        except InvalidValue as error:
            raise InvalidValue(f"{place} {number}: {error.field}", error.problem) from None
    if not updates:
        raise InvalidValue("body", "expected at least one update, got none")
    return Batch(updates, _answer_ids)


def _parse(text: str, first_line: int) -> object:
    try:
        return _decode(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise InvalidValue("body", f"expected JSON, got {error.msg} at line {line}, column {error.colno}") from None
    except InvalidValue:
        raise
    except (RecursionError, ValueError):
        raise InvalidValue(
            "body", f"expected JSON of reasonable depth and numbers, from line {first_line} on"
        ) from None


def _refuse_constant(name: str) -> object:
    raise InvalidValue("body", f"expected JSON, got {name}, which only some languages know")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # once, as making it costs more than using it


def _decode(text: str) -> object:
    """Return a JSON value. Most texts have nothing around it, and are read in half the time of `decode`."""
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError:
        return _DECODER.decode(text)  # white space before it, or what is wrong
    return _DECODER.decode(text) if text[end:].strip(JSON_SPACE) else value


def _update(item: object, authorise: Authorise) -> Update:
    if not isinstance(item, dict):
        raise InvalidValue("body", f"expected a JSON object, got {_name(item)}")
    if not item.keys() <= KEYS:
        unknown = sorted(item.keys() - KEYS)[0]
        raise InvalidValue("body", f"expected only the keys {', '.join(sorted(KEYS))}, got {unknown!r}")
    topics = _topics(item)
    authorise(topics)
    event = Event(
        text_of(item.get("data", "")),
        _text(item, "type") or DEFAULT_TYPE,
        _id(_text(item, "id")),
        item.get("retry"),
    )
    private = item.get("private", False)
    if not isinstance(private, bool):
        raise InvalidValue("private", f"expected true or false, got {_name(private)}")
    return Update(topics, event, private)


def _topics(item: dict[str, Any]) -> tuple[str, ...]:
    if "topic" in item and "topics" in item:
        raise InvalidValue("topic", "expected topic or topics, got both")
    value = item.get("topics", item.get("topic", []))
    topics = tuple(value) if isinstance(value, list) else (value,)
    for topic in topics:
        if not isinstance(topic, str):
            raise InvalidValue("topic", f"expected a string, got {_name(topic)}")
    return topics


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidValue(key, f"expected a string, got {_name(value)}")
    return value


def _name(value: object) -> str:
    return JSON_NAMES.get(type(value), "a number")


def _answer_ids(ids: list[str]) -> Response:
    return Response(HTTPStatus.OK, json.dumps({"ids": ids}).encode() + b"\n", "application/json")


READERS: dict[str, Callable[[str, Authorise], Batch]] = {FORM: _read_form, JSON: _read_json, NDJSON: _read_ndjson}
