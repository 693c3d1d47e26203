"""Checks of the answer, each with what is well and what is not."""

from __future__ import annotations

import pytest

from longwave.doctor import checks_answer as checks
from longwave.doctor.finding import Verdict
from longwave.doctor.observation import Ending, Watch
from unit.doctor.seen import head_of, seen_of, watch_of


def seen_with(*, inquiry=None, protocol="", **head):
    return seen_of(head=head_of(**head), inquiry=inquiry, protocol=protocol)


@pytest.mark.parametrize(
    ("watch", "verdict", "says"),
    [
        (watch_of(), Verdict.OK, "50 ms"),
        (watch_of(head=head_of(at=3.0)), Verdict.WARNING, "3.0 s"),
        (Watch(ending=Ending.BROKEN, problem="name not known"), Verdict.FAILURE, "name not known"),
        (Watch(ended_at=20.0), Verdict.FAILURE, "not even a status came in 20.0 s"),
    ],
)
def test_connection(watch, verdict, says):
    judgement = checks.judge_connection(seen_of(watch=watch))
    assert judgement.verdict is verdict
    assert says in judgement.seen


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (204, "ends for good"),
        (206, "200 exactly"),
        (302, "redirect leads nowhere"),
        (401, "credentials"),
        (400, "not understood"),
        (404, "no such resource"),
        (418, "refused"),
        (500, "server failed"),
        (502, "does not reach"),
        (503, "overloaded"),
    ],
)
def test_any_status_but_200_fails_and_is_explained(status, says):
    judgement = checks.judge_status(seen_of(watch=watch_of(head=head_of(status, {}))))
    assert judgement.verdict is Verdict.FAILURE
    assert judgement.seen.startswith(f"{status}: ")
    assert says in judgement.seen


def test_status_200_is_well():
    assert checks.judge_status(seen_of()).verdict is Verdict.OK


def test_a_refusal_is_quoted_with_the_time_to_wait():
    watch = watch_of(head=head_of(503, {"retry-after": "7"}), excerpt="too many")
    assert checks.judge_status(seen_of(watch=watch)).seen.endswith("it says 'too many'; Retry-After: '7'")


@pytest.mark.parametrize(
    ("redirects", "url", "verdict", "says"),
    [
        ((), "http://example.com/stream", Verdict.OK, "none"),
        (((302, "/b"),), "http://example.com/b", Verdict.WARNING, "302 to '/b'"),
        (((308, "/b"),), "http://example.com/b", Verdict.WARNING, "permanent"),
        (((301, "https://example.com/b"),), "https://example.com/b", Verdict.WARNING, "to another origin"),
    ],
)
def test_redirects(redirects, url, verdict, says):
    judgement = checks.judge_redirects(seen_with(redirects=redirects, url=url))
    assert judgement.verdict is verdict
    assert says in judgement.seen


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("text/event-stream", Verdict.OK),
        ("Text/Event-Stream ; charset=utf-8", Verdict.OK),
        ("text/plain", Verdict.FAILURE),
        (None, Verdict.FAILURE),
    ],
)
def test_content_type(value, verdict):
    assert checks.judge_content_type(seen_with(content_type=value)).verdict is verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("text/event-stream", Verdict.OK),
        ("text/event-stream;charset=UTF-8", Verdict.OK),
        ('text/event-stream; a=b; charset="utf-8"', Verdict.OK),
        ("text/event-stream; charset=iso-8859-1", Verdict.FAILURE),
        ("text/event-stream; charset=utf8", Verdict.FAILURE),
    ],
)
def test_charset(value, verdict):
    assert checks.judge_charset(seen_with(content_type=value)).verdict is verdict


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, Verdict.OK),
        ({"transfer_encoding": None}, Verdict.WARNING),
        ({"transfer_encoding": None, "version": "HTTP/2"}, Verdict.OK),
        ({"transfer_encoding": None, "content_length": "1000"}, Verdict.FAILURE),
    ],
)
def test_body_framing(headers, verdict):
    assert checks.judge_body_framing(seen_with(**headers)).verdict is verdict


@pytest.mark.parametrize(
    ("url", "protocol", "inquiry", "verdict"),
    [
        ("https://example.com/", "h2", {}, Verdict.OK),
        ("https://example.com/", "http/1.1", {}, Verdict.WARNING),
        ("https://example.com/", "", {}, Verdict.NOT_CHECKED),
        ("http://example.com/", "", {}, Verdict.WARNING),
        ("http://localhost/", "", {"uds": "hub.sock"}, Verdict.NOT_CHECKED),
    ],
)
def test_http_version(url, protocol, inquiry, verdict):
    assert checks.judge_http_version(seen_with(url=url, protocol=protocol, inquiry=inquiry)).verdict is verdict
