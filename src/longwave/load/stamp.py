"""The stamp: what the generator writes at the start of an event's data, to know the event when it comes back.

Not here: checking the sequence (sequence.py), the latency (delivery_record.py).
Rules that always hold: all fields are ASCII digits of a fixed width, so that a stamp survives JSON and forms; a
stamp of another run is not found.
"""

from __future__ import annotations

from typing import NamedTuple

_EVENT, _TOPIC, _PUBLISHER, _SEQUENCE, _MOMENT = 10, 7, 4, 10, 20  # digits

RUN_LENGTH = 8
MAX_TOPICS = 10**_TOPIC
MAX_PUBLISHERS = 256

_MARK = "LW"
_FIELDS = len(_MARK) + RUN_LENGTH
_SIZE = _FIELDS + _EVENT + _TOPIC + _PUBLISHER + _SEQUENCE + _MOMENT
LEAST_PAYLOAD = _SIZE

_AT_TOPIC = _EVENT
_AT_PUBLISHER = _AT_TOPIC + _TOPIC
_AT_SEQUENCE = _AT_PUBLISHER + _PUBLISHER
_AT_MOMENT = _AT_SEQUENCE + _SEQUENCE
_END = _AT_MOMENT + _MOMENT


class Stamp(NamedTuple):
    """One event as its publisher meant it.

    event: its number in the run. sequence: its number among those of this topic and publisher; both from 0.
    intended: nanoseconds of the machine's monotonic clock at which it was due.
    """

    event: int
    topic: int
    publisher: int
    sequence: int
    intended: int


class Stamper:
    """Writes and finds the stamps of one run.

    run: 8 characters that no other run has. size: bytes of an event's data, the stamp included.
    """

    def __init__(self, run: str, size: int) -> None:
        self._mark = f"{_MARK}{run}"
        self._mark_bytes = self._mark.encode()
        self._filler = "x" * (size - _SIZE)
        self._filler_bytes = self._filler.encode()
        self._size = size

    def write(self, stamp: Stamp) -> str:
        """Return an event's data."""
        event, topic, publisher, sequence, intended = stamp
        fields = f"{event:010d}{topic:07d}{publisher:04d}{sequence:010d}{intended:020d}"
        return f"{self._mark}{fields}{self._filler}"

    def find(self, block: bytes) -> Stamp | None:
        """Return the stamp in an event's lines; None if there is none of this run.

        Raises ValueError if the data was cut or changed.
        """
        start = block.find(self._mark_bytes)
        if start < 0:
            return None
        data = block[start : start + self._size]
        if len(data) != self._size or not data.endswith(self._filler_bytes):
            raise ValueError(f"expected {self._size} bytes as they were published, got {data[:80]!r}")
        fields = data[_FIELDS:_SIZE]
        return Stamp(
            int(fields[:_AT_TOPIC]),
            int(fields[_AT_TOPIC:_AT_PUBLISHER]),
            int(fields[_AT_PUBLISHER:_AT_SEQUENCE]),
            int(fields[_AT_SEQUENCE:_AT_MOMENT]),
            int(fields[_AT_MOMENT:_END]),
        )
