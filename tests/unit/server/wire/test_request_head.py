"""The head of a request: what is ambiguous, and how its target is read."""

from __future__ import annotations

import pytest

from longwave.server.wire.request_head import RequestHead


def head(*headers, target=b"/", method=b"GET", version="1.1", limit=2000):
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
        (head(HOST, method=b"CONNECT", target=b"h:443"), "to this server itself"),
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
        (b"/a?b=c?d", ("/a", "b=c?d")),
        (b"http://h/a?b", ("/a", "b")),
        (b"HTTP://H/a?b?c", ("/a", "b?c")),
        (b"https://h", ("/", "")),
        (b"http://h?b", ("/", "b")),
        (b"/http://i/a", ("/http://i/a", "")),
        (b"//i/a", ("//i/a", "")),
        (b"*", ("*", "")),
    ],
)
def test_target_is_path_and_query(target, parts):
    one = head(HOST, target=target)

    assert one.problem() is None
    assert one.request(b"", "")[1:3] == parts


@pytest.mark.parametrize("target", [b"/#", b"/metrics#x", b"/a?b#c", b"http://h/#x", b"#"])
def test_target_with_a_fragment_is_refused(target):
    """RFC 9112 section 3.2: whoever cuts it and whoever does not would mean two resources."""
    assert "without a fragment" in head(HOST, target=target).problem()


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"h",
        b"h:80",
        b"ftp://h/",
        b"ws://h/",
        b"http:/h/",
        b"http:///a",
        b"http://",
        b"http://a@h/",
        b"http://a b/",
    ],
)
def test_target_that_is_no_path_and_no_address_of_a_host_is_refused(target):
    """RFC 9112 section 3.2, RFC 9110 section 4.2: no other schemes, no user, no empty host."""
    assert "as request target" in head((b"Host", b"h"), target=target).problem()


def test_target_in_absolute_form_has_the_host_of_the_header_or_is_refused():
    """RFC 9112 section 3.2.2: the target's counts; somebody before this server may have gone by the other."""
    assert "as Host, got another" in head(HOST, target=b"http://i/").problem()
    assert "as Host, got another" in head(HOST, target=b"http://h:80/").problem()
    assert head((b"Host", b"h:80"), target=b"http://H:80/").problem() is None
    assert head(target=b"http://h/", version="1.0").problem() is None


@pytest.mark.parametrize(
    "host",
    [b"a b", b"a,b", b"[::1", b"::1", b"[a]", b"a@b", b"<x>", b"a/b", b"a:b", b"a:1:1", b"%zz", b"\xe9", b"a" * 1025],
)
def test_host_that_is_no_host_is_refused(host):
    """RFC 9112 section 3.2; a comma makes two of one, and one above 1 KiB nobody has."""
    assert "perhaps a port, as Host" in head((b"Host", host)).problem()


@pytest.mark.parametrize(
    "host", [b"", b"h", b"h.", b"h_1-x.test:80", b"h:", b"1.2.3.4", b"[::1]:80", b"%2Frun%2Fhub", b"a!b"]
)
def test_host_that_is_one_is_taken(host):
    assert head((b"Host", host)).problem() is None


@pytest.mark.parametrize("method", [b"CONNECT", b"SOURCE", b"DESCRIBE", b"SET_PARAMETER"])
def test_methods_of_other_protocols_are_refused(method):
    """The parser takes RTSP and ICE for HTTP."""
    assert "a request of HTTP to this server itself" in head(HOST, method=method).problem()


def test_head_without_upgrade_announces_the_same_body_and_nothing_else():
    one = head(HOST, (b"Connection", b"Upgrade, Close"), (b"Upgrade", b"h2c"), (b"Content-Length", b"5"), (b"X", b"y"))

    assert one.without_upgrade() == b"POST / HTTP/1.1\r\ncontent-length: 5\r\nConnection: close\r\n\r\n"
