"""A message is one line, for people or for machines, whatever clients put into it."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from longwave.server.messages.log_format import MAX_SHOWN, LogFormat, configure_logging, shown


def formatted(form, message, *arguments, worker=None, error=None, **fields):
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    logger = logging.getLogger("longwave.server")
    record = logger.makeRecord(
        "longwave.server", logging.WARNING, __file__, 1, message, arguments, exc_info, extra=fields
    )
    return form.formatter(worker).format(record), record


def as_json(*arguments, **named):
    line, record = formatted(LogFormat.JSON, *arguments, **named)
    assert "\n" not in line
    return json.loads(line), record


# For machines.


def test_json_has_the_time_the_level_the_logger_and_the_message():
    found, record = as_json("worker %d listens", 3)

    time = datetime.fromisoformat(found.pop("time"))
    assert time.tzinfo == UTC
    assert time.timestamp() == pytest.approx(record.created, abs=0.001)
    assert found == {"level": "warning", "logger": "longwave.server", "message": "worker 3 listens"}


def test_json_has_the_fields_of_the_message():
    found, _ = as_json("refused", request_id="5f", client="192.0.2.1", reason="expired")

    assert (found["request_id"], found["client"], found["reason"]) == ("5f", "192.0.2.1", "expired")


def test_json_has_the_number_of_the_worker():
    assert as_json("x", worker=0)[0]["worker"] == 0
    assert "worker" not in as_json("x")[0]


def test_a_field_cannot_pass_for_what_every_message_has():
    found, _ = as_json("true", worker=1, time="never", level="fake", logger="other")

    assert (found["message"], found["level"], found["logger"], found["worker"]) == (
        "true",
        "warning",
        "longwave.server",
        1,
    )


def test_json_is_one_line_of_ascii_whatever_is_in_it():
    text = 'a"\n\r\u2028\x00\ud800é'
    line, _ = formatted(LogFormat.JSON, "%s", text, client=text)

    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == json.loads(line)["client"] == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), {(1, 2): 3}, [float("nan")]])
def test_a_field_of_any_kind_makes_no_invalid_json(value):
    line, _ = formatted(LogFormat.JSON, "x", field=value)

    def refuse(name):
        raise AssertionError(name)

    assert json.loads(line, parse_constant=refuse)["message"] == "x"


def test_a_field_that_contains_itself_is_shown_all_the_same():
    circle = []
    circle.append(circle)

    assert as_json("x", field=circle)[0]["field"] == "[[...]]"


def raised():
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        return error


def test_json_tells_an_exception_in_the_same_line():
    found, _ = as_json("failed", error=raised())

    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("ValueError: two\nlines")


# For people.


def test_a_line_for_people_has_the_time_the_level_and_the_sentence():
    line, record = formatted(LogFormat.HUMAN, "cannot follow the log: %s", "no disk", client="192.0.2.1")

    assert line == f"{logging.Formatter().formatTime(record)} WARNING cannot follow the log: no disk"


def test_a_line_for_people_has_the_number_of_the_worker():
    assert " WARNING worker 2: x" in formatted(LogFormat.HUMAN, "x", worker=2)[0]


def test_what_a_client_sent_makes_no_second_line():
    line, _ = formatted(LogFormat.HUMAN, "refused %s", "a\r\nb\x1b[31m\u2028\x85")

    assert line.endswith(r"refused a\r\nb\x1b[31m\u2028\x85")


def test_people_see_exceptions_as_they_know_them():
    line, _ = formatted(LogFormat.HUMAN, "failed", error=raised())

    assert line.splitlines()[0].endswith("failed")
    assert line.endswith("ValueError: two\nlines")


# All of the process.


@pytest.fixture
def root():
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_all_messages_from_the_level_up_go_to_the_stream(root):
    stream = io.StringIO()
    configure_logging("warning", LogFormat.JSON, worker=1, stream=stream)
    logging.getLogger("longwave.hub").info("not this")
    logging.getLogger("asyncio").error("this", extra={"client": "192.0.2.1"})

    found = json.loads(stream.getvalue())
    assert (found["logger"], found["worker"], found["client"]) == ("asyncio", 1, "192.0.2.1")


def test_configuring_again_takes_the_place_of_what_was(root):
    first, second = io.StringIO(), io.StringIO()
    configure_logging("info", LogFormat.HUMAN, stream=first)
    configure_logging("info", LogFormat.HUMAN, stream=second)
    logging.getLogger("longwave").info("once")

    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)


# What clients sent.


@pytest.mark.parametrize(
    ("came", "field"),
    [
        ("München, 7", "München, 7"),
        ("a\nb\x1b[31m\x00", "a\\nb\\x1b[31m\\x00"),
        ("\u202egnp.exe\u2028", "\\u202egnp.exe\\u2028"),
        ("\ud800", "\\ud800"),
        ("x" * 10_000, "x" * MAX_SHOWN),
    ],
)
def test_what_a_client_sent_is_shown_in_part_and_can_only_be_read(came, field):
    assert shown(came) == field
    assert shown(came).isprintable()
