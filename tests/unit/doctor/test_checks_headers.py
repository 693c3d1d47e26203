"""Checks of the headers for proxies and caches, each with what is well and what is not."""

from __future__ import annotations

import pytest

from longwave.doctor import checks_headers as checks
from longwave.doctor.finding import Verdict
from unit.doctor.seen import head_of, seen_of, watch_of


def seen_with(**headers):
    return seen_of(head=head_of(**headers))


@pytest.mark.parametrize(
    ("coding", "verdict"), [(None, Verdict.OK), ("identity", Verdict.OK), ("gzip", Verdict.WARNING)]
)
def test_compression(coding, verdict):
    assert checks.judge_compression(seen_with(content_encoding=coding)).verdict is verdict


def test_a_compressor_that_keeps_everything_back_fails():
    watch = watch_of(head=head_of(content_encoding="gzip"), received=10)
    judgement = checks.judge_compression(seen_of(watch=watch))
    assert judgement.verdict is Verdict.FAILURE


def test_a_coding_that_cannot_be_undone_is_no_proof_of_delay():
    watch = watch_of(head=head_of(content_encoding="br"), received=10, readable=False)
    assert checks.judge_compression(seen_of(watch=watch)).verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("no-store, no-transform", Verdict.OK),
        ("Private, No-Cache, max-age=0, no-transform", Verdict.OK),
        ("no-cache", Verdict.WARNING),
        ("max-age=60, no-transform", Verdict.WARNING),
        (None, Verdict.WARNING),
    ],
)
def test_cache_control(value, verdict):
    assert checks.judge_cache_control(seen_with(cache_control=value)).verdict is verdict


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, Verdict.OK),
        ({"x_accel_buffering": None}, Verdict.WARNING),
        ({"x_accel_buffering": "yes"}, Verdict.WARNING),
        ({"x_accel_buffering": None, "server": "nginx/1.24"}, Verdict.NOT_CHECKED),
    ],
)
def test_accel_buffering(headers, verdict):
    assert checks.judge_accel_buffering(seen_with(**headers)).verdict is verdict


@pytest.mark.parametrize(
    ("headers", "verdict", "says"),
    [
        ({}, Verdict.OK, "none"),
        ({"server": "uvicorn", "via": "1.1 varnish"}, Verdict.OK, "via: '1.1 varnish', server: 'uvicorn'"),
        ({"age": "0"}, Verdict.OK, "age: '0'"),
        ({"age": "12"}, Verdict.FAILURE, "cache"),
        ({"x_cache": "HIT from edge"}, Verdict.FAILURE, "cache"),
        ({"cf_cache_status": "DYNAMIC"}, Verdict.OK, "DYNAMIC"),
    ],
)
def test_proxies(headers, verdict, says):
    judgement = checks.judge_proxies(seen_with(**headers))
    assert judgement.verdict is verdict
    assert says in judgement.seen
