"""Bytes <-> events of the WHATWG event stream format, without I/O."""

from longwave.eventstream.encoder import HEARTBEAT, encode, encode_comment, encode_id, encode_retry
from longwave.eventstream.event import Event
from longwave.eventstream.parser import Parser

__all__ = ["HEARTBEAT", "Event", "Parser", "encode", "encode_comment", "encode_id", "encode_retry"]
