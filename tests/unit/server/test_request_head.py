"""The head of a request: what is ambiguous, and how its target is read."""

from __future__ import annotations

import pytest

from longwave.server.request_head import RequestHead, split_target


def head(*headers, target=b"/", method=b"GET", version="1.1", limit=1000):
    one = RequestHead(limit)
    one.add_target(target)
    for name, value in headers:
        one.add(name, value)
    one.finish(method, version)
    return one


HOST = (b"Host", b"h")


def test_names_become_lower_case_and_values_stay():
    assert head(HOST, (b"X-A", b"B")).headers == ((b"host", b"h"), (b"x-a", b"B"))


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (head(), "exactly one Host header, got 0"),
        (head(HOST, HOST), "exactly one Host header, got 2"),
        (head(HOST, HOST, version="1.0"), "exactly one Host header, got 2"),
        (head(HOST, version="2.0"), "got HTTP/2.0"),
        (head(HOST, version="0.9"), "got HTTP/0.9"),
        (head(HOST, method=b"CONNECT", target=b"h:443"), "tunnel"),
        (head(HOST, target=b"/\xc3\xa9"), "percent-encode"),
        (head(HOST, target=b"http://[::1/"), "request target"),
        (head(HOST, (b"Content-Length", b"5"), (b"Content-Length", b"5")), "at most one Content-Length"),
        (head(HOST, (b"Content-Length", b"+5")), "a plain number"),
        (head(HOST, (b"Content-Length", b"5, 5")), "a plain number"),
        (head(HOST, (b"Content-Length", b"")), "a plain number"),
        (head(HOST, (b"Content-Length", b"9" * 19)), "a plain number"),
        (head(HOST, (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")), "got both"),
        (head(HOST, (b"Transfer-Encoding", b"chunked"), version="1.0"), "HTTP/1.0 client"),
        (head(HOST, (b"Transfer-Encoding", b"gzip, chunked")), "no other coding"),
        (head(HOST, (b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")), "no other coding"),
    ],
)
def test_head_that_can_be_read_in_two_ways_has_a_problem(one, says):
    assert says in one.problem()


@pytest.mark.parametrize(
    "one",
    [
        head(HOST),
        head(version="1.0"),
        head((b"Host", b"")),
        head(HOST, (b"Content-Length", b"0005")),
        head(HOST, (b"Transfer-Encoding", b"Chunked")),
        head(HOST, target=b"*", method=b"OPTIONS"),
    ],
)
def test_clear_head_has_no_problem(one):
    assert one.problem() is None


def test_head_above_its_limit_keeps_no_more():
    one = head(HOST, (b"X", b"y" * 2000), (b"Z", b"z"), limit=1000)

    assert not one.fits
    assert one.headers == ((b"host", b"h"),)


def test_space_after_a_value_is_no_part_of_it():
    """RFC 9112 section 5."""
    one = head(HOST, (b"Last-Event-ID", b"a \t"), (b"Content-Length", b"7 "), (b"X", b" \t"))

    assert one.problem() is None
    assert one.length == 7
    assert one.headers == ((b"host", b"h"), (b"last-event-id", b"a"), (b"content-length", b"7"), (b"x", b""))


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/a?b=c?d", ("/a", "b=c?d")),
        ("/a#f", ("/a", "")),
        ("/a?b#f?g", ("/a", "b")),
        ("http://h/a?b", ("/a", "b")),
        ("http://h", ("/", "")),
        ("http://h?b", ("/", "b")),
        ("/http://h/a", ("/http://h/a", "")),
        ("//h/a", ("//h/a", "")),
        ("*", ("*", "")),
        ("", ("", "")),
    ],
)
def test_target_is_path_and_query(target, parts):
    assert split_target(target) == parts


def test_head_without_upgrade_announces_the_same_body_and_nothing_else():
    one = head(HOST, (b"Connection", b"Upgrade, Close"), (b"Upgrade", b"h2c"), (b"Content-Length", b"5"), (b"X", b"y"))

    assert one.without_upgrade() == b"POST / HTTP/1.1\r\ncontent-length: 5\r\nConnection: close\r\n\r\n"
