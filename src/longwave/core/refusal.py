"""Why a hub refused something: every word that metrics and messages have for it.

Not here: counting (counters.py), the answers (server/), what is wrong with a token in detail (auth/refusal.py).

Rules that always hold: a word is a fixed one and never what a client sent; each has a row in
`docs/reference/metrics.md`, so that an alert can be written before it ever happened.
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """The reason; the value is the label of metrics and the field `reason` of messages."""

    # What is no request, or too much of one.
    UNREADABLE = "unreadable"  # no HTTP/1.1, or what could be read in two ways, or endless chunk extensions or trailers
    HEAD_SIZE = "head_size"
    HEAD_TIMEOUT = "head_timeout"
    BODY_SIZE = "body_size"
    BODY_TIMEOUT = "body_timeout"
    BODIES_FULL = "bodies_full"  # all bodies together
    BODIES_ADDRESS = "bodies_address"  # those of one address together
    PIPELINED = "pipelined"  # too many requests at once on one connection
    ANSWERS_FULL = "answers_full"  # answers that nobody reads

    # Connections.
    CONNECTIONS = "connections"  # above the limit, and told so
    CONNECTIONS_REFUSED = "connections_refused"  # so far above it that they were closed at once
    CONNECTIONS_ADDRESS = "connections_address"  # of one address

    # Tokens.
    MISSING = "missing"
    MALFORMED = "malformed"
    ORIGIN = "origin"  # a page that may not publish
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    TOO_EARLY = "too_early"
    CLAIM = "claim"
    UNCOVERED = "uncovered"
    REVOKED = "revoked"

    # What one client may do.
    CONNECT_RATE_ADDRESS = "connect_rate_address"
    CONNECT_RATE_SUBJECT = "connect_rate_subject"
    PUBLISH_RATE_ADDRESS = "publish_rate_address"
    PUBLISH_RATE_SUBJECT = "publish_rate_subject"
    STREAMS_ADDRESS = "streams_address"
    STREAMS_SUBJECT = "streams_subject"
    BAD_TOKENS_ADDRESS = "bad_tokens_address"
    SELECTORS_ADDRESS = "selectors_address"
    TOLD_RATE_ADDRESS = "told_rate_address"
    TOLD_RATE_SUBJECT = "told_rate_subject"

    # What one request asks for.
    HOST = "host"  # a name that this hub is not known by
    RESERVED_TOPIC = "reserved_topic"
    RESERVED_TYPE = "reserved_type"
    TOPICS = "topics"  # too many in one subscription
    SELECTOR_SIZE = "selector_size"
    SELECTOR_COST = "selector_cost"

    OTHER = "other"  # a word that is not here
