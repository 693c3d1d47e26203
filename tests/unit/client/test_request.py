"""How a request's URL and headers are put together, and what messages show of them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.request import add_parameters, merge_headers, show, split_credentials
from longwave.errors import InvalidValue

SECRET = "s3cret"


# The URL.


@pytest.mark.parametrize(
    ("url", "parameters", "made"),
    [
        ("http://a.test", [], "http://a.test"),
        ("http://a.test/x?y=1", [], "http://a.test/x?y=1"),
        ("http://a.test/x", [("topic", "a b"), ("topic", "é&=")], "http://a.test/x?topic=a+b&topic=%C3%A9%26%3D"),
        ("http://a.test/x?y=1&", [("z", "2")], "http://a.test/x?y=1&&z=2"),
        ("http://a.test/x?y=%2F+#part", [("z", "")], "http://a.test/x?y=%2F+&z="),
        ("https://[::1]:8080/", [("z", "{id}")], "https://[::1]:8080/?z=%7Bid%7D"),
    ],
)
def test_parameters_follow_those_that_the_url_has(url, parameters, made):
    assert add_parameters(url, parameters) == made


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))))
def test_any_parameter_arrives_as_it_was(parameters):
    made = add_parameters("http://a.test/?own=1", parameters)

    assert made.isascii()
    assert parse_qsl(urlsplit(made).query, keep_blank_values=True) == [("own", "1"), *parameters]


NO_URLS = ["", "a.test", "/events", "ftp://a.test/", "unix:x", "file:///etc/x", "javascript:x", None, b"http://a/"]
NO_HOSTS = ["http://", "http:///x", "http://:80/", "http://[::1/"]
NO_PORTS = ["http://a.test:port/", "http://a.test:99999/", "http://a.test:0/"]


@pytest.mark.parametrize("url", NO_URLS + NO_HOSTS + NO_PORTS)
def test_what_is_no_http_url_is_refused(url):
    with pytest.raises(InvalidValue, match=r"^url: expected ") as caught:
        add_parameters(url, [])
    assert "got " in str(caught.value)


@pytest.mark.parametrize(
    "address", ["ftp://u:{}@a.test/", "http://u:{}@a.test:x/", "http://u:{}@[a/", "http:?token={}"]
)
def test_refusal_quotes_no_secret(address):
    with pytest.raises(InvalidValue) as caught:
        add_parameters(address.format(SECRET), [])
    assert SECRET not in str(caught.value)


# What messages show.


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.test:8/x?topic=a%20b&lastEventID=7", "https://a.test:8/x?topic=a%20b&lastEventID=7"),
        ("https://user:s3cret@a.test/x", "https://a.test/x"),
        ("https://s3cret@a.test/x", "https://a.test/x"),
        ("https://a:b@s3cret@a.test/x", "https://a.test/x"),
        ("https://a.test/x?authorization=s3cret&topic=a", "https://a.test/x?authorization=***&topic=a"),
        ("https://a.test/x?jwt=s3cret=&s3cret&=s3cret", "https://a.test/x?jwt=***&***&=***"),
        ("https://a.test/x?TOPIC=s3cret", "https://a.test/x?TOPIC=***"),
        ("https://a.test/x?topic=a;token=b", "https://a.test/x?topic=a;token=b"),
        ("https://a.test/x#access_token=s3cret", "https://a.test/x"),
        ("http://[a", "one that cannot be read"),
        ("", ""),
    ],
)
def test_of_a_url_only_topics_and_ids_are_shown_beside_the_place(url, shown):
    assert show(url) == shown
    assert SECRET not in shown


@given(st.text())
def test_anything_can_be_shown(text):
    assert isinstance(show(text), str)


# Credentials.


@pytest.mark.parametrize(
    ("url", "rest", "value"),
    [
        ("http://user:pass@a.test/x?y=1", "http://a.test/x?y=1", b"Basic dXNlcjpwYXNz"),
        ("http://user@a.test", "http://a.test", b"Basic dXNlcjo="),
        ("http://us%3Aer:p%40%C3%A9@a.test:8/", "http://a.test:8/", b"Basic dXM6ZXI6cEDDqQ=="),
        ("http://u:a:b@[::1]:8/", "http://[::1]:8/", b"Basic dTphOmI="),
    ],
)
def test_user_and_password_become_a_header(url, rest, value):
    assert split_credentials(url) == (rest, ((b"Authorization", value),))


def test_url_without_a_user_has_no_such_header():
    assert split_credentials("http://a.test/x@y") == ("http://a.test/x@y", ())


# Headers.

OWN = ((b"Accept", b"text/event-stream"), (b"Last-Event-ID", b"7"), (b"Cache-Control", b"no-cache"))


def test_own_headers_are_sent():
    assert set(merge_headers(OWN, {}, None)) == set(OWN)


def test_given_header_replaces_the_own_one_whatever_its_case():
    merged = merge_headers(OWN, {"ACCEPT": "text/plain", "X-Own": "é"}, None)

    assert [value for name, value in merged if name.lower() == b"accept"] == [b"text/plain"]
    assert (b"X-Own", "é".encode()) in merged


@pytest.mark.parametrize("name", ["Last-Event-ID", "last-event-id"])
@pytest.mark.parametrize("own", [OWN, OWN[:1]])
def test_last_event_id_is_never_the_users(own, name):
    merged = merge_headers(own, {name: "9"}, None)

    assert [field for field in merged if field[0].lower() == b"last-event-id"] == list(own[1:2])


def test_token_replaces_any_authorization():
    own = (*OWN, (b"Authorization", b"Basic x"))

    merged = merge_headers(own, {"authorization": "Digest y"}, "abc")

    assert [value for name, value in merged if name.lower() == b"authorization"] == [b"Bearer abc"]


def test_header_of_the_user_replaces_the_urls_credentials():
    merged = merge_headers((*OWN, (b"Authorization", b"Basic x")), {"authorization": "Digest y"}, None)

    assert [value for name, value in merged if name.lower() == b"authorization"] == [b"Digest y"]


@pytest.mark.parametrize(
    "value",
    [
        f"{SECRET}\n",
        f"{SECRET}\r\nX: y",
        f"{SECRET}\0",
        f" {SECRET}",
        f"{SECRET}\t",
        f"{SECRET}\ud800",
        SECRET.encode(),
        None,
    ],
)
def test_value_that_no_header_carries_is_refused_without_quoting_it(value):
    with pytest.raises(InvalidValue, match=r"^X-Key: expected ") as caught:
        merge_headers(OWN, {"X-Key": value}, None)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("token", [f"{SECRET}\n", f"{SECRET} x", f"{SECRET}é", "", f" {SECRET}", SECRET.encode(), 7])
def test_token_that_no_header_carries_is_refused_without_quoting_it(token):
    with pytest.raises(InvalidValue, match=r"^token: expected ") as caught:
        merge_headers(OWN, {}, token)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", b"a", None])
def test_what_is_no_name_of_a_header_is_refused(name):
    with pytest.raises(InvalidValue, match=r"^headers: expected the name of a header, got "):
        merge_headers(OWN, {name: "x"}, None)


@pytest.mark.parametrize("headers", [None, [("a", "b")], "a: b"])
def test_headers_are_a_mapping(headers):
    with pytest.raises(InvalidValue, match=r"^headers: expected a mapping, got \w+$"):
        merge_headers(OWN, headers, None)
