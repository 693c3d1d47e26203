"""A consumer in a process of its own, to be killed: it processes each event by writing it down, then commits its id.

Not here: killing it, and what it must have written down (test_client_soak.py).
Usage: cursor_consumer.py URL CURSOR RECORD BEGIN MOMENT COUNT
It begins after the id BEGIN if the cursor has none, and ends after the event of type `end`. RECORD gets a line of JSON
for each event: type, id, data. It crashes at the event COUNT of this life, `before` or `after` it is written down (and
before it is committed); `never` otherwise.
"""

from __future__ import annotations

import json
import os
import sys

from longwave.client import FileCursor, Observer, Patience, SyncEventSource

END = "end"
IDLE = 0.7  # seconds; a stall costs as much
PATIENCE = Patience(longest=0.5, retry=0.2)
CRASHED = 70  # exit status
BEFORE, AFTER, NEVER = "before", "after", "never"


def main(url: str, cursor: str, record: str, begin: str, moment: str, count: str) -> None:
    """Consume until the end."""
    descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with SyncEventSource(
        url, cursor=FileCursor(cursor), last_event_id=begin, idle=IDLE, patience=PATIENCE, observer=Observer()
    ) as source:
        for number, event in enumerate(source, start=1):
            last = moment if number == int(count) else NEVER
            crash_if(last == BEFORE)
            line = json.dumps([event.type, event.id, event.data]).encode() + b"\n"
            os.write(descriptor, line)  # in one call, so that a kill leaves all of it or nothing
            crash_if(last == AFTER)
            if event.type == END:
                source.commit()
                return


def crash_if(now: bool) -> None:
    """End without any `finally`, as by a kill."""
    if now:
        os._exit(CRASHED)


if __name__ == "__main__":
    main(*sys.argv[1:])
