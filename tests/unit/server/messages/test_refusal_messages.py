"""Each refusal can be found by its id; and however many there are, the lines that everybody sees are few."""

from __future__ import annotations

import logging

import pytest

from longwave.server.messages.refusal_messages import KEYS, LONGEST, OF_ALL, OF_ONE_CLIENT, RefusalMessages
from longwave.transports.exchange import Request

REASON = "publish_rate_address"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def messages(clock, caplog):
    caplog.set_level(logging.DEBUG, "longwave.server")
    return RefusalMessages(clock)


def tell(messages, client="192.0.2.7", reason=REASON, subject="", sentence="expected less, got more"):
    ((name, value),) = messages.tell(Request("POST", "/events", client=client), reason, sentence, subject)
    assert name == b"X-Request-Id"
    return value.decode()


def levels(caplog):
    return [record.levelno for record in caplog.records]


def test_the_line_and_the_answer_have_the_same_id(messages, caplog):
    request_id = tell(messages, subject="shop-12")
    (record,) = caplog.records

    assert record.getMessage() == (
        "refused 192.0.2.7 (subject 'shop-12'): POST /events: "
        f"publish_rate_address: expected less, got more (request {request_id})"
    )
    assert (record.request_id, record.client, record.subject) == (request_id, "192.0.2.7", "shop-12")
    assert (record.method, record.path, record.reason) == ("POST", "/events", REASON)


def test_a_client_that_is_refused_again_and_again_gets_few_lines_and_others_theirs(messages, clock, caplog):
    for _ in range(1000):
        tell(messages)
    assert levels(caplog).count(logging.INFO) == OF_ONE_CLIENT.burst

    caplog.clear()
    tell(messages, client="192.0.2.8")
    tell(messages, reason="host")
    tell(messages, subject="ada")
    clock.now += 60
    tell(messages)
    assert levels(caplog) == [logging.INFO] * 4


def test_many_clients_together_get_a_bounded_number_of_lines(messages, clock, caplog):
    for number in range(2 * OF_ALL.burst):
        tell(messages, client=f"192.0.2.{number}")
    assert levels(caplog).count(logging.INFO) == OF_ALL.burst

    caplog.clear()
    clock.now += 1
    for number in range(100):
        tell(messages, client=f"198.51.100.{number}")
    assert levels(caplog).count(logging.INFO) == OF_ALL.per_second


def test_no_client_takes_the_room_of_others_by_being_refused_often(messages, caplog):
    for _ in range(10 * OF_ALL.burst):
        tell(messages)
    caplog.clear()
    tell(messages, client="192.0.2.8")

    assert levels(caplog) == [logging.INFO]


def test_the_addresses_of_one_customer_are_one_client(messages, caplog):
    for number in range(100):
        tell(messages, client=f"2001:db8::{number:x}")

    assert levels(caplog).count(logging.INFO) == OF_ONE_CLIENT.burst


def test_what_the_answer_says_itself_is_for_those_who_debug(messages, caplog):
    tell(messages, reason="")

    assert levels(caplog) == [logging.DEBUG]


def test_what_nobody_reads_is_not_written_and_has_an_id_all_the_same(messages, caplog):
    caplog.set_level(logging.WARNING, "longwave.server")

    assert len(tell(messages)) == 16
    assert not caplog.records


def test_a_line_is_as_long_as_it_may_be_at_most(messages, caplog):
    tell(messages, sentence="x" * 10**6)

    assert len(caplog.records[0].getMessage()) < LONGEST + 200


def test_clients_that_are_known_are_bounded(messages):
    for number in range(KEYS + 100):
        tell(messages, reason=REASON, subject=f"subject {number}")

    assert len(messages._of_one_client) <= KEYS
