"""The operator is told of refused tokens, and however many come, the log does not grow with them."""

from __future__ import annotations

import asyncio
import logging

import pytest

from longwave.auth.refusal import Reason
from longwave.errors import TokenRefused
from longwave.server.messages import token_messages
from longwave.server.messages.token_messages import LINES, SPAN, TokenMessages
from longwave.transports.exchange import Request

REQUEST = Request("POST", "/events", client="127.0.0.1")
ERROR = TokenRefused(Reason.SIGNATURE, "expected another signature")


@pytest.fixture
def lines(caplog):
    """The texts that were logged, from a level on."""
    caplog.set_level(logging.DEBUG, "longwave.server")
    return lambda level: [record.getMessage() for record in caplog.records if record.levelno >= level]


async def test_a_line_says_why_under_the_id_that_the_answer_has(lines):
    request_id = TokenMessages().tell(REQUEST, ERROR)

    (line,) = lines(logging.WARNING)
    assert line.startswith("refused a token of 127.0.0.1: POST /events: ")
    assert line.endswith(f"(request {request_id})")


async def test_however_many_tokens_are_refused_there_are_only_so_many_lines(lines):
    now = 0.0
    messages = TokenMessages(lambda: now)
    for _ in range(LINES * 5):
        messages.tell(REQUEST, ERROR)
    assert len(lines(logging.WARNING)) == LINES
    assert len(lines(logging.DEBUG)) == LINES * 5

    now = SPAN
    messages.tell(REQUEST, ERROR)
    assert lines(logging.WARNING)[LINES].startswith(f"refused {LINES * 4} more tokens in 10 s")
    assert len(lines(logging.WARNING)) == LINES + 2


async def test_the_sum_is_told_also_if_no_more_tokens_come(lines, monkeypatch):
    monkeypatch.setattr(token_messages, "SPAN", 0.01)
    messages = TokenMessages()
    for _ in range(LINES + 3):
        messages.tell(REQUEST, ERROR)

    async with asyncio.timeout(5):
        while len(lines(logging.WARNING)) == LINES:  # noqa: ASYNC110 - a logger has no event that a test could wait for
            await asyncio.sleep(0.001)
    assert lines(logging.WARNING)[-1] == "refused 3 more tokens in 0.01 s"
