"""Subscribers that the tests of the hub attach to it, and what they got.

Not here: what is asked of the hub.
"""

from __future__ import annotations

from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.eventstream.parser import Parser
from scripted_sink import ScriptedSink


def attach(hub, sink=None, *, selectors=("a",), form=Format.BARE, grants=(), last_event_id=""):
    sink = sink or ScriptedSink()
    return hub.attach(audience_of(selectors, grants), form, sink, sink.release, last_event_id=last_event_id)


def got(subscriber):
    return [event.data for event in Parser().feed(subscriber.sink.wire)]
