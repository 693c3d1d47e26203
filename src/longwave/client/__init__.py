"""Clients: event sources for any server of event streams, and publishers for a hub, for tasks and for threads."""

from longwave.client.cursor import Cursor, FileCursor, SqliteCursor
from longwave.client.event_source import EventSource
from longwave.client.observer import LoggingObserver, Observer
from longwave.client.parsing import parse
from longwave.client.policy import Action, Policy, resilient, standard
from longwave.client.publisher import Publisher
from longwave.client.received_event import ReceivedEvent
from longwave.client.reconnection import Patience
from longwave.client.request import Request
from longwave.client.response import Response
from longwave.client.session import State
from longwave.client.sync.event_source import SyncEventSource
from longwave.client.sync.publisher import SyncPublisher
from longwave.client.sync.transport import SyncResponseStream, SyncTransport
from longwave.client.transport import ResponseStream, Transport
from longwave.core.gap import Gap, raise_gap

__all__ = [
    "Action",
    "Cursor",
    "EventSource",
    "FileCursor",
    "Gap",
    "LoggingObserver",
    "Observer",
    "Patience",
    "Policy",
    "Publisher",
    "ReceivedEvent",
    "Request",
    "Response",
    "ResponseStream",
    "SqliteCursor",
    "State",
    "SyncEventSource",
    "SyncPublisher",
    "SyncResponseStream",
    "SyncTransport",
    "Transport",
    "parse",
    "raise_gap",
    "resilient",
    "standard",
]
