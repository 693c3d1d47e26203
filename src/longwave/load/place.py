"""Places: where streams are in what they receive, shared by all streams that received the same.

Not here: sockets (receiver.py), what the bytes are (framing.py, stamp.py, sequence.py).
Rules that always hold: a place is a value, and a step leads from one place to the next by the bytes that came; both
are worked out once and then remembered, so that a broadcast to a thousand streams is read and checked once, and each
stream costs one look into a dict. What is remembered is bounded; forgetting changes nothing but the time it takes.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from longwave.load.framing import NO_HEAD, AwaitingHead, Complete, Framing, FramingError
from longwave.load.sequence import Audience, Faults, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.load.stamp import Stamp, Stamper

MAX_STEPS = 4096  # that are remembered
MAX_STEP_BYTES = 16 * 2**20  # of the chunks that they remember
MAX_REST = 4 * 2**20  # bytes of an event whose end has not come

_BLOCK_END = b"\n\n"
_FIELDS_OF_EVENTS = (b"data", b"event")


class Where(NamedTuple):
    """The value of a place. rest: the beginning of an event. event_id: the last one."""

    audience: Audience
    framing: Framing
    rest: bytes
    event_id: bytes
    tally: Tally


class Step:
    """What came of receiving the same bytes at the same place.

    arrivals: the ticks at which streams took this step, since they were last noted.
    """

    __slots__ = ("arrivals", "faults", "place", "stamps")

    def __init__(self, place: Place, stamps: list[Stamp], faults: Faults) -> None:
        self.place = place
        self.stamps = stamps
        self.faults = faults
        self.arrivals: list[int] = []


class Place:
    """A place, with the steps from it that are remembered, by the bytes that came."""

    __slots__ = ("steps", "where")

    def __init__(self, where: Where) -> None:
        self.where = where
        self.steps: dict[bytes, Step] = {}

    @property
    def status(self) -> int | None:
        """The response's status; None while its head is not complete."""
        framing = self.where.framing
        return None if isinstance(framing, AwaitingHead) else framing.status

    @property
    def complete(self) -> bool:
        """Whether the response has ended."""
        return isinstance(self.where.framing, Complete)


class Places:
    """All places of one process."""

    def __init__(self, stamper: Stamper, *, chatter: bool) -> None:
        self._stamper = stamper
        self._chatter = chatter  # whether events without a stamp are no fault
        self._known: dict[Where, Place] = {}
        self._made: list[Place] = []
        self._remembered = 0
        self._bytes = 0

    def start(self, audience: Audience) -> Place:
        """Return the place of a stream that has received nothing."""
        return self._find(Where(audience, NO_HEAD, b"", b"", audience.start()))

    def restart(self, place: Place) -> Place:
        """Return the place of a stream that continues over a new connection: its sequences go on."""
        return self._find(place.where._replace(framing=NO_HEAD, rest=b""))

    def step(self, place: Place, received: bytes) -> Step:
        """Return the step that these bytes lead to, and remember it."""
        step = place.steps.get(received)
        if step is None:
            step = place.steps[received] = self._read(place.where, received)
            self._remembered += 1
            self._bytes += len(received)
        return step

    @property
    def full(self) -> bool:
        """Whether it is time to forget."""
        return self._remembered > MAX_STEPS or self._bytes > MAX_STEP_BYTES

    def forget(self, used: Iterable[Place]) -> None:
        """Forget all steps, and all places but those that are in use."""
        for place in self._made:
            place.steps.clear()  # a step may lead to its own place: nothing else would free the two
        self._made = list(set(used))
        self._known = {place.where: place for place in self._made}
        self._remembered = self._bytes = 0

    def _find(self, where: Where) -> Place:
        place = self._known.get(where)
        if place is None:
            place = self._known[where] = Place(where)
            self._made.append(place)
        return place

    def _read(self, where: Where, received: bytes) -> Step:
        try:
            content, framing = where.framing.feed(received)
        except FramingError:
            return Step(self._find(where), [], Faults(corrupt=1))
        blocks, rest = split_blocks(where.rest + content)
        stamps, event_id, faults = self._read_blocks(blocks, where.event_id)
        if len(rest) > MAX_REST:
            faults.corrupt, rest = faults.corrupt + 1, b""
        tally = where.tally
        if stamps:
            tally, wrong = where.audience.count(tally, stamps)
            faults.add(wrong)
        return Step(self._find(Where(where.audience, framing, rest, event_id, tally)), stamps, faults)

    def _read_blocks(self, blocks: list[bytes], event_id: bytes) -> tuple[list[Stamp], bytes, Faults]:
        stamps, faults = [], Faults()
        for block in blocks:
            event_id = find_id(block, event_id)
            try:
                stamp = self._stamper.find(block)
            except ValueError:
                faults.corrupt += 1
                continue
            if stamp is not None:
                stamps.append(stamp)
            elif is_event(block) and not self._chatter:
                faults.foreign += 1
        return stamps, event_id, faults


def split_blocks(content: bytes) -> tuple[list[bytes], bytes]:
    """Return the complete blocks of lines, and what is left. Comments before an event are not part of what is left."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    *blocks, rest = content.split(_BLOCK_END)
    while rest.startswith((b":", b"\n")) and b"\n" in rest:
        rest = rest.partition(b"\n")[2]
    return blocks, rest


def find_id(block: bytes, before: bytes) -> bytes:
    """Return the id that a block sets, or the one before."""
    start = 0 if block.startswith(b"id:") else block.find(b"\nid:") + 1
    if not start and not block.startswith(b"id:"):
        return before
    return block[start + 3 :].partition(b"\n")[0].removeprefix(b" ")


def is_event(block: bytes) -> bool:
    """Return whether a block is an event: no comment and no lone `retry`."""
    return any(line.startswith(_FIELDS_OF_EVENTS) for line in block.split(b"\n"))
