"""How an event is printed."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.cli.listen import choose_writer, escape, format_fields, format_json
from longwave.eventstream import Event

NOON = datetime(2024, 2, 29, 12, 0, 5)


def test_json_has_the_retry_only_where_it_is_set():
    assert json.loads(format_json(Event("x", "kind", "1"))) == {"id": "1", "type": "kind", "data": "x"}
    assert json.loads(format_json(Event("x", retry=5))) == {"id": "", "type": "message", "data": "x", "retry": 5}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_one_line_that_reads_back_and_controls_no_terminal(data):
    line = format_json(Event(data))

    assert json.loads(line)["data"] == data
    assert line.splitlines() == [line]
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in line)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_text_is_printable(text):
    assert escape(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é ☃", "plain é ☃"), ("a\nb\tc", "a\\nb\\tc"), ("\x1b[31m", "\\x1b[31m"), ("\u2028", "\\u2028")],
)
def test_only_what_does_not_print_is_escaped(text, shown):
    assert escape(text) == shown


def test_fields_are_time_type_id_and_data():
    assert format_fields(Event("a\nb", "kind", "7"), NOON) == ("12:00:05", "kind", "7", "a\\nb")


def test_event_without_an_id_shows_a_dash():
    assert format_fields(Event("x"), NOON)[2] == "-"


@pytest.mark.parametrize("pretty", [True, False])
def test_event_is_one_line_of_output(capsys, pretty):
    choose_writer(as_json=False, pretty=pretty)(Event("long " * 100 + "\n[bold]end", "kind", "7"))

    (line,) = capsys.readouterr().out.splitlines()
    assert line.split("  ", 1)[1] == "kind  7  " + "long " * 100 + "\\n[bold]end"


def test_json_wins_over_pretty(capsys):
    choose_writer(as_json=True, pretty=True)(Event("x"))

    assert json.loads(capsys.readouterr().out)["data"] == "x"
