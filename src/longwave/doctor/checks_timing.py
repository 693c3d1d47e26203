"""Checks of when bytes came: the first ones, in bursts, after silence, and until when.

Not here: what the bytes say (checks_framing.py), the table (checks.py).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from longwave.doctor.finding import Judgement, counted, describe_bytes, failure, not_checked, ok, warning
from longwave.doctor.observation import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from longwave.doctor.observation import Observation, Watch

SLOW = 2.0  # seconds to the first byte of the body that a page should not wait
TOGETHER = 0.05  # seconds; what comes closer counts as one burst
SILENCE = 1.0  # seconds before a burst that make it one which was held back; never more than the heartbeat's
OPENING = 1.0  # seconds after the head; padding and replayed events come together there, and may
MANY = 5  # events in a burst
ALLOWANCE = 1.2  # of the heartbeat's time: timers are not exact
CUT = 4.0  # of the heartbeat's time: usual proxies cut then
SHORT = 5.0  # seconds; a stream that ends sooner is a poll
UNEVEN = 2.0  # ratio of the longest time between two heartbeats to the shortest


@dataclass(frozen=True, slots=True)
class Burst:
    """What came together; silence: seconds without a byte before it."""

    at: float
    silence: float
    events: int
    comments: int


def judge_first_byte(seen: Observation) -> Judgement:
    """Judge how soon after the head the body begins."""
    watch = seen.watch
    advice = "Write a comment line, a colon and a line feed, as soon as the response begins."
    begin = _head_at(watch)
    if watch.arrivals:
        waited = watch.arrivals[0] - begin
        text = f"{waited:.1f} s after the head" if waited >= 1 else f"{waited * 1000:.0f} ms after the head"
        return warning(text, advice) if waited > SLOW else ok(text)
    waited = watch.ended_at - begin
    if waited > SLOW:
        return warning(f"no byte of the body in {waited:.1f} s", advice)
    return not_checked(f"no byte of the body, but it was watched for {waited:.1f} s only")


def judge_buffering(seen: Observation) -> Judgement:
    """Judge whether what is sent apart arrives together."""
    least = min(SILENCE, seen.inquiry.heartbeat)
    bursts = read_bursts(seen.watch)
    held = [burst for burst in bursts if burst.silence >= least]
    advice = "Switch off buffering in the server's framework and in every proxy on the way, and flush each event."
    heartbeats = max((burst.comments for burst in held), default=0)
    if heartbeats > 1:
        return failure(f"{heartbeats} heartbeats came at the same moment after a silence", advice)
    full = [burst for burst in held if burst.events >= MANY]
    if len(full) > 1:
        most = max(burst.events for burst in full)
        return warning(f"up to {most} events came at the same moment after a silence, {len(full)} times", advice)
    if (uneven := _uneven_heartbeats(seen.watch)) is not None:
        return warning(f"heartbeats came {uneven[0]:.1f} to {uneven[1]:.1f} s apart, with no event between", advice)
    if len(bursts) < 2:
        return not_checked("too little came to tell")
    return ok(f"bytes came at {counted(len(bursts), 'moment')}, at most {_most(bursts)} at one")


def judge_heartbeats(seen: Observation) -> Judgement:
    """Judge whether silence is broken in time."""
    watch, due = seen.watch, seen.inquiry.heartbeat
    silence, watched = longest_silence(watch), watch.ended_at - _head_at(watch)
    text = f"the longest silence was {silence:.1f} s, in {watched:.1f} s of watching"
    advice = f"Send a comment line, a colon and a line feed, after about {due:g} s of silence."
    if silence >= due * CUT:
        return failure(text, advice)
    if silence >= due * ALLOWANCE:
        return warning(text, advice)
    if watched >= due * ALLOWANCE:
        return ok(text)
    if any(at - _head_at(watch) > OPENING for at in watch.framing.comments):
        return ok(f"heartbeats came; {text}")
    return not_checked(f"{text}: too short for a heartbeat after {due:g} s to be missed")


def judge_lifetime(seen: Observation) -> Judgement:
    """Judge whether, and how, the stream ended while it was watched."""
    watch = seen.watch
    age = f"{watch.ended_at:.1f} s"
    if watch.ending is Ending.BROKEN:
        return failure(
            f"the connection broke after {age}: {watch.problem}", "Look for a crash, a worker's timeout or a proxy's."
        )
    if watch.ending is Ending.FULL:
        return not_checked(f"{describe_bytes(watch.received)} came in {age}, which is as much as is read")
    if watch.ending is not Ending.CLOSED:
        return ok(f"still open after {age}")
    left = f", {counted(watch.framing.unfinished, 'byte')} short of a blank line" if watch.framing.unfinished else ""
    text = f"the server ended it after {age}{left}"
    if watch.ended_at < SHORT:
        return failure(text, "Keep the response open for as long as there may be events.")
    return warning(text, "Keep a stream open for minutes at least, and end each at another time.")


def read_bursts(watch: Watch) -> list[Burst]:
    """Return what came together; the opening, with its silence as 0, comes first if there is one."""
    events, comments = [event.at for event in watch.framing.events], watch.framing.comments
    bursts: list[Burst] = []
    before = _head_at(watch)
    for first, last in _group(watch.arrivals):
        is_opening = not bursts and first - before < OPENING
        silence = 0.0 if is_opening else first - before
        bursts.append(Burst(first, silence, _count(events, first, last), _count(comments, first, last)))
        before = last
    return bursts


def longest_silence(watch: Watch) -> float:
    """Return the longest time without a byte, in seconds, from the head to the end of watching."""
    times = [_head_at(watch), *watch.arrivals, watch.ended_at]
    return max(after - before for before, after in pairwise(times))


def _group(arrivals: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Yield the first and last time of each burst."""
    start = 0
    for number, at in enumerate(arrivals, 1):
        if number == len(arrivals) or arrivals[number] - at >= TOGETHER:
            yield arrivals[start], at
            start = number


def _count(times: Sequence[float], first: float, last: float) -> int:
    """Return how many of the times, in order, are in a burst."""
    return bisect_right(times, last) - bisect_left(times, first)


def _uneven_heartbeats(watch: Watch) -> tuple[float, float] | None:
    """Return the shortest and longest time between heartbeats with no event between, if they differ a lot."""
    times = sorted(
        [(at, True) for at in watch.framing.comments] + [(event.at, False) for event in watch.framing.events]
    )
    apart = [second - first for (first, is_comment), (second, too) in pairwise(times) if is_comment and too][
        1:
    ]  # the first follows the opening
    apart = [interval for interval in apart if interval >= TOGETHER]
    if len(apart) < 3 or max(apart) - min(apart) < SILENCE or max(apart) < UNEVEN * min(apart):
        return None
    return min(apart), max(apart)


def _most(bursts: list[Burst]) -> str:
    return counted(max(burst.events for burst in bursts), "event")


def _head_at(watch: Watch) -> float:
    return watch.head.at if watch.head is not None else 0.0
