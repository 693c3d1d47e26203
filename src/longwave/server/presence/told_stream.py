"""A stream that others are told of before it begins.

Not here: telling (presence_node.py), the stream itself (transports/sse.py), its end (subscriptions.py).
Rule that always holds: whoever was told of is attached to a stream, or leaves again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from longwave.transports import sse
from longwave.transports.exchange import Response

if TYPE_CHECKING:
    from longwave.core.announcements import Attendance
    from longwave.core.subscriber import Subscriber
    from longwave.hub import Hub
    from longwave.server.presence.presence_node import PresenceNode
    from longwave.server.subscriptions import Subscriptions
    from longwave.transports.exchange import Exchange


async def serve_told(
    exchange: Exchange,
    hub: Hub,
    terms: sse.Terms,
    asked: sse.Asked,
    presence: PresenceNode,
    subscriptions: Subscriptions,
    attendance: Attendance,
) -> Response | None:
    """Tell that the client subscribes, as `attendance` has it, then serve it as `sse.serve` does. Raises as that."""
    await presence.join(attendance)
    watched = False

    def attached(subscriber: Subscriber) -> None:
        nonlocal watched
        watched = True
        subscriptions.add(subscriber, terms.grants, attendance)

    try:
        answer = sse.serve(exchange, hub, replace(terms, attached=attached), asked)
        if answer is None or isinstance(answer, Response):
            return answer
        await answer
        return None
    finally:
        if not watched:
            presence.leave(attendance)
