"""Longwave: live updates to any number of clients over Server-Sent Events."""

from longwave.core.cursor import EARLIEST
from longwave.core.discovery import discovery_link
from longwave.core.update import Update
from longwave.delivery import DeliveryLimits
from longwave.errors import (
    DuplicateId,
    EventTooLarge,
    HubClosed,
    InvalidConfiguration,
    InvalidValue,
    LineTooLong,
    LogError,
    LogUnavailable,
    LongwaveError,
    RequestFailed,
    StreamError,
)
from longwave.eventstream import Event, Parser, encode
from longwave.hub import Hub
from longwave.logs.retention import Retention
from longwave.subscription import Subscription

__all__ = [
    "EARLIEST",
    "DeliveryLimits",
    "DuplicateId",
    "Event",
    "EventTooLarge",
    "Hub",
    "HubClosed",
    "InvalidConfiguration",
    "InvalidValue",
    "LineTooLong",
    "LogError",
    "LogUnavailable",
    "LongwaveError",
    "Parser",
    "RequestFailed",
    "Retention",
    "StreamError",
    "Subscription",
    "Update",
    "discovery_link",
    "encode",
]
