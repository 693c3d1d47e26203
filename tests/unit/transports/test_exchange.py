"""Requests and responses, whatever carries them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longwave.errors import InvalidValue
from longwave.transports.exchange import MAX_PARAMETERS, Request, parse_parameters, refusal


def test_first_value_of_a_header_counts():
    request = Request("GET", "/", headers=((b"a", b"1"), (b"a", b"2")))

    assert (request.header(b"a"), request.header(b"b")) == (b"1", None)


def test_parameters_keep_order_repetitions_and_blanks():
    assert Request("GET", "/", "b=1&a=&b=%C3%A9+x").parameters() == [("b", "1"), ("a", ""), ("b", "é x")]


@given(st.text("ab&=+%4C3A9é;\r", max_size=20))
@example("a&=b&&c=d=e&%26=%3D+%2B")
def test_parameters_are_read_as_by_the_standard_library(text):
    try:
        expected = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(InvalidValue):
            parse_parameters("field", text)
    else:
        assert parse_parameters("field", text) == expected


@pytest.mark.parametrize("text", ["a=%ff", "%ff=a", "a=%c3"])
def test_parameters_are_utf_8(text):
    with pytest.raises(InvalidValue, match="field: expected percent-encoded UTF-8, got b'"):
        parse_parameters("field", text)


def test_number_of_parameters_is_bounded():
    assert len(parse_parameters("field", "&".join(["a=1"] * MAX_PARAMETERS))) == MAX_PARAMETERS
    with pytest.raises(InvalidValue, match=f"at most {MAX_PARAMETERS} parameters"):
        parse_parameters("field", "&".join(["a=1"] * (MAX_PARAMETERS + 1)))


def test_refusal_is_a_line_of_text():
    response = refusal(HTTPStatus.BAD_REQUEST, "expected é", close=True)

    assert (response.status, response.body, response.close) == (400, "expected é\n".encode(), True)
