"""The table: every check gives a finding, whatever was seen."""

from __future__ import annotations

import ast
import inspect

import pytest

from longwave.doctor import checks_answer, checks_framing, checks_headers, checks_origin, checks_resume, checks_timing
from longwave.doctor.checks import CHECKS, examine
from longwave.doctor.finding import Verdict
from longwave.doctor.observation import Ending, Observation, Watch
from unit.doctor.seen import head_of, resumed, seen_of, watch_of

HEALTHY = seen_of(
    head=head_of(url="https://example.com/stream"),
    protocol="h2",
    resumption=resumed((0.1, b"id: 2\ndata: b\n\n")),
)
MODULES = (checks_answer, checks_framing, checks_headers, checks_origin, checks_resume, checks_timing)


def verdicts(observation):
    return {finding.name: finding.verdict for finding in examine(observation)}


def test_a_healthy_stream_has_neither_failure_nor_warning():
    assert set(verdicts(HEALTHY).values()) == {Verdict.OK, Verdict.NOT_CHECKED}


def test_each_judging_function_stands_in_the_table_once():
    defined = {
        getattr(module, node.name)
        for module in MODULES
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("judge_")
    }
    assert {check.judge for check in CHECKS} == defined
    assert len({check.name for check in CHECKS}) == len(CHECKS) == len(defined)


@pytest.mark.parametrize(
    ("watch", "checked", "reason"),
    [
        (Watch(ending=Ending.BROKEN, problem="refused"), {"connection"}, "there was no answer"),
        (
            watch_of(head=head_of(503)),
            {"connection", "status", "redirects"},
            "the answer was not 200",
        ),
        (
            watch_of(head=head_of(content_type="text/html")),
            {"connection", "status", "redirects", "content type"},
            "the answer was no event stream",
        ),
    ],
)
def test_what_needs_more_than_was_seen_is_not_checked(watch, checked, reason):
    findings = examine(Observation(HEALTHY.inquiry, watch))
    assert len(findings) == len(CHECKS)
    assert {finding.name for finding in findings if finding.seen != reason} == checked
    assert all(finding.verdict is Verdict.NOT_CHECKED for finding in findings if finding.seen == reason)


def test_a_silent_stream_has_no_bytes_to_check():
    missing = [each.name for each in examine(seen_of(watch=watch_of())) if each.seen.startswith("nothing readable")]
    assert missing[0] == "byte order mark"
    assert missing[-1] == "fields"


WRONG = [
    Observation(HEALTHY.inquiry, Watch(ended_at=20.0)),
    seen_of(watch=watch_of(head=head_of(404), excerpt="\x1b[2J")),
    seen_of(b"\xef\xbb\xbfdata: \xff\r\n\r\nid: \x00\nx: \x1b\n\n", head=head_of(content_length="9")),
    seen_of(head=head_of(cache_control="\x1b", x_accel_buffering="\x1b", via="\x1b", content_encoding="\x1b")),
]


@pytest.mark.parametrize("observation", WRONG)
def test_what_is_bad_comes_with_a_reason_and_advice_in_printable_sentences(observation):
    bad = [each for each in examine(observation) if each.verdict in (Verdict.WARNING, Verdict.FAILURE)]
    assert bad
    for finding in bad:
        assert finding.seen
        assert finding.advice.endswith(".")
        assert finding.why.endswith(".")
        assert (finding.seen + finding.advice).isprintable()
